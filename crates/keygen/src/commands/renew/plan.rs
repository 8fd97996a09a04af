//! Renewals of the licenses of a list: which are issued, which are skipped, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use license_cli_support::{Exit, Failure, Progress, escape};
use license_core::chrono::{DateTime, Utc};
use license_core::issue::LicenseDraft;
use license_core::{FeatureMatrix, TrustSet, with_causes};
use license_issuer::ledger::{LedgerReader, RecordedLicense};
use license_issuer::services::batch::{BatchRow, BatchSource};
use license_issuer::services::renewals::RenewalState;

use super::super::batch::manifest::ManifestRow;
use super::super::batch::order_id::OrderId;
use super::super::lookup::{find_license, license_of, not_found, signing_keys};
use super::super::previous_license::PreviousLicense;
use super::super::token_denials;
use super::RenewalDraft;
use super::list::{ListedLicense, RenewalList};
use crate::args::Renew;
use crate::failures;
use crate::inputs::{add_keys, now};

/// Number of errors after which the remaining licenses are not checked.
const MAX_ERRORS: usize = 20;

/// Terms and keys of all renewals of a list.
pub(super) struct RenewalTerms<'a> {
    arguments: &'a Renew,
    matrix: &'a FeatureMatrix,
    trust: TrustSet,
    /// Time of issue of all renewals.
    issued_at: DateTime<Utc>,
}

impl<'a> RenewalTerms<'a> {
    pub(super) fn new(
        arguments: &'a Renew,
        matrix: &'a FeatureMatrix,
        ledger: &dyn LedgerReader,
    ) -> Result<Self, Failure> {
        let mut trust = TrustSet::default();
        add_keys(&mut trust, &arguments.trust)?;
        Ok(Self {
            arguments,
            matrix,
            trust: trust.joined(&signing_keys(ledger)?),
            issued_at: arguments.changes.signing.issued_at.unwrap_or_else(now),
        })
    }

    fn previous(&self, recorded: &RecordedLicense) -> Result<PreviousLicense, Failure> {
        PreviousLicense::recorded(recorded, &self.trust, self.matrix, self.issued_at)
    }

    fn draft(&self, previous: &PreviousLicense) -> Result<RenewalDraft, Failure> {
        RenewalDraft::new(self.arguments, previous, self.matrix)
    }
}

/// Renewals as rows of a batch.
pub(super) struct Renewals<'a> {
    pub(super) terms: RenewalTerms<'a>,
    pub(super) rows: Vec<RenewalRow>,
}

/// License whose renewal is issued, or was issued by an earlier run.
#[derive(Clone)]
pub(super) struct RenewalRow {
    number: u64,
    license: String,
    customer: String,
    order: String,
    file: String,
    /// The license id, and the cells of the list that the manifest repeats.
    carried: Vec<String>,
}

impl BatchRow for RenewalRow {
    fn number(&self) -> u64 {
        self.number
    }

    fn file_name(&self) -> &str {
        &self.file
    }

    fn order_id(&self) -> &str {
        &self.order
    }

    fn replaces(&self) -> Option<&str> {
        Some(&self.license)
    }
}

impl ManifestRow for RenewalRow {
    fn customer(&self) -> &str {
        &self.customer
    }

    fn carried(&self) -> &[String] {
        &self.carried
    }
}

impl BatchSource for Renewals<'_> {
    type Row = RenewalRow;
    type Error = Failure;

    fn visit(&self, each: &mut dyn FnMut(RenewalRow) -> ControlFlow<()>) -> Result<(), Failure> {
        let _ = self.rows.iter().cloned().try_for_each(each);
        Ok(())
    }

    fn draft(
        &self,
        row: &RenewalRow,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<LicenseDraft, Failure> {
        let ledger = ledger.ok_or_else(|| not_found(&row.license))?;
        let recorded = license_of(ledger, &row.license, self.terms.issued_at)?;
        let recorded = recorded.ok_or_else(|| not_found(&row.license))?;
        let state = state(&recorded, ledger)?;
        if state != RenewalState::Due {
            let message = format!(
                "license {} changed during the batch: it is {state}",
                row.license
            );
            return Err(Failure::new(Exit::Usage, "RENEWED", message)
                .hint("run the command again; it omits this license and continues"));
        }
        let previous = self.terms.previous(&recorded)?;
        Ok(self.terms.draft(&previous)?.draft)
    }
}

