//! The dashboard in a real browser: what it shows of two versions, what it changes, and that it is safe, accessible and
//! narrow enough for a phone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use titan_sdk::bundle::part;
use titan_sdk::client::Client;

use support::browser::{Browser, installed, key};
use support::close::assert_close;
use support::load::Load;
use support::notebook::HousePrice;
use support::{Gateway, titan};

/// The views, by their address.
const VIEWS: [&str; 4] = ["#/", "#/house-price", "#/house-price/v2", "#/house-price/v1...v2"];

/// A browser that looks at a gateway with `house-price` v1 and v2.
struct Page {
    browser: Browser,
    gateway: Gateway,
    versions: [HousePrice; 2],
    _data: TempDir,
}

impl Page {
    /// Nothing where there is no browser, which is said.
    fn open() -> Option<Page> {
        installed().inspect_err(|reason| println!("skipped: {reason}")).ok()?;
        // They may take minutes, for which no browser has to wait.
        let versions = ["v1", "v2"].map(HousePrice::compiled);
        let browser = browser()?;
        let data = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(data.path());
        for version in &versions {
            gateway.run(&["deploy", version.bundle.to_str().unwrap()]);
        }
        let page = Page { browser, gateway, versions, _data: data };
        page.show("#/house-price");
        Some(page)
    }

    /// Opens a view, and waits until it is there.
    fn show(&self, address: &str) {
        self.browser.open("about:blank");
        self.browser.open(&format!("{}/{address}", self.gateway.admin));
        self.browser
            .wait("the view", "document.querySelector('main h1') && !document.querySelector('main [role=alert]')");
    }

    /// The version that answers now.
    fn active(&self) -> String {
        self.gateway.get("/house-price/loss").version.unwrap()
    }

    /// The cells of a table's row that begins with `name`.
    fn row(&self, table: &str, name: &str) -> Vec<String> {
        let rows = format!("[...document.querySelectorAll('[aria-label={}] tbody tr')]", json!(table));
        let find = format!("{rows}.find((row) => row.cells[0].textContent.startsWith({}))", json!(name));
        self.browser.wait(name, &format!("Boolean({find})"));
        let cells = self.browser.run(&format!("return [...{find}.cells].map((cell) => cell.innerText.trim())"));
        cells.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned()).collect()
    }

    /// What a notebook's own kernel answered, as the page rounds it.
    fn expected(&self, version: usize, endpoint: &str) -> String {
        let text = self.versions[version].expected[endpoint].as_str().unwrap();
        let rounded = self.browser.run(&format!("return Number({}).toPrecision(5)", text.trim()));
        rounded.as_str().unwrap().to_owned()
    }
}

impl Drop for Page {
    /// No test leaves an error in the console, something that the policy blocked, or a request to elsewhere.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.browser.console(), Vec::<String>::new());
        let own =
            |url: &String| ["data:", "blob:", "about:", &self.gateway.admin].iter().any(|own| url.starts_with(own));
        let foreign: Vec<_> = self.browser.requested().into_iter().filter(|url| !own(url)).collect();
        assert_eq!(foreign, Vec::<String>::new());
    }
}

fn browser() -> Option<Browser> {
    Browser::start().inspect_err(|reason| println!("skipped: {reason}")).ok()
}

#[test]
fn services_versions_and_metrics_are_shown() {
    let Some(page) = Page::open() else { return };
    let metrics = |endpoint: &str| [1, 0].map(|version| page.expected(version, &format!("GET {endpoint}")));
    for endpoint in ["/loss", "/accuracy"] {
        assert_eq!(page.row("Metrics by version", endpoint)[1..], metrics(endpoint), "{endpoint}");
    }
    let versions = page.gateway.admin_get("/v1/services/house-price/versions")["versions"].clone();
    for version in ["v1", "v2"] {
        let row = page.row("Versions", version).join("\n");
        let known = versions.as_array().unwrap().iter().find(|known| known["version"] == version).unwrap();
        let part = |name: &str| known[name].as_str().unwrap().to_owned();
        let expected = [part("state"), part("deployed_by"), part("notebook_sha256")[..10].to_owned(), " MB".into()];
        assert!(expected.iter().all(|expected| row.contains(expected)), "{row}: {expected:?}");
    }
    page.browser.click("Services");
    let row = page.row("Services", "house-price");
    assert_eq!(row[1..3], ["v2", "serving"], "{row:?}");
    page.browser.click("v2");
    page.browser.see("House prices, a larger network");
    page.browser.see("1000 × 1000");
}

