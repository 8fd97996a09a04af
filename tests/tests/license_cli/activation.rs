//! Requests of a machine without a network, the vendor's answers, and deactivation.

use license_core::chrono::{DateTime, Utc};
use license_core::issue::{ActivationDraft, ClockRepairDraft, KeyBits, LicenseDraft, SigningKey};
use license_core::jose::Algorithm;
use license_core::requests::{
    ActivationRequest, ClockRequest, DeactivationReceipt, MachineRequest, readback,
};
use license_core::time::rfc3339;
use license_core::{LicenseFile, LicenseId, TrustSet, Unverified, time};

use super::revocations::vendors_key;
use super::*;

/// A perpetual TEAM license that requires activation.
static ACTIVATED: LazyLock<IssuedLicense> = LazyLock::new(|| with_activation(&[]));

/// Issues a license that requires activation.
fn with_activation(terms: &[&str]) -> IssuedLicense {
    let common = ["--tier", "team", "--perpetual", "--offline", "--activation"];
    issue_license(&[&common[..], terms].concat())
}

/// Returns the renewal of a license.
fn renewed(license: &IssuedLicense) -> String {
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let token = license.token();
    let license = Unverified::parse(&token).unwrap().verify(&trust).unwrap();
    let draft = LicenseDraft::successor_of(&license, unique_id(), at(AT)).unwrap();
    let token = draft.sign(&vendors_key()).unwrap();
    Unverified::parse(&token).unwrap().to_armor()
}

/// Returns a machine on which the license is installed but not activated.
fn machine_before_activation() -> Scratch {
    let machine = Vendor::shared().customer_machine();
    machine.write("team.lic", &ACTIVATED.file);
    let installed = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "team.lic"],
    );
    let _ = installed.expect_code(1);
    machine
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

#[track_caller]
fn request(machine: &Scratch, options: &[&str]) -> RunOutput {
    on(HERE, machine, &[&["request"], options].concat()).expect_code(0)
}

fn activation_request(text: &str) -> ActivationRequest {
    match MachineRequest::parse(text).unwrap() {
        MachineRequest::Activation(request) => request,
        other => panic!("{other:?}"),
    }
}

fn clock_request(text: &str) -> ClockRequest {
    match MachineRequest::parse(text).unwrap() {
        MachineRequest::Clock(request) => request,
        other => panic!("{other:?}"),
    }
}

