//! `keygen check-in`: what a validation says, and what `license` makes of it.

mod refusal;

use super::*;

/// 2020-01-01T00:00:00Z, when `Vendor::issue` issues.
const ISSUED: u64 = 1_577_836_800;
const HOUR: u64 = 3600;
/// By which a license that was issued then is long overdue.
const LATER: &str = "2020-06-01T00:00:00Z";

/// A desk with a license for PRO that never ends, as `acme.lic`.
fn desk() -> Scratch {
    desk_with(&["--tier", "pro", "--perpetual"])
}

fn desk_with(terms: &[&str]) -> Scratch {
    let desk = Vendor::shared().desk();
    desk.write("trust.jwks", &Vendor::shared().trust);
    desk.write("acme.lic", Vendor::shared().issue(terms).file);
    desk
}

fn check_in(desk: &Scratch, options: &[&str]) -> Outcome {
    let run = Run::keygen(desk).args(["check-in", "--key", "vendor.key"]);
    run.args(options).run()
}

/// The one object of `--json`, at [`LATER`].
#[track_caller]
fn told(desk: &Scratch, options: &[&str]) -> Value {
    let usual = ["acme.lic", "--json", "--issued-at", LATER];
    let told = check_in(desk, &[&usual[..], options].concat());
    told.expect_code(0).json()
}

#[track_caller]
fn claims(desk: &Scratch, options: &[&str]) -> Value {
    let told = told(desk, options);
    payload(told["validations"][0]["token"].as_str().unwrap())
}

/// What `license verify` says of the license with these files behind it.
#[track_caller]
fn decision(desk: &Scratch, files: &[&str], at: &str) -> Value {
    let parts = files.iter().map(|name| desk.read(name));
    let all: String = std::iter::once(desk.read("acme.lic"))
        .chain(parts)
        .collect();
    let verify = ["verify", "--json", "--trust", "trust.jwks", "--at", at, "-"];
    Run::license(desk).args(verify).stdin(all).run().json()
}

#[test]
fn a_validation_says_what_the_license_does() {
    let desk = desk_with(&["--tier", "team", "--perpetual", "--add-feature", "early"]);
    let license = Run::keygen(&desk).args(["inspect", "--json", "acme.lic"]);
    let license = license.run().expect_code(0).json();
    let license = &license["tokens"][0]["claims"];
    let said = claims(&desk, &[]);
    for claim in ["iss", "aud", "tier", "features", "quotas"] {
        assert_eq!(said[claim], license[claim], "{claim}");
    }
    assert_eq!(said["lic"], license["jti"]);
    assert_ne!(said["jti"], license["jti"]);
    assert_eq!(
        &said["jti"].as_str().unwrap()[14..15],
        "7",
        "a UUID of version 7"
    );
    assert_eq!(said["status"], "active");
    assert_eq!(said["iat"], 1_590_969_600);
    assert_eq!(said["exp"], 1_590_969_600 + 24 * HOUR);
    for absent in ["machine", "nonce"] {
        assert_eq!(said.get(absent), None, "{absent}");
    }
}

#[test]
fn two_of_the_same_license_have_ids_of_their_own() {
    let desk = desk();
    assert_ne!(claims(&desk, &[])["jti"], claims(&desk, &[])["jti"]);
}

#[test]
fn it_is_meant_to_be_used_until_the_next_check_in_is_due() {
    for (terms, hours) in [
        (&["--check-in", "48"][..], 48),
        (&["--check-in", "1", "--grace", "2"], 1),
        (&["--offline"], 24),
    ] {
        let desk = desk_with(&[&["--tier", "pro", "--perpetual"], terms].concat());
        let said = claims(&desk, &[]);
        let lasts = said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap();
        assert_eq!(lasts, hours * HOUR, "{terms:?}");
    }
}

#[test]
fn it_is_issued_now_unless_said_otherwise() {
    let desk = desk();
    let json = check_in(&desk, &["acme.lic", "--json"])
        .expect_code(0)
        .json();
    let said = payload(json["validations"][0]["token"].as_str().unwrap());
    assert!(said["iat"].as_u64() > Some(1_780_000_000));
    let said = claims(&desk, &[]);
    assert!(said["iat"].as_u64() > Some(ISSUED));
}

#[test]
fn an_overdue_license_holds_again_for_its_grace_period_to_the_second() {
    let desk = desk();
    let options = ["acme.lic", "--out", "validation.lic", "--issued-at", LATER];
    let _ = check_in(&desk, &options).expect_code(0);
    let code = |files: &[&str], at| decision(&desk, files, at)["code"].clone();
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
    let until = &told(&desk, &[])["validations"][0]["holds_until"];
    assert_eq!(
        until, "2020-06-08T00:00:00Z",
        "the last instant of the grace period"
    );
}

