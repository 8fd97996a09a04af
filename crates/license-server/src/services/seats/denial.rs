//! Denials of a pool as refusals.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use license_core::time::rfc3339;
use license_seats::{Denial, DenialReason, EndedLease, LeaseSpan, PoolUsage};
use serde_json::{Map, Value, json};

use crate::domain::{Refusal, RefusalKind};

/// The shortest time after which a denied caller should repeat its request.
const MIN_RETRY: Duration = Duration::from_secs(1);

/// The longest time after which a denied caller should repeat its request.
const MAX_RETRY: Duration = Duration::from_secs(60);

/// Converts the denial of a pool. `ended_at` is when the lease ended, by the wall clock.
pub(super) fn refusal(denial: &Denial, ended_at: Option<DateTime<Utc>>) -> Refusal {
    let reason = &denial.reason;
    let refusal = Refusal::with_code(kind(reason), reason.code(), detail(reason, ended_at))
        .facts(Value::Object(facts(denial, ended_at)))
        .hint(hint(reason));
    match reason {
        DenialReason::NoSeat | DenialReason::UserLimit { .. } => {
            let usage = &denial.usage;
            let mut held = format!("{} seats held, {} offered", usage.held, usage.offered);
            match usage
                .allowed
                .saturating_sub(usage.held.saturating_add(usage.offered))
            {
                rest if rest > 0 && *reason == DenialReason::NoSeat => {
                    held.push_str(&format!(", {rest} reserved for others"));
                }
                _ => {}
            }
            refusal
                .values(format!("fewer than {} seats held", usage.allowed), held)
                .retry_after(retry(denial.next_seat_in))
        }
        DenialReason::ShareLimit { at_most } => refusal
            .values(format!("fewer than {at_most} seats held"), at_most)
            .retry_after(retry(denial.next_seat_in)),
        DenialReason::QueueFull { .. } => refusal.retry_after(retry(denial.next_seat_in)),
        DenialReason::OnHold { left } => refusal.retry_after(retry(Some(*left))),
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
    refusal(&denial, None)
}

fn retry(next_seat_in: Option<LeaseSpan>) -> Duration {
    let expected = next_seat_in.map(|span| Duration::from_millis(span.as_millis()));
    expected.unwrap_or(MAX_RETRY).clamp(MIN_RETRY, MAX_RETRY)
}

fn kind(reason: &DenialReason) -> RefusalKind {
    match reason {
        DenialReason::UnknownTicket => RefusalKind::NotFound,
        DenialReason::OnHold { .. } => RefusalKind::Unavailable,
        DenialReason::SecretMismatch => RefusalKind::Forbidden,
        DenialReason::InvalidReason { .. } | DenialReason::BorrowDuration { .. } => {
            RefusalKind::BadRequest
        }
        _ => RefusalKind::Conflict,
    }
}

/// Returns what the caller can do over HTTP.
fn hint(reason: &DenialReason) -> &'static str {
    match reason {
        DenialReason::NoSeat
        | DenialReason::UserLimit { .. }
        | DenialReason::ShareLimit { .. }
        | DenialReason::OnHold { .. } => {
            "wait in the queue with `\"wait\": true`, or repeat the request later"
        }
        DenialReason::BorrowNotPermitted => {
            "ask the vendor for a license with the quota `borrow_days`"
        }
        DenialReason::InvalidReason { .. } => "state the reason in the member `reason`",
        _ => reason.hint(),
    }
}

/// Returns the facts of a denial as JSON. Times of the lease clock mean nothing to a client, so
/// they are relative to now, or times of the wall clock.
fn facts(denial: &Denial, ended_at: Option<DateTime<Utc>>) -> Map<String, Value> {
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
    if let DenialReason::BorrowDuration { max_duration, .. } = &denial.reason {
        facts.insert("max_borrow_seconds".to_owned(), seconds(*max_duration));
    }
    if let DenialReason::LeaseLost(Some(ended)) = &denial.reason {
        facts.insert("ended".to_owned(), ended_facts(ended, ended_at));
    }
    facts
}

/// Returns the description of a denial. A session that has lost its seat learns when and why.
fn detail(reason: &DenialReason, ended_at: Option<DateTime<Utc>>) -> String {
    let DenialReason::LeaseLost(Some(ended)) = reason else {
        return reason.to_string();
    };
    let at = ended_at.map_or_else(
        || "has ended".to_owned(),
        |at| format!("ended at {}", rfc3339(at.trunc_subsecs(0))),
    );
    let (seq, cause) = (ended.seq, ended.reason.description());
    match &ended.note {
        Some(note) => format!("the lease {seq} {at}: {cause}: {note}"),
        None => format!("the lease {seq} {at}: {cause}"),
    }
}

fn ended_facts(ended: &EndedLease, ended_at: Option<DateTime<Utc>>) -> Value {
    json!({
        "seq": ended.seq,
        "at": ended_at.map(|at| rfc3339(at.trunc_subsecs(0)).to_string()),
        "reason": ended.reason.as_str(),
        "note": ended.note,
        "held_for_seconds": seconds(ended.ended.since(ended.granted)),
    })
}

/// Returns a length of time in whole seconds, rounded up.
fn seconds(span: LeaseSpan) -> Value {
    json!(span.as_millis().div_ceil(1000))
}
