//! `keygen check-in --dry-run`: whether the license verifies, with the public keys that are at hand.

use license_core::{Bundle, BundleError, Code, LicenseKey, Matrix, TrustSet};
use license_terminal::{Failure, Terminal};

use super::super::{dry_run, ledger};
use super::report::{self, Said};
use super::{Statement, licenses, not_judged, trust_own};
use crate::args::CheckIn;
use crate::ledger::{LedgerReader, Place};

/// What is at hand before the key is opened.
pub(super) struct Case<'a> {
    pub(super) arguments: &'a CheckIn,
    pub(super) statement: &'a Statement,
    pub(super) text: &'a str,
    pub(super) matrix: &'a Matrix,
}

impl Case<'_> {
    pub(super) fn run(
        &self,
        trust: &mut TrustSet,
        place: &Place,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let (key, out) = (&self.arguments.key, &self.arguments.out);
        let at_hand = dry_run::check(key, out, place, terminal)?;
        if let Some(key) = &at_hand.key {
            trust_own(trust, key)?;
        }
        let is_open = at_hand.key.is_some();
        let bundle = match self.verify(trust) {
            Err(error) if !is_open && self.is_of_unknown_key(&error) => {
                self.verify_by_ledger(trust, at_hand.ledger.as_deref(), terminal)?
            }
            bundle => bundle.map_err(|error| not_judged(&self.arguments.license, &error))?,
        };
        let licenses = licenses(&bundle, self.matrix)?.into_iter();
        let drafts = licenses.map(|license| self.statement.draft(license, self.matrix));
        let drafts: Vec<_> = drafts.collect::<Result<_, _>>()?;
        for draft in &drafts {
            let ledger = at_hand.ledger.as_deref();
            self.statement
                .check_standing(draft.license, ledger, terminal)?;
        }
        let licenses = drafts.iter().map(|draft| draft.license);
        let ledger = at_hand.ledger.as_deref();
        self.statement
            .check_devices(licenses, self.arguments, self.matrix, ledger, terminal)?;
        for draft in &drafts {
            self.statement.warn(draft.license, &bundle, terminal);
        }
        let said: Vec<_> = drafts.iter().map(Said::of_draft).collect();
        report::tell(&said, None, &out.out, terminal)
    }

    /// Whether a key that is not at hand may have signed it; an enterprise key does not say which one has.
    fn is_of_unknown_key(&self, error: &BundleError) -> bool {
        match error.code() {
            Code::UntrustedKey => true,
            Code::BadSignature => LicenseKey::is_likely(self.text),
            _ => false,
        }
    }

    fn verify(&self, trust: &TrustSet) -> Result<Bundle, BundleError> {
        Bundle::verify(self.text, trust, self.matrix)
    }

    /// The signing key is sealed: it may be the one that has signed the license. The ledger may know its public half.
    fn verify_by_ledger(
        &self,
        trust: &TrustSet,
        ledger: Option<&dyn LedgerReader>,
        terminal: &Terminal,
    ) -> Result<Bundle, Failure> {
        let entered = ledger.map(ledger::signing_keys).transpose()?;
        let trust = trust.joined(&entered.unwrap_or_default());
        let bundle = self.verify(&trust).map_err(|error| {
            let failure = not_judged(&self.arguments.license, &error);
            match self.is_of_unknown_key(&error) {
                true => failure.hint("a dry run opens no sealed key: give the public half of the one that signed it with --trust FILE"),
                false => failure,
            }
        })?;
        for license in bundle.licenses() {
            let (id, kid) = (license.id(), license.key_id());
            let message = format!(
                "license {id} verifies with key {kid} of the ledger; minting takes it if --key is that one, or --trust names it"
            );
            terminal.warning("KEY_NOT_OPENED", &message);
        }
        Ok(bundle)
    }
}
