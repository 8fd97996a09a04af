//! `license usage-report`: a report of the usage that this machine counted.

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::{Audience, Destination, Exit, Failure, Terminal, escape, plural};
use license_client::{StateProblem, UsageExport, UsageReportMode};
use license_core::chrono::{DateTime, Utc};
use license_core::time::{self, rfc3339};
use license_core::usage::{ClosedEntry, UsageEntry, UsageHash, write};
use serde_json::{Value, json};

use crate::args::UsageReport;
use crate::context::AppContext;
use crate::output::failure;
use crate::output::notice::{self, Notice};

/// Writes or summarizes a usage report.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(
    app: &AppContext,
    arguments: &UsageReport,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    arguments.file.check()?;
    let mode = if arguments.dry_run {
        UsageReportMode::DryRun
    } else {
        UsageReportMode::Commit
    };
    let export = app.manager.usage_report(mode);
    let UsageExport {
        mut entries,
        problems,
    } = export.map_err(|error| failure::report(&error))?;
    let since = arguments.since.map_or(time::MIN, time::start_of_day);
    let is_included = |entry: &UsageEntry| entry.to >= since;
    entries.retain(|closed| {
        closed
            .parse_entry()
            .is_some_and(|entry| is_included(&entry))
    });
    let summary = ReportSummary::new(&entries, arguments.anonymize);
    let text = write(app.manager.product(), &entries, arguments.anonymize);
    let shown = match (arguments.dry_run, &arguments.file.out) {
        (true, _) => None,
        (false, Destination::Stdout) => Some(text),
        (false, Destination::File(_)) => {
            let audience = if arguments.anonymize {
                Audience::Everyone
            } else {
                Audience::OwnerOnly
            };
            arguments.file.write(text.as_bytes(), audience)?;
            None
        }
    };
    print(arguments, &summary, shown.as_deref(), &problems, terminal)?;
    Ok(Exit::Success)
}

fn print(
    arguments: &UsageReport,
    summary: &ReportSummary,
    shown: Option<&str>,
    problems: &[StateProblem],
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut notices = Vec::new();
    notice::add_missing(&mut notices, problems.iter().map(Notice::state));
    let path = arguments.file.path().filter(|_| !arguments.dry_run);
    if terminal.is_json() {
        let more = json!({
            "path": path,
            "dry_run": arguments.dry_run,
            "warnings": notice::warnings_to_json(&[], &notices),
            "report": shown,
        });
        let mut object = summary.to_json();
        if let (Some(members), Value::Object(more)) = (object.as_object_mut(), more) {
            members.extend(more);
        }
        return terminal.json(&object);
    }
    for notice in &notices {
        notice.print(terminal);
    }
    let lines = summary.lines().join("\n");
    match (path, shown) {
        (_, Some(report)) => {
            terminal.data(report)?;
            terminal.note(&lines);
        }
        (Some(path), None) => terminal.data(&format!("wrote {path}: {lines}"))?,
        (None, None) => terminal.data(&format!("would write {lines}"))?,
    }
    if arguments.dry_run {
        terminal.note("nothing was written or sent")
    } else {
        terminal.note("nothing was sent; read the report before you send it to the vendor")
    }
    Ok(())
}

/// The totals of a report.
struct ReportSummary {
    entries: usize,
    chains: BTreeMap<String, (u64, u64, String)>,
    period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    licenses: BTreeSet<String>,
    quotas: BTreeMap<String, (u64, u64)>,
    denials: u64,
    sessions: u64,
    is_anonymous: bool,
}

impl ReportSummary {
    fn new(entries: &[ClosedEntry], is_anonymous: bool) -> Self {
        let mut summary = Self {
            entries: entries.len(),
            chains: BTreeMap::new(),
            period: None,
            licenses: BTreeSet::new(),
            quotas: BTreeMap::new(),
            denials: 0,
            sessions: 0,
            is_anonymous,
        };
        for closed in entries {
            if let Some(entry) = closed.parse_entry() {
                summary.add(&entry, UsageHash::from_entry(&closed.entry));
            }
        }
        summary
    }

    fn add(&mut self, entry: &UsageEntry, hash: UsageHash) {
        let (chain, seq) = (entry.chain.to_string(), entry.seq);
        let (first, _, _) = self
            .chains
            .remove(&chain)
            .unwrap_or((seq, seq, String::new()));
        self.chains.insert(chain, (first, seq, hash.to_string()));
        self.period = match self.period {
            None => Some((entry.from, entry.to)),
            Some((from, to)) => Some((from.min(entry.from), to.max(entry.to))),
        };
        let license = entry.license.as_ref().map(ToString::to_string);
        self.licenses.extend(license);
        for (name, count) in &entry.quotas {
            let (used, refused) = self.quotas.entry(name.clone()).or_default();
            *used = used.saturating_add(count.used);
            *refused = refused.saturating_add(count.refused);
        }
        let denials = entry.denials.values();
        self.denials = denials.fold(self.denials, |total, count| total.saturating_add(*count));
        self.sessions = self.sessions.saturating_add(entry.sessions);
    }

    fn lines(&self) -> Vec<String> {
        let Some((from, to)) = self.period else {
            return vec!["no entries: nothing was counted".to_owned()];
        };
        let entries = plural(self.entries, "entry", "entries");
        let mut lines = vec![format!(
            "{entries}, {from} to {to}",
            from = rfc3339(from),
            to = rfc3339(to)
        )];
        for (name, (used, refused)) in &self.quotas {
            let name = escape(name);
            lines.push(format!("  {name}: {used} used, {refused} refused"));
        }
        lines.push(format!("  sessions: {}", self.sessions));
        lines.push(format!("  denials: {}", self.denials));
        lines.push(if self.is_anonymous {
            "  identifies no machine, user or session".to_owned()
        } else {
            "  has lines that identify this machine, its users and sessions; --anonymize omits them"
                .to_owned()
        });
        lines
    }

    fn to_json(&self) -> Value {
        let chains = self.chains.iter();
        let chains = chains.map(|(chain, (first, last, head))| {
            json!({ "chain": chain, "first": first, "last": last, "head": head })
        });
        let quotas = self.quotas.iter().map(|(name, (used, refused))| {
            (name.clone(), json!({ "used": used, "refused": refused }))
        });
        json!({
            "entries": self.entries,
            "chains": chains.collect::<Vec<_>>(),
            "from": self.period.map(|(from, _)| rfc3339(from).to_string()),
            "to": self.period.map(|(_, to)| rfc3339(to).to_string()),
            "licenses": self.licenses,
            "quotas": quotas.collect::<serde_json::Map<_, _>>(),
            "denials": self.denials,
            "sessions": self.sessions,
            "anonymised": self.is_anonymous,
        })
    }
}
