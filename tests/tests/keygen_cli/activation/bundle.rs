//! `keygen bundle`.

use super::*;

/// Returns a directory with a license, its validation, an activation and a revocation list.
fn filled() -> Scratch {
    let (workstation, id) = workstation();
    let _ = activate(&workstation, &id, 1, &["--out", "activation.lic"]).expect_code(0);
    let check_in = words("check-in --key vendor.key acme.lic --out v.lic");
    let _ = keygen(&workstation, &check_in).expect_code(0);
    let list = ["revocations", "--key", "vendor.key", "--out", "r.lic"];
    let _ = keygen(&workstation, &list).expect_code(0);
    workstation
}

fn bundle(workstation: &Scratch, files: &[&str]) -> RunOutput {
    keygen(workstation, &[&["bundle"], files].concat())
}

const ALL: [&str; 4] = ["acme.lic", "v.lic", "activation.lic", "r.lic"];

#[test]
fn blocks_are_deduplicated_and_sorted_regardless_of_the_file_order() {
    let workstation = filled();
    let together = bundle(&workstation, &ALL).expect_code(0).stdout;
    let whole: String = ALL.iter().map(|name| workstation.read(name)).collect();
    assert_eq!(together, whole);
    workstation.write("whole.lic", &whole);
    let otherwise = [
        "r.lic",
        "whole.lic",
        "v.lic",
        "acme.lic",
        "v.lic",
        "activation.lic",
    ];
    let report = bundle(
        &workstation,
        &[&otherwise[..], &["--out", "all.lic", "--json"]].concat(),
    );
    let report = report.expect_code(0).json();
    assert_eq!(workstation.read("all.lic"), whole);
    let blocks = report["blocks"].as_array().unwrap();
    let kinds: Vec<_> = blocks
        .iter()
        .map(|block| block["kind"].as_str().unwrap())
        .collect();
    let expected = [
        "LICENSE",
        "LICENSE VALIDATION",
        "LICENSE ACTIVATION",
        "LICENSE REVOCATIONS",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        (&report["path"], &report["bundle"]),
        (&json!("all.lic"), &Value::Null)
    );
    let verify = ["verify", "--trust", "trust.jwks", "all.lic", "--json"];
    let verify = Run::license(&workstation).args(verify).run();
    assert_eq!(verify.json()["license_id"].as_str().map(str::len), Some(36));
    bundle(&workstation, &["acme.lic", "--out", "all.lic"]).expect_failure(2);
}

#[test]
fn only_the_newest_revocation_list_of_a_key_is_included() {
    let workstation = filled();
    let list = ["revocations", "--key", "vendor.key", "--out", "newer.lic"];
    let _ = keygen(&workstation, &list).expect_code(0);
    let report = bundle(&workstation, &["newer.lic", "r.lic"]).expect_code(0);
    assert_eq!(report.stdout, workstation.read("newer.lic"));
    assert!(report.stderr.contains("omitted list"), "{report:?}");
}

#[test]
fn an_unverifiable_block_is_refused() {
    let workstation = filled();
    let refused = |files: &[&str], exit, code: &str| {
        let json = bundle(
            &workstation,
            &[files, &["--out", "all.lic", "--json"]].concat(),
        );
        assert_eq!(json.expect_json_failure(exit), code, "{files:?}");
        bundle(&workstation, &[files, &["--out", "all.lic"]].concat()).expect_failure(exit);
        assert!(!workstation.file("all.lic").exists());
    };
    let license = workstation.read("acme.lic");
    let middle = license.find('.').unwrap() + 80;
    workstation.write("edited.lic", vendor::changed_at(&license, middle));
    refused(&["v.lic", "acme.lic", "edited.lic"], 3, "BAD_SIGNATURE");
    refused(&["acme.lic", "--no-ledger"], 3, "UNTRUSTED_KEY");
    refused(&["v.lic"], 3, "NEEDS_LICENSE_FILE");
    workstation.write("cut.lic", &license[..300]);
    refused(&["cut.lic"], 3, "MALFORMED");
    refused(&["vendor.key"], 3, "MALFORMED");
    refused(&["-", "-"], 2, "USAGE");
    refused(&["gone.lic"], 4, "IO");
    let key = ["enterprise-key", "--key", "vendor.key", "--company", "ACME"];
    let terms = ["--seats", "5", "--perpetual", "--out", "acme.key"];
    let _ = keygen(&workstation, &[&key[..], &terms].concat()).expect_code(0);
    refused(&["acme.key"], 2, "USAGE");
    let trusted = ["acme.lic", "--no-ledger", "--trust", "trust.jwks"];
    let _ = bundle(&workstation, &trusted).expect_code(0);
}

/// The name of the customer causes `--` in the payload of the license.
#[test]
fn a_license_with_long_dashes_is_written_and_recorded_as_it_was_signed() {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let name = "s\u{ff21}".repeat(6);
    let issue = words("issue --key vendor.key --no-ledger --tier pro --perpetual --out l.lic");
    let issue = [&issue[..], &["--json", "--customer", &name]].concat();
    let report = keygen(&workstation, &issue).expect_code(0);
    let id = report.json()["license_id"].as_str().unwrap().to_owned();
    let signed = workstation.read("l.lic");
    let (begin, rest) = signed.split_once('\n').unwrap();
    let (body, end) = rest.split_once("-----END").unwrap();
    assert!(body.contains("--"), "{signed}");
    let body = body.replace("--", "\u{2014}");
    workstation.write("pasted.lic", format!("{begin}\n{body}-----END{end}"));
    let trusted = ["pasted.lic", "--trust", "trust.jwks"];
    let bundled = bundle(&workstation, &[&trusted[..], &["--no-ledger"]].concat());
    assert_eq!(bundled.expect_code(0).stdout, signed);
    let import = ["ledger", "import", "--trust", "trust.jwks", "pasted.lic"];
    let _ = keygen(&workstation, &import).expect_code(0);
    let resent = keygen(&workstation, &["ledger", "resend", &id]).expect_code(0);
    assert_eq!(resent.stdout, signed);
    // The claims are shown without a key, although only one reading has them.
    let inspected = keygen(&workstation, &["inspect", "pasted.lic"]).expect_code(0);
    assert!(inspected.stdout.contains(&name), "{inspected:?}");
}
