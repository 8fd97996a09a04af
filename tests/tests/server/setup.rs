//! The first administrator.

use license_tests::Scratch;
use license_tests::server::Server;
use serde_json::json;

#[test]
fn the_link_creates_one_administrator() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let link = server.start["setup_url"].as_str().unwrap();
    let page = server.send("GET", link, &[("accept", "text/html")], "");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let scripts = page.body.matches("<script").count();
    let own_files = page
        .body
        .matches("<script src=\"/assets/dashboard-")
        .count();
    assert_eq!((scripts, own_files), (1, 1), "{}", page.body);
    let administrator = server.administrator();
    administrator.get("/api/v1/tokens").expect(200);
    let secret = link.rsplit_once('/').unwrap().1;
    let again = server.post("/api/v1/setup", &json!({"secret": secret, "name": "thief"}));
    assert!((400..500).contains(&again.status), "{again:?}");
    let page = server.send("GET", link, &[("accept", "text/html")], "");
    assert!(
        (400..500).contains(&page.status) && page.body.contains("<h1>"),
        "{page:?}"
    );
}

#[test]
fn the_form_of_the_link_creates_the_administrator() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let link = server.start["setup_url"].as_str().unwrap();
    // A browser states that the form comes from a page of the server.
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    let link = &format!("{link}/token");
    let refused = server.send("POST", link, &form, "name=");
    assert_eq!(refused.status, 400, "{refused:?}");
    let foreign = server.send("POST", link, &form[..1], "name=Eve");
    assert_eq!(foreign.status, 403, "{foreign:?}");
    let created = server.send("POST", link, &form, "name=Ann+%3Cb%3E");
    assert_eq!(created.status, 201, "{created:?}");
    let token = created.body.split("<code>").nth(1).unwrap();
    let token = token.split('<').next().unwrap();
    assert!(token.starts_with("lsv_"), "{token}");
    let bearer = format!("Bearer {token}");
    let tokens = server.send("GET", "/api/v1/tokens", &[("authorization", &bearer)], "");
    assert_eq!(tokens.expect(200)["items"][0]["name"], "Ann <b>");
}

#[test]
fn a_restart_keeps_the_administrator_and_prints_no_link() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let unused = server.start["setup_url"]
        .as_str()
        .unwrap()
        .rsplit_once('/')
        .unwrap()
        .1
        .to_owned();
    server.stop();
    let server = Server::start(&scratch, &[]);
    let old = server.post(
        "/api/v1/setup",
        &json!({"secret": unused, "name": "old link"}),
    );
    assert!(
        (400..500).contains(&old.status),
        "each start replaces the link: {old:?}"
    );
    let authorization = server.administrator().authorization;
    server.stop();
    let server = Server::start(&scratch, &[]);
    assert!(server.start["setup_url"].is_null(), "{}", server.start);
    let headers = [("authorization", authorization.as_str())];
    server
        .send("GET", "/api/v1/tokens", &headers, "")
        .expect(200);
}

#[test]
fn tokens_have_scopes_and_can_be_revoked() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let administrator = server.administrator();
    let created = administrator.post(
        "/api/v1/tokens",
        &json!({"name": "monitor", "scopes": ["auditor"]}),
    );
    let created = created.expect(201);
    let bearer = format!("Bearer {}", created["secret"].as_str().unwrap());
    let reader = [("authorization", bearer.as_str())];
    server.send("GET", "/api/v1/audit", &reader, "").expect(200);
    let body = json!({"name": "more", "scopes": ["owner"]}).to_string();
    server
        .send("POST", "/api/v1/tokens", &reader, &body)
        .expect_problem(403, "FORBIDDEN");
    let path = format!("/api/v1/tokens/{}", created["id"].as_str().unwrap());
    let revoked = administrator.send("DELETE", &path, &serde_json::Value::Null);
    assert_eq!(revoked.status, 204, "{revoked:?}");
    server
        .send("GET", "/api/v1/audit", &reader, "")
        .expect_problem(401, "UNAUTHORIZED");
    let log = scratch.read("server.log");
    assert!(!log.contains("lsv_"), "the log contains a token");
    let database = std::fs::read(scratch.file("data/server.db")).unwrap();
    let secret = created["secret"].as_str().unwrap().as_bytes();
    assert!(!database.windows(secret.len()).any(|part| part == secret));
}

#[test]
fn a_repeated_creation_has_one_effect_and_does_not_repeat_the_secret() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let administrator = server.administrator();
    let headers = [
        ("authorization", administrator.authorization.as_str()),
        ("idempotency-key", "0f8b3c1e"),
    ];
    let body = json!({"name": "ci", "scopes": ["auditor"]}).to_string();
    let send = |body: &str| server.send("POST", "/api/v1/tokens", &headers, body);
    send(&body).expect(201);
    send(&body).expect_problem(409, "SHOWN_ONCE");
    let other = json!({"name": "other", "scopes": ["auditor"]}).to_string();
    send(&other).expect_problem(409, "IDEMPOTENCY_CONFLICT");
    let tokens = administrator.get("/api/v1/tokens").expect(200);
    let names = tokens["items"].as_array().unwrap().iter();
    assert_eq!(
        names.filter(|token| token["name"] == "ci").count(),
        1,
        "{tokens}"
    );
}
