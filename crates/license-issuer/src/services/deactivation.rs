//! Deactivation: a machine sends a deactivation receipt, or the vendor ends the activation.

use license_core::Code;
use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::requests::DeactivationReceipt;
use license_core::time::rfc3339;
use serde_json::json;

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader, NewLedgerEntry, RecordedAnswer};
use crate::services::answer::required_member;
use crate::services::record::RecordPlan;

/// The maximum number of characters of an unknown id in a message.
const MAX_SHOWN_ID: usize = 64;

/// The reason to end an activation: the proof of a machine, or the decision of the vendor.
#[derive(Clone, Copy, Debug)]
pub enum DeactivationProof<'a> {
    /// The machine deactivated the license and wrote a receipt.
    Receipt(&'a DeactivationReceipt),
    /// The vendor ends the activation, because its machine cannot write a receipt.
    Vendor {
        /// The id of the activation.
        activation: &'a str,
        /// The reason.
        reason: &'a str,
    },
}

/// An activation to end.
#[derive(Clone, Copy, Debug)]
pub struct DeactivationOrder<'a> {
    /// The proof.
    pub proof: DeactivationProof<'a>,
    /// The time at which the activation ends.
    pub at: DateTime<Utc>,
}

/// The reason why an activation is not ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeactivationError {
    /// The ledger cannot be read.
    #[error("cannot read the ledger")]
    Ledger(#[from] LedgerError),
    /// The ledger contains no activation with the id.
    #[error("the ledger contains no activation `{0}`")]
    UnknownId(String),
    /// The ledger contains no activation with the nonce of the receipt.
    #[error("the ledger contains no activation with the nonce {0}")]
    UnknownNonce(Nonce),
    /// The license, product or machine of the receipt differs from that of the activation.
    #[error("activation {activation}: expected {expected} in the receipt, found {found}")]
    Mismatch {
        /// The activation.
        activation: String,
        /// The value in the ledger.
        expected: String,
        /// The value in the receipt.
        found: String,
    },
    /// The secret in the receipt does not match the commitment of the request.
    #[error("the secret in the receipt does not match the request of activation {0}")]
    Commitment(String),
    /// The activation ended before.
    #[error(
        "activation {activation} already ended at {ended_at}, {}",
        if *by_vendor { "by the vendor" } else { "by a receipt" }
    )]
    Ended {
        /// The activation.
        activation: String,
        /// The time at which the activation ended.
        ended_at: String,
        /// Whether the vendor ended the activation without a receipt.
        by_vendor: bool,
    },
}

impl DeactivationError {
    /// Returns the reason code, if there is one.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Ended { .. } => Some(Code::Replayed),
            _ => None,
        }
    }
}

/// An activation that ends.
#[derive(Clone, Debug)]
pub struct Deactivation {
    /// The id of the activation.
    pub id: String,
    /// The entry of the activation.
    pub activation: LedgerEntry,
    /// The earlier activations of the same machine, which end as well.
    pub earlier: Vec<RecordedAnswer>,
    /// The later activations of the same machine, which remain.
    pub later: Vec<RecordedAnswer>,
    /// Whether a receipt proves the end.
    pub by_receipt: bool,
    /// The reason.
    pub reason: String,
    /// The time at which the activation ends.
    pub at: DateTime<Utc>,
    /// The time of the receipt, according to the clock of the machine.
    deactivated_at: Option<DateTime<Utc>>,
}

