//! The installed license: the decision on it, and the next event.

use license_cli_support::{Failure, plural};
use license_client::{Installation, InstallationError, QuotaError, Snapshot, StateFile, now};
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::{Evidence, Outcome, RuleResult, Warning};
use license_core::license::Validation;
use license_core::time::rfc3339;
use license_core::{Code, Context, Decision, FeatureMatrix, License, time};

use super::{CheckResult, Fault, Severity, UpcomingEvent, is_about, quarantined};
use crate::args::ContextArgs;
use crate::context::{AppContext, Evaluation};
use crate::embedded::{self, command};
use crate::output::decision::{self, unused_line};
use crate::output::license_place::{self, LicensePlace};
use crate::output::{failure, labels};

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
                Evaluation::new(app, Some(found.verified().clone()), args).map(|mut evaluation| {
                    evaluation.high_water = Some(snapshot.high_water);
                    evaluation.seat = app.held_seat(Some(found.verified()), args);
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

    /// Returns why uses of finite quotas are denied to this user, if they are.
    pub(super) fn denial_of_quotas(&self, app: &AppContext) -> Option<QuotaError> {
        match &self.decision {
            Some(decision) => app.denial_of_quotas(decision),
            None => {
                let context = Context::at(now());
                app.denial_of_quotas(&Decision::without_license(&app.matrix, &context))
            }
        }
    }

    /// Returns whether the decision warns that the revocation list is outdated.
    pub(super) fn is_list_outdated(&self) -> bool {
        let warnings = self.decision.iter().flat_map(Decision::warnings);
        warnings
            .map(Warning::code)
            .any(|code| code == Code::ListOutdated)
    }

    pub(super) fn evaluation(&self) -> Option<&Evaluation<'a>> {
        self.evaluation.as_ref().ok()?.as_ref()
    }

    pub(super) fn license(&self) -> Option<&License> {
        self.decision.as_ref()?.license()
    }

    fn validations(&self) -> impl Iterator<Item = &Validation> {
        let verified = self
            .evaluation()
            .and_then(|evaluation| evaluation.verified.as_ref());
        let all = verified
            .into_iter()
            .flat_map(|verified| verified.validations());
        all.filter(|validation| {
            self.license()
                .is_some_and(|license| validation.applies_to(license))
        })
    }

    fn rule_results(&self) -> Vec<RuleResult> {
        self.evaluation().map_or_else(Vec::new, Evaluation::explain)
    }

    /// Returns the earliest date at which something ends or is due.
    pub(super) fn next(&self) -> Option<UpcomingEvent> {
        let decision = self.decision.as_ref()?;
        let is_valid = decision.outcome() != Outcome::Denied || needs_application_context(decision);
        let Some(license) = decision.license().filter(|_| is_valid) else {
            return self.start(decision.evaluated_at());
        };
        let results = self.rule_results();
        let now = decision.evaluated_at();
        let renewal = self.renewal(license, now);
        let ends = results
            .iter()
            .flat_map(|result| ends(license, &result.evidence))
            // An installed renewal needs no notice, and continues the term.
            .filter(|end| {
                let is_before = |next: &UpcomingEvent| end.at < next.at;
                renewal
                    .as_ref()
                    .is_none_or(|next| end.what != EXPIRY_NOTICE && is_before(next))
            });
        let ahead = ends.filter(|next| next.at > now).chain(renewal.clone());
        ahead.min_by_key(|next| next.at)
    }

    /// Returns the start of the installed renewal of a license.
    fn renewal(&self, license: &License, now: DateTime<Utc>) -> Option<UpcomingEvent> {
        let verified = self.evaluation()?.verified.iter();
        let licenses = verified.flat_map(|verified| verified.licenses());
        let renewals = licenses.filter(|next| next.supersedes().contains(license.id()));
        let starts = renewals.filter_map(License::not_before);
        let next = starts.filter(|start| *start > now).min()?;
        Some(event("start of the renewal", next))
    }

    /// Returns the earliest start of a license in the future.
    fn start(&self, now: DateTime<Utc>) -> Option<UpcomingEvent> {
        let verified = self.evaluation()?.verified.iter();
        let licenses = verified.flat_map(|verified| verified.licenses());
        let starts = licenses.filter_map(License::not_before);
        let next = starts.filter(|start| *start > now).min()?;
        Some(event("start of a license", next))
    }
}

const EXPIRY_NOTICE: &str = "start of the expiry notice";

