//! The state of this machine: counts, check-ins, and the latest time seen.

use license_cli_support::{plural, show_path};
use license_client::{SealError, Snapshot, StateFile, StateProblem, now};
use license_core::{HighWater, Reading, Span, Timestamp};

use super::revocations::of_list;
use super::{CheckResult, Fault, set_aside};
use crate::context::AppContext;
use crate::output::{failure, notice};

/// Checks the state files.
pub(super) fn state(app: &AppContext, snapshot: &Snapshot) -> CheckResult {
    const NAME: &str = "state";
    let Ok(home) = app.host.home() else {
        return CheckResult::ok(NAME, "nothing is kept");
    };
    let store = home.user();
    let problems = snapshot.problems.iter();
    // Revocation lists and trust statements have their own checks.
    let is_trust = |problem: &StateProblem| matches!(problem, StateProblem::Trust(_));
    let problems = problems.filter(|problem| of_list(problem).is_none() && !is_trust(problem));
    let mut faults: Vec<_> = problems.map(unusable).collect();
    faults.extend(set_aside(
        app,
        &[StateFile::Cache, StateFile::Quota, StateFile::Usage],
        "a damaged file was",
        "remove it once nobody needs to look at it",
    ));
    let unfinished = store.unfinished();
    faults.extend(unfinished.iter().map(|path| {
        let message = format!("{} was not finished", show_path(path));
        Fault::warning(message, "whatever is installed or counted next removes it")
    }));
    let both = [StateFile::Cache, StateFile::Quota];
    let is_there = |file: &StateFile| store.dir().file(*file).exists();
    let right = match both.map(|file| is_there(&file)) {
        [true, true] => "license.cache and quota are whole",
        [false, false] => "nothing is kept of this machine, or not in place",
        [has_cache, _] => {
            let missing = if has_cache { "quota" } else { "license.cache" };
            let message = format!(
                "{missing} is missing; counts and the latest time seen are kept in the other file too"
            );
            let hint = "if there was a check-in, install it again; the file is made anew when something is counted";
            faults.push(Fault::warning(message, hint));
            ""
        }
    };
    let mut right = right.to_owned();
    match app.host.inspect_journal() {
        Ok(None) => {}
        Ok(Some(count)) => {
            let entries = plural(count, "entry", "entries");
            right.push_str(&format!("; usage holds {entries} of usage reports"));
        }
        Err(problem) => faults.push(Fault::warning(
            failure::line(&problem),
            "only usage reports need it: `license usage-report` sets it aside and goes on without it",
        )),
    }
    CheckResult::new(NAME, faults, right)
}

fn unusable(problem: &StateProblem) -> Fault {
    let hint = match problem {
        StateProblem::Sealed {
            source: SealError::OtherMachine { .. },
            ..
        } => "the next command puts it aside for that machine; set no other machine id by accident",
        StateProblem::Sealed { path, .. } if notice::holds_activations(path) => {
            "the next command sets it aside; activations in it are lost: `license request` asks for others"
        }
        StateProblem::Sealed { .. } => {
            "the next command sets it aside; counts and check-ins in it are lost: install the latest check-in again"
        }
        _ => "check the permissions of the file",
    };
    Fault::problem(failure::line(problem), hint)
}

/// Checks the clock against the latest time seen and the newest signed date.
pub(super) fn clock(snapshot: &Snapshot) -> CheckResult {
    const NAME: &str = "clock";
    const HINT: &str = "correct the clock; if it is right, install a check-in that was signed just now; if a date was signed wrong, remove license.cache and quota";
    let clock = now();
    let signed = snapshot
        .installed()
        .and_then(|found| found.bundle().newest_signature());
    let seen = [
        (Some(snapshot.mark), "the latest time seen here"),
        (signed, "the date of a signed artefact"),
    ];
    let seen = seen.into_iter().filter_map(|(at, what)| Some((at?, what)));
    // The first one wins a tie.
    let latest = seen.reduce(|best, other| if other.0 > best.0 { other } else { best });
    let Some((at, what)) = latest.filter(|(at, _)| *at > clock) else {
        return CheckResult::ok(NAME, format!("{clock}, behind nothing that was seen here"));
    };
    let behind = Span(at.seconds_since(clock));
    let message = format!("{clock} is {behind} behind {what}, {at}, which counts instead");
    let is_behind = is_behind(clock, at);
    let faults = is_behind.then(|| Fault::warning(&*message, HINT));
    CheckResult::new(
        NAME,
        faults.into_iter().collect(),
        format!("{message}; so little is tolerated"),
    )
}

/// Returns whether the clock is behind by more than the tolerance.
fn is_behind(clock: Timestamp, latest: Timestamp) -> bool {
    let mut seen = HighWater::default();
    seen.observe(Reading {
        clock: latest,
        boot: None,
    });
    seen.is_behind(clock)
}
