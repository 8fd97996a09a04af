//! A program with embedded keys accepts no other keys.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use license_tests::programs;

use super::*;

fn keys() -> PathBuf {
    programs::workspace().join("fixtures/trust/vendor.jwks")
}

/// The path of a `license` program that contains the keys of [`Vendor::of_fixtures`].
static PROGRAM: LazyLock<PathBuf> =
    LazyLock::new(|| programs::license_with(&[("LICENSE_TRUST_SET", keys().as_os_str())]));

/// A TEAM license of the vendor whose keys the program contains.
static OWN: LazyLock<IssuedLicense> = LazyLock::new(|| {
    Vendor::of_fixtures().issue(&["--tier", "team", "--offline", "--expires", "2020-12-31"])
});
/// An ENT license that its holder has signed.
static FORGED: LazyLock<IssuedLicense> =
    LazyLock::new(|| Vendor::shared().issue(&["--tier", "ent", "--perpetual"]));

/// Returns a machine with both licenses and without installed keys.
fn machine() -> Scratch {
    let machine = Scratch::new();
    machine.write("own.lic", &OWN.file);
    machine.write("forged.lic", &FORGED.file);
    machine.write("holder.jwks", &Vendor::shared().trust);
    machine.write("own.jwks", &Vendor::of_fixtures().trust);
    machine
}

fn with_keys<'s>(machine: &'s Scratch, args: &[&str]) -> Run<'s> {
    Run::new(&*PROGRAM, machine).args(args)
}

fn embedded(machine: &Scratch, args: &[&str]) -> RunOutput {
    with_keys(machine, args).run()
}

#[track_caller]
fn installed(machine: &Scratch) -> Value {
    let status = embedded(machine, &["status", "--json", "--at", AT]);
    serde_json::from_str(&status.stdout).unwrap()
}

#[test]
fn the_version_lists_the_embedded_keys_or_states_that_there_are_none() {
    let machine = machine();
    let output = embedded(&machine, &["--version"]).expect_code(0).stdout;
    let version = env!("CARGO_PKG_VERSION");
    let head = format!("license {version}\n3 embedded keys; no other key is accepted:\n");
    assert!(output.starts_with(&head), "{output}");
    assert!(output.contains(&format!(
        "\n  {} RS256 2048 bits\n",
        Vendor::of_fixtures().kid
    )));
    assert_eq!(output.lines().count(), 5);
    let output = license(&machine, &["--version"]).expect_code(0).stdout;
    assert_eq!(
        output,
        format!(
            "license {version}\nno embedded keys; keys from --trust and installed keys are accepted\n"
        )
    );
    for run in [embedded(&machine, &["-V"]), license(&machine, &["-V"])] {
        assert_eq!(run.stdout, format!("license {version}\n"));
    }
}

#[test]
fn licenses_are_verified_and_installed_without_given_keys() {
    let machine = machine();
    for command in ["verify", "install"] {
        expect_valid(embedded(
            &machine,
            &[command, "--json", "--at", AT, "own.lic"],
        ));
    }
    assert_eq!(installed(&machine)["tier"], "TEAM");
    let ask = [
        "check",
        "team_analytics",
        "--license",
        "own.lic",
        "--at",
        AT,
    ];
    let _ = embedded(&machine, &ask).expect_code(0);
    let key = Vendor::of_fixtures().enterprise_key();
    expect_valid(embedded(&machine, &["verify", "--json", "--at", AT, &key]));
}

#[test]
fn keys_on_the_command_line_are_refused_even_if_they_are_embedded() {
    let machine = machine();
    for keys in ["holder.jwks", "own.jwks", "missing.jwks"] {
        for args in [
            &["verify", "own.lic", "--trust", keys][..],
            &["verify", "missing.lic", "--trust", keys],
            &["install", "forged.lic", "--trust", keys, "--force"],
            &["features", "--license", "own.lic", "--trust", keys],
            &["explain", "--license", "own.lic", "--trust", keys],
            &["check", "sso", "--license", "own.lic", "--trust", keys],
        ] {
            let error = embedded(&machine, args).expect_failure(2);
            assert!(error.message.contains("embedded"), "{error:?}");
            assert!(error.hint.contains("omit --trust"));
            let json = embedded(&machine, &[args, &["--json"]].concat());
            assert_eq!(json.expect_json_failure(2), "USAGE");
        }
    }
    assert!(!machine.state().exists(), "no state directory is created");
}

#[test]
fn a_license_signed_by_its_holder_is_refused_without_a_hint_about_trust() {
    let machine = machine();
    for command in ["verify", "install"] {
        let error = embedded(&machine, &[command, "forged.lic"]).expect_failure(3);
        assert!(error.message.contains("UNTRUSTED_KEY"), "{error:?}");
        assert!(!error.hint.contains("--trust"), "{error:?}");
    }
}

