//! What becomes of reports in the ledger.

use super::*;

/// A desk with the usage of two licenses: 3 of `ACME Ltd`, and of a customer whose name is a formula.
fn two_licenses() -> (Scratch, [String; 2]) {
    let (desk, machine, first) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let _ = send(&machine, &desk, "one.jsonl", &[]);
    let issue = ["issue", "--json", "--key", "vendor.key", "--out", "two.lic"];
    let terms = [
        "--tier",
        "team",
        "--perpetual",
        "--offline",
        "--customer",
        "=1+1, Inc",
    ];
    let issue = Run::keygen(&desk).args(issue).args(terms);
    let issued = issue.run().expect_code(0).json();
    let machine = machine_with(&desk.read("two.lic"));
    let _ = license(&machine, &["use", QUOTA, "70"]).expect_code(0);
    let _ = send(&machine, &desk, "two.jsonl", &[]);
    assert_eq!(import(&desk, &["one.jsonl", "two.jsonl"])["entered"], 2);
    (desk, [first, text(&issued["license_id"]).to_owned()])
}

#[test]
fn a_summary_is_of_the_licenses_customers_and_days_that_are_asked_for() {
    let (desk, [first, second]) = two_licenses();
    let ids = |args: &[&str]| {
        let args = [&["usage", "summary", "--json"], args].concat();
        let told = keygen(&desk, &args).expect_code(0).json();
        let licenses = told["licenses"].as_array().unwrap().iter();
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
    let turned = words("usage summary --from 2028-01-02 --to 2028-01-01");
    let _ = keygen(&desk, &turned).expect_failure(2);
}

#[test]
fn a_spreadsheet_takes_no_name_for_a_formula() {
    let (desk, _) = two_licenses();
    let csv = keygen(&desk, &["usage", "summary", "--csv"])
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
fn usage_of_a_license_that_the_ledger_does_not_know_is_entered_with_a_warning() {
    let (_, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let elsewhere = Vendor::shared().desk();
    let _ = send(&machine, &elsewhere, "usage.jsonl", &[]);
    assert_eq!(
        codes(&import(&elsewhere, &["usage.jsonl"])),
        ["UNKNOWN_LICENSE"]
    );
    assert_eq!(summary(&elsewhere, &id)["customer"], Value::Null);
    // That a customer reports of it does not make it one that was minted here.
    let revoke = ["revoke", &id, "--reason", "none"];
    let _ = keygen(&elsewhere, &revoke).expect_failure(2);
}

#[test]
fn usage_without_a_license_is_told_as_such() {
    let (desk, machine) = (Vendor::shared().desk(), Scratch::new());
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &desk, "usage.jsonl", &[]);
    assert_eq!(codes(&import(&desk, &["usage.jsonl"])), [""; 0]);
    assert_eq!(summary(&desk, "unlicensed")["quotas"][QUOTA]["used"], 1);
}

#[test]
fn what_was_imported_is_chained_exported_and_imported_again() {
    let (desk, [first, _]) = two_licenses();
    let whole = keygen(&desk, &["ledger", "verify", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(whole["whole"], true);
    let shown = keygen(&desk, &["ledger", "show", &first]).expect_code(0);
    assert!(shown.stdout.contains(": usage"), "{shown:?}");
    let export = keygen(&desk, &["ledger", "export"]).expect_code(0).stdout;
    let other = Scratch::new();
    other.write("export.jsonl", &export);
    other.write("trust.jwks", &Vendor::shared().trust);
    let enter = ["ledger", "import", "--trust", "trust.jwks", "export.jsonl"];
    let _ = keygen(&other, &enter).expect_code(0);
    assert_eq!(summary(&other, &first)["quotas"][QUOTA]["used"], 3);
    other.write(
        "export.jsonl",
        export.replacen("\"used\":3,", "\"used\":4,", 1),
    );
    let _ = keygen(&other, &enter).expect_failure(3);
}

#[test]
fn without_a_ledger_there_is_nowhere_to_enter_it() {
    let (desk, _) = two_licenses();
    let complaint = keygen(&desk, &["usage", "import", "one.jsonl", "--no-ledger"]);
    let _ = complaint.expect_failure(2);
}
