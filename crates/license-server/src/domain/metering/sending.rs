//! Amounts that are sent to the billing provider.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::UsagePeriod;
use crate::domain::{PoolId, TenantId};

/// The state of an amount that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendingState {
    /// The amount waits for an attempt.
    Waiting,
    /// The provider has the amount.
    Sent,
    /// An attempt had no answer, and the provider no longer recognizes a repetition. A person has
    /// to look it up.
    Uncertain,
    /// A person has decided that the amount is not sent.
    Dropped,
}

impl SendingState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sent, Self::Uncertain, Self::Dropped];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Uncertain => "uncertain",
            Self::Dropped => "dropped",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// An amount that is to be sent. Its number makes it the same in each attempt to queue it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSending {
    /// The meter.
    pub meter: String,
    /// The name of the meter at the provider.
    pub event: String,
    /// The period in which it was used.
    pub period: UsagePeriod,
    /// The number of the amount of this meter and period, from 0.
    pub number: u64,
    /// The amount.
    pub quantity: u64,
    /// The time that the provider gets, which decides on the invoice.
    pub at: DateTime<Utc>,
}

impl NewSending {
    /// Returns the identifier by which the provider recognizes a repetition: a digest of what makes
    /// the amount unique, in hexadecimal.
    pub fn identifier(&self, tenant: &TenantId, customer: &PoolId) -> String {
        let mut hash = Sha256::new();
        let (start, number) = (self.period.start.to_string(), self.number.to_string());
        let parts = [
            tenant.as_str(),
            customer.as_str(),
            &self.meter,
            &start,
            &number,
        ];
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (short, _) = digest.split_at(16);
        format!("mtr_{}", license_core::encoding::hex::encode(short))
    }
}

/// An amount in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSending {
    /// The identifier.
    pub id: String,
    /// The customer.
    pub customer: PoolId,
    /// The meter.
    pub meter: String,
    /// The name of the meter at the provider.
    pub event: String,
    /// The first day of the period in which it was used.
    pub period: NaiveDate,
    /// The number of the amount of this meter and period, from 0.
    pub number: u64,
    /// The amount.
    pub quantity: u64,
    /// The time that the provider gets.
    pub at: DateTime<Utc>,
    /// The time at which it was queued.
    pub queued_at: DateTime<Utc>,
    /// The state.
    pub state: SendingState,
    /// The number of attempts.
    pub attempts: u64,
    /// The time of the first attempt.
    pub first_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

impl UsageSending {
    /// Returns the state for the audit trail.
    pub fn audited(&self) -> Value {
        json!({
            "customer": self.customer.as_str(),
            "meter": self.meter,
            "period": self.period.to_string(),
            "quantity": self.quantity,
            "state": self.state.as_str(),
        })
    }
}

/// The result of an attempt to send an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingResult {
    /// The identifier of the amount.
    pub id: String,
    /// The number of the attempt. A later attempt makes the result obsolete.
    pub attempt: u64,
    /// The state.
    pub state: SendingState,
    /// Why the attempt failed.
    pub error: Option<String>,
    /// The time before which no other attempt is made.
    pub next_at: DateTime<Utc>,
    /// Whether the provider does not have the amount for certain. The time of the first attempt is
    /// then forgotten.
    pub is_refused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_names_one_amount() {
        let day = |text: &str| -> NaiveDate { text.parse().unwrap() };
        let period = UsagePeriod {
            start: day("2027-01-01"),
            end: day("2027-02-01"),
        };
        let first = NewSending {
            meter: "commands".to_owned(),
            event: "coditect_commands".to_owned(),
            period,
            number: 0,
            quantity: 5,
            at: license_core::time::MIN,
        };
        let (tenant, pool) = (TenantId::site(), PoolId::parse("a").unwrap());
        let id = |sending: &NewSending| sending.identifier(&tenant, &pool);
        // The amount and the time do not change the identifier, so they cannot be sent twice.
        let again = NewSending {
            quantity: 6,
            at: license_core::time::MAX,
            ..first.clone()
        };
        assert_eq!(id(&first), id(&again));
        assert_eq!(id(&first).len(), 36);
        let second = NewSending {
            number: 1,
            ..first.clone()
        };
        let other_meter = NewSending {
            meter: "command".to_owned(),
            ..first.clone()
        };
        let other_pool = first.identifier(&tenant, &PoolId::parse("b").unwrap());
        let ids = [id(&first), id(&second), id(&other_meter), other_pool];
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), 4, "{ids:?}");
    }
}
