//! A real browser, as a person's: Chromium without a window, driven over WebDriver. It comes from Debian's packages
//! `chromium` and `chromium-driver`, which are installed here where the tests run as root.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{root, succeed};

/// How long a page may take to show what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one empty tab, closed when dropped.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: TempDir,
}

/// Keys without a character, as WebDriver names them.
pub mod key {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const SPACE: &str = " ";
}

impl Browser {
    /// Starts a browser, or says why there is none.
    pub fn start() -> Result<Browser, String> {
        let chromium = installed()?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver says its port before it ends").unwrap();
            if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(120))).build().into();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Browser { driver, agent, session: String::new(), _profile: profile };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // Nothing moves that is about to be clicked.
            "--force-prefers-reduced-motion",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &profile,
        ];
        let options = json!({"binary": chromium, "args": arguments});
        let logs = json!({"browser": "ALL", "performance": "ALL"});
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs});
        let base = format!("http://127.0.0.1:{port}/session");
        let session = browser.send(&base, &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = format!("{base}/{}", session["sessionId"].as_str().unwrap());
        // What the page of a new tab asks for is no test's affair.
        browser.open("about:blank");
        browser.requested();
        browser.console();
        Ok(browser)
    }

    /// Opens an address and waits until the page is loaded.
    pub fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// The value of a JavaScript function's body in the page.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// As [`Browser::run`], of a script that calls its last argument with its value when it has one.
    pub fn run_async(&self, script: &str) -> Value {
        self.command("execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until the expression is true, or what it is called is missing.
    pub fn wait(&self, what: &str, expression: &str) -> Value {
        let patience = PATIENCE.as_millis();
        let value = self.run_async(&format!(
            "const done = arguments[arguments.length - 1];
             const end = performance.now() + {patience};
             (function look() {{
                 const value = {expression};
                 if (value || performance.now() > end) done(value);
                 else setTimeout(look, 20);
             }})()"
        ));
        if matches!(value, Value::Null | Value::Bool(false)) {
            panic!("{what} does not come: {expression}\n{}", self.run("return document.body.innerText"));
        }
        value
    }

    /// Waits until the page shows this text.
    pub fn see(&self, text: &str) {
        self.wait(text, &format!("document.body.innerText.includes({})", json!(text)));
    }

    /// Clicks the first link, button or summary with this text, with the mouse.
    pub fn click(&self, text: &str) {
        let find = format!(
            "['dialog[open] button', 'a, button, summary'].flatMap((kind) => [...document.querySelectorAll(kind)])
             .find((element) => element.textContent.trim() === {} && element.checkVisibility())",
            json!(text)
        );
        self.wait(text, &format!("Boolean({find})"));
        let element = self.run(&format!("return {find}"))[ELEMENT].as_str().unwrap().to_owned();
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Presses and releases keys, one after the other.
    pub fn press(&self, keys: &[&str]) {
        let events = keys.iter().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})));
        let events: Vec<Value> = events.collect();
        self.command("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": events}]}));
    }

    /// Types text into whatever has the focus.
    pub fn type_text(&self, text: &str) {
        let keys: Vec<String> = text.chars().map(String::from).collect();
        self.press(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// The dark or the light preference of a person's system.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// A screen of this size, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// A PNG of what is shown.
    pub fn screenshot(&self) -> Vec<u8> {
        let shot = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// What went to the console since the last call: errors, and what a Content-Security-Policy blocked.
    pub fn console(&self) -> Vec<String> {
        let entries = self.log("browser");
        entries.iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Every address the tab has asked for since the last call.
    pub fn requested(&self) -> Vec<String> {
        let events = self.log("performance");
        let events =
            events.iter().map(|entry| -> Value { serde_json::from_str(entry["message"].as_str().unwrap()).unwrap() });
        events
            .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
            .map(|event| event["message"]["params"]["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What axe-core finds wrong with the page's accessibility: a line a violation.
    pub fn accessibility(&self) -> Vec<String> {
        self.run(&format!("{}; return null", axe()));
        let found = self.run_async(
            "const done = arguments[arguments.length - 1];
             const where = (violation) => violation.nodes.map((node) => node.html.slice(0, 200)).join(' | ');
             axe.run().then(
                 ({violations}) => done(violations.map((one) => `${one.id}: ${one.help}: ${where(one)}`)),
                 (error) => done([String(error)]))",
        );
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.command("se/log", &json!({"type": kind})).as_array().unwrap().clone()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.send(&format!("{}/{path}", self.session), body)
    }

    fn send(&self, url: &str, body: &Value) -> Value {
        let mut response = self.agent.post(url).send_json(body).unwrap();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert!(response.status().is_success(), "{body:.500}: {}", answer["value"]["message"]);
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; the driver's own end would leave it behind.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The path of Chromium, whose driver is there too, or why there is none.
pub fn installed() -> Result<PathBuf, String> {
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser.lock")).unwrap();
    lock.lock().unwrap();
    let found = || Some((find("chromium")?, find("chromedriver")?).0);
    if let Some(chromium) = found() {
        return Ok(chromium);
    }
    let script = root().join("tests/support/browser.sh");
    let output = Command::new("bash").arg(script).output().unwrap();
    found().ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("chromium and chromium-driver are not installed: {}", said.lines().last().unwrap_or("no reason given"))
    })
}

fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// axe-core, from the Python package that carries it.
fn axe() -> String {
    let requirements = root().join("tests/support/axe.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let (packages, made) = (folder.join("packages"), folder.join("made-from.txt"));
    let wanted = std::fs::read(&requirements).unwrap();
    if std::fs::read(&made).ok().as_ref() != Some(&wanted) {
        let environment = folder.join("venv");
        let python = std::env::var_os("TITAN_PYTHON").unwrap_or_else(|| "python3".into());
        succeed(&Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment).output().unwrap());
        let mut install = Command::new(environment.join("bin/pip"));
        install.args(["install", "--no-deps", "--upgrade", "--target"]).arg(&packages).arg("-r").arg(&requirements);
        succeed(&install.output().unwrap());
        std::fs::write(&made, wanted).unwrap();
    }
    std::fs::read_to_string(packages.join("axe_playwright_python/axe.min.js")).unwrap()
}
