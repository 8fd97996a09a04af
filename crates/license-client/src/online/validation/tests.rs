use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use super::*;
use crate::online::error::MissingLogin;
use crate::online::settings::OnlineSettings;
use crate::testing::{self, TestMachine};

/// Starts a proxy that connects to nothing and answers in place of every server. Returns its URL.
fn proxy(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut read_head = || {
                let lines = lines.by_ref().map_while(Result::ok);
                lines.take_while(|line| !line.is_empty()).count()
            };
            // The first request is the CONNECT, and the second one the validation.
            read_head();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            read_head();
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    url
}

/// Validates a license with a server on another machine, without TLS.
fn validate(answer: &'static str) -> OnlineError {
    let machine = TestMachine::new(FeatureMatrix::built_in());
    machine.install(testing::license("PRO"));
    let manager = machine.manager();
    let settings = OnlineSettings::new().server("http://licenses.acme.example");
    let resolved = manager.resolve_online(&settings.allow_http(true)).unwrap();
    let proxy = proxy(answer);
    let transport = Transport::in_environment(&resolved, |name| {
        (name == "http_proxy").then(|| proxy.clone().into())
    });
    let flow = ValidationFlow {
        transport: &transport.unwrap(),
        login: &RequestLogin::Missing(MissingLogin::NotConfigured),
        manager: &manager,
        matrix: machine.product(),
        context: &Context::at(machine.now()),
        limit: Limit::Configured,
    };
    flow.validate().unwrap_err()
}

#[test]
fn an_unsigned_refusal_over_http_from_another_machine_counts_as_no_answer() {
    let error = validate(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
         {\"valid\": false, \"code\": \"EXPIRED\", \"tier\": \"FREE\", \"features\": [], \
         \"quotas\": {}, \"expires_at\": null, \"validation\": null, \"renewal\": null}",
    );
    assert_eq!(error.code(), "UNAUTHENTICATED_ANSWER", "{error}");
    assert!(error.is_unreachable());
    assert!(error.to_string().contains("http://licenses.acme.example"));
}

#[test]
fn a_problem_over_http_from_another_machine_is_marked_as_unproved() {
    let error = validate(
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\n\r\n{\"code\": \"UNKNOWN_LICENSE\", \"detail\": \"x\"}",
    );
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.is_authenticated), (401, false));
}
