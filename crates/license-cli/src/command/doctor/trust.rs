//! The vendor's public keys: where each comes from, and which were retired.

use license_client::{Home, Installation, Snapshot, StateFile, StateProblem, Store};
use license_core::{KeyId, Rotation, TrustSet, TrustedKey};
use license_terminal::show_path;

use super::{Check, Fault, Status};
use crate::failure;
use crate::subject::Site;

/// The keys that count.
pub(super) fn trust(site: &Site, snapshot: &Snapshot) -> Check {
    const NAME: &str = "trust";
    if let Some(keys) = site.host.trust() {
        let message = format!("embedded, and no others count: {}", keys_of(keys));
        return Check::ok(NAME, message);
    }
    let Ok(home) = site.host.home() else {
        return Check::ok(NAME, "none is installed");
    };
    let all = Installation::rotation(home).ok().flatten();
    let in_one = |store: &Store| Installation::rotation(&Home::at(store.dir().clone()));
    let mut faults: Vec<_> = snapshot.problems.iter().filter_map(fault).collect();
    let mut told = Vec::new();
    let places = [
        (Some(in_one(home.user())), "", Status::Problem),
        (
            home.system().map(in_one),
            "the administrator's ",
            Status::Warning,
        ),
    ];
    for (found, whose, status) in places {
        match found {
            None | Some(Ok(None)) => {}
            Some(Ok(Some(own))) => told.push(format!("{whose}{}", described(&own, all.as_ref()))),
            Some(Err(error)) => {
                faults.push(Fault::of_failure(status, &failure::not_installed(&error)));
            }
        }
    }
    if told.is_empty() && faults.is_empty() && has_license(home) {
        faults.push(Fault::problem(
            "a license is installed, but no keys to verify it with",
            "install the license again with --trust FILE",
        ));
    }
    told.extend(all.as_ref().and_then(retired));
    faults.extend(set_aside(home));
    let right = match told.is_empty() {
        true => "none is installed; it comes with the first license".to_owned(),
        false => told.join("; "),
    };
    Check::of(NAME, faults, right)
}

/// The keys of one place that count, with where they come from if statements speak of any.
fn described(own: &Rotation, all: Option<&Rotation>) -> String {
    let all = all.unwrap_or(own);
    if all.statements().is_empty() {
        return keys_of(own.keys());
    }
    let counts = |key: &&TrustedKey| all.keys().get(key.id().as_str()).is_some();
    let keys = own.keys().iter().filter(counts);
    let keys = keys.map(|key| format!("{}, {}", key_line(key), origin(own, key.id())));
    counted(keys.collect())
}

fn origin(rotation: &Rotation, key: &KeyId) -> String {
    match rotation.introduction_of(key) {
        None => format!("of {}", StateFile::Trust.name()),
        Some(said) => format!("introduced by {} at {}", said.signer(), said.issued_at()),
    }
}

fn retired(rotation: &Rotation) -> Option<String> {
    let retired = rotation.retirements().filter_map(|said| {
        let key = said.retires()?;
        Some(format!("{key} at {}", said.issued_at()))
    });
    let retired: Vec<_> = retired.collect();
    (!retired.is_empty()).then(|| format!("retired: {}", retired.join(", ")))
}

fn keys_of(trust: &TrustSet) -> String {
    counted(trust.iter().map(key_line).collect())
}

fn key_line(key: &TrustedKey) -> String {
    format!("{} ({})", key.id(), key.algorithm())
}

fn counted(keys: Vec<String>) -> String {
    let all = keys.join(", ");
    match keys.len() {
        0 => "no key".to_owned(),
        1 => format!("1 key: {all}"),
        count => format!("{count} keys: {all}"),
    }
}

fn has_license(home: &Home) -> bool {
    let stores = [Some(home.user()), home.system()];
    let files = [StateFile::License, StateFile::Key];
    let has = |file: StateFile| {
        let mut dirs = stores.iter().flatten().map(|store| store.dir());
        dirs.any(|dir| dir.file(file).exists())
    };
    files.into_iter().any(has)
}

const AGAIN: &str = "install what the vendor sent of keys again: `license install FILE`";

fn fault(problem: &StateProblem) -> Option<Fault> {
    match problem {
        StateProblem::Trust(problem) => Some(Fault::warning(failure::line(&**problem), AGAIN)),
        _ => None,
    }
}

fn set_aside(home: &Home) -> Vec<Fault> {
    let aside = home.user().set_aside(&[StateFile::TrustStatements]);
    let fault = |path: &std::path::PathBuf| {
        let message = format!(
            "damaged trust statements were set aside as {}",
            show_path(path)
        );
        Fault::warning(message, AGAIN)
    };
    aside.iter().map(fault).collect()
}
