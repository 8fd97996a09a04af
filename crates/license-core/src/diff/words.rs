//! Changes as sentences for the customer.

use std::fmt;

use super::{Change, Shift};
use crate::ids::Company;
use crate::machine::Machine;
use crate::policy::Quota;
use crate::time::{Span, Timestamp};

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product(shift) => instead(f, "the product is", &shift.after, &shift.before),
            Self::Customer(shift) => instead(f, "the customer is", &shift.after, &shift.before),
            Self::Company(shift) => company(f, shift),
            Self::Issuer(shift) => instead(f, "the vendor is", &shift.after, &shift.before),
            Self::SigningKey(shift) => {
                instead(f, "the signing key is", &shift.after, &shift.before)?;
                f.write_str(": whoever verifies it must trust that one")
            }
            Self::Trial(trial) if trial.after => f.write_str("it is a trial"),
            Self::Trial(_) => f.write_str("it is no trial any more"),
            Self::Tier(shift, _) => instead(f, "the tier is", &shift.after, &shift.before),
            Self::Start(shift) => start(f, shift),
            Self::End(shift) => end(f, shift),
            Self::Seats(shift) => count(f, "seats", shift),
            Self::Devices(shift) => count(f, "devices", shift),
            Self::Activation(must) if must.after => f.write_str("each machine must be activated"),
            Self::Activation(_) => f.write_str("no machine has to be activated any more"),
            Self::Feature(name, is) if is.after => write!(f, "feature {name} is added"),
            Self::Feature(name, _) => write!(f, "feature {name} is gone"),
            Self::Quota(name, shift) => quota(f, name, shift),
            Self::CheckIn(shift) => match shift.after {
                Some(terms) => write!(f, "it must check in now, {terms}"),
                None => f.write_str("it never has to check in any more"),
            },
            Self::CheckInEvery(shift) => {
                let (before, after) = (shift.before, shift.after);
                write!(
                    f,
                    "it must check in every {after} hours instead of every {before}"
                )
            }
            Self::OfflineGrace(shift) => {
                let (before, after) = (shift.before, shift.after);
                write!(
                    f,
                    "without a check-in it holds for {after} hours instead of {before}"
                )
            }
            Self::RenewalNotice(shift) => {
                let (before, after) = (shift.before, shift.after);
                write!(
                    f,
                    "it warns {after} days before its end instead of {before}"
                )
            }
            Self::RenewalGrace(shift) => {
                let (before, after) = (shift.before, shift.after);
                write!(
                    f,
                    "after its end it holds for {after} hours instead of {before}"
                )
            }
            Self::Maintenance(shift) => maintenance(f, shift),
            Self::Versions(shift) => match (&shift.before, &shift.after) {
                (_, None) => f.write_str("every version is covered"),
                (None, Some(after)) => write!(f, "only versions that meet {after} are covered"),
                (Some(before), Some(after)) => {
                    write!(
                        f,
                        "versions that meet {after} are covered instead of {before}"
                    )
                }
            },
            Self::Usage(kind, is) if is.after => write!(f, "use as {kind} is allowed too"),
            Self::Usage(kind, _) => write!(f, "use as {kind} is no longer allowed"),
            Self::Users(shift) => only(f, "user", shift, ToString::to_string),
            Self::User(name, is) => member(f, "user", name, is),
            Self::Machines(shift) => only(f, "machine", shift, label),
            Self::Machine(machine, is) => member(f, "machine", &label(machine), is),
            Self::Server(shift) => f.write_str(match (&shift.before, &shift.after) {
                (_, None) => {
                    "no license server of the customer's own can answer check-ins any more"
                }
                (None, Some(_)) => "a license server of the customer's own can answer check-ins",
                _ => "another license server of the customer's own answers check-ins",
            }),
            Self::Extension(_) => f.write_str("the vendor's own data is other data"),
            Self::UnknownClaim(name, shift) => match (&shift.before, &shift.after) {
                (None, _) => write!(f, "the unknown claim {name} is added"),
                (_, None) => write!(f, "the unknown claim {name} is removed"),
                _ => write!(f, "the unknown claim {name} has another value"),
            },
        }
    }
}

fn instead(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    after: &impl fmt::Display,
    before: &impl fmt::Display,
) -> fmt::Result {
    write!(f, "{what} {after} instead of {before}")
}

