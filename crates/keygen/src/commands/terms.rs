//! What is told of a license, whether it is minted or would be.

use license_cli_support::{Destination, Failure, Terminal, escape, plural};
use license_core::{LicenseClaims, Machine, Matrix, Span, TierTerms, UsageType};
use license_issuer::members::MemberLayout;
use license_issuer::services::licenses::SignedLicense;
use license_issuer::services::warnings;
use serde_json::{Map, Value};

use super::issuing::print_warning;
use crate::inputs::now;
use crate::{failures, output};

/// The members of the report. They are a public format, so they stay. The text has a line of its own
/// for each of them that matters to the vendor, and shows all other claims by name.
const MEMBERS: MemberLayout = MemberLayout {
    always: &[
        "license_id",
        "key",
        "short_key",
        "product",
        "tier",
        "customer",
        "issued_at",
        "not_before",
        "expires_at",
        "trial",
        "supersedes",
        "users",
        "machines",
        "seats",
        "devices",
        "activation",
        "usage_type",
        "maintenance_until",
        "max_version",
        "features",
        "quotas",
        "check_in",
        "kid",
        "path",
        "token",
        "dry_run",
    ],
    // The first versions did not report these. `keygen inspect` shows them.
    omitted: &[
        "ver", "iss", "serial", "renewal", "company", "cnf", "crit", "ext",
    ],
};

/// The report of a license that is issued, or would be.
pub(super) struct Terms<'a> {
    pub(super) claims: &'a LicenseClaims,
    pub(super) matrix: &'a Matrix,
    pub(super) signed: Option<&'a SignedLicense>,
    /// The losses of the customer, if the license replaces another one.
    pub(super) losses: Option<&'a [String]>,
}

impl Terms<'_> {
    /// Returns the report as a JSON object.
    pub(super) fn to_report(&self, out: &Destination) -> Result<Value, Failure> {
        let mut members = self.members(out)?;
        if let Some(losses) = self.losses {
            members.insert("losses".to_owned(), losses.into());
        }
        Ok(members.into())
    }

    /// Prints the report. Where the license itself goes to standard output, the report goes to
    /// standard error.
    pub(super) fn tell(&self, out: &Destination, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            return terminal.json(&self.to_report(out)?);
        }
        let text = self.text(out)?;
        match (out, self.signed) {
            (Destination::Stdout, Some(_)) => terminal.note(&text),
            _ => terminal.data(&text)?,
        }
        Ok(())
    }

    fn text(&self, out: &Destination) -> Result<String, Failure> {
        let facts = self.claims;
        let mut lines = Vec::new();
        match (out, self.signed) {
            (_, None) => lines.push(output::dry_run_line(out)),
            (Destination::File(_), _) => lines.push(format!("wrote      {out}")),
            _ => {}
        }
        lines.push(format!("license    {}", summary(facts)));
        let start = facts.starts_at();
        lines.extend(start.map(|start| format!("starts     {start}")));
        if let Some(signed) = self.signed {
            lines.push(format!("license id {}", signed.license.id()));
            let key = signed.license.standard_key();
            lines.extend(key.map(|key| format!("key        {key}")));
            let short = signed.short_key.as_ref();
            lines.extend(short.map(|key| format!("short key  {key}")));
        }
        lines.extend(facts.supersedes.last().map(|id| format!("replaces   {id}")));
        lines.extend(named(facts).map(|names| format!("users      only {names}")));
        lines.extend(locked_to(facts).map(|names| format!("machines   {names}")));
        lines.extend(bounds(facts));
        lines.extend(beside_tier(facts, self.matrix));
        lines.push(format!("check-in   {}", check_in(facts)));
        let others = self.members(out)?.into_iter();
        let others = others.filter(|(name, _)| !MEMBERS.always.contains(&name.as_str()));
        lines.extend(
            others.map(|(name, value)| format!("{name:<10} {}", escape(&value.to_string()))),
        );
        Ok(lines.join("\n"))
    }

    /// Returns the members of the report.
    fn members(&self, out: &Destination) -> Result<Map<String, Value>, Failure> {
        let signed = self.signed;
        let in_file = matches!(out, Destination::File(_));
        let key = signed.and_then(|signed| signed.license.standard_key());
        let derived = [
            (
                "license_id",
                signed.map(|signed| signed.license.id().as_str()).into(),
            ),
            ("key", key.map(|key| key.to_string()).into()),
            (
                "short_key",
                signed.and_then(|signed| signed.short_key.as_deref()).into(),
            ),
            (
                "kid",
                signed.map(|signed| signed.license.key_id().as_str()).into(),
            ),
            (
                "path",
                (in_file && signed.is_some())
                    .then(|| out.to_string())
                    .into(),
            ),
            (
                "token",
                signed
                    .filter(|_| !in_file)
                    .map(|signed| signed.token.as_str())
                    .into(),
            ),
            ("dry_run", signed.is_none().into()),
        ];
        let members = MEMBERS.describe(self.claims, derived);
        members.map_err(|error| failures::not_verified("license", &error))
    }
}

/// Warns of terms that are allowed and rarely intended.
pub(super) fn warn(facts: &LicenseClaims, matrix: &Matrix, terminal: &Terminal) {
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
