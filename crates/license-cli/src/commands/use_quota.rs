//! `license use`.

use license_cli_support::{Exit, Failure, Meaning, Screen, Terminal, escape, show_name};
use license_client::{QuotaError, StoreError, UsageAccount};
use license_core::evaluate::Outcome;
use license_core::policy::Quota;
use license_core::state::QuotaUse;
use license_core::time::rfc3339;
use license_core::{Code, Decision, FeatureMatrix, time, with_causes};
use serde_json::{Value, json};

use crate::args::Use;
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::notice::{self, Notice};
use crate::output::{decision, failure, labels};

/// Counts a use of a quota.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, arguments: &Use, terminal: &Terminal) -> Result<Exit, Failure> {
    let name = arguments.quota.as_str();
    if arguments.context.at.is_some() {
        let message = "--at cannot be used here: a use is counted at the current time";
        return Err(
            Failure::usage(message).hint("omit --at; the count 0 shows the remaining amount")
        );
    }
    // A quota of the base tier needs no license, even if the installed one is damaged.
    let mut evaluation = app.installed_if_usable(&arguments.context);
    evaluation.needs_version = true;
    let decision = evaluation.decide();
    let in_grace = decision.outcome() == Outcome::Grace;
    let limit = if in_grace && arguments.context.strict {
        app.matrix.base_tier().entitlements().quota(name)
    } else {
        decision.quota(name)
    };
    let Some(limit) = limit else {
        return Err(no_such_quota(name, &decision, &app.matrix));
    };
    let account = UsageAccount::new(&decision, arguments.context.user.as_deref());
    let report = app.manager.use_quota(account, name, arguments.count, limit);
    let report = report.map_err(|error| not_counted(name, &error))?;
    let mut notices = evaluation.notices;
    notice::add_missing(&mut notices, report.problems.iter().map(Notice::state));
    notices.extend(denial(&decision, &app.matrix));
    let used = report.quota_use;
    let label = app.matrix.quota_label(name);
    if used.granted && used.is_low() {
        notices.push(Notice::with_code(Code::QuotaLow, low(label, &used)));
    }
    if terminal.is_json() {
        terminal.json(&to_json(name, &used, &decision, &notices))?;
    } else {
        terminal.data(&sentence(label, &used, terminal.screen()))?;
        decision::print_warnings(&decision, &notices, terminal);
    }
    Ok(if used.granted {
        Exit::Success
    } else {
        Exit::Denied
    })
}

/// Returns the failure of a use that cannot be counted. The use is denied. If another process only
/// has the lock, the system failed.
fn not_counted(name: &str, error: &QuotaError) -> Failure {
    let (found, cause) = match error {
        QuotaError::Store(busy @ StoreError::Busy { .. }) => return failure::store(busy),
        QuotaError::Store(error) => (with_causes(error), failure::store(error)),
        QuotaError::StateDir(error) => (with_causes(error), failure::home(error)),
        other => return Failure::new(Exit::System, "IO", with_causes(other)),
    };
    let code = Code::QuotaNotCounted.as_str();
    let expected = "expected a state directory in which the use can be counted";
    let message = format!("{expected}, found: {found}");
    Failure::new(Exit::Denied, code, message)
        .with_subject(&format!("{}: {code}", escape(name)))
        .hint(cause.advice().unwrap_or_default())
}

fn no_such_quota(name: &str, decision: &Decision, matrix: &FeatureMatrix) -> Failure {
    let known = decision.entitlements().quotas().map(|(name, _)| name);
    let known = known.collect::<Vec<_>>().join(", ");
    let tier = labels::effective_tier(decision, matrix);
    let expected = format!("expected a quota of tier {tier}");
    let advice = labels::advice(name, matrix.quota_labels(), "use");
    let advice = advice.unwrap_or_else(|| format!("use one of these quotas: {known}"));
    Failure::usage(format!("{expected}, found {}", show_name(name))).hint(advice)
}

/// Returns a notice if the installed license is denied.
fn denial(decision: &Decision, matrix: &FeatureMatrix) -> Option<Notice> {
    let license = decision.license()?;
    let (tier, explain) = (
        labels::effective_tier(decision, matrix),
        command!("explain"),
    );
    let message = format!(
        "the {} license is denied, so tier {tier} applies: expected {}, found {}; {explain} shows each rule",
        labels::tier(license, matrix),
        escape(&decision.evidence().expected()),
        escape(&decision.evidence().actual())
    );
    (decision.outcome() == Outcome::Denied).then(|| Notice::with_code(decision.code(), message))
}

fn to_json(name: &str, used: &QuotaUse, decision: &Decision, notices: &[Notice]) -> Value {
    let about_license = json!({
        "tier": decision.entitlements().tier().as_str(),
        "decision": decision.outcome(),
        "license_code": decision.code().as_str(),
        "warnings": notice::warnings_to_json(decision.warnings(), notices),
    });
    let mut members = decision::members(&json!({ "quota": name }));
    members.extend(decision::members(used));
    members.extend(decision::members(&about_license));
    Value::Object(members)
}

fn sentence(label: &str, used: &QuotaUse, screen: Screen) -> String {
    let (name, refills) = (escape(label), refills(used));
    let requested = used.requested;
    let (meaning, result) = if used.granted {
        (Meaning::Good, "granted")
    } else {
        (Meaning::Bad, "denied")
    };
    let rest = match (used.granted, used.limit) {
        (true, Quota::Unlimited) => format!("{name}: {} used today, unlimited", used.used),
        (true, limit) => {
            let (used, left) = (used.used, used.remaining());
            format!("{name}: {used} of {limit} used today, {left} left; {refills}")
        }
        (false, limit) => format!(
            "{name}: {}: expected at most {limit} a day, found {} used and {requested} requested; {refills}",
            Code::QuotaExhausted,
            used.used
        ),
    };
    screen.sentence(meaning, result, &rest)
}

fn refills(used: &QuotaUse) -> String {
    let left = time::duration_since(used.refills_at, license_client::now());
    let at = time::rfc3339(used.refills_at);
    if left.is_zero() {
        format!("refills at {at}")
    } else {
        format!("refills at {at}, in {}", time::humanize(left))
    }
}

fn low(label: &str, used: &QuotaUse) -> String {
    let (name, left) = (escape(label), used.remaining());
    format!(
        "{} of {} {name} used today, {left} left until {}",
        used.used,
        used.limit,
        rfc3339(used.refills_at)
    )
}
