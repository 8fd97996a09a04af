//! `keygen ledger`: what was minted, and to whom.

mod activations;
mod import;
mod report;

use std::path::Path;

use license_cli_support::{
    Audience, Destination, Exit, Failure, Overwrite, Terminal, is_near, show_path,
};
use license_core::hex;
use license_core::{LicenseKey, MachineDigest, Unverified};
use license_issuer::ledger::sqlite::SqliteLedger;
use license_issuer::ledger::{ChainFault, LedgerReader, LicenseFilter, LicenseSort, LicenseStatus};
use serde_json::{Value, json};

use super::context::AppContext;
use super::lookup::{license_of, not_found, open, resolve, rows};
use crate::args::{LedgerCommand, List, Out, SortBy};
use crate::failures;
use crate::inputs::now;

pub(crate) fn run(command: &LedgerCommand, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    if let LedgerCommand::Import {
        files,
        trust,
        product_file,
    } = command
    {
        return import::run(files, trust, product_file.as_ref(), app);
    }
    let ledger = open(place)?;
    match command {
        LedgerCommand::List(list) => {
            let rows = rows(&ledger, &filter(list))?;
            report::licenses(&rows, list.form, terminal)
        }
        LedgerCommand::Show { id } => show(&ledger, id, terminal),
        LedgerCommand::Resend { id, out } => resend(&ledger, id, out, terminal),
        LedgerCommand::Find { text } => find(&ledger, text, terminal),
        LedgerCommand::Expiring { within, form } => {
            let filter = LicenseFilter {
                ends_by: Some(now().plus(*within)),
                sort: LicenseSort::Expires,
                ..LicenseFilter::default()
            };
            report::licenses(&rows(&ledger, &filter)?, *form, terminal)
        }
        LedgerCommand::Stats => stats(&ledger, terminal),
        LedgerCommand::Export { out } => export(&ledger, out, terminal),
        LedgerCommand::Backup { out } => back_up(&ledger, out, terminal),
        LedgerCommand::Verify { head } => verify(&ledger, head.as_ref(), terminal),
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
            SortBy::Entered => LicenseSort::Recorded,
            SortBy::Customer => LicenseSort::Customer,
            SortBy::Expires => LicenseSort::Expires,
            SortBy::Tier => LicenseSort::Tier,
        },
        reverse: list.reverse,
        limit: list.limit,
        ..LicenseFilter::default()
    }
}

fn show(ledger: &dyn LedgerReader, id: &str, terminal: &Terminal) -> Result<(), Failure> {
    if let Some(digest) = MachineDigest::parse(&id.trim().to_ascii_lowercase()) {
        return activations::show(ledger, &digest.to_string(), terminal);
    }
    let subject = match resolve(ledger, id)? {
        Some(subject) => subject,
        None => activations::subject(ledger, id)?.ok_or_else(|| not_found(id))?,
    };
    let failed = failures::ledger_not_read(ledger);
    let entries = ledger.entries_about(&subject).map_err(failed)?;
    let activations = ledger.activations(&subject).map_err(failed)?;
    report::entries(&subject, &entries, &activations, terminal)
}

/// Nothing is minted, so that nothing is entered.
fn resend(
    ledger: &dyn LedgerReader,
    id: &str,
    out: &Out,
    terminal: &Terminal,
) -> Result<(), Failure> {
    out.check()?;
    let subject = match resolve(ledger, id)? {
        Some(subject) => subject,
        None => return activations::resend(ledger, id, out, terminal),
    };
    let row = license_of(ledger, &subject, now())?.ok_or_else(|| not_found(id))?;
    if row.status != LicenseStatus::Active {
        let standing = row.status.as_str();
        let message = format!("license {subject} is {standing}");
        terminal.warning(&standing.to_ascii_uppercase(), &message);
    }
    let artefact = &row.entry.artifact;
    let text = Unverified::parse(artefact)
        .map_or_else(|_| format!("{artefact}\n"), |token| token.to_armor());
    if terminal.is_json() {
        let in_file = matches!(out.out, Destination::File(_));
        if in_file {
            out.write(&text)?;
        }
        return terminal.json(&json!({
            "license_id": subject,
            "status": row.status.as_str(),
            "path": in_file.then(|| out.out.to_string()),
            "license": (!in_file).then_some(text),
        }));
    }
    out.write(&text)
}

fn find(ledger: &dyn LedgerReader, text: &str, terminal: &Terminal) -> Result<(), Failure> {
    let holding = |text: String| {
        let filter = LicenseFilter {
            text: Some(text),
            ..LicenseFilter::default()
        };
        rows(ledger, &filter)
    };
    let mut found = holding(text.trim().to_owned())?;
    // A key as mail and chat leave it.
    if let (true, Ok(key)) = (found.is_empty(), LicenseKey::parse(text)) {
        found = holding(key.to_string())?;
    }
    if found.is_empty() {
        for subject in near(ledger, text)? {
            found.extend(holding(subject)?);
        }
        if !found.is_empty() {
            terminal.note("nothing is quite that; these differ from it by a typing error");
        }
    }
    report::licenses(&found, crate::args::Form { csv: false }, terminal)
}

