//! Renewal of each license of a list.

use std::collections::BTreeMap;
use std::path::Path;

use license_cli_support::{
    Destination, Failure, Meaning, StyledText, Terminal, TextColumn, plural, show_path, wrap,
};
use license_core::time::rfc3339;
use license_issuer::services::batch::BatchReport;
use license_issuer::services::issue::Mode;
use license_issuer::services::renewals::RenewalState;
use serde_json::{Value, json};

use super::super::batch::batch_run::{BatchRun, jobs, take_precautions};
use super::super::batch::manifest;
use super::super::context::AppContext;
use super::super::lookup::{open, require_ledger};
use super::super::signer::KeyFile;
use super::list::{REPLACES, RenewalList};
use super::plan::{DraftedRenewal, RenewalPlan, RenewalTerms, Renewals, SkippedLicense};
use crate::args::Renew;
use crate::inputs::matrix;
use crate::output::date::{day, last_day};
use crate::output::license_table::LicenseTable;

/// Position of the values in the summary of a dry run.
const SUMMARY_INDENT: usize = 11;

/// Number of different notes and losses that are printed.
const MAX_NOTES: usize = 20;

pub(super) fn run(arguments: &Renew, list: &Path, app: AppContext<'_>) -> Result<(), Failure> {
    let signing = &arguments.changes.signing;
    let force = signing.output.force;
    require_ledger(app.location, "a renewal from a list")?;
    let directory = directory(&signing.output.out)?;
    let signer = &KeyFile::new(app, &signing.key)?;
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    take_precautions(signing.product_file.as_ref(), force, app)?;
    let list = RenewalList::read(list)?;
    // Every license is checked before a passphrase prompt and before the first one is signed. The
    // read-only view of the ledger must not outlive the first change.
    let (terms, plan) = {
        let ledger = open(app.location)?;
        let terms = RenewalTerms::new(arguments, &matrix, &ledger)?;
        let plan = RenewalPlan::new(&list, &terms, &ledger)?;
        (terms, plan)
    };
    announce(&plan, app.terminal);
    let renewals = Renewals {
        rows: plan.rows.clone(),
        terms,
    };
    let mode = Mode::new(signing.dry_run);
    let carried = list.carried.iter().map(String::as_str);
    let batch = BatchRun {
        source: &renewals,
        rows: u64::try_from(plan.rows.len()).unwrap_or(u64::MAX),
        matrix: &matrix,
        directory,
        force,
        carried: [REPLACES].into_iter().chain(carried).collect(),
        foreign_file_hint: "choose another directory with --out",
        signer,
        jobs: jobs(None),
        app,
    };
    let report = if plan.rows.is_empty() {
        BatchReport::default()
    } else {
        batch.issue(mode)?
    };
    let report = RenewalReport {
        batch: &batch,
        plan: &plan,
        report,
        mode,
    };
    report.print()
}

/// Returns the directory of the license files.
fn directory(out: &Destination) -> Result<&Path, Failure> {
    match out {
        Destination::File(path) if !out.is_stream() => Ok(path),
        _ => Err(Failure::usage(
            "--from: expected a directory with --out for the license files and the manifest",
        )
        .hint("add --out DIR")),
    }
}

/// Prints the notes and losses, each with the number of its licenses.
fn announce(plan: &RenewalPlan, terminal: &Terminal) {
    let counted = |texts: &BTreeMap<String, u64>, print: &dyn Fn(&str)| {
        for (text, count) in texts.iter().take(MAX_NOTES) {
            print(&format!(
                "{text} ({})",
                plural(*count, "license", "licenses")
            ));
        }
        if texts.len() > MAX_NOTES {
            print("and others");
        }
    };
    counted(&plan.losses, &|text| terminal.warning("LOSS", text));
    counted(&plan.newer, &|text| terminal.note(text));
    if plan.ended > 0 {
        terminal.note(&format!(
            "{} ended before the renewal, which does not cover the time since then",
            plural(plan.ended, "license", "licenses")
        ));
    }
    if !plan.denied.is_empty() {
        let more = if plan.denied.len() > MAX_NOTES {
            " and others"
        } else {
            ""
        };
        let named: Vec<_> = plan.denied.iter().take(MAX_NOTES).cloned().collect();
        terminal.note(&format!(
            "validation tokens deny {}, and do not deny the renewals, which are newer: {}{more}",
            plural(plan.denied.len(), "license", "licenses"),
            named.join(", ")
        ));
    }
}

/// Report of the renewals of a list.
struct RenewalReport<'a> {
    batch: &'a BatchRun<'a, Renewals<'a>>,
    plan: &'a RenewalPlan,
    report: BatchReport,
    mode: Mode,
}

