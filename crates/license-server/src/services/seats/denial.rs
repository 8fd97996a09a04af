//! Denials of a pool as refusals.

use std::time::Duration;

use license_seats::{Denial, DenialReason, EndedLease, LeaseSpan, LeaseTime, PoolUsage};
use serde_json::{Map, Value, json};

use crate::domain::{Refusal, RefusalKind};

/// The shortest time after which a denied caller should repeat its request.
const MIN_RETRY: Duration = Duration::from_secs(1);

/// The longest time after which a denied caller should repeat its request.
const MAX_RETRY: Duration = Duration::from_secs(60);

/// Converts the denial of a pool.
pub(super) fn refusal(denial: &Denial, now: LeaseTime) -> Refusal {
    let reason = &denial.reason;
    let refusal = Refusal::with_code(kind(reason), reason.code(), reason.to_string())
        .facts(Value::Object(facts(denial, now)));
    let refusal = match hint(reason) {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    };
    match reason {
        DenialReason::NoSeat | DenialReason::UserLimit { .. } => {
            let usage = &denial.usage;
            let held = format!("{} seats held, {} offered", usage.held, usage.offered);
            refusal
                .values(format!("fewer than {} seats held", usage.allowed), held)
                .retry_after(retry(denial.next_seat_in))
        }
        DenialReason::QueueFull { .. } => refusal.retry_after(retry(denial.next_seat_in)),
        _ => refusal,
    }
}

/// Returns the refusal of a heartbeat that extends nothing, because the license has ended.
pub(super) fn ended(usage: PoolUsage) -> Refusal {
    let denial = Denial {
        reason: DenialReason::LicenseEnded,
        usage,
        holders: Vec::new(),
        next_seat_in: None,
        queue_position: None,
    };
    refusal(&denial, LeaseTime::START)
}

fn retry(next_seat_in: Option<LeaseSpan>) -> Duration {
    let expected = next_seat_in.map(|span| Duration::from_millis(span.as_millis()));
    expected.unwrap_or(MAX_RETRY).clamp(MIN_RETRY, MAX_RETRY)
}

fn kind(reason: &DenialReason) -> RefusalKind {
    match reason {
        DenialReason::UnknownTicket => RefusalKind::NotFound,
        DenialReason::SecretMismatch => RefusalKind::Forbidden,
        DenialReason::InvalidReason { .. } | DenialReason::BorrowDuration { .. } => {
            RefusalKind::BadRequest
        }
        _ => RefusalKind::Conflict,
    }
}

fn hint(reason: &DenialReason) -> Option<&'static str> {
    Some(match reason {
        DenialReason::NoSeat | DenialReason::UserLimit { .. } => {
            "wait in the queue with `\"wait\": true`, or repeat the request later"
        }
        DenialReason::QueueFull { .. } => "repeat the request later",
        DenialReason::LicenseEnded => "an administrator installs a renewal of the license",
        DenialReason::LeaseLost(_)
        | DenialReason::NotRenewable { .. }
        | DenialReason::UnknownInstance
        | DenialReason::UnknownTicket
        | DenialReason::NoLease => "acquire a seat again",
        DenialReason::InstanceMismatch => "choose a new random instance id",
        DenialReason::BorrowNotPermitted => {
            "ask the vendor for a license with the quota `borrow_days`"
        }
        DenialReason::BorrowDuration { .. } => "borrow the seat for a shorter time",
        DenialReason::InvalidReason { .. } => "state the reason in the member `reason`",
        _ => return None,
    })
}

/// Returns the facts of a denial as JSON. Times of the lease clock mean nothing to a client, so
/// they are relative to now.
fn facts(denial: &Denial, now: LeaseTime) -> Map<String, Value> {
    let mut facts = Map::new();
    facts.insert("usage".to_owned(), json!(denial.usage));
    if let Some(next) = denial.next_seat_in {
        facts.insert("next_seat_in_seconds".to_owned(), seconds(next));
    }
    if let Some(position) = denial.queue_position {
        facts.insert("queue_position".to_owned(), json!(position));
    }
    if !denial.holders.is_empty() {
        let holders = denial.holders.iter().map(|holder| {
            json!({
                "user": holder.user,
                "machine": holder.machine.as_ref().map(ToString::to_string),
                "held_for_seconds": seconds(holder.held_for),
                "borrowed": holder.borrowed,
                "late": holder.late,
            })
        });
        facts.insert("holders".to_owned(), holders.collect());
    }
    if let DenialReason::LeaseLost(Some(ended)) = &denial.reason {
        facts.insert("ended".to_owned(), ended_facts(ended, now));
    }
    facts
}

fn ended_facts(ended: &EndedLease, now: LeaseTime) -> Value {
    json!({
        "seq": ended.seq,
        "reason": ended.reason.as_str(),
        "note": ended.note,
        "seconds_ago": seconds(now.since(ended.ended)),
        "held_for_seconds": seconds(ended.ended.since(ended.granted)),
    })
}

/// Returns a length of time in whole seconds, rounded up.
fn seconds(span: LeaseSpan) -> Value {
    json!(span.as_millis().div_ceil(1000))
}
