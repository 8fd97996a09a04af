//! A decision as text, as JSON and as an exit code.

use license_cli_support::{Exit, Failure, Terminal, escape, show_path};
use license_client::UnusedFile;
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::{Evidence, Outcome};
use license_core::license::RevocationList;
use license_core::time::rfc3339;
use license_core::{Code, Decision, License, Tier, time};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::notice::Notice;
use super::trust_statements::StatementsReport;
use super::{artifacts, failure};

/// A decision with everything that is printed with it.
pub(crate) struct DecisionReport<'a> {
    pub(crate) decision: &'a Decision,
    pub(crate) notices: &'a [Notice],
    /// The revocation lists that came with the license.
    pub(crate) lists: &'a [RevocationList],
    /// The trust statements that came with the license.
    pub(crate) statements: &'a StatementsReport,
    /// The result of the installation, as members of the JSON object.
    pub(crate) installed: Option<&'a Value>,
    /// Whether the command names a version or a build date of the application.
    pub(crate) is_version_stated: bool,
    /// The installed license files that are not in effect.
    pub(crate) unused: &'a [UnusedFile],
    /// Whether a grace period counts as a denial.
    pub(crate) strict: bool,
}

/// Prints a decision and returns the exit code.
///
/// # Errors
///
/// Returns a failure if standard output cannot be written.
pub(crate) fn print(report: &DecisionReport<'_>, terminal: &Terminal) -> Result<Exit, Failure> {
    let decision = report.decision;
    if terminal.is_json() {
        terminal.json(&Value::Object(report_to_json(report)))?;
    } else {
        terminal.data(&report_to_text(report))?;
        print_warnings(decision, report.notices, terminal);
        if let Some(advice) = advice(decision).filter(|_| !needs_clock_repair(decision)) {
            terminal.note(&format!("hint: {advice}"));
        }
        if report.strict && decision.outcome() == Outcome::Grace {
            terminal.note("denied, because --strict treats a grace period as a denial");
        }
    }
    Ok(exit(decision, report.strict))
}

fn report_to_json(report: &DecisionReport<'_>) -> Map<String, Value> {
    let mut object = to_json(report.decision, report.notices);
    object.insert("revocation_lists".to_owned(), json!(report.lists));
    let covers = report.decision.license().and_then(|license| {
        let _ = versions(license)?;
        let until = license.maintenance_until();
        Some(json!({
            "max_version": license.max_version().map(ToString::to_string),
            "maintenance_until": until.map(|until| rfc3339(until).to_string()),
            "stated": report.is_version_stated,
        }))
    });
    if let Some(covers) = covers {
        object.insert("versions".to_owned(), covers);
    }
    let statements = json!(report.statements.new);
    object.insert("trust_statements".to_owned(), statements);
    if !report.unused.is_empty() {
        let unused = report.unused.iter().map(unused_to_json);
        object.insert("unused_files".to_owned(), unused.collect());
    }
    if let Some(Value::Object(installed)) = report.installed {
        object.extend(installed.clone());
    }
    object
}

fn report_to_text(report: &DecisionReport<'_>) -> String {
    let mut text = to_text(report.decision);
    if let Some(versions) = report.decision.license().and_then(versions) {
        text.push_str(&format!("\n  versions    {versions}"));
        if !report.is_version_stated {
            text.push_str("; the version is not stated here");
        }
    }
    for list in report.lists {
        text.push_str(&format!("\n  revocations {}", artifacts::list_line(list)));
    }
    for statement in report.statements.lines() {
        text.push_str(&format!("\n  trust       {statement}"));
    }
    for file in report.unused {
        text.push_str(&format!("\n  not used    {}", unused_line(file)));
    }
    text
}

/// Returns whether the clock is behind the latest time seen.
fn is_clock_behind(decision: &Decision) -> bool {
    let mut warnings = decision.warnings().iter();
    warnings.any(|warning| warning.code() == Code::ClockBehind)
}

/// Returns whether a license may have ended only because the clock was ahead once. A clock repair
/// then helps, and a renewal does not.
pub(crate) fn needs_clock_repair(decision: &Decision) -> bool {
    let is_about_time = matches!(
        decision.code(),
        Code::Expired | Code::GraceRenewal | Code::CheckInOverdue | Code::GraceOffline
    );
    is_about_time && is_clock_behind(decision)
}

