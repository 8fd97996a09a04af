//! One thing that two licenses say differently.

use serde_json::{Map, Value, json};

use crate::ids::{Company, ProductCode, Tier};
use crate::machine::Machine;
use crate::policy::{CheckIn, Quota, UsageType};
use crate::time::Timestamp;
use crate::trust::KeyId;
use semver::VersionReq;

/// What was said, and what is said now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift<T> {
    /// In the license of before.
    pub before: T,
    /// In the license of now.
    pub after: T,
}

impl<T> Shift<T> {
    pub(super) fn new(before: T, after: T) -> Self {
        Self { before, after }
    }

    fn reversed(self) -> Self {
        Self::new(self.after, self.before)
    }

    fn to_values(&self, value: impl Fn(&T) -> Value) -> (Value, Value) {
        (value(&self.before), value(&self.after))
    }
}

/// What a change means for the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Something is taken away, or must be done.
    Loss,
    /// Something is added, or need not be done any more.
    Gain,
    /// Neither, or it can't be told.
    Other,
}

impl Effect {
    /// Of the change back.
    pub fn reversed(self) -> Self {
        match self {
            Self::Loss => Self::Gain,
            Self::Gain => Self::Loss,
            Self::Other => Self::Other,
        }
    }

    fn gain_if(is_gain: bool) -> Self {
        if is_gain { Self::Gain } else { Self::Loss }
    }

    /// Of what is better the more it is.
    pub(super) fn of_more<T: PartialOrd>(shift: &Shift<T>) -> Self {
        Self::gain_if(shift.after > shift.before)
    }
}

/// One thing that two licenses say differently. Its `Display` is a sentence for the customer; what is foreign in it is as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The product.
    Product(Shift<ProductCode>),
    /// The customer.
    Customer(Shift<Box<str>>),
    /// The company's short code.
    Company(Shift<Option<Company>>),
    /// The vendor's name.
    Issuer(Shift<Box<str>>),
    /// The id of the key that signed it, or is said to have.
    SigningKey(Shift<Box<str>>),
    /// Whether it is a trial.
    Trial(Shift<bool>),
    /// The tier, and whether that is more or less as the product has its tiers.
    Tier(Shift<Tier>, Effect),
    /// The first instant at which it holds; none is as soon as there is one.
    Start(Shift<Option<Timestamp>>),
    /// The first instant at which it no longer holds; none is perpetual.
    End(Shift<Option<Timestamp>>),
    /// Named or concurrent users.
    Seats(Shift<Option<u64>>),
    /// Machines that may be activated.
    Devices(Shift<Option<u64>>),
    /// Whether each machine must be activated.
    Activation(Shift<bool>),
    /// Whether a feature is included.
    Feature(Box<str>, Shift<bool>),
    /// How much of something is allowed.
    Quota(Box<str>, Shift<Option<Quota>>),
    /// Whether it must check in at all.
    CheckIn(Shift<Option<CheckIn>>),
    /// Every how many hours it must check in.
    CheckInEvery(Shift<u64>),
    /// For how many hours it holds without a check-in.
    OfflineGrace(Shift<u64>),
    /// From how many days before its end on it warns.
    RenewalNotice(Shift<u64>),
    /// For how many hours it holds after its end.
    RenewalGrace(Shift<u64>),
    /// Up to when versions are covered; none is always.
    Maintenance(Shift<Option<Timestamp>>),
    /// What a version must meet.
    Versions(Shift<Option<VersionReq>>),
    /// Whether a kind of use is allowed.
    Usage(UsageType, Shift<bool>),
    /// Whether it names its users; none is any.
    Users(Shift<Option<Box<[Box<str>]>>>),
    /// Whether a user is among the named.
    User(Box<str>, Shift<bool>),
    /// Whether it names its machines; none is any.
    Machines(Shift<Option<Box<[Machine]>>>),
    /// Whether a machine is among the named.
    Machine(Machine, Shift<bool>),
    /// The key of the customer's own license server.
    Server(Shift<Option<KeyId>>),
    /// The vendor's own data.
    Extension(Shift<Option<Map<String, Value>>>),
    /// A claim that this version does not understand.
    UnknownClaim(Box<str>, Shift<Option<Box<Value>>>),
}

