//! The state of this machine: counts, check-ins, and the latest time seen.

use license_cli_support::{plural, show_path};
use license_client::{SealError, Snapshot, StateFile, StateProblem, now};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::state::{ClockHighWater, ClockReading, LockHolder};
use license_core::time::rfc3339;
use license_core::{time, with_causes};

use super::revocations::of_list;
use super::{CheckResult, Fault, is_unreadable, quarantined};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::failure::INSTALL_ACTIVATION;
use crate::output::{failure, notice};

/// Checks the state files.
pub(super) fn state(app: &AppContext, snapshot: &Snapshot) -> CheckResult {
    const NAME: &str = "state";
    let Ok(paths) = app.manager.paths() else {
        return CheckResult::ok(NAME, "no state is stored");
    };
    let store = paths.user();
    if is_unreadable(store) {
        return CheckResult::ok(NAME, "not checked, because the directory cannot be read");
    }
    let problems = snapshot.problems.iter();
    // Revocation lists, trust statements and the administrator's directory have their own checks.
    let has_own_check = |problem: &StateProblem| {
        matches!(problem, StateProblem::Trust(_) | StateProblem::SystemDir(_))
    };
    let problems = problems.filter(|problem| of_list(problem).is_none() && !has_own_check(problem));
    let mut faults: Vec<_> = problems.map(unusable).collect();
    faults.extend(quarantined(
        app,
        &[StateFile::Cache, StateFile::Quota, StateFile::Usage],
        "a damaged file was",
        "remove the quarantined file when it is no longer needed",
    ));
    faults.extend(store.quarantined_locks().iter().map(|path| {
        let path = show_path(path);
        Fault::warning(
            format!("an entry in place of the lock file was quarantined as {path}"),
            format!("find out who created {path}, then remove it"),
        )
    }));
    faults.extend(store.lock_holder().filter(is_long).map(|holder| {
        let message = format!("{} is locked by {holder}", show_path(store.dir().path()));
        Fault::warning(message, failure::busy(Some(&holder)))
    }));
    let unfinished = store.incomplete_files();
    faults.extend(unfinished.iter().map(|path| {
        let message = format!("{} is incomplete", show_path(path));
        Fault::warning(
            message,
            "no action is needed; the next installation or use removes the file",
        )
    }));
    let both = [StateFile::Cache, StateFile::Quota];
    let exists = |file: &StateFile| store.dir().file(*file).exists();
    let ok = match both.map(|file| exists(&file)) {
        [true, true] => "license.cache and quota are intact",
        [false, false] => "no state of this machine is stored here",
        [has_cache, _] => {
            let missing = if has_cache { "quota" } else { "license.cache" };
            let message = format!(
                "{missing} is missing; the other file contains the same counts and the latest time seen"
            );
            let hint = "install the latest validation token again, if there is one; the next use creates the file";
            faults.push(Fault::warning(message, hint));
            ""
        }
    };
    let mut ok = ok.to_owned();
    match app.manager.inspect_journal() {
        Ok(None) => {}
        Ok(Some(count)) => {
            let entries = plural(count, "entry", "entries");
            ok.push_str(&format!("; usage contains {entries} for usage reports"));
        }
        Err(problem) => faults.push(Fault::warning(
            with_causes(&problem),
            concat!(
                "run ",
                command!("usage-report"),
                " to quarantine the file; only usage reports need it"
            ),
        )),
    }
    CheckResult::new(NAME, faults, ok)
}

/// Returns whether a process has held the lock for longer than a write takes.
fn is_long(holder: &LockHolder) -> bool {
    const LONGEST_WRITE: TimeDelta = TimeDelta::seconds(10);
    time::duration_since(now(), holder.since()) >= LONGEST_WRITE
}

fn unusable(problem: &StateProblem) -> Fault {
    let hint = match problem {
        StateProblem::Sealed {
            source: SealError::OtherMachine { .. },
            ..
        } => "check the machine id; the next command quarantines the file for the other machine",
        StateProblem::Sealed { path, .. } if notice::contains_activations(path) => {
            concat!(
                "request new activations with ",
                command!("request"),
                "; the next command quarantines the file"
            )
        }
        StateProblem::Sealed { .. } => {
            "the next command quarantines the file; if both license.cache and quota are damaged, install the latest validation token again"
        }
        StateProblem::UnknownActivation { .. } => INSTALL_ACTIVATION,
        _ => "check the permissions of the file",
    };
    Fault::problem(with_causes(problem), hint)
}

/// Checks the clock against the latest time seen and the newest signed date.
pub(super) fn clock(snapshot: &Snapshot) -> CheckResult {
    const NAME: &str = "clock";
    let clock = now();
    let signed = snapshot
        .installed()
        .and_then(|found| found.verified().newest_signature());
    let seen = [
        (Some(snapshot.high_water), "the latest time seen"),
        (signed, "the date of a signed artifact"),
    ];
    let seen = seen.into_iter().filter_map(|(at, what)| Some((at?, what)));
    // If both times are equal, the first one is reported.
    let latest = seen.reduce(|best, other| if other.0 > best.0 { other } else { best });
    let Some((at, what)) = latest.filter(|(at, _)| *at > clock) else {
        return CheckResult::ok(
            NAME,
            format!("{}, not behind the latest time seen", rfc3339(clock)),
        );
    };
    let behind = time::humanize(time::duration_since(at, clock));
    let message = format!(
        "{clock} is {behind} behind {what}, {at}, which is used instead",
        clock = rfc3339(clock),
        at = rfc3339(at)
    );
    let is_behind = is_behind(clock, at);
    let faults = is_behind.then(|| Fault::warning(&*message, failure::REPAIR_CLOCK));
    CheckResult::new(
        NAME,
        faults.into_iter().collect(),
        format!("{message}; this difference is tolerated"),
    )
}

/// Returns whether the clock is behind by more than the tolerance.
fn is_behind(clock: DateTime<Utc>, latest: DateTime<Utc>) -> bool {
    let mut seen = ClockHighWater::default();
    seen.observe(ClockReading {
        clock: latest,
        boot: None,
    });
    seen.is_behind(clock)
}
