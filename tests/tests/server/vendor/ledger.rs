//! Exports, copies and imports of the ledger over HTTP, and reassignments.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use license_tests::Run;
use license_tests::server::{Administrator, Server};
use serde_json::{Value, json};

use super::{VendorSite, issue, order, path};

const IMPORT: &str = "/api/v1/ledger/import";

/// Downloads a file with an administrator's token.
fn download(server: &Server, administrator: &Administrator<'_>, path: &str) -> Vec<u8> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60)));
    let agent = ureq::Agent::new_with_config(config.build());
    let request = agent.get(format!("{}{path}", server.url()));
    let request = request.header("authorization", &administrator.authorization);
    request.call().unwrap().body_mut().read_to_vec().unwrap()
}

/// Returns the ids of the licenses in a ledger and their statuses.
fn licenses(site: &VendorSite) -> Vec<(String, String)> {
    let list = site.keygen("ledger list --json").expect_code(0).json();
    let text = |license: &Value, name: &str| license[name].as_str().unwrap().to_owned();
    let licenses = list["licenses"].as_array().unwrap().iter();
    licenses
        .map(|license| (text(license, "license_id"), text(license, "status")))
        .collect()
}

#[test]
fn keygen_accepts_copies_and_exports_and_another_server_imports_them_once() {
    let source = VendorSite::new();
    let server = source.start();
    let administrator = server.administrator();
    let first = issue(&administrator, &order("ACME Ltd"));
    issue(&administrator, &order("Zeta"));
    let revoke = json!({"reason": "a test"});
    administrator
        .post(&path(&first, "revoke"), &revoke)
        .expect(200);
    let report = administrator.get("/api/v1/ledger/verification").expect(200);
    assert_eq!(report["is_intact"], true, "{report}");

    let copy = download(&server, &administrator, "/api/v1/ledger/file");
    source.scratch.write_private("copy.db", &copy);
    let keygen = Run::keygen(&source.scratch).env("KEYGEN_LEDGER", source.scratch.file("copy.db"));
    let head = report["head"].as_str().unwrap();
    let verified = keygen
        .args(["ledger", "verify", "--json", "--head", head])
        .run();
    let verified = verified.expect_code(0).json();
    assert_eq!(verified["entries"], report["entries"], "{verified}");
    let export = download(&server, &administrator, "/api/v1/ledger/export");
    let export = String::from_utf8(export).unwrap();
    let exported = source.keygen("ledger export").expect_code(0).stdout;
    assert_eq!(export, exported);

    let target = VendorSite::new();
    let other = target.start();
    let administrator = other.administrator();
    let file = json!({"ledger": STANDARD.encode(&copy), "dry_run": true});
    let preview = administrator.post(IMPORT, &file).expect(200);
    assert!(preview["new"].as_u64() > Some(2), "{preview}");
    assert_eq!(target.count(), 0);
    let file = json!({"ledger": STANDARD.encode(&copy)});
    let imported = administrator.post(IMPORT, &file).expect(200);
    assert_eq!(imported["new"], preview["new"], "{imported}");
    assert_eq!(licenses(&target), licenses(&source));
    // The export has the same entries.
    let again = administrator
        .post(IMPORT, &json!({"file": export}))
        .expect(200);
    assert_eq!(again["new"], 0, "{again}");
    target.verify_ledger();
    let revoked = administrator
        .get("/api/v1/licenses?status=revoked")
        .expect(200);
    assert_eq!(revoked["items"][0]["id"], first["id"], "{revoked}");
}

#[test]
fn an_import_that_is_damaged_or_contradicts_the_ledger_changes_nothing() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    issue(&administrator, &order("ACME Ltd"));
    let mut copy = download(&server, &administrator, "/api/v1/ledger/file");
    let before = administrator.get("/api/v1/ledger/verification").expect(200);
    let refuse = |body: Value, status, code| {
        administrator
            .post(IMPORT, &body)
            .expect_problem(status, code);
    };
    refuse(json!({}), 400, "MALFORMED");
    refuse(json!({"file": "x", "ledger": "x"}), 400, "MALFORMED");
    refuse(json!({"ledger": "not Base64"}), 400, "MALFORMED");
    refuse(
        json!({"file": "{\"kind\": \"license\"}"}),
        400,
        "BAD_REQUEST",
    );
    // One letter of an entry is changed, so its hash is wrong.
    let found = copy
        .windows(8)
        .rposition(|window| window == b"ACME Ltd")
        .unwrap();
    copy[found] = b'B';
    refuse(
        json!({"ledger": STANDARD.encode(&copy)}),
        400,
        "BROKEN_CHAIN",
    );
    copy.truncate(2048);
    refuse(
        json!({"ledger": STANDARD.encode(&copy)}),
        400,
        "BROKEN_CHAIN",
    );
    let after = administrator.get("/api/v1/ledger/verification").expect(200);
    assert_eq!(after, before);
}

#[test]
fn a_user_takes_the_place_of_another_one() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let mut named = order("ACME Ltd");
    named["users"] = json!(["ann", "bob"]);
    let first = issue(&administrator, &named);
    let reassign = path(&first, "reassign");
    let refuse = |body: Value, status, code| {
        administrator
            .post(&reassign, &body)
            .expect_problem(status, code);
    };
    refuse(json!({"from": "carol", "to": "dan"}), 400, "BAD_REQUEST");
    refuse(json!({"from": "ann", "to": "bob"}), 400, "BAD_REQUEST");
    refuse(json!({"from": "ann", "to": "carol"}), 409, "COOL_DOWN");
    let waived = json!({"from": "ann", "to": "carol", "waive_cool_down": true, "dry_run": true});
    let preview = administrator.post(&reassign, &waived).expect(200);
    assert_eq!(
        preview["claims"]["users"],
        json!(["carol", "bob"]),
        "{preview}"
    );
    assert_eq!(site.count(), 1);
    let waived = json!({"from": "ann", "to": "carol", "waive_cool_down": true});
    let second = administrator.post(&reassign, &waived).expect(200);
    assert_eq!(
        second["claims"]["supersedes"],
        json!([first["id"]]),
        "{second}"
    );
    let shown = site.keygen(&format!(
        "ledger show --json {}",
        second["id"].as_str().unwrap()
    ));
    let shown = shown.expect_code(0).stdout;
    assert!(
        shown.contains("\"cool_down_waived\":true") || shown.contains("\"cool_down_waived\": true")
    );
    // The renewal of a license without names has no name to replace.
    let open = issue(&administrator, &order("Zeta"));
    let body = json!({"from": "ann", "to": "carol"});
    let refused = administrator.post(&path(&open, "reassign"), &body);
    refused.expect_problem(409, "NO_NAMED_USERS");
    site.verify_ledger();
}
