//! The trusted public keys of the vendor, their origins and retirements.

use license_cli_support::plural;
use license_client::{
    Installation, InstallationError, Paths, Snapshot, StateFile, StateProblem, Store, StoreError,
};
use license_core::license::Rotation;
use license_core::time::rfc3339;
use license_core::trust::{KeyId, TrustedKey};
use license_core::{TrustSet, with_causes};

use super::{CheckResult, Fault, Severity, is_about, quarantined};
use crate::context::AppContext;
use crate::output::failure;

/// Checks the trusted keys.
pub(super) fn trust(app: &AppContext, snapshot: &Snapshot) -> CheckResult {
    const NAME: &str = "trust";
    if let Some(keys) = app.manager.trust() {
        let message = format!("embedded, and no other key is accepted: {}", keys_of(keys));
        return CheckResult::ok(NAME, message);
    }
    let paths = app.manager.readable_paths();
    let all = Installation::rotation(paths).ok().flatten();
    let rotation_in = |store: &Store| Installation::rotation(&Paths::at(store.dir().clone()));
    let mut faults: Vec<_> = snapshot.problems.iter().filter_map(fault).collect();
    let mut parts = Vec::new();
    let places = [
        (
            Some(rotation_in(paths.user())),
            all.as_ref(),
            "",
            Severity::Problem,
        ),
        // The statements of the user do not retire keys of the administrator.
        (
            paths.system().map(rotation_in),
            None,
            "the administrator's ",
            Severity::Warning,
        ),
    ];
    for (found, all, owner, status) in places {
        match found {
            None | Some(Ok(None)) => {}
            // The checks of the directories report that they cannot be read.
            Some(Err(InstallationError::Store(error))) if is_directory(&error, paths) => {}
            Some(Ok(Some(own))) => parts.push(format!("{owner}{}", described(&own, all))),
            Some(Err(error)) => {
                faults.push(Fault::from_failure(status, &failure::installation(&error)));
            }
        }
    }
    if parts.is_empty() && faults.is_empty() && has_license(paths) {
        faults.push(Fault::problem(
            "a license is installed, but there are no keys to verify it",
            "install the license again with --trust FILE",
        ));
    }
    parts.extend(all.as_ref().and_then(retired));
    let files = [StateFile::TrustStatements];
    faults.extend(quarantined(
        app,
        &files,
        "damaged trust statements were",
        failure::INSTALL_STATEMENTS,
    ));
    let ok = if parts.is_empty() {
        "no keys are installed; the first installation with --trust stores them".to_owned()
    } else {
        parts.join("; ")
    };
    CheckResult::new(NAME, faults, ok)
}

/// Returns whether an error is about one of the directories.
fn is_directory(error: &StoreError, paths: &Paths) -> bool {
    let stores = [Some(paths.user()), paths.system()];
    stores
        .into_iter()
        .flatten()
        .any(|store| is_about(error, store))
}

/// Describes the keys of one directory. With trust statements, omits keys that are no longer
/// trusted, and adds the origins.
fn described(own: &Rotation, all: Option<&Rotation>) -> String {
    let all = all.unwrap_or(own);
    if all.statements().is_empty() {
        return keys_of(own.keys());
    }
    let is_trusted = |key: &&TrustedKey| all.keys().get(key.id().as_str()).is_some();
    let keys = own.keys().iter().filter(is_trusted);
    let keys = keys.map(|key| format!("{}, {}", key_line(key), origin(own, key.id())));
    list_keys(keys.collect())
}

fn origin(rotation: &Rotation, key: &KeyId) -> String {
    match rotation.introduction_of(key) {
        None => format!("from {}", StateFile::Trust.as_str()),
        Some(statement) => format!(
            "introduced by {} at {}",
            statement.signer(),
            rfc3339(statement.issued_at())
        ),
    }
}

fn retired(rotation: &Rotation) -> Option<String> {
    let retired = rotation.retirements().filter_map(|statement| {
        let key = statement.retires()?;
        Some(format!("{key} at {}", rfc3339(statement.issued_at())))
    });
    let retired: Vec<_> = retired.collect();
    (!retired.is_empty()).then(|| format!("retired: {}", retired.join(", ")))
}

fn keys_of(trust: &TrustSet) -> String {
    list_keys(trust.iter().map(key_line).collect())
}

fn key_line(key: &TrustedKey) -> String {
    format!("{} ({})", key.id(), key.algorithm())
}

fn list_keys(keys: Vec<String>) -> String {
    let all = keys.join(", ");
    match keys.len() {
        0 => "keys: none".to_owned(),
        count => format!("{}: {all}", plural(count, "key", "keys")),
    }
}

fn has_license(paths: &Paths) -> bool {
    let stores = [Some(paths.user()), paths.system()];
    let files = [StateFile::License, StateFile::Key];
    let has = |file: StateFile| {
        let mut dirs = stores.iter().flatten().map(|store| store.dir());
        dirs.any(|dir| dir.file(file).exists())
    };
    files.into_iter().any(has)
}

fn fault(problem: &StateProblem) -> Option<Fault> {
    match problem {
        StateProblem::Trust(problem) => Some(Fault::warning(
            with_causes(&**problem),
            failure::INSTALL_STATEMENTS,
        )),
        _ => None,
    }
}
