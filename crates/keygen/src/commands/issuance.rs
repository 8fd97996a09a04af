//! Calls of the issue service, and their reports.

use std::collections::BTreeSet;

use license_cli_support::{Destination, Failure, OutputFile, Terminal, escape, plural};
use license_core::time::rfc3339;
use license_issuer::services::issue::{
    Draft, DraftContext, DraftFn, IssueReport, IssueRequest, IssueService, Mode, RenderFn,
    SignerSource,
};
use license_issuer::services::warnings::IssueWarning;
use serde_json::Value;

use super::context::AppContext;
use super::license_report::VALUE_INDENT;
use super::precautions::Precautions;
use super::token_denials;
use crate::args::SigningArgs;
use crate::output::date::last_day;
use crate::{failures, output};

/// The destination, ledger and mode of a command that issues an artifact.
pub(super) struct Issuance<'a> {
    pub(super) output: &'a OutputFile,
    pub(super) app: AppContext<'a>,
    pub(super) dry_run: bool,
    precautions: Precautions,
}

impl<'a> Issuance<'a> {
    /// Creates an issuance.
    pub(super) fn new(
        app: AppContext<'a>,
        output: &'a OutputFile,
        dry_run: bool,
        precautions: Precautions,
    ) -> Self {
        Self {
            output,
            app,
            dry_run,
            precautions,
        }
    }

    pub(super) fn from_args(app: AppContext<'a>, arguments: &'a SigningArgs) -> Self {
        let precautions = Precautions::new(
            app.settings.names_product(arguments.product_file.as_ref()),
            arguments.output.force,
        );
        Self::new(app, &arguments.output, arguments.dry_run, precautions)
    }

    /// Issues the artifacts of a draft, or checks in a dry run that they can be issued.
    ///
    /// Compares the product and the clock with the ledger before each draft.
    ///
    /// Calls `announce` with the final draft before the delivery, so that warnings come first.
    pub(super) fn run<K, A, D: Draft<K, A>>(
        &self,
        signer: &dyn SignerSource<K, Error = Failure>,
        draft: DraftFn<'_, D, K, Failure>,
        announce: &dyn Fn(&D),
        render: RenderFn<'_, D, A, Failure>,
    ) -> Result<IssueReport<D, A>, Failure> {
        let mut service = IssueService::new(output::ledger_file(self.app.location)?);
        let mut delivery = output::delivery(self.output);
        let announce = |draft: &D| {
            self.precautions.warn(self.app.terminal);
            announce(draft);
        };
        let request = IssueRequest {
            draft: &|context: &DraftContext<'_, K>| {
                self.precautions.check(context.ledger, context.now)?;
                draft(context)
            },
            signer,
            destination: output::destination(self.output)?,
            delivery: &mut *delivery,
            render: &|draft, signed| {
                announce(draft);
                render(draft, signed)
            },
        };
        let report = service.issue(request, Mode::new(self.dry_run));
        let report = report.map_err(|error| failures::not_issued(error, self.app.location))?;
        if self.dry_run {
            announce(&report.draft);
            self.app.note_missing_ledger();
        }
        Ok(report)
    }

    /// Returns whether the JSON report on standard output contains the artifact.
    pub(super) fn is_in_report(&self) -> bool {
        self.app.terminal.is_json() && matches!(self.output.out, Destination::Stdout)
    }

    /// Returns the path of the written artifact for JSON reports.
    pub(super) fn path(&self) -> Option<String> {
        self.output.path().filter(|_| !self.dry_run)
    }

    /// Returns whether JSON reports contain the token.
    pub(super) fn shows_token(&self) -> bool {
        !self.dry_run && matches!(self.output.out, Destination::Stdout)
    }

    /// Prints a report, unless it was printed with the artifact.
    ///
    /// If the artifact goes to standard output, the text goes to standard error.
    pub(super) fn print(&self, report: &IssuanceReport) -> Result<(), Failure> {
        let (destination, terminal) = (&self.output.out, self.app.terminal);
        if self.is_in_report() && !self.dry_run {
            return Ok(());
        }
        if terminal.is_json() {
            return terminal.json(&report.json);
        }
        let text = report.lines.join("\n");
        match (destination, self.dry_run) {
            (_, true) => {
                let text = format!("{}\n{text}", output::dry_run_line(destination));
                terminal.lines(&text, VALUE_INDENT)
            }
            (Destination::Stdout, false) => {
                terminal.note(&text);
                Ok(())
            }
            (file, false) => terminal.lines(&format!("wrote      {file}\n{text}"), VALUE_INDENT),
        }
    }

    /// Prints warnings.
    pub(super) fn warn(&self, warnings: &[IssueWarning]) {
        for warning in warnings {
            print_warning(warning, self.app.terminal);
        }
    }
}

/// Report on an issued artifact or on a dry run.
pub(super) struct IssuanceReport {
    pub(super) json: Value,
    pub(super) lines: Vec<String>,
}

/// Prints a warning.
fn print_warning(warning: &IssueWarning, terminal: &Terminal) {
    let (code, message) = warning_text(warning);
    terminal.warning(code, &message);
}