/// Renewals of a list before the first one is issued.
#[derive(Default)]
pub(super) struct RenewalPlan {
    pub(super) rows: Vec<RenewalRow>,
    /// Renewals that are not issued yet.
    pub(super) drafts: Vec<DraftedRenewal>,
    pub(super) skipped: Vec<SkippedLicense>,
    /// Number of licenses for each note about their tier.
    pub(super) newer: BTreeMap<String, u64>,
    /// Number of licenses for each loss of a customer.
    pub(super) losses: BTreeMap<String, u64>,
    /// Number of licenses that have ended before the renewal.
    pub(super) ended: u64,
    /// Licenses that validation tokens deny.
    pub(super) denied: Vec<String>,
}

/// Renewal that would be issued.
pub(super) struct DraftedRenewal {
    pub(super) replaces: String,
    pub(super) file: String,
    pub(super) draft: LicenseDraft,
}

/// License that is not renewed.
pub(super) struct SkippedLicense {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) state: RenewalState,
}

impl RenewalPlan {
    /// Checks every license of the list. Fails if one cannot be found or renewed with these terms.
    pub(super) fn new(
        list: &RenewalList,
        terms: &RenewalTerms<'_>,
        ledger: &dyn LedgerReader,
    ) -> Result<Self, Failure> {
        let mut plan = Self::default();
        let mut errors = ListErrors::default();
        let mut subjects = BTreeSet::new();
        let total = u64::try_from(list.licenses.len()).ok();
        let mut progress = Progress::new("licenses checked", total);
        for (checked, listed) in (1..).zip(&list.licenses) {
            if let Err(failure) = plan.add(listed, terms, ledger, &mut subjects) {
                errors.add(listed, failure);
                if errors.lines.len() >= MAX_ERRORS {
                    break;
                }
            }
            progress.set(checked);
        }
        match errors.failure(&list.name) {
            Some(failure) => Err(failure),
            None => Ok(plan),
        }
    }

    fn add(
        &mut self,
        listed: &ListedLicense,
        terms: &RenewalTerms<'_>,
        ledger: &dyn LedgerReader,
        subjects: &mut BTreeSet<String>,
    ) -> Result<(), Failure> {
        let recorded = find_license(ledger, &listed.id, terms.issued_at)?;
        let recorded = recorded.ok_or_else(|| not_found(&listed.id))?;
        let id = recorded.entry.subject.clone();
        if !subjects.insert(id.clone()) {
            return Err(Failure::usage("duplicate license").hint("remove one of the rows"));
        }
        let customer = recorded.entry.member("customer").unwrap_or_default();
        let state = state(&recorded, ledger)?;
        let order = order(&id, ledger)?;
        if state == RenewalState::Due {
            let previous = terms.previous(&recorded)?;
            listed.check(&recorded, &previous.license, terms.matrix)?;
            let denials = token_denials::of_license(&previous.license, previous.issued_at, ledger)?;
            if !denials.0.is_empty() {
                self.denied.push(id.clone());
            }
            self.add_draft(&previous, order.id.file_name(&customer), terms)?;
        } else if state.is_open() || state == RenewalState::Revoked || !order.is_issued {
            let skipped = SkippedLicense {
                id,
                customer,
                state,
            };
            self.skipped.push(skipped);
            return Ok(());
        }
        let mut carried = vec![id.clone()];
        carried.extend(listed.carried.iter().cloned());
        self.rows.push(RenewalRow {
            number: listed.number,
            license: id,
            file: order.id.file_name(&customer),
            order: order.id.id,
            customer,
            carried,
        });
        Ok(())
    }

