//! The installed revocation lists.

use license_client::{ListProblem, Snapshot, StateFile, StateProblem};
use license_core::license::RevocationList;
use license_core::with_causes;

use super::license::Verdict;
use super::{CheckResult, Fault, quarantined};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::artifacts;

/// Checks the installed revocation lists.
pub(super) fn revocations(
    app: &AppContext,
    snapshot: &Snapshot,
    verdict: &Verdict<'_>,
) -> CheckResult {
    let found = snapshot.installed();
    let lists = found.map_or(&[][..], |found| found.verified().revocations());
    let problems = snapshot.problems.iter().filter_map(of_list);
    let mut faults: Vec<_> = problems.map(fault).collect();
    faults.extend(outdated(lists).filter(|_| verdict.is_list_outdated()));
    faults.extend(quarantined(
        app,
        &[StateFile::Revocations],
        "a damaged list was",
        "install the latest list, which removes the quarantined file",
    ));
    let ok = match (lists, found) {
        ([], None) => "not checked, because no license is installed".to_owned(),
        ([], Some(_)) => "no list is installed, and none is required".to_owned(),
        (lists, _) => lists
            .iter()
            .map(artifacts::list_line)
            .collect::<Vec<_>>()
            .join("; "),
    };
    CheckResult::new("revocations", faults, ok)
}

/// Returns the problem if it is about a revocation list.
pub(super) fn of_list(problem: &StateProblem) -> Option<&ListProblem> {
    match problem {
        StateProblem::Revocations(problem) => Some(problem),
        _ => None,
    }
}

fn fault(problem: &ListProblem) -> Fault {
    let line = with_causes(problem);
    let message = match problem.code() {
        Some(code) => format!("{code}: {line}"),
        None => line,
    };
    Fault::warning(
        message,
        concat!(
            "ask the vendor for the latest list, and install it with ",
            command!("install FILE")
        ),
    )
}

/// Returns the warning for outdated lists. The decision judges whether they are outdated.
fn outdated(lists: &[RevocationList]) -> Option<Fault> {
    let latest = lists.iter().max_by_key(|list| list.next_update())?;
    Some(Fault::warning(
        format!("LIST_OUTDATED: {}", artifacts::list_line(latest)),
        concat!(
            "ask the vendor for the latest list, and install it with ",
            command!("install FILE")
        ),
    ))
}
