//! `keygen check-in`: the claims of validations, and their effect in `license`.

mod refusal;

use super::*;

/// 2020-01-01T00:00:00Z, the issue date of the licenses from `Vendor::issue`.
const ISSUED: u64 = 1_577_836_800;
const HOUR: u64 = 3600;
/// An instant at which a license that was issued at [`ISSUED`] has missed its check-in.
const LATER: &str = "2020-06-01T00:00:00Z";

/// Returns a vendor's directory with a perpetual PRO license in `acme.lic`.
fn workstation() -> Scratch {
    workstation_with(&["--tier", "pro", "--perpetual"])
}

fn workstation_with(terms: &[&str]) -> Scratch {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    workstation.write("acme.lic", Vendor::shared().issue(terms).file);
    workstation
}

fn check_in(workstation: &Scratch, options: &[&str]) -> RunOutput {
    let run = Run::keygen(workstation).args(["check-in", "--key", "vendor.key"]);
    run.args(options).run()
}

/// Runs `keygen check-in` for `acme.lic` at [`LATER`] and returns the JSON report.
#[track_caller]
fn report(workstation: &Scratch, options: &[&str]) -> Value {
    let usual = ["acme.lic", "--json", "--issued-at", LATER];
    let report = check_in(workstation, &[&usual[..], options].concat());
    report.expect_code(0).json()
}

#[track_caller]
fn claims(workstation: &Scratch, options: &[&str]) -> Value {
    let report = report(workstation, options);
    payload(report["validations"][0]["token"].as_str().unwrap())
}

/// Returns the decision of `license verify` for the license with these files appended.
#[track_caller]
fn decision(workstation: &Scratch, files: &[&str], at: &str) -> Value {
    let parts = files.iter().map(|name| workstation.read(name));
    let all: String = std::iter::once(workstation.read("acme.lic"))
        .chain(parts)
        .collect();
    let verify = ["verify", "--json", "--trust", "trust.jwks", "--at", at, "-"];
    Run::license(workstation)
        .args(verify)
        .stdin(all)
        .run()
        .json()
}

#[test]
fn a_recorded_license_is_checked_in_by_its_id_or_key() {
    let workstation = Vendor::shared().workstation();
    let issue = ["issue", "--key", "vendor.key", "--tier", "pro", "--json"];
    let terms = ["--customer", "ACME Ltd", "--perpetual", "--out", "acme.lic"];
    let license = keygen(&workstation, &[&issue[..], &terms].concat());
    let license = license.expect_code(0).json();
    for name in ["license_id", "key"].map(|name| license[name].as_str().unwrap()) {
        let report = check_in(&workstation, &[name, "--json"])
            .expect_code(0)
            .json();
        let claims = payload(report["validations"][0]["token"].as_str().unwrap());
        assert_eq!(claims["lic"], license["license_id"], "{name}");
    }
    let unknown = check_in(&workstation, &["none.lic", "--json"]);
    assert_eq!(unknown.expect_json_failure(2), "NOT_FOUND");
    let none = ["CODITECT-PRO-A7F3E9D2C4B1-8F2A", "--no-ledger", "--json"];
    assert_eq!(
        check_in(&workstation, &none).expect_json_failure(2),
        "NOT_FOUND"
    );
}

#[test]
fn a_validation_repeats_the_claims_of_the_license() {
    let workstation =
        workstation_with(&["--tier", "team", "--perpetual", "--add-feature", "early"]);
    let license = Run::keygen(&workstation).args(["inspect", "--json", "acme.lic"]);
    let license = license.run().expect_code(0).json();
    let license = &license["tokens"][0]["claims"];
    let validation = claims(&workstation, &[]);
    for claim in ["iss", "aud", "tier", "features", "quotas"] {
        assert_eq!(validation[claim], license[claim], "{claim}");
    }
    assert_eq!(validation["lic"], license["jti"]);
    assert_ne!(validation["jti"], license["jti"]);
    assert_eq!(
        &validation["jti"].as_str().unwrap()[14..15],
        "7",
        "a UUID of version 7"
    );
    assert_eq!(validation["status"], "active");
    assert_eq!(validation["iat"], 1_590_969_600);
    assert_eq!(validation["exp"], 1_590_969_600 + 24 * HOUR);
    for absent in ["machine", "nonce"] {
        assert_eq!(validation.get(absent), None, "{absent}");
    }
}

#[test]
fn each_validation_has_its_own_id() {
    let workstation = workstation();
    assert_ne!(
        claims(&workstation, &[])["jti"],
        claims(&workstation, &[])["jti"]
    );
}

