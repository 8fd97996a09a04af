//! `keygen issue`.

use std::num::NonZeroU32;

use license_core::issue::{CheckedKey, LicenseDraft, Sign};
use license_core::{
    Bundle, CheckIn, License, Machine, Matrix, Tier, TierTerms, Timestamp, Unverified,
};
use license_terminal::{Destination, Failure, Terminal};

use super::terms::Terms;
use super::{
    dry_run, fresh_id, machine, matrix, not_issued, not_verified, now, since_epoch, trust_of,
};
use crate::books::{self, Books};
use crate::cli::{Dry, Issue};
use crate::custody;
use crate::ledger::Place;

pub(crate) fn run(
    arguments: &Dry<Issue>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.product_file.as_ref())?;
    // What can be wrong with the order is found before the passphrase is asked for.
    let mut draft = draft(order, &matrix)?;
    if *dry_run {
        note(&draft.machines, order, terminal);
        return dry_run::license(&draft, &order.key, &order.out, place, &matrix, terminal);
    }
    draft.check().map_err(|error| not_issued(&error))?;
    order.out.check()?;
    let mut books = Books::open(place)?;
    let key = custody::load(&order.key, terminal)?;
    let mut counter = books.counter(now())?;
    counter.enter_key(key.public())?;
    let microseconds = u64::try_from(since_epoch().as_micros()).unwrap_or(0);
    draft.serial = Some(counter.serial(microseconds)?);
    let token = draft.sign(&key).map_err(|error| not_issued(&error))?;
    let minted = Minted::new(&token, &key, &matrix)?;
    minted.terms().warn(&matrix, terminal);
    note(&draft.machines, order, terminal);
    let out = &order.out;
    let is_printed = matches!(out.out, Destination::Stdout) && terminal.is_json();
    let content = (!is_printed).then_some(minted.file.as_str());
    let record = books::license(&minted.license, &token, &matrix);
    counter.hand_out(vec![record], out, content)?;
    minted.terms().tell(&out.out, terminal)
}

pub(super) fn draft(arguments: &Issue, matrix: &Matrix) -> Result<LicenseDraft, Failure> {
    let tier = matrix
        .tier(arguments.tier)
        .ok_or_else(|| no_such_tier(arguments.tier, matrix))?;
    let issued_at = arguments.issued_at.unwrap_or_else(now);
    let customer = arguments.customer.clone();
    let mut draft = LicenseDraft::of_tier(matrix, tier, fresh_id()?, customer, issued_at);
    draft.issuer = arguments.issuer.clone().unwrap_or(draft.issuer);
    draft.not_before = arguments.not_before.map(license_core::Date::start);
    draft.expires_at = end(arguments, draft.not_before.unwrap_or(issued_at))?;
    draft.check_in = check_in(arguments, tier)?;
    draft.usage_type = arguments.usage_type;
    draft.users = arguments.user.clone();
    draft.machines = machine::locks(&arguments.machine)?;
    // The claim is the last second that is covered.
    draft.maintenance_until = arguments.maintenance_until.map(|day| day.end().minus(1));
    draft.max_version = arguments.max_version.clone();
    draft.company = arguments.company;
    allow(arguments, matrix, &mut draft)?;
    Ok(draft)
}

/// What the license adds to and removes from its tier.
fn allow(arguments: &Issue, matrix: &Matrix, draft: &mut LicenseDraft) -> Result<(), Failure> {
    let mut apply = || {
        arguments
            .seats
            .map(|seats| draft.set_seats(seats, matrix))
            .transpose()?;
        if let Some(devices) = arguments.devices {
            draft.set_devices(devices, matrix);
        }
        arguments
            .add_feature
            .iter()
            .try_for_each(|feature| draft.add_feature(feature))?;
        arguments
            .remove_feature
            .iter()
            .try_for_each(|feature| draft.remove_feature(feature))?;
        arguments
            .quota
            .iter()
            .try_for_each(|(name, quota)| draft.set_quota(name, *quota))
    };
    apply().map_err(|error| not_issued(&error))
}

