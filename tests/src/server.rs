//! A license server as a process of its own, and a client for it.

mod response;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use crate::{Run, Scratch, programs};

pub use response::{Response, agent, send};

/// The time after which a test stops waiting and fails. No test asserts that something takes this
/// long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server on a free port, with a data directory in the scratch directory.
///
/// Dropping the value kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The line that the server printed when it was ready.
    pub start: Value,
    /// Created for the first request, because the start of a server is measured too.
    agent: OnceLock<Agent>,
}

/// A server that may not be ready. Dropping the value kills the process.
#[derive(Debug)]
pub struct StartingServer(Server);

/// Returns a run of `license-server` with the data directory `data` of the scratch directory.
pub fn license_server(scratch: &Scratch) -> Run<'_> {
    let run = Run::new(programs::license_server(), scratch).without_env("CODITECT_HOME");
    run.env("LICENSE_SERVER_DATA_DIR", scratch.file("data"))
}

impl StartingServer {
    /// Starts a server on a free port of the loopback interface, unless the arguments name a port.
    ///
    /// # Panics
    ///
    /// Panics if the process cannot be started.
    pub fn new(run: Run<'_>, scratch: &Scratch, arguments: &[&str]) -> Self {
        let log = File::create(scratch.file("server.log")).expect("the log can be created");
        let has = |option: &str| arguments.contains(&option);
        let mut run = run.args(["run", "--json"]).args(arguments);
        if !has("--listen") {
            run = run.args(["--listen", "127.0.0.1:0"]);
        }
        if !has("--metrics-listen") {
            run = run.args(["--metrics-listen", "127.0.0.1:0"]);
        }
        Self(Server {
            child: run.start_with_stderr(log.into()),
            start: Value::Null,
            agent: OnceLock::new(),
        })
    }

    /// Waits until the server is ready.
    ///
    /// # Panics
    ///
    /// Panics with the log if the server ends.
    #[track_caller]
    pub fn wait(self, scratch: &Scratch) -> Server {
        let mut server = self.0;
        let stdout = server.child.stdout.take().expect("the output is a pipe");
        let printed = first_object(stdout);
        let Some(start) = printed.clone().filter(|start| start["error"].is_null()) else {
            let status = server.child.wait().expect("the process ends");
            let log = scratch.read("server.log");
            panic!("the server ended with {status}\n{printed:#?}\n{log}");
        };
        server.start = start;
        server
    }
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Panics
    ///
    /// Panics with the log if the server does not start.
    #[track_caller]
    pub fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        Self::start_with(license_server(scratch), scratch, arguments)
    }

    /// Starts a server with a prepared run, such as one with another environment.
    ///
    /// # Panics
    ///
    /// Panics with the log if the server does not start.
    #[track_caller]
    pub fn start_with(run: Run<'_>, scratch: &Scratch, arguments: &[&str]) -> Self {
        StartingServer::new(run, scratch, arguments).wait(scratch)
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> &str {
        self.start["url"]
            .as_str()
            .expect("the server prints its URL")
    }

    /// Returns the address of the server.
    pub fn address(&self) -> SocketAddr {
        let (_, address) = self.url().split_once("://").expect("a URL has a scheme");
        address.parse().expect("the URL contains an address")
    }

    /// Returns the status of the process if it has ended.
    ///
    /// # Panics
    ///
    /// Panics if the system does not return the status.
    pub fn try_wait(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("a child has a status")
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a request. `path` starts with a slash, or is a whole URL. An empty body sends none.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no response.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Response, ureq::Error> {
        let url = if path.starts_with('/') {
            format!("{}{path}", self.url())
        } else {
            path.to_owned()
        };
        let agent = self.agent.get_or_init(|| agent(PATIENCE));
        send(agent, method, &url, headers, body)
    }

    /// Sends a GET request.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], "")
    }

    /// Sends a POST request with JSON.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[], &body.to_string())
    }

    /// Creates the first administrator with the one-time link, and returns its token.
    ///
    /// # Panics
    ///
    /// Panics if there is an administrator already.
    #[track_caller]
    pub fn administrator(&self) -> Administrator<'_> {
        let link = self.start["setup_url"]
            .as_str()
            .expect("there is no administrator yet");
        let (_, secret) = link.rsplit_once('/').expect("a URL has a path");
        let body = serde_json::json!({"secret": secret, "name": "test"});
        let created = self.post("/api/v1/setup", &body).expect(201);
        let secret = created["secret"].as_str().expect("the token has a secret");
        self.as_administrator(&format!("Bearer {secret}"))
    }

    /// Returns an administrator that was created before, by the value of the header
    /// `Authorization`.
    pub fn as_administrator(&self, authorization: &str) -> Administrator<'_> {
        Administrator {
            server: self,
            authorization: authorization.to_owned(),
        }
    }

    /// Opens a connection for raw bytes. Reads fail after a minute.
    ///
    /// # Panics
    ///
    /// Panics if the server refuses the connection.
    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the server accepts connections");
        let set = stream.set_read_timeout(Some(PATIENCE));
        set.expect("a time limit can be set");
        stream
    }

    /// Sends raw bytes, and returns what the server answers until it ends the connection.
    ///
    /// # Panics
    ///
    /// Panics if the server does not end the connection within a minute.
    #[track_caller]
    pub fn send_raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may end the connection before it has read everything.
        let _ = stream.write_all(bytes);
        read_to_end(stream)
    }

    /// Asks the process to stop, and waits for its end.
    ///
    /// # Panics
    ///
    /// Panics if the signal cannot be sent.
    #[track_caller]
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("the process ends")
    }

    /// Waits for the end of a process that stops by itself.
    ///
    /// # Panics
    ///
    /// Panics if the process cannot be waited for.
    #[track_caller]
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the process ends")
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    ///
    /// Panics if the signal cannot be sent.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.expect("kill can be started").success());
    }

    /// Kills the process.
    ///
    /// # Panics
    ///
    /// Panics if the process cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process has ended already if the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An administrator of a server.
#[derive(Debug)]
pub struct Administrator<'s> {
    server: &'s Server,
    /// The value of the header `Authorization`.
    pub authorization: String,
}

impl Administrator<'_> {
    /// Sends a GET request.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        let headers = [("authorization", self.authorization.as_str())];
        self.server.send("GET", path, &headers, "")
    }

    /// Sends a request with JSON.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let headers = [("authorization", self.authorization.as_str())];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.server.send(method, path, &headers, &body)
    }

    /// Sends a POST request with JSON.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, body)
    }
}

/// Reads from a connection until the server ends it. A reset connection counts as ended.
///
/// # Panics
///
/// Panics if the server does not end the connection within a minute.
#[track_caller]
pub fn read_to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let is_end = matches!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        );
        assert!(is_end, "{error}");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads lines until they are one JSON object. Returns `None` if the output ends before.
fn first_object(output: impl Read) -> Option<Value> {
    let mut text = String::new();
    for line in BufReader::new(output).lines() {
        text.push_str(&line.ok()?);
        text.push('\n');
        if let Ok(object) = serde_json::from_str(&text) {
            return Some(object);
        }
    }
    None
}

/// Returns a free port of the loopback interface. Another process can take it before it is used.
///
/// # Panics
///
/// Panics if the system has no free port.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener
        .local_addr()
        .expect("a listener has an address")
        .port()
}
