//! Help, completions, man pages and other products.

use super::*;

#[test]
fn completions_contain_every_command_and_are_valid_for_bash() {
    let site = Scratch::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = license(&site, &["completions", shell])
            .expect_code(0)
            .stdout;
        for command in [
            "verify", "inspect", "install", "status", "features", "check", "explain",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    site.write(
        "completions",
        license(&site, &["completions", "bash"]).stdout,
    );
    let bash = Run::new("bash", &site).args(["-n", "completions"]).run();
    assert_eq!((bash.code, bash.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_man_page_is_printed_and_all_pages_can_be_written() {
    let site = Scratch::new();
    assert!(
        license(&site, &["man"])
            .expect_code(0)
            .stdout
            .contains(".TH license 1")
    );
    let _ = license(&site, &["man", "--out", "man1"]).expect_code(0);
    for page in [
        "license.1",
        "license-verify.1",
        "license-install.1",
        "license-explain.1",
    ] {
        assert!(site.read(&format!("man1/{page}")).contains(".TH"), "{page}");
    }
    license(&site, &["man", "--out", "man1"]).expect_failure(2);
}

#[test]
fn the_help_shows_first_steps_and_exit_codes() {
    let site = Scratch::new();
    let help = license(&site, &["--help"]).expect_code(0).stdout;
    assert!(
        help.contains("First steps") && help.contains("Exit codes:"),
        "{help}"
    );
    let version = license(&site, &["--version"]).expect_code(0).stdout;
    assert!(version.starts_with("license "), "{version}");
}

#[test]
fn usage_errors_are_json_objects_with_json() {
    let site = Scratch::new();
    for args in [
        &["verify"][..],
        &["frobnicate"],
        &["status", "--frob"],
        &["check"],
        &["verify", "a", "b"],
    ] {
        let json = license(&site, &[args, &["--json"]].concat());
        assert_eq!(json.expect_json_failure(2), "USAGE", "{args:?}");
        license(&site, args).expect_failure(2);
    }
}

#[test]
fn a_misspelled_command_gets_a_suggestion() {
    let error = license(&Scratch::new(), &["verfy"]).expect_failure(2);
    assert!(error.hint.contains("verify"), "{error:?}");
}

#[test]
fn a_license_for_another_product_is_denied() {
    let site = site();
    site.write(
        "widget.toml",
        "product = \"WIDGET\"\nissuer = \"W\"\nbase_tier = \"FREE\"\n\n[[tiers]]\nname = \"FREE\"\n\
         offline_grace_hours = 24\nfeatures = [\"turn\"]\nquotas = {}\n",
    );
    let denied = verify(
        &site,
        &["--json", "--product-file", "widget.toml", "pro.lic"],
    );
    let decision = denied.expect_code(1).json();
    assert_eq!(
        (&decision["code"], &decision["product"]),
        (&json!("PRODUCT_MISMATCH"), &json!("CODITECT"))
    );
    assert_eq!(decision["features"], json!(["turn"]));
    site.write("broken.toml", "product = ");
    verify(&site, &["--product-file", "broken.toml", "pro.lic"]).expect_failure(3);
    verify(&site, &["--product-file", "missing.toml", "pro.lic"]).expect_failure(4);
}
