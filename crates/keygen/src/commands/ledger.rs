//! `keygen ledger`: searches, exports, imports and verifies the ledger.

mod activations;
mod denied;
mod expiring;
mod import;
mod report;
mod seats;
mod stats;
mod verdict;
mod verify;

use std::path::Path;

use license_cli_support::{
    Audience, Destination, Failure, OutputFile, Source, Terminal, escape, is_similar, plural,
    show_path,
};
use license_core::encoding::hex;
use license_core::machine::MachineDigest;
use license_core::{LicenseKey, Unverified};
use license_issuer::ledger::sqlite::{LedgerLocation, SqliteLedger};
use license_issuer::ledger::{LedgerReader, LicenseFilter, LicenseSort, LicenseStatus};
use serde_json::json;

use super::context::AppContext;
use super::lookup::{license_in, license_of, not_found, open, resolve, rows};
use super::revocations::signed_lists::all_copies;
use crate::args::{LedgerCommand, List, SortBy};
use crate::inputs::{matrix, now};
use crate::{failures, output};

pub(super) use report::COLUMNS;

use report::SubjectReport;
use verdict::Verdict;

#[cfg(fuzzing)]
pub use import::read_line;

pub(crate) fn run(command: &LedgerCommand, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    if let LedgerCommand::Import {
        files,
        trust,
        product_file,
    } = command
    {
        return import::run(files, trust, product_file.as_ref(), app);
    }
    let ledger = open(location)?;
    match command {
        LedgerCommand::List(list) => {
            let rows = rows(&ledger, &filter(list))?;
            if list.format.csv && !terminal.is_json() {
                let matrix = matrix(app.settings, None)?;
                return terminal.data(&report::csv(rows.iter(), &matrix));
            }
            report::licenses(&rows, &ledger, terminal)
        }
        LedgerCommand::Show { subject } => show(&ledger, subject, terminal),
        LedgerCommand::Resend { license, output } => resend(&ledger, license, output, terminal),
        LedgerCommand::Find { text } => find(&ledger, text, terminal),
        LedgerCommand::Expiring(arguments) => expiring::run(arguments, &ledger, app),
        LedgerCommand::Stats => stats::print(&ledger, &matrix(app.settings, None)?, terminal),
        LedgerCommand::Export { output } => export(&ledger, output, terminal),
        LedgerCommand::Backup { out } => back_up(&ledger, out, app),
        LedgerCommand::Verify { head } => verify::run(&ledger, head.as_ref(), terminal),
        LedgerCommand::Import { .. } => Ok(()),
    }
}

fn filter(list: &List) -> LicenseFilter {
    LicenseFilter {
        customer: list.customer.clone(),
        tier: list.tier.clone(),
        product: list.product.clone(),
        status: list.status,
        sort: match list.sort {
            SortBy::Recorded => LicenseSort::Recorded,
            SortBy::Customer => LicenseSort::Customer,
            SortBy::Expires => LicenseSort::Expires,
            SortBy::Tier => LicenseSort::Tier,
        },
        reverse: list.reverse,
        limit: list.limit,
        ..LicenseFilter::default()
    }
}

fn show(ledger: &dyn LedgerReader, named: &Source, terminal: &Terminal) -> Result<(), Failure> {
    let name = name_in(named);
    if let Some(digest) = MachineDigest::parse(&name.trim().to_ascii_lowercase()) {
        return activations::show(ledger, &digest.to_string(), terminal);
    }
    let subject = match resolve(ledger, &name)? {
        Some(subject) => Some(subject),
        None => activations::subject(ledger, &name)?,
    };
    let subject = subject.map_or_else(|| license_in(ledger, named), Ok)?;
    let failed = failures::ledger_not_read(ledger);
    let (activations, checked_in) = activations::of_license(ledger, &subject).map_err(failed)?;
    report::subject(
        &SubjectReport {
            subject: &subject,
            verdict: Verdict::of(ledger, &subject, now())?.as_ref(),
            entries: &ledger.entries_about(&subject).map_err(failed)?,
            activations: &activations,
            checked_in: &checked_in,
        },
        terminal,
    )
}

/// Returns the id or key that an argument names, if it is not the path of a file.
fn name_in(named: &Source) -> String {
    match named {
        Source::Stdin => String::new(),
        Source::File(path) => path.to_string_lossy().into_owned(),
    }
}

/// Writes a recorded artifact again. Records nothing, because nothing is issued.
fn resend(
    ledger: &dyn LedgerReader,
    named: &Source,
    output: &OutputFile,
    terminal: &Terminal,
) -> Result<(), Failure> {
    output::check(output)?;
    let name = name_in(named);
    let subject = match resolve(ledger, &name)? {
        Some(subject) => subject,
        None => match activations::find(ledger, &name)? {
            Some(answer) => return activations::resend(&answer, output, terminal),
            None => license_in(ledger, named)?,
        },
    };
    let row = license_of(ledger, &subject, now())?.ok_or_else(|| not_found(&subject))?;
    if row.status != LicenseStatus::Active {
        let status = row.status.as_str();
        let failed = failures::ledger_not_read(ledger);
        let successor = match row.status {
            LicenseStatus::Superseded => ledger.successor(&subject).map_err(failed)?,
            _ => None,
        };
        let successor = successor.map_or_else(String::new, |by| {
            format!(" by {by}; `keygen ledger resend {by} --out FILE` writes that license")
        });
        let message = format!("license {subject} is {status}{successor}");
        terminal.warning(&status.to_ascii_uppercase(), &message);
    }
    let artifact = &row.entry.artifact;
    let text = Unverified::parse(artifact)
        .map_or_else(|_| format!("{artifact}\n"), |token| token.to_armor());
    if terminal.is_json() {
        let path = output.path();
        if path.is_some() {
            output::write(output, &text)?;
        }
        return terminal.json(&json!({
            "license_id": subject,
            "status": row.status.as_str(),
            "path": path,
            "license": path.is_none().then_some(text),
        }));
    }
    output::write(output, &text)?;
    let customer = row.entry.member("customer").unwrap_or_default();
    written(
        output,
        &format!("license {subject} for {customer}"),
        terminal,
    )
}