#[test]
fn traffic_is_shown_as_it_comes() {
    let Some(page) = Page::open() else { return };
    for _ in 0..120 {
        assert_eq!(page.gateway.get("/house-price/loss").status, 200);
    }
    page.browser.wait(
        "the rate of v2",
        "[...document.querySelectorAll('[aria-label=\"Traffic by version\"] tr')]
         .map((row) => [...row.cells].map((cell) => cell.innerText))
         .some(([version, rate, , p95]) => version === 'v2' && Number(rate) > 0 && p95.endsWith(' ms'))",
    );
    let row = page.row("Traffic by version", "v2");
    assert_eq!(row[5], "0 %", "{row:?}");
}

#[test]
fn a_rollback_is_confirmed_first() {
    let Some(page) = Page::open() else { return };
    page.browser.click("Roll back to v1");
    page.browser.see("Roll back house-price to v1?");
    page.browser.click("Cancel");
    page.browser.wait("no dialog", "!document.querySelector('dialog')");
    assert_eq!(page.active(), "v2");
    page.browser.click("Roll back to v1");
    page.browser.wait("the dialog", "document.querySelector('dialog[open]')");
    page.browser.click("Roll back to v1");
    page.browser.see("house-price went from v2 back to v1.");
    assert_eq!(page.active(), "v1");
    assert!(page.row("Versions", "v1")[0].contains("active"));
}

#[test]
fn a_canary_is_shown_and_ended() {
    let Some(page) = Page::open() else { return };
    let deploy = || page.gateway.run(&["deploy", "--canary", "50%", page.versions[0].bundle.to_str().unwrap()]);
    deploy();
    page.show("#/house-price");
    page.browser.see("v3 is a canary: it answers 50 % of the requests.");
    page.browser.click("Abort the trial");
    page.browser.see("Abort the trial of v3?");
    page.browser.click("Abort the trial");
    page.browser.see("The trial ended: aborted.");
    page.browser.see("v3 as a canary, was aborted by the operator");
    assert_eq!(page.active(), "v2");
    deploy();
    page.show("#/house-price");
    for _ in 0..40 {
        assert_eq!(page.gateway.get("/house-price/loss").status, 200);
    }
    let requests = |version: &str| {
        format!(
            "[...document.querySelectorAll('[aria-label=Trial] tbody tr')]
             .some((row) => row.cells[0].innerText === '{version}' && Number(row.cells[1].innerText) > 0)"
        )
    };
    page.browser.wait("requests of both sides", &format!("{} && {}", requests("v2"), requests("v4")));
    assert_eq!(page.browser.accessibility(), Vec::<String>::new());
    page.browser.click("Promote v4");
    page.browser.see("Promote v4?");
    page.browser.click("Promote v4");
    page.browser.see("The trial ended: promoted.");
    assert_eq!(page.active(), "v4");
}

