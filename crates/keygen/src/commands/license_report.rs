//! Report of an issued license, or of a dry run.

use license_cli_support::{
    Destination, Failure, OutputFile, Terminal, closest, escape, plural, wrap,
};
use license_core::claims::LicenseClaims;
use license_core::machine::Machine;
use license_core::matrix::TierPolicy;
use license_core::policy::{
    BORROW_SEATS, NAMED_USERS, SERVER_QUOTAS, USER_COOL_DOWN_DAYS, UsageType, describe_assignment,
    describe_borrowing,
};
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, time};
use license_issuer::members::MemberLayout;
use license_issuer::services::licenses::SignedLicense;
use license_issuer::services::warnings;
use serde_json::{Map, Value};

use super::issuance::warning_text;
use super::quotation_marks;
use crate::inputs::now;
use crate::{failures, output};

/// Members of the JSON report, which are a public format.
///
/// The text report shows the values of these members in its own lines, and other claims by name.
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
    // Early versions did not report these claims. `keygen inspect` shows them.
    omitted: &[
        "ver", "iss", "serial", "renewal", "company", "cnf", "crit", "ext",
    ],
};

/// Position of the values in the text report.
pub(super) const VALUE_INDENT: usize = 11;

/// Report of a license.
pub(super) struct LicenseReport<'a> {
    pub(super) claims: &'a LicenseClaims,
    pub(super) matrix: &'a FeatureMatrix,
    pub(super) signed: Option<&'a SignedLicense>,
    /// Losses of the customer if the license replaces another one.
    pub(super) losses: Option<&'a [String]>,
    /// Name of the license server, if its request is given.
    pub(super) server_name: Option<&'a str>,
}

