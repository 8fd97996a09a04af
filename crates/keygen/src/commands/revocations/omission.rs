//! Revocation lists that omit licenses of an earlier list, which would become valid again.

use std::collections::BTreeSet;

use license_cli_support::{Exit, Failure, Terminal, plural, shell_word};
use license_core::LicenseId;
use license_issuer::services::revocation_lists::{EarlierList, Omission};

/// The code of the refusal and of the warning.
const CODE: &str = "SHORTER_LIST";

/// The command that records an earlier list with an unknown name.
const IMPORT: &str = "`keygen ledger import LIST --trust FILE`";

/// Maximum number of licenses that a message names.
const MAX_NAMED: usize = 5;

/// Refuses a list that omits licenses. A list that may omit licenses only causes a warning.
///
/// `earlier` names the earlier lists, for the hint.
pub(super) fn refuse(omission: &Omission, earlier: &[EarlierList]) -> Result<(), Failure> {
    let hint = match omission {
        Omission::NoEarlierList | Omission::NoCopy => return Ok(()),
        Omission::Shorter { .. } => format!(
            "record the earlier list with {}; with --force the licenses become valid again",
            IMPORT
        ),
        Omission::Licenses(_) => format!(
            "if the ledger was restored from a backup, record the list with {}; with --force the licenses become valid again",
            import(earlier)
        ),
        Omission::Damaged { earlier } => format!(
            "replace {earlier} with the last list that you sent to customers, or remove the file; with --force the list is not compared"
        ),
    };
    Err(Failure::new(Exit::Usage, CODE, message(omission)).hint(hint))
}

/// Warns about a list that omits, or may omit, licenses.
pub(super) fn warn(omission: &Omission, terminal: &Terminal) {
    let text = match omission {
        Omission::NoCopy => format!(
            "{}. If a later list exists, record it with {}, and sign again before you send this list: without it, licenses that only that list revokes become valid again",
            message(omission),
            IMPORT
        ),
        Omission::NoEarlierList => format!(
            "{}. If one exists, record it first with {}: without it, licenses that only that list revokes become valid again",
            message(omission),
            IMPORT
        ),
        _ => message(omission),
    };
    terminal.warning(CODE, &text);
}

fn message(omission: &Omission) -> String {
    match omission {
        Omission::NoEarlierList => "the ledger has no earlier list of this key".to_owned(),
        Omission::NoCopy => "no copy of the last list of this key is next to the ledger, as after the restoration of a backup".to_owned(),
        Omission::Shorter { earlier, found } => format!(
            "an earlier list of this key revokes {earlier} licenses and activations, of which the ledger knows {found}: the others become valid again"
        ),
        Omission::Licenses(omitted) => format!(
            "{} of the last signed list would become valid again, because the ledger does not revoke {}: {}",
            plural(
                omitted.len(),
                "license or activation",
                "licenses and activations"
            ),
            if omitted.len() == 1 { "it" } else { "them" },
            names(omitted)
        ),
        Omission::Damaged { earlier } => {
            format!("the signature of the earlier list {earlier} does not verify")
        }
    }
}

/// Returns the command that records these lists.
fn import(earlier: &[EarlierList]) -> String {
    let names: BTreeSet<_> = earlier.iter().map(|list| shell_word(&list.name)).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(" ");
    format!("`keygen ledger import {names} --trust FILE`")
}

fn names(licenses: &[LicenseId]) -> String {
    let named = licenses.iter().take(MAX_NAMED).map(LicenseId::as_str);
    let mut names: Vec<_> = named.map(str::to_owned).collect();
    match licenses.len().saturating_sub(MAX_NAMED) {
        0 => {}
        more => names.push(format!("and {more} more")),
    }
    names.join(", ")
}
