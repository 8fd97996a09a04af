//! Hostile requests: each is refused with a documented status, and the server continues to run.

use license_tests::Scratch;
use license_tests::server::Server;
use serde_json::json;

const VALIDATE: &str = "/api/v1/licenses/validate";
const JSON: (&str, &str) = ("content-type", "application/json");
const LICENSE: (&str, &str) = ("authorization", "License CODITECT-PRO-A7F3E9D2C4B1-8F2A");
const TICKET: &str = "/api/v1/queue/tick_00000000000000000000000000000000\
    ?session=sess_00000000000000000000000000000000\
    &instance=inst_00000000000000000000000000000000";
const RELEASE: &str =
    r#"{"instance": "inst_00000000000000000000000000000000", "seq": 1, "secret": "s"}"#;

#[test]
fn requests_that_are_not_acceptable_are_problems_with_a_code() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let large = format!(
        r#"{{"license_key": "{}", "machine_id": "m"}}"#,
        "a".repeat(70_000)
    );
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let long = "k".repeat(300);
    for (method, path, headers, body, status, code) in [
        ("GET", "/nothing", vec![], "", 404, "NOT_FOUND"),
        ("GET", VALIDATE, vec![], "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", VALIDATE, vec![JSON], "", 400, "MALFORMED"),
        ("POST", VALIDATE, vec![JSON], "{", 400, "MALFORMED"),
        ("POST", VALIDATE, vec![JSON], "[]", 400, "MALFORMED"),
        ("POST", VALIDATE, vec![JSON], "null", 400, "MALFORMED"),
        ("POST", VALIDATE, vec![JSON], &deep, 400, "MALFORMED"),
        (
            "POST",
            VALIDATE,
            vec![JSON],
            r#"{"license_key": "k"}"#,
            400,
            "MALFORMED",
        ),
        (
            "POST",
            VALIDATE,
            vec![JSON],
            r#"{"license_key": "k", "machine_id": "m", "admin": true}"#,
            400,
            "MALFORMED",
        ),
        (
            "POST",
            VALIDATE,
            vec![JSON],
            r#"{"license_key": "k", "machine_id": "m", "machine_id": "n"}"#,
            400,
            "MALFORMED",
        ),
        (
            "POST",
            VALIDATE,
            vec![JSON],
            r#"{"license_key": 1, "machine_id": "m"}"#,
            400,
            "MALFORMED",
        ),
        ("POST", VALIDATE, vec![JSON], &large, 413, "TOO_LARGE"),
        (
            "POST",
            VALIDATE,
            vec![("content-type", "text/plain")],
            "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "POST",
            VALIDATE,
            vec![JSON, ("idempotency-key", &long)],
            "{}",
            400,
            "MALFORMED",
        ),
        ("GET", "/api/v1/tokens", vec![], "", 401, "UNAUTHORIZED"),
        (
            "GET",
            "/api/v1/tokens",
            vec![("authorization", "Bearer lsv_AAAA")],
            "",
            401,
            "UNAUTHORIZED",
        ),
        (
            "GET",
            "/api/v1/tokens",
            vec![("authorization", "Basic YTpi")],
            "",
            401,
            "UNAUTHORIZED",
        ),
        (
            "POST",
            "/api/v1/seats",
            vec![JSON],
            "{}",
            401,
            "UNAUTHORIZED",
        ),
        ("GET", "/api/v1/queue/none", vec![], "", 401, "UNAUTHORIZED"),
        (
            "GET",
            "/api/v1/queue/none",
            vec![LICENSE],
            "",
            400,
            "BAD_REQUEST",
        ),
        ("DELETE", TICKET, vec![LICENSE], "", 503, "NOT_READY"),
        (
            "DELETE",
            "/api/v1/queue/none?other=1",
            vec![LICENSE],
            "",
            400,
            "BAD_REQUEST",
        ),
        (
            "POST",
            "/api/v1/seats/none/release",
            vec![JSON, LICENSE],
            RELEASE,
            404,
            "NOT_FOUND",
        ),
    ] {
        let response = server.send(method, path, &headers, body);
        let problem = response.expect_problem(status, code);
        assert!(problem["hint"].is_string(), "{method} {path}: {problem}");
        assert_eq!(response.header("x-request-id").len(), 36, "{method} {path}");
    }
    assert_eq!(server.get("/healthz").status, 200);
    let log = scratch.read("server.log");
    assert!(!log.contains("lsv_AAAA"), "the log contains a credential");
}

