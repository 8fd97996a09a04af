//! Messages about valid licenses that replace the same license.

use license_cli_support::{Exit, Failure, Terminal, plural};
use license_issuer::ledger::{LicenseStatus, RecordedLicense};
use license_issuer::services::rivals::{RivalLicenses, first_of_each_branch};

/// The code of the refusal, and of the warning.
const RENEWED: &str = "RENEWED";

/// Maximum number of groups in messages.
const MAX_GROUPS: usize = 20;

/// Warns about the groups of rivals.
pub(super) fn warn(rivals: &[RivalLicenses], terminal: &Terminal) {
    for group in rivals.iter().take(MAX_GROUPS) {
        let all: Vec<_> = group.licenses.iter().collect();
        let end = first_of_each_branch(&all);
        let end = end.first().map(|first| revoke(first, group, ""));
        let message = format!(
            "{}; to end one, run {}",
            message(group),
            end.unwrap_or_default()
        );
        terminal.warning(RENEWED, &message);
    }
    if let Some(others @ [_, ..]) = rivals.get(MAX_GROUPS..) {
        let count = plural(others.len(), "other license", "other licenses");
        let message = format!("more than one valid successor of {count}; --json names them");
        terminal.warning(RENEWED, &message);
    }
}

/// Refuses to reinstate licenses that would be rivals, of each other or of other licenses.
pub(super) fn refuse(rivals: &[RivalLicenses], reinstated: &[&str]) -> Result<(), Failure> {
    let Some(first) = rivals.first() else {
        return Ok(());
    };
    let messages: Vec<_> = rivals.iter().take(MAX_GROUPS).map(message).collect();
    Err(Failure::new(Exit::Usage, RENEWED, messages.join("; ")).hint(hint(first, reinstated)))
}

/// Returns a hint with commands that leave one rival of a group.
fn hint(group: &RivalLicenses, reinstated: &[&str]) -> String {
    let licenses = group.licenses.iter();
    let is_other =
        |license: &&RecordedLicense| !reinstated.contains(&license.entry.subject.as_str());
    let others: Vec<_> = licenses.clone().filter(is_other).collect();
    let commands = |licenses: &[&RecordedLicense]| {
        let commands = licenses.iter().map(|license| revoke(license, group, ""));
        commands.collect::<Vec<_>>().join(" and ")
    };
    if !others.is_empty() {
        let other = commands(&first_of_each_branch(&others));
        return format!("first run {other}, or add --force if the customer may have both");
    }
    let all = first_of_each_branch(&licenses.collect::<Vec<_>>());
    let Some((kept, ended)) = all.split_last() else {
        return String::new();
    };
    format!(
        "to have only {}, run {}; or undo all with --force, and then run {}",
        kept.entry.subject,
        revoke(kept, group, " --undo"),
        commands(ended)
    )
}

fn message(group: &RivalLicenses) -> String {
    format!(
        "expected one valid successor of license {}, found {}: {}",
        group.replaced,
        group.licenses.len(),
        described(&group.licenses)
    )
}

/// Returns the command that revokes a license and the rivals that replace it.
fn revoke(license: &RecordedLicense, group: &RivalLicenses, undo: &str) -> String {
    let id = &license.entry.subject;
    let replaces = |other: &RecordedLicense| other.entry.strings("supersedes").contains(id);
    let successors = if group.licenses.iter().any(replaces) {
        " --with-successors"
    } else {
        ""
    };
    format!("`keygen revoke {id}{undo}{successors} --reason TEXT`")
}

/// Returns the ids of licenses, with the start of those that have not started.
pub(super) fn described(licenses: &[RecordedLicense]) -> String {
    let describe = |license: &RecordedLicense| {
        let id = &license.entry.subject;
        let start = license.entry.member("not_before");
        let start = start.filter(|_| license.status == LicenseStatus::Future);
        start.map_or_else(|| id.clone(), |start| format!("{id} (from {start})"))
    };
    licenses.iter().map(describe).collect::<Vec<_>>().join(", ")
}
