//! The settings of trials and invoices.

use std::path::PathBuf;

use license_cli_support::Failure;

use super::reader::Reader;

/// The largest number of reminders.
const MAX_REMINDERS: usize = 10;

/// The trials that people start on a vendor's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrialConfig {
    /// Whether people can start trials.
    pub(crate) is_open: bool,
    /// The days before the end on which users are reminded.
    pub(crate) reminders: Vec<u32>,
}

/// The invoices of a vendor's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvoiceConfig {
    /// The file with the legal entities that issue invoices. `None`: no invoices are issued.
    pub(crate) entities: Option<PathBuf>,
    /// The days after the due date on which customers are reminded.
    pub(crate) reminders: Vec<u32>,
}

impl Reader<'_> {
    /// Returns the settings of trials, which need a ledger and a mail server.
    pub(super) fn trials(&self) -> Result<TrialConfig, Failure> {
        let is_open = self.switch("trials")?;
        if is_open {
            self.require_with("trials", "ledger", "a vendor's server starts trials")?;
            self.require_with("trials", "mail", "users confirm their e-mail address")?;
        }
        Ok(TrialConfig {
            is_open,
            reminders: self.parsed("trial_reminders", days)?,
        })
    }

    /// Returns the settings of invoices, which need a ledger.
    pub(super) fn invoices(&self) -> Result<InvoiceConfig, Failure> {
        let entities = self.path("invoice_entities");
        if entities.is_some() {
            self.require_with(
                "invoice_entities",
                "ledger",
                "a vendor's server issues invoices",
            )?;
        }
        Ok(InvoiceConfig {
            entities,
            reminders: self.parsed("invoice_reminders", days)?,
        })
    }

    fn require_with(&self, name: &str, needed: &str, reason: &str) -> Result<(), Failure> {
        if !self.text(needed).is_empty() {
            return Ok(());
        }
        let message = format!("expected {needed} with {name}, found none");
        Err(Failure::usage(message).hint(format!("{reason}: set {needed}, or omit {name}")))
    }
}

/// Parses numbers of days that are separated by commas, or `none`.
fn days(text: &str) -> Result<Vec<u32>, &'static str> {
    const EXPECTED: &str =
        "expected at most 10 different numbers of days from 1 to 365, such as 7,3,1, or none";
    if text == "none" {
        return Ok(Vec::new());
    }
    let days: Option<Vec<u32>> = text.split(',').map(|day| day.trim().parse().ok()).collect();
    let days = days.ok_or(EXPECTED)?;
    let mut others = days.clone();
    others.sort_unstable();
    others.dedup();
    let is_accepted = others.len() == days.len()
        && days.len() <= MAX_REMINDERS
        && days.iter().all(|day| (1..=365).contains(day));
    is_accepted.then_some(days).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminder_days_are_bounded_and_different() {
        assert_eq!(days("7, 3,1"), Ok(vec![7, 3, 1]));
        assert_eq!(days("none"), Ok(Vec::new()));
        assert!(days("1,2,3,4,5,6,7,8,9,365").is_ok());
        for text in [
            "",
            "0",
            "366",
            "3,3",
            "-1",
            "a",
            "1,",
            "1,2,3,4,5,6,7,8,9,10,11",
        ] {
            assert!(days(text).is_err(), "{text}");
        }
    }
}
