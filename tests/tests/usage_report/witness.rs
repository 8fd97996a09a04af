//! What `docs/format.md` says is enough for somebody with `sha256sum` alone.

use license_tests::tools;

use super::*;

/// The script of `docs/format.md`: the hash of each entry beside the one that the next entry, or the header, has of it.
const SCRIPT: &str = r#"
hash() { printf '%s\n%s' "$1" "$2" | sha256sum | cut -d' ' -f1; }
member() { printf '%s' "$2" | sed "s/.*\"$1\":\"\([0-9a-f]*\)\".*/\1/"; }
tr -d '\r' <"$1" | grep '^{"entry"' | {
  before=
  while IFS= read -r line; do
    [ -z "$before" ] || [ "$before" = "$(member prev "$line")" ] || echo "changed: $line"
    before=$(hash license-usage-entry-v1 "$line")
    commitment=$(member private_part "$line")
    grep -v '^{"entry"' "$1" | grep '^{"private"' | while IFS= read -r private; do
      [ "$(hash license-usage-private-v1 "$private")" != "$commitment" ] || echo "named"
    done
  done
  head -n 1 "$1" | grep -q "\"$before\"" || echo "changed: the last entry"
}
"#;

fn script(site: &Scratch, file: &str) -> String {
    site.write("verify.sh", SCRIPT);
    let run = Run::of("sh", site).arg("verify.sh").arg(file);
    run.run().expect_code(0).stdout
}

#[test]
fn the_script_of_the_format_agrees() {
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
    let (desk, machine, _) = desk_and_machine();
    for _ in 0..3 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
        let _ = license(&machine, &["check", "\u{e4}\"\\"]).expect_code(1);
        let _ = send(&machine, &desk, "usage.jsonl", &[]);
    }
    assert_eq!(script(&desk, "usage.jsonl"), "named\n".repeat(3));
    let report = desk.read("usage.jsonl");
    let at = report.rfind("\"used\":1").unwrap();
    let last = format!("{}\"used\":0{}", &report[..at], &report[at + 8..]);
    for edited in [report.replacen("\"used\":1", "\"used\":0", 1), last] {
        desk.write("edited.jsonl", edited);
        assert!(script(&desk, "edited.jsonl").contains("changed: "));
    }
}
