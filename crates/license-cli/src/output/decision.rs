//! A decision as text, as JSON and as an exit code.

use license_cli_support::{
    Exit, Failure, Fields, Meaning, Screen, Terminal, escape, show_path, wrap,
};
use license_client::{HeldSeat, UnusedFile};
use license_core::evaluate::{Evidence, Outcome};
use license_core::license::RevocationList;
use license_core::time::rfc3339;
use license_core::{Code, Decision, FeatureMatrix, License, time};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::license_details::LicenseDetails;
use super::license_place::LicensePlace;
use super::notice::Notice;
use super::quotas::{self, NamedQuotaUse};
use super::trust_statements::StatementsReport;
use super::{artifacts, dates, failure, held_seat, labels};
use crate::embedded::{self, command};

/// A decision with everything that is printed with it.
pub(crate) struct DecisionReport<'a> {
    pub(crate) decision: &'a Decision,
    /// The product with its labels.
    pub(crate) matrix: &'a FeatureMatrix,
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
    /// The terms of the license, and the artifacts that belong to it.
    pub(crate) details: Option<LicenseDetails<'a>>,
    /// Where the license is stored.
    pub(crate) place: LicensePlace,
    /// The floating seat that the decision counts.
    pub(crate) seat: Option<&'a HeldSeat>,
    /// The use of each quota today.
    pub(crate) quotas: &'a [NamedQuotaUse],
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
        terminal.page(&report_to_text(report, terminal.screen()))?;
        print_warnings(decision, report.notices, terminal);
        if let Some(advice) = advice(decision, report.place) {
            terminal.hint(advice);
        }
        if report.strict && decision.outcome() == Outcome::Grace {
            terminal.note("denied, because --strict treats a grace period as a denial");
        }
    }
    Ok(exit(decision, report.strict))
}

fn report_to_json(report: &DecisionReport<'_>) -> Map<String, Value> {
    let mut object = to_json(report.decision, report.matrix, report.notices);
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
    let details = report.details.as_ref().map(LicenseDetails::to_json);
    object.insert("license".to_owned(), json!(details));
    if let Some(seat) = report.seat {
        object.insert("seat".to_owned(), held_seat::to_json(seat));
    }
    if !report.quotas.is_empty() {
        object.insert("quota_uses".to_owned(), quotas::to_json(report.quotas));
    }
    if !report.unused.is_empty() {
        let unused = report.unused.iter().map(unused_to_json);
        object.insert("unused_files".to_owned(), unused.collect());
    }
    if let Some(Value::Object(installed)) = report.installed {
        object.extend(installed.clone());
    }
    object
}

fn report_to_text(report: &DecisionReport<'_>, screen: Screen) -> String {
    let mut text = headline(report.decision, report.matrix, report.strict, screen);
    if let Some(license) = report.decision.license() {
        let mut fields = fields(report, license, screen);
        if let Some(versions) = versions(license) {
            let unstated = "; the version is not stated here";
            let note = if report.is_version_stated {
                ""
            } else {
                unstated
            };
            fields.add("versions", format!("{versions}{note}"));
        }
        for list in report.lists {
            fields.add("revocation", artifacts::list_line(list));
        }
        for statement in report.statements.lines() {
            fields.add("trust", statement);
        }
        for file in report.unused {
            fields.add("not used", unused_line(file));
        }
        text = format!("{text}\n{}", fields.to_text(screen.columns()));
    }
    if report.quotas.is_empty() {
        return text;
    }
    format!("{text}\n\n{}", quotas::to_text(report.quotas, screen))
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
        path,
        tier_label: tier,
        code,
        ..
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

/// Returns advice about a license that is not valid or is in a grace period. The warnings already
/// contain the advice to repair the clock.
pub(crate) fn advice(decision: &Decision, place: LicensePlace) -> Option<&'static str> {
    if needs_clock_repair(decision) {
        return None;
    }
    Some(match decision.code() {
        Code::GraceOffline | Code::CheckInOverdue => {
            "install a new validation token; ask the vendor for one"
        }
        // A trial cannot be renewed.
        Code::GraceRenewal | Code::Expired if decision.license().is_some_and(License::is_trial) => {
            "ask the vendor for a license in place of the trial"
        }
        Code::GraceRenewal | Code::Expired => "ask the vendor for a renewal",
        Code::Revoked if matches!(decision.evidence(), Evidence::Revocation { .. }) => {
            "ask the vendor for another license"
        }
        Code::Suspended | Code::Revoked | Code::Canceled => {
            "ask the vendor for the reason; a later validation token with status `active` restores the license"
        }
        Code::MachineMismatch => {
            concat!(
                "send the output of ",
                command!("machine"),
                " to the vendor; ",
                command!("explain"),
                " shows the differences"
            )
        }
        Code::NotActivated => place.activation(),
        Code::SeatRequired => SEAT_REQUIRED,
        Code::Deactivated => {
            concat!(
                "to use the license on this machine again, send the output of ",
                command!("request"),
                " to the vendor"
            )
        }
        Code::UserMismatch => match decision.evidence() {
            Evidence::User {
                actual: Some(_), ..
            } => "ask the vendor to add this user to the license",
            _ => "give the name of the user with --user",
        },
        Code::UsageMismatch => concat!(
            command!("usage"),
            " shows the detected usage type and the reason"
        ),
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
        Code::ProductMismatch => embedded::product_text(
            "use the program of the product that the license is for",
            "give the product file of the license with --product-file",
        ),
        Code::NotYetValid if is_renewal(decision) && place.is_installed => renewal_alone(place),
        Code::NotYetValid if is_renewal(decision) => {
            "install the renewal now, or verify both licenses in one file; the renewal replaces the current license when the renewal starts"
        }
        Code::NotYetValid => "wait for the first day of the license; no action is needed",
        Code::Superseded => concat!(command!("explain"), " shows every rule"),
        _ => return None,
    })
}

