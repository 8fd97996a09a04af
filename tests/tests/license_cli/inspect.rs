//! `license inspect`: decoded content that is marked as unverified and safe to print.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::*;

#[test]
fn the_output_is_marked_as_unverified_and_requires_no_keys() {
    let machine = machine();
    std::fs::remove_file(machine.file("trust.jwks")).unwrap();
    machine.write("tampered.lic", tampered(&ENT));
    for argument in [
        "pro.lic",
        "enterprise.key",
        PRO.key(),
        &ENTERPRISE_KEY,
        &PRO.token(),
    ] {
        let shown = license(&machine, &["inspect", argument])
            .expect_code(0)
            .stdout;
        assert!(shown.starts_with("UNVERIFIED"), "{shown}");
        let json = license(&machine, &["inspect", "--json", argument])
            .expect_code(0)
            .json();
        assert_eq!(json["verified"], false);
    }
}

#[test]
fn every_claim_is_shown_and_dates_are_readable() {
    let shown = license(&machine(), &["inspect", "--json", "team.lic"])
        .expect_code(0)
        .json();
    assert_eq!(shown["tokens"][0]["claims"], TEAM.claims());
    let dates = json!({"iat": "2020-01-01T00:00:00Z", "exp": "2021-01-01T00:00:00Z"});
    assert_eq!(shown["tokens"][0]["dates"], dates);
}

#[test]
fn standard_input_is_read_and_every_block_is_shown() {
    let machine = machine();
    let both = format!("{}{}", PRO.file, TEAM.file);
    let run = Run::license(&machine)
        .args(["inspect", "--json", "-"])
        .stdin(both);
    let shown = run.run().expect_code(0).json();
    let tiers = ["PRO", "TEAM"].map(|tier| json!(tier));
    assert_eq!(
        [0, 1].map(|at| shown["tokens"][at]["claims"]["tier"].clone()),
        tiers
    );
}

/// A name that clears the screen, sets the window title, reorders text and forges a line.
const EVIL: &str = "Evil\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}txt.exe\u{2066}\u{200b}\nerror: forged\rTRUSTED";

fn is_harmless(text: &str) -> bool {
    let harmful = ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}'];
    let harms = |character: char| {
        (character.is_control() && character != '\n') || harmful.contains(&character)
    };
    !text.contains(harms) && !text.lines().any(|line| line.starts_with("error: forged"))
}

#[test]
fn a_customer_name_cannot_control_a_terminal() {
    let machine = machine();
    let terms = [
        "--tier",
        "pro",
        "--perpetual",
        "--offline",
        "--user",
        EVIL,
        "--issuer",
        EVIL,
    ];
    machine.write(
        "evil.lic",
        issue_license(&[&["--customer", EVIL], &terms[..]].concat()).file,
    );
    let install = ["install", "--trust", "trust.jwks", "evil.lic"];
    for args in [
        &["inspect", "evil.lic"][..],
        &["inspect", "--json", "evil.lic"],
        &["verify", "--trust", "trust.jwks", "evil.lic"],
        &["verify", "--json", "--trust", "trust.jwks", "evil.lic"],
        &install,
        &["status"],
        &["explain"],
        &["features"],
        &["check", "cloud_sync"],
        &["check", EVIL],
        &["check", "--json", EVIL],
        &["status", "--user", EVIL],
        &["verify", EVIL],
        &["frobnicate", EVIL],
        &[EVIL],
    ] {
        let outcome = license(&machine, args);
        assert!(
            is_harmless(&outcome.stdout),
            "{args:?}: {:?}",
            outcome.stdout
        );
        assert!(
            is_harmless(&outcome.stderr),
            "{args:?}: {:?}",
            outcome.stderr
        );
    }
}

#[test]
fn json_contains_the_exact_customer_name() {
    let machine = machine();
    machine.write(
        "evil.lic",
        issue_license(&["--customer", EVIL, "--tier", "free", "--perpetual"]).file,
    );
    let shown = license(&machine, &["inspect", "--json", "evil.lic"])
        .expect_code(0)
        .json();
    assert_eq!(shown["tokens"][0]["claims"]["sub"], EVIL);
    assert_eq!(
        verify(&machine, &["--json", "evil.lic"])
            .expect_code(0)
            .json()["customer"],
        EVIL
    );
}

/// The size of the unsigned list in MiB. `docs/performance.md` states that `inspect` takes at most
/// 16 times the size of a list.
const LIST_MIB: usize = 8;

/// The address space of the program and its libraries in MiB, without the list.
const PROGRAM_MIB: usize = 96;

/// `ulimit -v` limits the address space, so that a program that needs more memory fails.
#[cfg(target_os = "linux")]
#[test]
fn an_unsigned_list_is_inspected_in_at_most_16_times_its_size() {
    let machine = machine();
    let zeros = "0,".repeat(LIST_MIB * (1 << 20) * 3 / 8);
    let payload = format!(r#"{{"iss":"CODITECT","revoked":[{zeros}0]}}"#);
    let header = r#"{"alg":"RS256","kid":"k","typ":"license-revocations+jwt"}"#;
    let [header, payload] = [header, &payload].map(|part| BASE64URL.encode(part));
    machine.write("list.jwt", format!("{header}.{payload}.AA"));
    let limit = (16 * LIST_MIB + PROGRAM_MIB) * 1024;
    let license = license_tests::programs::license().display();
    for option in ["", "--json"] {
        let line = format!("ulimit -v {limit} && exec {license} inspect {option} list.jwt | wc -l");
        let lines = Run::new("bash", &machine).args(["-o", "pipefail", "-c", &line]);
        let lines = lines.run().expect_code(0).stdout;
        assert_ne!(lines.trim(), "0", "{option}");
    }
}

#[test]
fn input_that_is_not_an_artifact_is_refused() {
    let machine = machine();
    machine.write("prose", "Dear customer,\n");
    machine.write("empty", "");
    for file in ["prose", "empty"] {
        assert_eq!(
            license(&machine, &["inspect", "--json", file]).expect_json_failure(3),
            "MALFORMED"
        );
    }
    assert_eq!(
        license(&machine, &["inspect", "--json", "missing"]).expect_json_failure(4),
        "IO"
    );
}
