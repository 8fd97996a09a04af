//! Issues one license at a time, with the issue service.

use license_core::{Machine, Matrix};
use license_issuer::services::issue::{DraftContext, IssueRequest, IssueService, Mode};
use license_issuer::services::licenses::{LicenseOrder, SignedLicense};
use license_terminal::{Destination, Failure, Terminal, escape};

use super::signer::KeyFile;
use super::terms::Terms;
use crate::args::{KeyArgs, Out};
use crate::failures;
use crate::ledger::{LedgerReader, Place};
use crate::output;

/// The options of a command that issues a license, besides those of the license itself.
pub(super) struct Mint<'a> {
    pub(super) key: &'a KeyArgs,
    pub(super) out: &'a Out,
    pub(super) matrix: &'a Matrix,
    pub(super) place: &'a Place,
    pub(super) terminal: &'a Terminal,
    pub(super) dry_run: bool,
}

/// A license that is asked for.
pub(super) type Order<'m> = LicenseOrder<'m>;

impl Mint<'_> {
    /// Issues the license of an order, or checks in a dry run that it can be issued.
    pub(super) fn run<'m>(
        &self,
        order: impl Fn(Option<&dyn LedgerReader>) -> Result<Order<'m>, Failure>,
    ) -> Result<(), Failure> {
        let mut service = IssueService::new(output::ledger_file(self.place)?);
        let mut delivery = output::delivery(self.out);
        let request = IssueRequest {
            draft: &|context: &DraftContext<'_, _>| order(context.ledger),
            signer: &KeyFile {
                arguments: self.key,
                terminal: self.terminal,
            },
            destination: output::destination(self.out)?,
            delivery: &mut *delivery,
            render: &|order: &Order<'_>, signed: &SignedLicense| {
                Ok(self.render(order, signed).into_bytes())
            },
        };
        let mode = match self.dry_run {
            true => Mode::DryRun,
            false => Mode::Commit,
        };
        let report = service.issue(request, mode);
        let report = report.map_err(|error| failures::not_issued(error, self.place))?;
        self.tell(&report.draft, report.signed.as_ref())
    }

    /// Whether the report on standard output contains the license.
    fn is_in_report(&self) -> bool {
        matches!(self.out.out, Destination::Stdout) && self.terminal.is_json()
    }

    fn render(&self, order: &Order<'_>, signed: &SignedLicense) -> String {
        match self.is_in_report() {
            true => {
                let terms = Terms::of_signed(signed, self.matrix).losing(order.losses.as_deref());
                Terminal::json_text(&terms.to_report(&self.out.out))
            }
            false => signed.file.clone(),
        }
    }

    fn tell(&self, order: &Order<'_>, signed: Option<&SignedLicense>) -> Result<(), Failure> {
        let claims = order.claims();
        let claims = claims.map_err(|error| failures::not_signed(&error))?;
        let losses = order.losses.as_deref();
        let terms = match signed {
            Some(signed) => Terms::of_signed(signed, self.matrix),
            None => Terms::of_draft(&claims, self.matrix),
        };
        let terms = terms.losing(losses);
        terms.warn(self.terminal);
        for loss in losses.into_iter().flatten() {
            self.terminal.warning("LOSS", loss);
        }
        order.notes.iter().for_each(|note| self.terminal.note(note));
        match signed {
            Some(_) if self.is_in_report() => Ok(()),
            _ => terms.tell(&self.out.out, self.terminal),
        }
    }
}

/// Returns the users without surrounding space, each once.
pub(super) fn users(named: &[String], notes: &mut Vec<String>) -> Vec<String> {
    let mut users: Vec<String> = Vec::with_capacity(named.len());
    for user in named.iter().map(|user| user.trim()) {
        match users.iter().any(|other| other == user) {
            false => users.push(user.to_owned()),
            true => notes.push(format!(
                "user {}, who was named twice, is in the license once",
                escape(user)
            )),
        }
    }
    users
}

/// Returns remarks about the machines that were named.
pub(super) fn machine_notes(locks: &[Machine], named: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if locks.len() < named {
        notes.push("a machine that was named twice is in the license once".to_owned());
    }
    let is_digest = |lock: &Machine| matches!(lock, Machine::Digest(_));
    if locks.iter().any(is_digest) {
        notes.push(
            "a digest locks to exactly one identity; the fingerprint from `license machine` tolerates changed parts"
                .to_owned(),
        );
    }
    notes
}
