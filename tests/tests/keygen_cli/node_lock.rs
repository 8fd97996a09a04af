//! `keygen issue --machine`.

use super::*;

const OTHER: &str = "mach_00112233445566778899aabbccddeeff";

#[track_caller]
fn locked(desk: &Scratch, machines: &[&str]) -> Outcome {
    let machines = machines.iter().flat_map(|machine| ["--machine", machine]);
    let terms: Vec<_> = ["--tier", "pro", "--perpetual"]
        .into_iter()
        .chain(machines)
        .collect();
    issued(desk, &[&terms[..], &["--out", "locked.lic"]].concat())
}

#[track_caller]
fn machines(given: &[&str]) -> Value {
    let desk = Vendor::shared().desk();
    let _ = locked(&desk, given).expect_code(0);
    let shown = Run::keygen(&desk).args(["inspect", "--json", "locked.lic"]);
    let shown = shown.run().expect_code(0).json();
    shown["tokens"][0]["claims"]["machines"].clone()
}

#[test]
fn fingerprints_and_digests_are_claims_in_the_order_given() {
    assert_eq!(machines(&[FINGERPRINT]), json!([FINGERPRINT]));
    assert_eq!(machines(&[OTHER, FINGERPRINT]), json!([OTHER, FINGERPRINT]));
    assert_eq!(machines(&[]), Value::Null);
}

#[test]
fn a_machine_is_written_in_its_canonical_form() {
    assert_eq!(machines(&[&format!(" {OTHER}\r\n")]), json!([OTHER]));
    assert_eq!(machines(&[&OTHER.replace("aabb", "AABB")]), json!([OTHER]));
}

#[test]
fn one_that_is_named_twice_is_in_the_license_once() {
    assert_eq!(
        machines(&[OTHER, &OTHER.replace("ff", "FF"), OTHER]),
        json!([OTHER])
    );
    let desk = Vendor::shared().desk();
    let told = locked(&desk, &[FINGERPRINT, FINGERPRINT]).expect_code(0);
    assert!(told.stderr.contains("named twice"), "{told:?}");
}

#[test]
fn the_summary_names_the_machines_and_a_digest_is_remarked_upon() {
    let remark = "a digest locks to exactly one identity";
    let desk = Vendor::shared().desk();
    let told = locked(&desk, &[FINGERPRINT]).expect_code(0);
    assert!(
        told.stdout
            .contains(&format!("\nmachines   only {DIGEST}\n")),
        "{told:?}"
    );
    assert_eq!(told.stderr, "");
    let desk = Vendor::shared().desk();
    let told = locked(&desk, &[FINGERPRINT, OTHER]).expect_code(0);
    assert!(
        told.stdout.contains(&format!("only {DIGEST}, {OTHER}\n")),
        "{told:?}"
    );
    assert!(told.stderr.contains(remark), "{told:?}");
}

#[test]
fn json_has_the_machines_of_the_claim() {
    let minted =
        Vendor::shared().issue(&["--tier", "pro", "--perpetual", "--machine", FINGERPRINT]);
    assert_eq!(minted.told["machines"], json!([FINGERPRINT]));
    assert_eq!(minted.claims()["machines"], json!([FINGERPRINT]));
}

#[test]
fn what_is_like_no_machine_is_refused() {
    let hash = "60cc22a081bb116368e42320";
    let desk = Vendor::shared().desk();
    for (wrong, found) in [
        (String::new(), "nothing"),
        ("dongle 0042".to_owned(), "neither"),
        (format!("fp1:mac={hash},id={hash}"), "a damaged fingerprint"),
        (format!("{OTHER}0"), "a damaged digest"),
        (format!("fp1:cpu={hash}"), "one of cpu alone"),
        (format!("fp1:uuid={hash}"), "one of uuid alone"),
        (
            format!("fp1:mac={hash},cpu={hash}"),
            "one of mac, cpu alone",
        ),
    ] {
        let complaint = locked(&desk, &[FINGERPRINT, &wrong]).expect_failure(2);
        assert!(
            complaint.message.starts_with("--machine: "),
            "{complaint:?}"
        );
        assert!(
            complaint.message.ends_with(&format!("found {found}")),
            "{complaint:?}"
        );
        assert!(
            complaint.hint.contains("`license machine`"),
            "{complaint:?}"
        );
        assert!(!desk.file("locked.lic").exists());
    }
    let _ = locked(&desk, &[&format!("fp1:mac={hash},disk={hash}")]).expect_code(0);
}