    /// Adds the draft of a renewal, if the draft can be signed.
    fn add_draft(
        &mut self,
        previous: &PreviousLicense,
        file: String,
        terms: &RenewalTerms<'_>,
    ) -> Result<(), Failure> {
        let RenewalDraft { draft, newer } = terms.draft(previous)?;
        draft
            .check()
            .map_err(|error| Failure::malformed(with_causes(&error)))?;
        let losses = previous.changes(&draft, terms.matrix)?.losses;
        for loss in losses {
            *self.losses.entry(loss).or_default() += 1;
        }
        if let Some(newer) = newer {
            *self.newer.entry(newer).or_default() += 1;
        }
        let end = previous.license.expires_at();
        self.ended += u64::from(end.is_some_and(|end| end < previous.issued_at));
        self.drafts.push(DraftedRenewal {
            replaces: previous.license.id().as_str().to_owned(),
            file,
            draft,
        });
        Ok(())
    }
}

fn state(recorded: &RecordedLicense, ledger: &dyn LedgerReader) -> Result<RenewalState, Failure> {
    RenewalState::of(recorded, ledger).map_err(failures::ledger_not_read(ledger))
}

/// Id under which the ledger knows a renewal from a list.
struct RenewalOrder {
    id: OrderId,
    /// Whether an earlier run issued the renewal.
    is_issued: bool,
}

/// Returns the order of the renewal of a license.
///
/// A revoked renewal was issued by mistake, so the license can be renewed once more. That renewal
/// has another id and another file.
fn order(license: &str, ledger: &dyn LedgerReader) -> Result<RenewalOrder, Failure> {
    let failed = failures::ledger_not_read(ledger);
    for attempt in 0.. {
        let id = OrderId::of_renewal(license, attempt);
        let issued = ledger.license_of_order(&id.id).map_err(failed)?;
        let Some(issued) = issued else {
            return Ok(RenewalOrder {
                id,
                is_issued: false,
            });
        };
        if ledger
            .revocation(&issued.subject)
            .map_err(failed)?
            .is_none()
        {
            return Ok(RenewalOrder {
                id,
                is_issued: true,
            });
        }
    }
    Err(Failure::usage(
        "too many renewals of the license were revoked",
    ))
}

/// Errors of a list.
#[derive(Default)]
struct ListErrors {
    lines: Vec<String>,
    codes: BTreeSet<String>,
    /// Hint of the first error.
    hint: Option<String>,
}

impl ListErrors {
    fn add(&mut self, listed: &ListedLicense, failure: Failure) {
        let id: String = listed.id.chars().take(64).collect();
        self.lines.push(format!(
            "row {}, license {}: {}: {}",
            listed.number,
            escape(&id),
            failure.code(),
            failure.message()
        ));
        let is_first = self.codes.is_empty();
        self.codes.insert(failure.code().to_owned());
        if is_first {
            self.hint = failure.advice().map(str::to_owned);
        }
    }

    /// Returns the failure of the list, or `None` if it has no errors. Errors with one code have
    /// the hint of the first error.
    fn failure(mut self, list: &str) -> Option<Failure> {
        if self.lines.is_empty() {
            return None;
        }
        if self.lines.len() >= MAX_ERRORS {
            self.lines
                .push("the remaining rows were not checked".to_owned());
        }
        let message = format!("{list}: {}", self.lines.join("; "));
        let failure = Failure::new(Exit::Usage, "ORDERS", message);
        let nothing = "no license was issued";
        Some(match self.hint.filter(|_| self.codes.len() == 1) {
            Some(hint) => failure.hint(format!("{hint}; {nothing}")),
            None => failure.hint(format!("correct or remove these rows; {nothing}")),
        })
    }
}
