//! A report can be verified with only `sha256sum`, as `docs/format.md` describes.

use super::*;

/// The script of `docs/format.md`. It compares the hash of each entry with the hash in the next
/// entry or in the header.
const SCRIPT: &str = r#"
hash() { printf '%s\n%s' "$1" "$2" | sha256sum | cut -d' ' -f1; }
member() { printf '%s' "$2" | sed "s/.*\"$1\":\"\([0-9a-f]*\)\".*/\1/"; }
tr -d '\r' <"$1" | grep '^{"entry"' | {
  before=
  while IFS= read -r line; do
    [ -z "$before" ] || [ "$before" = "$(member prev "$line")" ] || echo "changed: $line"
    before=$(hash license-usage-entry-v1 "$line")
    commitment=$(member private_part "$line")
    tr -d '\r' <"$1" | grep '^{"private"' | while IFS= read -r private; do
      [ "$(hash license-usage-private-v1 "$private")" != "$commitment" ] || echo "named"
    done
  done
  head -n 1 "$1" | grep -q "\"$before\"" || echo "changed: the last entry"
}
"#;

fn script(workstation: &Scratch, file: &str) -> String {
    workstation.write("verify.sh", SCRIPT);
    let run = Run::new("sh", workstation).arg("verify.sh").arg(file);
    run.run().expect_code(0).stdout
}

#[test]
fn the_script_in_the_documentation_verifies_a_report() {
    if tools::sha256sum().is_none() {
        return;
    }
    let format = license_tests::programs::workspace().join("docs/format.md");
    let format = fs::read_to_string(format).unwrap();
    for line in SCRIPT.lines().filter(|line| !line.is_empty()) {
        assert!(
            format.contains(&format!("    {line}\n")),
            "docs/format.md lacks {line}"
        );
    }
    let (workstation, machine, _) = workstation_and_machine();
    for _ in 0..3 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
        let _ = license(&machine, &["check", "\u{e4}\"\\"]).expect_code(1);
        let _ = send(&machine, &workstation, "usage.jsonl", &[]);
    }
    assert_eq!(script(&workstation, "usage.jsonl"), "named\n".repeat(3));
    let report = workstation.read("usage.jsonl");
    workstation.write("crlf.jsonl", report.replace('\n', "\r\n"));
    assert_eq!(script(&workstation, "crlf.jsonl"), "named\n".repeat(3));
    let at = report.rfind("\"used\":1").unwrap();
    let last = format!("{}\"used\":0{}", &report[..at], &report[at + 8..]);
    for edited in [report.replacen("\"used\":1", "\"used\":0", 1), last] {
        workstation.write("edited.jsonl", edited);
        assert!(script(&workstation, "edited.jsonl").contains("changed: "));
    }
}