impl DeactivationOrder<'_> {
    /// Finds the activation, and plans its end.
    ///
    /// # Errors
    ///
    /// Returns [`DeactivationError`] if the activation is unknown or has ended, or if the receipt
    /// does not prove its end.
    pub fn plan(
        &self,
        ledger: &dyn LedgerReader,
    ) -> Result<RecordPlan<Deactivation>, DeactivationError> {
        let activation = match self.proof {
            DeactivationProof::Receipt(receipt) => find_by_receipt(receipt, ledger)?,
            DeactivationProof::Vendor { activation, .. } => find_by_id(activation, ledger)?,
        };
        let id = required_member(&activation.entry, "activation_id")?;
        if let Some(release) = &activation.release {
            return Err(DeactivationError::Ended {
                activation: id,
                ended_at: required_member(release, "at")?,
                by_vendor: release.member("by").as_deref() == Some("vendor"),
            });
        }
        let (earlier, later) = same_machine_activations(&activation, ledger)?;
        let receipt = match self.proof {
            DeactivationProof::Receipt(receipt) => Some(receipt),
            DeactivationProof::Vendor { .. } => None,
        };
        let deactivation = Deactivation {
            id,
            activation: activation.entry,
            earlier,
            later,
            by_receipt: receipt.is_some(),
            reason: match self.proof {
                DeactivationProof::Receipt(_) => "released".to_owned(),
                DeactivationProof::Vendor { reason, .. } => reason.to_owned(),
            },
            at: self.at,
            deactivated_at: receipt.map(|receipt| receipt.made_at),
        };
        Ok(RecordPlan {
            entries: deactivation.entries(),
            content: deactivation,
        })
    }
}

impl Deactivation {
    fn entries(&self) -> Vec<NewLedgerEntry> {
        let earlier = self.earlier.iter().map(|activation| &activation.entry);
        std::iter::once(&self.activation)
            .chain(earlier)
            .map(|activation| self.entry(activation))
            .collect()
    }

    fn entry(&self, activation: &LedgerEntry) -> NewLedgerEntry {
        let member = |name| activation.member(name);
        let body = json!({
            "license_id": activation.subject,
            "product": member("product"),
            "activation_id": member("activation_id"),
            "machine": member("machine"),
            "by": if self.by_receipt { "receipt" } else { "vendor" },
            "reason": self.reason,
            "at": rfc3339(self.at).to_string(),
            "given_up_at": self.deactivated_at.map(|at| rfc3339(at).to_string()),
        });
        NewLedgerEntry::new(LedgerEntryKind::Release, &activation.subject, "", body)
    }
}

/// Returns the activation whose end a receipt proves.
fn find_by_receipt(
    receipt: &DeactivationReceipt,
    ledger: &dyn LedgerReader,
) -> Result<RecordedAnswer, DeactivationError> {
    let entry = ledger
        .answer(LedgerEntryKind::Activation, &receipt.nonce.to_string())?
        .ok_or(DeactivationError::UnknownNonce(receipt.nonce))?;
    let activation = required_member(&entry, "activation_id")?;
    let members = [
        ("license_id", receipt.license.to_string()),
        ("product", receipt.product.to_string()),
        ("machine", receipt.machine.to_string()),
    ];
    for (name, found) in members {
        let expected = required_member(&entry, name)?;
        if expected != found {
            return Err(DeactivationError::Mismatch {
                activation,
                expected,
                found,
            });
        }
    }
    if entry.member("commitment") != Some(receipt.secret.commitment().to_string()) {
        return Err(DeactivationError::Commitment(activation));
    }
    Ok(ledger.with_release(entry)?)
}

/// Returns the activation with an id.
fn find_by_id(id: &str, ledger: &dyn LedgerReader) -> Result<RecordedAnswer, DeactivationError> {
    let id = id.trim().to_ascii_lowercase();
    let activation = ledger.activation(&id)?;
    activation.ok_or_else(|| DeactivationError::UnknownId(id.chars().take(MAX_SHOWN_ID).collect()))
}

/// Returns the other open activations of the same machine. The first list contains the activations
/// that end as well, and the second list contains the activations that remain.
///
/// The search covers the license of the ended activation, its predecessors and its successors. All
/// answers to the same request end together.
fn same_machine_activations(
    ended: &RecordedAnswer,
    ledger: &dyn LedgerReader,
) -> Result<(Vec<RecordedAnswer>, Vec<RecordedAnswer>), LedgerError> {
    let family = ledger.license_family(&ended.entry.subject)?;
    let family: Vec<&str> = family.iter().map(String::as_str).collect();
    let is_earlier = |other: &RecordedAnswer| other.entry.seq < ended.entry.seq;
    let of_machine = ledger
        .open_activations(&family)?
        .into_iter()
        .filter(|other| {
            if is_earlier(other) {
                other.is_same_machine(ended)
            } else {
                ended.is_same_machine(other)
            }
        })
        .filter(|other| other.id() != ended.id());
    Ok(of_machine.partition(|other| is_earlier(other) || other.answers_same_request(ended)))
}
