//! Trust statements on a customer's machine: installation, replay, changes, and statements signed
//! with a stolen key.

use license_core::chrono::{DateTime, Utc};
use license_core::issue::{IntroductionDraft, RetirementDraft, Signer, SigningKey};
use license_core::{Unverified, time};

use super::*;

/// The vendor with the next key.
pub(crate) static NEXT: LazyLock<Vendor> = LazyLock::new(|| Vendor::with_new_key("2048", "RS256"));
/// The vendor with the spare key.
static SPARE: LazyLock<Vendor> = LazyLock::new(|| Vendor::with_new_key("2048", "PS256"));
/// A thief with a key of their own.
static THIEF: LazyLock<Vendor> = LazyLock::new(|| Vendor::with_new_key("2048", "RS256"));
/// A TEAM license for 2020, signed with the next key.
pub(crate) static BY_NEXT: LazyLock<IssuedLicense> =
    LazyLock::new(|| NEXT.issue(&["--tier", "team", "--expires", "2020-12-31", "--offline"]));

fn key(vendor: &Vendor) -> SigningKey {
    let lines = vendor.key.lines();
    let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).unwrap();
    SigningKey::from_pkcs8(&der, None, crate::random).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn armor(token: &str) -> String {
    Unverified::parse(token).unwrap().to_armor()
}

pub(crate) fn introduction(by: &Vendor, of: &Vendor) -> String {
    let of = key(of);
    let draft = IntroductionDraft {
        issuer: "CODITECT\u{1b}[31m".to_owned(),
        issued_at: at("2020-01-01T00:10:00Z"),
        keys: vec![of.public()],
    };
    armor(&draft.sign(&key(by)).unwrap())
}

fn retirement(of: &Vendor, with: &Vendor) -> String {
    let draft = RetirementDraft {
        issuer: "CODITECT".to_owned(),
        issued_at: at("2020-01-01T00:20:00Z"),
    };
    armor(&draft.sign(&key(of), &key(with)).unwrap())
}

/// Returns a machine that trusts the vendor's key and the spare key, with TEAM installed.
fn machine() -> Scratch {
    let machine = super::machine();
    machine.write("spare.jwks", &SPARE.trust);
    let keys = ["--trust", "trust.jwks", "--trust", "spare.jwks"];
    let install = ["install", "--at", AT, "team.lic"];
    let _ = license(&machine, &[&install[..], &keys].concat()).expect_code(0);
    machine
}

fn install(machine: &Scratch, file: &str, options: &[&str]) -> RunOutput {
    machine.write("given.lic", file);
    license(
        machine,
        &[&["install", "given.lic", "--at", AT], options].concat(),
    )
}

#[track_caller]
fn status(machine: &Scratch) -> Value {
    license(machine, &["status", "--json", "--at", AT]).json()
}

#[track_caller]
fn verifies(machine: &Scratch, issued: &IssuedLicense) -> bool {
    machine.write("asked.lic", &issued.file);
    license(machine, &["verify", "asked.lic", "--at", AT]).code == Some(0)
}

#[track_caller]
fn refused(outcome: &RunOutput, exit: i32, code: &str) -> PrintedError {
    let error = outcome.expect_failure(exit);
    let text = [&error.message[..], &error.hint].concat();
    assert!(text.contains(code), "no {code} in {error:?}");
    error
}

fn statements(machine: &Scratch) -> usize {
    let file = std::fs::read_to_string(machine.state().join("trust.lic")).unwrap_or_default();
    file.matches("BEGIN LICENSE TRUST").count()
}

#[test]
fn a_key_that_a_trusted_key_introduces_is_trusted() {
    let machine = machine();
    assert!(!verifies(&machine, &BY_NEXT));
    let output = install(&machine, &introduction(Vendor::shared(), &NEXT), &[]).expect_code(0);
    assert!(
        output.stdout.contains(&format!("introduces {}", NEXT.kid)),
        "{}",
        output.stdout
    );
    assert!(!output.all_output().contains('\u{1b}'));
    assert!(verifies(&machine, &BY_NEXT) && verifies(&machine, &TEAM));
    let roots = std::fs::read_to_string(machine.state().join("trust.jwks")).unwrap();
    assert!(
        !roots.contains(&NEXT.kid),
        "the introduced key is not stored as a root"
    );
    let again = install(
        &machine,
        &introduction(Vendor::shared(), &NEXT),
        &["--json"],
    );
    assert_eq!(again.expect_code(0).json()["trust_statements"], json!([]));
    assert_eq!(statements(&machine), 1);
}