impl LicenseReport<'_> {
    /// Returns the report as a JSON object.
    pub(super) fn to_json(&self, output: &OutputFile) -> Result<Value, Failure> {
        let mut members = self.members(output)?;
        if let Some(losses) = self.losses {
            members.insert("losses".to_owned(), losses.into());
        }
        if let Some(key) = server_key(self.claims) {
            members.insert("server_key".to_owned(), key.into());
            members.insert("server_name".to_owned(), self.server_name.into());
        }
        Ok(members.into())
    }

    /// Prints the report. If the license goes to standard output, the report goes to standard
    /// error.
    pub(super) fn print(&self, output: &OutputFile, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            return terminal.json(&self.to_json(output)?);
        }
        let text = self.text(output, terminal.columns())?;
        match (&output.out, self.signed) {
            (Destination::Stdout, Some(_)) => terminal.note(&text),
            _ => terminal.data(&text)?,
        }
        Ok(())
    }

    fn text(&self, output: &OutputFile, columns: Option<usize>) -> Result<String, Failure> {
        let claims = self.claims;
        let mut lines = Vec::new();
        let check_in = check_in(claims);
        if claims.check_in.is_some() {
            lines.push(check_in.clone());
        }
        match (output.path(), self.signed) {
            (_, None) => lines.push(output::dry_run_line(&output.out)),
            (Some(path), _) => lines.push(format!("wrote      {path}")),
            (None, Some(_)) => {}
        }
        lines.push(format!("license    {}", summary(claims)));
        lines.push(format!("product    {}", claims.product));
        let start = claims.starts_at();
        lines.extend(start.map(|start| format!("starts     {}", rfc3339(start))));
        if let Some(signed) = self.signed {
            lines.push(format!("license id {}", signed.license.id()));
            let key = signed.license.standard_key();
            lines.extend(key.map(|key| format!("key        {key}")));
            let short = signed.short_key.as_ref();
            lines.extend(short.map(|key| format!("short key  {key}")));
        }
        lines.extend(
            claims
                .supersedes
                .last()
                .map(|id| format!("replaces   {id}")),
        );
        lines.extend(user_names(claims).map(|names| format!("users      only {names}")));
        lines.extend(machine_digests(claims).map(|names| format!("machines   {names}")));
        let server = self.server_name;
        lines.extend(server.map(|name| format!("server     {}", escape(name))));
        lines.extend(server_key(claims).map(|key| format!("server key {key}")));
        lines.extend(restriction_lines(claims));
        lines.extend(tier_differences(claims, self.matrix));
        lines.extend(claims.check_in.is_none().then_some(check_in));
        let others = self.members(output)?.into_iter();
        // A line above describes the claim `floating`.
        let is_shown = |name: &str| name == "floating" || MEMBERS.always.contains(&name);
        let others = others.filter(|(name, _)| !is_shown(name));
        lines.extend(
            others.map(|(name, value)| format!("{name:<10} {}", escape(&value.to_string()))),
        );
        let lines = lines.iter().map(|line| wrap(line, columns, VALUE_INDENT));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// Returns the members of the report.
    fn members(&self, output: &OutputFile) -> Result<Map<String, Value>, Failure> {
        let signed = self.signed;
        let path = output.path();
        let in_file = path.is_some();
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
            ("path", path.filter(|_| signed.is_some()).into()),
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

/// Returns the codes and messages of warnings about claims that are allowed but rarely intended.
pub(super) fn warnings(
    claims: &LicenseClaims,
    matrix: &FeatureMatrix,
) -> Vec<(&'static str, String)> {
    let (mut found, now) = (Vec::new(), now());
    let postdated = claims.issued_at.and_then(|at| warnings::postdated(at, now));
    found.extend(postdated.as_ref().map(warning_text));
    if let Some(end) = claims.expires_at.filter(|end| *end <= now) {
        found.push(("EXPIRED", format!("the license ended at {}", rfc3339(end))));
    }
    if let Some(end) = claims.maintenance_until.filter(|end| *end <= now) {
        let message = format!(
            "maintenance ended at {}: versions built later are not covered",
            rfc3339(end)
        );
        found.push(("EXPIRED", message));
    }
    found.extend(quoted_names(claims));
    let entitlements = claims.entitlements();
    let features = entitlements.features();
    let unknown = features.filter(|name| matrix.first_tier_with(name).is_none());
    found.extend(unknown.map(|feature| {
        let message = format!("no tier of {} has the feature {feature}", matrix.product());
        ("UNKNOWN_FEATURE", message)
    }));
    let known = || matrix.quotas().chain(SERVER_QUOTAS);
    let is_unknown = |name: &str| known().all(|known| known != name);
    let unknown = entitlements.quotas().filter(|(name, _)| is_unknown(name));
    found.extend(unknown.map(|(quota, _)| {
        let similar = closest(quota, known());
        let hint = similar.map_or_else(String::new, |similar| format!("; did you mean {similar}?"));
        let product = matrix.product();
        let message = format!("no tier of {product} has the quota {quota}{hint}");
        ("UNKNOWN_QUOTA", message)
    }));
    found.extend(ineffective_quotas(claims));
    found
}

/// Returns warnings about quotas for license servers that have no effect in this license.
fn ineffective_quotas(claims: &LicenseClaims) -> Vec<(&'static str, String)> {
    let entitlements = claims.entitlements();
    let quotas = SERVER_QUOTAS.iter();
    let quotas = quotas.filter(|name| entitlements.quota(name).is_some());
    let messages = quotas.filter_map(|name| {
        if claims.confirmation.is_none() {
            let reason = "the license names no license server";
            return Some(format!("the quota {name} has no effect, because {reason}"));
        }
        let reason = match *name {
            BORROW_SEATS if describe_borrowing(&entitlements).is_none() => {
                "borrow_days permits no loan"
            }
            USER_COOL_DOWN_DAYS if entitlements.quota(NAMED_USERS).is_none() => {
                "the license has no quota named_users"
            }
            NAMED_USERS if !claims.users.is_empty() => "the license names its users itself",
            NAMED_USERS if !claims.requires_seat && claims.check_in.is_none() => {
                "programs use the license without asking a license server; add --floating, or \
                 issue it without --offline"
            }
            _ => return None,
        };
        Some(format!("the quota {name} has no effect, because {reason}"))
    });
    messages
        .map(|message| ("INEFFECTIVE_QUOTA", message))
        .collect()
}

/// Returns warnings about names in quotation marks.
///
/// A successor has the customer of the license that it replaces, so this warning is not repeated.
fn quoted_names(claims: &LicenseClaims) -> Vec<(&'static str, String)> {
    let customer = claims.supersedes.is_empty().then_some(&claims.customer);
    let customer = customer.and_then(|name| quotation_marks::around(name));
    let customer = customer.map(|mark| {
        let mark = named_mark(mark);
        format!("the name of the customer begins or ends with {mark}, which is part of the name; issue the license without it if it was pasted")
    });
    let user = claims
        .users
        .iter()
        .find_map(|name| quotation_marks::around(name));
    let user = user.map(|mark| {
        let mark = named_mark(mark);
        format!("the name of a user begins or ends with {mark}, so the license is valid only for a user whose name contains it; issue the license without it if it was pasted")
    });
    let messages = customer.into_iter().chain(user);
    messages
        .map(|message| ("QUOTATION_MARK", message))
        .collect()
}

fn named_mark(mark: char) -> String {
    format!("the quotation mark {mark} (U+{:04X})", u32::from(mark))
}

/// Returns the tier, customer and term of a license.
pub(super) fn summary(claims: &LicenseClaims) -> String {
    let customer = escape(&claims.customer);
    let kind = if claims.trial { "trial of " } else { "" };
    format!("{kind}{} for {customer}, {}", claims.tier(), term(claims))
}

fn term(claims: &LicenseClaims) -> String {
    match (claims.valid_from(), claims.expires_at) {
        (_, None) => "perpetual".to_owned(),
        (None, Some(end)) => time::describe_end(end),
        (Some(start), Some(end)) => {
            format!(
                "{}, {}",
                time::describe_end(end),
                time::humanize(time::duration_since(end, start)),
            )
        }
    }
}

/// Returns lines with the counts, activation, usage type and versions of a license.
fn restriction_lines(claims: &LicenseClaims) -> Vec<String> {
    let mut lines = Vec::new();
    let seats = claims.seats.map(|seats| plural(seats, "seat", "seats"));
    let devices = claims.devices;
    let devices = devices.map(|devices| plural(devices, "device", "devices"));
    let counts: Vec<_> = seats.into_iter().chain(devices).collect();
    if !counts.is_empty() {
        lines.push(format!("counts     {}", counts.join(", ")));
    }
    if claims.must_activate {
        lines.push("activation required on each machine".to_owned());
    }
    if claims.requires_seat {
        lines.push("floating   a seat of the license server is required".to_owned());
    }
    let borrowing = describe_borrowing(&claims.entitlements());
    let borrowing = borrowing.filter(|_| claims.confirmation.is_some());
    lines.extend(borrowing.map(|bounds| format!("borrowing  {bounds}")));
    let assigned = describe_assignment(&claims.entitlements());
    let assigned = assigned.filter(|_| claims.confirmation.is_some());
    lines.extend(assigned.map(|bounds| format!("users      {bounds}")));
    let usage = claims.usage_type.map(UsageType::as_str);
    lines.extend(usage.map(|usage| format!("usage      only {usage}")));
    let built = claims.maintenance_until;
    lines.extend(built.map(|until| format!("versions   built {}", time::describe_last(until))));
    let version = claims.max_version.as_ref();
    lines.extend(version.map(|version| format!("versions   {version}")));
    lines
}

/// Returns lines with the differences between a license and its tier.
fn tier_differences(claims: &LicenseClaims, matrix: &FeatureMatrix) -> Vec<String> {
    let (own, tier) = (claims.entitlements(), matrix.tier(claims.tier()));
    let Some(tier) = tier.map(TierPolicy::entitlements) else {
        return Vec::new();
    };
    let added = own.features().filter(|name| !tier.allows(name));
    let removed = tier.features().filter(|name| !own.allows(name));
    let quotas = own.quotas();
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

/// Returns the id of the key of the customer's license server.
fn server_key(claims: &LicenseClaims) -> Option<&str> {
    let server = claims.confirmation.as_ref()?;
    Some(server.key().id().as_str())
}

/// Returns the named users of a license.
fn user_names(claims: &LicenseClaims) -> Option<String> {
    let users: Vec<_> = claims.users.iter().map(|user| escape(user)).collect();
    (!users.is_empty()).then(|| users.join(", "))
}

/// Returns the digests of the machines that a license is locked to.
fn machine_digests(claims: &LicenseClaims) -> Option<String> {
    let digests = claims.machines.iter().filter_map(Machine::digest);
    let digests: Vec<_> = digests.map(|digest| digest.to_string()).collect();
    (!claims.machines.is_empty()).then(|| format!("only {}", digests.join(", ")))
}

/// Returns the line about check-ins. A license that must check in starts its report with this line,
/// because without a check-in it ends earlier than its term.
fn check_in(claims: &LicenseClaims) -> String {
    match claims.check_in {
        None => "check-in   not required".to_owned(),
        Some(policy) => format!(
            "check-in   required every {} hours; without one, it ends after {} hours",
            policy.every().num_hours(),
            policy.grace().num_hours()
        ),
    }
}
