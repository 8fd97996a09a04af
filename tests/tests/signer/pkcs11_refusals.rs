//! Failures of PKCS#11 tokens.

use license_tests::{Run, RunOutput, Scratch, tools};

use crate::pkcs11::RSA_2048;
use crate::token::{PIN, Tokens};

fn public(tokens: &Tokens, uri: &str) -> RunOutput {
    tokens.vendor(uri).keygen("public").run()
}

#[test]
fn a_wrong_pin_is_refused_and_not_shown() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    tokens.scratch.write_private("wrong", "815815");
    let uri = "pkcs11:token=vendor;object=lic?pin-source=wrong";
    let refused = public(&tokens, uri);
    assert!(refused.expect_failure(2).message.contains("PIN"));
    assert!(!refused.all_output().contains("815815"));
    let json = tokens.vendor(uri).keygen("public").arg("--json").run();
    assert_eq!(json.expect_json_failure(2), "WRONG_PASSPHRASE");
}

#[test]
fn a_pin_in_the_uri_is_refused_and_not_shown() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    for query in [
        format!("pin-value={PIN}"),
        format!("pin-value={PIN}%"),
        PIN.to_owned(),
    ] {
        let refused = public(&tokens, &format!("pkcs11:token=vendor;object=lic?{query}"));
        refused.expect_failure(2);
        assert!(
            !refused.all_output().contains(PIN),
            "{}",
            refused.all_output()
        );
    }
}

#[test]
fn the_error_for_a_missing_token_lists_the_present_tokens() {
    let Some(tokens) = Tokens::new() else { return };
    let refused = public(&tokens, "pkcs11:token=vendro;object=lic?pin-source=pin");
    let failure = refused.expect_failure(4);
    assert!(failure.message.contains("`vendor`"), "{failure:?}");
}

#[test]
fn a_dry_run_finds_the_token_and_does_not_request_the_pin() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    let issue = |uri: &str| tokens.vendor(uri).issue();
    let without_pin = "pkcs11:token=vendor;object=lic";
    let report = issue(without_pin).arg("--dry-run").run().expect_code(0);
    assert_eq!(report.json()["dry_run"], true);
    assert_eq!(issue(without_pin).run().code, Some(2));
    let other = issue("pkcs11:token=vendro;object=lic").arg("--dry-run");
    assert_eq!(other.run().code, Some(4));
}

#[test]
fn the_error_for_a_missing_key_lists_the_present_keys() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    let failure = tokens
        .with_pin("cil")
        .keygen("public")
        .run()
        .expect_failure(4);
    assert!(failure.message.contains("`cil`"), "{failure:?}");
    assert!(failure.message.contains("`lic`"), "{failure:?}");
}

#[test]
fn two_keys_with_the_same_label_are_distinguished_by_their_ids() {
    let Some(tokens) = Tokens::new() else { return };
    for id in ["a1", "b2"] {
        if tokens.import(&RSA_2048, "twice", id).is_none() {
            return;
        }
    }
    let failure = tokens
        .with_pin("twice")
        .keygen("public")
        .run()
        .expect_failure(2);
    assert!(failure.message.contains("found 2"), "{failure:?}");
    for id in ["id=%A1", "id=%B2"] {
        assert!(failure.hint.contains(id), "{failure:?}");
        let uri = format!("pkcs11:token=vendor;object=twice;{id}?pin-source=pin");
        let _ = public(&tokens, &uri).expect_code(0);
    }
}

#[test]
fn a_new_key_never_replaces_another_key() {
    let Some(tokens) = Tokens::new() else { return };
    let first = tokens.new_key("lic", "RS256").expect_code(0).json();
    assert_eq!(
        tokens.new_key("lic", "RS256").expect_json_failure(2),
        "EXISTS"
    );
    let id = first["key"].as_str().unwrap().rsplit_once("id=").unwrap().1;
    let same_id = tokens.vendor(&format!(
        "pkcs11:token=vendor;object=new;id={id}?pin-source=pin"
    ));
    same_id.keygen("new-key").run().expect_failure(2);
    assert_eq!(tokens.dumps().len(), 2, "a key pair and no other object");
    let public = tokens.with_pin("lic").keygen("public").arg("--json").run();
    assert_eq!(public.expect_code(0).json()["kid"], first["kid"]);
}

