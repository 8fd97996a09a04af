//! `keygen inspect`.

use super::*;

fn inspect(workstation: &Scratch, file: &str) -> RunOutput {
    Run::keygen(workstation).args(["inspect", file]).run()
}

#[test]
fn every_artifact_is_shown_as_unverified() {
    let vendor = Vendor::shared();
    let workstation = vendor.customer_machine();
    let issued = vendor.issue(&["--tier", "pro", "--perpetual"]);
    workstation.write("acme.lic", &issued.file);
    workstation.write("token", issued.token());
    workstation.write("standard.key", issued.key());
    workstation.write("enterprise.key", vendor.enterprise_key());
    workstation.write("vendor.pem", &vendor.public);
    for (file, shown) in [
        ("acme.lic", "sub: ACME Ltd"),
        ("token", "sub: ACME Ltd"),
        ("standard.key", issued.key()),
        ("enterprise.key", "company: ACME"),
        ("trust.jwks", &vendor.kid),
        ("vendor.pem", &vendor.kid),
    ] {
        let outcome = inspect(&workstation, file).expect_code(0);
        assert!(outcome.stdout.starts_with("UNVERIFIED"), "{file}");
        assert!(outcome.stdout.contains(shown), "{file}: {}", outcome.stdout);
        let json = Run::keygen(&workstation)
            .args(["inspect", "--json", file])
            .run()
            .expect_code(0)
            .json();
        assert_eq!(json["verified"], false, "{file}");
    }
}

#[test]
fn standard_input_is_read() {
    let workstation = Scratch::new();
    let run = Run::keygen(&workstation)
        .args(["inspect", "-"])
        .stdin(Vendor::shared().enterprise_key());
    assert!(
        run.run()
            .expect_code(0)
            .stdout
            .contains("kind: enterprise key")
    );
}

#[test]
fn an_unknown_text_is_refused() {
    let workstation = Vendor::shared().workstation();
    workstation.write("noise", "what is this?");
    workstation.write("empty", "");
    for file in ["noise", "empty", "vendor.key"] {
        let error = inspect(&workstation, file).expect_failure(3);
        assert!(error.message.starts_with(&format!("{file}: ")), "{error:?}");
    }
    inspect(&workstation, "missing").expect_failure(4);
}