/// Returns the licenses with an id or key that differs from the text only by typing errors.
fn near(ledger: &dyn LedgerReader, text: &str) -> Result<Vec<String>, Failure> {
    /// The maximum number of suggestions.
    const MAX: usize = 100;
    /// A shorter text is not a key, and is near to far too many.
    const MIN_LENGTH: usize = 12;
    let typed = text.trim().to_ascii_uppercase();
    if typed.chars().count() < MIN_LENGTH {
        return Ok(Vec::new());
    }
    let mut subjects: Vec<String> = Vec::new();
    let read = ledger.visit_names(&mut |subject, name| {
        let is_known = subjects.last().is_some_and(|last| last == subject);
        if !is_known && subjects.len() < MAX && is_near(&typed, &name.to_ascii_uppercase()) {
            subjects.push(subject.to_owned());
        }
    });
    read.map_err(failures::ledger_not_read(ledger))?;
    Ok(subjects)
}

fn stats(ledger: &dyn LedgerReader, terminal: &Terminal) -> Result<(), Failure> {
    let stats = ledger
        .stats(now())
        .map_err(failures::ledger_not_read(ledger))?;
    if terminal.is_json() {
        let entries = stats.entries.iter();
        let entries = entries.map(|(kind, count)| (kind.clone(), Value::from(*count)));
        let licenses = stats
            .licenses
            .iter()
            .map(|(tier, status, count)| json!({ "tier": tier, "status": status, "count": count }));
        return terminal.json(&json!({
            "path": show_path(Path::new(&ledger.location())),
            "entries": entries.collect::<serde_json::Map<_, _>>(),
            "licenses": licenses.collect::<Vec<_>>(),
            "customers": stats.customers,
            "active_seats": stats.seats,
        }));
    }
    let mut lines = vec![format!(
        "ledger  {}",
        show_path(Path::new(&ledger.location()))
    )];
    for (kind, count) in &stats.entries {
        lines.push(format!("{count:8}  {kind}"));
    }
    for (tier, status, count) in &stats.licenses {
        lines.push(format!("{count:8}  {tier} {status}"));
    }
    lines.push(format!("{:8}  customers", stats.customers));
    lines.push(format!("{:8}  seats in active licenses", stats.seats));
    terminal.data(&lines.join("\n"))
}

fn export(
    ledger: &dyn LedgerReader,
    out: &crate::args::Out,
    terminal: &Terminal,
) -> Result<(), Failure> {
    out.check()?;
    let mut text = String::new();
    let mut count: u64 = 0;
    let read = ledger.visit_entries(&mut |entry| {
        text.push_str(&entry.to_json().to_string());
        text.push('\n');
        count += 1;
    });
    read.map_err(failures::ledger_not_read(ledger))?;
    // It holds what customers were sent, as the ledger does.
    match out.out.is_stream() {
        true => out.write(&text)?,
        false => out.out.write(
            text.as_bytes(),
            Overwrite::forced(out.force),
            Audience::OwnerOnly,
        )?,
    }
    if let Destination::File(_) = out.out {
        terminal.note(&format!("wrote {}: {count} entries", out.out));
    }
    Ok(())
}

fn back_up(
    ledger: &SqliteLedger,
    out: &std::path::Path,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if out.symlink_metadata().is_ok() {
        let message = format!("{} exists already and is not overwritten", show_path(out));
        return Err(
            Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out")
        );
    }
    let failed = |error| failures::ledger_not_opened(out, &error);
    ledger.back_up(out).map_err(failed)?;
    let copy = SqliteLedger::open_existing(out).map_err(failed)?;
    let report = copy.verify_chain(None).map_err(failed)?;
    if let Some(fault) = report.fault {
        return Err(broken(&copy, &fault));
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "path": show_path(out),
            "entries": report.entries,
            "head": hex::encode(&report.head),
        }));
    }
    terminal.data(&format!(
        "wrote {}: {} entries",
        show_path(out),
        report.entries
    ))
}

fn verify(
    ledger: &SqliteLedger,
    head: Option<&[u8; 32]>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let report = ledger
        .verify_chain(head.map(<[u8; 32]>::as_slice))
        .map_err(failures::ledger_not_read(ledger))?;
    if let Some(fault) = report.fault {
        return Err(broken(ledger, &fault));
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "entries": report.entries,
            "head": hex::encode(&report.head),
            "whole": true,
        }));
    }
    terminal.data(&format!(
        "whole: {} entries\nhead: {}",
        report.entries,
        hex::encode(&report.head)
    ))?;
    terminal.note(
        "write the head down elsewhere: `--head` then shows that nothing before it was rewritten",
    );
    Ok(())
}

fn broken(ledger: &dyn LedgerReader, fault: &ChainFault) -> Failure {
    let what = match fault {
        ChainFault::Schema => {
            "its tables or triggers are not as this program makes them: they were changed"
                .to_owned()
        }
        ChainFault::Derived => {
            "what it keeps beside the entries does not say what they say: it was changed".to_owned()
        }
        ChainFault::Missing(seq) => {
            format!("expected entry {seq}, found another: one was removed, added or moved")
        }
        ChainFault::Changed(seq) => {
            format!("entry {seq} is not as it was entered, or follows another than it did")
        }
        ChainFault::Head { expected, found } => {
            format!("expected {expected} entries, found {found}: the end was changed")
        }
        ChainFault::NotInChain => "the head given is not in the chain: it was rewritten".to_owned(),
    };
    let message = format!(
        "ledger {}: {what}",
        show_path(Path::new(&ledger.location()))
    );
    Failure::new(Exit::Unjudged, "BROKEN_CHAIN", message)
        .hint("compare it with a backup: `keygen ledger export` shows what each holds")
}
