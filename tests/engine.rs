//! numpy's and pandas' own tests inside the engines: of no file do fewer pass than `sdk/engine/tests/results.json` says. Here a
//! chosen part of the files runs; `sdk/engine/README.md` shows all and says how to run them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use support::python::environment;
use support::root;

#[test]
fn no_fewer_of_numpys_and_pandas_own_tests_pass_than_did() {
    let folder = root().join("sdk/engine/tests");
    let python = environment("engine", &folder.join("requirements.txt")).join("bin/python");
    let output = Command::new(python).arg(folder.join("suite.py")).arg("check").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().count() > 20, "hardly any file ran: {said}");
}
