//! Requests of unusual form, as bytes. ADR-091 has a table of the answers.

use license_tests::Scratch;
use license_tests::server::Server;
use serde_json::json;

use super::site::Site;

const VALIDATE: &str = "/api/v1/licenses/validate";

/// The body of a validation that a server without a license answers with `NOT_READY`.
const BODY: &str = r#"{"license_key": "CODITECT-PRO-A7F3E9D2C4B1-8F2A", "machine_id": "m"}"#;

/// The code of the answer to a body that was received.
const RECEIVED: &str = r#""code":"NOT_READY""#;

/// Returns the statuses of all answers on a connection.
fn statuses(answers: &str) -> Vec<&str> {
    let answers = answers.split("HTTP/1.").skip(1);
    answers.map(|answer| &answer[2..5]).collect()
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{headers}\r\n")
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST {VALIDATE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    )
}

/// Returns the body in one chunk.
fn chunked(extension: &str, trailer: &str) -> String {
    format!(
        "{:x}{extension}\r\n{BODY}\r\n0\r\n{trailer}\r\n",
        BODY.len()
    )
}

#[test]
fn a_request_has_exactly_one_valid_host() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    // The server ends the connection after the refusal, so no second answer follows.
    for headers in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a b\r\n",
        "Host: u@a\r\n",
    ] {
        let twice = get("/healthz", headers).repeat(2);
        let answer = server.send_raw(twice.as_bytes());
        assert_eq!(statuses(&answer), ["400"], "{headers}: {answer}");
        assert!(answer.contains(r#""code":"MALFORMED""#), "{answer}");
        assert!(answer.contains("Host"), "{answer}");
    }
    for headers in ["Host: a\r\n", "Host:\r\n", "Host: [::1]:8443\r\n"] {
        let close = format!("{headers}Connection: close\r\n");
        let answer = server.send_raw(get("/healthz", &close).as_bytes());
        assert_eq!(statuses(&answer), ["200"], "{headers}: {answer}");
    }
    let old = server.send_raw(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(statuses(&old), ["200"], "{old}");
    let metrics = server.start["metrics"].as_str().unwrap();
    let stream = std::net::TcpStream::connect(metrics).unwrap();
    std::io::Write::write_all(&mut &stream, get("/metrics", "").as_bytes()).unwrap();
    let answer = license_tests::server::read_to_end(stream);
    assert_eq!(statuses(&answer), ["400"], "{answer}");
}

#[test]
fn requests_in_a_row_get_their_answers_in_order() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let requests = [
        get("/healthz", "Host: a\r\n"),
        post(&format!("Content-Length: {}\r\n", BODY.len()), BODY),
        get("/nothing", "Host: a\r\n"),
        get("/readyz", "Host: a\r\nConnection: close\r\n"),
        get("/healthz", "Host: a\r\n"),
    ];
    let answers = server.send_raw(requests.concat().as_bytes());
    assert_eq!(
        statuses(&answers),
        ["200", "503", "404", "503"],
        "{answers}"
    );
}

#[test]
fn a_body_ends_where_one_rule_says_or_the_connection_does() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let length = format!("Content-Length: {}\r\n", BODY.len());
    let smuggled = get("/healthz", "Host: a\r\n");
    let (plain, long) = (
        chunked("", ""),
        chunked(&format!(";{}", "a".repeat(20_000)), ""),
    );
    let chunks = "Transfer-Encoding: chunked\r\n";
    for (name, request, status, is_received) in [
        (
            "length and chunks",
            post(
                &format!("Content-Length: 5\r\n{chunks}"),
                &format!("{plain}{smuggled}"),
            ),
            "503",
            true,
        ),
        (
            "chunks and length",
            post(
                &format!("{chunks}Content-Length: 5\r\n"),
                &format!("{plain}{smuggled}"),
            ),
            "503",
            true,
        ),
        (
            "equal lengths",
            post(&format!("{length}{length}"), BODY),
            "503",
            true,
        ),
        (
            "lengths in a list",
            post("Content-Length: 4, 4\r\n", BODY),
            "400",
            false,
        ),
        ("a sign", post("Content-Length: +4\r\n", BODY), "400", false),
        (
            "gzip",
            post("Transfer-Encoding: gzip\r\n", &plain),
            "400",
            false,
        ),
        (
            "chunked, gzip",
            post("Transfer-Encoding: chunked, gzip\r\n", &plain),
            "400",
            false,
        ),
        (
            "another coding",
            post("Transfer-Encoding: xchunked\r\n", &plain),
            "400",
            false,
        ),
        ("extension", post(chunks, &chunked(";a=b", "")), "503", true),
        ("long extension", post(chunks, &long), "400", false),
        (
            "trailer",
            post(chunks, &chunked("", "X: y\r\n")),
            "503",
            true,
        ),
        (
            "huge chunk",
            post(chunks, "fffffffffffffffff\r\n"),
            "400",
            false,
        ),
    ] {
        let request = request.replacen("Host: a\r\n", "Host: a\r\nConnection: close\r\n", 1);
        let answer = server.send_raw(request.as_bytes());
        assert_eq!(statuses(&answer), [status], "{name}: {answer}");
        assert_eq!(answer.contains(RECEIVED), is_received, "{name}: {answer}");
    }
    // The connection ends even if the client wants to keep it.
    let both = post(
        &format!("Content-Length: 5\r\n{chunks}"),
        &format!("{plain}{smuggled}"),
    );
    let answer = server.send_raw(both.as_bytes());
    assert_eq!(statuses(&answer), ["503"], "{answer}");
    let expect = format!("{length}Expect: 100-continue\r\nConnection: close\r\n");
    let answer = server.send_raw(post(&expect, BODY).as_bytes());
    assert_eq!(statuses(&answer), ["100", "503"], "{answer}");
    let unread = server.send_raw(get("/healthz", "Host: a\r\nContent-Length: 4\r\n").as_bytes());
    assert_eq!(statuses(&unread), ["200"], "{unread}");
}

