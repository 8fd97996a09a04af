//! Requests over HTTP to the server on a free port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use license_client::FeatureMatrix;
use license_client::testing::{self, TestLicense, TestMachine};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::{User, router};

/// The server of the guide on a machine of its own.
struct Server {
    address: SocketAddr,
    /// Runs the server until it is dropped.
    _runtime: Runtime,
    _machine: TestMachine,
}

impl Server {
    /// Starts the server with this license.
    fn start(license: Option<TestLicense>) -> Self {
        let machine = TestMachine::new(FeatureMatrix::built_in());
        if let Some(license) = license {
            machine.install(license);
        }
        let router = router(Arc::new(machine.client()));
        let router = router.layer(middleware::from_fn(authenticate));
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            _runtime: runtime,
            _machine: machine,
        }
    }

    /// Sends a request of a user. Returns the status and the body of the response.
    fn post(&self, path: &str, user: &str) -> (u16, String) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nX-User: {user}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n",
            self.address
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

/// Stands for the middleware of an application: the header `X-User` names the user.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let user = request.headers().get("x-user");
    let user = user.and_then(|user| user.to_str().ok()).map(str::to_owned);
    request.extensions_mut().insert(User(user.unwrap()));
    next.run(request).await
}

fn done(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

fn refused(status: u16) -> (u16, String) {
    (status, String::new())
}

#[test]
fn a_feature_of_the_tier_is_allowed() {
    let server = Server::start(Some(testing::license("PRO")));
    assert_eq!(server.post("/sync", "ann"), done("synchronized"));
}

#[test]
fn a_feature_of_a_higher_tier_is_forbidden() {
    let server = Server::start(None);
    assert_eq!(server.post("/sync", "ann"), refused(403));
}

#[test]
fn all_users_share_a_quota_and_a_use_beyond_it_is_refused() {
    let server = Server::start(None);
    for user in ["ann", "bob"].into_iter().cycle().take(10) {
        assert_eq!(server.post("/command", user), done("done"));
    }
    assert_eq!(server.post("/command", "ann"), refused(429));
}

#[test]
fn a_license_for_named_users_is_refused_to_others() {
    let server = Server::start(Some(testing::license("PRO").user("ann")));
    assert_eq!(server.post("/sync", "ann"), done("synchronized"));
    assert_eq!(server.post("/sync", "bob"), refused(403));
}

#[test]
fn a_request_with_the_empty_user_name_gets_the_base_tier() {
    let server = Server::start(Some(testing::license("PRO").user("ann")));
    assert_eq!(server.post("/sync", ""), refused(403));
    assert_eq!(server.post("/command", ""), done("done"));
    let server = Server::start(Some(testing::license("PRO")));
    assert_eq!(server.post("/sync", ""), done("synchronized"));
}

#[test]
fn a_request_without_a_value_that_the_license_restricts_is_forbidden() {
    let license = testing::license("PRO").maintenance_until("2026-06-01");
    let server = Server::start(Some(license));
    assert_eq!(server.post("/sync", "ann"), refused(403));
    assert_eq!(server.post("/command", "ann"), refused(403));
}