#[test]
fn a_status_denies_until_a_later_one_says_active() {
    for (status, code) in [
        ("suspended", "SUSPENDED"),
        ("revoked", "REVOKED"),
        ("canceled", "CANCELED"),
    ] {
        let desk = desk();
        let say = |status, at, out| {
            let options = [
                "acme.lic",
                "--status",
                status,
                "--issued-at",
                at,
                "--out",
                out,
            ];
            check_in(&desk, &options).expect_code(0)
        };
        let denied = say(status, LATER, "denied.lic");
        assert!(
            denied.stdout.contains(&format!("the license is {status}")),
            "{denied:?}"
        );
        let _ = say("active", "2020-06-01T00:00:01Z", "again.lic");
        let at = "2020-06-01T12:00:00Z";
        let verdict = decision(&desk, &["denied.lic"], at);
        assert_eq!(
            (&verdict["decision"], &verdict["code"]),
            (&json!("denied"), &json!(code))
        );
        let verdict = decision(&desk, &["again.lic", "denied.lic"], at);
        assert_eq!(verdict["code"], "VALID");
        assert_eq!(
            told(&desk, &["--status", status])["validations"][0]["holds_until"],
            Value::Null
        );
    }
}

#[test]
fn a_machine_is_named_by_its_digest_however_it_is_given() {
    let desk = desk();
    for given in [
        FINGERPRINT,
        DIGEST,
        &DIGEST.replace("6a49", "6A49"),
        &format!(" {DIGEST}\n"),
    ] {
        assert_eq!(
            claims(&desk, &["--machine", given])["machine"],
            DIGEST,
            "{given}"
        );
    }
}

#[test]
fn files_tokens_and_standard_input_are_read_with_what_editors_do_to_them() {
    let desk = desk();
    let file = desk.read("acme.lic");
    let token: String = file
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    desk.write("token", &token);
    desk.write(
        "windows.lic",
        format!("\u{feff}{}", file.replace('\n', "\r\n")),
    );
    let lic = claims(&desk, &[])["lic"].clone();
    let of = |outcome: Outcome| {
        let json = outcome.expect_code(0).json();
        payload(json["validations"][0]["token"].as_str().unwrap())["lic"].clone()
    };
    for name in ["token", "windows.lic"] {
        assert_eq!(of(check_in(&desk, &["--json", name])), lic, "{name}");
    }
    let stdin = ["check-in", "--json", "--key", "vendor.key", "-"];
    assert_eq!(of(Run::keygen(&desk).args(stdin).stdin(file).run()), lic);
}

#[test]
fn an_enterprise_key_is_named_by_its_short_form() {
    let (vendor, desk) = (Vendor::shared(), desk());
    desk.write("acme.lic", vendor.enterprise_key());
    let minted = check_in(&desk, &["acme.lic", "--json"]).expect_code(0);
    assert!(
        minted.stderr.starts_with("warning: NO_CHECK_IN: "),
        "{minted:?}"
    );
    let told = minted.json();
    let said = payload(told["validations"][0]["token"].as_str().unwrap());
    let shown = Run::keygen(&desk).args(["inspect", "--json", "acme.lic"]);
    let shown = shown.run().expect_code(0).json();
    assert_eq!(said["lic"], shown["short_key"]);
    assert_eq!(
        (&said["tier"], &said["quotas"]["users"]),
        (&json!("ENT"), &json!(100))
    );
    assert_eq!(told["validations"][0]["customer"], "ACME");
    assert_eq!(told["validations"][0]["holds_until"], Value::Null);
}

#[test]
fn each_license_of_a_file_gets_one_and_only_one() {
    let desk = desk();
    let other = Vendor::shared().issue(&["--tier", "team", "--perpetual"]);
    let both = format!("{0}{1}{0}", desk.read("acme.lic"), other.file);
    desk.write("acme.lic", &both);
    let told = told(&desk, &[]);
    let told = told["validations"].as_array().unwrap();
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[0]["tier"], &told[1]["tier"]),
        (&json!("PRO"), &json!("TEAM"))
    );
    let options = ["acme.lic", "--out", "validation.lic", "--issued-at", LATER];
    let text = check_in(&desk, &options).expect_code(0).stdout;
    assert_eq!(
        text.matches("needs its next check-in by").count(),
        2,
        "{text}"
    );
    let verdict = decision(&desk, &["validation.lic"], LATER);
    assert_eq!(
        (&verdict["code"], &verdict["tier"]),
        (&json!("VALID"), &json!("TEAM"))
    );
}

#[test]
fn a_file_that_holds_older_validations_already_is_taken() {
    let desk = desk();
    let first = words("acme.lic --out first.lic --issued-at 2020-03-01");
    let _ = check_in(&desk, &first).expect_code(0);
    let both = desk.read("acme.lic") + &desk.read("first.lic");
    desk.write("acme.lic", both);
    let second = ["acme.lic", "--out", "second.lic", "--issued-at", LATER];
    let second = check_in(&desk, &second).expect_code(0);
    assert!(!second.stderr.contains("warning"), "{second:?}");
    assert_eq!(decision(&desk, &["second.lic"], LATER)["code"], "VALID");
}