#[test]
fn a_target_is_compared_as_it_is_written() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let long = format!("/{}", "a".repeat(70_000));
    for (target, status) in [
        ("http://other.example/healthz", "200"),
        ("https://user:secret@other.example/healthz", "200"),
        ("/healthz?x=%00", "200"),
        ("/%68ealthz", "404"),
        ("/%2e%2e/healthz", "404"),
        ("/api/v1/../../healthz", "404"),
        ("//healthz", "404"),
        ("/healthz/", "404"),
        ("/healthz%00", "404"),
        ("/api%2fv1%2ftokens", "404"),
        ("/api/v1/queue/%zz", "401"),
        (&long, "414"),
    ] {
        let request = get(target, "Host: a\r\nConnection: close\r\n");
        let answer = server.send_raw(request.as_bytes());
        assert_eq!(statuses(&answer), [status], "{target:.60}: {answer}");
    }
    for (request, status) in [
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n", "404"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n", "404"),
        ("GET /healthz HTTP/1.1\r\nHost : a\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n", "400"),
        (
            "GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n",
            "200",
        ),
    ] {
        let request = format!("{request}Connection: close\r\n\r\n");
        let answer = server.send_raw(request.as_bytes());
        assert_eq!(statuses(&answer), [status], "{request}: {answer}");
    }
    let log = scratch.read("server.log");
    assert!(
        !log.contains("secret"),
        "the log contains a part of a target"
    );
}

#[test]
fn names_of_sessions_users_and_pools_are_values_only() {
    let site = Site::new("--tier team --seats 100 --offline --perpetual");
    let server = site.start(&[]);
    let administrator = server.administrator();
    let long = "u".repeat(256);
    let names = [
        "admin",
        "null",
        "*",
        "../../etc/passwd",
        "' OR 1=1 --",
        "<script>",
        "{{7*7}}",
        "%00",
        "\u{202e}nna",
        &long,
    ];
    for (number, name) in (1..).zip(names) {
        let session = site.session(number);
        let acquired = session.acquire_as(&server, name);
        assert_eq!(acquired.status, 201, "{name}: {acquired:?}");
    }
    let pool = administrator.get("/api/v1/pools").expect(200)["items"][0]["pool"].clone();
    let pool = pool.as_str().unwrap();
    let leases = administrator
        .get(&format!("/api/v1/pools/{pool}/leases"))
        .expect(200);
    let leases = leases["items"].as_array().unwrap();
    for name in names {
        assert!(leases.iter().any(|lease| lease["user"] == name), "{name}");
    }
    for name in ["", "a\0b", "a\nb", &"u".repeat(257)] {
        let refused = site.session(50).acquire_as(&server, name);
        refused.expect_problem(400, "BAD_REQUEST");
    }
    let seq = json!(1);
    let body =
        json!({"instance": format!("inst_{:032x}", 1), "seq": seq, "secret": "0".repeat(64)});
    let release = |session: &str| {
        let path = format!("/api/v1/seats/{session}/release");
        site.session(1).post(&server, &path, &body)
    };
    let session = site.session(1).id();
    for session in [
        "null",
        "..%2f..",
        "%00",
        &session.to_uppercase(),
        &format!("{session}0"),
    ] {
        release(session).expect_problem(404, "NOT_FOUND");
    }
    // An encoded form of the same name is the same session.
    release(&session.replace('_', "%5f")).expect_problem(403, "SECRET_MISMATCH");
    for pool in [
        "null",
        "..%2f..",
        "'",
        "%00",
        &"p".repeat(1000),
        &pool.to_uppercase(),
    ] {
        let found = administrator.get(&format!("/api/v1/pools/{pool}"));
        found.expect_problem(404, "NOT_FOUND");
    }
}