#[test]
fn a_validation_expires_when_the_next_check_in_is_due() {
    for (terms, hours) in [
        (&["--check-in", "48"][..], 48),
        (&["--check-in", "1", "--grace", "2"], 1),
        (&["--offline"], 24),
    ] {
        let workstation = workstation_with(&[&["--tier", "pro", "--perpetual"], terms].concat());
        let validation = claims(&workstation, &[]);
        let seconds = validation["exp"].as_u64().unwrap() - validation["iat"].as_u64().unwrap();
        assert_eq!(seconds, hours * HOUR, "{terms:?}");
    }
}

#[test]
fn a_validation_is_issued_now_by_default() {
    let workstation = workstation();
    let json = check_in(&workstation, &["acme.lic", "--json"])
        .expect_code(0)
        .json();
    let validation = payload(json["validations"][0]["token"].as_str().unwrap());
    assert!(validation["iat"].as_u64() > Some(1_780_000_000));
    let validation = claims(&workstation, &[]);
    assert!(validation["iat"].as_u64() > Some(ISSUED));
}

#[test]
fn a_validation_restores_an_overdue_license_for_the_exact_grace_period() {
    let workstation = workstation();
    let options = ["acme.lic", "--out", "validation.lic", "--issued-at", LATER];
    let _ = check_in(&workstation, &options).expect_code(0);
    let code = |files: &[&str], at| decision(&workstation, files, at)["code"].clone();
    assert_eq!(code(&[], LATER), "CHECK_IN_OVERDUE");
    for (at, expected) in [
        (LATER, "VALID"),
        ("2020-06-01T23:59:59Z", "VALID"),
        ("2020-06-02T00:00:00Z", "GRACE_OFFLINE"),
        ("2020-06-08T00:00:00Z", "GRACE_OFFLINE"),
        ("2020-06-08T00:00:01Z", "CHECK_IN_OVERDUE"),
    ] {
        assert_eq!(code(&["validation.lic"], at), expected, "{at}");
    }
    let until = &report(&workstation, &[])["validations"][0]["holds_until"];
    assert_eq!(
        until, "2020-06-08T00:00:00Z",
        "the last instant of the grace period"
    );
}

#[test]
fn a_denying_status_applies_until_a_later_active_validation() {
    for (status, code) in [
        ("suspended", "SUSPENDED"),
        ("revoked", "REVOKED"),
        ("canceled", "CANCELED"),
    ] {
        let workstation = workstation();
        let set_status = |status, at, out| {
            let options = [
                "acme.lic",
                "--status",
                status,
                "--issued-at",
                at,
                "--out",
                out,
            ];
            check_in(&workstation, &options).expect_code(0)
        };
        let denied = set_status(status, LATER, "denied.lic");
        assert!(
            denied.stdout.contains(&format!(
                "the license is {status} where this token is installed"
            )),
            "{denied:?}"
        );
        let _ = set_status("active", "2020-06-01T00:00:01Z", "again.lic");
        let at = "2020-06-01T12:00:00Z";
        let result = decision(&workstation, &["denied.lic"], at);
        assert_eq!(
            (&result["decision"], &result["code"]),
            (&json!("denied"), &json!(code))
        );
        let result = decision(&workstation, &["again.lic", "denied.lic"], at);
        assert_eq!(result["code"], "VALID");
        assert_eq!(
            report(&workstation, &["--status", status])["validations"][0]["holds_until"],
            Value::Null
        );
    }
}

#[test]
fn every_form_of_a_machine_becomes_its_digest() {
    let workstation = workstation();
    for given in [
        FINGERPRINT,
        DIGEST,
        &DIGEST.replace("b8bd", "B8BD"),
        &format!(" {DIGEST}\n"),
    ] {
        assert_eq!(
            claims(&workstation, &["--machine", given])["machine"],
            DIGEST,
            "{given}"
        );
    }
}

#[test]
fn files_tokens_and_standard_input_are_read_despite_changes_by_editors() {
    let workstation = workstation();
    let file = workstation.read("acme.lic");
    let token: String = file
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    workstation.write("token", &token);
    workstation.write(
        "windows.lic",
        format!("\u{feff}{}", file.replace('\n', "\r\n")),
    );
    let lic = claims(&workstation, &[])["lic"].clone();
    let license_of = |outcome: RunOutput| {
        let json = outcome.expect_code(0).json();
        payload(json["validations"][0]["token"].as_str().unwrap())["lic"].clone()
    };
    for name in ["token", "windows.lic"] {
        assert_eq!(
            license_of(check_in(&workstation, &["--json", name])),
            lic,
            "{name}"
        );
    }
    let stdin = ["check-in", "--json", "--key", "vendor.key", "-"];
    assert_eq!(
        license_of(Run::keygen(&workstation).args(stdin).stdin(file).run()),
        lic
    );
}

