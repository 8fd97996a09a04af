//! `keygen issue --machine`.

use super::*;

const OTHER: &str = "mach_00112233445566778899aabbccddeeff";

/// Issues a license for `machines` to `locked.lic`.
#[track_caller]
fn locked(workstation: &Scratch, machines: &[&str]) -> RunOutput {
    let machines = machines.iter().flat_map(|machine| ["--machine", machine]);
    let terms: Vec<_> = ["--tier", "pro", "--perpetual"]
        .into_iter()
        .chain(machines)
        .collect();
    issued(
        workstation,
        &[&terms[..], &["--out", "locked.lic"]].concat(),
    )
}

/// Returns the claim `machines` of a license for the given machines.
#[track_caller]
fn machines(given: &[&str]) -> Value {
    let workstation = Vendor::shared().workstation();
    let _ = locked(&workstation, given).expect_code(0);
    let shown = Run::keygen(&workstation).args(["inspect", "--json", "locked.lic"]);
    let shown = shown.run().expect_code(0).json();
    shown["tokens"][0]["claims"]["machines"].clone()
}

#[test]
fn the_claim_lists_each_machine_once_in_canonical_form_and_in_the_given_order() {
    let padded = format!(" {OTHER}\r\n");
    let upper = OTHER.replace("aabb", "AABB");
    let partly_upper = OTHER.replace("ff", "FF");
    for (name, given, expected) in [
        ("a fingerprint", &[FINGERPRINT][..], json!([FINGERPRINT])),
        (
            "a digest before a fingerprint",
            &[OTHER, FINGERPRINT],
            json!([OTHER, FINGERPRINT]),
        ),
        ("no machine", &[], Value::Null),
        ("white space", &[padded.as_str()], json!([OTHER])),
        ("upper case", &[upper.as_str()], json!([OTHER])),
        (
            "duplicates",
            &[OTHER, partly_upper.as_str(), OTHER],
            json!([OTHER]),
        ),
    ] {
        assert_eq!(machines(given), expected, "{name}");
    }
}

#[test]
fn a_duplicate_machine_is_reported() {
    let workstation = Vendor::shared().workstation();
    let report = locked(&workstation, &[FINGERPRINT, FINGERPRINT]).expect_code(0);
    assert!(report.stderr.contains("duplicate machine"), "{report:?}");
}

#[test]
fn the_report_names_the_machines_and_remarks_on_a_digest() {
    let remark = "a digest matches only an unchanged machine";
    let workstation = Vendor::shared().workstation();
    let report = locked(&workstation, &[FINGERPRINT]).expect_code(0);
    assert!(
        report
            .stdout
            .contains(&format!("\nmachines   only {DIGEST}\n")),
        "{report:?}"
    );
    assert_eq!(report.stderr, "");
    let workstation = Vendor::shared().workstation();
    let report = locked(&workstation, &[FINGERPRINT, OTHER]).expect_code(0);
    assert!(
        report.stdout.contains(&format!("only {DIGEST}, {OTHER}\n")),
        "{report:?}"
    );
    assert!(report.stderr.contains(remark), "{report:?}");
}

#[test]
fn json_has_the_machines_of_the_claim() {
    let issued =
        Vendor::shared().issue(&["--tier", "pro", "--perpetual", "--machine", FINGERPRINT]);
    assert_eq!(issued.report["machines"], json!([FINGERPRINT]));
    assert_eq!(issued.claims()["machines"], json!([FINGERPRINT]));
}

#[test]
fn an_invalid_machine_is_refused() {
    let hash = "60cc22a081bb116368e42320";
    let workstation = Vendor::shared().workstation();
    for (wrong, found) in [
        (String::new(), "an empty value"),
        ("dongle 0042".to_owned(), "other text"),
        (format!("fp1:mac={hash},id={hash}"), "a damaged fingerprint"),
        (format!("{OTHER}0"), "a damaged digest"),
        (format!("fp1:cpu={hash}"), "only cpu"),
        (format!("fp1:uuid={hash}"), "only uuid"),
        (format!("fp1:mac={hash},cpu={hash}"), "only mac, cpu"),
    ] {
        let error = locked(&workstation, &[FINGERPRINT, &wrong]).expect_failure(2);
        assert!(error.message.starts_with("--machine: "), "{error:?}");
        assert!(
            error.message.ends_with(&format!("found {found}")),
            "{error:?}"
        );
        assert!(error.hint.contains("`license machine`"), "{error:?}");
        assert!(!workstation.file("locked.lic").exists());
    }
    let _ = locked(&workstation, &[&format!("fp1:mac={hash},disk={hash}")]).expect_code(0);
}