impl RenewalReport<'_> {
    fn print(&self) -> Result<(), Failure> {
        let terminal = self.batch.app.terminal;
        if terminal.is_json() {
            return terminal.json(&self.to_json());
        }
        let mut parts = vec![wrap(&self.summary(), terminal.columns(), SUMMARY_INDENT)];
        if self.mode.is_dry_run() && !self.plan.drafts.is_empty() {
            parts.push(drafts(&self.plan.drafts).to_text(terminal.columns()));
        }
        if !self.plan.skipped.is_empty() {
            let table = skipped(&self.plan.skipped).to_text(terminal.columns());
            let title = Meaning::Heading.paint("not renewed:");
            parts.push(format!("{title}\n{table}"));
        }
        terminal.page(&parts.join("\n\n"))?;
        note_other_ways(&self.plan.skipped, terminal);
        Ok(())
    }

    /// Returns the path of the manifest, unless none was written.
    fn manifest(&self) -> Option<String> {
        let is_written = !self.mode.is_dry_run() && !self.plan.rows.is_empty();
        is_written.then(|| show_path(&self.batch.directory.join(manifest::NAME)))
    }

    fn to_json(&self) -> Value {
        let (plan, known) = (self.plan, self.report.already_issued);
        let drafts = || plan.drafts.iter().map(draft_json).collect::<Vec<_>>();
        json!({
            "product": self.batch.matrix.product().as_str(),
            "carried": self.batch.carried,
            "rows": self.batch.rows,
            "minted": self.report.issued,
            "known": known.total,
            "restored": known.restored,
            "skipped": plan.skipped.iter().map(skipped_json).collect::<Vec<_>>(),
            "renewals": self.mode.is_dry_run().then(drafts),
            "manifest": self.manifest(),
            "dry_run": self.mode.is_dry_run(),
        })
    }

    /// Returns the lines with the numbers of licenses.
    fn summary(&self) -> String {
        let (product, known) = (self.batch.matrix.product(), self.report.already_issued);
        let licenses = |count| plural(count, "license", "licenses");
        let mut lines = Vec::new();
        if self.mode.is_dry_run() {
            let count = self.batch.rows.saturating_sub(known.total);
            lines.push(format!(
                "dry run    nothing was issued or written; {} of {product} would be issued, {}",
                licenses(count),
                plural(known.total, "already exists", "already exist")
            ));
        } else {
            let mut line = format!("issued   {} of {product}", licenses(self.report.issued));
            if known.total > 0 {
                line += &format!(
                    "; {} already existed for this list, of which {}",
                    known.total,
                    plural(known.restored, "was restored", "were restored")
                );
            }
            lines.push(line);
            let manifest = self.manifest();
            lines.extend(manifest.map(|manifest| format!("manifest {manifest}")));
        }
        lines.join("\n")
    }
}

/// Returns the renewals that would be issued as a table.
fn drafts(drafts: &[DraftedRenewal]) -> LicenseTable {
    let columns = ["TIER", "STARTS", "LAST DAY"].map(TextColumn::new);
    let mut table = LicenseTable::new(columns, "REPLACES");
    for renewal in drafts {
        let draft = &renewal.draft;
        let start = draft.not_before.or(draft.issued_at).map(day);
        let end = draft.expires_at.map(last_day);
        let cells = [
            draft.tier.to_string(),
            start.unwrap_or_default(),
            end.unwrap_or_else(|| "never ends".to_owned()),
        ];
        table.row(
            &draft.customer,
            cells.map(StyledText::from),
            &renewal.replaces,
        );
    }
    table
}

fn draft_json(renewal: &DraftedRenewal) -> Value {
    let draft = &renewal.draft;
    let instant = |instant: Option<_>| instant.map(|instant| rfc3339(instant).to_string());
    json!({
        "replaces": renewal.replaces,
        "customer": draft.customer,
        "tier": draft.tier.as_str(),
        "seats": draft.seats,
        "not_before": instant(draft.not_before.or(draft.issued_at)),
        "expires_at": instant(draft.expires_at),
        "file": renewal.file,
    })
}

/// Returns the licenses that are not renewed as a table.
fn skipped(skipped: &[SkippedLicense]) -> LicenseTable {
    let mut table = LicenseTable::new([TextColumn::new("REASON")], "LICENSE");
    for license in skipped {
        let reason = license.state.as_str().replace('_', " ");
        table.row(&license.customer, [StyledText::from(reason)], &license.id);
    }
    table
}

fn skipped_json(license: &SkippedLicense) -> Value {
    json!({
        "license_id": license.id,
        "customer": license.customer,
        "reason": license.state.as_str(),
        "successor": license.state.successor(),
    })
}

/// Names the commands for licenses that have no renewal.
fn note_other_ways(skipped: &[SkippedLicense], terminal: &Terminal) {
    let has = |state: &RenewalState| skipped.iter().any(|license| license.state == *state);
    if has(&RenewalState::Trial) {
        terminal.note(
            "a trial is converted with `keygen issue --convert LICENSE_ID --tier TIER --days N`",
        );
    }
    if has(&RenewalState::EnterpriseKey) {
        terminal.note("for an enterprise key, issue another one with `keygen enterprise-key --company CODE --seats N --expires YYYYMMDD`");
    }
}
