//! The host: kernel, processor, memory, limits of the process, clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytesize::ByteSize;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, getrlimit};
use titan_gateway::Limits;

use super::Finding;

/// Below this little more than the engines fit.
const LITTLE_MEMORY: u64 = 512 << 20;
/// File descriptors of a gateway besides its connections.
const OTHER_FILES: u64 = 200;
/// Below this a gateway runs out of them at once.
const FEW_FILES: u64 = 1024;
/// Memory mappings of one instance, at most: heap image, memory, stack, and the guards between them.
const MAPS_PER_INSTANCE: u64 = 16;

pub fn look(limits: &Limits) -> Vec<Finding> {
    let group = cgroup();
    let mut findings = vec![
        kernel(),
        memory_files(),
        processors(group.as_deref().and_then(|group| read(&group.join("cpu.max"))).as_deref()),
        memory(available(), group.as_deref().and_then(|group| read(&group.join("memory.max"))).as_deref()),
        overcommit(read(Path::new("/proc/sys/vm/overcommit_memory")).as_deref()),
        files(getrlimit(Resource::Nofile).maximum, limits.max_connections),
    ];
    if let Some(maps) = read(Path::new("/proc/sys/vm/max_map_count")).and_then(|text| text.parse().ok()) {
        findings.push(mappings(maps, limits.max_instances));
    }
    let built = std::env::current_exe().and_then(|program| fs::metadata(program)?.modified());
    findings.push(clock(SystemTime::now(), built.unwrap_or(UNIX_EPOCH)));
    findings
}

fn kernel() -> Finding {
    let release = read(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_default();
    Finding::ok("kernel", format!("Linux {release}, {}", std::env::consts::ARCH))
}

/// wasmtime maps heap images from such files.
fn memory_files() -> Finding {
    match memfd_create("titan-doctor", MemfdFlags::CLOEXEC) {
        Ok(_) => Finding::ok("memory files", "memfd_create works"),
        Err(error) => {
            Finding::error("memory files", format!("memfd_create: {error}"), "allow the system call in the sandbox")
        }
    }
}

/// `quota` is what cgroups call `cpu.max`: microseconds, or max, out of a period.
fn processors(quota: Option<&str>) -> Finding {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut numbers = quota.unwrap_or_default().split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(quota)), Some(Ok(period))) if quota < period => Finding::warning(
            "processors",
            format!("{cores}, of which the control group allows {:.2}", quota / period),
            "give the gateway a core at least (CPUQuota=100%): below one, every request waits for the next period",
        ),
        (Some(Ok(quota)), Some(Ok(period))) => {
            Finding::ok("processors", format!("{cores}, of which the control group allows {:.2}", quota / period))
        }
        _ => Finding::ok("processors", cores.to_string()),
    }
}

fn memory(available: Option<u64>, limit: Option<&str>) -> Finding {
    let limit = limit.and_then(|text| text.parse::<u64>().ok());
    let Some(usable) = available.into_iter().chain(limit).min() else {
        return Finding::warning("memory", "unknown", "mount /proc");
    };
    let within = if limit == Some(usable) { "the control group's limit" } else { "available" };
    let found = format!("{} {within}", ByteSize(usable).display().iec());
    if usable < LITTLE_MEMORY {
        let needs = "free some, or raise the limit: each version needs what its config cell says";
        Finding::warning("memory", found, needs)
    } else {
        Finding::ok("memory", found)
    }
}

fn overcommit(mode: Option<&str>) -> Finding {
    match mode {
        Some("2") => Finding::warning(
            "overcommit",
            "the kernel promises only memory that it has (vm.overcommit_memory=2)",
            "set it to 0 or 1, or new instances are refused while memory is free",
        ),
        mode => Finding::ok("overcommit", format!("vm.overcommit_memory={}", mode.unwrap_or("unknown"))),
    }
}