#[test]
fn a_new_key_and_a_license_signed_with_it_can_be_in_one_file() {
    let machine = machine();
    let both = format!("{}{}", BY_NEXT.file, introduction(Vendor::shared(), &NEXT));
    machine.write("both.lic", &both);
    let report = license(&machine, &["verify", "both.lic", "--at", AT, "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        report["trust_statements"][0]["introduces"][0]["kid"],
        NEXT.kid
    );
    let ask = [
        "check",
        "team_analytics",
        "--license",
        "both.lic",
        "--at",
        AT,
    ];
    let _ = license(&machine, &ask).expect_code(0);
    assert_eq!(statements(&machine), 0, "verify and check change nothing");
    let _ = install(&machine, &both, &[]).expect_code(0);
    assert_eq!(status(&machine)["license_id"], BY_NEXT.report["license_id"]);
    let stored = std::fs::read_to_string(machine.state().join("license.lic")).unwrap();
    assert!(
        !stored.contains("TRUST"),
        "statements are stored in another file"
    );
}

#[test]
fn a_file_with_statements_is_installed_completely_or_not_at_all() {
    let machine = machine();
    let good = introduction(Vendor::shared(), &NEXT);
    let edited = changed_at(&retirement(Vendor::shared(), &SPARE), 500);
    for (file, exit, code) in [
        (
            format!("{good}{edited}{}", BY_NEXT.file),
            3,
            "BAD_SIGNATURE",
        ),
        (
            format!("{good}{}", changed_at(&BY_NEXT.file, 300)),
            3,
            "BAD_SIGNATURE",
        ),
        (format!("{good}{}", &BY_NEXT.file[..400]), 3, "MALFORMED"),
        (
            format!("{good}{}", introduction(&THIEF, &NEXT)),
            3,
            "UNTRUSTED_KEY",
        ),
    ] {
        let _ = refused(&install(&machine, &file, &[]), exit, code);
        assert_eq!(statements(&machine), 0);
        assert_eq!(status(&machine)["license_id"], TEAM.report["license_id"]);
    }
}

#[test]
fn invalid_statements_change_nothing() {
    let machine = machine();
    let good = introduction(Vendor::shared(), &NEXT);
    let _ = refused(
        &install(&machine, &changed_at(&good, 400), &[]),
        3,
        "BAD_SIGNATURE",
    );
    let _ = refused(
        &install(&machine, &good[..good.len() - 60], &[]),
        3,
        "MALFORMED",
    );
    let stranger = refused(
        &install(&machine, &introduction(&THIEF, &NEXT), &[]),
        3,
        "UNTRUSTED_KEY",
    );
    assert!(
        stranger.hint.contains("all of them in one file"),
        "{stranger:?}"
    );
    let _ = refused(
        &install(&machine, &retirement(Vendor::shared(), &THIEF), &[]),
        3,
        "UNTRUSTED_KEY",
    );
    // The inner token of a retirement has only the signature of the old key.
    let whole: String = retirement(Vendor::shared(), &SPARE)
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let inner = license_tests::vendor::payload(&whole)["statement"]
        .as_str()
        .unwrap()
        .to_owned();
    let alone = refused(&install(&machine, &inner, &[]), 3, "MALFORMED");
    assert!(alone.message.contains("one signature"), "{alone:?}");
    assert!(!machine.state().join("trust.lic").exists());
}

#[test]
fn a_retired_key_and_the_keys_that_it_introduced_are_never_trusted_again() {
    let machine = machine();
    let forged = THIEF.issue(&["--tier", "ent", "--perpetual"]);
    let theft = introduction(Vendor::shared(), &THIEF);
    let _ = install(&machine, &theft, &[]).expect_code(0);
    assert!(verifies(&machine, &forged), "until the retirement arrives");
    let retire = retirement(Vendor::shared(), &SPARE);
    let reissued = SPARE.issue(&["--tier", "team", "--expires", "2020-12-31", "--offline"]);
    let _ = install(&machine, &format!("{retire}{}", reissued.file), &[]).expect_code(0);
    assert!(!verifies(&machine, &forged) && !verifies(&machine, &TEAM));
    let _ = refused(
        &license(&machine, &["verify", "team.lic", "--at", AT]),
        3,
        "RETIRED_KEY",
    );
    // A replayed statement, a new statement that the retired key signs, and an introduction of the
    // retired key that the vendor issues by mistake.
    let _ = install(&machine, &theft, &[]).expect_code(0);
    assert!(!verifies(&machine, &forged));
    let late = refused(
        &install(&machine, &introduction(Vendor::shared(), &NEXT), &[]),
        3,
        "RETIRED_KEY",
    );
    assert!(late.hint.contains("stolen"), "{late:?}");
    let back = introduction(&SPARE, Vendor::shared());
    let _ = refused(&install(&machine, &back, &[]), 3, "RETIRED_KEY");
    // Neither the old keys with --trust nor a new installation restores the trust.
    let given = [
        "install",
        "--trust",
        "trust.jwks",
        "--trust",
        "spare.jwks",
        "--at",
        AT,
        "team.lic",
    ];
    let _ = refused(&license(&machine, &given), 3, "RETIRED_KEY");
    let _ = license(&machine, &["remove"]).expect_code(0);
    let _ = refused(&license(&machine, &given), 3, "RETIRED_KEY");
}

#[test]
fn a_retirement_that_ends_the_installed_license_requires_force() {
    let machine = machine();
    let retire = retirement(Vendor::shared(), &SPARE);
    let report = refused(&install(&machine, &retire, &[]), 1, "--force");
    assert!(report.message.contains(&Vendor::shared().kid), "{report:?}");
    let json = install(&machine, &retire, &["--json"]);
    assert_eq!(json.expect_json_failure(1), "RETIRED_KEY");
    assert_eq!(
        (statements(&machine), &status(&machine)["code"]),
        (0, &json!("VALID"))
    );
    let _ = install(&machine, &retire, &["--force"]);
    assert_eq!(statements(&machine), 1);
    let _ = refused(
        &license(&machine, &["status", "--at", AT]),
        3,
        "RETIRED_KEY",
    );
    let _ = license(&machine, &["check", "local_execution", "--at", AT]).expect_code(0);
    // A retirement that does not affect the license requires no force.
    let other = machine_with("team.lic");
    let both = format!(
        "{}{}",
        introduction(Vendor::shared(), &NEXT),
        introduction(&NEXT, &SPARE)
    );
    let _ = install(&other, &both, &[]).expect_code(0);
    let _ = install(&other, &retirement(&SPARE, &NEXT), &[]).expect_code(0);
    assert_eq!(status(&other)["code"], "VALID");
}

/// A statement of the user does not retire a key of the administrator, so the key is listed.
#[test]
fn doctor_lists_an_administrators_key_that_the_user_has_retired() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    std::fs::create_dir(machine.file("etc")).unwrap();
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    machine.write("etc/license.lic", &ENT.file);
    let _ = install(
        &machine,
        &retirement(Vendor::shared(), &SPARE),
        &["--force"],
    );
    let run = |args: &[&str]| {
        let run = Run::license(&machine).env("CODITECT_SYSTEM_DIR", machine.file("etc"));
        run.args(args).run().expect_code(0)
    };
    assert!(run(&["status"]).stdout.contains("ENT license"));
    let doctor = run(&["doctor"]).stdout;
    let administrators = format!("the administrator's 1 key: {}", Vendor::shared().kid);
    assert!(doctor.contains(&administrators), "{doctor}");
}

