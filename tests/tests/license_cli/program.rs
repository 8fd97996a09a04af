//! Help, completions, man pages and other products.

use super::*;

#[test]
fn completions_contain_every_command_and_are_valid_for_bash() {
    let machine = Scratch::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = license(&machine, &["completions", shell])
            .expect_code(0)
            .stdout;
        for command in [
            "verify", "inspect", "install", "status", "features", "check", "explain",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    machine.write(
        "completions",
        license(&machine, &["completions", "bash"]).stdout,
    );
    let bash = Run::new("bash", &machine).args(["-n", "completions"]).run();
    assert_eq!((bash.code, bash.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_man_page_is_printed_and_all_pages_can_be_written() {
    let machine = Scratch::new();
    assert!(
        license(&machine, &["man"])
            .expect_code(0)
            .stdout
            .contains(".TH license 1")
    );
    let _ = license(&machine, &["man", "--out", "man1"]).expect_code(0);
    for page in [
        "license.1",
        "license-verify.1",
        "license-install.1",
        "license-explain.1",
    ] {
        assert!(
            machine.read(&format!("man1/{page}")).contains(".TH"),
            "{page}"
        );
    }
    license(&machine, &["man", "--out", "man1"]).expect_failure(2);
}

#[test]
fn the_help_shows_first_steps_and_exit_codes() {
    let machine = Scratch::new();
    let help = license(&machine, &["--help"]).expect_code(0).stdout;
    assert!(
        help.contains("First steps") && help.contains("Exit codes:"),
        "{help}"
    );
    let version = license(&machine, &["--version"]).expect_code(0).stdout;
    assert!(version.starts_with("license "), "{version}");
}

#[test]
fn usage_errors_are_json_objects_with_json() {
    let machine = Scratch::new();
    for args in [
        &["verify"][..],
        &["frobnicate"],
        &["status", "--frob"],
        &["check"],
        &["verify", "a", "b"],
    ] {
        let json = license(&machine, &[args, &["--json"]].concat());
        assert_eq!(json.expect_json_failure(2), "USAGE", "{args:?}");
        license(&machine, args).expect_failure(2);
    }
}

#[test]
fn a_misspelled_command_gets_a_suggestion() {
    let error = license(&Scratch::new(), &["verfy"]).expect_failure(2);
    assert!(error.hint.contains("verify"), "{error:?}");
}

#[test]
fn a_license_for_another_product_is_denied() {
    let machine = machine();
    machine.write(
        "widget.toml",
        "product = \"WIDGET\"\nissuer = \"W\"\nbase_tier = \"FREE\"\n\n[[tiers]]\nname = \"FREE\"\n\
         offline_grace_hours = 24\nfeatures = [\"turn\"]\nquotas = {}\n",
    );
    let denied = verify(
        &machine,
        &["--json", "--product-file", "widget.toml", "pro.lic"],
    );
    let decision = denied.expect_code(1).json();
    assert_eq!(
        (&decision["code"], &decision["product"]),
        (&json!("PRODUCT_MISMATCH"), &json!("CODITECT"))
    );
    assert_eq!(decision["features"], json!(["turn"]));
    machine.write("broken.toml", "product = ");
    verify(&machine, &["--product-file", "broken.toml", "pro.lic"]).expect_failure(3);
    verify(&machine, &["--product-file", "missing.toml", "pro.lic"]).expect_failure(4);
}
