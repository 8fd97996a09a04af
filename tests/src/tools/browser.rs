//! Chromium under the control of a test, with Playwright and axe.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;

use serde_json::{Value, json};

use super::{Tool, chromium, installed_module, or_skip, python_with, script};
use crate::{Run, Scratch};

/// A running Chromium, and what the scripts in `tests/interop/browser` need.
#[derive(Debug)]
pub struct Browser {
    python: Tool,
    /// The address at which Playwright connects to the browser.
    endpoint: String,
    /// The source of axe, which finds barriers in pages.
    axe: PathBuf,
}

/// Finds Chromium, Playwright and axe, and starts Chromium. All tests of a process share the
/// browser. Each script has windows and cookies of its own. The browser ends with the process.
pub fn browser() -> Option<&'static Browser> {
    static BROWSER: OnceLock<Option<Browser>> = OnceLock::new();
    let chromium = chromium()?;
    let python = playwright()?;
    let axe = axe()?;
    let start = || {
        Some(Browser {
            python: python.clone(),
            endpoint: start_browser(python, chromium),
            axe: axe.clone(),
        })
    };
    BROWSER.get_or_init(start).as_ref()
}

impl Browser {
    /// Runs a script in `tests/interop/browser`, which gets the settings as JSON. Returns its
    /// output.
    ///
    /// # Panics
    ///
    /// Panics with the output of the script if it fails.
    #[track_caller]
    pub fn run(&self, name: &str, settings: &Value) -> String {
        let scratch = Scratch::new();
        let mut settings = settings.clone();
        settings["browser"] = json!(self.endpoint);
        settings["axe"] = json!(self.axe);
        let run = run_script(&self.python, &scratch, name).stdin(settings.to_string());
        run.run().expect_code(0).stdout
    }
}

/// Starts Chromium with a script that ends it together with this process.
fn start_browser(python: &Tool, chromium: &Tool) -> String {
    let scratch = Scratch::new();
    let log = File::create(scratch.file("browser.log")).expect("the log can be created");
    let run = run_script(python, &scratch, "host.py").arg(chromium.program());
    let mut child = run.start_with_stderr(log.into());
    let mut line = String::new();
    let output = child.stdout.take().expect("the output is a pipe");
    let read = BufReader::new(output).read_line(&mut line);
    read.expect("the output can be read");
    thread::spawn(move || child.wait());
    let endpoint = line.trim();
    assert!(
        endpoint.starts_with("ws://127.0.0.1:"),
        "{line}{}",
        scratch.read("browser.log")
    );
    endpoint.to_owned()
}

fn run_script<'s>(python: &Tool, scratch: &'s Scratch, name: &str) -> Run<'s> {
    let run = python.run(scratch).env("PYTHONDONTWRITEBYTECODE", "1");
    run.arg(script("browser").join(name))
}

/// Finds a Python with Playwright.
fn playwright() -> Option<&'static Tool> {
    static PLAYWRIGHT: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("playwright.sync_api");
    or_skip("python with playwright", PLAYWRIGHT.get_or_init(find))
}

/// Finds the source of the npm package `axe-core`.
fn axe() -> Option<&'static PathBuf> {
    static AXE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || installed_module("axe-core/axe.min.js");
    or_skip("the npm package axe-core", AXE.get_or_init(find))
}
