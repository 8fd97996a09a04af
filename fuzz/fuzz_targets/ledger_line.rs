//! Lines of an exported ledger, which `keygen ledger import` reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_fuzz::bounded;
use license_keygen::fuzzing::read_line;
use serde_json::json;

const MEMORY_FACTOR: u64 = 256;

fuzz_target!(|line: &str| {
    let Some(entry) = bounded(MEMORY_FACTOR, line.as_bytes(), || read_line(line)) else {
        return;
    };
    assert!(entry.body.is_object());
    let printed = json!({
        "kind": entry.kind.as_str(),
        "subject": entry.subject,
        "body": entry.body,
        "artefact": entry.artifact,
    });
    let again = read_line(&printed.to_string()).unwrap();
    assert_eq!(again.kind, entry.kind);
    assert_eq!(again.subject, entry.subject);
    assert_eq!(again.body, entry.body);
    assert_eq!(again.artifact, entry.artifact);
});
