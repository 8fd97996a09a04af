//! The section of `docs/signing-keys.md` about SoftHSM.

use std::fs;

use license_tests::tools;
use license_tests::{Run, Scratch, Vendor, programs};

/// The heading of the section.
const SECTION: &str = "\n### SoftHSM, and importing an existing key\n";
/// The library in the guide, which has this path on Debian.
const LIBRARY: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// Returns the lines of the code blocks of the section. They are indented by seven spaces, because
/// the section is a list.
fn script() -> String {
    let guide = programs::workspace().join("docs/signing-keys.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, section) = guide.split_once(SECTION).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines();
    lines
        .filter_map(|line| line.strip_prefix("       "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_commands_of_the_guide_initialize_softhsm_and_import_a_key() {
    let (Some(softhsm), Some(_)) = (tools::softhsm(), tools::openssl()) else {
        return;
    };
    let script = script();
    assert_eq!(script.lines().count(), 13, "{script}");
    assert!(script.contains(LIBRARY));
    let script = script.replace(LIBRARY, softhsm.module.to_str().unwrap());
    let scratch = Scratch::new();
    let vendor = Vendor::shared();
    scratch.write_private("passphrase", "correct horse\n");
    scratch.write_private("plain.key", &vendor.key);
    let encrypt = tools::openssl().unwrap().run(&scratch).args([
        "pkey",
        "-in",
        "plain.key",
        "-out",
        "vendor.key",
        "-aes256",
        "-passout",
        "file:passphrase",
    ]);
    let _ = encrypt.run().expect_code(0);
    let keygen = programs::keygen().parent().unwrap().to_str().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let run = Run::new("sh", &scratch).env("PATH", format!("{keygen}:{path}"));
    let output = run.args(["-euc", &script]).run().expect_code(0);
    assert!(
        output.stdout.contains("Label:            vendor"),
        "{output:?}"
    );
    assert_eq!(scratch.read("token.pem"), vendor.public);
    scratch.write("trust.pem", &vendor.public);
    let verify = Run::license(&scratch).args(["verify", "jo.lic", "--trust", "trust.pem"]);
    let _ = verify.run().expect_code(0);
}
