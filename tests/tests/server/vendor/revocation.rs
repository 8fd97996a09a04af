//! Revocations, reinstatements and suspensions.

use serde_json::{Value, json};

use super::{VendorSite, eventually, issue, order, path, validate};

#[test]
fn a_revocation_takes_effect_at_once_and_is_on_the_newest_list() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    server
        .get("/api/v1/revocations")
        .expect_problem(404, "NOT_FOUND");
    let issued = issue(&administrator, &order("ACME Ltd"));
    assert_eq!(
        validate(&server, &issued["key"]).expect(200)["code"],
        "VALID"
    );
    let revoke = path(&issued, "revoke");
    let refused = administrator.post(&revoke, &json!({"reason": " "}));
    refused.expect_problem(400, "INVALID_REASON");
    let dry_run = json!({"reason": "refund", "dry_run": true});
    let checked = administrator.post(&revoke, &dry_run).expect(200);
    assert_eq!(
        (&checked["revoked"], &checked["list"]),
        (&json!([issued["id"]]), &json!(null))
    );
    assert_eq!(
        validate(&server, &issued["key"]).expect(200)["code"],
        "VALID"
    );

    let reason = json!({"reason": "refund"});
    let revoked = administrator.post(&revoke, &reason).expect(200);
    assert_eq!(revoked["revoked"], json!([issued["id"]]));
    let reply = validate(&server, &issued["key"]).expect(200);
    assert_eq!(
        (&reply["valid"], &reply["code"]),
        (&false.into(), &"REVOKED".into()),
        "{reply}"
    );
    let list = server.get("/api/v1/revocations").expect(200);
    assert_eq!(list["seq"], revoked["list"], "{list}");
    let again = administrator.post(&revoke, &reason).expect(200);
    assert_eq!(again["already_revoked"], json!([issued["id"]]));
    let upgrade = administrator.post(&path(&issued, "upgrade"), &json!({"reissue": true}));
    upgrade.expect_problem(409, "REVOKED");

    let reinstate = path(&issued, "reinstate");
    let back = administrator
        .post(&reinstate, &json!({"reason": "paid"}))
        .expect(200);
    assert_eq!(back["reinstated"], json!([issued["id"]]), "{back}");
    assert!(back["list"].as_u64() > revoked["list"].as_u64(), "{back}");
    assert_eq!(
        validate(&server, &issued["key"]).expect(200)["code"],
        "VALID"
    );
    let audit = administrator.get("/api/v1/audit").expect(200);
    let entries = audit["items"].as_array().unwrap();
    for (action, before) in [
        ("license.issue", Value::Null),
        ("license.revoke", json!({"is_revoked": false})),
        ("license.reinstate", json!({"is_revoked": true})),
    ] {
        let entry = entries.iter().find(|entry| entry["action"] == action);
        let entry = entry.unwrap_or_else(|| panic!("{action} in {entries:#?}"));
        assert_eq!(entry["before"], before, "{entry}");
        // The ledger has the address of the order.
        assert_eq!(entry["address"], "127.0.0.1", "{entry}");
    }
    site.verify_ledger();
}

#[test]
fn revocations_and_suspensions_of_keygen_are_noticed() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let [first, second] = ["ACME", "Globex"].map(|name| issue(&administrator, &order(name)));
    let is = |license: &Value, code: &'static str| {
        let key = license["key"].clone();
        eventually(
            || {
                let body = json!({"license_key": key, "machine_id": "m", "nonce": "n"});
                server.post(super::VALIDATE, &body)
            },
            |reply| reply.json()["code"] == code,
        )
    };
    let id = |license: &Value| license["id"].as_str().unwrap().to_owned();
    let revoke = format!("revoke {} --reason fraud", id(&first));
    let _ = site.keygen(&revoke).expect_code(0);
    is(&first, "REVOKED");
    let list = eventually(
        || server.get("/api/v1/revocations"),
        |list| list.status == 200,
    );
    let seq = list.json()["seq"].as_u64();
    // A list of keygen is replaced by a newer one, because the ledger has no copy of it.
    let _ = site
        .keygen("revocations --key vendor.key --out list.lic")
        .expect_code(0);
    eventually(
        || server.get("/api/v1/revocations"),
        |list| list.json()["seq"].as_u64() > seq,
    );
    let suspend = format!(
        "check-in {} --key vendor.key --status suspended --out suspended.lic",
        id(&second)
    );
    let _ = site.keygen(&suspend).expect_code(0);
    let reply = is(&second, "SUSPENDED").json();
    assert_eq!(reply["valid"], false);
    site.verify_ledger();
}