#[test]
fn statements_can_be_installed_without_a_license() {
    let machine = Vendor::shared().customer_machine();
    let given = ["--trust", "trust.jwks"];
    let _ = refused(
        &install(&machine, &introduction(Vendor::shared(), &NEXT), &[]),
        3,
        "public keys with --trust FILE",
    );
    let output = install(&machine, &introduction(Vendor::shared(), &NEXT), &given).expect_code(0);
    assert!(output.stdout.contains(&NEXT.kid), "{}", output.stdout);
    assert!(verifies(&machine, &BY_NEXT));
}

#[test]
fn a_damaged_statement_file_is_quarantined_and_the_free_tier_works() {
    let machine = machine();
    let good = introduction(Vendor::shared(), &NEXT);
    let both = format!("{good}{}", BY_NEXT.file);
    let _ = install(&machine, &both, &[]).expect_code(0);
    let path = machine.state().join("trust.lic");
    let whole = std::fs::read(&path).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    for damaged in [&text[..200], "", "\0", "{}", &changed_at(&text, 400)] {
        std::fs::write(&path, damaged).unwrap();
        let doctor = license(&machine, &["doctor"]);
        assert!(
            doctor.stdout.contains("the trust statements are damaged"),
            "{}",
            doctor.stdout
        );
        let report = refused(
            &license(&machine, &["status", "--at", AT]),
            3,
            "UNTRUSTED_KEY",
        );
        assert!(report.message.contains("trust.lic.damaged-1"), "{report:?}");
        let _ = license(&machine, &["check", "local_execution", "--at", AT]).expect_code(0);
        let _ = install(&machine, &good, &[]).expect_code(0);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert!(!machine.state().join("trust.lic.damaged-1").exists());
        assert_eq!(status(&machine)["code"], "VALID");
    }
}

