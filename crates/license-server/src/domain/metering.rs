//! Metering: what the customers of a vendor use, by meter and period.
//!
//! A *fact* is an amount on one day that is counted once, such as a quota in an entry of a usage
//! report. A *meter* sums facts. A *customer* is a chain of licenses: a license with all its
//! renewals, which share a pool. A *period* is a month of a customer. When a period is closed, its
//! amounts never change. What arrives later is a correction, which a later period carries.

mod customer;
mod fact;
mod meter;
mod meter_file;
mod period;
mod sending;
mod total;

pub use customer::{BilledCustomer, MeteredCustomer, UsageSettlement};
pub use fact::{FactKind, FactReceipt, UsageDay, UsageFact};
pub use meter::{Meter, MeterSet, MeterSource, OveragePolicy};
pub use meter_file::MeterFileError;
pub use period::{PeriodAnchor, UsagePeriod};
pub use sending::{NewSending, SendingResult, SendingState, UsageSending};
pub use total::{UsageNotice, UsageTotal};
