//! The installed license: whether it holds, and what ends next.

use license_cli_support::Failure;
use license_client::{Installation, Snapshot, StateFile};
use license_core::{
    Code, Decision, Evidence, Finding, License, Outcome, Span, Timestamp, Validation, Warning,
};

use super::{CheckResult, Fault, Next, Severity, set_aside};
use crate::args::ContextArgs;
use crate::context::{AppContext, Evaluation};
use crate::embedded;
use crate::output::failure;

/// The decision on the installed license, if there is one.
pub(super) struct Verdict<'a> {
    evaluation: Result<Option<Evaluation<'a>>, Failure>,
    decision: Option<Decision>,
}

impl<'a> Verdict<'a> {
    pub(super) fn new(app: &'a AppContext, args: &'a ContextArgs, snapshot: &Snapshot) -> Self {
        let found = snapshot.installation.as_ref();
        let evaluation = match found {
            Err(error) => Err(failure::installation(error)),
            Ok(None) => Ok(None),
            Ok(Some(found)) => {
                Evaluation::new(app, Some(found.bundle().clone()), args).map(|mut evaluation| {
                    evaluation.mark = Some(snapshot.mark);
                    Some(evaluation)
                })
            }
        };
        let decision = evaluation.as_ref().ok().and_then(Option::as_ref);
        let decision = decision.map(Evaluation::decide);
        Self {
            evaluation,
            decision,
        }
    }

    fn evaluation(&self) -> Option<&Evaluation<'a>> {
        self.evaluation.as_ref().ok()?.as_ref()
    }

    fn license(&self) -> Option<&License> {
        self.decision.as_ref()?.license()
    }

    fn validations(&self) -> impl Iterator<Item = &Validation> {
        let bundle = self
            .evaluation()
            .and_then(|evaluation| evaluation.bundle.as_ref());
        let all = bundle.into_iter().flat_map(|bundle| bundle.validations());
        all.filter(|validation| {
            self.license()
                .is_some_and(|license| validation.concerns(license))
        })
    }

    fn findings(&self) -> Vec<Finding> {
        self.evaluation().map_or_else(Vec::new, Evaluation::explain)
    }

    /// Returns the earliest date at which something ends or is due.
    pub(super) fn next(&self) -> Option<Next> {
        let decision = self.decision.as_ref()?;
        let holds = decision.outcome() != Outcome::Denied || needs_application_context(decision);
        let Some(license) = decision.license().filter(|_| holds) else {
            return self.start(decision.evaluated_at());
        };
        let findings = self.findings();
        let ends = findings
            .iter()
            .flat_map(|finding| ends(license, &finding.evidence));
        let now = decision.evaluated_at();
        ends.filter(|next| next.at > now).min_by_key(|next| next.at)
    }

    /// Returns the earliest start of a license in the future.
    fn start(&self, now: Timestamp) -> Option<Next> {
        let bundle = self.evaluation()?.bundle.iter();
        let licenses = bundle.flat_map(|bundle| bundle.licenses());
        let starts = licenses.filter_map(License::not_before);
        let next = starts.filter(|start| *start > now).min()?;
        Some(next_at("start of a license", next))
    }
}

fn ends(license: &License, evidence: &Evidence) -> Vec<Next> {
    match *evidence {
        Evidence::CheckIn {
            due_at,
            grace_until,
            ..
        } => vec![
            next_at("check-in due", due_at),
            // The license still holds at that instant.
            next_at("end of the check-in grace period", grace_until),
        ],
        Evidence::Revocation { at, .. } => vec![next_at("revocation", at)],
        Evidence::Expiry {
            expires_at: Some(end),
            grace_until,
            ..
        } => {
            let notice = license.renewal().map(|renewal| {
                let seconds = renewal.notify_days().saturating_mul(24 * 3600);
                next_at("notice of the end", end.minus(seconds))
            });
            let grace = grace_until.filter(|grace| *grace > end);
            let grace = grace.map(|grace| next_at("end of the renewal grace period", grace));
            let end = next_at("end of the license", end);
            notice.into_iter().chain([end]).chain(grace).collect()
        }
        _ => Vec::new(),
    }
}

fn next_at(what: &'static str, at: Timestamp) -> Next {
    Next { what, at }
}

/// Returns whether the denial is about context that only the application knows.
fn needs_application_context(decision: &Decision) -> bool {
    matches!(
        decision.code(),
        Code::UserMismatch | Code::VersionNotCovered
    )
}

/// Reports what ends or is due next.
pub(super) fn next(verdict: &Verdict<'_>) -> CheckResult {
    const NAME: &str = "next";
    let now = verdict.decision.as_ref().map(Decision::evaluated_at);
    let message = match verdict.next().zip(now) {
        Some((next, now)) => {
            let left = Span(next.at.seconds_since(now));
            format!("{} at {}, in {left}", next.what, next.at)
        }
        None => "nothing will end or fall due".to_owned(),
    };
    CheckResult::ok(NAME, message)
}

