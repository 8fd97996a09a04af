//! The machine id that an administrator configured.

use std::ffi::OsString;
use std::path::Path;

use license_core::ProductCode;

use super::component::{Absence, Lookup, check};
use super::{MissingReason, Rejection, System, identity};

/// Returns the name of the variable that contains the id, such as `CODITECT_MACHINE_ID`.
pub(super) fn id_variable(product: ProductCode) -> String {
    format!("{product}_MACHINE_ID")
}

/// Returns the configured id.
///
/// The sources are, in this order, the variable, the file that a second variable names, and the
/// file in the administrator's directory. The first source that exists is used, even if its id is
/// invalid. Ignoring a mistake would silently change the identity of the machine.
pub(super) fn configured_id(
    system: &dyn System,
    product: ProductCode,
    system_dir: Option<&Path>,
) -> Lookup {
    let value = |name: &str| system.variable(name).filter(|value| !value.is_empty());
    let variable = id_variable(product);
    let file_variable = format!("{variable}_FILE");
    if let Some(id) = value(&variable) {
        let id = id.to_string_lossy().into_owned();
        return check(&variable, Ok(id), identity::configured_id);
    }
    if let Some(path) = value(&file_variable) {
        return in_named_file(system, &file_variable, path);
    }
    match system_dir.map(|directory| in_file(system, &directory.join("machine-id"))) {
        Some(outcome) if !is_not_found(&outcome) => outcome,
        _ => Err(absence(variable, MissingReason::NotFound)),
    }
}

fn in_named_file(system: &dyn System, variable: &str, path: OsString) -> Lookup {
    let path = Path::new(&path);
    if path.is_absolute() {
        return in_file(system, path);
    }
    let reason = MissingReason::Rejected(Rejection::NotAbsolute);
    Err(absence(variable.to_owned(), reason))
}

fn in_file(system: &dyn System, path: &Path) -> Lookup {
    let source = path.display().to_string();
    check(&source, system.read(path), identity::configured_id_in_file)
}

fn is_not_found(outcome: &Lookup) -> bool {
    let absence = outcome.as_ref().err();
    absence.is_some_and(|absence| absence.reason == MissingReason::NotFound)
}

fn absence(source: String, reason: MissingReason) -> Absence {
    Absence {
        source: Some(source),
        reason,
    }
}