fn files(maximum: Option<u64>, connections: usize) -> Finding {
    // Services and admin.
    let needed = 2 * connections as u64 + OTHER_FILES;
    match maximum {
        Some(maximum) if maximum < needed => {
            let found = format!("{maximum} at most, limits.max_connections may need {needed}");
            let mend =
                format!("raise the hard limit (LimitNOFILE={needed}, or ulimit -Hn), or lower limits.max_connections");
            if maximum < FEW_FILES {
                Finding::error("open files", found, mend)
            } else {
                Finding::warning("open files", found, mend)
            }
        }
        Some(maximum) => Finding::ok("open files", format!("{maximum} at most, {needed} needed")),
        None => Finding::ok("open files", "unlimited"),
    }
}

fn mappings(maximum: u64, instances: u32) -> Finding {
    let needed = u64::from(instances) * MAPS_PER_INSTANCE;
    let found = format!("{maximum} at most (vm.max_map_count), limits.max_instances may need {needed}");
    if maximum < needed {
        Finding::warning("memory mappings", found, format!("set it to {needed}, or lower limits.max_instances"))
    } else {
        Finding::ok("memory mappings", found)
    }
}

/// A clock that is older than the program itself is wrong.
fn clock(now: SystemTime, built: SystemTime) -> Finding {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // What a file system rounds, and what time zones confuse.
    let tolerance = Duration::from_secs(24 * 3600);
    if now + tolerance < built {
        let found = format!("{} seconds since 1970, which is before this program was made", since_epoch.as_secs());
        Finding::error("clock", found, "set it, best by NTP (timedatectl set-ntp true): certificates are judged by it")
    } else {
        Finding::ok("clock", humantime::format_rfc3339_seconds(now).to_string())
    }
}

/// Memory that programs may still take, in bytes.
fn available() -> Option<u64> {
    let text = read(Path::new("/proc/meminfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// The folder of this process's control group; only version 2 has one for all controllers.
fn cgroup() -> Option<PathBuf> {
    let text = read(Path::new("/proc/self/cgroup"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new("/sys/fs/cgroup").join(path))
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn control_groups_are_respected() {
        assert_eq!(processors(Some("50000 100000")).level, Level::Warning);
        assert!(processors(Some("150000 100000")).found.ends_with("1.50"));
        assert_eq!(processors(Some("max 100000")).level, Level::Ok);
        assert_eq!(processors(None).level, Level::Ok);
        assert_eq!(memory(Some(8 << 30), Some("268435456")).level, Level::Warning);
        assert_eq!(memory(Some(8 << 30), Some("max")).level, Level::Ok);
        assert_eq!(memory(None, None).level, Level::Warning);
    }

    #[test]
    fn limits_are_compared_with_the_configuration() {
        assert_eq!(files(Some(256), 10_000).level, Level::Error);
        assert_eq!(files(Some(4096), 10_000).level, Level::Warning);
        assert_eq!(files(Some(20_200), 10_000).level, Level::Ok);
        assert_eq!(files(None, 10_000).level, Level::Ok);
        assert_eq!(mappings(65_530, 1000).level, Level::Ok);
        assert_eq!(mappings(65_530, 10_000).level, Level::Warning);
        assert_eq!(overcommit(Some("2")).level, Level::Warning);
        assert_eq!(overcommit(Some("0")).level, Level::Ok);
    }

    #[test]
    fn a_clock_from_before_the_program_is_wrong() {
        let built = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(clock(UNIX_EPOCH, built).level, Level::Error);
        assert_eq!(clock(built - Duration::from_secs(3600), built).level, Level::Ok);
        assert_eq!(clock(built + Duration::from_secs(1), built).level, Level::Ok);
    }

    #[test]
    fn this_host_is_looked_at() {
        let findings = look(&Limits::default());
        assert!(findings.iter().any(|finding| finding.check == "memory" && finding.found.contains("iB")));
    }
}
