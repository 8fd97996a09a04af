//! Usage in the ledger.

use super::*;

/// Creates a ledger with the usage of two licenses: one of `ACME Ltd`, and one of a customer whose
/// name is a spreadsheet formula.
fn two_licenses() -> (Scratch, [String; 2]) {
    let (workstation, machine, first) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let _ = send(&machine, &workstation, "one.jsonl", &[]);
    let issue = ["issue", "--json", "--key", "vendor.key", "--out", "two.lic"];
    let options = [
        "--tier",
        "team",
        "--perpetual",
        "--offline",
        "--customer",
        "=1+1, Inc",
    ];
    let issue = Run::keygen(&workstation).args(issue).args(options);
    let issued = issue.run().expect_code(0).json();
    let machine = machine_with(&workstation.read("two.lic"));
    let _ = license(&machine, &["use", QUOTA, "70"]).expect_code(0);
    let _ = send(&machine, &workstation, "two.jsonl", &[]);
    assert_eq!(
        import(&workstation, &["one.jsonl", "two.jsonl"])["entered"],
        2
    );
    (workstation, [first, text(&issued["license_id"]).to_owned()])
}

#[test]
fn a_summary_can_be_restricted_to_licenses_customers_and_days() {
    let (workstation, [first, second]) = two_licenses();
    let ids = |args: &[&str]| {
        let args = [&["usage", "summary", "--json"], args].concat();
        let report = keygen(&workstation, &args).expect_code(0).json();
        let licenses = report["licenses"].as_array().unwrap().iter();
        let mut ids: Vec<_> = licenses
            .map(|license| text(&license["license_id"]).to_owned())
            .collect();
        ids.sort();
        ids
    };
    let mut both = vec![first.clone(), second.clone()];
    both.sort();
    assert_eq!(ids(&[]), both);
    assert_eq!(ids(&["--customer", "acme"]), [first.as_str()]);
    assert_eq!(ids(&["--license", &second]), [second.as_str()]);
    assert_eq!(ids(&["--from", "2999-01-01"]), [""; 0]);
    assert_eq!(ids(&["--to", "2001-01-01"]), [""; 0]);
    assert_eq!(ids(&["--from", "2001-01-01", "--to", "2999-01-01"]), both);
    let reversed = words("usage summary --from 2028-01-02 --to 2028-01-01");
    let _ = keygen(&workstation, &reversed).expect_failure(2);
}

#[test]
fn csv_escapes_a_name_that_is_a_formula() {
    let (workstation, _) = two_licenses();
    let csv = keygen(&workstation, &["usage", "summary", "--csv"])
        .expect_code(0)
        .stdout;
    assert!(
        csv.starts_with("license_id,customer,machines,days,"),
        "{csv}"
    );
    assert!(csv.contains(",\"'=1+1, Inc\",1,1,"), "{csv}");
    assert_eq!(csv.lines().count(), 3);
}

#[test]
fn usage_of_an_unknown_license_is_recorded_with_a_warning() {
    let (_, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let elsewhere = Vendor::shared().workstation();
    let _ = send(&machine, &elsewhere, "usage.jsonl", &[]);
    assert_eq!(
        codes(&import(&elsewhere, &["usage.jsonl"])),
        ["UNKNOWN_LICENSE"]
    );
    assert_eq!(summary(&elsewhere, &id)["customer"], Value::Null);
    // A usage report does not make the license known.
    let revoke = ["revoke", &id, "--reason", "none"];
    let _ = keygen(&elsewhere, &revoke).expect_failure(2);
}

#[test]
fn usage_without_a_license_is_recorded_as_unlicensed() {
    let (workstation, machine) = (Vendor::shared().workstation(), Scratch::new());
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &workstation, "usage.jsonl", &[]);
    assert_eq!(codes(&import(&workstation, &["usage.jsonl"])), [""; 0]);
    assert_eq!(
        summary(&workstation, "unlicensed")["quotas"][QUOTA]["used"],
        1
    );
}

#[test]
fn imported_usage_is_chained_and_can_be_exported_and_imported_again() {
    let (workstation, [first, _]) = two_licenses();
    let whole = keygen(&workstation, &["ledger", "verify", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(whole["whole"], true);
    let shown = keygen(&workstation, &["ledger", "show", &first]).expect_code(0);
    assert!(shown.stdout.contains(": usage"), "{shown:?}");
    let export = keygen(&workstation, &["ledger", "export"])
        .expect_code(0)
        .stdout;
    let other = Scratch::new();
    other.write("export.jsonl", &export);
    other.write("trust.jwks", &Vendor::shared().trust);
    let import = ["ledger", "import", "--trust", "trust.jwks", "export.jsonl"];
    let _ = keygen(&other, &import).expect_code(0);
    assert_eq!(summary(&other, &first)["quotas"][QUOTA]["used"], 3);
    other.write(
        "export.jsonl",
        export.replacen("\"used\":3,", "\"used\":4,", 1),
    );
    let _ = keygen(&other, &import).expect_failure(3);
}

#[test]
fn an_import_needs_a_ledger() {
    let (workstation, _) = two_licenses();
    let error = keygen(
        &workstation,
        &["usage", "import", "one.jsonl", "--no-ledger"],
    );
    let _ = error.expect_failure(2);
}

#[test]
fn usage_is_imported_with_a_wrong_clock_only_with_force() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &workstation, "one.jsonl", &[]);
    let import = |options: &[&str]| {
        let run = tools::keygen_at_time(faketime, &workstation, "@2099-01-02 00:00:00");
        let run = run.args(["usage", "import", "one.jsonl", "--json"]);
        run.args(options).run()
    };
    assert_eq!(import(&[]).expect_json_failure(2), "WRONG_CLOCK");
    let forced = import(&["--force"]).expect_code(0);
    assert!(forced.stderr.contains("WRONG_CLOCK: "), "{forced:?}");
    assert_eq!(forced.json()["entered"], 1);
}