#[test]
fn what_is_rarely_meant_is_minted_with_a_warning() {
    let pro = ["--tier", "pro"];
    let elsewhere = "fp1:id=00112233445566778899aabb,mac=00112233445566778899aabb";
    let cases: [(&[&str], &[&str], &[&str]); 9] = [
        (&["--perpetual"], &["--machine", DIGEST], &[]),
        (&["--perpetual", "--offline"], &[], &["NO_CHECK_IN"]),
        (&["--perpetual", "--offline"], &["--status", "revoked"], &[]),
        // It ends with January 4th, and holds for 72 hours after that.
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
        let desk = desk_with(&[&pro[..], terms].concat());
        let minted = check_in(&desk, &[&["acme.lic"], options].concat()).expect_code(0);
        let warnings = minted
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
fn a_validation_in_the_file_that_is_later_is_pointed_out() {
    let desk = desk();
    let first = ["acme.lic", "--out", "first.lic", "--issued-at", LATER];
    let _ = check_in(&desk, &first).expect_code(0);
    desk.write("acme.lic", desk.read("acme.lic") + &desk.read("first.lic"));
    let earlier = check_in(&desk, &["acme.lic", "--issued-at", "2020-05-01"]).expect_code(0);
    assert!(
        earlier.stderr.contains("warning: BACKDATED: "),
        "{earlier:?}"
    );
}

#[test]
fn without_out_the_block_goes_to_stdout_and_the_rest_to_stderr() {
    let desk = desk();
    for out in [&[][..], &["--out", "-"]] {
        let minted = check_in(&desk, &[&["acme.lic", "--issued-at", LATER], out].concat());
        let minted = minted.expect_code(0);
        assert!(
            minted
                .stdout
                .starts_with("-----BEGIN LICENSE VALIDATION-----\n")
        );
        assert!(
            minted
                .stdout
                .ends_with("\n-----END LICENSE VALIDATION-----\n")
        );
        assert!(minted.stdout.lines().all(|line| line.len() <= 64));
        let last = minted.stderr.lines().last().unwrap();
        let expected = "check-in   the license needs its next check-in by 2020-06-02T00:00:00Z, and holds until \
                        2020-06-08T00:00:00Z without";
        assert_eq!(last, expected);
    }
}

#[test]
fn the_last_line_counts_the_end_of_the_license() {
    let last = |terms: &[&str]| {
        let desk = desk_with(&[&["--tier", "pro", "--remove-feature", "hooks"], terms].concat());
        let options = words("acme.lic --issued-at 2020-01-05 --out validation.lic");
        let text = check_in(&desk, &options).expect_code(0).stdout;
        text.lines().last().unwrap().to_owned()
    };
    // With 72 hours of grace after it.
    assert!(
        last(&["--expires", "2020-01-05"]).contains("holds until its end at 2020-01-09T00:00:00Z")
    );
    let ended = last(&["--expires", "2020-01-02"]);
    assert!(
        ended.contains("ends at 2020-01-06T00:00:00Z, before its next"),
        "{ended}"
    );
    assert!(
        last(&["--expires", "2021-01-01"]).contains("holds until 2020-01-12T00:00:00Z without")
    );
    let never = last(&["--expires", "2021-01-01", "--offline"]);
    assert_eq!(never, "check-in   the license never needs one");
}

#[test]
fn json_tells_all_there_is_to_know() {
    let desk = desk();
    let options = [
        "--machine",
        FINGERPRINT,
        "--nonce",
        "4711",
        "--out",
        "validation.lic",
    ];
    let told = told(&desk, &options);
    let block = desk.read("validation.lic");
    let token: String = block
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let said = payload(&token);
    let expected = json!({
        "validations": [{
            "id": said["jti"], "license_id": said["lic"], "customer": "ACME Ltd", "tier": "PRO",
            "status": "active", "machine": DIGEST, "nonce": "4711", "issued_at": LATER,
            "expires_at": "2020-06-02T00:00:00Z", "holds_until": "2020-06-08T00:00:00Z", "token": null,
        }],
        "kid": Vendor::shared().kid, "path": "validation.lic", "dry_run": false,
    });
    assert_eq!(told, expected);
}

#[test]
fn a_customers_own_name_cannot_forge_a_line() {
    let desk = desk_with(&[
        "--tier",
        "pro",
        "--perpetual",
        "--customer",
        "ACME\nstatus     revoked\u{1b}[2J",
    ]);
    let told = check_in(&desk, &["acme.lic", "--out", "validation.lic"])
        .expect_code(0)
        .stdout;
    assert_eq!(
        told.lines()
            .filter(|line| line.starts_with("status"))
            .count(),
        1,
        "{told}"
    );
    assert!(!told.contains('\u{1b}'), "{told}");
}
