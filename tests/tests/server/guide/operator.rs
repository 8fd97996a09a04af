//! An operator who follows the guide, in a home directory of their own.

use std::path::PathBuf;

use license_tests::server::Server;
use license_tests::vendor::IssuedLicense;
use license_tests::{Run, Scratch, Vendor, programs};
use serde_json::Value;

use super::document::Guide;

/// A person at the console of a server.
pub(super) struct Operator {
    pub(super) scratch: Scratch,
    pub(super) vendor: Scratch,
    variables: Vec<(&'static str, String)>,
    /// Texts of the guide that differ on this machine.
    replacements: Vec<(String, String)>,
}

impl Operator {
    pub(super) fn new() -> Self {
        let scratch = Scratch::new();
        // A refused request must fail the script.
        let curlrc = "fail-with-body\nsilent\nshow-error\n";
        std::fs::write(scratch.home().join(".curlrc"), curlrc).unwrap();
        let mut operator = Self {
            vendor: Vendor::shared().workstation(),
            variables: Vec::new(),
            replacements: Vec::new(),
            scratch,
        };
        operator.replace("0.0.0.0:8443", "0.0.0.0:0");
        operator.replace("10.0.0.5:8443", "127.0.0.1:0");
        operator.replace("--listen 127.0.0.1:8443", "--listen 127.0.0.1:0");
        let here = format!("{}/", operator.scratch.path().display());
        operator.replace("/etc/license-server/", &here);
        let data = operator.data("").display().to_string();
        operator.replace("/var/lib/license-server", data.trim_end_matches('/'));
        operator
    }

    /// Sets a variable of the shell.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.variables.push((name, value.to_owned()));
    }

    /// Replaces a text of the guide.
    pub(super) fn replace(&mut self, from: &str, to: &str) {
        self.replacements.push((from.to_owned(), to.to_owned()));
    }

    /// Replaces the URLs of the guide.
    pub(super) fn set_url(&mut self, url: &str) {
        self.set("SERVER", url);
        self.replace("http://127.0.0.1:8443", url);
        self.replace("https://licenses.example.com:8443", url);
    }

    pub(super) fn replaced(&self, text: &str) -> String {
        let replacements = self.replacements.iter();
        replacements.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Returns a path in the data directory.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.scratch
            .home()
            .join(".local/share/license-server")
            .join(name)
    }

    pub(super) fn read_data(&self, name: &str) -> String {
        std::fs::read_to_string(self.data(name)).unwrap()
    }

    /// Runs all scripts of a section. Returns their output.
    pub(super) fn follow(&self, section: &str) -> String {
        let blocks = Guide::read().blocks(section);
        blocks.iter().map(|block| self.run(block)).collect()
    }

    /// Runs the lines of a script, except those that change the system. Returns the output.
    pub(super) fn run(&self, script: &str) -> String {
        let lines = script.lines().map(|line| {
            let line = line.strip_prefix("sudo -u license-server ").unwrap_or(line);
            // The operator of the test owns the data directory and its parent.
            let command = line.strip_prefix("sudo ").unwrap_or(line);
            let moves = command.starts_with("mv ") || command.starts_with("cp ");
            let line = if moves { command } else { line };
            format!("{line}\n")
        });
        let lines: String = lines.filter(|line| !line.starts_with("sudo ")).collect();
        if lines.is_empty() {
            return String::new();
        }
        let programs = programs::keygen().parent().unwrap().to_str().unwrap();
        programs::license_server();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut run = Run::new("sh", &self.scratch).env("PATH", format!("{programs}:{path}"));
        for (name, value) in &self.variables {
            run = run.env(name, value);
        }
        let run = run.args(["-euc", &self.replaced(&lines)]);
        run.run().expect_code(0).all_output()
    }

    /// Runs the lines of a script, and starts the server of its last line.
    pub(super) fn start(&self, script: &str) -> Server {
        let script = script.trim_end();
        let (before, last) = script.rsplit_once('\n').unwrap_or(("", script));
        if !before.is_empty() {
            self.run(before);
        }
        let arguments = self.replaced(last);
        let arguments = arguments.strip_prefix("license-server run").unwrap();
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let run = Run::new(programs::license_server(), &self.scratch);
        Server::start_with(run.without_env("CODITECT_HOME"), &self.scratch, &arguments)
    }

    /// Writes the settings file of a service, with more settings of the guide.
    pub(super) fn write_settings(&self, more: &str) {
        let [settings] = Guide::read()
            .settings("Run as a service")
            .try_into()
            .unwrap();
        let settings = self.replaced(&format!("{settings}{more}"));
        self.scratch.write_private("license-server.toml", settings);
        // A system has the parent of the data directory, such as `/var/lib`.
        let data = self.data("");
        std::fs::create_dir_all(data.parent().unwrap()).unwrap();
    }

    /// Puts the request, the vendor's key and the trust set into the current directory, where the
    /// guide uses them.
    pub(super) fn receive_from_vendor(&self) {
        self.scratch
            .write("server.request", self.read_data("server.request"));
        self.scratch
            .write_private("vendor.key", &Vendor::shared().key);
        self.scratch.write("trust.jwks", &Vendor::shared().trust);
    }

    /// Installs a license that certifies the server.
    pub(super) fn install_license(&self) -> IssuedLicense {
        self.install_license_with(&[])
    }

    /// Installs a license that certifies the server, with more options of `keygen issue`.
    pub(super) fn install_license_with(&self, options: &[&str]) -> IssuedLicense {
        self.run("license-server init");
        self.receive_from_vendor();
        self.vendor
            .write("server.request", self.read_data("server.request"));
        let issue = Run::keygen(&self.vendor).args(["issue", "--key", "vendor.key", "--json"]);
        let issue = issue.args(["--customer", "ACME Ltd", "--tier", "team", "--seats", "5"]);
        let issue = issue.args(["--offline", "--days", "365", "--out", "acme.lic"]);
        let report: Value = issue
            .args(["--server-key", "server.request"])
            .args(options)
            .run()
            .expect_code(0)
            .json();
        let file = self.vendor.read("acme.lic");
        self.scratch.write("acme.lic", &file);
        self.run("license-server install trust.jwks acme.lic");
        IssuedLicense { file, report }
    }
}
