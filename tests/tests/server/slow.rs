//! Slow clients: each loses its connection, and no other client notices.

use std::io::Write;
use std::net::TcpStream;

use license_tests::Scratch;
use license_tests::server::{Server, read_to_end};

/// Time limits of one second, so that the tests are quick.
const QUICK: [&str; 8] = [
    "--header-timeout",
    "1",
    "--body-timeout",
    "1",
    "--idle-timeout",
    "1",
    "--handshake-timeout",
    "1",
];

/// Sends bytes one by one until the server ends the connection.
fn drip(mut stream: TcpStream, bytes: impl Iterator<Item = u8>) -> String {
    let mut reader = stream.try_clone().unwrap();
    let pause = std::time::Duration::from_millis(50);
    reader.set_read_timeout(Some(pause)).unwrap();
    for byte in bytes {
        // A byte to a connection that has ended is an error, at the latest the second one.
        if stream.write_all(&[byte]).is_err() {
            return String::new();
        }
        let mut answer = [0; 64];
        match std::io::Read::read(&mut reader, &mut answer) {
            Ok(0) => return String::new(),
            Ok(count) => return String::from_utf8_lossy(&answer[..count]).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return String::new(),
        }
    }
    panic!("the server waited for all bytes");
}

/// Returns more bytes than a patient server would read within minutes.
fn endless() -> impl Iterator<Item = u8> {
    std::iter::repeat_n(b'a', 2400)
}

#[test]
fn a_header_or_a_body_that_drips_loses_its_connection() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &QUICK);
    // Nothing at all.
    assert_eq!(read_to_end(server.connect()), "");
    // A header that never ends.
    let header = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ".iter().copied();
    assert_eq!(drip(server.connect(), header.chain(endless())), "");
    // A body that never ends is answered, because its request is known.
    let mut stream = server.connect();
    let request = b"POST /api/v1/licenses/validate HTTP/1.1\r\nHost: a\r\n\
        Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n";
    stream.write_all(request).unwrap();
    let answer = drip(stream, endless());
    assert!(
        answer.starts_with("HTTP/1.1 408") || answer.is_empty(),
        "{answer}"
    );
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn an_idle_connection_ends_after_its_answer() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &QUICK);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let answer = read_to_end(stream);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let metrics = format!(
        "http://{}/metrics",
        server.start["metrics"].as_str().unwrap()
    );
    let metrics = server.send("GET", &metrics, &[], "").body;
    let line = r#"license_http_closed_connections_total{reason="idle"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn a_client_that_never_reads_its_answer_loses_its_connection() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &QUICK);
    let mut stream = server.connect();
    // The answers exceed every buffer between the server and the client.
    let request = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n";
    let pause = std::time::Duration::from_secs(60);
    stream.set_write_timeout(Some(pause)).unwrap();
    let written = (0..400_000).try_for_each(|_| stream.write_all(request));
    let error = written.unwrap_err().kind();
    assert_ne!(
        error,
        std::io::ErrorKind::WouldBlock,
        "the server keeps the connection"
    );
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn a_slow_handshake_loses_its_connection() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[&QUICK[..], &["--tls", "on"]].concat());
    assert_eq!(read_to_end(server.connect()), "");
    // The start of a record of a handshake, whose rest never comes.
    let start = [22, 3, 1, 63, 255, 1, 0, 60, 0].into_iter();
    assert_eq!(drip(server.connect(), start.chain(endless())), "");
    // A client that speaks HTTP gets no answer over a port with TLS.
    let answer = server.send_raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!answer.starts_with("HTTP/"), "{answer}");
}

/// Sends a request over a connection that stays open, and waits for the answer.
fn ask(stream: &mut TcpStream) {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"{\"status\":\"ok\"}") {
        let mut byte = [0];
        std::io::Read::read_exact(stream, &mut byte).unwrap();
        answer.extend(byte);
    }
}

#[test]
fn many_connections_of_one_peer_do_not_exhaust_the_server() {
    let scratch = Scratch::new();
    let limits = [
        "--max-connections",
        "40",
        "--max-connections-per-peer",
        "20",
    ];
    let server = Server::start(&scratch, &limits);
    let mut open: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    open.iter_mut().for_each(ask);
    let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    // The next connection ends at once. The others stay.
    assert_eq!(server.send_raw(request), "");
    open.iter_mut().for_each(ask);
    drop(open);
    // The places are free again as soon as the server notices.
    let is_free = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.send_raw(request).starts_with("HTTP/1.1 200")
    });
    assert!(is_free);
}
