//! A site with a license, and sessions that use its seats.

use license_tests::server::{Response, Server, license_server, send};
use license_tests::vendor::IssuedLicense;
use license_tests::{Run, Scratch, Vendor, words};
use serde_json::{Value, json};
use ureq::Agent;

/// A server with a license. `scratch` contains the data directory of the server.
pub(super) struct Site {
    pub(super) scratch: Scratch,
    /// The workstation of the vendor, with its ledger.
    pub(super) vendor: Scratch,
    pub(super) license: IssuedLicense,
    /// Settings of the server, as variables.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// The terms of the license of most tests.
pub(super) const TERMS: &str = "--tier team --seats 2 --offline --perpetual";

/// Returns the number in an environment variable, or `default` if the variable is not set. The full
/// run of a test sets such variables.
pub(super) fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

impl Site {
    /// Creates a server, and installs a license that certifies its key.
    pub(super) fn new(terms: &str) -> Self {
        Self::with_variables(terms, Vec::new())
    }

    /// Creates a server with settings, such as that of the database, and installs a license that
    /// certifies its key.
    pub(super) fn with_variables(terms: &str, variables: Vec<(&'static str, String)>) -> Self {
        let scratch = Scratch::new();
        let init = with(&variables, license_server(&scratch)).arg("init");
        init.run().expect_code(0);
        let vendor = Vendor::shared().workstation();
        let license = issue(&vendor, &scratch, &words(terms));
        scratch.write("trust.jwks", &Vendor::shared().trust);
        let site = Self {
            scratch,
            vendor,
            license,
            variables,
        };
        let file = site.license.file.clone();
        site.install(&file, &["trust.jwks"]);
        site
    }

    /// Installs a license with `license-server install`, not over HTTP.
    pub(super) fn install(&self, file: &str, others: &[&str]) -> Value {
        self.scratch.write("acme.lic", file);
        let install = with(&self.variables, license_server(&self.scratch));
        let install = install.args(["install", "--json"]);
        install
            .args(others)
            .arg("acme.lic")
            .run()
            .expect_code(0)
            .json()
    }

    pub(super) fn start(&self, arguments: &[&str]) -> Server {
        let run = with(&self.variables, license_server(&self.scratch));
        Server::start_with(run, &self.scratch, arguments)
    }

    /// Returns the value of the header `Authorization` of its machines.
    pub(super) fn authorization(&self) -> String {
        format!("License {}", self.license.key())
    }

    /// Returns a session of a user, with an instance of its own.
    pub(super) fn session(&self, number: u32) -> Session {
        Session::new(&self.authorization(), number)
    }
}

/// Sets variables for a run.
pub(super) fn with<'s>(variables: &[(&'static str, String)], run: Run<'s>) -> Run<'s> {
    let set = |run: Run<'s>, (name, value): &(&'static str, String)| run.env(name, value);
    variables.iter().fold(run, set)
}

/// Returns the metrics of a server.
pub(super) fn metrics(server: &Server) -> String {
    let address = server.start["metrics"].as_str().unwrap();
    server.get(&format!("http://{address}/metrics")).body
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

/// A request of a session.
pub(super) struct SeatRequest<'s> {
    session: &'s Session,
    method: &'static str,
    path: String,
    accept: &'static str,
    body: String,
}

impl SeatRequest<'_> {
    /// Sends the request. Returns an error if there is no response.
    pub(super) fn try_send(&self, server: &Server) -> Result<Response, ureq::Error> {
        let authorization = self.session.authorization.as_str();
        let headers = [("authorization", authorization), ("accept", self.accept)];
        server.try_send(self.method, &self.path, &headers, &self.body)
    }

    /// Sends the request to the server at `url`. Returns an error if there is no response.
    pub(super) fn try_send_to(&self, agent: &Agent, url: &str) -> Result<Response, ureq::Error> {
        let authorization = self.session.authorization.as_str();
        let headers = [("authorization", authorization), ("accept", self.accept)];
        let url = format!("{url}{}", self.path);
        send(agent, self.method, &url, &headers, &self.body)
    }

    fn send(&self, server: &Server) -> Response {
        let sent = self.try_send(server);
        sent.unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.path))
    }
}

impl Session {
    /// Creates a session that sends this header `Authorization`.
    pub(super) fn new(authorization: &str, number: u32) -> Self {
        Self {
            authorization: authorization.to_owned(),
            number,
        }
    }