/// Describes an installed license file that is not in effect.
pub(crate) fn unused_line(file: &UnusedFile) -> String {
    let UnusedFile {
        path, tier, code, ..
    } = file;
    format!("{} ({tier} license, {code})", show_path(path))
}

fn unused_to_json(file: &UnusedFile) -> Value {
    json!({
        "path": show_path(&file.path),
        "tier": file.tier.as_str(),
        "code": file.code.as_str(),
    })
}

/// Returns advice about a license that is not valid or is in a grace period.
fn advice(decision: &Decision) -> Option<&'static str> {
    Some(match decision.code() {
        Code::GraceOffline | Code::CheckInOverdue => {
            "install a new validation token, which the vendor issues with `keygen check-in`"
        }
        Code::GraceRenewal | Code::Expired => "ask the vendor for a renewal",
        Code::Revoked if matches!(decision.evidence(), Evidence::Revocation { .. }) => {
            "ask the vendor for the reason, or for another license"
        }
        Code::Suspended | Code::Revoked | Code::Canceled => {
            "ask the vendor for the reason; a later validation token with status `active` restores the license"
        }
        Code::MachineMismatch => {
            "send the output of `license machine` to the vendor; `license explain` shows the differences"
        }
        Code::NotActivated => {
            "send the output of `license request` to the vendor, then install the answer with `license activate FILE`"
        }
        Code::Deactivated => {
            "to use the license on this machine again, send the output of `license request` to the vendor"
        }
        Code::UserMismatch => match decision.evidence() {
            Evidence::User {
                actual: Some(_), ..
            } => "ask the vendor to add this user to the license",
            _ => "give the name of the user with --user",
        },
        Code::UsageMismatch => "`license usage` shows the detected usage type and the reason",
        Code::VersionNotCovered => match decision.evidence() {
            Evidence::Version {
                actual: Some(_), ..
            }
            | Evidence::BuildDate {
                actual: Some(_), ..
            } => "use a covered version, or ask the vendor for an extension",
            Evidence::Version { .. } => "give the version of the application with --app-version",
            _ => "give the build date of the application with --build-date",
        },
        Code::ProductMismatch => "give the product file of the license with --product-file",
        Code::NotYetValid if is_renewal(decision) => {
            "install the renewal now, or verify both licenses in one file; the renewal replaces the current license when the renewal starts"
        }
        Code::NotYetValid => "wait for the first day of the license; no action is needed",
        Code::Superseded => "`license explain` shows every rule",
        _ => return None,
    })
}

fn is_renewal(decision: &Decision) -> bool {
    let license = decision.license();
    license.is_some_and(|license| !license.supersedes().is_empty())
}

/// Returns the exit code of a decision.
pub(crate) fn exit(decision: &Decision, strict: bool) -> Exit {
    match decision.outcome() {
        Outcome::Licensed => Exit::Success,
        Outcome::Grace if !strict => Exit::Success,
        _ => Exit::Denied,
    }
}

/// Prints the warnings of a decision and the notices on standard error.
pub(crate) fn print_warnings(decision: &Decision, notices: &[Notice], terminal: &Terminal) {
    for warning in decision.warnings() {
        terminal.warning(warning.code().as_str(), &warning.to_string());
    }
    if is_clock_behind(decision) {
        terminal.note(&format!("hint: {}", failure::REPAIR_CLOCK));
    }
    for notice in notices {
        notice.print(terminal);
    }
}

/// Returns the JSON object of a decision, with the notices after its warnings.
pub(crate) fn to_json(decision: &Decision, notices: &[Notice]) -> Map<String, Value> {
    let mut members = members(decision);
    if let Some(Value::Array(warnings)) = members.get_mut("warnings") {
        warnings.extend(notices.iter().map(|notice| json!(notice)));
    }
    members
}

