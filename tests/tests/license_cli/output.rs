//! Secrets that must not appear in output, and the streams of output.

use super::*;

/// Returns whether the text contains 24 or more consecutive characters of a credential.
fn repeats(text: &str, credential: &str) -> bool {
    let secret: Vec<_> = credential
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    let mut windows = secret
        .windows(24)
        .map(|window| window.iter().collect::<String>());
    windows.any(|window| text.contains(&window))
}

#[test]
fn no_error_repeats_a_credential_from_the_arguments() {
    let machine = machine();
    let signature = ENTERPRISE_KEY.rsplit_once("20301231-").unwrap().1;
    let changed = changed_at(&ENTERPRISE_KEY, ENTERPRISE_KEY.len() - 20);
    let with_asterisk = format!("{}*{}", &ENTERPRISE_KEY[..100], &ENTERPRISE_KEY[101..]);
    let token = TEAM.token();
    let token_changed = changed_at(&token, token.len() - 20);
    let token_cut = token[..token.len() - 30].to_owned();
    let token_with_four_parts = format!("{token}.{signature}");
    for credential in [
        &*ENTERPRISE_KEY,
        &changed,
        &with_asterisk,
        &token,
        &token_changed,
        &token_cut,
        &token_with_four_parts,
        &TEAM.file,
    ] {
        for args in [
            &["verify", "--trust", "missing.jwks", credential][..],
            &["verify", credential],
            &["verify", "--trust", "trust.jwks", credential, credential],
            &[
                "verify",
                "--trust",
                "trust.jwks",
                "--at",
                credential,
                "pro.lic",
            ],
            &[
                "verify",
                "--trust",
                "trust.jwks",
                "--no-such-flag",
                credential,
            ],
            &["install", credential],
            &[
                "install",
                "--trust",
                "trust.jwks",
                "--app-version",
                credential,
                "pro.lic",
            ],
            &["status", credential],
            &["status", "--usage-type", credential],
            &["check"],
            &["completions", credential],
            &["--color", credential, "status"],
            &[credential],
        ] {
            for json in [&[][..], &["--json"]] {
                let outcome = license(&machine, &[args, json].concat());
                assert_ne!(outcome.code, Some(0), "{args:?}");
                assert!(
                    !repeats(&outcome.all_output(), credential),
                    "{args:?}: {}",
                    outcome.all_output()
                );
            }
        }
    }
    for credential in [
        &changed,
        &with_asterisk,
        &token_changed,
        &token_cut,
        &token_with_four_parts,
    ] {
        let outcome = verify(&machine, &[credential]).expect_code(3);
        assert!(
            !repeats(&outcome.all_output(), credential),
            "{}",
            outcome.all_output()
        );
    }
}

#[test]
fn no_error_repeats_a_credential_given_in_place_of_a_file() {
    let machine = machine();
    for credential in [&*ENTERPRISE_KEY, &TEAM.token()] {
        for args in [
            &["verify", "--trust", credential, "pro.lic"][..],
            &[
                "verify",
                "--trust",
                "trust.jwks",
                PRO.key(),
                "--license",
                credential,
            ],
            &["verify", "--product-file", credential, "pro.lic"],
            &["check", credential],
        ] {
            let outcome = license(&machine, args);
            assert!(
                !repeats(&outcome.all_output(), credential),
                "{args:?}: {}",
                outcome.all_output()
            );
        }
    }
}

#[test]
fn no_decision_repeats_a_credential() {
    let machine = machine_with("enterprise.key");
    for command in [
        &["status"][..],
        &["features"],
        &["explain"],
        &["check", "sso"],
    ] {
        for json in [&[][..], &["--json"]] {
            let outcome = license(&machine, &[command, json].concat());
            let signature = ENTERPRISE_KEY.rsplit_once("20301231-").unwrap().1;
            assert!(
                !repeats(&outcome.all_output(), signature),
                "{}",
                outcome.all_output()
            );
        }
    }
}

#[test]
fn data_is_printed_on_stdout_and_messages_on_stderr() {
    let machine = machine();
    let grace = words("verify --trust trust.jwks --at 2020-01-03 pro.lic");
    let outcome = license(&machine, &grace).expect_code(0);
    assert!(
        outcome.stdout.starts_with("grace: GRACE_OFFLINE\n"),
        "{}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains("warning:"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.starts_with("warning: GRACE_OFFLINE: "),
        "{}",
        outcome.stderr
    );
    let json = license(&machine, &[&grace[..], &["--json"]].concat()).expect_code(0);
    assert_eq!(json.stderr, "");
}

#[test]
fn quiet_suppresses_notes_but_not_warnings() {
    let machine = machine();
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        AT,
        "pro.lic",
        "--quiet",
    ];
    assert_eq!(license(&machine, &install).expect_code(0).stderr, "");
    let status = license(&machine, &["status", "--quiet", "--at", "2020-01-03"]).expect_code(0);
    assert!(status.stderr.starts_with("warning: "), "{}", status.stderr);
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let machine = machine_with("ent.lic");
    let license = license_tests::programs::license().to_str().unwrap();
    let script = format!("'{license}' features; echo $? >code");
    let _ = Run::new("sh", &machine)
        .args(["-c", &format!("({script}) | true")])
        .run()
        .expect_code(0);
    assert_eq!(machine.read("code").trim(), "0");
}
