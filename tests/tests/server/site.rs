//! A site with a license, and sessions that use its seats.

use license_tests::server::{Response, Server, license_server};
use license_tests::vendor::IssuedLicense;
use license_tests::{Run, Scratch, Vendor, words};
use serde_json::{Value, json};

/// A server with a license. `scratch` contains the data directory of the server.
pub(super) struct Site {
    pub(super) scratch: Scratch,
    /// The workstation of the vendor, with its ledger.
    pub(super) vendor: Scratch,
    pub(super) license: IssuedLicense,
}

/// The terms of the license of most tests.
pub(super) const TERMS: &str = "--tier team --seats 2 --offline --perpetual";

impl Site {
    /// Creates a server, and installs a license that certifies its key.
    pub(super) fn new(terms: &str) -> Self {
        let scratch = Scratch::new();
        license_server(&scratch).arg("init").run().expect_code(0);
        let vendor = Vendor::shared().workstation();
        let license = issue(&vendor, &scratch, &words(terms));
        scratch.write("trust.jwks", &Vendor::shared().trust);
        let site = Self {
            scratch,
            vendor,
            license,
        };
        let file = site.license.file.clone();
        site.install(&file, &["trust.jwks"]);
        site
    }

    /// Installs a license with `license-server install`, not over HTTP.
    pub(super) fn install(&self, file: &str, others: &[&str]) -> Value {
        self.scratch.write("acme.lic", file);
        let install = license_server(&self.scratch).args(["install", "--json"]);
        install
            .args(others)
            .arg("acme.lic")
            .run()
            .expect_code(0)
            .json()
    }

    pub(super) fn start(&self, arguments: &[&str]) -> Server {
        Server::start(&self.scratch, arguments)
    }

    /// Returns the value of the header `Authorization` of its machines.
    pub(super) fn authorization(&self) -> String {
        format!("License {}", self.license.key())
    }

    /// Returns a session of a user, with an instance of its own.
    pub(super) fn session(&self, number: u32) -> Session {
        Session {
            authorization: self.authorization(),
            number,
        }
    }
}

/// Issues a license for the server whose data directory is in `scratch`, and writes it to
/// `acme.lic` of the workstation.
pub(super) fn issue(workstation: &Scratch, scratch: &Scratch, options: &[&str]) -> IssuedLicense {
    workstation.write("server.request", scratch.read("data/server.request"));
    let issue = Run::keygen(workstation).args(words("issue --json --force --key vendor.key"));
    let issue = issue.args(["--customer", "ACME Ltd", "--server-key", "server.request"]);
    let issue = issue.args(options).args(["--out", "acme.lic"]);
    let report = issue.run().expect_code(0).json();
    IssuedLicense {
        file: workstation.read("acme.lic"),
        report,
    }
}

/// A session of a user on a machine.
#[derive(Clone)]
pub(super) struct Session {
    authorization: String,
    number: u32,
}

impl Session {
    pub(super) fn id(&self) -> String {
        format!("sess_{:032x}", self.number)
    }

    fn instance(&self) -> String {
        format!("inst_{:032x}", self.number)
    }

    fn secret(&self) -> String {
        format!("{:064x}", self.number)
    }

    pub(super) fn post(&self, server: &Server, path: &str, body: &Value) -> Response {
        let headers = [("authorization", self.authorization.as_str())];
        server.send("POST", path, &headers, &body.to_string())
    }

    pub(super) fn acquire(&self, server: &Server, wait: bool) -> Response {
        self.acquire_with(server, &format!("user-{}", self.number), wait)
    }

    /// Acquires a seat for another user.
    pub(super) fn acquire_as(&self, server: &Server, user: &str) -> Response {
        self.acquire_with(server, user, false)
    }

    fn acquire_with(&self, server: &Server, user: &str, wait: bool) -> Response {
        let secret = license_core::encoding::hex::decode::<32>(&self.secret()).unwrap();
        let secret = license_core::requests::ActivationSecret::from_random(secret);
        let body = json!({
            "session": self.id(),
            "instance": self.instance(),
            "machine_id": format!("machine-{}", self.number),
            "user": user,
            "nonce": format!("{:032x}", self.number),
            "commitment": secret.commitment().to_string(),
            "wait": wait,
        });
        self.post(server, "/api/v1/seats", &body)
    }

    pub(super) fn heartbeat(&self, server: &Server, seq: &Value) -> Response {
        self.heartbeat_with(server, seq, &json!({}))
    }

    /// Renews the lease with further members.
    pub(super) fn heartbeat_with(&self, server: &Server, seq: &Value, more: &Value) -> Response {
        let mut body = json!({
            "instance": self.instance(),
            "seq": seq,
            "nonce": format!("{:032x}", self.number),
            "machine_id": format!("machine-{}", self.number),
        });
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        let path = format!("/api/v1/seats/{}/heartbeat", self.id());
        self.post(server, &path, &body)
    }

    pub(super) fn release(&self, server: &Server, seq: &Value) -> Response {
        self.release_with(server, seq, &self.secret())
    }

    pub(super) fn release_with(&self, server: &Server, seq: &Value, secret: &str) -> Response {
        let body = json!({"instance": self.instance(), "seq": seq, "secret": secret});
        let path = format!("/api/v1/seats/{}/release", self.id());
        self.post(server, &path, &body)
    }

    pub(super) fn borrow(&self, server: &Server, seq: &Value) -> Response {
        let body = json!({
            "instance": self.instance(),
            "seq": seq,
            "secret": self.secret(),
            "nonce": format!("{:032x}", self.number),
            "seconds": 3600,
        });
        self.post(
            server,
            &format!("/api/v1/seats/{}/borrow", self.id()),
            &body,
        )
    }

    pub(super) fn return_seat(&self, server: &Server, seq: &Value) -> Response {
        let body = json!({"seq": seq, "secret": self.secret()});
        self.post(
            server,
            &format!("/api/v1/seats/{}/return", self.id()),
            &body,
        )
    }

    pub(super) fn poll(&self, server: &Server, ticket: &str, wait: u32) -> Response {
        self.queue(
            "GET",
            server,
            ticket,
            &format!("&wait={wait}{}", self.rest()),
            &[],
        )
    }

    pub(super) fn events(&self, server: &Server, ticket: &str) -> Response {
        let accept = [("accept", "text/event-stream")];
        self.queue("GET", server, ticket, &self.rest(), &accept)
    }

    pub(super) fn cancel(&self, server: &Server, ticket: &str) -> Response {
        self.queue("DELETE", server, ticket, "", &[])
    }

    fn rest(&self) -> String {
        format!("&nonce={0:032x}&machine_id=machine-{0}", self.number)
    }

    fn queue(
        &self,
        method: &str,
        server: &Server,
        ticket: &str,
        rest: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let (session, instance) = (self.id(), self.instance());
        let path = format!("/api/v1/queue/{ticket}?session={session}&instance={instance}{rest}");
        let mut all = vec![("authorization", self.authorization.as_str())];
        all.extend(headers);
        server.send(method, &path, &all, "")
    }
}
