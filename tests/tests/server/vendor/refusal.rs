//! Settings and roles that do not fit, and a ledger that is locked.

use license_tests::server::{Server, license_server};
use license_tests::words;
use serde_json::json;

use super::super::site::{Site, TERMS};
use super::super::telemetry;
use super::{ISSUE, VendorSite, issue, order, path};

/// Starts a server that must refuse its settings, and returns the code of its failure.
fn refused(site: &VendorSite, line: &str) -> String {
    let run = license_server(&site.scratch).args(["run", "--json", "--listen", "127.0.0.1:0"]);
    let run = run
        .args(["--metrics-listen", "off"])
        .args(words(line))
        .run();
    run.json()["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn the_ledger_and_the_signing_key_need_each_other() {
    let site = VendorSite::new();
    assert_eq!(refused(&site, "--ledger ledger.db"), "USAGE");
    assert_eq!(refused(&site, "--signing-key vendor.key"), "USAGE");
    assert_eq!(
        refused(&site, "--signing-key-passphrase-file pass.txt"),
        "USAGE"
    );
    assert_eq!(
        refused(&site, "--ledger ledger.db --signing-key none.key"),
        "IO"
    );
}

#[test]
fn a_key_needs_its_passphrase_and_is_not_the_key_of_the_server() {
    let site = VendorSite::new();
    site.scratch.write_private("right.txt", "correct horse");
    site.scratch.write_private("wrong.txt", "battery staple");
    let new_key = "new-key --out sealed.key --passphrase-file right.txt";
    let _ = site.keygen(new_key).expect_code(0);
    let with = |passphrase: &str| {
        format!(
            "--ledger ledger.db --signing-key sealed.key --signing-key-passphrase-file {passphrase}"
        )
    };
    assert_eq!(refused(&site, &with("wrong.txt")), "WRONG_PASSPHRASE");
    let server_key = "--ledger ledger.db --signing-key data/server.key";
    assert_eq!(refused(&site, server_key), "SERVER_KEY_TRUSTED");
    let settings = with("right.txt");
    let server = Server::start(&site.scratch, &words(&settings));
    issue(&server.administrator(), &order("ACME Ltd"));
}

#[test]
fn a_ledger_of_another_product_is_refused() {
    let site = VendorSite::new();
    let init = "product init PHOTON --out photon.toml";
    let _ = site.keygen(init).expect_code(0);
    let line = "issue --key vendor.key --product-file photon.toml --customer ACME --tier pro \
                --perpetual --out photon.lic";
    let _ = site.keygen(line).expect_code(0);
    let settings = "--ledger ledger.db --signing-key vendor.key";
    assert_eq!(refused(&site, settings), "PRODUCT_MISMATCH");
}

#[test]
fn a_locked_ledger_is_answered_as_busy_and_validation_goes_on() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let issued = issue(&administrator, &order("ACME Ltd"));
    let lock = std::fs::File::options()
        .read(true)
        .write(true)
        .open(site.scratch.file("ledger.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    let response = administrator.post(ISSUE, &order("Globex"));
    response.expect_problem(503, "BUSY");
    assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(
        super::validate(&server, &issued["key"]).expect(200)["valid"],
        true
    );
    drop(lock);
    issue(&administrator, &order("Globex"));
    site.verify_ledger();
}

#[test]
fn each_role_refuses_the_work_of_the_other() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let issued = issue(&administrator, &order("ACME Ltd"));
    let file = json!({"file": issued["file"]});
    for path in [
        "/api/v1/licenses",
        "/api/v1/revocations",
        "/api/v1/trust-statements",
        "/api/v1/activation-answers",
    ] {
        administrator
            .post(path, &file)
            .expect_problem(409, "WRONG_ROLE");
    }
    let own = path(&issued, "");
    let remove = administrator.send("DELETE", own.trim_end_matches('/'), &json!(null));
    remove.expect_problem(409, "WRONG_ROLE");
    let events = telemetry::batch(vec![telemetry::event(1)]);
    server.post(telemetry::PATH, &events).expect(200);

    let customer = Site::new(TERMS);
    let server = customer.start(&[]);
    assert_eq!(server.start["role"], "site");
    let administrator = server.administrator();
    administrator
        .post(ISSUE, &order("ACME Ltd"))
        .expect_problem(409, "WRONG_ROLE");
    let search = administrator.get("/api/v1/licenses?customer=ACME");
    search.expect(200);
    let refused = server.post(telemetry::PATH, &events);
    refused.expect_problem(409, "NO_TELEMETRY");
}

#[test]
fn issuing_needs_a_token_with_the_permission() {
    let site = VendorSite::new();
    let server = site.start();
    server
        .post(ISSUE, &order("ACME Ltd"))
        .expect_problem(401, "UNAUTHORIZED");
    // A command that runs next to the server does not open the key of the vendor.
    let create = words(
        "token create --name viewer --scope auditor --ledger ledger.db --signing-key none.key",
    );
    let created = license_server(&site.scratch)
        .args(create)
        .run()
        .expect_code(0);
    let authorization = format!("Bearer {}", created.stdout.trim());
    let headers = [("authorization", authorization.as_str())];
    let body = order("ACME Ltd").to_string();
    server
        .send("POST", ISSUE, &headers, &body)
        .expect_problem(403, "FORBIDDEN");
    assert_eq!(
        server.send("GET", "/api/v1/licenses", &headers, "").status,
        200
    );
}