fn receipt(text: &str) -> DeactivationReceipt {
    match MachineRequest::parse(text).unwrap() {
        MachineRequest::Deactivation(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

/// Returns a unique id.
fn unique_id() -> LicenseId {
    let mut random = [0; 10];
    let bytes = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos()
        .to_be_bytes();
    random.copy_from_slice(&bytes[6..]);
    LicenseId::from_random(at("2020-01-01"), &random)
}

fn answer_by(key: &SigningKey, request: &ActivationRequest) -> String {
    let draft = ActivationDraft {
        issuer: "CODITECT".to_owned(),
        id: unique_id(),
        issued_at: at("2020-01-01T00:30:00Z"),
        request,
    };
    Unverified::parse(&draft.sign(key).unwrap())
        .unwrap()
        .to_armor()
}

fn answer(request: &str) -> String {
    answer_by(&vendors_key(), &activation_request(request))
}

pub(super) fn repair(request: &str, issued_at: &str) -> String {
    let draft = ClockRepairDraft {
        issuer: "CODITECT".to_owned(),
        id: unique_id(),
        issued_at: at(issued_at),
        request: &clock_request(request),
    };
    Unverified::parse(&draft.sign(&vendors_key()).unwrap())
        .unwrap()
        .to_armor()
}

fn activate(machine: &Scratch, answer: &str) -> RunOutput {
    machine.write("answer.lic", answer);
    on(HERE, machine, &["activate", "answer.lic"])
}

#[track_caller]
fn code(machine: &Scratch) -> String {
    let output = on(HERE, machine, &["status", "--json"]).json();
    output["code"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(outcome: &RunOutput, exit: i32, code: &str) {
    let error = outcome.expect_failure(exit);
    assert!(error.text().contains(code), "no {code} in {error:?}");
    assert!(!error.hint.is_empty());
}

/// Returns a machine on which the license is installed and activated.
fn activated_machine() -> Scratch {
    let machine = machine_before_activation();
    let requested = request(&machine, &[]);
    let _ = activate(&machine, &answer(&requested.stdout)).expect_code(0);
    machine
}

#[test]
fn a_license_that_requires_activation_is_valid_only_after_the_answer() {
    let machine = machine_before_activation();
    assert_eq!(code(&machine), "NOT_ACTIVATED");
    let requested = request(&machine, &[]);
    assert!(
        requested.stderr.contains("license activate FILE"),
        "{}",
        requested.stderr
    );
    assert_eq!(code(&machine), "NOT_ACTIVATED");
    let installed = activate(&machine, &answer(&requested.stdout)).expect_code(0);
    assert!(
        installed
            .stderr
            .contains("is activated for this user on this machine"),
        "{}",
        installed.stderr
    );
    assert_eq!(code(&machine), "VALID");
    // Another request is not necessary. The request itself stays possible.
    let again = request(&machine, &["--json"]).json();
    assert_eq!(warnings(&again), ["ALREADY_ACTIVATED"]);
    assert_eq!(
        warnings(&request(&machine_before_activation(), &["--json"]).json()),
        [""; 0]
    );
    let copied = on(ELSEWHERE, &machine, &["status", "--json"]).json();
    assert_eq!(copied["code"], "NOT_ACTIVATED", "{copied:#}");
    assert_eq!(
        code(&machine),
        "VALID",
        "the state of the first machine is unchanged"
    );
}

#[test]
fn a_request_shows_its_content_and_the_secret_stays_sealed_on_the_machine() {
    let machine = machine_before_activation();
    machine.write("old", "content");
    refused(
        &on(HERE, &machine, &["request", "--out", "old"]),
        2,
        "already exists",
    );
    let report = request(&machine, &["--out", "request.lic", "--json"]).json();
    let file = activation_request(&machine.read("request.lic"));
    assert_eq!(report["kind"], "LICENSE ACTIVATION REQUEST");
    assert_eq!(report["content"]["license"], ACTIVATED.report["license_id"]);
    assert_eq!(report["content"]["nonce"], file.nonce.to_string());
    let identity = on(HERE, &machine, &["machine", "--json"]).json();
    assert_eq!(
        identity["digest"],
        file.machine.digest().unwrap().to_string()
    );
    let stored = std::fs::read(machine.state().join("activation")).unwrap();
    assert!(!stored.windows(6).any(|bytes| bytes == b"secret"), "sealed");
    #[cfg(unix)]
    assert_eq!(machine.mode("state/activation"), 0o600);
}

#[test]
fn readback_lines_contain_the_same_request() {
    let machine = machine_before_activation();
    let report = request(&machine, &["--speak"]).stdout;
    assert!(readback::looks_like_lines(&report), "{report}");
    let typed: String = report
        .lines()
        .rev()
        .map(|line| format!("{line}\n"))
        .collect();
    let typed = typed.to_lowercase();
    let requested = MachineRequest::parse(&typed).unwrap();
    let _ = activate(&machine, &answer(&requested.to_armor())).expect_code(0);
    assert_eq!(code(&machine), "VALID");
}

#[test]
fn a_qr_code_is_drawn_on_the_terminal_or_written_as_a_picture() {
    let machine = machine_before_activation();
    let drawn = request(&machine, &["--qr"]).stdout;
    assert!(drawn.contains('█') && drawn.lines().count() > 20, "{drawn}");
    let widths = drawn.lines().map(|line| line.chars().count());
    assert!(
        widths.max().unwrap() < 80,
        "it fits into a usual terminal: {drawn}"
    );
    let _ = request(&machine, &["--qr", "--out", "code.png"]);
    let picture = std::fs::read(machine.file("code.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG\r\n"));
    for wrong in [
        &["request", "--qr", "--out", "code.lic"][..],
        &["request", "--qr", "--json"],
        &["request", "--qr", "--speak"],
        &["request", "--clock", "--license", "x"],
    ] {
        let _ = on(HERE, &machine, wrong).expect_code(2);
    }
}

#[test]
fn each_kind_of_invalid_answer_has_its_own_code_and_changes_nothing() {
    let machine = machine_before_activation();
    let first = request(&machine, &[]).stdout;
    assert_eq!(
        request(&machine, &[]).stdout,
        first,
        "a pending request is written again"
    );
    let second = request(&machine, &["--new"]);
    assert!(
        second.stderr.contains("will be rejected"),
        "{}",
        second.stderr
    );
    let second = second.stdout;
    refused(&activate(&machine, &answer(&first)), 3, "STALE_ANSWER");

    let good = answer(&second);
    let token: String = good
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let edited = changed_at(&token, token.len() / 2);
    refused(&activate(&machine, &edited), 3, "BAD_SIGNATURE");
    let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &crate::random).unwrap();
    let stranger = SigningKey::from_pkcs8(&der, None, crate::random).unwrap();
    let foreign = answer_by(&stranger, &activation_request(&second));
    refused(&activate(&machine, &foreign), 3, "UNTRUSTED_KEY");

    // Answers to another machine, and to another state directory on this machine.
    let elsewhere = machine_before_activation();
    let theirs = on(ELSEWHERE, &elsewhere, &["request"])
        .expect_code(0)
        .stdout;
    let theirs = activate(&machine, &answer(&theirs));
    refused(&theirs, 1, "machine");
    let hint = theirs.expect_failure(1).hint;
    assert_eq!(hint, "send the output of `license request` to the vendor");
    let swapped = request(&machine_before_activation(), &[]).stdout;
    refused(
        &activate(&machine, &answer(&swapped)),
        3,
        "REQUEST_MISMATCH",
    );
    let mut other_secret = activation_request(&second);
    other_secret.commitment = activation_request(&first).commitment;
    let other_secret = answer_by(&vendors_key(), &other_secret);
    refused(&activate(&machine, &other_secret), 3, "REQUEST_MISMATCH");
    let mut other_license = activation_request(&second);
    other_license.license = unique_id();
    let other_license = answer_by(&vendors_key(), &other_license);
    refused(&activate(&machine, &other_license), 3, "REQUEST_MISMATCH");

    assert_eq!(code(&machine), "NOT_ACTIVATED");
    let _ = activate(&machine, &good).expect_code(0);
    for again in [
        activate(&machine, &good),
        on(HERE, &machine, &["install", "answer.lic"]),
    ] {
        let again = again.expect_code(0).stderr;
        assert!(
            again.contains("is already activated by this answer"),
            "{again}"
        );
    }
    assert_eq!(code(&machine), "VALID");
}

#[test]
fn activate_accepts_only_answers_to_requests() {
    let machine = machine_before_activation();
    refused(
        &on(HERE, &machine, &["activate", "team.lic"]),
        3,
        "expected the answer",
    );
    machine.write("request.lic", request(&machine, &[]).stdout);
    refused(
        &on(HERE, &machine, &["activate", "request.lic"]),
        3,
        "request",
    );
    refused(
        &on(HERE, &machine, &["verify", "request.lic"]),
        3,
        "request",
    );
}

#[test]
fn a_file_with_a_license_and_its_activation_is_installed_completely_or_not_at_all() {
    let machine = machine_before_activation();
    let renewal = renewed(&ACTIVATED);
    let requested = request(&machine, &[]).stdout;
    let stale = answer(&requested);
    let requested = request(&machine, &["--new"]).stdout;
    machine.write("both.lic", format!("{renewal}{stale}"));
    refused(
        &on(HERE, &machine, &["install", "both.lic"]),
        3,
        "STALE_ANSWER",
    );
    let stored = std::fs::read_to_string(machine.state().join("license.lic")).unwrap();
    assert_eq!(stored, ACTIVATED.file);
    machine.write("both.lic", format!("{renewal}{}", answer(&requested)));
    let installed = on(HERE, &machine, &["install", "both.lic"]).expect_code(0);
    for block in ["license ", "activation "] {
        assert!(installed.stderr.contains(block), "{}", installed.stderr);
    }
    assert_eq!(
        code(&machine),
        "VALID",
        "the activation also applies to the renewal"
    );
}

#[test]
fn an_activation_in_the_administrators_directory_applies_to_all_users() {
    if !tools::is_root() {
        return;
    }
    let machine = activated_machine();
    let shared = Scratch::new();
    let answer = machine.read("answer.lic");
    shared.write("license.lic", format!("{}{answer}", ACTIVATED.file));
    shared.write("trust.jwks", &Vendor::shared().trust);
    let other = Scratch::new();
    let status = |id: &str| {
        let run = Run::license(&other).env("CODITECT_MACHINE_ID", id);
        let run = run.env("CODITECT_SYSTEM_DIR", shared.path());
        run.args(["status", "--json"]).run().json()["code"].clone()
    };
    assert_eq!(status(HERE), "VALID");
    assert_eq!(status(ELSEWHERE), "NOT_ACTIVATED");
}

/// Runs `deactivate` with this administrator's license file. Returns the outcome and the path of
/// the file.
fn deactivate_with_shared(
    machine: &Scratch,
    shared: &str,
    options: &[&str],
) -> (RunOutput, String) {
    std::fs::create_dir_all(machine.file("etc")).unwrap();
    machine.write("etc/license.lic", shared);
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    let run = Run::license(machine).env("CODITECT_MACHINE_ID", HERE);
    let run = run.env("CODITECT_SYSTEM_DIR", machine.file("etc"));
    let outcome = run.args([&["deactivate"], options].concat()).run();
    (outcome, "etc/license.lic".to_owned())
}

#[test]
fn deactivation_warns_if_the_administrators_file_also_contains_an_activation() {
    if !tools::is_root() {
        return;
    }
    // The administrator's file contains the same activation, or another activation of the machine.
    let other_answer = || answer(&request(&machine_before_activation(), &[]).stdout);
    for shared_answer in [None, Some(other_answer())] {
        let machine = activated_machine();
        let shared_answer = shared_answer.unwrap_or_else(|| machine.read("answer.lic"));
        let shared = format!("{}{shared_answer}", ACTIVATED.file);
        let (deactivated, path) = deactivate_with_shared(&machine, &shared, &["--json"]);
        let warnings = &deactivated.expect_code(0).json()["warnings"];
        assert_eq!(warnings[0]["code"], "STILL_ACTIVE", "{warnings}");
        assert!(warnings[0]["message"].as_str().unwrap().contains(&path));
        let (again, _) = deactivate_with_shared(&machine, &shared, &[]);
        let output = again.expect_code(0).stderr;
        assert!(output.contains("warning: STILL_ACTIVE"), "{output}");
        assert!(
            output.contains("as root, with `license deactivate --system`"),
            "{output}"
        );
        assert!(
            !output.contains("is deactivated on this machine"),
            "{output}"
        );
        let other = Scratch::new();
        let user = Run::license(&other).env("CODITECT_MACHINE_ID", HERE);
        let user = user.env("CODITECT_SYSTEM_DIR", machine.file("etc"));
        let status = user.args(["status", "--json"]).run();
        assert_eq!(status.expect_code(0).json()["code"], "VALID");
    }
}

#[test]
fn an_activation_of_another_machine_in_the_administrators_file_causes_no_warning() {
    if !tools::is_root() {
        return;
    }
    let machine = activated_machine();
    let (deactivated, _) = deactivate_with_shared(&machine, &ACTIVATED.file, &["--json"]);
    assert_eq!(deactivated.expect_code(0).json()["warnings"], json!([]));
    let elsewhere = Vendor::shared().customer_machine();
    elsewhere.write("team.lic", &ACTIVATED.file);
    let install = ["install", "--trust", "trust.jwks", "team.lic"];
    let _ = on(ELSEWHERE, &elsewhere, &install).expect_code(1);
    let requested = on(ELSEWHERE, &elsewhere, &["request"]).expect_code(0);
    let shared = format!("{}{}", ACTIVATED.file, answer(&requested.stdout));
    let (deactivated, _) = deactivate_with_shared(&machine, &shared, &["--json"]);
    assert_eq!(deactivated.expect_code(0).json()["warnings"], json!([]));
}

#[test]
fn an_activation_that_only_the_administrator_has_is_not_deactivated() {
    if !tools::is_root() {
        return;
    }
    let holder = activated_machine();
    let shared = format!("{}{}", ACTIVATED.file, holder.read("answer.lic"));
    let machine = Vendor::shared().customer_machine();
    let (refused, path) = deactivate_with_shared(&machine, &shared, &[]);
    let error = refused.expect_failure(1);
    assert!(error.message.contains(&path), "{error:?}");
    let command = "`license deactivate --system`";
    assert!(error.hint.contains(command), "{error:?}");
    let (refused, _) = deactivate_with_shared(&machine, &shared, &["--json"]);
    assert_eq!(refused.expect_json_failure(1), "NOT_ACTIVATED");
}

#[test]
fn a_receipt_reveals_the_secret_and_the_license_is_denied_afterwards() {
    let machine = machine_before_activation();
    refused(&on(HERE, &machine, &["deactivate"]), 1, "found none");
    let requested = request(&machine, &[]).stdout;
    let token = answer(&requested);
    let _ = activate(&machine, &token).expect_code(0);
    let second = answer(&request(&machine, &[]).stdout);
    let deactivated = on(HERE, &machine, &["deactivate", "--out", "receipt.lic"]).expect_code(0);
    assert!(
        deactivated.stderr.contains("frees the device"),
        "{}",
        deactivated.stderr
    );
    let proof = receipt(&machine.read("receipt.lic"));
    let requested = activation_request(&requested);
    assert_eq!(proof.secret.commitment(), requested.commitment);
    assert_eq!(
        (proof.nonce, &proof.license),
        (requested.nonce, &requested.license)
    );
    assert_eq!(code(&machine), "DEACTIVATED");
    assert_eq!(
        on(HERE, &machine, &["status", "--json"]).json()["effective_tier"],
        "FREE"
    );
    // A lost receipt can be written again.
    let again = on(HERE, &machine, &["deactivate"]).expect_code(0);
    assert_eq!(receipt(&again.stdout), proof);
    assert!(again.stderr.contains("again"), "{}", again.stderr);
    refused(&activate(&machine, &token), 3, "REPLAYED");
    refused(&activate(&machine, &second), 3, "STALE_ANSWER");
    // Neither a new installation nor the removal of the activation file restores the activation.
    let _ = on(HERE, &machine, &["install", "team.lic"]).expect_code(1);
    std::fs::remove_file(machine.state().join("activation")).unwrap();
    assert_eq!(code(&machine), "DEACTIVATED");
    let second_request = request(&machine, &[]).stdout;
    let _ = activate(&machine, &answer(&second_request)).expect_code(0);
    assert_eq!(code(&machine), "VALID");
}

#[test]
fn a_restored_backup_does_not_undo_a_deactivation() {
    let machine = activated_machine();
    let backup = std::fs::read(machine.state().join("activation")).unwrap();
    let quota = std::fs::read(machine.state().join("quota")).unwrap();
    let _ = on(HERE, &machine, &["deactivate"]).expect_code(0);
    std::fs::write(machine.state().join("activation"), backup).unwrap();
    assert_eq!(code(&machine), "DEACTIVATED");
    // Two files record the deactivation. Restoring only one of the two files has no effect either.
    std::fs::write(machine.state().join("quota"), quota).unwrap();
    assert_eq!(code(&machine), "DEACTIVATED");
}

#[test]
fn an_activation_in_a_users_license_file_does_not_count() {
    let machine = activated_machine();
    let _ = on(HERE, &machine, &["deactivate"]).expect_code(0);
    let by_hand = format!("{}{}", ACTIVATED.file, machine.read("answer.lic"));
    std::fs::write(machine.state().join("license.lic"), &by_hand).unwrap();
    assert_eq!(code(&machine), "DEACTIVATED");
    // A fresh home directory does not know that the license is deactivated.
    let fresh = Scratch::new();
    std::fs::create_dir(fresh.state()).unwrap();
    fresh.write("state/license.lic", &by_hand);
    fresh.write("state/trust.jwks", &Vendor::shared().trust);
    let report = on(HERE, &fresh, &["status", "--json"]).json();
    assert_eq!(report["code"], "NOT_ACTIVATED", "{report:#}");
    let warning = state_warning(&report);
    assert!(warning.contains("does not count"), "{warning}");
    assert!(warning.contains("license activate"), "{warning}");
    refused(
        &activate(&fresh, &machine.read("answer.lic")),
        3,
        "REQUEST_MISMATCH",
    );
    // The answer to the request of the fresh directory counts as usual.
    let requested = request(&fresh, &[]).stdout;
    let _ = activate(&fresh, &answer(&requested)).expect_code(0);
    assert_eq!(code(&fresh), "VALID");
}

#[test]
fn an_activation_in_a_directory_of_the_user_does_not_count() {
    let machine = activated_machine();
    let _ = on(HERE, &machine, &["deactivate"]).expect_code(0);
    let shared = format!("{}{}", ACTIVATED.file, machine.read("answer.lic"));
    let fresh = Scratch::new();
    std::fs::create_dir(fresh.file("etc")).unwrap();
    fresh.write("etc/license.lic", shared);
    fresh.write("etc/trust.jwks", &Vendor::shared().trust);
    #[cfg(unix)]
    if tools::is_root() {
        std::os::unix::fs::chown(fresh.file("etc"), Some(65534), None).unwrap();
    }
    let run = Run::license(&fresh).env("CODITECT_MACHINE_ID", HERE);
    let run = run.env("CODITECT_SYSTEM_DIR", fresh.file("etc"));
    let report = run.args(["status", "--json"]).run().expect_code(1).json();
    assert_eq!(report["code"], "NO_LICENSE", "{report:#}");
    let warning = state_warning(&report);
    assert!(warning.contains("belongs to user"), "{warning}");
}

#[test]
fn a_revocation_of_an_activation_stays_after_the_list_is_removed() {
    for (is_second_activation, expected) in [(false, "NOT_ACTIVATED"), (true, "DEACTIVATED")] {
        let machine = activated_machine();
        if is_second_activation {
            let _ = on(HERE, &machine, &["deactivate"]).expect_code(0);
            let requested = request(&machine, &[]);
            let _ = activate(&machine, &answer(&requested.stdout)).expect_code(0);
        }
        let token = machine.read("answer.lic");
        let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
        let file = LicenseFile::parse(&token).unwrap();
        let block = file.blocks().first().unwrap();
        let activation = block.token.verify_activation(&trust).unwrap();
        machine.write("list.lic", list_of(activation.id()));
        let _ = on(HERE, &machine, &["install", "list.lic"]);
        assert_eq!(code(&machine), expected);
        std::fs::remove_file(machine.state().join("revocations.lic")).unwrap();
        assert_eq!(code(&machine), expected);
        let status = on(HERE, &machine, &["status"]).expect_code(1).stdout;
        let reason =
            "an activation that the vendor ended at 2020-01-01T00:00:00Z, on revocation list 1\n";
        assert!(status.contains(reason), "{status}");
        assert!(!status.contains("on this machine, since"), "{status}");
    }
}

#[test]
fn a_damaged_activation_file_is_reported_and_a_new_activation_is_possible() {
    let machine = activated_machine();
    std::fs::write(machine.state().join("activation"), "nonsense").unwrap();
    let output = on(HERE, &machine, &["status"]).expect_code(1);
    assert!(
        output.stderr.contains("`license request`"),
        "{}",
        output.stderr
    );
    let requested = request(&machine, &[]).stdout;
    let _ = activate(&machine, &answer(&requested)).expect_code(0);
    assert_eq!(code(&machine), "VALID");
}

#[test]
fn a_license_that_requires_no_activation_can_be_deactivated_too() {
    let machine = Vendor::shared().customer_machine();
    machine.write("ent.lic", &ENT.file);
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "ent.lic"],
    )
    .expect_code(0);
    let requested = request(&machine, &[]).stdout;
    let _ = activate(&machine, &answer(&requested)).expect_code(0);
    let _ = on(HERE, &machine, &["deactivate"]).expect_code(0);
    assert_eq!(code(&machine), "DEACTIVATED");
    let _ = on(HERE, &machine, &["install", "--force", "ent.lic"]).expect_code(1);
}

#[test]
fn with_several_activations_the_license_to_deactivate_must_be_named() {
    let machine = Vendor::shared().customer_machine();
    // The enterprise license is in effect and needs no activation.
    let other = with_activation(&["--seats", "9"]);
    let files = [&ENT.file, &ACTIVATED.file, &other.file];
    machine.write("all.lic", files.map(String::as_str).concat());
    let install = ["install", "--trust", "trust.jwks", "all.lic"];
    let _ = on(HERE, &machine, &install).expect_code(0);
    let ids = [&*ACTIVATED, &other].map(|license| license.report["license_id"].as_str().unwrap());
    for id in ids {
        let requested = request(&machine, &["--license", id]).stdout;
        let _ = activate(&machine, &answer(&requested)).expect_code(0);
    }
    let error = on(HERE, &machine, &["deactivate"]).expect_failure(2);
    for id in ids {
        assert!(error.message.contains(id), "{error:?}");
    }
    assert!(error.hint.contains("--license ID"), "{error:?}");
    let deactivate = ["deactivate", "--license", ids[0]];
    let _ = on(HERE, &machine, &deactivate).expect_code(0);
    // The receipt of the first license is not written again while another license is activated.
    let last = on(HERE, &machine, &["deactivate"]).expect_code(0);
    assert_eq!(receipt(&last.stdout).license.as_str(), ids[1]);
}

#[test]
fn a_second_answer_to_the_same_request_replaces_the_first() {
    let machine = machine_before_activation();
    let requested = request(&machine, &[]).stdout;
    let _ = activate(&machine, &answer(&requested)).expect_code(0);
    let _ = activate(&machine, &answer(&requested)).expect_code(0);
    assert_eq!(code(&machine), "VALID");
    let mut other_secret = activation_request(&requested);
    other_secret.commitment =
        activation_request(&request(&machine_before_activation(), &[]).stdout).commitment;
    let other_secret = answer_by(&vendors_key(), &other_secret);
    refused(&activate(&machine, &other_secret), 3, "REQUEST_MISMATCH");
}

#[test]
fn a_clock_high_water_mark_in_the_future_is_set_back_once_by_a_clock_repair() {
    let machine = machine_with("pro.lic");
    // A wrong date in a signed artifact cannot be undone by correcting the clock.
    let future = list_dated("2098-01-01");
    machine.write("future.lic", future);
    let _ = on(HERE, &machine, &["install", "future.lic"]);
    std::fs::remove_file(machine.state().join("revocations.lic")).unwrap();
    let status = |machine: &Scratch| on(HERE, machine, &["status", "--json"]).json();
    assert!(status(&machine)["evaluated_at"].as_str().unwrap() > "2098");
    let requested = request(&machine, &["--clock"]).stdout;
    let mark = clock_request(&requested).mark;
    assert!(mark >= at("2098-01-01"), "{mark}", mark = rfc3339(mark));
    let repaired = repair(&requested, "2020-01-01T00:50:00Z");
    machine.write("repair.lic", &repaired);
    let stale = repair(
        &request(&machine_before_activation(), &["--clock"]).stdout,
        "2020-01-01",
    );
    refused(&activate(&machine, &stale), 3, "REQUEST_MISMATCH");
    let installed = on(HERE, &machine, &["install", "repair.lic"]);
    assert!(
        installed
            .stderr
            .contains("the clock high-water mark is set to 2020-01-01T00:50:00Z"),
        "{}",
        installed.stderr
    );
    assert!(status(&machine)["evaluated_at"].as_str().unwrap() < "2098");
    let again = on(HERE, &machine, &["install", "repair.lic"]);
    assert!(again.stderr.contains("there is nothing to do"), "{again:?}");
    refused(&again, 3, "REPLAYED");
    let needless = request(&machine, &["--clock"]).stderr;
    assert!(needless.contains("no clock repair is needed"), "{needless}");
}

/// Returns a revocation list with this license or activation.
fn list_of(id: &LicenseId) -> String {
    list_with("2020-01-01", &[id])
}

fn list_dated(issued_at: &str) -> String {
    list_with(issued_at, &[])
}

fn list_with(issued_at: &str, revoked: &[&LicenseId]) -> String {
    use license_core::issue::{RevocationEntry, RevocationListDraft};
    let revoked = revoked.iter().map(|id| RevocationEntry {
        license: (*id).clone(),
        at: at("2020-01-01"),
        reason: "moved".to_owned(),
    });
    let draft = RevocationListDraft {
        issuer: "CODITECT".to_owned(),
        product: license_core::ProductCode::parse("CODITECT").unwrap(),
        issued_at: at(issued_at),
        seq: 1,
        next_update: at("2099-01-01"),
        revoked: revoked.collect(),
    };
    let token = draft.sign(&vendors_key()).unwrap();
    Unverified::parse(&token).unwrap().to_armor()
}
