//! The vendor's server, with `keygen` in use at the same time.

mod activation;
mod crash;
mod ledger;
mod orders;
mod refusal;
mod revocation;
mod rotation;
mod token;

use license_tests::server::{Administrator, Response, Server, license_server};
use license_tests::{Run, RunOutput, Scratch, Vendor, words};
use serde_json::{Value, json};

const ISSUE: &str = "/api/v1/licenses/issue";
const VALIDATE: &str = "/api/v1/licenses/validate";

/// The workstation of a vendor, with the key, the ledger and the data directory of the server.
struct VendorSite {
    scratch: Scratch,
}

impl VendorSite {
    /// Creates the data directory of a server, before its first start.
    fn new() -> Self {
        let scratch = Vendor::shared().workstation();
        scratch.write("trust.jwks", &Vendor::shared().trust);
        license_server(&scratch).arg("init").run().expect_code(0);
        Self { scratch }
    }

    fn start(&self) -> Server {
        let settings = words("--ledger ledger.db --signing-key vendor.key --peer-rate off");
        Server::start(&self.scratch, &settings)
    }

    /// Runs `keygen` while the server runs.
    fn keygen(&self, line: &str) -> RunOutput {
        let run = Run::keygen(&self.scratch).env("KEYGEN_LEDGER", self.scratch.file("ledger.db"));
        run.args(words(line)).run()
    }

    /// Issues a license with `keygen`, and returns the report.
    fn keygen_issue(&self, customer: &str, options: &str) -> Value {
        let line = format!("issue --json --force --key vendor.key --customer {customer} {options}");
        let line = format!("{line} --out {customer}.lic");
        self.keygen(&line).expect_code(0).json()
    }

    /// Checks that the ledger is intact.
    #[track_caller]
    fn verify_ledger(&self) {
        let verified = self.keygen("ledger verify --json").expect_code(0).json();
        assert_eq!(verified["whole"], true, "{verified}");
    }

    /// Returns the number of licenses in the ledger.
    fn count(&self) -> usize {
        let list = self.keygen("ledger list --json").expect_code(0).json();
        list["licenses"].as_array().unwrap().len()
    }
}

/// Returns an order for a license with two seats that never needs a check-in.
fn order(customer: &str) -> Value {
    json!({
        "customer": customer,
        "tier": "team",
        "perpetual": true,
        "offline": true,
        "seats": 5,
    })
}

/// Issues a license over HTTP.
#[track_caller]
fn issue(administrator: &Administrator<'_>, order: &Value) -> Value {
    administrator.post(ISSUE, order).expect(200)
}

fn validate(server: &Server, key: &Value) -> Response {
    server.post(
        VALIDATE,
        &json!({"license_key": key, "machine_id": "machine-1"}),
    )
}

/// Returns the path of an action for a license.
fn path(license: &Value, action: &str) -> String {
    format!(
        "/api/v1/licenses/{}/{action}",
        license["id"].as_str().unwrap()
    )
}

/// Repeats a request until it has this status, such as after a change that another program made.
#[track_caller]
fn eventually(mut send: impl FnMut() -> Response, is_done: impl Fn(&Response) -> bool) -> Response {
    let mut last = None;
    for _ in 0..600 {
        let response = send();
        if is_done(&response) {
            return response;
        }
        last = Some(response);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{last:?}")
}