/// Reports an artifact that was written to a file.
fn written(output: &OutputFile, what: &str, terminal: &Terminal) -> Result<(), Failure> {
    if output.out.is_stream() {
        return Ok(());
    }
    terminal.lines(&escape(&format!("wrote {}: {what}", output.out)), 4)
}

/// Returns a license id with its hyphens if the text consists of 32 hexadecimal digits.
fn with_hyphens(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .collect();
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    let groups: Option<Vec<&str>> = groups.into_iter().map(|group| digits.get(group)).collect();
    groups.filter(|_| is_id).map(|groups| groups.join("-"))
}

fn find(ledger: &dyn LedgerReader, text: &str, terminal: &Terminal) -> Result<(), Failure> {
    let containing = |text: String| {
        let filter = LicenseFilter {
            text: Some(text),
            ..LicenseFilter::default()
        };
        rows(ledger, &filter)
    };
    let mut found = containing(text.trim().to_owned())?;
    // The nonce of a request has as many digits as an id without hyphens.
    if let Some(id) = with_hyphens(text).filter(|_| found.is_empty()) {
        found.extend(containing(id)?);
    }
    // Mail and chat programs may have changed the spacing or case of a key.
    let spaced = text.split_whitespace().collect::<Vec<_>>().join("-");
    let key = LicenseKey::parse(text).or_else(|_| LicenseKey::parse(&spaced));
    let key = key.ok().filter(|_| found.is_empty());
    for key in key.iter().flat_map(LicenseKey::readings) {
        found.extend(containing(key.to_string())?);
    }
    if found.is_empty() && Path::new(text).is_file() {
        let source = Source::File(text.into());
        found.extend(containing(license_in(ledger, &source)?)?);
    }
    if found.is_empty() {
        for subject in similar_subjects(ledger, text)? {
            found.extend(containing(subject)?);
        }
        if !found.is_empty() {
            terminal.note("no exact match; these entries differ only by typing errors");
        }
    }
    report::licenses(&found, ledger, terminal)
}

/// Returns the licenses with an id or key that differs from the text only by typing errors.
fn similar_subjects(ledger: &dyn LedgerReader, text: &str) -> Result<Vec<String>, Failure> {
    /// Maximum number of suggestions.
    const MAX: usize = 100;
    /// Minimum length of the text. A shorter text is not a key, and is similar to too many names.
    const MIN_LENGTH: usize = 12;
    let typed = text.trim().to_ascii_uppercase();
    if typed.chars().count() < MIN_LENGTH {
        return Ok(Vec::new());
    }
    let mut subjects: Vec<String> = Vec::new();
    let read = ledger.visit_names(&mut |subject, name| {
        let is_known = subjects.last().is_some_and(|last| last == subject);
        if !is_known && subjects.len() < MAX && is_similar(&typed, &name.to_ascii_uppercase()) {
            subjects.push(subject.to_owned());
        }
    });
    read.map_err(failures::ledger_not_read(ledger))?;
    Ok(subjects)
}

fn export(
    ledger: &dyn LedgerReader,
    output: &OutputFile,
    terminal: &Terminal,
) -> Result<(), Failure> {
    output::check(output)?;
    let mut text = String::new();
    let mut count: u64 = 0;
    let read = ledger.visit_entries(&mut |entry| {
        text.push_str(&entry.to_json().to_string());
        text.push('\n');
        count += 1;
    });
    read.map_err(failures::ledger_not_read(ledger))?;
    if output.out.is_stream() {
        output::write(output, &text)?;
    } else {
        // Like the ledger, the export contains the licenses, so only the owner may read it.
        output.write(text.as_bytes(), Audience::OwnerOnly)?;
    }
    if let Destination::File(_) = output.out {
        let entries = plural(count, "entry", "entries");
        terminal.note(&format!("wrote {}: {entries}", output.out));
    }
    Ok(())
}

fn back_up(ledger: &SqliteLedger, out: &Path, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    if out.symlink_metadata().is_ok() {
        return Err(failures::copy_exists(out));
    }
    let failed = |error| failures::ledger_not_copied(out, &error);
    ledger.back_up(out).map_err(failed)?;
    let copy = SqliteLedger::open_read_only(out).map_err(failed)?;
    let report = copy.verify_chain(None).map_err(failed)?;
    if let Some(fault) = report.fault {
        return Err(verify::broken_chain(&copy, &fault));
    }
    let lists: Vec<_> = match app.location {
        LedgerLocation::File(path) => all_copies(path)?
            .iter()
            .map(|path| show_path(path))
            .collect(),
        LedgerLocation::None | LedgerLocation::Unknown => Vec::new(),
    };
    if terminal.is_json() {
        return terminal.json(&json!({
            "path": show_path(out),
            "entries": report.entries,
            "head": hex::encode(&report.head),
            "not_included": lists,
        }));
    }
    terminal.data(&format!(
        "wrote {}: {}",
        show_path(out),
        plural(report.entries, "entry", "entries")
    ))?;
    if !lists.is_empty() {
        let message = format!(
            "the backup does not contain the copies of the last revocation lists; copy them too: {}",
            lists.join(", ")
        );
        terminal.note(&message);
    }
    terminal.note(
        "the backup does not contain the signing key, the trust set, product files and settings",
    );
    Ok(())
}
