//! `--floating`: licenses that require a seat of the customer's license server.

use super::*;

/// Issues a floating license as `acme.lic`.
fn floating(workstation: &Scratch) -> RunOutput {
    let options = "--server-key server.request --floating --out acme.lic";
    issue(workstation, "ACME Ltd", &words(options)).expect_code(0)
}

#[test]
fn a_floating_license_is_reported_recorded_and_inspected() {
    let workstation = workstation();
    let report = floating(&workstation).stdout;
    let line = "floating   a seat of the license server is required\n";
    assert!(report.contains(line), "{report}");
    let issued = claims(&workstation, "acme.lic");
    assert_eq!(
        (&issued["floating"], &issued["crit"]),
        (&json!(true), &json!(["floating"]))
    );
    let recorded = keygen(&workstation, &["ledger", "list", "--json"]);
    let recorded = recorded.expect_code(0).json();
    assert_eq!(recorded["licenses"][0]["floating"], true, "{recorded}");
    let options = "--server-key server.request --floating --dry-run --json";
    let report = issue(&workstation, "Globex", &words(options)).expect_code(0);
    assert_eq!(report.json()["floating"], true);
    let options = "--server-key server.request --dry-run --json";
    let report = issue(&workstation, "Globex", &words(options)).expect_code(0);
    assert_eq!(report.json().get("floating"), None);
}

#[test]
fn a_floating_license_without_a_license_server_is_refused() {
    let workstation = workstation();
    let refused = issue(
        &workstation,
        "ACME Ltd",
        &words("--floating --out acme.lic"),
    );
    let refused = refused.expect_failure(2);
    assert!(refused.message.contains("`cnf`"), "{}", refused.message);
    assert!(!workstation.file("acme.lic").exists());
    let _ = floating(&workstation);
    let upgrade = "upgrade acme.lic --key vendor.key --no-server-key --out gone.lic";
    let refused = keygen(&workstation, &words(upgrade)).expect_failure(2);
    assert!(refused.message.contains("`cnf`"), "{}", refused.message);
    let upgrade = "upgrade acme.lic --key vendor.key --no-server-key --no-floating --out gone.lic";
    let _ = keygen(&workstation, &words(upgrade)).expect_code(0);
    let gone = claims(&workstation, "gone.lic");
    assert_eq!((gone.get("cnf"), gone.get("floating")), (None, None));
}

#[test]
fn a_successor_requires_a_seat_until_no_floating_removes_it() {
    let workstation = workstation();
    let terms = "--tier team --offline --expires 2030-12-31 --server-key server.request --floating";
    let terms = [&words(terms)[..], &["--out", "acme.lic"]].concat();
    let issue = Run::keygen(&workstation).args(["issue", "--key", "vendor.key"]);
    let _ = issue
        .args(["--customer", "ACME Ltd"])
        .args(&terms)
        .run()
        .expect_code(0);
    let run = |command: &str| keygen(&workstation, &words(command));
    let renewed = "renew acme.lic --key vendor.key --days 365 --dry-run --json";
    assert_eq!(run(renewed).expect_code(0).json()["floating"], true);
    let free = run("renew acme.lic --key vendor.key --days 365 --no-floating --dry-run --json");
    assert_eq!(free.expect_code(0).json().get("floating"), None);
    let _ = run("upgrade acme.lic --key vendor.key --seats 7 --out more.lic").expect_code(0);
    assert_eq!(claims(&workstation, "more.lic")["floating"], true);
    let _ = run("upgrade more.lic --key vendor.key --no-floating --out free.lic").expect_code(0);
    let free = claims(&workstation, "free.lic");
    assert_eq!((free.get("floating"), free.get("crit")), (None, None));
    let difference = run("diff more.lic free.lic --json").expect_code(0).json();
    let gains = difference["gains"].as_array().unwrap();
    let mut kinds = gains.iter().map(|gain| &gain["what"]);
    assert!(kinds.any(|kind| kind == "floating"), "{difference}");
}

#[test]
fn the_rows_of_a_batch_require_a_seat_in_the_column_floating() {
    let workstation = workstation();
    let orders = "tier,customer,expires,offline,server-key,floating,file\n\
        team,ACME Ltd,2030-12-31,yes,server.request,yes,acme.lic\n\
        team,Globex,2030-12-31,yes,,,globex.lic\n";
    workstation.write("orders.csv", orders);
    let batch = "batch orders.csv --key vendor.key --out out";
    let _ = keygen(&workstation, &words(batch)).expect_code(0);
    assert_eq!(claims(&workstation, "out/acme.lic")["floating"], true);
    assert_eq!(claims(&workstation, "out/globex.lic").get("floating"), None);
    workstation.write("orders.csv", orders.replace("server.request", ""));
    let batch = "batch orders.csv --key vendor.key --out other --name again";
    let refused = keygen(&workstation, &words(batch)).expect_failure(2);
    assert!(refused.message.contains("`cnf`"), "{}", refused.message);
}
