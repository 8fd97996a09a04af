//! Tests that need neither an HSM nor a service.

use license_tests::{Run, Scratch, Vendor};

#[test]
fn a_file_may_have_a_name_that_starts_with_a_scheme() {
    for name in ["pkcs11:x", "awskms:x", "gcpkms:x", "gcp-kms:x"] {
        let vendor = Scratch::new();
        vendor.write_private(name, &Vendor::shared().key);
        let public = |key: &str| Run::keygen(&vendor).args(["public", "--key", key]).run();
        let file = public(&format!("./{name}")).expect_code(0);
        assert_eq!(file.stdout, Vendor::shared().public);
        public(name).expect_failure(2);
    }
}

#[test]
fn the_help_describes_the_locations_of_keys() {
    for command in ["public", "issue", "enterprise-key", "check-in", "new-key"] {
        let vendor = Scratch::new();
        let help = Run::keygen(&vendor).args([command, "--help"]).run();
        let help = help.expect_code(0).stdout;
        assert!(help.contains("pkcs11:"), "{command}: {help}");
        let has_services = help.contains("awskms:") && help.contains("gcpkms:");
        assert_eq!(has_services, command != "new-key", "{command}: {help}");
    }
}

#[test]
fn a_new_key_is_created_in_a_file_or_a_token() {
    let vendor = Scratch::new();
    let neither = Run::keygen(&vendor).arg("new-key").run().expect_failure(2);
    assert!(neither.message.contains("--out"), "{neither:?}");
    for (key, command) in [
        ("awskms:alias/x", "aws kms create-key"),
        ("gcpkms://projects/p", "gcloud kms keys create"),
    ] {
        let in_cloud = Run::keygen(&vendor).args(["new-key", "--key", key]);
        let failure = in_cloud.run().expect_failure(2);
        assert!(failure.hint.contains(command), "{failure:?}");
    }
}
