//! What every dry run checks, and how one says that it was one.

use license_core::issue::CheckedKey;
use license_issuer::delivery::check_file;
use license_issuer::files::Collision;
use license_terminal::{Destination, Failure, Terminal};

use crate::args::{KeyArgs, Out};
use crate::ledger::{LedgerReader, Place};
use crate::{books, custody};

/// What can be had without a secret.
pub(super) struct AtHand {
    /// The signing key, if it is in a file that is not sealed.
    pub(super) key: Option<CheckedKey>,
    /// The ledger, if there is one.
    pub(super) ledger: Option<Box<dyn LedgerReader>>,
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
        let checked = check_file(path, Collision::Replace);
        checked.map_err(|error| crate::failures::not_delivered(&error))?;
    }
    look(key, place, terminal)
}

/// The same of ledger and key alone.
pub(super) fn look(key: &KeyArgs, place: &Place, terminal: &Terminal) -> Result<AtHand, Failure> {
    let ledger = books::rehearse(place)?;
    let key = custody::look(key, terminal)?;
    Ok(AtHand { key, ledger })
}

/// The first line of what a dry run tells.
pub(super) fn line(out: &Destination) -> String {
    let out = match out {
        Destination::Stdout => "standard output".to_owned(),
        file => file.to_string(),
    };
    format!("dry run    nothing was minted or written; it would go to {out}")
}