fn no_such_tier(found: Tier, matrix: &Matrix) -> Failure {
    let names: Vec<_> = matrix
        .tiers()
        .iter()
        .map(|tier| tier.name().to_string())
        .collect();
    Failure::usage(format!(
        "expected a tier of {}, found {found}",
        matrix.product()
    ))
    .hint(format!(
        "use --tier with one of {}",
        names.join(", ").to_lowercase()
    ))
}

fn end(arguments: &Issue, start: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let days = arguments.days.map(|days| {
        let last = start
            .date()
            .and_then(|first| first.plus_days(days.get().into()));
        last.ok_or_else(|| {
            Failure::usage(format!("{days} days from {start} end after the year 9999"))
                .hint("use --perpetual")
        })
    });
    let last_day = days.transpose()?.or(arguments.expires);
    match last_day {
        // RFC 3339 has no form for its end.
        Some(day) if day.end().date().is_none() => Err(Failure::usage(format!(
            "expected an end before the year 10000, found that of {day}"
        ))
        .hint("use --perpetual")),
        Some(day) if day.end() <= start => Err(Failure::usage(format!(
            "expected an end after the start, {start}, found {}",
            day.end()
        ))
        .hint("choose a later day with --expires")),
        day => Ok(day.map(license_core::Date::end)),
    }
}

fn check_in(arguments: &Issue, tier: &TierTerms) -> Result<Option<CheckIn>, Failure> {
    if arguments.offline {
        return Ok(None);
    }
    let hours = |hours: NonZeroU32| u64::from(hours.get());
    let every = arguments
        .check_in
        .map(hours)
        .or(tier.check_in().map(CheckIn::every_hours));
    let Some(every) = every else {
        return match arguments.grace {
            None => Ok(None),
            Some(_) => Err(Failure::usage(format!(
                "--grace needs a check-in, and tier {} has none",
                tier.name()
            ))
            .hint("add --check-in HOURS, or leave out --grace")),
        };
    };
    let grace = arguments.grace.map_or(tier.offline_grace_hours(), hours);
    CheckIn::new(every, grace).map(Some).ok_or_else(|| {
        Failure::usage(format!(
            "expected a grace period of at least the {every} hours between check-ins, found {grace}"
        ))
        .hint(format!("use --grace {every} or more"))
    })
}

/// A license as verified with the key that has just signed it: what does not verify is not handed out.
struct Minted {
    license: License,
    file: String,
    token: String,
    short_key: Option<String>,
}

impl Minted {
    fn new(token: &str, key: &CheckedKey, matrix: &Matrix) -> Result<Self, Failure> {
        let trust = trust_of(key).map_err(|error| refused(&error))?;
        let file = Unverified::parse(token)
            .map_err(|error| refused(&error))?
            .to_armor();
        let bundle = Bundle::verify(&file, &trust, matrix).map_err(|error| refused(&error))?;
        let license = bundle
            .licenses()
            .first()
            .ok_or_else(|| refused(&"it is no license"))?;
        let short_key = license
            .short_enterprise_key(matrix)
            .map(|key| key.to_string());
        Ok(Self {
            license: license.clone(),
            file,
            token: token.to_owned(),
            short_key,
        })
    }

    fn terms(&self) -> Terms<'_> {
        Terms::of_minted(&self.license, &self.token, self.short_key.as_deref())
    }
}

/// What a vendor may not know of the machines just named.
fn note(locks: &[String], order: &Issue, terminal: &Terminal) {
    if locks.len() < order.machine.len() {
        terminal.note("a machine that was named twice is in the license once");
    }
    let is_digest = |lock: &String| matches!(Machine::parse(lock), Machine::Digest(_));
    if locks.iter().any(is_digest) {
        terminal.note(
            "a digest locks to exactly one identity; the fingerprint from `license machine` tolerates changed parts",
        );
    }
}

fn refused(reason: &dyn std::fmt::Display) -> Failure {
    not_verified("license", reason)
}
