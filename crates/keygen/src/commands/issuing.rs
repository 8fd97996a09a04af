//! Calls the issue service, and prints its report.

use license_cli_support::{Destination, Failure, Terminal, plural};
use license_issuer::services::issue::{
    Draft, DraftFn, IssueReport, IssueRequest, IssueService, Mode, RenderFn, SignerSource,
};
use license_issuer::services::warnings::IssueWarning;
use serde_json::Value;

use super::context::AppContext;
use crate::args::Out;
use crate::{failures, output};

/// The destination, ledger and mode of a command that issues an artifact.
#[derive(Clone, Copy)]
pub(super) struct Issuing<'a> {
    pub(super) out: &'a Out,
    pub(super) app: AppContext<'a>,
    pub(super) dry_run: bool,
}

impl<'a> Issuing<'a> {
    pub(super) fn new(app: AppContext<'a>, out: &'a Out, dry_run: bool) -> Self {
        Self { out, app, dry_run }
    }

    /// Issues the artifacts of a draft, or checks in a dry run that they can be issued.
    ///
    /// Calls `announce` with the final draft before anything is delivered, so that warnings come
    /// first.
    pub(super) fn run<K, A, D: Draft<K, A>>(
        &self,
        signer: &dyn SignerSource<K, Error = Failure>,
        draft: DraftFn<'_, D, K, Failure>,
        announce: &dyn Fn(&D),
        render: RenderFn<'_, D, A, Failure>,
    ) -> Result<IssueReport<D, A>, Failure> {
        let mut service = IssueService::new(output::ledger_file(self.app.place)?);
        let mut delivery = output::delivery(self.out);
        let request = IssueRequest {
            draft,
            signer,
            destination: output::destination(self.out)?,
            delivery: &mut *delivery,
            render: &|draft, signed| {
                announce(draft);
                render(draft, signed)
            },
        };
        let report = service.issue(request, Mode::new(self.dry_run));
        let report = report.map_err(|error| failures::not_issued(error, self.app.place))?;
        if self.dry_run {
            announce(&report.draft);
        }
        Ok(report)
    }

    /// Returns whether the JSON report on standard output contains the artifact.
    pub(super) fn is_in_report(&self) -> bool {
        self.app.terminal.is_json() && matches!(self.out.out, Destination::Stdout)
    }

    /// Returns the path of the artifact, as JSON reports contain it.
    pub(super) fn path(&self) -> Option<String> {
        match &self.out.out {
            Destination::File(_) if !self.dry_run => Some(self.out.out.to_string()),
            _ => None,
        }
    }

    /// Returns whether JSON reports contain the token.
    pub(super) fn shows_token(&self) -> bool {
        !self.dry_run && matches!(self.out.out, Destination::Stdout)
    }

    /// Prints a report. If the artifact goes to standard output, the text goes to standard error. A
    /// report that contains the artifact is printed already.
    pub(super) fn print(&self, report: &IssuingReport) -> Result<(), Failure> {
        let (out, terminal) = (&self.out.out, self.app.terminal);
        if self.is_in_report() && !self.dry_run {
            return Ok(());
        }
        if terminal.is_json() {
            return terminal.json(&report.json);
        }
        let text = report.lines.join("\n");
        match (out, self.dry_run) {
            (out, true) => terminal.data(&format!("{}\n{text}", output::dry_run_line(out))),
            (Destination::Stdout, false) => {
                terminal.note(&text);
                Ok(())
            }
            (file, false) => terminal.data(&format!("wrote      {file}\n{text}")),
        }
    }

    /// Prints remarks.
    pub(super) fn warn(&self, warnings: &[IssueWarning]) {
        for warning in warnings {
            print_warning(warning, self.app.terminal);
        }
    }
}

/// A report about an issued artifact, or about one that would be issued.
pub(super) struct IssuingReport {
    pub(super) json: Value,
    pub(super) lines: Vec<String>,
}

/// Prints a remark.
pub(super) fn print_warning(warning: &IssueWarning, terminal: &Terminal) {
    let (code, message) = warning_text(warning);
    terminal.warning(code, &message);
}

/// Returns the code and the message of a remark.
fn warning_text(warning: &IssueWarning) -> (&'static str, String) {
    match warning {
        IssueWarning::Postdated(issued_at) => (
            "POSTDATED",
            format!(
                "it is issued at {issued_at}, which is still to come: where it is installed, time counts from then on"
            ),
        ),
        IssueWarning::IssuedLater { license, later } => (
            "BACKDATED",
            format!("license {license} was issued at {later}, after this"),
        ),
        IssueWarning::ValidatedLater { license, later } => (
            "BACKDATED",
            format!("license {license} was issued or last validated at {later}, after this"),
        ),
        IssueWarning::Expired { license, end } => {
            ("EXPIRED", format!("license {license} ended at {end}"))
        }
        IssueWarning::Superseded {
            license,
            by,
            covers_successor,
        } => {
            let by = by
                .as_ref()
                .map_or_else(String::new, |by| format!(" by {by}"));
            let also = match covers_successor {
                true => ", for which this counts too",
                false => "",
            };
            (
                "SUPERSEDED",
                format!("license {license} was replaced{by}{also}"),
            )
        }
        IssueWarning::NotCountedWithoutLedger { license, limit } => (
            "NOT_COUNTED",
            format!(
                "license {license} is for {}, and without a ledger nobody counts them",
                plural(*limit, "machine", "machines")
            ),
        ),
        IssueWarning::NotCountedForAnyMachine { license, limit } => (
            "NOT_COUNTED",
            format!(
                "license {license} is for {}, and this counts on any: --machine names the one that asks",
                plural(*limit, "machine", "machines")
            ),
        ),
        IssueWarning::NoCheckIn(license) => (
            "NO_CHECK_IN",
            format!("license {license} has no check-in term: it never needs one"),
        ),
        IssueWarning::LockedToOthers { license, machine } => (
            license_core::Code::MachineMismatch.as_str(),
            format!("license {license} is locked to other machines than {machine}"),
        ),
        IssueWarning::KeyNotOpened { license, key } => (
            "KEY_NOT_OPENED",
            format!(
                "license {license} verifies with key {key} of the ledger; minting takes it if --key is that one, or --trust names it"
            ),
        ),
        IssueWarning::RepairBackdated(issued_at) => (
            "BACKDATED",
            format!(
                "it is issued at {issued_at}, which is past: the machine's time is set back to then"
            ),
        ),
        IssueWarning::NotAhead { mark, issued_at } => (
            "NOT_AHEAD",
            format!(
                "the machine has seen {mark}, which is not ahead of {issued_at}: there is nothing to repair"
            ),
        ),
        // Later versions of the library may have more remarks.
        other => ("WARNING", format!("{other:?}")),
    }
}