/// The advice about a license that requires a floating seat.
pub(crate) const SEAT_REQUIRED: &str = if cfg!(feature = "online") {
    concat!(
        "start the program with ",
        command!("run -- PROGRAM"),
        ", or take a seat for this project with ",
        command!("seat acquire"),
        "; a program that acquires a seat itself needs neither"
    )
} else {
    "start a program that acquires a seat from the license server; its child processes count the seat"
};

/// Returns advice about an installed renewal that has not started, without the license before it.
fn renewal_alone(place: LicensePlace) -> &'static str {
    match (place.has_replaced, place.is_for_all_users) {
        (false, _) => {
            "also install the current license; the renewal replaces the current license when the renewal starts"
        }
        (true, false) => concat!(
            command!("restore --force"),
            " restores the replaced license"
        ),
        (true, true) => concat!(
            command!("restore --system --force"),
            " restores the replaced license"
        ),
    }
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
        terminal.hint(failure::REPAIR_CLOCK);
    }
    for notice in notices {
        notice.print(terminal);
    }
}

/// Returns the JSON object of a decision, with the labels of the product, and with the notices
/// after its warnings.
pub(crate) fn to_json(
    decision: &Decision,
    matrix: &FeatureMatrix,
    notices: &[Notice],
) -> Map<String, Value> {
    let mut members = members(decision);
    if matrix.has_labels() {
        members.insert("labels".to_owned(), labels::to_json(matrix));
    }
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

/// Returns the meaning of a decision. `is_strict` treats a grace period as a denial.
pub(crate) fn meaning(decision: &Decision, is_strict: bool) -> Meaning {
    match decision.outcome() {
        Outcome::Licensed => Meaning::Good,
        Outcome::Grace if !is_strict => Meaning::Warning,
        _ => Meaning::Bad,
    }
}

/// Returns the decision, and the license that it is about.
fn headline(
    decision: &Decision,
    matrix: &FeatureMatrix,
    is_strict: bool,
    screen: Screen,
) -> String {
    let meaning = meaning(decision, is_strict);
    let line = |text: &str| wrap(text, screen.columns(), 0);
    let Some(license) = decision.license() else {
        let (tier, install) = (
            labels::effective_tier(decision, matrix),
            command!("install FILE"),
        );
        let advice = format!(
            "no license is installed; tier {tier} is in effect; {install} installs a license"
        );
        let verdict = screen.verdict(meaning, "denied: NO_LICENSE");
        return format!("{verdict}\n{}", line(&advice));
    };
    let verdict = format!("{}: {}", decision.outcome(), decision.code());
    let mut lines = vec![screen.verdict(meaning, &verdict)];
    if let Some(left) = decision.grace_left() {
        lines.push(format!("valid for {}", time::humanize_more(left)));
    }
    let customer = escape(license.customer());
    let (tier, product) = (
        labels::tier(license, matrix),
        labels::product(license, matrix),
    );
    lines.push(line(&format!("{tier} license of {product} for {customer}")));
    lines.join("\n")
}

/// Returns the license of a decision as fields.
fn fields(report: &DecisionReport<'_>, license: &License, screen: Screen) -> Fields {
    let decision = report.decision;
    let mut fields = Fields::new();
    if decision.outcome() != Outcome::Licensed {
        fields.add("expected", decision.evidence().expected());
        fields.add("actual", decision.evidence().actual());
    }
    fields.add("license id", license.id().to_string());
    if let Some(key) = license.standard_key() {
        fields.add("key", key.to_string());
    }
    fields.add("issued", dates::or_unknown(license.issued_at()));
    fields.add("expires", dates::end(license, decision.evaluated_at()));
    if let Some(term) = dates::term(license, decision, screen) {
        fields.add("", term);
    }
    if let Some(end) = dates::announced_end(decision, license) {
        let text = format!("{}; {} shows why", rfc3339(end), command!("explain"));
        fields.add("ends early", text);
    }
    fields.add("tier now", effective(license, decision, report.matrix));
    if let Some(details) = &report.details {
        details.add_terms(&mut fields);
    }
    if let Some(seat) = report.seat {
        fields.add("seat", held_seat::line(seat, license_client::now()));
    }
    fields.add("check-in", dates::check_in(license));
    if let Some(check_in) = decision.check_in() {
        fields.add("", dates::check_in_dates(check_in));
    }
    if let Some(details) = &report.details {
        details.add_installation(&mut fields);
    }
    fields
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

fn effective(license: &License, decision: &Decision, matrix: &FeatureMatrix) -> String {
    let tier = labels::effective_tier(decision, matrix);
    match decision.outcome() {
        Outcome::Denied if decision.entitlements().tier() != license.tier() => {
            let reason = match decision.code() {
                Code::SeatRequired => "because no seat is held",
                _ => "because the license is not valid",
            };
            format!("{tier}, {reason}")
        }
        _ => tier,
    }
}
