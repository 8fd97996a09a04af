//! `keygen usage`: what customers report of their use.

mod import;
mod summary;
mod verify;

use license_core::usage_report::{
    Finding, Hash, MAX_REPORT_BYTES, UsageEntry, UsageReport, UsageReportError,
};
use license_core::{Code, LicenseId};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::ledger::{EntryKind, NewEntry};
use license_terminal::{Exit, Failure, Source, Terminal};
use serde_json::{Map, Value, json};

use crate::args::UsageCommand;

/// What usage without a license is entered under.
pub(crate) const UNLICENSED: &str = "unlicensed";

pub(crate) fn run(
    command: &UsageCommand,
    place: &LedgerLocation,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let done = match command {
        UsageCommand::Verify(files) => return verify::run(&files.files, terminal),
        UsageCommand::Import(files) => import::run(&files.files, place, terminal),
        UsageCommand::Summary(arguments) => summary::run(arguments, place, terminal),
    };
    done.map(|()| Exit::Licensed)
}

/// The reports in a file.
fn read(file: &Source) -> Result<Vec<UsageReport>, Failure> {
    let text = file.read_text(MAX_REPORT_BYTES)?;
    UsageReport::parse_all(&text).map_err(|error| not_read(file, &error))
}

fn not_read(file: &Source, error: &UsageReportError) -> Failure {
    let cause = std::error::Error::source(error);
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let message = format!("{file}: {error}{cause}");
    match error.is_of_newer() {
        true => Failure::new(Exit::Unjudged, Code::UnsupportedVersion.as_str(), message)
            .hint("use a newer version of this program"),
        false => Failure::malformed(message)
            .hint("ask for what `license usage-report` wrote, as it is: it was cut, changed, or is another file"),
    }
}

/// A chain as a person compares it: all of its id would be noise.
fn short(chain: impl ToString) -> String {
    chain.to_string().chars().take(8).collect()
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "code": finding.code(),
        "message": finding.to_string(),
        "fault": finding.is_fault(),
    })
}

/// The record of an entry, without its private part: what is entered can't be deleted. What is not whole around it is noted.
fn record(line: &str, entry: &UsageEntry, gap: Option<(u64, u64)>, fork: bool) -> NewEntry {
    let gap = gap.map(|(first, last)| json!({ "first": first, "last": last }));
    let mut body = facts(line, entry);
    body.insert("gap".to_owned(), gap.into());
    body.insert("fork".to_owned(), fork.into());
    NewEntry {
        kind: EntryKind::Usage,
        subject: subject(entry),
        body: Value::Object(body),
        artifact: line.to_owned(),
    }
}

fn subject(entry: &UsageEntry) -> String {
    let id = entry.license.as_ref().map(LicenseId::as_str);
    id.unwrap_or(UNLICENSED).to_owned()
}

/// What an entry says, under the names that other entries of the ledger have for it.
fn facts(line: &str, entry: &UsageEntry) -> Map<String, Value> {
    let members = match entry.to_json() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let named = members
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "license" => ("license_id".to_owned(), value),
            _ => (name, value),
        });
    let hash = Hash::of_entry(line).to_string();
    named.chain([("hash".to_owned(), hash.into())]).collect()
}

/// Whether a record that was exported says what its line does.
pub(crate) fn is_of_its_line(stated: &NewEntry) -> bool {
    let Ok(entry) = UsageEntry::parse(&stated.artifact) else {
        return false;
    };
    let mut body = stated.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.shift_remove("gap");
        members.shift_remove("fork");
    }
    let facts = Value::Object(facts(&stated.artifact, &entry));
    stated.subject == subject(&entry) && body == facts
}
