//! Keys in PKCS#11 tokens.

use serde_json::Value;

use crate::issue_and_verify;
use crate::token::Tokens;

#[test]
fn a_key_that_the_token_created_signs_all_kinds_of_artifacts() {
    for algorithm in ["RS256", "PS256"] {
        let Some(tokens) = Tokens::new() else { return };
        let created = tokens.new_key("lic", algorithm).expect_code(0).json();
        assert_eq!(
            (&created["alg"], &created["bits"]),
            (&algorithm.into(), &2048.into())
        );
        issue_and_verify(&tokens.with_pin("lic"), algorithm);
    }
}

#[test]
fn a_token_that_cannot_hash_signs_a_digest() {
    for algorithm in ["RS256", "PS256"] {
        let Some(tokens) = Tokens::new() else { return };
        let _ = tokens.new_key("lic", algorithm).expect_code(0);
        tokens.configure("CKM_RSA_PKCS,CKM_RSA_PKCS_PSS");
        issue_and_verify(&tokens.with_pin("lic"), algorithm);
        tokens.configure("CKM_SHA256_RSA_PKCS,CKM_SHA256_RSA_PKCS_PSS");
        issue_and_verify(&tokens.with_pin("lic"), algorithm);
        // This also shows that `configure` restricts the token.
        tokens.configure("CKM_AES_CBC");
        let refused = tokens.with_pin("lic").issue().run();
        assert_eq!(refused.expect_json_failure(3), "UNSUPPORTED");
    }
}

#[test]
fn an_imported_key_signs_with_both_algorithms() {
    let Some(tokens) = Tokens::new() else { return };
    if tokens.import(&RSA_2048, "lic", "01").is_none() {
        return;
    }
    let vendor = tokens.with_pin("lic");
    issue_and_verify(&vendor, "RS256");
    for algorithm in ["RS256", "PS256"] {
        let report = vendor.keygen("public").args(["--alg", algorithm, "--json"]);
        assert_eq!(report.run().expect_code(0).json()["alg"], algorithm);
        let issued = vendor.issue().args(["--alg", algorithm]).run();
        let _ = issued.expect_code(0);
    }
}

pub(crate) const RSA_2048: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

#[test]
fn a_key_that_the_token_created_cannot_be_exported_and_can_only_sign() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    let dumps = tokens.dumps();
    let private: Vec<_> = dumps
        .iter()
        .filter(|dump| dump.contains("CKO_PRIVATE_KEY"))
        .collect();
    let [private] = private.as_slice() else {
        panic!("expected one private key, found {}", private.len());
    };
    for (attribute, expected) in [
        ("CKA_TOKEN", "TRUE"),
        ("CKA_PRIVATE", "TRUE"),
        ("CKA_SENSITIVE", "TRUE"),
        ("CKA_ALWAYS_SENSITIVE", "TRUE"),
        ("CKA_EXTRACTABLE", "FALSE"),
        ("CKA_NEVER_EXTRACTABLE", "TRUE"),
        ("CKA_SIGN", "TRUE"),
        ("CKA_DECRYPT", "FALSE"),
        ("CKA_SIGN_RECOVER", "FALSE"),
        ("CKA_UNWRAP", "FALSE"),
    ] {
        let mut lines = private.lines();
        let found = lines.find(|line| line.ends_with(&format!(" {attribute}")));
        assert!(found.is_some(), "{attribute}");
        let value = lines.nth(1).unwrap_or_default();
        assert!(value.ends_with(expected), "{attribute}: {value}");
    }
}

#[test]
fn a_key_that_was_created_for_one_algorithm_does_not_sign_with_the_other() {
    let Some(tokens) = Tokens::new() else { return };
    for (name, own, other) in [("rs", "RS256", "PS256"), ("ps", "PS256", "RS256")] {
        let _ = tokens.new_key(name, own).expect_code(0);
        let vendor = tokens.with_pin(name);
        let public = vendor.keygen("public").arg("--json").run().expect_code(0);
        assert_eq!(public.json()["alg"], own);
        let refused = vendor.keygen("public").args(["--alg", other]).run();
        assert!(refused.expect_failure(3).message.contains(other));
    }
}

#[test]
fn the_uri_that_new_key_prints_opens_the_key() {
    let Some(tokens) = Tokens::new() else { return };
    let created = tokens
        .new_key("My%20key%3B1", "RS256")
        .expect_code(0)
        .json();
    let name = created["key"].as_str().unwrap();
    assert!(name.contains("object=My%20key%3B1;id=%"), "{name}");
    let public = tokens.vendor(name).keygen("public");
    let public = public.args(["--json", "--passphrase-file", "pin"]).run();
    assert_eq!(public.expect_code(0).json()["kid"], created["kid"]);
}