#[test]
fn the_administrators_statements_apply_to_all_users() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    std::fs::create_dir(machine.file("etc")).unwrap();
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    machine.write("etc/trust.lic", introduction(Vendor::shared(), &NEXT));
    machine.write("etc/license.lic", &BY_NEXT.file);
    let license = |args: &[&str]| {
        let run = Run::license(&machine).env("CODITECT_SYSTEM_DIR", machine.file("etc"));
        run.args(args).run()
    };
    let _ = license(&["remove"]).expect_code(0);
    let report = license(&["status", "--json", "--at", AT])
        .expect_code(0)
        .json();
    assert_eq!(report["license_id"], BY_NEXT.report["license_id"]);
    let doctor = license(&["doctor"]).stdout;
    assert!(
        doctor.contains(&format!("introduced by {}", Vendor::shared().kid)),
        "{doctor}"
    );
}

#[cfg(unix)]
#[test]
fn the_statement_file_is_private_and_inspect_shows_both_tokens() {
    use std::os::unix::fs::PermissionsExt;
    let machine = machine();
    let _ = install(&machine, &introduction(Vendor::shared(), &NEXT), &[]).expect_code(0);
    let found = std::fs::metadata(machine.state().join("trust.lic")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    machine.write("retire.lic", retirement(Vendor::shared(), &SPARE));
    let shown = license(&machine, &["inspect", "retire.lic", "--json"])
        .expect_code(0)
        .json();
    let token = &shown["tokens"][0];
    assert_eq!(token["header"]["typ"], "license-trust+jwt");
    assert_eq!(
        token["statement"]["claims"]["retires"],
        json!([Vendor::shared().kid])
    );
}

/// Kills the installation at different moments. The installed license always verifies, and the file
/// can be installed again.
#[test]
fn a_rotation_that_is_killed_leaves_a_license_that_verifies() {
    let whole = [
        introduction(Vendor::shared(), &NEXT),
        retirement(Vendor::shared(), &NEXT),
        BY_NEXT.file.clone(),
    ]
    .concat();
    let mut finished = 0;
    for kill in 0..60_u64 {
        let machine = machine();
        machine.write("rotation.lic", &whole);
        let args = ["install", "rotation.lic", "--at", AT];
        let mut child = Run::license(&machine).args(args).start();
        std::thread::sleep(std::time::Duration::from_micros(kill * 500));
        let _ = child.kill();
        let _ = child.wait().unwrap();
        let id = status(&machine)["license_id"].clone();
        assert_eq!(status(&machine)["code"], "VALID", "kill {kill}");
        finished += u64::from(id == BY_NEXT.report["license_id"] && statements(&machine) == 2);
        let _ = license(&machine, &args).expect_code(0);
        assert!(!verifies(&machine, &TEAM) && verifies(&machine, &BY_NEXT));
        assert_eq!(statements(&machine), 2);
    }
    assert!(finished < 60, "no process was killed in time");
}
