//! Messages about valid licenses that replace the same license.

use std::collections::BTreeSet;

use license_cli_support::{Exit, Failure, Terminal, plural};
use license_issuer::ledger::{LicenseStatus, RecordedLicense};
use license_issuer::services::rivals::{RivalLicenses, first_of_each_branch};

/// The code of the refusal, and of the warning.
const RENEWED: &str = "RENEWED";

/// Maximum number of groups in messages, and of commands in a hint.
const MAX_GROUPS: usize = 20;

/// Warns about the groups of rivals.
pub(super) fn warn(rivals: &[RivalLicenses], terminal: &Terminal) {
    let endings = endings(rivals);
    for (group, endings) in rivals.iter().zip(&endings).take(MAX_GROUPS) {
        let end = match endings.as_slice() {
            [] => "; the commands for the other licenses leave one".to_owned(),
            [one] => format!("; to end one, run {one}"),
            all => format!("; to keep one, run {}", listed(all)),
        };
        terminal.warning(RENEWED, &(message(group) + &end));
    }
    if let Some(others @ [_, ..]) = rivals.get(MAX_GROUPS..) {
        let count = plural(others.len(), "other license", "other licenses");
        let message = format!("more than one valid successor of {count}; --json names them");
        terminal.warning(RENEWED, &message);
    }
}

/// Refuses to reinstate licenses that would be rivals, of each other or of other licenses.
pub(super) fn refuse(rivals: &[RivalLicenses], reinstated: &[&str]) -> Result<(), Failure> {
    if rivals.is_empty() {
        return Ok(());
    }
    let messages: Vec<_> = rivals.iter().take(MAX_GROUPS).map(message).collect();
    Err(Failure::new(Exit::Usage, RENEWED, messages.join("; ")).hint(hint(rivals, reinstated)))
}

/// Returns a hint with commands that leave one rival of each group.
fn hint(rivals: &[RivalLicenses], reinstated: &[&str]) -> String {
    if let Some(commands) = endings_of_others(rivals, reinstated) {
        return format!(
            "first run {}, or add --force if the customer may have both",
            listed(&commands)
        );
    }
    let endings = endings(rivals).concat();
    if endings.len() > MAX_GROUPS {
        return format!(
            "reinstate the licenses one by one, by id, for hints with the {} commands that leave one successor of each; or add --force if the customer may have all",
            endings.len()
        );
    }
    let forced = format!("undo all with --force, and then run {}", listed(&endings));
    let only = only(rivals, reinstated).map(|only| format!("{only}; or "));
    only.unwrap_or_default() + &forced
}

/// Returns the commands that end the rivals that are valid already, if one reinstated license of
/// each group remains then.
fn endings_of_others(rivals: &[RivalLicenses], reinstated: &[&str]) -> Option<Vec<String>> {
    let is_reinstated =
        |license: &&RecordedLicense| reinstated.contains(&license.entry.subject.as_str());
    let mut commands = Vec::new();
    for group in rivals {
        let (back, others): (Vec<_>, Vec<_>) = group.licenses.iter().partition(is_reinstated);
        if others.is_empty() || first_of_each_branch(&back).len() > 1 {
            return None;
        }
        for other in first_of_each_branch(&others) {
            let command = revoke(other, group, "");
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
    }
    (commands.len() <= MAX_GROUPS).then_some(commands)
}

/// Returns the command that reinstates only one rival, if there is one group and all are reinstated
/// now.
fn only(rivals: &[RivalLicenses], reinstated: &[&str]) -> Option<String> {
    let [group] = rivals else {
        return None;
    };
    let licenses: Vec<_> = group.licenses.iter().collect();
    let is_reinstated =
        |license: &&RecordedLicense| reinstated.contains(&license.entry.subject.as_str());
    let kept = *first_of_each_branch(&licenses).last()?;
    licenses.iter().all(is_reinstated).then(|| {
        let command = revoke(kept, group, " --undo");
        format!("to have only {}, run {command}", kept.entry.subject)
    })
}

/// Returns for each group the commands that leave one of its licenses. A license that a command for
/// an earlier group ends needs no other command.
fn endings(rivals: &[RivalLicenses]) -> Vec<Vec<String>> {
    let mut all: Vec<_> = rivals.iter().flat_map(|group| &group.licenses).collect();
    all.sort_by_key(|license| license.entry.seq);
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    let endings = rivals.iter().map(|group| {
        let licenses = group.licenses.iter();
        let licenses = licenses.filter(|license| !ended.contains(license.entry.subject.as_str()));
        let branches = first_of_each_branch(&licenses.collect::<Vec<_>>());
        let Some((_, ends)) = branches.split_last() else {
            return Vec::new();
        };
        ended.extend(ends.iter().map(|license| license.entry.subject.as_str()));
        // A command ends the successors of its license too.
        for license in &all {
            let replaced = license.entry.strings("supersedes");
            if replaced.iter().any(|id| ended.contains(id.as_str())) {
                ended.insert(&license.entry.subject);
            }
        }
        ends.iter().map(|end| revoke(end, group, "")).collect()
    });
    endings.collect()
}

/// Returns commands as one text: `a`, `b` and `c`.
fn listed(commands: &[String]) -> String {
    match commands {
        [first @ .., before, last] => {
            let first: String = first.iter().map(|command| format!("{command}, ")).collect();
            format!("{first}{before} and {last}")
        }
        commands => commands.concat(),
    }
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