fn company(f: &mut fmt::Formatter<'_>, shift: &Shift<Option<Company>>) -> fmt::Result {
    match (&shift.before, &shift.after) {
        (Some(before), Some(after)) => instead(f, "the company is", after, before),
        (None, Some(after)) => write!(f, "the company is {after}, before none was named"),
        (Some(before), None) => write!(f, "no company is named, before it was {before}"),
        (None, None) => f.write_str("no company is named"),
    }
}

fn start(f: &mut fmt::Formatter<'_>, shift: &Shift<Option<Timestamp>>) -> fmt::Result {
    match (shift.before, shift.after) {
        (Some(before), Some(after)) => {
            let (span, word) = match after > before {
                true => (Span(after.seconds_since(before)), "later"),
                false => (Span(before.seconds_since(after)), "earlier"),
            };
            write!(f, "it starts {span} {word}: at {after}, before at {before}")
        }
        (None, Some(after)) => write!(f, "it starts at {after}, before at once"),
        (Some(before), None) => write!(f, "it starts at once, before at {before}"),
        (None, None) => f.write_str("it starts at once"),
    }
}

fn end(f: &mut fmt::Formatter<'_>, shift: &Shift<Option<Timestamp>>) -> fmt::Result {
    match (shift.before, shift.after) {
        (Some(before), Some(after)) => {
            let (span, word) = match after > before {
                true => (Span(after.seconds_since(before)), "longer"),
                false => (Span(before.seconds_since(after)), "less"),
            };
            write!(
                f,
                "it holds {span} {word}: until {after}, before until {before}"
            )
        }
        (Some(before), None) => write!(f, "it becomes perpetual, before it ended at {before}"),
        (None, Some(after)) => write!(f, "it ends at {after}, before it was perpetual"),
        (None, None) => f.write_str("it is perpetual"),
    }
}

fn count(f: &mut fmt::Formatter<'_>, what: &str, shift: &Shift<Option<u64>>) -> fmt::Result {
    match (shift.before, shift.after) {
        (Some(before), Some(after)) => write!(f, "{after} {what} instead of {before}"),
        (None, Some(after)) => write!(f, "{after} {what}, before no number was named"),
        (before, None) => {
            let before = before.unwrap_or(0);
            write!(f, "no number of {what} is named, before {before}")
        }
    }
}

fn quota(f: &mut fmt::Formatter<'_>, name: &str, shift: &Shift<Option<Quota>>) -> fmt::Result {
    match (shift.before, shift.after) {
        (Some(before), Some(after)) => {
            let how = if after > before { "raised" } else { "lowered" };
            write!(f, "quota {name} is {how} from {before} to {after}")
        }
        (None, Some(after)) => write!(f, "quota {name} is added: {after}"),
        (Some(before), None) => write!(f, "quota {name} is gone, before {before}"),
        (None, None) => write!(f, "quota {name} is none"),
    }
}

fn maintenance(f: &mut fmt::Formatter<'_>, shift: &Shift<Option<Timestamp>>) -> fmt::Result {
    match (shift.before, shift.after) {
        (Some(before), Some(after)) => {
            write!(
                f,
                "versions built up to {after} are covered, before up to {before}"
            )
        }
        (None, Some(after)) => {
            write!(
                f,
                "only versions built up to {after} are covered, before all"
            )
        }
        (_, None) => f.write_str("versions are covered whenever they are built"),
    }
}

/// A list that restricts, or none.
fn only<T>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    shift: &Shift<Option<Box<[T]>>>,
    name: impl Fn(&T) -> String,
) -> fmt::Result {
    let names = |list: &[T]| list.iter().map(&name).collect::<Vec<_>>().join(", ");
    match (&shift.before, &shift.after) {
        (_, Some(after)) => write!(f, "only these {what}s may use it: {}", names(after)),
        (Some(before), None) => {
            write!(f, "any {what} may use it, before only {}", names(before))
        }
        (None, None) => write!(f, "any {what} may use it"),
    }
}

fn member(f: &mut fmt::Formatter<'_>, what: &str, name: &str, is: &Shift<bool>) -> fmt::Result {
    let how = if is.after { "added" } else { "removed" };
    write!(f, "{what} {name} is {how}")
}

/// A machine by its digest: the fingerprint itself says no more to a person.
fn label(machine: &Machine) -> String {
    match (machine, machine.digest()) {
        (Machine::Fingerprint(_), Some(digest)) => format!("{digest} (by its fingerprint)"),
        (Machine::Digest(digest), _) => format!("{digest} (exactly)"),
        (other, _) => other.to_string(),
    }
}
