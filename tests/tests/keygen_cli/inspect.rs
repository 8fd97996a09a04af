//! `keygen inspect`.

use super::*;

fn inspect(desk: &Scratch, file: &str) -> RunOutput {
    Run::keygen(desk).args(["inspect", file]).run()
}

#[test]
fn every_artifact_is_shown_as_unverified() {
    let vendor = Vendor::shared();
    let desk = vendor.site();
    let issued = vendor.issue(&["--tier", "pro", "--perpetual"]);
    desk.write("acme.lic", &issued.file);
    desk.write("token", issued.token());
    desk.write("standard.key", issued.key());
    desk.write("enterprise.key", vendor.enterprise_key());
    desk.write("vendor.pem", &vendor.public);
    for (file, shown) in [
        ("acme.lic", "sub: ACME Ltd"),
        ("token", "sub: ACME Ltd"),
        ("standard.key", issued.key()),
        ("enterprise.key", "company: ACME"),
        ("trust.jwks", &vendor.kid),
        ("vendor.pem", &vendor.kid),
    ] {
        let outcome = inspect(&desk, file).expect_code(0);
        assert!(outcome.stdout.starts_with("UNVERIFIED"), "{file}");
        assert!(outcome.stdout.contains(shown), "{file}: {}", outcome.stdout);
        let json = Run::keygen(&desk)
            .args(["inspect", "--json", file])
            .run()
            .expect_code(0)
            .json();
        assert_eq!(json["verified"], false, "{file}");
    }
}

#[test]
fn standard_input_is_read() {
    let desk = Scratch::new();
    let run = Run::keygen(&desk)
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
    let desk = Vendor::shared().workstation();
    desk.write("noise", "what is this?");
    desk.write("empty", "");
    for file in ["noise", "empty", "vendor.key"] {
        let complaint = inspect(&desk, file).expect_failure(3);
        assert!(
            complaint.message.starts_with(&format!("{file}: ")),
            "{complaint:?}"
        );
    }
    inspect(&desk, "missing").expect_failure(4);
}
