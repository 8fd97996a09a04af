//! A decision as text, as JSON and as an exit code.

use std::path::Path;

use license_client::{
    Account, Host, InstallationError, SealError, Snapshot, StateFile, StateProblem,
};
use license_core::{Code, Decision, Evidence, License, Outcome, Quota, Span, Tier, Timestamp};
use license_terminal::{Exit, Failure, Terminal, escape, show_path};
use serde_json::{Map, Value, json};

use crate::command::lists;
use crate::failure;
use crate::subject::Case;

/// The code of what is wrong with trust statements, or of those that do not count here.
const TRUST: &str = "TRUST";
/// The code of what is wrong with what this machine remembers.
const STATE: &str = "STATE";

/// Something worth knowing of this machine beside an answer.
#[derive(PartialEq, Eq)]
pub(crate) struct Notice {
    code: String,
    message: String,
}

impl Notice {
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        Self {
            code: failure.code().to_owned(),
            message: failure.message().to_owned(),
        }
    }

    pub(crate) fn of_code(code: Code, message: String) -> Self {
        Self {
            code: code.as_str().to_owned(),
            message,
        }
    }

    /// Trust statements that change nothing here.
    pub(crate) fn of_trust(message: String) -> Self {
        Self {
            code: TRUST.to_owned(),
            message,
        }
    }

    /// What was given up lies with the administrator too.
    pub(crate) fn shared(path: &Path) -> Self {
        let path = show_path(path);
        Self {
            code: "STILL_ACTIVE".to_owned(),
            message: format!(
                "{path}, which is the administrator's, holds an activation of the license for this machine too: it counts for everybody who \
                uses the machine until the administrator takes it out"
            ),
        }
    }

    /// Nothing tells this machine from others.
    pub(crate) fn nameless() -> Self {
        Self {
            code: "MACHINE".to_owned(),
            message: "nothing names this machine, so that its sessions are those of others like it; `license machine` says why".to_owned(),
        }
    }

    pub(crate) fn of_installation(error: &InstallationError) -> Self {
        let failure = failure::not_installed(error);
        let message = match failure.advice() {
            Some(advice) => format!("{}; {advice}", failure.message()),
            None => failure.message().to_owned(),
        };
        Self {
            code: STATE.to_owned(),
            message,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn of_state(problem: &StateProblem) -> Self {
        let what_to_do = match problem {
            StateProblem::Sealed {
                source: SealError::OtherMachine { .. },
                ..
            } => "; this machine counts by itself",
            StateProblem::Sealed { path, .. } if holds_activations(path) => {
                "; activations in it are lost: `license request` asks for others"
            }
            StateProblem::Sealed { .. } => {
                "; counts and check-ins in it are lost: install the latest check-in again"
            }
            StateProblem::Journal(_) => "; nothing else depends on it",
            StateProblem::Trust(_) => {
                "; install what the vendor sent of keys again: `license install FILE`"
            }
            StateProblem::Revocations(_) => "; install the latest list: `license install FILE`",
            _ => "",
        };
        let code = match problem {
            StateProblem::Revocations(problem) => problem.code().map(Code::as_str),
            StateProblem::Trust(_) => Some(TRUST),
            _ => None,
        };
        Self {
            code: code.unwrap_or(STATE).to_owned(),
            message: format!("{}{what_to_do}", failure::line(problem)),
        }
    }
}

/// An id that was given and does not count: the machine goes by another until that is mended.
fn given_id(host: &Host) -> Option<Notice> {
    let message = host.rejected_id()?;
    Some(Notice {
        code: "MACHINE".to_owned(),
        message: format!("{message}; correct it, or take it away"),
    })
}

/// Adds what is not among them yet.
pub(crate) fn add(notices: &mut Vec<Notice>, more: impl IntoIterator<Item = Notice>) {
    for notice in more {
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
}

/// On whose account what comes of a decision is counted.
pub(crate) fn account<'a>(decision: &'a Decision, user: Option<&'a str>) -> Account<'a> {
    let license = decision.license().map(License::id);
    Account { license, user }
}

/// What went wrong beside the license itself.
pub(crate) fn notices(snapshot: &Snapshot, host: &Host) -> Vec<Notice> {
    let set_aside = |path: &std::path::PathBuf| Notice {
        code: STATE.to_owned(),
        message: format!(
            "a damaged license was set aside as {}; install the license again",
            show_path(path)
        ),
    };
    let state = snapshot.problems.iter().map(Notice::of_state);
    let aside = snapshot.set_aside.iter().map(set_aside);
    state.chain(aside).chain(given_id(host)).collect()
}

/// Whether a file is the one of requests and activations.
pub(crate) fn holds_activations(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == StateFile::Activation.name())
}

/// Prints the decision on a case and says how the program ends.
pub(crate) fn decision(
    decision: &Decision,
    case: &Case<'_>,
    strict: bool,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if terminal.is_json() {
        let mut object = to_json(decision, &case.notices);
        let lists = case.lists().iter().map(lists::to_json).collect();
        object.insert("revocation_lists".to_owned(), lists);
        object.insert("trust_statements".to_owned(), case.statements.to_json());
        let blocks = case.blocks.clone();
        object.extend(blocks.map(|blocks| ("blocks".to_owned(), blocks)));
        terminal.json(&Value::Object(object))?;
    } else {
        let lists = case.lists().iter();
        let lists = lists.map(|list| format!("\n  revocations {}", lists::line(list)));
        let trust = case.statements.lines().into_iter();
        let trust = trust.map(|line| format!("\n  trust       {line}"));
        terminal.data(&format!(
            "{}{}",
            to_text(decision),
            lists.chain(trust).collect::<String>()
        ))?;
        warnings(decision, &case.notices, terminal);
        if let Some(advice) = advice(decision) {
            terminal.note(&format!("hint: {advice}"));
        }
        if strict && decision.outcome() == Outcome::Grace {
            terminal.note("denied, since --strict takes no grace period");
        }
    }
    Ok(exit(decision, strict))
}

/// What to do about a license that does not hold, or not for long.
fn advice(decision: &Decision) -> Option<&'static str> {
    Some(match decision.code() {
        Code::GraceOffline | Code::CheckInOverdue => {
            "install a check-in: the vendor mints it with `keygen check-in`"
        }
        Code::GraceRenewal | Code::Expired => "ask the vendor for a renewal",
        Code::Revoked if matches!(decision.evidence(), Evidence::Revocation { .. }) => {
            "ask the vendor why, or for another license in its place"
        }
        Code::Suspended | Code::Revoked | Code::Canceled => {
            "ask the vendor why; a later check-in that says `active` lifts it"
        }
        Code::MachineMismatch => {
            "send the vendor what `license machine` prints; `license explain` shows what differs"
        }
        Code::NotActivated => {
            "`license request` asks the vendor; `license activate FILE` takes the answer"
        }
        Code::Deactivated => {
            "it was given up here; `license request` asks the vendor to activate it anew"
        }
        Code::UserMismatch => match decision.evidence() {
            Evidence::User {
                actual: Some(_), ..
            } => "it is for other users: ask the vendor for a place in it",
            _ => "name the user with --user",
        },
        Code::UsageMismatch => "`license usage` says what this is taken for, and why",
        Code::VersionNotCovered => match decision.evidence() {
            Evidence::Version {
                actual: Some(_), ..
            }
            | Evidence::BuildDate {
                actual: Some(_), ..
            } => "use a version that it covers, or ask the vendor for an extension",
            _ => "name the version with --app-version and --build-date",
        },
        Code::ProductMismatch => "give the product's own file with --product-file",
        Code::NotYetValid if is_renewal(decision) => {
            "it begins by itself; until then keep it beside the license that it follows: `license install`, or both in one file"
        }
        Code::NotYetValid => "it begins by itself on that day",
        Code::Superseded => "`license explain` shows every rule",
        _ => return None,
    })
}

