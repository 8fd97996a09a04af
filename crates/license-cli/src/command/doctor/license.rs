//! What is installed, whether it holds, and what ends next.

use license_client::{Installation, Snapshot, StateFile};
use license_core::{
    Code, Decision, Evidence, Finding, License, Outcome, Span, Timestamp, Validation, Warning,
};
use license_terminal::{Failure, show_path};

use super::{Check, Fault, Next, Status};
use crate::cli::ContextArgs;
use crate::subject::{Case, Site};
use crate::{embedded, failure};

/// The context of somebody who says nothing.
pub(super) fn nothing_said() -> ContextArgs {
    ContextArgs {
        at: None,
        user: None,
        machine: None,
        app_version: None,
        build_date: None,
        usage_type: None,
        strict: false,
    }
}

/// What is decided on what is installed, if something is.
pub(super) struct Verdict<'a> {
    case: Result<Option<Case<'a>>, Failure>,
    decision: Option<Decision>,
}

impl<'a> Verdict<'a> {
    pub(super) fn of(site: &'a Site, args: &'a ContextArgs, snapshot: &Snapshot) -> Self {
        let found = snapshot.installation.as_ref();
        let case = match found {
            Err(error) => Err(failure::not_installed(error)),
            Ok(None) => Ok(None),
            Ok(Some(found)) => {
                Case::new(site, Some(found.bundle().clone()), args).map(|mut case| {
                    case.mark = Some(snapshot.mark);
                    Some(case)
                })
            }
        };
        let decision = case.as_ref().ok().and_then(Option::as_ref);
        let decision = decision.map(Case::decide);
        Self { case, decision }
    }

    fn license(&self) -> Option<&License> {
        self.decision.as_ref()?.license()
    }

    fn validations(&self) -> impl Iterator<Item = &Validation> {
        let case = self.case.as_ref().ok().and_then(Option::as_ref);
        let bundle = case.and_then(|case| case.bundle.as_ref());
        let all = bundle.into_iter().flat_map(|bundle| bundle.validations());
        all.filter(|said| self.license().is_some_and(|license| said.concerns(license)))
    }

    fn findings(&self) -> Vec<Finding> {
        let case = self.case.as_ref().ok().and_then(Option::as_ref);
        case.map(Case::explain).unwrap_or_default()
    }

    /// The earliest of what will end or fall due.
    pub(super) fn next(&self) -> Option<Next> {
        let decision = self.decision.as_ref()?;
        let holds = decision.outcome() != Outcome::Denied || is_up_to_the_application(decision);
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

    /// The first start of a license that is still to come.
    fn start(&self, now: Timestamp) -> Option<Next> {
        let case = self.case.as_ref().ok()?.as_ref()?;
        let licenses = case.bundle.iter().flat_map(|bundle| bundle.licenses());
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
            // It holds at that instant still.
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

/// Whether it was denied by what only an application or a person can say, and nobody said here.
fn is_up_to_the_application(decision: &Decision) -> bool {
    matches!(
        decision.code(),
        Code::UserMismatch | Code::VersionNotCovered
    )
}

pub(super) fn next(verdict: &Verdict<'_>) -> Check {
    const NAME: &str = "next";
    let now = verdict.decision.as_ref().map(Decision::evaluated_at);
    let message = match verdict.next().zip(now) {
        Some((next, now)) => {
            let left = Span(next.at.seconds_since(now));
            format!("{} at {}, in {left}", next.what, next.at)
        }
        None => "nothing will end or fall due".to_owned(),
    };
    Check::ok(NAME, message)
}

/// Whether the license holds.
pub(super) fn license(site: &Site, snapshot: &Snapshot, verdict: &Verdict<'_>) -> Check {
    let mut faults = Vec::new();
    let mut right = String::new();
    match (&verdict.case, &verdict.decision) {
        (Err(failure), _) => faults.push(Fault::of_failure(Status::Problem, failure)),
        (Ok(_), None) => {
            let base = site.matrix.base_tier().name();
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
    let found = snapshot.installation.as_ref().ok();
    let others = found
        .and_then(Option::as_ref)
        .map(Installation::problems)
        .unwrap_or_default();
    let others = others.iter().map(failure::not_installed);
    faults.extend(others.map(|failure| Fault::of_failure(Status::Warning, &failure)));
    faults.extend(set_aside(site));
    Check::of("license", faults, right)
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
        Outcome::Denied if is_up_to_the_application(decision) => {
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
            let told = decision.warnings().iter();
            // The clock has a line of its own, and a trial is no defect.
            let told =
                told.filter(|warning| !matches!(warning.code, Code::ClockBehind | Code::Trial));
            let fault = |warning: &Warning| {
                let message = match warning.code == decision.code() {
                    true => format!("{summary}; {}", warning.message),
                    false => format!("{}: {summary}", warning.code),
                };
                Fault::warning(message, advice(warning.code))
            };
            // Where there are two, the first is about the decision.
            told.map(fault).take(1).collect()
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

/// Licenses that were damaged once.
fn set_aside(site: &Site) -> Vec<Fault> {
    let home = site.host.home().ok();
    let files = [StateFile::License, StateFile::Key, StateFile::Trust];
    let aside = home.map(|home| home.user().set_aside(&files));
    let fault = |path: &std::path::PathBuf| {
        let message = format!("a damaged license was set aside as {}", show_path(path));
        Fault::warning(message, "install the license again, then remove that file")
    };
    aside.iter().flatten().map(fault).collect()
}

/// The newest validation token.
pub(super) fn check_in(site: &Site, snapshot: &Snapshot, verdict: &Verdict<'_>) -> Check {
    const NAME: &str = "check-in";
    let found = snapshot.installation.as_ref().ok();
    let (Some(_), Some(license)) = (found.and_then(Option::as_ref), verdict.license()) else {
        return Check::ok(NAME, "no license that needs one");
    };
    let here = site.host.machine();
    let is_here = |said: &&Validation| {
        let named = said.machine();
        named.is_none_or(|named| here.is_some_and(|here| named.is(here)))
    };
    let mine = verdict.validations().filter(is_here);
    let newest = mine.max_by_key(|said| (said.issued_at(), said.status().is_denial()));
    let elsewhere = verdict.validations().filter(|said| !is_here(said)).count();
    let faults = match elsewhere {
        0 => Vec::new(),
        count => vec![Fault::warning(
            format!("{count} installed for another machine, which count for nothing here"),
            "ask the vendor for one for this machine: `license machine` prints its digest",
        )],
    };
    let right = match (newest, license.check_in()) {
        (Some(said), terms) => {
            let status = said.status();
            let due = match terms {
                Some(terms) => format!("next: {terms}"),
                None => "the license needs none".to_owned(),
            };
            format!("the newest is of {}, {status}; {due}", said.issued_at())
        }
        (None, Some(terms)) => {
            format!("none is installed, so that it counts from the license's first day; {terms}")
        }
        (None, None) => "the license needs none".to_owned(),
    };
    Check::of(NAME, faults, right)
}