#[test]
fn two_versions_are_compared() {
    let Some(page) = Page::open() else { return };
    page.browser.click("Compare v1 and v2");
    page.browser.see("cells differ");
    assert_eq!(
        page.row("Models", "Weights")[1..],
        ["10 × 32\n32 × 32\n32 × 1", "10 × 1000\n1000 × 1000\n1000 × 1000\n1000 × 1000\n1000 × 1"]
    );
    assert_eq!(page.row("Models", "Parameters")[1..], ["1,441", "3,015,001"]);
    let lines = |kind: &str| {
        let lines = page
            .browser
            .run(&format!("return [...document.querySelectorAll('.line.{kind}')].map((line) => line.textContent)"));
        lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect::<String>()
    };
    assert!(lines("removed").contains("Dense(32, activation=\"relu\")"), "{}", lines("removed"));
    assert!(lines("added").contains("Dense(1000, activation=\"relu\")"), "{}", lines("added"));
    page.browser.click("Send the same samples to both");
    page.browser.see("The answers of both versions");
    let row = page.row("Answers", "POST /prediction");
    let said: Vec<f64> = row[1..]
        .iter()
        .map(|answer| {
            let json: Value = serde_json::from_str(answer.rsplit_once('\n').unwrap().0).unwrap();
            json["above_median"].as_f64().unwrap()
        })
        .collect();
    assert_ne!(said[0], said[1], "the versions can be told apart");
    let differs = "document.querySelectorAll('[aria-label=Answers] tr.differs').length === 3";
    page.browser.wait("every answer to differ", differs);
}

#[test]
fn an_endpoint_is_tried_with_its_sample() {
    let Some(page) = Page::open() else { return };
    let choose = |label: &str, option: &str| {
        page.browser.run(&format!(
            "const label = [...document.querySelectorAll('label')].find((label) => label.textContent === {});
             label.control.value = [...label.control.options].find((option) => option.textContent === {}).value;
             label.control.dispatchEvent(new Event('change'))",
            json!(label),
            json!(option)
        ));
    };
    for (version, notebook) in ["v1", "v2"].into_iter().zip(&page.versions) {
        choose("Version", version);
        choose("Endpoint", "POST /prediction");
        let body = page.browser.run("return document.querySelector('textarea').value");
        let body: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
        assert_eq!(body, notebook.body, "the form holds the notebook's own sample");
        page.browser.click("Send");
        page.browser
            .wait("the answer", &format!("document.querySelector('.answer').textContent.includes('{version} · ')"));
        let said =
            page.browser.run("return JSON.stringify(JSON.parse(document.querySelector('.answer pre').textContent))");
        let expected: Value = serde_json::from_str(notebook.expected["POST /prediction"].as_str().unwrap()).unwrap();
        assert_close(said.as_str().unwrap(), &expected.to_string(), 1e-5);
    }
    page.browser.run("document.querySelector('textarea').value = '{}'");
    page.browser.click("Send");
    page.browser.wait("an error", "document.querySelector('.answer .failed')?.textContent === '500'");
}

#[test]
fn the_keyboard_is_enough() {
    let Some(page) = Page::open() else { return };
    let focused = || page.browser.run("return document.activeElement.textContent.trim()");
    let tab_to = |name: &str| {
        for _ in 0..60 {
            page.browser.press(&[key::TAB]);
            if focused() == name {
                let outline = page.browser.run("return getComputedStyle(document.activeElement).outlineStyle");
                assert_eq!(outline, "solid", "the focus on {name:?} is seen");
                return;
            }
        }
        panic!("{name:?} cannot be reached by keyboard");
    };
    tab_to("Roll back to v1");
    page.browser.press(&[key::ENTER]);
    page.browser.wait("the dialog", "document.querySelector('dialog[open]')");
    page.browser.press(&[key::ESCAPE]);
    page.browser.wait("no dialog", "!document.querySelector('dialog')");
    assert_eq!((focused(), page.active().as_str()), (json!("Roll back to v1"), "v2"), "Escape leaves all as it was");
    page.browser.press(&[key::ENTER]);
    page.browser.wait("the dialog", "document.querySelector('dialog[open]')");
    tab_to("Roll back to v1");
    page.browser.press(&[key::SPACE]);
    page.browser.see("house-price went from v2 back to v1.");
    page.show("#/house-price");
    page.browser.press(&[key::TAB]);
    assert_eq!(focused(), "Skip to content");
    page.browser.press(&[key::ENTER]);
    page.browser.wait("the content to have the focus", "document.activeElement.id === 'main'");
}