fn is_renewal(decision: &Decision) -> bool {
    let license = decision.license();
    license.is_some_and(|license| !license.supersedes().is_empty())
}

pub(crate) fn exit(decision: &Decision, strict: bool) -> Exit {
    match decision.outcome() {
        Outcome::Licensed => Exit::Licensed,
        Outcome::Grace if !strict => Exit::Licensed,
        _ => Exit::Denied,
    }
}

/// What is worth knowing beside the answer, on standard error.
pub(crate) fn warnings(decision: &Decision, notices: &[Notice], terminal: &Terminal) {
    for warning in decision.warnings() {
        terminal.warning(warning.code.as_str(), &warning.message);
    }
    for notice in notices {
        terminal.warning(&notice.code, &notice.message);
    }
}

pub(crate) fn warning_json(warning: &license_core::Warning) -> Value {
    json!({ "code": warning.code.as_str(), "message": warning.message })
}

/// The documented members of a decision.
pub(crate) fn to_json(decision: &Decision, notices: &[Notice]) -> Map<String, Value> {
    let license = decision.license();
    let entitlements = decision.entitlements();
    let number = |(name, quota): (&str, Quota)| (name.to_owned(), Value::from(quota.to_number()));
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let notices = notices.iter().map(Notice::to_json);
    let warnings = decision.warnings().iter().map(warning_json).chain(notices);
    let members = json!({
        "decision": decision.outcome().as_str(),
        "code": decision.code().as_str(),
        "tier": license.map(|license| license.tier().to_string()),
        "effective_tier": entitlements.tier().as_str(),
        "features": entitlements.features().collect::<Vec<_>>(),
        "quotas": entitlements.quotas().map(number).collect::<Map<_, _>>(),
        "license_id": license.map(|license| license.id().as_str()),
        "customer": license.map(License::customer),
        "product": license.map(|license| license.product().to_string()),
        "issued_at": instant(license.and_then(License::issued_at)),
        "expires_at": instant(license.and_then(License::expires_at)),
        "holds_until": instant(decision.holds_until()),
        "check_in": decision.check_in().map(Evidence::to_json),
        "evaluated_at": decision.evaluated_at().to_string(),
        "warnings": warnings.collect::<Vec<_>>(),
        "evidence": evidence(decision),
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn evidence(decision: &Decision) -> Value {
    let mut evidence = decision.evidence().to_json();
    if let (Some(members), Some(rule)) = (evidence.as_object_mut(), decision.rule()) {
        members.insert("rule".to_owned(), rule.as_str().into());
    }
    evidence
}

fn to_text(decision: &Decision) -> String {
    let Some(license) = decision.license() else {
        return format!(
            "denied: NO_LICENSE\nno license is installed; tier {} is in effect; `license install FILE` installs one",
            decision.entitlements().tier()
        );
    };
    let mut lines = vec![format!("{}: {}", decision.outcome(), decision.code())];
    if let Some(left) = decision.grace_left() {
        lines.push(format!("valid for {}", Span(left).more()));
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
    lines.extend(
        announced_end(decision, license)
            .map(|end| format!("  but only    until {end}; `license explain` says why")),
    );
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

fn or_unknown(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "an enterprise key does not say".to_owned(),
        |at| at.to_string(),
    )
}

fn end(license: &License, now: Timestamp) -> String {
    match license.expires_at() {
        None => "never: perpetual".to_owned(),
        Some(end) if now < end => format!("{end} ({} left)", Span(end.seconds_since(now))),
        Some(end) => format!("{end} ({} ago)", Span(now.seconds_since(end))),
    }
}

/// When it ends before its time, such as by a revocation that is announced; a check-in that falls due is told by itself.
fn announced_end(decision: &Decision, license: &License) -> Option<Timestamp> {
    let of_check_in = match decision.check_in() {
        Some(Evidence::CheckIn { grace_until, .. }) => Some(*grace_until),
        _ => None,
    };
    let end = decision
        .holds_until()
        .filter(|end| Some(*end) != of_check_in)?;
    license
        .expires_at()
        .is_none_or(|own| end < own)
        .then_some(end)
}

fn effective(bought: Tier, decision: &Decision) -> String {
    let tier = decision.entitlements().tier();
    match decision.outcome() {
        Outcome::Denied if tier != bought => format!("{tier}, since the license does not hold"),
        _ => tier.to_string(),
    }
}

/// When it was validated, when that is due again, and how long it holds without.
fn check_in_dates(dates: &Evidence) -> String {
    let Evidence::CheckIn {
        last,
        is_validated,
        due_at,
        grace_until,
        ..
    } = dates
    else {
        return String::new();
    };
    let since = match is_validated {
        true => format!("last on {last}"),
        false => "none yet".to_owned(),
    };
    format!("{since}; next by {due_at}, and holds until {grace_until} without")
}

fn check_in(license: &License) -> String {
    license
        .check_in()
        .map_or_else(|| "never".to_owned(), |terms| terms.to_string())
}
