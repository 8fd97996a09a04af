//! Invalid values of the chart are refused with a hint, and never printed.

use license_tests::tools;
use license_tests::{Vendor, words};

use super::{ENTERPRISE_KEY, IMAGE, KEY, customer, helm};

#[test]
fn an_invalid_value_is_rejected_with_a_hint_and_is_not_printed() {
    let Some(program) = tools::helm() else { return };
    let customer = customer();
    let issued = Vendor::shared().issue(&["--tier", "ent", "--perpetual"]);
    customer.write("acme.lic", &issued.file);
    customer.write("list.lic", "-----BEGIN LICENSE REVOCATIONS-----\n");
    customer.write("cut.key", ENTERPRISE_KEY.get(..200).unwrap());
    customer.write("private.pem", &Vendor::shared().key);
    customer.write("large", "A".repeat(256 * 1024 + 1));
    let short = "license.key=CODITECT-ENT-ACME-100-20301231-A7F3E9D2C4B1F8E2";
    for (values, expected) in [
        (&[][..], "found none"),
        (&["--set", short], "found a short one"),
        (
            &["--set-file", "license.key=cut.key"],
            "expected a full enterprise key",
        ),
        (
            &["--set-file", "license.key=acme.lic"],
            "license.file for a license file",
        ),
        (
            &["--set-file", "license.file=acme.key"],
            "license.key for an enterprise key",
        ),
        (
            &words("--set-file license.key=acme.key --set license.existingSecret=a"),
            "found license.key and license.existingSecret",
        ),
        (
            &words("--set-file license.key=acme.key --set-file license.trust=private.pem"),
            "found a private key",
        ),
        (
            &words("--set license.existingSecret=a --set-file license.trust=trust.jwks"),
            "omit license.trust",
        ),
        (
            &["--set-file", "license.file=list.lic"],
            "license.revocations for a revocation list",
        ),
        (
            &words("--set-file license.file=acme.lic --set-file license.revocations=acme.lic"),
            "expected -----BEGIN LICENSE REVOCATIONS-----",
        ),
        (
            &["--set", "license.existingSecret=a b"],
            "does not match pattern",
        ),
        (&["--set-file", "license.file=large"], "/license/file"),
        (
            &["--set-file", "license.key=acme.key", "--set", "user=0"],
            "/user",
        ),
        (
            &words("--set-file license.key=acme.key --set licence.key=x"),
            "licence",
        ),
        (
            &words("--set-file license.key=acme.key --set machineId=short"),
            "/machineId",
        ),
        (
            &words("--set-file license.key=acme.key --set env[0].name=CODITECT_HOME"),
            "/env/0/name",
        ),
    ] {
        let args = [&["template"], IMAGE, values].concat();
        let refused = helm(program, &customer, &args).run().expect_code(1);
        assert!(
            refused.stderr.contains(expected),
            "{expected}: {}",
            refused.stderr
        );
        for secret in [
            ENTERPRISE_KEY.get(40..80),
            issued.file.get(30..80),
            Vendor::shared().key.get(60..110),
            Some("A7F3E9D2C4B1F8E2"),
        ] {
            assert!(
                !refused.all_output().contains(secret.unwrap()),
                "{expected}"
            );
        }
    }
}

#[test]
fn an_image_needs_a_name_and_a_tag_or_digest() {
    let Some(program) = tools::helm() else { return };
    let customer = customer();
    for (values, expected) in [
        (&[][..], "image.repository"),
        (
            &["--set", "image.repository=app"],
            "expected a tag or a digest",
        ),
        (
            &words("--set image.repository=app --set image.digest=sha256:12"),
            "/image/digest",
        ),
    ] {
        let args = [&["template"], KEY, values].concat();
        let refused = helm(program, &customer, &args).run().expect_code(1);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}
