//! Issues one license at a time, with the issue service.

use license_cli_support::{Failure, Terminal};
use license_core::Matrix;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::services::issue::DraftContext;
use license_issuer::services::licenses::{LicenseOrder, SignedLicense};

use super::issuing::Issuing;
use super::signer::KeyFile;
use super::terms::Terms;
use crate::args::{KeyArgs, Out};
use crate::failures;

/// The options of a command that issues a license, besides those of the license itself.
pub(super) struct Mint<'a> {
    pub(super) key: &'a KeyArgs,
    pub(super) out: &'a Out,
    pub(super) matrix: &'a Matrix,
    pub(super) place: &'a LedgerLocation,
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
        let issuing = Issuing {
            out: self.out,
            place: self.place,
            terminal: self.terminal,
            dry_run: self.dry_run,
        };
        let signer = KeyFile {
            arguments: self.key,
            terminal: self.terminal,
        };
        let report = issuing.run(
            &signer,
            &|context: &DraftContext<'_, _>| order(context.ledger),
            &|order: &Order<'_>| self.announce(order),
            &|order: &Order<'_>, signed: &SignedLicense| {
                let text = match issuing.is_in_report() {
                    true => {
                        let terms = Terms::of_signed(signed, self.matrix);
                        let terms = terms.losing(order.losses.as_deref());
                        Terminal::json_text(&terms.to_report(&self.out.out))
                    }
                    false => signed.file.clone(),
                };
                Ok(text.into_bytes())
            },
        )?;
        match &report.signed {
            Some(_) if issuing.is_in_report() => Ok(()),
            signed => self.tell(&report.draft, signed.as_ref()),
        }
    }

    /// Prints the remarks about an order. A draft that no verifier would accept is refused before.
    fn announce(&self, order: &Order<'_>) {
        if let Ok(claims) = order.claims() {
            Terms::of_draft(&claims, self.matrix).warn(self.terminal);
        }
        for loss in order.losses.iter().flatten() {
            self.terminal.warning("LOSS", loss);
        }
        order.notes.iter().for_each(|note| self.terminal.note(note));
    }

    fn tell(&self, order: &Order<'_>, signed: Option<&SignedLicense>) -> Result<(), Failure> {
        let claims = order.claims();
        let claims = claims.map_err(|error| failures::not_signed(&error))?;
        let terms = match signed {
            Some(signed) => Terms::of_signed(signed, self.matrix),
            None => Terms::of_draft(&claims, self.matrix),
        };
        terms
            .losing(order.losses.as_deref())
            .tell(&self.out.out, self.terminal)
    }
}
