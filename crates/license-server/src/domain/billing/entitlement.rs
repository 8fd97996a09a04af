//! The license to which the payments of a subscription entitle.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::{end_of_day, saturating_add};

use super::invoice::{InvoiceStatus, ProviderInvoice};
use super::names;
use super::subscription::{Pause, ProviderSubscription, SubscriptionStatus};

names! {
    /// The state of the license of a subscription.
    BillingState {
        /// There is no license yet.
        Pending "pending",
        /// The license is valid.
        Active "active",
        /// The license is valid, although a payment is late.
        InGrace "in_grace",
        /// The license is not valid until something changes.
        Suspended "suspended",
        /// The license has ended, or ends with the paid time.
        Ended "ended",
        /// The license is not valid, because the payment was taken back.
        Revoked "revoked",
    }
}

names! {
    /// The reason of a state. The ledger and the audit trail have it.
    BillingReason {
        /// The first payment is open.
        FirstPayment "first_payment",
        /// The subscription is in its trial.
        Trial "trial",
        /// The current period is paid.
        Paid "paid",
        /// The invoice of the current period is not due yet.
        Invoiced "invoiced",
        /// The vendor provides the service without a payment for now.
        Free "free",
        /// A payment is late.
        PastDue "past_due",
        /// A payment has failed, and is not tried again.
        Unpaid "unpaid",
        /// The subscription is paused.
        Paused "paused",
        /// The subscription has ended.
        Canceled "canceled",
        /// The whole payment was refunded.
        Refunded "refunded",
        /// The customer disputes the payment.
        Disputed "disputed",
        /// The vendor has lost a dispute about the payment.
        DisputeLost "dispute_lost",
    }
}

/// The time for which a license outlasts its paid period, so that the next payment can be made.
/// Stripe collects about an hour after the start of a period.
const SETTLEMENT: TimeDelta = TimeDelta::days(1);

/// The age of an open invoice that is collected automatically, after which it is late.
const COLLECTION: TimeDelta = TimeDelta::hours(12);

/// The license to which a subscription entitles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// The state.
    pub state: BillingState,
    /// The reason of the state.
    pub reason: BillingReason,
    /// The end of the license. A license that lasts longer is too long. `None`: there is none.
    pub until: Option<DateTime<Utc>>,
}

impl Entitlement {
    /// Returns the entitlement of a subscription. `grace` is the time after the begin of a period
    /// or the due date of its invoice in which a late payment has no effect, at most to the end of
    /// the current period.
    pub fn new(subscription: &ProviderSubscription, grace: TimeDelta, now: DateTime<Utc>) -> Self {
        use BillingReason as Reason;
        use BillingState as State;
        use SubscriptionStatus as Status;
        let payments = Payments::new(subscription);
        let paid = payments.paid_until.map(settled);
        let of = |state, reason, until| Self {
            state,
            reason,
            until,
        };
        let trial = subscription.trial_end.map(settled);
        match subscription.status {
            Status::Incomplete => of(State::Pending, Reason::FirstPayment, None),
            Status::IncompleteExpired => of(State::Ended, Reason::Unpaid, None),
            Status::Trialing => of(State::Active, Reason::Trial, paid.max(trial)),
            Status::Paused => of(State::Suspended, Reason::Paused, paid),
            _ if payments.reversal.is_some() => {
                let reason = payments.reversal.unwrap_or(Reason::Refunded);
                let state = match reason {
                    Reason::Disputed => State::Suspended,
                    _ => State::Revoked,
                };
                of(state, reason, paid)
            }
            Status::Canceled if !subscription.has_failed => {
                of(State::Ended, Reason::Canceled, paid)
            }
            // The time of grace does not depend on when Stripe stops its attempts.
            Status::Canceled | Status::Unpaid => Self::running(subscription, &payments, grace, now),
            Status::Active | Status::PastDue => match subscription.pause {
                Some(Pause::Void) => of(State::Suspended, Reason::Paused, paid),
                Some(Pause::Free) => {
                    let period = Some(settled(subscription.period_end));
                    of(State::Active, Reason::Free, paid.max(period))
                }
                None => Self::running(subscription, &payments, grace, now),
            },
        }
    }