#[test]
fn a_validation_names_an_enterprise_key_by_its_short_form() {
    let (vendor, workstation) = (Vendor::shared(), workstation());
    workstation.write("acme.lic", vendor.enterprise_key());
    let output = check_in(&workstation, &["acme.lic", "--json"]).expect_code(0);
    assert!(
        output.stderr.starts_with("warning: NO_CHECK_IN: "),
        "{output:?}"
    );
    let report = output.json();
    let validation = payload(report["validations"][0]["token"].as_str().unwrap());
    let shown = Run::keygen(&workstation).args(["inspect", "--json", "acme.lic"]);
    let shown = shown.run().expect_code(0).json();
    assert_eq!(validation["lic"], shown["short_key"]);
    assert_eq!(
        (&validation["tier"], &validation["quotas"]["users"]),
        (&json!("ENT"), &json!(100))
    );
    assert_eq!(report["validations"][0]["customer"], "ACME");
    assert_eq!(report["validations"][0]["holds_until"], Value::Null);
}

#[test]
fn each_license_in_a_file_gets_one_validation() {
    let workstation = workstation();
    let other = Vendor::shared().issue(&["--tier", "team", "--perpetual"]);
    let both = format!("{0}{1}{0}", workstation.read("acme.lic"), other.file);
    workstation.write("acme.lic", &both);
    let report = report(&workstation, &[]);
    let report = report["validations"].as_array().unwrap();
    assert_eq!(report.len(), 2);
    assert_eq!(
        (&report[0]["tier"], &report[1]["tier"]),
        (&json!("PRO"), &json!("TEAM"))
    );
    let options = ["acme.lic", "--out", "validation.lic", "--issued-at", LATER];
    let text = check_in(&workstation, &options).expect_code(0).stdout;
    assert_eq!(text.matches("check-in   due by").count(), 2, "{text}");
    let result = decision(&workstation, &["validation.lic"], LATER);
    assert_eq!(
        (&result["code"], &result["tier"]),
        (&json!("VALID"), &json!("TEAM"))
    );
}

#[test]
fn a_file_with_older_validations_is_accepted() {
    let workstation = workstation();
    let first = words("acme.lic --out first.lic --issued-at 2020-03-01");
    let _ = check_in(&workstation, &first).expect_code(0);
    let both = workstation.read("acme.lic") + &workstation.read("first.lic");
    workstation.write("acme.lic", both);
    let second = ["acme.lic", "--out", "second.lic", "--issued-at", LATER];
    let second = check_in(&workstation, &second).expect_code(0);
    assert!(!second.stderr.contains("warning"), "{second:?}");
    assert_eq!(
        decision(&workstation, &["second.lic"], LATER)["code"],
        "VALID"
    );
}

#[test]
fn unusual_terms_are_issued_with_a_warning() {
    let pro = ["--tier", "pro"];
    let elsewhere = "fp1:id=00112233445566778899aabb,mac=00112233445566778899aabb";
    let cases: [(&[&str], &[&str], &[&str]); 9] = [
        (&["--perpetual"], &["--machine", DIGEST], &[]),
        (&["--perpetual", "--offline"], &[], &["NO_CHECK_IN"]),
        (&["--perpetual", "--offline"], &["--status", "revoked"], &[]),
        // The license ends after January 4th, with a renewal grace of 72 hours.
        (
            &["--days", "3"],
            &["--issued-at", "2020-01-07T23:59:59Z"],
            &[],
        ),
        (
            &["--days", "3"],
            &["--issued-at", "2020-01-08T00:00:00Z"],
            &["EXPIRED"],
        ),
        (
            &["--perpetual"],
            &["--issued-at", "2019-12-31T23:59:59Z"],
            &["BACKDATED"],
        ),
        (
            &["--perpetual", "--machine", FINGERPRINT],
            &["--machine", DIGEST],
            &[],
        ),
        (
            &["--perpetual", "--machine", DIGEST],
            &["--machine", FINGERPRINT],
            &[],
        ),
        (
            &["--perpetual", "--machine", FINGERPRINT],
            &["--machine", elsewhere],
            &["MACHINE_MISMATCH"],
        ),
    ];
    for (terms, options, codes) in cases {
        let workstation = workstation_with(&[&pro[..], terms].concat());
        let output = check_in(&workstation, &[&["acme.lic"], options].concat()).expect_code(0);
        let warnings = output
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("warning: "));
        let found: Vec<_> = warnings
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(found, codes, "{terms:?} {options:?}");
    }
}

