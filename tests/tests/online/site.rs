//! A real `license-server` with a license of the test vendor, and a machine that uses it.

use std::fmt::Write as _;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use license_client::testing::TestMachine;
use license_client::{Client, FeatureMatrix, OnlineSettings};
use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch, Vendor, programs, words};
use serde_json::Value;

/// A site server with a license for its seats, and a machine with the same license.
pub(super) struct Site {
    pub(super) scratch: Scratch,
    /// The workstation of the vendor, with its ledger and the license as `acme.lic`.
    pub(super) workstation: Scratch,
    pub(super) machine: TestMachine,
    license: String,
}

/// Returns the vendor of the module `testing`, so that a test machine trusts its licenses.
fn vendor() -> Vendor {
    let der =
        programs::workspace().join("crates/license-client/src/testing/worthless-test-key.der");
    let base64 = STANDARD.encode(fs::read(der).unwrap());
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in base64.as_bytes().chunks(64) {
        writeln!(pem, "{}", String::from_utf8_lossy(line)).unwrap();
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Vendor::from_key(pem, &[])
}

impl Site {
    pub(super) fn new(terms: &str) -> Self {
        let (scratch, vendor) = (Scratch::new(), vendor());
        license_server(&scratch).arg("init").run().expect_code(0);
        let workstation = vendor.workstation();
        workstation.write("server.request", scratch.read("data/server.request"));
        let issue = Run::keygen(&workstation).args(words("issue --force --key vendor.key"));
        let issue = issue.args(["--customer", "ACME Ltd", "--server-key", "server.request"]);
        let issue = issue.args(words(terms)).args(["--out", "acme.lic"]);
        issue.run().expect_code(0);
        let license = workstation.read("acme.lic");
        scratch.write("acme.lic", &license);
        scratch.write("trust.jwks", &vendor.trust);
        let install = license_server(&scratch).args(["install", "trust.jwks", "acme.lic"]);
        install.run().expect_code(0);
        let site = Self {
            machine: TestMachine::new(FeatureMatrix::built_in()),
            scratch,
            workstation,
            license,
        };
        site.install_on(&site.machine);
        site
    }

    /// Sets the clock of a machine, and installs the license there.
    pub(super) fn install_on(&self, machine: &TestMachine) {
        machine.set_clock(license_client::now());
        machine.install_text(&self.license);
    }

    /// Returns the token of the license.
    pub(super) fn token(&self) -> String {
        let lines = self.license.lines();
        lines.filter(|line| !line.starts_with("-----")).collect()
    }

    /// Revokes the license, and installs the list of the vendor on the server.
    pub(super) fn revoke(&self) {
        let revoke = Run::keygen(&self.workstation).args(words("revoke acme.lic"));
        revoke.args(["--reason", "not paid"]).run().expect_code(0);
        let list = words("revocations --key vendor.key --out list.lic");
        let list = Run::keygen(&self.workstation).args(list);
        list.run().expect_code(0);
        self.scratch
            .write("list.lic", self.workstation.read("list.lic"));
        let install = license_server(&self.scratch).args(["install", "list.lic"]);
        install.run().expect_code(0);
    }

    pub(super) fn another_machine(&self) -> TestMachine {
        let machine = TestMachine::new(FeatureMatrix::built_in());
        self.install_on(&machine);
        machine
    }

    pub(super) fn start(&self) -> Server {
        Server::start(&self.scratch, &[])
    }

    /// Starts the server at the address of an earlier one.
    pub(super) fn restart(&self, address: &str) -> Server {
        Server::start(&self.scratch, &["--listen", address])
    }

    pub(super) fn client(&self, server: &Server) -> Client {
        client_on(&self.machine, server)
    }
}

pub(super) fn client_on(machine: &TestMachine, server: &Server) -> Client {
    let settings = OnlineSettings::new().server(server.url());
    machine.builder().online(settings).build().unwrap()
}

/// Returns the only pool, with its usage.
pub(super) fn pool(administrator: &license_tests::server::Administrator<'_>) -> Value {
    administrator.get("/api/v1/pools").expect(200)["items"][0].clone()
}
