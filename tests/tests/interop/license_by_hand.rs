//! The commands of `docs/enterprise.md` that verify a license file with OpenSSL, word by word.

use std::fs;

use license_tests::programs;

use super::*;

/// The heading of the section in the guide.
const HEADING: &str = "\n## Verify a license file with OpenSSL\n";

/// Returns the commands of the section. The section has two commands that verify, one for each
/// algorithm.
fn script(algorithm: &str) -> String {
    let guide = programs::workspace().join("docs/enterprise.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, section) = guide.split_once(HEADING).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let commands = section
        .lines()
        .filter_map(|line| line.strip_prefix("       "));
    let is_other = |line: &&str| {
        line.starts_with("openssl dgst") && line.contains("pss") != (algorithm == "PS256")
    };
    let commands: Vec<_> = commands.filter(|line| !is_other(line)).collect();
    assert_eq!(commands.len(), 9, "{commands:#?}");
    commands.join("\n")
}

fn run(vendor: &Vendor, license: &str) -> RunOutput {
    let machine = vendor.customer_machine();
    machine.write("acme.lic", license);
    // The trust set has another key, which the commands must not take.
    let other = Vendor::shared();
    machine.write("other.jwks", &other.trust);
    let both = ["trust", "trust.jwks", "other.jwks", "--out", "both.jwks"];
    let _ = Run::keygen(&machine).args(both).run().expect_code(0);
    fs::rename(machine.file("both.jwks"), machine.file("trust.jwks")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let programs = programs::license().parent().unwrap().display();
    let shell = Run::new("sh", &machine).env("PATH", format!("{programs}:{path}"));
    shell.args(["-euc", &script(&vendor.algorithm)]).run()
}

#[test]
fn the_commands_of_the_guide_verify_a_license_and_refuse_a_changed_one() {
    let Some(_) = tools::openssl() else {
        return;
    };
    each_vendor(|vendor| {
        let issued = team_license(vendor);
        let verified = run(vendor, &issued.file).expect_code(0);
        let claims = verified.stdout.strip_prefix("Verified OK\n").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(claims).unwrap(),
            issued.claims()
        );
        // Windows line ends and a second block change nothing.
        let more = format!("{0}{0}", issued.file).replace('\n', "\r\n");
        let _ = run(vendor, &more).expect_code(0);
        let end_of_payload = issued.file.rfind('.').unwrap() - 1;
        let changed = run(vendor, &changed_at(&issued.file, end_of_payload));
        let _ = changed.expect_code(1);
    });
}
