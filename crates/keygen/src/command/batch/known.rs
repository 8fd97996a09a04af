//! Orders that were minted before: none is minted twice.

use std::path::Path;

use license_core::{Timestamp, Unverified};
use license_terminal::{Audience, Destination, Exit, Failure, Overwrite, Terminal, show_path};

use crate::books::not_kept;
use crate::ledger::{Ledger, LicenseRow, Standing};

/// The license that an order was minted as.
#[derive(Default)]
pub(super) struct Known {
    pub(super) license_id: String,
    pub(super) key: String,
    /// None without a ledger, where the file alone tells that it was minted.
    standing: Option<Standing>,
    /// Whether its file was gone, and is written again.
    is_restored: bool,
}

/// It, with what the ledger has of it.
pub(super) type Found = (Known, Option<LicenseRow>);

impl Known {
    /// What the ledger knows of an order; without one the file tells. Nothing is written.
    pub(super) fn find(
        ledger: Option<&Ledger>,
        order: &str,
        path: &Path,
        now: Timestamp,
    ) -> Result<Option<Found>, Failure> {
        let Some(ledger) = ledger else {
            let is_there = path.symlink_metadata().is_ok();
            return Ok(is_there.then(|| (Self::default(), None)));
        };
        let failed = |error| not_kept(ledger.path(), &error);
        let Some(entry) = ledger.of_order(order).map_err(failed)? else {
            return Ok(None);
        };
        let row = ledger.license(&entry.subject, now).map_err(failed)?;
        let known = Self {
            license_id: entry.subject.clone(),
            key: entry.fact("key").unwrap_or_default(),
            standing: row.as_ref().map(|row| row.standing),
            is_restored: false,
        };
        Ok(Some((known, row)))
    }

    /// With its file written again if it is gone.
    ///
    /// # Errors
    /// If another file has its name, such as one that was damaged since.
    pub(super) fn restore(mut self, row: Option<LicenseRow>, path: &Path) -> Result<Self, Failure> {
        let artefact = row.map(|row| row.entry.artefact).unwrap_or_default();
        if let Ok(token) = Unverified::parse(&artefact) {
            let text = token.to_armor();
            self.is_restored = path.symlink_metadata().is_err();
            match self.is_restored {
                true => Destination::File(path.to_owned()).write(
                    text.as_bytes(),
                    Overwrite::Refuse,
                    Audience::Everyone,
                )?,
                false => check(path, &text)?,
            }
        }
        Ok(self)
    }
}

/// Refuses a file that is not the license that it should be.
fn check(path: &Path, text: &str) -> Result<(), Failure> {
    let found = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
    if found == text.as_bytes() {
        return Ok(());
    }
    let message = format!(
        "{} is not the license that was minted for its row",
        show_path(path)
    );
    Err(Failure::new(Exit::Usage, "EXISTS", message)
        .hint("take it away: the license is written again from the ledger"))
}

/// How many orders were minted before, and how their licenses stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) known: u64,
    pub(super) restored: u64,
    ended: u64,
    revoked: u64,
}

impl Tally {
    pub(super) fn add(&mut self, known: &Known) {
        self.known += 1;
        self.restored += u64::from(known.is_restored);
        self.ended += u64::from(known.standing == Some(Standing::Expired));
        self.revoked += u64::from(known.standing == Some(Standing::Revoked));
    }

    /// Warns of what is rarely meant to be sent.
    pub(super) fn warn(&self, terminal: &Terminal) {
        for (code, count, word) in [
            ("EXPIRED", self.ended, "have ended"),
            ("REVOKED", self.revoked, "are revoked"),
        ] {
            if count > 0 {
                let message = format!(
                    "{count} of the licenses that were minted before for these orders {word}; with --name NAME the same orders are minted anew"
                );
                terminal.warning(code, &message);
            }
        }
    }
}