#[test]
fn a_later_validation_in_the_file_causes_a_warning() {
    let workstation = workstation();
    let first = ["acme.lic", "--out", "first.lic", "--issued-at", LATER];
    let _ = check_in(&workstation, &first).expect_code(0);
    workstation.write(
        "acme.lic",
        workstation.read("acme.lic") + &workstation.read("first.lic"),
    );
    let earlier = check_in(&workstation, &["acme.lic", "--issued-at", "2020-05-01"]).expect_code(0);
    assert!(
        earlier.stderr.contains("warning: BACKDATED: "),
        "{earlier:?}"
    );
}

#[test]
fn without_out_the_block_goes_to_stdout_and_the_report_to_stderr() {
    let workstation = workstation();
    for out in [&[][..], &["--out", "-"]] {
        let output = check_in(
            &workstation,
            &[&["acme.lic", "--issued-at", LATER], out].concat(),
        );
        let output = output.expect_code(0);
        assert!(
            output
                .stdout
                .starts_with("-----BEGIN LICENSE VALIDATION-----\n")
        );
        assert!(
            output
                .stdout
                .ends_with("\n-----END LICENSE VALIDATION-----\n")
        );
        assert!(output.stdout.lines().all(|line| line.len() <= 64));
        let last = output.stderr.lines().last().unwrap();
        let expected = "check-in   due by 2020-06-02T00:00:00Z; \
                        without it, valid until 2020-06-08T00:00:00Z";
        assert_eq!(last, expected);
    }
}

#[test]
fn the_check_in_line_accounts_for_the_end_of_the_license() {
    let last = |terms: &[&str]| {
        let workstation =
            workstation_with(&[&["--tier", "pro", "--remove-feature", "hooks"], terms].concat());
        let options = words("acme.lic --issued-at 2020-01-05 --out validation.lic");
        let text = check_in(&workstation, &options).expect_code(0).stdout;
        text.lines().last().unwrap().to_owned()
    };
    // The renewal grace is 72 hours.
    assert!(
        last(&["--expires", "2020-01-05"])
            .contains("valid until the license ends at 2020-01-09T00:00:00Z")
    );
    let ended = last(&["--expires", "2020-01-02"]);
    assert!(
        ended.contains("not required before the license ends at 2020-01-06T00:00:00Z"),
        "{ended}"
    );
    assert!(last(&["--expires", "2021-01-01"]).contains("valid until 2020-01-12T00:00:00Z"));
    let never = last(&["--expires", "2021-01-01", "--offline"]);
    assert_eq!(never, "check-in   not required");
}

#[test]
fn json_has_every_member() {
    let workstation = workstation();
    let options = [
        "--machine",
        FINGERPRINT,
        "--nonce",
        "4711",
        "--out",
        "validation.lic",
    ];
    let report = report(&workstation, &options);
    let block = workstation.read("validation.lic");
    let token: String = block
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let validation = payload(&token);
    let expected = json!({
        "validations": [{
            "id": validation["jti"], "license_id": validation["lic"], "product": "CODITECT",
            "customer": "ACME Ltd", "tier": "PRO", "status": "active", "machine": DIGEST, "nonce": "4711", "issued_at": LATER,
            "expires_at": "2020-06-02T00:00:00Z", "holds_until": "2020-06-08T00:00:00Z", "token": null,
        }],
        "kid": Vendor::shared().kid, "path": "validation.lic", "dry_run": false,
    });
    assert_eq!(report, expected);
}

#[test]
fn a_customer_name_cannot_forge_a_report_line() {
    let workstation = workstation_with(&[
        "--tier",
        "pro",
        "--perpetual",
        "--customer",
        "ACME\nstatus     revoked\u{1b}[2J",
    ]);
    let report = check_in(&workstation, &["acme.lic", "--out", "validation.lic"])
        .expect_code(0)
        .stdout;
    assert_eq!(
        report
            .lines()
            .filter(|line| line.starts_with("status"))
            .count(),
        1,
        "{report}"
    );
    assert!(!report.contains('\u{1b}'), "{report}");
}
