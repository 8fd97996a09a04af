//! The end of a server: requests that have begun are answered.

use std::io::{Read, Write};

use license_tests::Scratch;
use license_tests::server::{Server, read_to_end};

#[test]
fn a_request_that_has_begun_is_answered_and_idle_connections_end() {
    for signal in ["TERM", "INT"] {
        let scratch = Scratch::new();
        let server = Server::start(&scratch, &[]);
        let idle = server.connect();
        let mut begun = server.connect();
        let head = b"POST /api/v1/licenses/validate HTTP/1.1\r\nHost: a\r\n\
            Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
        begun.write_all(head).unwrap();
        // The server asks for the body, so it has begun the request.
        let mut interim = [0; 25];
        begun.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        server.signal(signal);
        assert_eq!(read_to_end(idle), "");
        begun.write_all(b"{}").unwrap();
        let answer = read_to_end(begun);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(server.stop().success());
    }
}

#[test]
fn a_request_that_never_ends_does_not_keep_the_server() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &["--shutdown-timeout", "1"]);
    let mut begun = server.connect();
    let head = b"POST /api/v1/licenses/validate HTTP/1.1\r\nHost: a\r\n\
        Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    begun.write_all(head).unwrap();
    let mut interim = [0; 25];
    begun.read_exact(&mut interim).unwrap();
    assert!(server.stop().success());
    assert_eq!(read_to_end(begun), "");
}
