//! What the configuration names: folders, engines, addresses.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use bytesize::ByteSize;
use rustix::fs::{statfs, statvfs};
use titan_gateway::Options;
use titan_gateway::gateway::HANDOVER_SOCKET;
use titan_sdk::digest::sha256_hex;
use titan_sdk::engine::{ENGINES, Engine};
use titan_sdk::host::{Runtime, RuntimeOptions};

use super::Finding;

/// Below this a deploy of a large model may fail.
const LITTLE_SPACE: u64 = 2 << 30;
/// Below this any deploy may fail.
const NO_SPACE: u64 = 64 << 20;
/// What statfs calls a file system in memory.
const TMPFS: i64 = 0x0102_1994;

pub fn look(options: &Options) -> Vec<Finding> {
    let running = UnixStream::connect(options.data.join(HANDOVER_SOCKET)).is_ok();
    let mut findings = vec![gateway(&options.data, running)];
    findings.extend(data(&options.data));
    findings.push(space(&options.data));
    findings.push(writable("engine cache", &options.cache));
    findings.extend(engines(options));
    findings.push(address("services address", options.listen, running));
    findings.push(address("admin address", options.admin, running));
    findings
}

fn gateway(data: &Path, running: bool) -> Finding {
    let state = if running { "runs" } else { "does not run" };
    Finding::ok("gateway", format!("the one of {} {state}", data.display()))
}

fn data(folder: &Path) -> Vec<Finding> {
    let mut findings = vec![writable("data folder", folder)];
    let open = fs::metadata(folder).is_ok_and(|folder| folder.permissions().mode() & 0o022 != 0);
    if open {
        let found = format!("{} can be written by other users", folder.display());
        findings.push(Finding::error("data folder", found, format!("chmod go-w {}", folder.display())));
    }
    if statfs(existing(folder)).is_ok_and(|system| system.f_type == TMPFS) {
        let found = format!("{} is in memory: it is lost when the host stops", folder.display());
        findings.push(Finding::warning("data folder", found, "name a folder on a disk (storage.data)"));
    }
    findings
}

fn writable(check: &'static str, folder: &Path) -> Finding {
    match tempfile::tempfile_in(existing(folder)) {
        Ok(_) if folder.exists() => Finding::ok(check, format!("{} is writable", folder.display())),
        Ok(_) => Finding::ok(check, format!("{} does not exist yet and can be made", folder.display())),
        Err(cause) => {
            let found = format!("{} cannot be written ({cause})", folder.display());
            Finding::error(
                check,
                found,
                "make it writable for this user, or name another (storage.data, storage.cache)",
            )
        }
    }
}

fn space(folder: &Path) -> Finding {
    let free = match statvfs(existing(folder)) {
        Ok(system) => system.f_bavail.saturating_mul(system.f_frsize),
        Err(cause) => return Finding::warning("disk space", cause.to_string(), "check that the folder can be reached"),
    };
    let found = format!("{} free", ByteSize(free).display().iec());
    let mend = "make room: 'titan prune --keep 5' deletes old versions";
    if free < NO_SPACE {
        Finding::error("disk space", found, mend)
    } else if free < LITTLE_SPACE {
        Finding::warning("disk space", found, mend)
    } else {
        Finding::ok("disk space", found)
    }
}

fn engines(options: &Options) -> Vec<Finding> {
    let settings = RuntimeOptions {
        cache: options.cache.clone(),
        max_instances: options.limits.max_instances,
        ..RuntimeOptions::default()
    };
    // It takes the address space of all instances, as the gateway does.
    match Runtime::new(&settings) {
        Ok(runtime) => {
            let space = Finding::ok("address space", format!("{} instances fit", settings.max_instances));
            std::iter::once(space).chain(ENGINES.iter().map(|known| engine(&runtime, known))).collect()
        }
        Err(error) => {
            let mend = "lift the limit (ulimit -v, LimitAS=infinity), or lower limits.max_instances";
            vec![Finding::error("address space", error.to_string(), mend)]
        }
    }
}

fn engine(runtime: &Runtime, engine: &'static Engine) -> Finding {
    let name = engine.name;
    match engine.module() {
        Ok(module) if sha256_hex(&module) == engine.digest() => {}
        Ok(_) => return damaged(name, "is not what its digest says"),
        Err(error) => return damaged(name, &error.to_string()),
    }
    if !runtime.has(engine) {
        let found = format!("{name} is not compiled yet on this machine");
        return Finding::warning(
            "engine",
            found,
            "nothing: the first start or deploy that needs it takes up to a minute",
        );
    }
    // Maps the compiled code, which a sandbox may forbid.
    match runtime.ready(engine) {
        Ok(()) => Finding::ok("engine", format!("{name} is compiled and loads")),
        Err(error) => {
            let mend = "delete the engine cache; allow memory to be made executable (no MemoryDenyWriteExecute=)";
            Finding::error("engine", format!("{name}: {error}"), mend)
        }
    }
}

fn damaged(name: &str, problem: &str) -> Finding {
    Finding::error("engine", format!("{name} {problem}"), "this titan binary is damaged: install it again")
}

fn address(check: &'static str, address: SocketAddr, running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(check, format!("{address} is free")),
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse && running => {
            Finding::ok(check, format!("{address} is in use, as it should be while the gateway runs"))
        }
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            let mend = "use a port from 1024 on, or give the capability CAP_NET_BIND_SERVICE";
            Finding::error(check, format!("{address}: {cause}"), mend)
        }
        Err(cause) => {
            Finding::error(check, format!("{address}: {cause}"), "stop what listens there, or choose another address")
        }
    }
}

/// The folder, or the nearest above it that exists.
fn existing(folder: &Path) -> &Path {
    folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn addresses_are_free_or_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap();
        assert_eq!(address("services address", taken, false).level, Level::Error);
        assert_eq!(address("services address", taken, true).level, Level::Ok);
        drop(listener);
        assert_eq!(address("services address", taken, false).level, Level::Ok);
    }

    #[test]
    fn folders_are_writable_private_and_on_a_disk() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        assert_eq!(writable("data folder", &missing).level, Level::Ok);
        assert!(!missing.exists(), "nothing is changed");
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(writable("data folder", &file).level, Level::Error);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(data(folder.path()).iter().any(|finding| finding.level == Level::Error));
    }
}