fn ends(license: &License, evidence: &Evidence) -> Vec<UpcomingEvent> {
    match *evidence {
        Evidence::CheckIn {
            due_at,
            grace_until,
            ..
        } => vec![
            event("check-in due", due_at),
            // The license is still valid at that instant.
            event("end of the check-in grace period", grace_until),
        ],
        Evidence::Revocation { at, .. } => vec![event("revocation", at)],
        Evidence::Expiry {
            expires_at: Some(end),
            grace_until,
            ..
        } => {
            let notice = license.renewal().map(|renewal| {
                let start = time::saturating_sub(end, renewal.notify());
                event(EXPIRY_NOTICE, start)
            });
            let grace = grace_until.filter(|grace| *grace > end);
            let grace = grace.map(|grace| event("end of the renewal grace period", grace));
            let end = event("end of the license", end);
            notice.into_iter().chain([end]).chain(grace).collect()
        }
        _ => Vec::new(),
    }
}

fn event(what: &'static str, at: DateTime<Utc>) -> UpcomingEvent {
    UpcomingEvent { what, at }
}

/// Returns whether the denial is about something that only the application has: its user, or its
/// floating seat.
fn needs_application_context(decision: &Decision) -> bool {
    matches!(decision.code(), Code::UserMismatch | Code::SeatRequired)
}

/// Reports what ends or is due next.
pub(super) fn next(verdict: &Verdict<'_>) -> CheckResult {
    const NAME: &str = "next";
    let now = verdict.decision.as_ref().map(Decision::evaluated_at);
    let message = match verdict.next().zip(now) {
        Some((next, now)) => {
            let left = time::humanize(time::duration_since(next.at, now));
            format!("{} at {}, in {left}", next.what, rfc3339(next.at))
        }
        None => "no event is ahead".to_owned(),
    };
    CheckResult::ok(NAME, message)
}

/// Checks the decision on the license.
pub(super) fn license(app: &AppContext, snapshot: &Snapshot, verdict: &Verdict<'_>) -> CheckResult {
    let mut faults = Vec::new();
    let (mut ok, mut is_fine) = (String::new(), false);
    match (&verdict.evaluation, &verdict.decision) {
        (Err(failure), _) => faults.push(Fault::from_failure(Severity::Problem, failure)),
        (Ok(_), None) => {
            let base = app.matrix.base_tier().label();
            faults.push(Fault::warning(
                format!("NO_LICENSE: no license is installed; tier {base} is in effect"),
                embedded::text(
                    concat!("install a license with ", command!("install FILE")),
                    concat!(
                        "install a license with ",
                        command!("install --trust KEYS FILE")
                    ),
                ),
            ));
        }
        (Ok(_), Some(decision)) => {
            ok = summary(decision, &app.matrix);
            let place = app.place(snapshot.installed(), decision);
            faults.extend(decision_faults(decision, &ok, place));
            let unused = snapshot.installed().zip(verdict.evaluation());
            let unused = unused
                .map(|(found, evaluation)| found.unused_files(&app.matrix, &evaluation.context()));
            for file in unused.iter().flatten() {
                ok.push_str(&format!("; not used: {}", unused_line(file)));
            }
            is_fine = faults.is_empty();
        }
    }
    let others = snapshot.installed().into_iter();
    let others = others.flat_map(Installation::problems);
    // The checks of the directories report directories that are not known or cannot be read.
    let has_own_check = |problem: &&InstallationError| match problem {
        InstallationError::StateDir(_) => true,
        InstallationError::Store(error) => {
            let paths = app.manager.readable_paths();
            is_about(error, paths.user())
        }
        InstallationError::System { path, source } => {
            matches!(&**source, InstallationError::Store(error) if error.path() == path)
        }
        _ => false,
    };
    let others = others.filter(|problem| !has_own_check(problem));
    let others = others.map(failure::installation);
    faults.extend(others.map(|failure| Fault::from_failure(Severity::Warning, &failure)));
    faults.extend(quarantined(
        app,
        &[StateFile::License, StateFile::Key, StateFile::Trust],
        "a damaged license was",
        "install the license again, then remove the quarantined file",
    ));
    // Problems with other files do not hide the decision.
    if let Some(fault) = faults.first_mut().filter(|_| is_fine) {
        fault.message = format!("{ok}; {}", fault.message);
    }
    CheckResult::new("license", faults, ok)
}

fn summary(decision: &Decision, matrix: &FeatureMatrix) -> String {
    let code = decision.code();
    let Some(license) = decision.license() else {
        return code.to_string();
    };
    let (tier, customer) = (labels::tier(license, matrix), license.customer());
    let id = license.id();
    let now = decision.evaluated_at();
    let end = match license.expires_at() {
        None => "perpetual".to_owned(),
        Some(end) if now < end => {
            format!(
                "valid {}, {} left",
                time::describe_end(end),
                time::humanize(time::duration_since(end, now)),
            )
        }
        Some(end) => format!(
            "was valid {}, {} ago",
            time::describe_end(end),
            time::humanize(time::duration_since(now, end)),
        ),
    };
    let versions = decision::versions(license).map_or(String::new(), |versions| {
        format!("; versions {versions}, the version is not stated here")
    });
    format!("{code}: {tier} license for {customer} ({id}), {end}{versions}")
}