#[test]
fn every_view_is_accessible_narrow_and_follows_the_theme() {
    let Some(page) = Page::open() else { return };
    let brightness = || {
        let colour =
            page.browser.run("return getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)");
        colour.as_array().unwrap().iter().map(|part| part.as_f64().unwrap()).sum::<f64>()
    };
    for scheme in ["light", "dark"] {
        page.browser.prefer(scheme);
        for width in [1280, 360] {
            page.browser.resize(width, 800);
            for view in VIEWS {
                page.show(view);
                assert_eq!(brightness() < 384.0, scheme == "dark", "{scheme} {view}");
                let wide = page.browser.run("return document.documentElement.scrollWidth");
                assert!(wide.as_u64().unwrap() <= u64::from(width), "{view} is {wide} pixels wide at {width}");
                assert_eq!(page.browser.accessibility(), Vec::<String>::new(), "{scheme} {width} {view}");
            }
        }
    }
    let choose = |theme: &str| {
        page.browser.run(&format!(
            "const select = document.getElementById('theme');
             select.value = '{theme}';
             select.dispatchEvent(new Event('change'))"
        ))
    };
    choose("light");
    assert!(brightness() > 384.0, "a choice outweighs the system's preference");
    page.show("#/");
    assert!(brightness() > 384.0, "and is kept");
    choose("auto");
    assert!(brightness() < 384.0);
}

