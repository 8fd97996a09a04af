//! The server of a site, with licenses and with sessions that use their seats.

use license_core::encoding::hex;
use license_core::requests::ActivationSecret;
use license_tests::server::{Response, Server, license_server};
use license_tests::{Run, RunOutput, Scratch, Vendor, words};
use serde_json::{Value, json};

/// A data directory with licenses, and the workstation of the vendor.
pub(super) struct Site {
    pub(super) scratch: Scratch,
    pub(super) workstation: Scratch,
}

impl Site {
    /// Creates a server without a license.
    pub(super) fn new() -> Self {
        let site = Self::without_keys();
        let scratch = &site.scratch;
        scratch.write("trust.jwks", &Vendor::shared().trust);
        let trust = license_server(scratch).args(["install", "trust.jwks"]);
        trust.run().expect_code(0);
        site
    }

    /// Creates a server without a license and without the vendor's public keys.
    pub(super) fn without_keys() -> Self {
        let scratch = Scratch::new();
        license_server(&scratch).arg("init").run().expect_code(0);
        let workstation = Vendor::shared().workstation();
        workstation.write("server.request", scratch.read("data/server.request"));
        Self {
            scratch,
            workstation,
        }
    }

    /// Issues a license for the server to a file of the workstation.
    pub(super) fn issue(&self, file: &str, customer: &str, terms: &str) -> RunOutput {
        let issue =
            Run::keygen(&self.workstation).args(words("issue --json --force --key vendor.key"));
        let issue = issue.args(["--customer", customer, "--server-key", "server.request"]);
        issue.args(words(terms)).args(["--out", file]).run()
    }

    /// Issues a license, and installs it at the console. Returns its id and its key.
    pub(super) fn install(&self, customer: &str, terms: &str) -> InstalledLicense {
        let number = std::fs::read_dir(self.scratch.path()).unwrap().count();
        let file = format!("license-{number}.lic");
        let report = self.issue(&file, customer, terms).expect_code(0).json();
        self.scratch.write(&file, self.workstation.read(&file));
        let install = license_server(&self.scratch).args(["install", "--json", &file]);
        install.run().expect_code(0);
        InstalledLicense {
            id: report["license_id"].as_str().unwrap().to_owned(),
            authorization: format!("License {}", report["key"].as_str().unwrap()),
        }
    }

    pub(super) fn start(&self) -> Server {
        Server::start(&self.scratch, &["--peer-rate", "off"])
    }
}

/// A license that the server has.
#[derive(Debug)]
pub(super) struct InstalledLicense {
    pub(super) id: String,
    /// The value of the header `Authorization` of its machines.
    pub(super) authorization: String,
}

/// Returns the body of a request for a seat.
pub(super) fn acquire_body(number: u32, user: &str, wait: bool) -> Value {
    let secret = hex::decode::<32>(&format!("{number:064x}")).unwrap();
    json!({
        "session": format!("sess_{number:032x}"),
        "instance": format!("inst_{number:032x}"),
        "machine_id": format!("machine-{number}"),
        "user": user,
        "nonce": format!("{number:032x}"),
        "commitment": ActivationSecret::from_random(secret).commitment().to_string(),
        "wait": wait,
    })
}

/// Requests a seat.
pub(super) fn acquire(
    server: &Server,
    license: &InstalledLicense,
    number: u32,
    user: &str,
    wait: bool,
) -> Response {
    let headers = [("authorization", license.authorization.as_str())];
    let body = acquire_body(number, user, wait).to_string();
    server.send("POST", "/api/v1/seats", &headers, &body)
}