/// Number of names that a warning shows.
const SHOWN_NAMES: usize = 3;

/// Returns the first names, and the number of other names.
fn first_names(names: &BTreeSet<String>) -> String {
    let shown = names.iter().take(SHOWN_NAMES);
    let mut shown: Vec<_> = shown.map(|name| escape(name).into_owned()).collect();
    let hidden = names.len().saturating_sub(SHOWN_NAMES);
    if hidden > 0 {
        shown.push(format!("{hidden} more"));
    }
    shown.join(", ")
}

/// Returns the code and the message of a warning.
pub(super) fn warning_text(warning: &IssueWarning) -> (&'static str, String) {
    match warning {
        IssueWarning::ActiveLicense {
            customer,
            license,
            tier,
            end,
            has_others,
        } => (
            "ACTIVE_LICENSE",
            format!(
                "customer {customer} already has an active license, {license} ({tier}, {end}){others}; to change that license instead, use `keygen upgrade {license} --seats N`{renew}",
                end = end.map_or_else(
                    || "perpetual".to_owned(),
                    |end| format!("through {}", last_day(end))
                ),
                // A perpetual license has no term to renew.
                renew = end.map_or_else(String::new, |_| format!(
                    ", or `keygen renew {license} --days N`"
                )),
                others = if *has_others { ", and others" } else { "" },
            ),
        ),
        IssueWarning::Postdated(issued_at) => (
            "POSTDATED",
            format!(
                "the issue date, {}, is in the future: machines that install this artifact treat this date as the present",
                rfc3339(*issued_at)
            ),
        ),
        IssueWarning::IssuedLater { license, later } => (
            "BACKDATED",
            format!("license {license} was issued later, at {}", rfc3339(*later)),
        ),
        IssueWarning::ValidatedLater { license, later } => (
            "BACKDATED",
            format!(
                "license {license} was issued or last validated later, at {}",
                rfc3339(*later)
            ),
        ),
        IssueWarning::Expired { license, end } => (
            "EXPIRED",
            format!("license {license} ended at {}", rfc3339(*end)),
        ),
        IssueWarning::Superseded {
            license,
            by,
            covers_successor,
        } => {
            let by = by
                .as_ref()
                .map_or_else(String::new, |by| format!(" by {by}"));
            let successor = if *covers_successor {
                ", which this validation token also covers"
            } else {
                ""
            };
            (
                "SUPERSEDED",
                format!("license {license} was replaced{by}{successor}"),
            )
        }
        IssueWarning::StillDenied(denial) => (
            "STILL_DENIED",
            format!(
                "a validation token still denies license {license}, which is in effect until its successor starts: {denial}; issue the token for that license with `keygen check-in {license} --status active`",
                license = denial.license,
                denial = token_denials::described(std::slice::from_ref(denial)),
            ),
        ),
        IssueWarning::NotCountedWithoutLedger { license, limit } => (
            "NOT_COUNTED",
            format!(
                "license {license} is limited to {}, which are not counted without a ledger",
                plural(*limit, "machine", "machines")
            ),
        ),
        IssueWarning::NotCountedForAnyMachine { license, limit } => (
            "NOT_COUNTED",
            format!(
                "license {license} is limited to {}, and this token is for all machines; name one machine with --machine",
                plural(*limit, "machine", "machines")
            ),
        ),
        IssueWarning::NoCheckIn(license) => (
            "NO_CHECK_IN",
            format!("license {license} does not require check-ins"),
        ),
        IssueWarning::LockedToOthers { license, machine } => (
            license_core::Code::MachineMismatch.as_str(),
            format!("license {license} is locked to machines other than {machine}"),
        ),
        IssueWarning::KeyNotOpened { license, key } => (
            "KEY_NOT_OPENED",
            format!(
                "license {license} is signed by key {key} of the ledger; the validation token can be issued if --key is that key or --trust contains it"
            ),
        ),
        IssueWarning::ServerKeyNotProven { key } => (
            "SERVER_KEY_NOT_PROVEN",
            format!(
                "a public key does not prove that the customer has the private key of server key {key}; the request of their license server does"
            ),
        ),
        IssueWarning::ServerKeyShared { key, customers } => (
            "SERVER_KEY_SHARED",
            format!(
                "licenses of {} also name server key {key}",
                first_names(customers)
            ),
        ),
        IssueWarning::RepairBackdated(issued_at) => (
            "BACKDATED",
            format!(
                "the issue date, {}, is in the past: the machine will treat this date as the present",
                rfc3339(*issued_at)
            ),
        ),
        IssueWarning::NotAhead {
            high_water_mark: mark,
            issued_at,
        } => (
            "NOT_AHEAD",
            format!(
                "the clock high-water mark of the machine, {mark}, is not ahead of {issued_at}, so the repair has no effect",
                mark = rfc3339(*mark),
                issued_at = rfc3339(*issued_at)
            ),
        ),
        // Later versions of the library may have more warnings.
        other => ("WARNING", format!("{other:?}")),
    }
}
