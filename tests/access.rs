//! Who may do what, as the command and a gateway's clients meet it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::raw::send;
use support::{Gateway, fail, notebook, succeed, titan};
use tempfile::TempDir;

/// A gateway that was started with these flags more, a home for what the command remembers, and a bundle to deploy.
struct House {
    gateway: Gateway,
    folder: TempDir,
}

impl House {
    fn new(flags: &[&str]) -> House {
        let folder = tempfile::tempdir().unwrap();
        let gateway = start(&folder.path().join("data"), flags);
        House { gateway, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `titan` as a user with a config folder of its own calls it, with `input` on its standard input.
    fn titan(&self, arguments: &[&str], token: &str, input: &str) -> Output {
        let mut command = titan();
        command.args(arguments).env("TITAN_GATEWAY", &self.gateway.admin).env("TITAN_TOKEN", token);
        command.env("XDG_CONFIG_HOME", self.path("config"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        succeed(&self.titan(arguments, "", ""))
    }

    fn fail(&self, arguments: &[&str]) -> String {
        fail(&self.titan(arguments, "", ""))
    }

    /// A bundle of the hand-written component as a file.
    fn bundle(&self) -> PathBuf {
        let file = self.path("demo.titan");
        let mut bundle = bundle::bundle(bundle::small());
        bundle.manifest.service = "demo".into();
        fs::write(&file, bundle::packed(&bundle)).unwrap();
        file
    }
}

fn start(data: &Path, flags: &[&str]) -> Gateway {
    let mut command = titan();
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(data);
    Gateway::spawn(command.args(flags))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn who_has_logged_in_uses_a_gateway_that_asks_for_tokens() {
    let house = House::new(&["--require-token"]);
    let admin = house.gateway.admin.as_str();
    let first = house.path("data/admin-token");
    assert_eq!(mode(&first), 0o600);
    let first = fs::read_to_string(first).unwrap();
    assert!(house.fail(&["services"]).contains("titan login"));

    // A token that the gateway does not know is not kept.
    assert!(fail(&house.titan(&["login", admin], "", "titan_token_0\n")).contains("does not know this token"));
    assert!(fail(&house.titan(&["login", admin], "", "\n")).contains("no token was given"));
    let kept = house.path("config/titan/credentials.toml");
    assert!(!kept.exists());

    let said = succeed(&house.titan(&["login", admin], "", &first));
    assert_eq!(said, format!("logged in to {admin} with the token first (role admin)\n"));
    assert_eq!(mode(&kept), 0o600);
    let bundle = house.bundle();
    house.run(&["deploy", text(&bundle)]);
    assert_eq!(house.gateway.get("/demo/created").status, 201);

    // Scripts get the token alone, and give it in the environment.
    let ci = house.run(&["token", "create", "ci", "--role", "deploy"]);
    let ci = ci.trim();
    assert!(ci.starts_with("titan_token_") && !ci.contains(char::is_whitespace), "{ci}");
    succeed(&house.titan(&["deploy", text(&bundle)], ci, ""));
    let forbidden = fail(&house.titan(&["token", "list"], ci, ""));
    assert!(forbidden.contains("role admin") && forbidden.contains("\"ci\" has the role deploy"), "{forbidden}");
    let listed = house.run(&["token", "list"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((&rows[1][..2], &rows[2][..2]), (&["ci", "deploy"][..], &["first", "admin"][..]), "{listed}");
    assert_eq!(house.run(&["token", "revoke", "ci"]), "revoked ci\n");
    assert!(fail(&house.titan(&["services"], ci, "")).contains("may have been revoked"));
    assert!(house.fail(&["token", "revoke", "first"]).contains("last token"));
    assert!(fail(&house.titan(&["services"], "not a token", "")).contains("TITAN_TOKEN"));

    assert_eq!(house.run(&["logout", admin]), format!("logged out of {admin}\n"));
    assert!(house.fail(&["services"]).contains("titan login"));
    assert!(house.fail(&["logout", admin]).contains("no token is remembered"));
}

#[test]
fn a_lost_token_is_replaced_in_the_data_folder() {
    let house = House::new(&["--require-token"]);
    let data = house.path("data");
    let create = ["token", "create", "mine", "--role", "admin", "--local", "--data", text(&data)];
    assert!(house.fail(&create).contains("in use by another gateway"));
    let House { gateway, folder } = house;
    gateway.kill();
    let output = titan().args(create).output().unwrap();
    let token = succeed(&output);
    let house = House { gateway: start(&data, &["--require-token"]), folder };
    assert!(succeed(&house.titan(&["token", "list"], token.trim(), "")).contains("mine"));
}

#[test]
fn a_notebook_asks_for_keys_and_does_not_see_them() {
    let house = House::new(&[]);
    let file = notebook::write(
        house.folder.path(),
        "demo",
        &[
            "'''yaml\ntitan: v1\nauth: key\n'''",
            "import json",
            "# GET /headers\nprint(sorted(json.loads(REQUEST)['headers']))",
        ],
    );
    house.run(&["deploy", text(&file)]);
    let address = house.gateway.url.trim_start_matches("http://");
    let ask = |headers: &[(&str, &str)]| send(address, "GET", "/demo/headers", headers, b"");
    let closed = ask(&[]);
    assert_eq!(closed.status, 401);
    assert!(closed.body.contains("titan key create demo"), "{closed:?}");

    let key = house.run(&["key", "create", "demo", "app"]);
    let key = key.trim();
    for header in [("Authorization", format!("Bearer {key}")), ("X-API-Key", key.to_owned())] {
        let answer = ask(&[(header.0, &header.1), ("X-Other", "1")]);
        assert_eq!((answer.status, answer.body.as_str()), (200, "['Connection', 'Host', 'X-Other']\n"), "{answer:?}");
    }
    let unknown = ask(&[("X-API-Key", "titan_key_0")]);
    assert_eq!((unknown.status, unknown.header("www-authenticate").is_some()), (401, true));
    assert!(house.run(&["key", "list", "demo"]).contains("app"));
    assert_eq!(house.run(&["key", "revoke", "demo", "app"]), "revoked app of demo\n");
    assert_eq!(ask(&[("X-API-Key", key)]).status, 401);
}

#[test]
fn a_gateway_that_trusts_keys_takes_what_they_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let keygen = |name: &str| succeed(&titan().arg("keygen").arg(path(name)).output().unwrap());
    let said = keygen("release");
    keygen("other");
    assert_eq!((mode(&path("release.key")), mode(&path("release.pub"))), (0o600, 0o644));
    let again = titan().arg("keygen").arg(path("release")).output().unwrap();
    assert!(fail(&again).contains("release.key"), "a key is not overwritten");
    let id = said.lines().last().unwrap().strip_prefix("id ").unwrap();
    // What OpenSSL makes of the public key.
    let der =
        Command::new("openssl").args(["pkey", "-pubin", "-outform", "DER", "-in"]).arg(path("release.pub")).output();
    assert_eq!(titan_sdk::digest::sha256_hex(&der.unwrap().stdout), id);

    let house = House::new(&["--trusted-key", text(&path("release.pub"))]);
    let marker = house.path("ran");
    let file = notebook::write(
        house.folder.path(),
        "signed",
        &[&format!("open({:?}, 'w').close()", text(&marker)), "# GET /x\nprint(1)"],
    );
    assert!(house.fail(&["deploy", text(&file)]).contains("--sign"));
    assert!(!marker.exists(), "a notebook is not run in vain");
    let stranger = house.fail(&["deploy", text(&file), "--sign", text(&path("other.key"))]);
    assert!(stranger.contains("does not trust"), "{stranger}");
    house.run(&["deploy", text(&file), "--sign", text(&path("release.key"))]);
    assert_eq!(house.gateway.get("/signed/x").body, "1\n");

    // Signed where it is compiled, deployed elsewhere; under another name it is another bundle.
    let bundle = house.path("signed.titan");
    house.run(&["compile", text(&file), "-o", text(&bundle), "--sign", text(&path("release.key"))]);
    house.run(&["deploy", text(&bundle)]);
    assert!(house.fail(&["deploy", text(&bundle), "--name", "renamed"]).contains("--sign"));
    house.run(&["deploy", text(&bundle), "--name", "renamed", "--sign", text(&path("release.key"))]);
    assert_eq!(house.gateway.get("/renamed/x").body, "1\n");
    let public = house.fail(&["deploy", text(&bundle), "--sign", text(&path("release.pub"))]);
    assert!(public.contains("release.pub") && public.contains("titan keygen"), "{public}");
}
