//! Artifacts that came without a license, as text and JSON: revocation lists, answers to machines
//! and trust statements.

use license_cli_support::{Exit, Failure, Terminal, escape, plural, show_path, wrap};
use license_client::InstalledList;
use license_core::chrono::{DateTime, Utc};
use license_core::license::RevocationList;
use license_core::machine::Machine;
use license_core::time::rfc3339;
use license_core::{Code, VerifiedLicenses, time};
use serde_json::{Value, json};

use super::notice::{self, Notice};
use super::trust_statements::StatementsReport;

/// Describes a revocation list in one line.
pub(crate) fn list_line(list: &RevocationList) -> String {
    format!(
        "list {} of {}, {}; next list due {}; key {}",
        list.seq(),
        rfc3339(list.issued_at()),
        revoked(list),
        rfc3339(list.next_update()),
        list.key_id().as_str()
    )
}

fn revoked(list: &RevocationList) -> String {
    format!("{} revoked", count(list))
}

fn count(list: &RevocationList) -> String {
    match list.len() {
        0 => "nothing".to_owned(),
        count => plural(count, "license or activation", "licenses or activations"),
    }
}

fn list_to_text(list: &RevocationList) -> String {
    format!(
        "revocation list {} of {}\n  revoked     {}\n  issued      {}\n  next due    {}\n  key         {}",
        list.seq(),
        list.product(),
        count(list),
        rfc3339(list.issued_at()),
        rfc3339(list.next_update()),
        list.key_id().as_str()
    )
}

/// Returns a notice if the next list was due before `now`.
fn outdated(list: &RevocationList, now: DateTime<Utc>) -> Option<Notice> {
    let (seq, next) = (list.seq(), list.next_update());
    let late = time::humanize(time::duration_since(now, next));
    let message = format!(
        "the list after revocation list {seq} was due at {}, {late} ago; ask the vendor for the latest list",
        rfc3339(next)
    );
    let is_outdated = list.is_outdated_at(now);
    is_outdated.then(|| Notice::with_code(Code::ListOutdated, message))
}

/// Prints the artifacts of an input that contains no license.
///
/// # Errors
///
/// Returns a failure if standard output cannot be written.
pub(crate) fn print(
    verified: &VerifiedLicenses,
    statements: &StatementsReport,
    now: DateTime<Utc>,
    more: Vec<Notice>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let lists = verified.revocations();
    let mut notices: Vec<_> = lists
        .iter()
        .filter_map(|list| outdated(list, now))
        .collect();
    notice::add_missing(&mut notices, more);
    if terminal.is_json() {
        terminal.json(&json!({
            "revocation_lists": lists,
            "trust_statements": statements.new,
            "answers": answers_to_json(verified),
            "warnings": notice::warnings_to_json(&[], &notices),
        }))?;
    } else {
        let texts = lists.iter().map(list_to_text);
        let texts = texts.chain(answers(verified)).chain(statements.lines());
        let texts: Vec<_> = texts.collect();
        terminal.data(&wrap(&texts.join("\n"), terminal.columns(), 4))?;
        for notice in &notices {
            notice.print(terminal);
        }
    }
    Ok(Exit::Success)
}

fn machine(named: &Machine) -> String {
    let digest = named.digest().map(|digest| digest.to_string());
    digest.unwrap_or_else(|| named.to_string())
}

/// Describes each answer to a machine in one line.
fn answers(verified: &VerifiedLicenses) -> Vec<String> {
    let activations = verified.activations().iter().map(|answer| {
        let (license, machine) = (answer.license_id(), machine(answer.machine()));
        format!(
            "activation of license {license} for machine {}, signed {}",
            escape(&machine),
            rfc3339(answer.issued_at())
        )
    });
    let repairs = verified.clock_repairs().iter().map(|repair| {
        let machine = machine(repair.machine());
        let at = repair.issued_at();
        format!(
            "clock repair of machine {} to {at}",
            escape(&machine),
            at = rfc3339(at)
        )
    });
    activations.chain(repairs).collect()
}

fn answers_to_json(verified: &VerifiedLicenses) -> Value {
    let activations = verified.activations().iter().map(|answer| json!(answer));
    let repairs = verified.clock_repairs().iter().map(|repair| json!(repair));
    activations.chain(repairs).collect()
}

/// Prints a note with the result of installing each list.
pub(crate) fn note_installed(installed: &[InstalledList], terminal: &Terminal) {
    for InstalledList {
        list, path, is_new, ..
    } in installed
    {
        let (seq, path) = (list.seq(), show_path(path));
        let revoked = revoked(list);
        terminal.note(&if *is_new {
            format!("revocation list {seq} installed as {path}: {revoked}")
        } else {
            format!("revocation list {seq} was already installed: {revoked}")
        });
    }
}
