//! What needs neither an HSM nor a service.

use license_tests::{Run, Scratch, Vendor};

#[test]
fn a_file_may_have_the_name_of_another_custody() {
    for name in ["pkcs11:x", "awskms:x"] {
        let desk = Scratch::new();
        desk.write_private(name, &Vendor::shared().key);
        let public = |key: &str| Run::keygen(&desk).args(["public", "--key", key]).run();
        let file = public(&format!("./{name}")).expect_code(0);
        assert_eq!(file.stdout, Vendor::shared().public);
        public(name).expect_failure(2);
    }
}

#[test]
fn what_a_key_may_be_is_in_the_help() {
    for command in ["public", "issue", "enterprise-key", "check-in", "new-key"] {
        let desk = Scratch::new();
        let help = Run::keygen(&desk).args([command, "--help"]).run();
        let help = help.expect_code(0).stdout;
        assert!(help.contains("pkcs11:"), "{command}: {help}");
    }
}

#[test]
fn a_new_key_goes_into_a_file_or_a_token() {
    let desk = Scratch::new();
    let neither = Run::keygen(&desk).arg("new-key").run().expect_failure(2);
    assert!(neither.message.contains("--out"), "{neither:?}");
    let at_aws = Run::keygen(&desk).args(["new-key", "--key", "awskms:alias/x"]);
    let complaint = at_aws.run().expect_failure(2);
    assert!(
        complaint.hint.contains("aws kms create-key"),
        "{complaint:?}"
    );
}
