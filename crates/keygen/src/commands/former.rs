//! The license that a new one takes the place of.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::issue::LicenseDraft;
use license_core::{Difference, Effect, License, MAX_FILE_BYTES, Matrix, Timestamp, TrustSet};
use license_issuer::ledger::{LedgerReader, LicenseStatus};

use super::lookup::{license_of, signing_keys};
use super::mint::Order;
use super::subject::{Subject, Text};
use crate::args;
use crate::failures;
use crate::inputs::{add_keys, fresh_id, now};

/// A license that stands, as far as is known, and was signed by one of the vendor's keys.
pub(super) struct Former {
    pub(super) license: License,
    pub(super) issued_at: Timestamp,
}

/// What the command line gives of it, read once: an order is made twice, and standard input ends.
pub(super) struct Given<'a> {
    arguments: &'a args::Former,
    stdin: Option<String>,
    trust: TrustSet,
}

impl<'a> Given<'a> {
    pub(super) fn read(arguments: &'a args::Former) -> Result<Self, Failure> {
        let license = &arguments.license;
        let stdin = matches!(license, Source::Stdin).then(|| license.read_text(MAX_FILE_BYTES));
        let mut trust = TrustSet::default();
        add_keys(&mut trust, &arguments.trust)?;
        Ok(Self {
            arguments,
            stdin: stdin.transpose()?,
            trust,
        })
    }
}

impl Former {
    /// Finds and verifies it, and refuses one that was revoked or replaced.
    pub(super) fn find(
        given: &Given<'_>,
        matrix: &Matrix,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<Self, Failure> {
        let issued_at = given.arguments.issued_at.unwrap_or_else(now);
        let entered = ledger.map(signing_keys).transpose()?.unwrap_or_default();
        let trust = given.trust.joined(&entered);
        let license = &given.arguments.license;
        let text = Text::find(license, given.stdin.as_deref(), ledger)?;
        let Subject::Verified(license) = Subject::read(&text, Some(&trust), matrix)? else {
            return Err(failures::not_verified("license", &"no key is at hand"));
        };
        if license.product() != matrix.product() {
            return Err(failures::other_product(license.product(), matrix));
        }
        if let Some(ledger) = ledger {
            check_standing(&license, ledger, issued_at)?;
        }
        Ok(Self { license, issued_at })
    }

    /// A draft that says what it says.
    pub(super) fn successor(&self) -> Result<LicenseDraft, Failure> {
        let draft = LicenseDraft::succeeding(&self.license, fresh_id()?, self.issued_at);
        draft.ok_or_else(|| {
            Failure::usage("an enterprise key is replaced by another one, not by a license file")
                .hint("`keygen enterprise-key` mints it")
        })
    }

    /// What changes for the customer.
    pub(super) fn changes(
        &self,
        draft: &LicenseDraft,
        matrix: &Matrix,
    ) -> Result<Changes, Failure> {
        let facts = draft.read_back();
        let facts = facts.map_err(|error| failures::not_verified("license", &error))?;
        let difference = Difference::between(self.license.claims(), &facts, matrix);
        // Where it begins when the other one ends, nothing is lost.
        let follows = draft.not_before.is_none_or(|start| {
            let end = self.license.expires_at();
            end.is_some_and(|end| start <= end)
        });
        let of = |effect| {
            let changes = difference.with_effect(effect);
            let changes = changes.filter(|change| !(follows && change.what() == "not_before"));
            let told = changes.map(|change| escape(&change.to_string()).into_owned());
            told.collect::<Vec<_>>()
        };
        let gains = of(Effect::Gain)
            .into_iter()
            .map(|gain| format!("gained: {gain}"));
        let others = of(Effect::Other).into_iter();
        let others = others.map(|other| format!("changed: {other}"));
        Ok(Changes {
            losses: of(Effect::Loss),
            notes: gains.chain(others).collect(),
        })
    }
}

/// What a new license changes for the customer.
pub(super) struct Changes {
    pub(super) losses: Vec<String>,
    /// What is gained, or neither lost nor gained.
    pub(super) notes: Vec<String>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.losses.is_empty() && self.notes.is_empty()
    }

    /// The order of the new license.
    pub(super) fn order(self, draft: LicenseDraft, matrix: &Matrix) -> Order<'_> {
        Order {
            notes: self.notes,
            losses: Some(self.losses),
            ..Order::new(draft, matrix)
        }
    }
}

fn check_standing(
    license: &License,
    ledger: &dyn LedgerReader,
    now: Timestamp,
) -> Result<(), Failure> {
    let id = license.id().as_str();
    let standing = license_of(ledger, id, now)?.map(|row| row.status);
    match standing {
        Some(standing @ (LicenseStatus::Revoked | LicenseStatus::Superseded)) => {
            Err(does_not_stand(id, standing, ledger))
        }
        _ => Ok(()),
    }
}

/// Why a license is not changed any more.
pub(super) fn does_not_stand(
    subject: &str,
    standing: LicenseStatus,
    ledger: &dyn LedgerReader,
) -> Failure {
    let message = format!("license {subject} is {standing}");
    let code = standing.as_str().to_ascii_uppercase();
    let failure = Failure::new(Exit::Usage, code, message);
    match ledger.successor(subject) {
        Ok(Some(successor)) => failure.hint(format!("{successor} took its place: name that one")),
        _ => failure.hint("mint a new one with `keygen issue`"),
    }
}