fn decision_faults(decision: &Decision, summary: &str, place: LicensePlace) -> Vec<Fault> {
    match decision.outcome() {
        Outcome::Denied if decision.code() == Code::SeatRequired => {
            let message = format!("{summary}; no seat is held here");
            vec![Fault::warning(message, decision::SEAT_REQUIRED)]
        }
        Outcome::Denied if needs_application_context(decision) => {
            let message = format!("{summary}; the user is not known here");
            let hint = concat!("run ", command!("status"), " with --user USER");
            vec![Fault::warning(message, hint)]
        }
        Outcome::Denied => {
            let evidence = decision.evidence();
            let (expected, actual) = (evidence.expected(), evidence.actual());
            let message = format!("{summary}; expected {expected}, found {actual}");
            let advice = if decision::needs_clock_repair(decision) {
                failure::REPAIR_CLOCK
            } else {
                advice(decision.code(), place)
            };
            vec![Fault::problem(message, advice)]
        }
        Outcome::Grace | Outcome::Licensed => {
            let warnings = decision.warnings().iter();
            // The clock and revocation lists have their own checks, and a trial is not a defect.
            let has_no_check =
                |code| !matches!(code, Code::ClockBehind | Code::ListOutdated | Code::Trial);
            let warnings = warnings.filter(|warning| has_no_check(warning.code()));
            let fault = |warning: &Warning| {
                let message = if warning.code() == decision.code() {
                    format!("{summary}; {warning}")
                } else {
                    format!("{}: {summary}", warning.code())
                };
                Fault::warning(message, advice(warning.code(), place))
            };
            // The first warning is about the decision.
            warnings.map(fault).take(1).collect()
        }
    }
}

fn advice(code: Code, place: LicensePlace) -> &'static str {
    match code {
        Code::GraceOffline | Code::CheckInOverdue => {
            concat!(
                "install the latest validation token from the vendor with ",
                command!("install FILE")
            )
        }
        Code::GraceRenewal | Code::Expired | Code::ExpiresSoon => {
            concat!(
                "ask the vendor for a renewal, and install it with ",
                command!("install FILE")
            )
        }
        Code::MachineMismatch => {
            concat!(
                "ask the vendor for a license for this machine; ",
                command!("machine"),
                " prints the fingerprint"
            )
        }
        Code::NotActivated => place.activation(),
        Code::Deactivated => license_place::ACTIVATION,
        Code::Revoked => "ask the vendor for the reason, or for another license",
        Code::Suspended | Code::Canceled => {
            "ask the vendor for the reason; a later validation token with status `active` restores the license"
        }
        _ => concat!(command!("explain"), " shows the result of each rule"),
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
        return CheckResult::ok(NAME, "no license requires a check-in");
    };
    let here = app.manager.machine();
    let is_here = |validation: &&Validation| {
        let named = validation.machine();
        named.is_none_or(|named| here.is_some_and(|here| named.matches(here)))
    };
    let of_this_machine = verdict.validations().filter(is_here);
    let newest = of_this_machine
        .max_by_key(|validation| (validation.issued_at(), validation.status().is_denial()));
    let elsewhere = verdict
        .validations()
        .filter(|validation| !is_here(validation))
        .count();
    let faults = match elsewhere {
        0 => Vec::new(),
        count => vec![Fault::warning(
            format!(
                "{} for another machine, which {} no effect here",
                plural(count, "validation token", "validation tokens"),
                if count == 1 { "has" } else { "have" }
            ),
            concat!(
                "ask the vendor for a token for this machine; ",
                command!("machine"),
                " prints the digest"
            ),
        )],
    };
    let ok = match (newest, license.check_in()) {
        (Some(validation), terms) => {
            let status = validation.status();
            let due = match terms {
                Some(terms) => format!("next: {terms}"),
                None => "the license requires no check-in".to_owned(),
            };
            format!(
                "the newest validation token is from {}, {status}; {due}",
                rfc3339(validation.issued_at())
            )
        }
        (None, Some(terms)) => {
            format!(
                "no validation token is installed, so check-ins count from the start of the license; {terms}"
            )
        }
        (None, None) => "the license requires no check-in".to_owned(),
    };
    CheckResult::new(NAME, faults, ok)
}