#[test]
fn a_new_key_needs_a_label_and_refuses_file_options() {
    let Some(tokens) = Tokens::new() else { return };
    let nameless = tokens
        .vendor("pkcs11:token=vendor?pin-source=pin")
        .keygen("new-key");
    assert!(nameless.run().expect_failure(2).hint.contains("object="));
    for more in [&["--out", "vendor.key"][..], &["--no-passphrase"]] {
        tokens
            .with_pin("lic")
            .keygen("new-key")
            .args(more)
            .run()
            .expect_failure(2);
    }
    tokens
        .vendor("vendor.key")
        .keygen("new-key")
        .run()
        .expect_failure(2);
    assert!(tokens.dumps().is_empty());
}

#[test]
fn a_key_that_no_verifier_trusts_does_not_sign() {
    let Some(tokens) = Tokens::new() else { return };
    let (small, three) = ("rsa_keygen_bits:1024", "rsa_keygen_pubexp:3");
    for (name, id, genpkey) in [
        ("small", "01", &["-algorithm", "RSA", "-pkeyopt", small][..]),
        ("three", "02", &["-algorithm", "RSA", "-pkeyopt", three]),
        (
            "curve",
            "03",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ),
    ] {
        if tokens.import(genpkey, name, id).is_none() {
            return;
        }
        tokens
            .with_pin(name)
            .keygen("public")
            .run()
            .expect_failure(3);
        tokens.with_pin(name).issue().run().expect_json_failure(3);
    }
}

#[test]
fn a_module_that_cannot_be_loaded_is_an_environment_error() {
    let Some(tokens) = Tokens::new() else { return };
    let scratch = &tokens.scratch;
    scratch.write("text.so", "not a library");
    scratch.write("file", "");
    let text = scratch.file("text.so").display().to_string();
    let below_file = scratch.file("file/module.so").display().to_string();
    let directory = scratch.path().display().to_string();
    for path in [text.as_str(), &below_file, &directory, "/nowhere/module.so"] {
        let uri = format!("pkcs11:token=vendor;object=lic?module-path={path}");
        let failure = public(&tokens, &uri).expect_failure(4);
        assert!(failure.message.contains(path), "{failure:?}");
    }
    let named = public(&tokens, "pkcs11:token=vendor?module-name=no-such-module");
    assert!(named.expect_failure(4).message.contains("no-such-module"));
}

#[cfg(unix)]
#[test]
fn an_unreadable_module_is_an_environment_error() {
    use std::os::unix::fs::PermissionsExt;
    let Some(tokens) = Tokens::new() else { return };
    let path = tokens.scratch.write("locked.so", "");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let uri = format!(
        "pkcs11:token=vendor;object=lic?module-path={}",
        path.display()
    );
    // Root can read the file. For root, the error is that the file is not a library.
    let failure = public(&tokens, &uri).expect_failure(4);
    assert!(failure.message.contains("locked.so"), "{failure:?}");
}

#[test]
fn a_library_that_is_not_a_module_is_reported() {
    let Some(tokens) = Tokens::new() else { return };
    // The C library of the test process is a library, but not a module.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let libraries = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let Some(library) = libraries.into_iter().find(|path| path.contains("libc.so")) else {
        return;
    };
    let uri = format!("pkcs11:token=vendor;object=lic?module-path={library}");
    let failure = public(&tokens, &uri).expect_failure(4);
    assert!(
        failure.message.contains("not a PKCS#11 module"),
        "{failure:?}"
    );
}

#[test]
fn a_module_that_does_not_start_is_an_environment_error() {
    let Some(softhsm) = tools::softhsm() else {
        return;
    };
    let vendor = Scratch::new();
    let run = Run::keygen(&vendor)
        .env("SOFTHSM2_CONF", vendor.file("nowhere"))
        .env("KEYGEN_PKCS11_MODULE", &softhsm.module);
    let run = run.args(["public", "--key", "pkcs11:token=vendor"]).run();
    run.expect_failure(4);
}

#[test]
fn an_unknown_attribute_is_refused_in_the_path_and_ignored_with_a_warning_in_the_query() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    let path = public(
        &tokens,
        "pkcs11:token=vendor;object=lic;x-maker=1?pin-source=pin",
    );
    assert!(path.expect_failure(2).message.contains("x-maker"));
    let query = public(
        &tokens,
        "pkcs11:token=vendor;object=lic?pin-source=pin&x-maker=1",
    );
    assert!(query.expect_code(0).stderr.contains("IGNORED_ATTRIBUTE"));
}