    /// Returns the entitlement of a subscription that is active, or whose payments have failed.
    fn running(
        subscription: &ProviderSubscription,
        payments: &Payments,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Self {
        let paid = payments.paid_until.map(settled);
        let has_ended = subscription.status == SubscriptionStatus::Canceled;
        let is_late = has_ended
            || matches!(
                subscription.status,
                SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid
            );
        if !payments.is_open && !is_late {
            let period = Some(settled(subscription.period_end));
            // Usage is paid after its period, so a subscription of nothing else has no invoice for
            // the current one.
            let until = if payments.has_current {
                paid.or(period)
            } else {
                paid.max(period)
            };
            return Self {
                state: BillingState::Active,
                reason: BillingReason::Paid,
                until,
            };
        }
        // The due date of an invoice that the customer pays, or the begin of the unpaid time.
        let begin = payments.paid_until.unwrap_or(subscription.period_start);
        let due = payments.due_at.unwrap_or(begin);
        let is_late = is_late
            || match payments.due_at {
                Some(due) => now > due,
                None => now > saturating_add(begin, COLLECTION),
            };
        // The time of grace is never longer than what the payment would buy.
        let graced = end_of_day(saturating_add(due, grace).date_naive());
        let graced = graced.min(settled(subscription.period_end));
        let graced = paid.map_or(graced, |paid| paid.max(graced));
        let (state, reason, until) = match (is_late, payments.due_at) {
            (true, _) if graced <= now => {
                let state = if has_ended {
                    BillingState::Ended
                } else {
                    BillingState::Suspended
                };
                (state, BillingReason::Unpaid, graced)
            }
            (true, _) => (BillingState::InGrace, BillingReason::PastDue, graced),
            (false, Some(_)) => (BillingState::Active, BillingReason::Invoiced, graced),
            (false, None) => {
                // The payment of the first period is made within the settlement.
                let until = paid.unwrap_or_else(|| settled(subscription.period_start));
                (BillingState::Active, BillingReason::Invoiced, until)
            }
        };
        Self {
            state,
            reason,
            until: Some(until),
        }
    }

    /// Returns whether the license is to be valid.
    pub fn is_valid(&self) -> bool {
        matches!(self.state, BillingState::Active | BillingState::InGrace)
    }
}

/// Returns the end of the license of a period: the end of the UTC day after the period.
fn settled(period_end: DateTime<Utc>) -> DateTime<Utc> {
    end_of_day(saturating_add(period_end, SETTLEMENT).date_naive())
}

/// The payments of a subscription, by the end of the period that they pay.
#[derive(Debug, Default)]
struct Payments {
    /// The end of the last period that is paid.
    paid_until: Option<DateTime<Utc>>,
    /// Why the payment of a later period does not count.
    reversal: Option<BillingReason>,
    /// Whether the invoice of the last period is not paid.
    is_open: bool,
    /// The due date of the first invoice that is not paid.
    due_at: Option<DateTime<Utc>>,
    /// Whether there is an invoice for the current period, in any state.
    has_current: bool,
}

/// The payments of one period.
#[derive(Debug, Default)]
struct PeriodPayments {
    has_paid: bool,
    has_open: bool,
    paid: i64,
    kept: i64,
    disputed: i64,
    lost: i64,
    due_at: Option<DateTime<Utc>>,
}

impl PeriodPayments {
    /// Returns whether the period is paid. A part of the payment is enough, because a refund of a
    /// part is a discount.
    fn is_covered(&self) -> bool {
        self.has_paid && (self.paid <= 0 || self.kept > 0)
    }

    fn reversal(&self) -> Option<BillingReason> {
        if !self.has_paid || self.is_covered() {
            return None;
        }
        Some(match (self.disputed > 0, self.lost > 0) {
            (true, _) => BillingReason::Disputed,
            (false, true) => BillingReason::DisputeLost,
            (false, false) => BillingReason::Refunded,
        })
    }

    fn add(&mut self, invoice: &ProviderInvoice) {
        match invoice.status {
            InvoiceStatus::Paid => {
                self.has_paid = true;
                self.paid = self.paid.saturating_add(invoice.paid.minor());
                self.kept = self.kept.saturating_add(invoice.kept());
                self.disputed = self.disputed.saturating_add(invoice.disputed.minor());
                self.lost = self.lost.saturating_add(invoice.lost.minor());
            }
            InvoiceStatus::Draft | InvoiceStatus::Open | InvoiceStatus::Uncollectible => {
                self.has_open = true;
                self.due_at = self.due_at.max(invoice.due_at);
            }
            InvoiceStatus::Void => {}
        }
    }
}

impl Payments {
    fn new(subscription: &ProviderSubscription) -> Self {
        let (invoices, current) = (&subscription.invoices, subscription.period_end);
        let mut periods: BTreeMap<DateTime<Utc>, PeriodPayments> = BTreeMap::new();
        let counted = invoices
            .iter()
            .filter(|invoice| invoice.status != InvoiceStatus::Void);
        for invoice in counted {
            if let Some(end) = invoice.period_end {
                periods.entry(end).or_default().add(invoice);
            }
        }
        // A longer period that a change of the subscription has replaced, such as a year that was
        // refunded for months, takes nothing from the current one.
        let has_up_to_now = periods.range(..=current).next().is_some();
        periods.retain(|end, period| *end <= current || period.is_covered() || !has_up_to_now);
        let mut payments = Self::default();
        for (end, period) in &periods {
            if period.is_covered() {
                // An open invoice for a change in the middle of a paid period does not end it.
                payments = Self {
                    paid_until: Some(*end),
                    ..Self::default()
                };
            } else {
                payments.reversal = period.reversal();
                payments.is_open = period.has_open && payments.reversal.is_none();
                payments.due_at = payments.due_at.or(period.due_at);
            }
        }
        let ends = invoices.iter().filter_map(|invoice| invoice.period_end);
        payments.has_current = ends.max().is_some_and(|end| end >= current);
        payments
    }
}