#[test]
fn a_notebook_is_rendered_and_can_do_nothing() {
    let Some(page) = Page::open() else { return };
    let markdown = "# Sales\n\n| a | b |\n| - | - |\n| 1 | 2 |\n
<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>
<a href='javascript:window.ran = 1'>link</a> ![alt text](https://evil.example/pixel.png)";
    let pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'><script>window.ran = 1</script></svg>";
    let shown = |data: Value| json!({"output_type": "display_data", "data": data, "metadata": {}});
    let outputs = [
        shown(json!({"image/png": pixel})),
        shown(json!({"image/svg+xml": svg})),
        shown(json!({"text/html": "<table onclick='window.ran = 1'><tr><th>loss</th><td>0.25</td></tr></table>"})),
        json!({"output_type": "stream", "name": "stdout", "text": "printed"}),
    ];
    let cells = [
        json!({"cell_type": "markdown", "source": markdown}),
        json!({"cell_type": "code", "source": "x = 'text'  # a comment", "outputs": outputs}),
    ];
    let mut bundle = bundle::bundle(bundle::small());
    bundle.notebook = json!({"cells": cells}).to_string().into_bytes();
    bundle.manifest.notebook = part("notebook.ipynb", &bundle.notebook);
    Client::new(&page.gateway.admin).deploy("sales", &bundle::packed(&bundle)).unwrap();

    page.show("#/sales/v1");
    for text in ["Sales", "alt text", "0.25", "printed", "# a comment"] {
        page.browser.see(text);
    }
    let pictures = "[...document.querySelectorAll('.notebook img')]
        .filter((img) => img.complete && img.naturalWidth > 0).length === 2";
    page.browser.wait("both pictures", pictures);
    assert_eq!(page.browser.run("return document.querySelectorAll('.markdown td, .output td').length"), 3);
    assert_eq!(
        page.browser.run("return [...document.querySelectorAll('.markdown a')].map((a) => a.getAttribute('href'))"),
        json!([null])
    );
    page.browser.click("link");
    assert_eq!(page.browser.run("return window.ran ?? 0"), 0, "nothing of the notebook ran");
    assert_eq!(page.browser.accessibility(), Vec::<String>::new());
}

#[test]
fn what_is_missing_is_said() {
    let Some(page) = Page::open() else { return };
    page.gateway.run(&["delete", "house-price"]);
    page.show("#/");
    page.browser.see("No services yet");
    page.browser.open(&format!("{}/#/house-price", page.gateway.admin));
    page.browser.see("there is no service \"house-price\"");
    assert_eq!(page.browser.console().len(), 2, "the browser notes each answer that is an error");
}

#[test]
fn a_gateway_that_asks_for_a_token_gets_it_from_the_page() {
    let Some(browser) = browser() else { return };
    let data = tempfile::tempdir().unwrap();
    let mut command = titan();
    command.args(["gateway", "--require-token", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
    let gateway = Gateway::spawn(command.arg(data.path()));
    let token = fs::read_to_string(data.path().join("admin-token")).unwrap();
    browser.open(&format!("{}/", gateway.admin));
    browser.see("This gateway asks for a token.");
    browser.type_text("titan_token_of_nobody");
    browser.press(&[key::ENTER]);
    browser.wait("the refusal", "document.querySelector('dialog [role=alert]')");
    assert_eq!(browser.accessibility(), Vec::<String>::new());
    browser.type_text(token.trim());
    browser.press(&[key::ENTER]);
    browser.see("No services yet");
    let bundle = HousePrice::compiled("v1").bundle;
    let mut deploy = titan();
    deploy.args(["deploy", bundle.to_str().unwrap()]).env("TITAN_GATEWAY", &gateway.admin);
    support::succeed(&deploy.env("TITAN_TOKEN", token.trim()).output().unwrap());
    browser.open(&format!("{}/#/house-price/v1", gateway.admin));
    browser.wait("the token's name", "[...document.querySelectorAll('dd')].some((dd) => dd.textContent === 'first')");
    browser.click("Sign out");
    browser.see("This gateway asks for a token.");
    let kept = browser.run("return [localStorage.length, sessionStorage.length, document.cookie]");
    assert_eq!(kept, json!([0, 0, ""]), "nothing of the token is left");
}

#[test]
fn the_page_cannot_be_framed_or_written_into() {
    let Some(page) = Page::open() else { return };
    let answer = ureq::get(format!("{}/", page.gateway.admin)).call().unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "script-src 'self';", "form-action 'none'"] {
        assert!(policy.contains(part), "{part} is missing in {policy}");
    }
    assert_eq!(header("x-content-type-options"), "nosniff");
    // Where somebody's markup got in all the same, it does not run.
    let blocked = page
        .browser
        .run("try { document.body.innerHTML = '<img src=x onerror=alert(1)>' } catch (error) { return error.name }");
    assert_eq!(blocked, "TypeError");
    let ran = page.browser.run(
        "const script = document.createElement('script');
         try { script.textContent = 'window.ran = true'; document.body.append(script) } catch {}
         return Boolean(window.ran)",
    );
    assert_eq!(ran, false);
    assert!(!page.browser.console().is_empty(), "the browser says what it blocked");
}

/// Not a test: `docs/images/make.sh` takes the README's pictures with it.
#[test]
#[ignore = "it writes pictures for the README"]
fn pictures() {
    let folder = PathBuf::from(std::env::var_os("TITAN_SCREENSHOTS").expect("TITAN_SCREENSHOTS names a folder"));
    let page = Page::open().expect("there is a browser");
    let url = format!("{}/house-price/prediction", page.gateway.url);
    let load = Load::start(&url, page.versions[1].body.to_string(), 1);
    let shot = |name: &str, address: &str, scheme: &str, width: u32, height: u32, ready: &str| {
        page.browser.prefer(scheme);
        page.browser.resize(width, height);
        page.show(address);
        page.browser.wait(name, ready);
        fs::write(folder.join(name).with_extension("png"), page.browser.screenshot()).unwrap();
    };
    // A few seconds of it make a line.
    let live = "document.querySelectorAll('.spark .line')[0]?.getAttribute('d')?.split('L').length > 8";
    shot("dashboard", "#/house-price", "light", 1280, 1000, live);
    load.finish();
    shot("dashboard-compare", "#/house-price/v1...v2", "dark", 1280, 1000, "document.querySelector('.line.added')");
    shot("dashboard-phone", "#/house-price", "dark", 360, 780, "document.querySelector('.spark .line')");
}
