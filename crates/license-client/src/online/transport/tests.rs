use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use super::super::error::UnreachableReason;
use super::super::settings::OnlineSettings;
use super::*;
use crate::paths::Paths;
use crate::state_dir::StateDir;

/// Starts a proxy that answers each request with these bytes. Returns its URL, and the first lines
/// of the requests.
fn proxy(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .by_ref()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            if sender.send(head.join("\n")).is_err() {
                return;
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, receiver)
}

/// Asks a server that does not exist, in an environment.
fn ask(server: &str, environment: &[(&str, &str)]) -> OnlineError {
    let scratch = tempfile::tempdir().unwrap();
    let paths = Paths::at(StateDir::at(scratch.path()));
    let settings = OnlineSettings::new().server(server).allow_http(true);
    let resolved = settings
        .timeout(Duration::from_secs(60))
        .resolve("SHOP", &paths, |_| None);
    let transport = Transport::in_environment(&resolved.unwrap(), |name| {
        let found = environment.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.into())
    });
    let call = Call {
        method: Method::GET,
        path: "/readyz",
        body: None,
        license: Some("KEY"),
        deletion_secret: None,
        idempotency_key: None,
    };
    let answer =
        transport.and_then(|transport| transport.send(&call, Route::Any, Limit::Configured));
    match answer {
        Ok(_) => panic!("the server does not exist"),
        Err(error) => error,
    }
}

#[test]
fn a_proxy_gets_the_name_of_the_server_and_never_the_license_key() {
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let (url, requests) = proxy(refusal);
    let with_password = url.replace("http://", "http://ann:secret@");
    for (server, variable, target) in [
        (
            "https://licenses.acme.example",
            "HTTPS_PROXY",
            "licenses.acme.example:443",
        ),
        (
            "https://licenses.acme.example:8443",
            "ALL_PROXY",
            "licenses.acme.example:8443",
        ),
        (
            "http://licenses.acme.example",
            "http_proxy",
            "licenses.acme.example:80",
        ),
    ] {
        let error = ask(server, &[(variable, &with_password)]);
        assert_eq!(error.code(), "PROXY_REFUSED", "{error}");
        let text = error.to_string();
        assert!(
            text.contains(server) && text.contains("proxy 127.0.0.1"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
        let head = requests.recv().unwrap();
        assert!(
            head.starts_with(&format!("CONNECT {target} HTTP/1.1")),
            "{head}"
        );
        assert!(
            head.to_lowercase().contains("proxy-authorization: basic"),
            "{head}"
        );
        assert!(!head.contains("KEY"), "{head}");
    }
}

#[test]
fn a_proxy_that_is_not_reached_is_named() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let error = ask("https://licenses.acme.example", &[("https_proxy", &closed)]);
    let OnlineError::Unreachable { server, reason } = &error else {
        panic!("{error}");
    };
    assert_eq!(*reason, UnreachableReason::Refused);
    assert!(server.contains("through proxy 127.0.0.1:"), "{server}");
}

#[test]
fn a_server_on_this_machine_is_reached_directly() {
    let (url, requests) = proxy("");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let error = ask(&closed, &[("http_proxy", &url), ("all_proxy", &url)]);
    assert_eq!(error.code(), "SERVER_UNREACHABLE", "{error}");
    assert!(!error.to_string().contains("proxy"), "{error}");
    assert!(requests.try_recv().is_err(), "the proxy got a request");
}

#[test]
fn a_seat_is_renewed_at_another_server_if_its_own_is_not_reached() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let ask = |answer| {
        let (other, requests) = proxy(answer);
        let scratch = tempfile::tempdir().unwrap();
        let paths = Paths::at(StateDir::at(scratch.path()));
        let settings = OnlineSettings::new().server(&other).server(&closed);
        let resolved = settings.resolve("SHOP", &paths, |_| None).unwrap();
        let transport = Transport::in_environment(&resolved, |_| None).unwrap();
        let call = Call {
            method: Method::GET,
            path: "/renew",
            body: None,
            license: None,
            deletion_secret: None,
            idempotency_key: None,
        };
        let answer = transport.send(&call, Route::First(1), Limit::Configured);
        assert!(requests.recv().unwrap().starts_with("GET /renew"));
        answer.map(|answer| answer.server)
    };
    let success =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(ask(success).unwrap(), 0);
    // A server with another database does not know the seat.
    let refusal = "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\n\
                   content-length: 21\r\n\r\n{\"code\":\"LEASE_LOST\"}";
    let error = ask(refusal).unwrap_err();
    assert_eq!(error.code(), "SERVER_UNREACHABLE", "{error}");
    assert!(error.to_string().contains(&closed), "{error}");
}