#[test]
fn the_command_line_takes_precedence_over_the_uri_as_the_source_of_the_pin() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    tokens.scratch.write_private("wrong", "000000");
    let public = |uri: &str, args: &[&str]| tokens.vendor(uri).keygen("public").args(args).run();
    let plain = "pkcs11:token=vendor;object=lic";
    let wrong = "pkcs11:token=vendor;object=lic?pin-source=wrong";
    let right = "pkcs11:token=vendor;object=lic?pin-source=pin";
    let _ = public(plain, &["--passphrase-file", "pin"]).expect_code(0);
    let _ = public(right, &[]).expect_code(0);
    let _ = public(wrong, &["--passphrase-file", "pin"]).expect_code(0);
    let from_stdin = tokens
        .vendor(plain)
        .keygen("public")
        .args(["--passphrase-file", "-"]);
    let _ = from_stdin
        .stdin(format!("{}\n", crate::token::PIN))
        .run()
        .expect_code(0);
    public(right, &["--passphrase-file", "wrong"]).expect_failure(2);
    let without_pin = public(plain, &[]).expect_failure(2);
    assert!(
        without_pin.hint.contains("--passphrase-file"),
        "{without_pin:?}"
    );
}

#[test]
fn the_uri_takes_precedence_over_the_environment_as_the_source_of_the_module() {
    let Some(tokens) = Tokens::new() else { return };
    let _ = tokens.new_key("lic", "RS256").expect_code(0);
    let module = tokens.softhsm.module.display();
    let directory = tokens.softhsm.module.parent().unwrap().display();
    for query in [
        format!("module-path={module}"),
        format!("module-path={directory}&module-name=softhsm2"),
    ] {
        let uri = format!("pkcs11:token=vendor;object=lic?pin-source=pin&{query}");
        let mut vendor = tokens.vendor(&uri);
        vendor
            .env
            .push(("KEYGEN_PKCS11_MODULE", "/nowhere.so".into()));
        let _ = vendor.keygen("public").run().expect_code(0);
    }
    let mut vendor = tokens.with_pin("lic");
    vendor.env.push(("KEYGEN_PKCS11_MODULE", "".into()));
    let without_module = vendor.keygen("public").run().expect_failure(2);
    for source in ["module-path", "KEYGEN_PKCS11_MODULE"] {
        assert!(without_module.hint.contains(source), "{without_module:?}");
    }
}

#[test]
fn a_token_and_a_key_are_found_by_any_distinguishing_attribute() {
    let Some(tokens) = Tokens::new() else { return };
    tokens.add("other");
    let created = tokens.new_key("lic", "RS256").expect_code(0).json();
    let id = created["key"]
        .as_str()
        .unwrap()
        .rsplit_once("id=")
        .unwrap()
        .1
        .to_owned();
    let public = |path: &str| {
        let vendor = tokens.vendor(&format!("pkcs11:{path}?pin-source=pin"));
        vendor.keygen("public").run()
    };
    let expected = public("token=vendor;object=lic").expect_code(0).stdout;
    for path in [
        "token=vendor".to_owned(),
        format!("token=vendor;id={id}"),
        "token=vendor;type=private;manufacturer=SoftHSM%20project;model=SoftHSM%20v2".to_owned(),
        "token=vendor;object=lic;library-manufacturer=SoftHSM".to_owned(),
        "token=vendor;slot-manufacturer=SoftHSM%20project".to_owned(),
    ] {
        assert_eq!(public(&path).expect_code(0).stdout, expected, "{path}");
    }
    for (path, exit) in [
        ("object=lic", 2),
        ("token=other;object=lic", 4),
        ("token=vendor;serial=0", 4),
        ("token=vendor;slot-id=99999", 4),
        ("token=vendor;library-manufacturer=Other", 4),
        ("token=vendor;id=%00", 4),
    ] {
        public(path).expect_failure(exit);
    }
}

#[test]
fn a_new_key_is_reported_in_json_and_as_text() {
    let Some(tokens) = Tokens::new() else { return };
    let report = tokens.new_key("one", "RS256").expect_code(0).json();
    let names: Vec<_> = report.as_object().unwrap().keys().collect();
    assert_eq!(names, ["kid", "alg", "bits", "key"]);
    let two = tokens
        .with_pin("two")
        .keygen("new-key")
        .args(["--bits", "2048"]);
    let text = two.run().expect_code(0);
    let kid = tokens.with_pin("two").keygen("public").arg("--json").run();
    let kid: Value = kid.expect_code(0).json()["kid"].clone();
    assert!(
        text.stdout
            .starts_with(&format!("kid: {}\nkey: pkcs11:", kid.as_str().unwrap()))
    );
}

#[test]
fn a_key_in_a_token_can_retire_another_key_in_the_same_token() {
    let Some(tokens) = Tokens::new() else { return };
    for (key, algorithm) in [("old", "RS256"), ("new", "PS256")] {
        let _ = tokens.new_key(key, algorithm).expect_code(0);
    }
    let (old, new) = (tokens.with_pin("old"), tokens.with_pin("new"));
    let public = new.keygen("public").args(["--format", "jwk"]);
    let _ = public.args(["--out", "new.jwk"]).run().expect_code(0);
    let rotate = ["--introduce", "new.jwk", "--retire", "--with", &new.key];
    let dry_run = old.keygen("rotate").args(rotate).arg("--dry-run");
    let _ = dry_run.run().expect_code(0);
    let report = old.keygen("rotate").args(rotate).arg("--json").run();
    let report = report.expect_code(0).json();
    assert_eq!(report["statements"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        report["statements"][1]["retires"],
        report["statements"][0]["kid"]
    );
}
