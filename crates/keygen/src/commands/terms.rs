//! What is told of a license, whether it is minted or would be.

use license_cli_support::{Destination, Failure, Terminal, escape, plural};
use license_core::{License, LicenseClaims, Machine, Matrix, Span, TierTerms, UsageType};
use license_issuer::services::licenses::SignedLicense;
use license_issuer::services::warnings;
use serde_json::{Value, json};

use super::issuing::print_warning;
use crate::inputs::now;
use crate::output;

/// A license to tell of.
pub(super) struct Terms<'a> {
    facts: &'a LicenseClaims,
    matrix: &'a Matrix,
    minted: Option<Minting<'a>>,
    losses: Option<&'a [String]>,
}

/// What only minting makes.
struct Minting<'a> {
    license: &'a License,
    token: &'a str,
    short_key: Option<&'a str>,
}

impl<'a> Terms<'a> {
    /// Describes a license that would be issued.
    pub(super) fn of_draft(facts: &'a LicenseClaims, matrix: &'a Matrix) -> Self {
        Self {
            facts,
            matrix,
            minted: None,
            losses: None,
        }
    }

    /// Describes an issued license.
    pub(super) fn of_signed(signed: &'a SignedLicense, matrix: &'a Matrix) -> Self {
        let minted = Minting {
            license: &signed.license,
            token: &signed.token,
            short_key: signed.short_key.as_deref(),
        };
        Self {
            facts: signed.license.claims(),
            matrix,
            minted: Some(minted),
            losses: None,
        }
    }

    /// The same with what the customer loses, where it takes the place of another.
    pub(super) fn losing(self, losses: Option<&'a [String]>) -> Self {
        Self { losses, ..self }
    }

    /// Returns the report as a JSON object.
    pub(super) fn to_report(&self, out: &Destination) -> Value {
        let mut object = self.to_json(out);
        if let (Some(members), Some(losses)) = (object.as_object_mut(), self.losses) {
            members.insert("losses".to_owned(), losses.into());
        }
        object
    }

    /// Prints the report. Where the license itself goes to standard output, the report goes to
    /// standard error.
    pub(super) fn tell(&self, out: &Destination, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            return terminal.json(&self.to_report(out));
        }
        let text = self.text(out);
        match (out, &self.minted) {
            (Destination::Stdout, Some(_)) => terminal.note(&text),
            _ => terminal.data(&text)?,
        }
        Ok(())
    }

    fn text(&self, out: &Destination) -> String {
        let facts = self.facts;
        let mut lines = Vec::new();
        match (out, &self.minted) {
            (_, None) => lines.push(output::dry_run_line(out)),
            (Destination::File(_), _) => lines.push(format!("wrote      {out}")),
            _ => {}
        }
        lines.push(format!("license    {}", summary(facts)));
        let start = facts.starts_at();
        lines.extend(start.map(|start| format!("starts     {start}")));
        lines.extend(self.minted.iter().flat_map(Minting::names));
        lines.extend(facts.supersedes.last().map(|id| format!("replaces   {id}")));
        lines.extend(named(facts).map(|names| format!("users      only {names}")));
        lines.extend(locked_to(facts).map(|names| format!("machines   {names}")));
        lines.extend(bounds(facts));
        lines.extend(beside_tier(facts, self.matrix));
        lines.push(format!("check-in   {}", check_in(facts)));
        lines.join("\n")
    }

    fn to_json(&self, out: &Destination) -> Value {
        let (facts, minted) = (self.facts, self.minted.as_ref());
        let in_file = matches!(out, Destination::File(_));
        let key = minted.and_then(|minted| minted.license.standard_key());
        json!({
            "license_id": minted.map(|minted| minted.license.id().as_str()),
            "key": key.map(|key| key.to_string()),
            "short_key": minted.and_then(|minted| minted.short_key),
            "product": facts.product.as_str(),
            "tier": facts.tier().as_str(),
            "customer": facts.customer,
            "issued_at": facts.issued_at.map(|at| at.to_string()),
            "not_before": facts.valid_from().map(|at| at.to_string()),
            "expires_at": facts.expires_at.map(|at| at.to_string()),
            "trial": facts.trial,
            "supersedes": facts.supersedes.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
            "users": (!facts.users.is_empty()).then_some(&facts.users),
            "machines": (!facts.machines.is_empty()).then_some(&facts.machines),
            "seats": facts.seats,
            "devices": facts.devices,
            "activation": facts.must_activate,
            "usage_type": facts.usage_type.map(UsageType::as_str),
            "maintenance_until": facts.maintenance_until.map(|at| at.to_string()),
            "max_version": facts.max_version.as_ref().map(ToString::to_string),
            "features": facts.features,
            "quotas": facts.quotas,
            "check_in": facts.check_in,
            "kid": minted.map(|minted| minted.license.key_id().as_str()),
            "path": (in_file && minted.is_some()).then(|| out.to_string()),
            "token": minted.filter(|_| !in_file).map(|minted| minted.token),
            "dry_run": minted.is_none(),
        })
    }

    /// Warns of what is allowed, but rarely meant.
    pub(super) fn warn(&self, terminal: &Terminal) {
        let (facts, matrix) = (self.facts, self.matrix);
        if let Some(issued_at) = facts.issued_at {
            let warning = warnings::postdated(issued_at, now());
            warning.iter().for_each(|one| print_warning(one, terminal));
        }
        if let Some(end) = facts.expires_at.filter(|end| *end <= now()) {
            terminal.warning("EXPIRED", &format!("the license ended at {end}"));
        }
        if let Some(end) = facts.maintenance_until.filter(|end| *end <= now()) {
            let message = format!("versions built after {end} are not covered, which is past");
            terminal.warning("EXPIRED", &message);
        }
        let entitlements = facts.entitlements();
        for feature in entitlements
            .features()
            .filter(|name| matrix.first_tier_with(name).is_none())
        {
            let message = format!("no tier of {} has the feature {feature}", matrix.product());
            terminal.warning("UNKNOWN_FEATURE", &message);
        }
        let known = |name: &str| {
            matrix
                .tiers()
                .iter()
                .any(|tier| tier.entitlements().quota(name).is_some())
        };
        for (quota, _) in entitlements.quotas().filter(|(name, _)| !known(name)) {
            let message = format!("no tier of {} has the quota {quota}", matrix.product());
            terminal.warning("UNKNOWN_QUOTA", &message);
        }
    }
}