#[test]
fn bytes_that_are_not_http_end_the_connection_only() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let header = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "a".repeat(1_000_000)
    );
    let headers = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n",
        (0..200)
            .map(|number| format!("X-{number}: a\r\n"))
            .collect::<String>()
    );
    let post = |rest: &str| {
        format!("POST {VALIDATE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{rest}")
    };
    for (bytes, expected) in [
        ("\0\0\0\0\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), ""),
        ("GET /\r\n\r\n".to_owned(), ""),
        (header, ""),
        (headers, "HTTP/1.1 431"),
        (
            post("Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
            "HTTP/1.1 400",
        ),
        (post("Content-Length: -1\r\n\r\n"), "HTTP/1.1 400"),
        (
            post("Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "HTTP/1.1 400",
        ),
        (
            post("Content-Length: 99999999999\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 413",
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
    ] {
        let answer = server.send_raw(bytes.as_bytes());
        assert!(answer.starts_with(expected), "{bytes:.60}: {answer}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn methods_that_a_client_invents_are_one_time_series() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    for method in ["AAAAAAA", "BBBBBBB", "get"] {
        let request = format!("{method} /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = server.send_raw(request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    }
    let metrics = server.start["metrics"].as_str().unwrap();
    let metrics = server.send("GET", &format!("http://{metrics}/metrics"), &[], "");
    let line = r#"license_http_requests_total{method="other",route="/healthz",status="405"} 3"#;
    assert!(metrics.body.contains(line), "{}", metrics.body);
    assert!(!scratch.read("server.log").contains("AAAAAAA"));
}

#[test]
fn a_ticket_has_no_method_that_claims_a_seat_without_its_lease() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let path = format!("{TICKET}&nonce=00000000000000000000000000000000");
    let response = server.send("HEAD", &path, &[LICENSE], "");
    assert_eq!(
        (response.status, response.header("allow")),
        (405, "GET, DELETE")
    );
}

#[test]
fn a_refused_request_keeps_no_idempotency_key() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let key = ("idempotency-key", "0f8b3c1e");
    let send = |body: &str| server.send("POST", VALIDATE, &[JSON, key], body);
    send("{").expect_problem(400, "MALFORMED");
    // The client can correct the body, and nothing was stored.
    send("{}").expect_problem(400, "MALFORMED");
    assert!(send("{}").header("idempotency-replayed").is_empty());
}

#[test]
fn a_client_cannot_choose_its_address_or_write_to_the_log() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &["--peer-rate", "2"]);
    let limited = (0..40).map(|number| {
        let address = format!("203.0.113.{number}");
        let headers = [
            ("x-forwarded-for", address.as_str()),
            ("x-request-id", "forged"),
        ];
        server.send("GET", "/healthz", &headers, "")
    });
    let limited: Vec<_> = limited.filter(|response| response.status == 429).collect();
    let problem = limited.first().unwrap().expect_problem(429, "RATE_LIMITED");
    assert!(
        problem["hint"].as_str().unwrap().contains("Retry-After"),
        "{problem}"
    );
    assert!(limited[0].header("retry-after").parse::<u32>().unwrap() > 0);
    let log = scratch.read("server.log");
    assert!(
        !log.contains("forged") && !log.contains("203.0.113"),
        "{log}"
    );
}

#[test]
fn wrong_tokens_are_limited_for_each_peer() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let administrator = server.administrator();
    let codes = (0..60).map(|number| {
        let bearer = format!("Bearer lsv_{number}");
        server
            .send("GET", "/api/v1/audit", &[("authorization", &bearer)], "")
            .status
    });
    let codes: Vec<u16> = codes.collect();
    assert_eq!((codes[0], *codes.last().unwrap()), (401, 429), "{codes:?}");
    administrator.get("/api/v1/audit").expect(200);
}

#[test]
fn seats_need_the_enrollment_token_and_network_that_are_configured() {
    let scratch = Scratch::new();
    let file = scratch.write_private("enrollment", "0123456789abcdef0123456789abcdef\n");
    let file = file.to_str().unwrap();
    let server = Server::start(&scratch, &["--enrollment-token-file", file]);
    let seat = |headers: &[(&str, &str)]| server.send("POST", "/api/v1/seats", headers, "{}");
    seat(&[]).expect_problem(401, "NOT_ENROLLED");
    seat(&[("x-enrollment-token", "wrong")]).expect_problem(401, "NOT_ENROLLED");
    let right = ("x-enrollment-token", "0123456789abcdef0123456789abcdef");
    seat(&[right]).expect_problem(401, "UNAUTHORIZED");
    server.stop();
    let server = Server::start(&scratch, &["--allowed-networks", "10.0.0.0/8"]);
    let refused = server.post("/api/v1/seats", &json!({}));
    refused.expect_problem(403, "NETWORK_NOT_ALLOWED");
}