/// Writes a forged license with its keys to a directory, as an attacker with write access can do.
fn plant(machine: &Scratch, directory: &str) {
    fs::create_dir_all(machine.file(directory)).unwrap();
    machine.write_private(&format!("{directory}/license.lic"), &FORGED.file);
    machine.write_private(&format!("{directory}/trust.jwks"), &Vendor::shared().trust);
}

#[test]
fn keys_planted_in_the_state_directory_are_ignored() {
    let machine = machine();
    plant(&machine, "state");
    let status = license(&machine, &["status", "--json", "--at", AT]);
    assert_eq!(
        expect_valid(status)["tier"],
        "ENT",
        "a program without embedded keys accepts the planted keys"
    );
    let error = embedded(&machine, &["status"]).expect_failure(3);
    assert!(error.message.contains("UNTRUSTED_KEY"), "{error:?}");
    assert!(!error.hint.contains("--trust"), "{error:?}");
    let _ = embedded(&machine, &["check", "sso"]).expect_code(3);
    let _ = embedded(&machine, &["check", "local_execution"]).expect_code(0);
    let doctor = embedded(&machine, &["doctor"]).expect_code(1).stdout;
    assert!(
        doctor.contains("embedded, and no other key is accepted"),
        "{doctor}"
    );
}

#[test]
fn keys_planted_in_the_administrators_directory_are_ignored() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    plant(&machine, "etc");
    let system = |args: &[&str]| {
        let run = with_keys(&machine, args);
        run.env("CODITECT_SYSTEM_DIR", machine.file("etc")).run()
    };
    let error = system(&["status"]).expect_failure(3);
    assert!(error.message.contains("UNTRUSTED_KEY"), "{error:?}");
    assert!(!error.hint.contains("trust"), "{error:?}");
    let _ = system(&["check", "sso"]).expect_code(3);
    let _ = system(&["install", "--at", AT, "own.lic"]).expect_code(0);
    let _ = system(&["check", "sso", "--at", AT]).expect_code(1);
    let _ = system(&["check", "team_analytics", "--at", AT]).expect_code(0);
}

#[test]
fn a_planted_license_does_not_prevent_an_installation() {
    let machine = machine();
    plant(&machine, "state");
    // The genuine license has expired at this date, but the planted one would be valid.
    let ended = ["install", "--json", "--at", LATER, "own.lic"];
    let _ = embedded(&machine, &ended);
    assert_eq!(installed(&machine)["code"], "VALID");
    assert_eq!(installed(&machine)["tier"], "TEAM");
    let stored = machine.read("state/trust.jwks");
    assert!(!stored.contains(&Vendor::shared().kid), "{stored}");
}

#[test]
fn planted_keys_do_not_undo_a_suspension() {
    let machine = machine();
    let _ = embedded(&machine, &["install", "--at", AT, "own.lic"]).expect_code(0);
    let suspend = ["--status", "suspended", "--issued-at", AT];
    machine.write(
        "suspended.lic",
        Vendor::of_fixtures().check_in(&OWN, &suspend),
    );
    let _ = embedded(&machine, &["install", "--at", AT, "suspended.lic"]).expect_code(1);
    assert_eq!(installed(&machine)["code"], "SUSPENDED");
    machine.write_private("state/trust.jwks", &Vendor::shared().trust);
    assert_eq!(installed(&machine)["code"], "SUSPENDED");
    fs::remove_file(machine.file("state/trust.jwks")).unwrap();
    assert_eq!(installed(&machine)["code"], "SUSPENDED");
}

#[test]
fn missing_or_damaged_installed_keys_have_no_effect() {
    let machine = machine();
    let _ = embedded(&machine, &["install", "--at", AT, "own.lic"]).expect_code(0);
    machine.write_private("state/trust.jwks", "noise");
    assert_eq!(installed(&machine)["code"], "VALID");
    fs::remove_file(machine.file("state/trust.jwks")).unwrap();
    assert_eq!(installed(&machine)["code"], "VALID");
    let doctor = embedded(&machine, &["doctor", "--json"]);
    let doctor: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let checks = doctor["checks"].as_array().unwrap();
    let trust = checks
        .iter()
        .find(|check| check["check"] == "trust")
        .unwrap();
    assert_eq!(trust["status"], "ok");
    assert!(
        trust["message"]
            .as_str()
            .unwrap()
            .contains(&Vendor::of_fixtures().kid)
    );
}

#[test]
fn a_program_without_embedded_keys_can_use_the_installation() {
    let machine = machine();
    let _ = embedded(&machine, &["install", "--at", AT, "own.lic"]).expect_code(0);
    let status = license(&machine, &["status", "--json", "--at", AT]);
    assert_eq!(expect_valid(status)["tier"], "TEAM");
}