impl Minting<'_> {
    /// The lines of what names it.
    fn names(&self) -> Vec<String> {
        let mut lines = vec![format!("license id {}", self.license.id())];
        let key = self.license.standard_key();
        lines.extend(key.map(|key| format!("key        {key}")));
        lines.extend(self.short_key.map(|key| format!("short key  {key}")));
        lines
    }
}

/// What is sold to whom, and until when.
pub(super) fn summary(facts: &LicenseClaims) -> String {
    let customer = escape(&facts.customer);
    let kind = if facts.trial { "trial of " } else { "" };
    format!("{kind}{} for {customer}, {}", facts.tier(), term(facts))
}

fn term(facts: &LicenseClaims) -> String {
    match (facts.valid_from(), facts.expires_at) {
        (_, None) => "perpetual".to_owned(),
        (None, Some(end)) => format!("until {end}"),
        (Some(start), Some(end)) => {
            format!("until {end} ({})", Span(end.seconds_since(start)))
        }
    }
}

/// What else the license restricts.
fn bounds(facts: &LicenseClaims) -> Vec<String> {
    let mut lines = Vec::new();
    let seats = facts.seats.map(|seats| plural(seats, "seat", "seats"));
    let devices = facts.devices;
    let devices = devices.map(|devices| plural(devices, "device", "devices"));
    let counts: Vec<_> = seats.into_iter().chain(devices).collect();
    if !counts.is_empty() {
        lines.push(format!("counts     {}", counts.join(", ")));
    }
    if facts.must_activate {
        lines.push("activation needed on every machine".to_owned());
    }
    let usage = facts.usage_type.map(UsageType::as_str);
    lines.extend(usage.map(|usage| format!("usage      only {usage}")));
    let built = facts.maintenance_until;
    lines.extend(built.map(|until| format!("versions   built up to {until}")));
    let version = facts.max_version.as_ref();
    lines.extend(version.map(|version| format!("versions   {version}")));
    lines
}

/// What it has that its tier does not, or not so much of, and the other way round.
fn beside_tier(facts: &LicenseClaims, matrix: &Matrix) -> Vec<String> {
    let (has, tier) = (facts.entitlements(), matrix.tier(facts.tier()));
    let Some(tier) = tier.map(TierTerms::entitlements) else {
        return Vec::new();
    };
    let added = has.features().filter(|name| !tier.allows(name));
    let removed = tier.features().filter(|name| !has.allows(name));
    let quotas = has.quotas();
    let quotas = quotas.filter(|(name, quota)| tier.quota(name) != Some(*quota));
    let quotas = quotas.map(|(name, quota)| format!("{name} {quota}"));
    let groups: [(&str, Vec<String>); 3] = [
        ("adds", added.map(str::to_owned).collect()),
        ("lacks", removed.map(str::to_owned).collect()),
        ("quotas", quotas.collect()),
    ];
    let groups = groups.into_iter().filter(|(_, names)| !names.is_empty());
    groups
        .map(|(word, names)| format!("{word:<10} {}", names.join(", ")))
        .collect()
}

/// The users that a license names.
fn named(facts: &LicenseClaims) -> Option<String> {
    let users: Vec<_> = facts.users.iter().map(|user| escape(user)).collect();
    (!users.is_empty()).then(|| users.join(", "))
}

/// The digests of the machines that a license is locked to.
fn locked_to(facts: &LicenseClaims) -> Option<String> {
    let digests = facts.machines.iter().filter_map(Machine::digest);
    let digests: Vec<_> = digests.map(|digest| digest.to_string()).collect();
    (!facts.machines.is_empty()).then(|| format!("only {}", digests.join(", ")))
}

fn check_in(facts: &LicenseClaims) -> String {
    let never = || "never: it works offline for its whole term".to_owned();
    facts.check_in.map_or_else(never, |terms| terms.to_string())
}
