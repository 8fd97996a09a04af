//! What every dry run checks, and how one says that it was one.

use license_core::Matrix;
use license_core::issue::{CheckedKey, LicenseDraft};
use license_terminal::{Destination, Failure, Terminal};

use super::terms::Terms;
use super::{not_issued, not_verified};
use crate::cli::{KeyArgs, Out};
use crate::ledger::{Ledger, Place};
use crate::{books, keys};

/// What can be had without a secret.
pub(super) struct AtHand {
    /// The signing key, if it is in a file that is not sealed.
    pub(super) key: Option<CheckedKey>,
    /// The ledger, if there is one.
    pub(super) ledger: Option<Ledger>,
}

/// Refuses what minting would refuse of destination, ledger and key, in the same order, as far as that shows without a secret. Nothing is
/// made or changed.
pub(super) fn check(
    key: &KeyArgs,
    out: &Out,
    place: &Place,
    terminal: &Terminal,
) -> Result<AtHand, Failure> {
    out.check()?;
    if let Destination::File(path) = &out.out
        && !out.out.is_stream()
    {
        books::check_name(path)?;
    }
    look(key, place, terminal)
}

/// The same of ledger and key alone.
pub(super) fn look(key: &KeyArgs, place: &Place, terminal: &Terminal) -> Result<AtHand, Failure> {
    let ledger = books::rehearse(place)?;
    let key = keys::probe(key, terminal)?;
    Ok(AtHand { key, ledger })
}

/// The dry run of any command that mints a license: everything that can be checked of the draft and around it, and what would be handed
/// out.
pub(super) fn license(
    (draft, losses): (&LicenseDraft, Option<&[String]>),
    key: &KeyArgs,
    out: &Out,
    place: &Place,
    matrix: &Matrix,
    terminal: &Terminal,
) -> Result<(), Failure> {
    draft.check().map_err(|error| not_issued(&error))?;
    let facts = draft.facts();
    let facts = facts.map_err(|error| not_verified("license", &error))?;
    check(key, out, place, terminal)?;
    let terms = Terms::of_draft(&facts, matrix).losing(losses);
    terms.warn(terminal);
    terms.tell(&out.out, terminal)
}

/// The first line of what a dry run tells.
pub(super) fn line(out: &Destination) -> String {
    let out = match out {
        Destination::Stdout => "standard output".to_owned(),
        file => file.to_string(),
    };
    format!("dry run    nothing was minted or written; it would go to {out}")
}
