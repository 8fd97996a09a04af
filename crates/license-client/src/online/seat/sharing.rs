//! The entry of a seat in the file `seats.json`, with which child processes count the seat.

use std::process::Command;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::super::error::OnlineError;
use super::{Phase, Seat, SeatCore, SeatEvent};
use crate::boot_time::BootInstant;
use crate::held_seat::seat_variable;
use crate::seat_file::{self, SeatEntry, SeatOrigin};
use crate::store::StoreError;

/// How long the thread that renews seats waits for the lock of the state directory.
const PATIENCE: Duration = Duration::from_secs(1);

/// The entry of a seat in the file.
#[derive(Default)]
pub(super) struct Sharing {
    is_shared: bool,
    /// The content of the file.
    stored: Option<SeatEntry>,
    /// Whether the holder knows that the file cannot be written.
    is_reported: bool,
}

impl Seat {
    /// Hands the seat over to a command: a `Client` in the command's process, and
    /// the program `license`, count it while it is valid.
    ///
    /// Sets the variable [`seat_variable`](crate::seat_variable) for the command, and stores the
    /// lease in the file `seats.json` of the state directory, now and after each renewal. The entry
    /// is removed when the seat is released or lost.
    ///
    /// # Blocking
    ///
    /// Waits for at most ten seconds while other processes write, and then writes durably.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the lease cannot be stored. The seat stays valid for this
    /// process, and the thread that renews it tries again. Returns [`OnlineError::Forked`] in a
    /// child process.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// use std::process::Command;
    ///
    /// let seat = seat()?;
    /// let mut solver = Command::new("solver");
    /// seat.share_with(&mut solver)?;
    /// solver.status()?;
    /// seat.release()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn share_with(&self, command: &mut Command) -> Result<(), OnlineError> {
        self.core.check_owner()?;
        let holder = &self.core.holder;
        let variable = seat_variable(holder.license.product());
        command.env(variable, holder.session.to_string());
        // A borrowed seat is in the file already.
        if holder.is_borrowed {
            return Ok(());
        }
        self.core.sharing().is_shared = true;
        Ok(self.core.update_entry(crate::store::LOCK_TIMEOUT)?)
    }
}

impl SeatCore {
    fn sharing(&self) -> std::sync::MutexGuard<'_, Sharing> {
        self.sharing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the entry for the lease of now, or `None` if the seat is lost or released.
    pub(in crate::online) fn entry(&self, stored_by: SeatOrigin) -> Option<SeatEntry> {
        let state = self.state();
        if matches!(state.phase, Phase::Lost | Phase::Released) {
            return None;
        }
        let (holder, grant) = (&self.holder, &state.grant);
        let ends = holder.boot.filter(|_| stored_by != SeatOrigin::Borrow);
        // A process that renews its seat also releases it, so that others need no secret.
        let secret = match stored_by {
            SeatOrigin::Run => String::new(),
            _ => holder.secret.as_str().to_owned(),
        };
        Some(SeatEntry {
            session: holder.session.to_string(),
            stored_by,
            lease: grant.lease.as_str().to_owned(),
            ends: ends.map(|boot| BootInstant::new(boot, grant.valid_until)),
            server: holder.url().to_owned(),
            instance: holder.instance.clone(),
            seq: grant.lease.seq(),
            secret,
        })
    }

    /// Writes the entry of a shared seat, or removes it, if the lease has changed.
    pub(super) fn update_entry(&self, patience: Duration) -> Result<(), StoreError> {
        let mut sharing = self.sharing();
        let entry = self.entry(SeatOrigin::Run).filter(|_| sharing.is_shared);
        if sharing.stored == entry {
            return Ok(());
        }
        let store = &self.holder.store;
        let lock = store.lock_within(patience)?;
        if let Some(entry) = &entry {
            seat_file::put(&lock, store, self.holder.boot, entry.clone())?;
        } else if let Some(stored) = &sharing.stored {
            seat_file::remove(&lock, store, stored)?;
        }
        sharing.stored = entry;
        Ok(())
    }

    /// Removes the entry of a seat that this process no longer uses. If another process writes for
    /// too long, the entry stays until its lease ends.
    pub(super) fn remove_entry(&self) {
        let _ = self.update_entry(PATIENCE);
    }

    /// Writes the entry of a shared seat after a renewal. Reports the first of several failures.
    pub(in crate::online) fn refresh_entry(&self) {
        let updated = self.update_entry(PATIENCE);
        let mut sharing = self.sharing();
        let is_new = updated.is_err() && !sharing.is_reported;
        sharing.is_reported = updated.is_err();
        drop(sharing);
        if let Err(error) = updated.map_err(OnlineError::from)
            && is_new
        {
            let error = Arc::new(error);
            self.emit(&SeatEvent::NotShared { error });
        }
    }
}
