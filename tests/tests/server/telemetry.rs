//! Telemetry: hostile bodies, and bounds.

use license_tests::Scratch;
use license_tests::server::Server;
use serde_json::{Value, json};

pub(super) const PATH: &str = "/api/v1/telemetry";

pub(super) fn event(number: u32) -> Value {
    json!({
        "id": format!("{number:032x}"), "day": "2027-03-01", "client": "0.1.0",
        "product": "CODITECT", "version": "2.4.0", "tier": "PRO", "os": "linux",
        "arch": "x86_64", "dropped": 0, "quotas": {"exports": {"used": 1, "refused": 0}},
        "refused_features": {"sso": 1}, "denials": {"EXPIRED": 1},
    })
}

pub(super) fn batch(events: Vec<Value>) -> Value {
    json!({
        "installation": "02".repeat(16), "commitment": "03".repeat(32), "events": events,
    })
}

#[test]
fn a_hostile_batch_is_refused_as_a_whole() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &["--telemetry-days", "3650"]);
    let changed = |member: &str, value: Value| {
        let mut wrong = event(2);
        wrong[member] = value;
        batch(vec![event(1), wrong])
    };
    let large = "9".repeat(20);
    for body in [
        json!({}),
        batch(vec![]),
        batch((0..101).map(event).collect()),
        changed("user", "ann".into()),
        changed("version", "../../etc/passwd".into()),
        changed("os", "<script>".into()),
        changed("day", "2027-13-01".into()),
        changed("dropped", u64::MAX.into()),
        changed("quotas", json!({"a b": {"used": 1, "refused": 1}})),
        changed("denials", json!({"X": 1_000_000_001})),
    ] {
        server.post(PATH, &body).expect_problem(400, "MALFORMED");
    }
    let text = batch(vec![event(1)]).to_string();
    for body in [
        text.replace("\"dropped\":0", &format!("\"dropped\":{large}")),
        text.replace("\"dropped\":0", "\"dropped\":0,\"dropped\":0"),
        text.replace(
            "\"dropped\":0",
            &format!("\"dropped\":{}", "[".repeat(9000)),
        ),
        text[..text.len() - 1].to_owned(),
    ] {
        let answer = server.send("POST", PATH, &[], &body);
        answer.expect_problem(400, "MALFORMED");
    }
    let padded = format!("{text}{}", " ".repeat(64 * 1024));
    let answer = server.send("POST", PATH, &[], &padded);
    answer.expect_problem(413, "TOO_LARGE");
    // Nothing of a refused batch is stored.
    let administrator = server.administrator();
    let list = format!("{PATH}?from=1970-01-01&through=9999-12-31");
    let found = administrator.get(&list).expect(200);
    assert_eq!(found["items"], json!([]));
    server.get(PATH).expect_problem(401, "UNAUTHORIZED");
    for query in ["from=yesterday", "through=2027-02-29", "cursor=x", "day=1"] {
        let answer = administrator.get(&format!("{PATH}?{query}"));
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    let wrong = server.send("DELETE", &format!("{PATH}/ann"), &[], "");
    assert!([401, 404].contains(&wrong.status), "{wrong:?}");
}
