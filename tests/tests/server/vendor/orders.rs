//! Issue, renew, upgrade and search.

use license_tests::{Run, Vendor, words};
use serde_json::json;

use super::{ISSUE, VendorSite, issue, order, path, validate};

#[test]
fn a_license_is_issued_over_http_validated_and_accepted_by_the_programs() {
    let site = VendorSite::new();
    let server = site.start();
    assert_eq!(server.start["role"], "vendor");
    assert_eq!(server.get("/readyz").expect(200)["status"], "ready");
    let administrator = server.administrator();
    let dry_run = {
        let mut order = order("ACME Ltd");
        order["dry_run"] = true.into();
        issue(&administrator, &order)
    };
    assert_eq!(
        (&dry_run["dry_run"], &dry_run["file"]),
        (&true.into(), &json!(null))
    );
    assert_eq!(dry_run["claims"]["sub"], "ACME Ltd", "{dry_run}");
    assert_eq!(site.count(), 0);

    let issued = issue(&administrator, &order("ACME Ltd"));
    let reply = validate(&server, &issued["key"]).expect(200);
    assert_eq!(
        (&reply["valid"], &reply["tier"]),
        (&true.into(), &"TEAM".into()),
        "{reply}"
    );

    let machine = Vendor::shared().customer_machine();
    machine.write("acme.lic", issued["file"].as_str().unwrap());
    let verify = Run::license(&machine).args(words("verify --trust trust.jwks acme.lic --json"));
    assert_eq!(verify.run().expect_code(0).json()["code"], "VALID");
    assert_eq!(
        administrator.get(&path(&issued, "file")).expect(200)["file"],
        issued["file"]
    );

    let entry = site.keygen("ledger list --json").expect_code(0).json()["licenses"][0].clone();
    assert_eq!(entry["license_id"], issued["id"], "{entry}");
    site.verify_ledger();
    let audit = administrator.get("/api/v1/audit").expect(200);
    let entries = audit["items"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry["action"] == "license.issue")
        .unwrap();
    assert!(
        entry["actor"].as_str().unwrap().starts_with("token:"),
        "{entry}"
    );
}

#[test]
fn a_second_license_of_a_customer_causes_a_warning() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    assert_eq!(
        issue(&administrator, &order("ACME Ltd"))["warnings"],
        json!([])
    );
    let second = issue(&administrator, &order("acme  ltd"));
    assert_eq!(second["warnings"][0]["code"], "ACTIVE_LICENSE", "{second}");
}

#[test]
fn an_order_that_is_not_acceptable_says_what_was_expected() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let changes = [
        ("tier", json!("gold"), "`tier`"),
        ("customer", json!(""), "`customer` is empty"),
        ("expires", json!("2030-12-31"), "more than one end"),
        ("perpetual", json!(false), "does not state the end"),
        ("seats", json!(0), "`seats`"),
        ("quotas", json!({"users": 7}), "set twice"),
        ("quotas", json!({"devices": -2}), "out of range"),
        ("add_features", json!(["Not A Name"]), ""),
        ("grace_hours", json!(1), "offline"),
        ("machines", json!(["x"]), "not a machine of this product"),
        ("max_version", json!("three"), "`max_version`"),
        ("not_before", json!("tomorrow"), "`not_before`"),
        ("server_request", json!("x"), "`server_request`"),
    ];
    for (member, value, expected) in changes {
        let mut order = order("ACME Ltd");
        order[member] = value;
        let response = administrator.post(ISSUE, &order);
        assert_eq!(response.status, 400, "{member}: {response:?}");
        let detail = response.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expected), "{member}: {detail}");
    }
    let mut unknown = order("ACME Ltd");
    unknown["colour"] = "red".into();
    administrator
        .post(ISSUE, &unknown)
        .expect_problem(400, "MALFORMED");
    assert_eq!(site.count(), 0);
}

#[test]
fn a_license_is_renewed_once_and_upgraded_without_losses() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let mut order = order("ACME Ltd");
    order["perpetual"] = false.into();
    order["days"] = 30.into();
    let first = issue(&administrator, &order);
    let renew = administrator.post(&path(&first, "renew"), &json!({"days": 365}));
    let renewal = renew.expect(200);
    assert_eq!(
        renewal["claims"]["supersedes"],
        json!([first["id"]]),
        "{renewal}"
    );
    assert_eq!(
        renewal["claims"]["nbf"], first["claims"]["exp"],
        "{renewal}"
    );
    assert!(
        !renewal["changes"].as_array().unwrap().is_empty(),
        "{renewal}"
    );
    let again = administrator.post(&path(&first, "renew"), &json!({"days": 365}));
    again.expect_problem(409, "RENEWED");
    // The machine gets the renewal with the validation of the first license.
    assert_eq!(validate(&server, &first["key"]).expect(200)["valid"], true);

    let fewer = json!({"changes": {"seats": 3}, "accept_loss": false});
    administrator
        .post(&path(&renewal, "upgrade"), &fewer)
        .expect_problem(409, "LOSS");
    let more = json!({"changes": {"seats": 9}, "dry_run": true});
    let dry_run = administrator
        .post(&path(&renewal, "upgrade"), &more)
        .expect(200);
    assert_eq!(dry_run["claims"]["seats"], 9, "{dry_run}");
    let more = json!({"tier": "ent", "changes": {"seats": 100}});
    let upgrade = administrator
        .post(&path(&renewal, "upgrade"), &more)
        .expect(200);
    assert_eq!(
        (&upgrade["claims"]["tier"], &upgrade["losses"]),
        (&"ENT".into(), &json!([]))
    );
    let same = administrator.post(&path(&upgrade, "upgrade"), &json!({}));
    same.expect_problem(400, "BAD_REQUEST");
    administrator
        .post(&path(&upgrade, "upgrade"), &json!({"tier": "pro"}))
        .expect_problem(400, "BAD_REQUEST");
    administrator
        .post(&path(&first, "upgrade"), &json!({"changes": {"seats": 10}}))
        .expect_problem(409, "SUPERSEDED");
    let unknown = json!({"id": "01968b2c-0000-7000-8000-000000000000"});
    let renew = administrator.post(&path(&unknown, "renew"), &json!({"days": 1}));
    renew.expect_problem(404, "NOT_FOUND");
    site.verify_ledger();
}

#[test]
fn licenses_are_searched_by_customer_and_listed_in_pages() {
    let site = VendorSite::new();
    site.keygen_issue("Globex", "--tier pro --perpetual");
    let server = site.start();
    let administrator = server.administrator();
    for customer in ["ACME Ltd", "Initech", "Acme Labs"] {
        issue(&administrator, &order(customer));
    }
    let customers = |query: &str| {
        let page = administrator
            .get(&format!("/api/v1/licenses?{query}"))
            .expect(200);
        let items = page["items"].as_array().unwrap().iter();
        let names: Vec<String> = items
            .map(|item| item["customer"].as_str().unwrap().to_owned())
            .collect();
        (names, page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(customers("customer=ACME").0, ["ACME Ltd", "Acme Labs"]);
    assert_eq!(customers("text=globex&status=active").0, ["Globex"]);
    assert_eq!(customers("status=revoked").0, [""; 0]);
    let (first, next) = customers("limit=3");
    assert_eq!(first, ["Globex", "ACME Ltd", "Initech"]);
    let (rest, end) = customers(&format!("limit=3&cursor={}", next.unwrap()));
    assert_eq!((rest, end), (vec!["Acme Labs".to_owned()], None));
    let unknown = administrator.get("/api/v1/licenses?status=gone");
    unknown.expect_problem(400, "BAD_REQUEST");
}