impl Change {
    /// What it means for the customer.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Tier(_, effect) => *effect,
            Self::Trial(trial) => Effect::gain_if(trial.before),
            Self::Activation(must) => Effect::gain_if(must.before),
            Self::Start(start) => Effect::gain_if(start.after < start.before),
            Self::End(end) | Self::Maintenance(end) => Effect::gain_if(ends_later(end)),
            Self::Seats(count) | Self::Devices(count) => match (count.before, count.after) {
                (Some(before), Some(after)) => Effect::gain_if(after > before),
                // What is not said is as the quotas say.
                _ => Effect::Other,
            },
            Self::Feature(_, is) | Self::Usage(_, is) | Self::User(_, is) => Effect::of_more(is),
            Self::Machine(_, is) => Effect::of_more(is),
            Self::Quota(_, quota) => Effect::of_more(quota),
            Self::CheckIn(terms) => Effect::gain_if(terms.after.is_none()),
            Self::CheckInEvery(hours) | Self::OfflineGrace(hours) => Effect::of_more(hours),
            Self::RenewalNotice(span) | Self::RenewalGrace(span) => Effect::of_more(span),
            Self::Versions(versions) => freed(versions),
            Self::Users(users) => freed(users),
            Self::Machines(machines) => freed(machines),
            Self::Server(server) => freed(server).reversed(),
            Self::Product(_)
            | Self::Customer(_)
            | Self::Company(_)
            | Self::Issuer(_)
            | Self::SigningKey(_)
            | Self::Extension(_)
            | Self::UnknownClaim(..) => Effect::Other,
        }
    }

    /// The change back.
    pub fn reversed(self) -> Self {
        match self {
            Self::Product(shift) => Self::Product(shift.reversed()),
            Self::Customer(shift) => Self::Customer(shift.reversed()),
            Self::Company(shift) => Self::Company(shift.reversed()),
            Self::Issuer(shift) => Self::Issuer(shift.reversed()),
            Self::SigningKey(shift) => Self::SigningKey(shift.reversed()),
            Self::Trial(shift) => Self::Trial(shift.reversed()),
            Self::Tier(shift, effect) => Self::Tier(shift.reversed(), effect.reversed()),
            Self::Start(shift) => Self::Start(shift.reversed()),
            Self::End(shift) => Self::End(shift.reversed()),
            Self::Seats(shift) => Self::Seats(shift.reversed()),
            Self::Devices(shift) => Self::Devices(shift.reversed()),
            Self::Activation(shift) => Self::Activation(shift.reversed()),
            Self::Feature(name, shift) => Self::Feature(name, shift.reversed()),
            Self::Quota(name, shift) => Self::Quota(name, shift.reversed()),
            Self::CheckIn(shift) => Self::CheckIn(shift.reversed()),
            Self::CheckInEvery(shift) => Self::CheckInEvery(shift.reversed()),
            Self::OfflineGrace(shift) => Self::OfflineGrace(shift.reversed()),
            Self::RenewalNotice(shift) => Self::RenewalNotice(shift.reversed()),
            Self::RenewalGrace(shift) => Self::RenewalGrace(shift.reversed()),
            Self::Maintenance(shift) => Self::Maintenance(shift.reversed()),
            Self::Versions(shift) => Self::Versions(shift.reversed()),
            Self::Usage(kind, shift) => Self::Usage(kind, shift.reversed()),
            Self::Users(shift) => Self::Users(shift.reversed()),
            Self::User(name, shift) => Self::User(name, shift.reversed()),
            Self::Machines(shift) => Self::Machines(shift.reversed()),
            Self::Machine(machine, shift) => Self::Machine(machine, shift.reversed()),
            Self::Server(shift) => Self::Server(shift.reversed()),
            Self::Extension(shift) => Self::Extension(shift.reversed()),
            Self::UnknownClaim(name, shift) => Self::UnknownClaim(name, shift.reversed()),
        }
    }

    /// What scripts tell changes apart by: the name of the claim, or what of it.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Product(_) => "product",
            Self::Customer(_) => "customer",
            Self::Company(_) => "company",
            Self::Issuer(_) => "issuer",
            Self::SigningKey(_) => "signing_key",
            Self::Trial(_) => "trial",
            Self::Tier(..) => "tier",
            Self::Start(_) => "not_before",
            Self::End(_) => "expires_at",
            Self::Seats(_) => "seats",
            Self::Devices(_) => "devices",
            Self::Activation(_) => "activation",
            Self::Feature(..) => "feature",
            Self::Quota(..) => "quota",
            Self::CheckIn(_) => "check_in",
            Self::CheckInEvery(_) => "check_in_every_hours",
            Self::OfflineGrace(_) => "check_in_grace_hours",
            Self::RenewalNotice(_) => "renewal_notify_days",
            Self::RenewalGrace(_) => "renewal_grace_hours",
            Self::Maintenance(_) => "maintenance_until",
            Self::Versions(_) => "max_version",
            Self::Usage(..) => "usage_type",
            Self::Users(_) => "users",
            Self::User(..) => "user",
            Self::Machines(_) => "machines",
            Self::Machine(..) => "machine",
            Self::Server(_) => "license_server",
            Self::Extension(_) => "ext",
            Self::UnknownClaim(..) => "unknown_claim",
        }
    }

    /// Which of several it is: the feature, quota, kind of use, user or machine.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Feature(name, _) | Self::Quota(name, _) | Self::User(name, _) => {
                Some(name.to_string())
            }
            Self::UnknownClaim(name, _) => Some(name.to_string()),
            Self::Usage(kind, _) => Some(kind.to_string()),
            Self::Machine(machine, _) => Some(machine.to_string()),
            _ => None,
        }
    }

    /// `{what, name, before, after, text}`, where `text` is the sentence.
    pub fn to_json(&self) -> Value {
        let (before, after) = self.values();
        json!({
            "what": self.what(),
            "name": self.name(),
            "before": before,
            "after": after,
            "text": self.to_string(),
        })
    }

    fn values(&self) -> (Value, Value) {
        match self {
            Self::Product(shift) => shift.to_values(|product| product.as_str().into()),
            Self::Customer(shift) | Self::Issuer(shift) | Self::SigningKey(shift) => {
                shift.to_values(|name| name.as_ref().into())
            }
            Self::Company(shift) => shift.to_values(|company| text(company.as_ref())),
            Self::Tier(shift, _) => shift.to_values(|tier| tier.as_str().into()),
            Self::Start(shift) | Self::End(shift) | Self::Maintenance(shift) => {
                shift.to_values(|at| text(at.as_ref()))
            }
            Self::Seats(shift) | Self::Devices(shift) => shift.to_values(|count| (*count).into()),
            Self::Trial(shift)
            | Self::Activation(shift)
            | Self::Feature(_, shift)
            | Self::Usage(_, shift)
            | Self::User(_, shift)
            | Self::Machine(_, shift) => shift.to_values(|is| (*is).into()),
            Self::Quota(_, shift) => shift.to_values(|quota| quota.map(Quota::to_number).into()),
            Self::CheckIn(shift) => shift.to_values(|terms| {
                terms.map_or(Value::Null, |terms| {
                    json!({ "every_hours": terms.every_hours(), "grace_hours": terms.grace_hours() })
                })
            }),
            Self::CheckInEvery(shift)
            | Self::OfflineGrace(shift)
            | Self::RenewalNotice(shift)
            | Self::RenewalGrace(shift) => shift.to_values(|count| (*count).into()),
            Self::Versions(shift) => shift.to_values(|versions| text(versions.as_ref())),
            Self::Users(shift) => shift.to_values(|users| texts(users.as_deref())),
            Self::Machines(shift) => shift.to_values(|machines| texts(machines.as_deref())),
            Self::Server(shift) => shift.to_values(|key| text(key.as_ref())),
            Self::Extension(shift) => shift.to_values(|data| data.clone().into()),
            Self::UnknownClaim(_, shift) => {
                shift.to_values(|value| value.as_deref().cloned().into())
            }
        }
    }
}

/// None never ends.
fn ends_later(end: &Shift<Option<Timestamp>>) -> bool {
    match (end.before, end.after) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(before), Some(after)) => after > before,
    }
}

/// Of a restriction that may be there or not. One in the place of another can be more here and less there.
fn freed<T>(restriction: &Shift<Option<T>>) -> Effect {
    match (&restriction.before, &restriction.after) {
        (Some(_), None) => Effect::Gain,
        (None, Some(_)) => Effect::Loss,
        _ => Effect::Other,
    }
}

fn text(value: Option<&impl ToString>) -> Value {
    value.map(ToString::to_string).into()
}

fn texts(values: Option<&[impl ToString]>) -> Value {
    let texts = |values: &[_]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    values.map(texts).into()
}
