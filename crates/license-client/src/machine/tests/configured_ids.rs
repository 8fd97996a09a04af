//! Machine ids that an administrator configured.

use std::io;

use super::linux::bare;
use super::*;
use MissingReason::{NotFound, NotPermitted, Rejected};

const VARIABLE: &str = "ACME9_MACHINE_ID";
const FILE_VARIABLE: &str = "ACME9_MACHINE_ID_FILE";
const SYSTEM_FILE: &str = "/etc/acme9/machine-id";

/// Returns the configured id and its source.
fn configured(system: &Simulated) -> Option<(String, String)> {
    let facts = collect(system);
    let found = facts.found().find(|found| found.kind() == AssignedId)?;
    Some((found.value().to_owned(), found.source().to_owned()))
}

fn pair(value: &str, source: &str) -> Option<(String, String)> {
    Some((value.to_owned(), source.to_owned()))
}

#[test]
fn the_variable_takes_precedence_over_the_named_file_and_the_administrators_file() {
    let system = bare()
        .file(SYSTEM_FILE, "from-etc-0001\n")
        .file("/run/id", "from-file-0001\nanother line\n");
    assert_eq!(configured(&system), pair("from-etc-0001", SYSTEM_FILE));
    let system = system.set(FILE_VARIABLE, "/run/id");
    assert_eq!(configured(&system), pair("from-file-0001", "/run/id"));
    let system = system.set(VARIABLE, " from-variable-0001 ");
    assert_eq!(configured(&system), pair("from-variable-0001", VARIABLE));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let system = bare()
        .file(SYSTEM_FILE, "from-etc-0001")
        .set(VARIABLE, "")
        .set(FILE_VARIABLE, "");
    assert_eq!(configured(&system), pair("from-etc-0001", SYSTEM_FILE));
}

#[test]
fn an_invalid_id_is_reported_and_other_sources_are_not_used() {
    let system = bare().file(SYSTEM_FILE, "from-etc-0001");
    let cases = [
        (
            system.clone().set(VARIABLE, "short"),
            Rejected(Rejection::ConfiguredIdForm),
            VARIABLE,
        ),
        (
            system.clone().set(FILE_VARIABLE, "run/id"),
            Rejected(Rejection::NotAbsolute),
            FILE_VARIABLE,
        ),
        (
            system.clone().set(FILE_VARIABLE, "/run/none"),
            NotFound,
            "/run/none",
        ),
        (
            system.file(SYSTEM_FILE, ""),
            Rejected(Rejection::Empty),
            SYSTEM_FILE,
        ),
        (
            bare().file(SYSTEM_FILE, "\u{feff}from-etc-0001\n"),
            Rejected(Rejection::Encoding),
            SYSTEM_FILE,
        ),
        (
            // UTF-16 with a byte order mark, as the file is read.
            bare().file(SYSTEM_FILE, "\u{fffd}\u{fffd}f\0r\0o\0m\0-\0e\0t\0c\0"),
            Rejected(Rejection::Encoding),
            SYSTEM_FILE,
        ),
        (
            bare().unreadable(SYSTEM_FILE, io::ErrorKind::PermissionDenied),
            NotPermitted,
            SYSTEM_FILE,
        ),
        (bare(), NotFound, VARIABLE),
    ];
    for (system, reason, source) in cases {
        let facts = collect(&system);
        let missing = facts.missing().next().unwrap();
        assert_eq!(
            (missing.kind(), missing.reason()),
            (AssignedId, reason),
            "{source}"
        );
        assert_eq!(missing.source(), Some(source));
        assert_eq!(facts.machine_id(), Some(ID));
    }
}

#[test]
fn a_configured_id_takes_precedence_over_the_systems_machine_id() {
    let facts = collect(&bare().set(VARIABLE, "Billing-Worker-3"));
    assert_eq!(kinds(&facts), [AssignedId, MachineId, Cpu]);
    assert_eq!(facts.machine_id(), Some("billing-worker-3"));
    assert_eq!(facts.stability(), Stability::Stable);
    assert_ne!(facts.digest(), collect(&bare()).digest());
}

#[test]
fn variables_of_another_product_are_ignored() {
    let system = bare().set("OTHER_MACHINE_ID", "billing-worker-3");
    assert_eq!(configured(&system), None);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_rejected() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = std::ffi::OsString::from_vec(b"billing-\xff\xfe-worker".to_vec());
    let facts = collect(&bare().set(VARIABLE, bytes));
    assert_eq!(
        reason(&facts, AssignedId),
        Some(Rejected(Rejection::ConfiguredIdForm))
    );
}

#[test]
fn on_an_unknown_platform_only_a_configured_id_counts() {
    let system = Simulated::new(Platform::Other).set(VARIABLE, "billing-worker-3");
    let facts = collect(&system);
    assert_eq!(kinds(&facts), [AssignedId]);
    assert_eq!(
        reason(&facts, MachineId),
        Some(MissingReason::NotApplicable)
    );
    let facts = MachineFacts::identify_from(&system, product(), None);
    assert_eq!(facts.missing().count(), 1);
}