/// Checks whether the license holds.
pub(super) fn license(app: &AppContext, snapshot: &Snapshot, verdict: &Verdict<'_>) -> CheckResult {
    let mut faults = Vec::new();
    let mut right = String::new();
    match (&verdict.evaluation, &verdict.decision) {
        (Err(failure), _) => faults.push(Fault::from_failure(Severity::Problem, failure)),
        (Ok(_), None) => {
            let base = app.matrix.base_tier().name();
            faults.push(Fault::warning(
                format!("NO_LICENSE: no license is installed; tier {base} is in effect"),
                embedded::or(
                    "`license install FILE` installs one",
                    "`license install --trust KEYS FILE` installs one",
                ),
            ));
        }
        (Ok(_), Some(decision)) => {
            right = summary(decision);
            faults.extend(judgement(decision, &right));
        }
    }
    let others = snapshot.installed().into_iter();
    let others = others.flat_map(Installation::problems);
    let others = others.map(failure::installation);
    faults.extend(others.map(|failure| Fault::from_failure(Severity::Warning, &failure)));
    faults.extend(set_aside(
        app,
        &[StateFile::License, StateFile::Key, StateFile::Trust],
        "a damaged license was",
        "install the license again, then remove that file",
    ));
    CheckResult::new("license", faults, right)
}

fn summary(decision: &Decision) -> String {
    let code = decision.code();
    let Some(license) = decision.license() else {
        return code.to_string();
    };
    let (tier, customer) = (license.tier(), license.customer());
    let now = decision.evaluated_at();
    let end = match license.expires_at() {
        None => "perpetual".to_owned(),
        Some(end) if now < end => {
            format!("expires {end}, in {}", Span(end.seconds_since(now)))
        }
        Some(end) => format!("expired {end}, {} ago", Span(now.seconds_since(end))),
    };
    format!("{code}: {tier} license for {customer}, {end}")
}

fn judgement(decision: &Decision, summary: &str) -> Vec<Fault> {
    match decision.outcome() {
        Outcome::Denied if needs_application_context(decision) => {
            let message = format!("{summary}; nobody said the user or the version here");
            let hint = "`license status` decides with --user USER, --app-version VERSION or --build-date DATE";
            vec![Fault::warning(message, hint)]
        }
        Outcome::Denied => {
            let evidence = decision.evidence();
            let (expected, actual) = (evidence.expected(), evidence.actual());
            let message = format!("{summary}; expected {expected}, found {actual}");
            vec![Fault::problem(message, advice(decision.code()))]
        }
        Outcome::Grace | Outcome::Licensed => {
            let warnings = decision.warnings().iter();
            // The clock has its own check, and a trial is not a defect.
            let warnings =
                warnings.filter(|warning| !matches!(warning.code, Code::ClockBehind | Code::Trial));
            let fault = |warning: &Warning| {
                let message = if warning.code == decision.code() {
                    format!("{summary}; {}", warning.message)
                } else {
                    format!("{}: {summary}", warning.code)
                };
                Fault::warning(message, advice(warning.code))
            };
            // The first warning is about the decision.
            warnings.map(fault).take(1).collect()
        }
    }
}

fn advice(code: Code) -> &'static str {
    match code {
        Code::GraceOffline | Code::CheckInOverdue => {
            "`license install FILE` takes the vendor's latest validation token"
        }
        Code::GraceRenewal | Code::Expired | Code::ExpiresSoon => {
            "ask the vendor for a renewal, then `license install FILE`"
        }
        Code::MachineMismatch => {
            "ask the vendor for a license for this machine: `license machine` prints its fingerprint"
        }
        Code::NotActivated | Code::Deactivated => {
            "`license request` asks the vendor to activate it; `license activate FILE` takes the answer"
        }
        Code::Revoked => "ask the vendor why, or for another license in its place",
        Code::Suspended | Code::Canceled => {
            "ask the vendor why; `license install FILE` takes a validation token that says it is active again"
        }
        _ => "`license explain` shows rule by rule why",
    }
}

/// Checks the newest validation token.
pub(super) fn check_in(
    app: &AppContext,
    snapshot: &Snapshot,
    verdict: &Verdict<'_>,
) -> CheckResult {
    const NAME: &str = "check-in";
    let (Some(_), Some(license)) = (snapshot.installed(), verdict.license()) else {
        return CheckResult::ok(NAME, "no license that needs one");
    };
    let here = app.host.machine();
    let is_here = |validation: &&Validation| {
        let named = validation.machine();
        named.is_none_or(|named| here.is_some_and(|here| named.is(here)))
    };
    let mine = verdict.validations().filter(is_here);
    let newest =
        mine.max_by_key(|validation| (validation.issued_at(), validation.status().is_denial()));
    let elsewhere = verdict
        .validations()
        .filter(|validation| !is_here(validation))
        .count();
    let faults = match elsewhere {
        0 => Vec::new(),
        count => vec![Fault::warning(
            format!("{count} installed for another machine, which count for nothing here"),
            "ask the vendor for one for this machine: `license machine` prints its digest",
        )],
    };
    let right = match (newest, license.check_in()) {
        (Some(validation), terms) => {
            let status = validation.status();
            let due = match terms {
                Some(terms) => format!("next: {terms}"),
                None => "the license needs none".to_owned(),
            };
            format!(
                "the newest is of {}, {status}; {due}",
                validation.issued_at()
            )
        }
        (None, Some(terms)) => {
            format!("none is installed, so that it counts from the license's first day; {terms}")
        }
        (None, None) => "the license needs none".to_owned(),
    };
    CheckResult::new(NAME, faults, right)
}