/// Returns the members of a library type whose JSON form is an object.
pub(crate) fn members(answer: &impl Serialize) -> Map<String, Value> {
    match json!(answer) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn to_text(decision: &Decision) -> String {
    let Some(license) = decision.license() else {
        return format!(
            "denied: NO_LICENSE\nno license is installed; tier {} is in effect; `license install FILE` installs a license",
            decision.entitlements().tier()
        );
    };
    let mut lines = vec![format!("{}: {}", decision.outcome(), decision.code())];
    if let Some(left) = decision.grace_left() {
        lines.push(format!("valid for {}", time::humanize_more(left)));
    }
    let customer = escape(license.customer());
    lines.push(format!(
        "{} license of {} for {customer}",
        license.tier(),
        license.product()
    ));
    lines.push(format!("  license id  {}", license.id()));
    if let Some(key) = license.standard_key() {
        lines.push(format!("  key         {key}"));
    }
    lines.push(format!("  issued      {}", or_unknown(license.issued_at())));
    lines.push(format!(
        "  expires     {}",
        end(license, decision.evaluated_at())
    ));
    lines.extend(announced_end(decision, license).map(|end| {
        format!(
            "  ends early  {}; `license explain` shows why",
            rfc3339(end)
        )
    }));
    lines.push(format!(
        "  tier now    {}",
        effective(license.tier(), decision)
    ));
    lines.push(format!("  check-in    {}", check_in(license)));
    lines.extend(
        decision
            .check_in()
            .map(|dates| format!("              {}", check_in_dates(dates))),
    );
    if decision.outcome() != Outcome::Licensed {
        lines.push(format!(
            "  expected    {}",
            escape(&decision.evidence().expected())
        ));
        lines.push(format!(
            "  actual      {}",
            escape(&decision.evidence().actual())
        ));
    }
    lines.join("\n")
}

/// Describes the versions that a license covers, if it does not cover all.
pub(crate) fn versions(license: &License) -> Option<String> {
    let matching = license
        .max_version()
        .map(|requirement| format!("that match {}", escape(&requirement.to_string())));
    let built = license
        .maintenance_until()
        .map(|until| format!("built {}", time::describe_last(until)));
    let parts: Vec<_> = matching.into_iter().chain(built).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn or_unknown(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(
        || "unknown; an enterprise key has no issue date".to_owned(),
        |at| rfc3339(at).to_string(),
    )
}

fn end(license: &License, now: DateTime<Utc>) -> String {
    match license.expires_at() {
        None => "never (perpetual)".to_owned(),
        Some(end) if now < end => format!(
            "{}, {} left",
            time::describe_end(end),
            time::humanize(time::duration_since(end, now)),
        ),
        Some(end) => format!(
            "{}, {} ago",
            time::describe_end(end),
            time::humanize(time::duration_since(now, end)),
        ),
    }
}

/// Returns the end of a license that ends before its expiry, such as the date of an announced
/// revocation. The date of the next check-in is printed separately.
pub(crate) fn announced_end(decision: &Decision, license: &License) -> Option<DateTime<Utc>> {
    let check_in_end = match decision.check_in() {
        Some(Evidence::CheckIn { grace_until, .. }) => Some(*grace_until),
        _ => None,
    };
    let end = decision
        .holds_until()
        .filter(|end| Some(*end) != check_in_end)?;
    license
        .expires_at()
        .is_none_or(|expiry| end < expiry)
        .then_some(end)
}

fn effective(license_tier: Tier, decision: &Decision) -> String {
    let tier = decision.entitlements().tier();
    match decision.outcome() {
        Outcome::Denied if tier != license_tier => {
            format!("{tier}, because the license is not valid")
        }
        _ => tier.to_string(),
    }
}

/// Describes the last validation, the next one, and the end of the grace period.
fn check_in_dates(dates: &Evidence) -> String {
    let Evidence::CheckIn {
        last,
        last_validated_at,
        due_at,
        grace_until,
        ..
    } = dates
    else {
        return String::new();
    };
    let last = if last_validated_at.is_some() {
        format!("last {}", rfc3339(*last))
    } else {
        "no check-in yet".to_owned()
    };
    format!(
        "{last}; next due {due_at}; grace until {grace_until}",
        due_at = rfc3339(*due_at),
        grace_until = rfc3339(*grace_until)
    )
}

fn check_in(license: &License) -> String {
    license
        .check_in()
        .map_or_else(|| "not required".to_owned(), |terms| terms.to_string())
}