#[test]
fn the_embedded_keys_apply_to_every_product() {
    let machine = machine();
    machine.write("widget.toml", license_tests::WIDGET);
    let workstation = Vendor::of_fixtures().workstation();
    workstation.write("widget.toml", license_tests::WIDGET);
    let report = Run::keygen(&workstation).args(["product", "show", "--json", "widget.toml"]);
    let report = report.run().expect_code(0).json();
    let tier = report["tiers"][0]["name"].as_str().unwrap().to_owned();
    let issue = words("issue --key vendor.key --product-file widget.toml");
    let terms = ["--customer", "ACME Ltd", "--perpetual", "--out", "w.lic"];
    let issue = Run::keygen(&workstation).args(issue).args(terms);
    let _ = issue.args(["--tier", &tier]).run().expect_code(0);
    machine.write("w.lic", workstation.read("w.lic"));
    let widget = |args: &[&str]| {
        let args = [args, &["--product-file", "widget.toml"]].concat();
        with_keys(&machine, &args)
            .env("WIDGET_HOME", machine.file("widget"))
            .run()
    };
    let _ = widget(&["install", "w.lic"]).expect_code(0);
    let _ = widget(&["status"]).expect_code(0);
    widget(&["verify", "w.lic", "--trust", "own.jwks"]).expect_failure(2);
}

#[test]
fn trust_statements_do_not_change_the_embedded_keys() {
    let machine = machine();
    let workstation = Vendor::of_fixtures().workstation();
    workstation.write("holder.jwk", Vendor::shared().jwk.to_string());
    let rotate = ["rotate", "--key", "vendor.key", "--introduce", "holder.jwk"];
    let rotate = Run::keygen(&workstation).args(rotate).run().expect_code(0);
    let statement = rotate.stdout;
    machine.write("statement.lic", &statement);
    for command in ["install", "verify"] {
        let error = embedded(&machine, &[command, "statement.lic"]).expect_failure(2);
        assert!(error.message.contains("embedded"), "{error:?}");
    }
    assert!(!machine.state().join("trust.lic").exists());
    // A statement in the same file as a license is ignored.
    machine.write("both.lic", format!("{statement}{}", OWN.file));
    let report = embedded(&machine, &["install", "both.lic", "--json", "--at", AT]);
    let report = report.expect_code(0).json();
    assert_eq!(report["warnings"][0]["code"], "TRUST");
    assert!(!machine.state().join("trust.lic").exists());
    machine.write("both.lic", format!("{statement}{}", FORGED.file));
    let error = embedded(&machine, &["install", "both.lic"]).expect_failure(3);
    assert!(error.message.contains("UNTRUSTED_KEY"), "{error:?}");
    // A statement that is already installed is ignored too.
    machine.write_private("state/trust.lic", &statement);
    let error = embedded(&machine, &["verify", "forged.lic"]).expect_failure(3);
    assert!(error.message.contains("UNTRUSTED_KEY"), "{error:?}");
}

#[test]
fn the_help_does_not_show_the_trust_option() {
    let machine = Scratch::new();
    for args in [
        &["--help"][..],
        &["verify", "--help"],
        &["install", "--help"],
        &["check", "--help"],
    ] {
        let help = embedded(&machine, args).expect_code(0).stdout;
        assert!(!help.contains("--trust"), "{help}");
    }
}

#[test]
fn an_invalid_variable_fails_the_build_with_a_reason() {
    // Waits until the build with valid keys has finished.
    let _ = &*PROGRAM;
    let relative = OsStr::new("fixtures/trust/private.pem");
    let missing = Path::new("fixtures/trust/nowhere.jwks").as_os_str();
    let keys = "LICENSE_TRUST_SET";
    for (variable, value, expected, hint) in [
        (
            keys,
            relative,
            "expected a public key, found a private key",
            "keygen public",
        ),
        (
            keys,
            missing,
            "cannot read",
            "a relative path starts at $PWD",
        ),
        (keys, OsStr::new(""), "found nothing", "unset the variable"),
        (
            "LICENSE_PRODUCT_FILE",
            relative,
            "expected a product file",
            "keygen product check",
        ),
        (
            "CODITECT_TRUST_SET",
            missing,
            "expected LICENSE_TRUST_SET",
            "rename the variable",
        ),
    ] {
        let build = programs::try_license_with(&[(variable, value)]);
        let output = String::from_utf8(build.stderr).unwrap();
        assert!(!build.status.success(), "{output}");
        assert!(output.contains(variable), "{output}");
        assert!(
            output.contains(expected) && output.contains(hint),
            "{output}"
        );
    }
}

#[test]
fn the_program_with_embedded_keys_has_the_dependencies_of_the_ordinary_program() {
    let read = |path: &str| fs::read_to_string(programs::workspace().join(path)).unwrap();
    let section = |manifest: &str, name: &str| {
        let (_, rest) = manifest.split_once(&format!("\n[{name}]\n")).unwrap();
        rest.split("\n\n").next().unwrap().trim().to_owned()
    };
    let (ordinary, embedded) = (
        read("crates/license-cli/Cargo.toml"),
        read("tests/embedded/Cargo.toml"),
    );
    let of_unix = "target.'cfg(unix)'.dependencies";
    for name in ["dependencies", of_unix, "build-dependencies"] {
        assert_eq!(section(&ordinary, name), section(&embedded, name));
    }
}