    pub(super) fn id(&self) -> String {
        format!("sess_{:032x}", self.number)
    }

    pub(super) fn instance(&self) -> String {
        format!("inst_{:032x}", self.number)
    }

    fn secret(&self) -> String {
        format!("{:064x}", self.number)
    }

    fn request(&self, path: String, body: &Value) -> SeatRequest<'_> {
        SeatRequest {
            session: self,
            method: "POST",
            path,
            accept: "*/*",
            body: body.to_string(),
        }
    }

    pub(super) fn post(&self, server: &Server, path: &str, body: &Value) -> Response {
        self.request(path.to_owned(), body).send(server)
    }

    pub(super) fn acquire(&self, server: &Server, wait: bool) -> Response {
        self.acquire_request(wait).send(server)
    }

    /// Acquires a seat for another user.
    pub(super) fn acquire_as(&self, server: &Server, user: &str) -> Response {
        self.acquire_request_of(user, false).send(server)
    }

    pub(super) fn acquire_request(&self, wait: bool) -> SeatRequest<'_> {
        self.acquire_request_of(&format!("user-{}", self.number), wait)
    }

    fn acquire_request_of(&self, user: &str, wait: bool) -> SeatRequest<'_> {
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
        self.request("/api/v1/seats".to_owned(), &body)
    }

    pub(super) fn heartbeat(&self, server: &Server, seq: &Value) -> Response {
        self.heartbeat_request(seq).send(server)
    }

    /// Renews the lease with a request that also has the members of `more`.
    pub(super) fn heartbeat_with(&self, server: &Server, seq: &Value, more: &Value) -> Response {
        self.heartbeat_request_with(seq, more).send(server)
    }

    pub(super) fn heartbeat_request(&self, seq: &Value) -> SeatRequest<'_> {
        self.heartbeat_request_with(seq, &json!({}))
    }

    fn heartbeat_request_with(&self, seq: &Value, more: &Value) -> SeatRequest<'_> {
        let mut body = json!({
            "instance": self.instance(),
            "seq": seq,
            "nonce": format!("{:032x}", self.number),
            "machine_id": format!("machine-{}", self.number),
        });
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        self.request(format!("/api/v1/seats/{}/heartbeat", self.id()), &body)
    }

    pub(super) fn release_request(&self, seq: &Value) -> SeatRequest<'_> {
        self.release_request_with(seq, &self.secret())
    }

    fn release_request_with(&self, seq: &Value, secret: &str) -> SeatRequest<'_> {
        let body = json!({"instance": self.instance(), "seq": seq, "secret": secret});
        self.request(format!("/api/v1/seats/{}/release", self.id()), &body)
    }

    pub(super) fn release(&self, server: &Server, seq: &Value) -> Response {
        self.release_request(seq).send(server)
    }

    pub(super) fn release_with(&self, server: &Server, seq: &Value, secret: &str) -> Response {
        self.release_request_with(seq, secret).send(server)
    }

    pub(super) fn poll_request(&self, ticket: &str, wait: u32) -> SeatRequest<'_> {
        self.queue(
            "GET",
            ticket,
            &format!("&wait={wait}{}", self.nonce_and_machine()),
        )
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
        self.poll_request(ticket, wait).send(server)
    }

    pub(super) fn events(&self, server: &Server, ticket: &str) -> Response {
        let request = SeatRequest {
            accept: "text/event-stream",
            ..self.queue("GET", ticket, &self.nonce_and_machine())
        };
        request.send(server)
    }

    pub(super) fn cancel_request(&self, ticket: &str) -> SeatRequest<'_> {
        self.queue("DELETE", ticket, "")
    }

    pub(super) fn cancel(&self, server: &Server, ticket: &str) -> Response {
        self.cancel_request(ticket).send(server)
    }

    fn nonce_and_machine(&self) -> String {
        format!("&nonce={0:032x}&machine_id=machine-{0}", self.number)
    }

    fn queue(&self, method: &'static str, ticket: &str, rest: &str) -> SeatRequest<'_> {
        let (session, instance) = (self.id(), self.instance());
        SeatRequest {
            session: self,
            method,
            path: format!("/api/v1/queue/{ticket}?session={session}&instance={instance}{rest}"),
            accept: "*/*",
            body: String::new(),
        }
    }
}
