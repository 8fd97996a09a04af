//! Borrowed seats: for machines that leave the network for days.

use std::sync::Arc;
use std::time::Duration;

use license_core::Unverified;
use license_core::claims::LeaseMode;
use license_core::requests::{ActivationSecret, DeactivationReceipt, MachineRequest};
use license_core::time;
use serde_json::json;

use super::error::{OnlineError, one_line};
use super::grant::{Grant, SeatReply, unverified};
use super::random;
use super::seat::Seat;
use super::seat_request::{Attempt, SeatRequest, Use};
use super::stored_seat::StoredSeat;
use crate::boot_time::BootTime;
use crate::returned_seats;
use crate::seat_file::{self, SeatEntry, SeatOrigin};

/// A borrowed seat in the file `seats.json`.
pub(super) struct BorrowedSeat {
    pub(super) entry: SeatEntry,
    pub(super) grant: Grant,
    secret: ActivationSecret,
}

impl SeatRequest {
    /// Borrows a seat for a machine that leaves the network, or extends the loan. The project then
    /// has the seat until the end of the loan, without the network and over restarts of the
    /// machine.
    ///
    /// Uses the seat that the session has stored, or acquires one. `acquire`, `wait` and `store` of
    /// the same project return the borrowed seat until its end. A repetition never shortens the
    /// loan: the lease then states the later end.
    ///
    /// The vendor's license and the settings of the server bound the duration and the number of
    /// borrowed seats.
    ///
    /// # Blocking
    ///
    /// Returns within twice the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Problem`] with the code `BORROW_NOT_PERMITTED`, `BORROW_DURATION` or
    /// `BORROW_LIMIT` if the license or the server does not permit the loan, with the code
    /// `LEASE_LOST` if an administrator has ended the earlier loan, and the errors of
    /// [`Self::store`].
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// use std::time::Duration;
    ///
    /// let client = client()?;
    /// let three_days = Duration::from_secs(3 * 24 * 60 * 60);
    /// let seat = client.seat(".")?.borrow(three_days)?;
    /// println!("borrowed until {}", seat.lease().expires_at());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn borrow(mut self, duration: Duration) -> Result<StoredSeat, OnlineError> {
        // The lease of the loan is extended, so that a loan that an administrator has ended is an
        // error, and not a second seat.
        let earlier = self.borrowed()?;
        if let Some(earlier) = earlier.filter(|one| one.grant.lease.session() == self.session) {
            let instance = earlier.entry.instance.clone();
            let secret = earlier.secret;
            match self.borrow_seat(earlier.entry, &Attempt { instance, secret }, duration) {
                // The server has forgotten the process, and the lease may still be there.
                Err(error) if error.code() == "UNKNOWN_INSTANCE" => {}
                extended => return extended,
            }
        }
        let (attempt, is_known) = self.stored_or_new_attempt()?;
        let seat = match self.acquire_as(&attempt) {
            Ok(seat) => seat,
            // A held seat needs no login, so an outage of the provider prevents no loan of it.
            Err(error) if is_known && error.is_about_login() => {
                let (entry, _) = self.entry()?.ok_or(error)?;
                return self.borrow_seat(entry, &attempt, duration);
            }
            Err(error) => return Err(error),
        };
        // The secret is stored before the loan, so that a lost answer does not lose the seat: a
        // repetition borrows it as the same process.
        let acquired = seat.core.entry(SeatOrigin::Acquire).filter(|_| !is_known);
        if let Some(entry) = &acquired {
            self.put(entry)?;
        }
        let borrowed = match seat.core.entry(SeatOrigin::Borrow) {
            Some(entry) => self.borrow_seat(entry, &attempt, duration),
            None => {
                let reason = "expected a lease, found the end of one";
                Err(unverified(seat.server(), reason))
            }
        };
        match (&borrowed, acquired) {
            // A seat that was acquired for a loan that is refused is released, when it is dropped.
            (Err(error), Some(entry)) if !error.is_unreachable() => self.remove(&entry)?,
            _ => drop(seat.detach()),
        }
        borrowed
    }

    fn borrow_seat(
        &self,
        mut entry: SeatEntry,
        attempt: &Attempt,
        duration: Duration,
    ) -> Result<StoredSeat, OnlineError> {
        let nonce = random::nonce()?;
        let body = json!({
            "instance": entry.instance,
            "seq": entry.seq,
            "secret": attempt.secret.reveal(),
            "nonce": nonce.to_string(),
            "seconds": duration.as_secs(),
        });
        let answer = self.send_stored(&entry, "borrow", body.to_string())?;
        let url = self.transport.url(answer.server);
        let reply: SeatReply = answer.parse(url)?;
        let expected = self.expected(&attempt.secret);
        let grant = reply.grant(&answer, url, nonce, &expected)?;
        let grant = grant.filter(|grant| grant.lease.mode() == LeaseMode::Borrowed);
        let grant =
            grant.ok_or_else(|| unverified(url, "expected a borrowed lease, found none"))?;
        (entry.stored_by, entry.ends) = (SeatOrigin::Borrow, None);
        entry.lease = grant.lease.as_str().to_owned();
        if let Err(error) = self.put(&entry) {
            // Without an entry, no process could use or return the seat. The entry of an earlier
            // loan is still used, so that loan is not returned.
            if self.borrowed().is_ok_and(|earlier| earlier.is_none()) {
                let _ = self.send_return(&entry, &attempt.secret);
            }
            return Err(error);
        }
        Ok(self.stored_seat(&entry, grant))
    }

    /// Returns the borrowed seat of the session to its server before the end of the loan. Returns
    /// whether this freed it, or `None` if the session has borrowed no seat.
    ///
    /// The end of the use is recorded before the request is sent.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings. Waits in addition for at most ten seconds
    /// while other processes write.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the end of the use cannot be recorded, and nothing is then
    /// sent. Returns other errors if no server has confirmed the return. If the server certainly
    /// did not take the seat back, the seat stays borrowed. Otherwise, such as after a lost answer,
    /// this machine does not use the seat any more, and a repetition of the return is safe.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// if client.seat(".")?.return_borrowed()?.is_none() {
    ///     println!("no seat is borrowed");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn return_borrowed(self) -> Result<Option<bool>, OnlineError> {
        let Some(BorrowedSeat { entry, secret, .. }) = self.find_borrowed()? else {
            return Ok(None);
        };
        let commitment = secret.commitment();
        let is_new = returned_seats::record(&self.store, &self.seal, commitment)?;
        let freed = match self.send_return(&entry, &secret) {
            Ok(freed) => freed,
            // An earlier return, whose answer was lost, has ended the loan.
            Err(error) if error.code() == "NOT_BORROWED" => false,
            Err(error) => {
                let is_certain = self.server_of(&entry).is_some() && error.is_without_effect();
                if is_new && is_certain {
                    returned_seats::withdraw(&self.store, &self.seal, commitment)?;
                }
                return Err(error);
            }
        };
        self.remove(&entry)?;
        Ok(Some(freed))
    }

    /// Ends the use of the borrowed seat without the network, and returns the receipt that frees it
    /// on its server. Returns `None` if the session has borrowed no seat.
    ///
    /// From then on, this machine does not use the seat any more. A second call returns the receipt
    /// again. The receipt is a [`DeactivationReceipt`] with the license and the nonce of the lease.
    ///
    /// # Blocking
    ///
    /// Waits for at most ten seconds while other processes write, and then writes durably.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the end of the use cannot be recorded. The seat then stays
    /// borrowed. Returns [`OnlineError::NoMachine`] if nothing identifies this machine.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// if let Some(receipt) = client.seat(".")?.return_with_receipt()? {
    ///     std::fs::write("seat.receipt", receipt.to_armor())?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn return_with_receipt(self) -> Result<Option<MachineRequest>, OnlineError> {
        let Some(BorrowedSeat { grant, secret, .. }) = self.find_borrowed()? else {
            return Ok(None);
        };
        let lease = grant.lease;
        let machine = self.machine.digest().ok_or(OnlineError::NoMachine)?;
        returned_seats::record(&self.store, &self.seal, secret.commitment())?;
        Ok(Some(MachineRequest::Deactivation(DeactivationReceipt {
            product: lease.product(),
            license: lease.license_id().clone(),
            machine,
            nonce: lease.nonce(),
            secret,
            made_at: time::clamp(self.now),
        })))
    }

    /// Asks the server about a borrowed seat. If no server is reached, the loan counts as its lease
    /// states it.
    pub(super) fn confirm(&self, borrowed: BorrowedSeat) -> Result<StoredSeat, OnlineError> {
        let BorrowedSeat {
            entry, mut grant, ..
        } = borrowed;
        let mut unconfirmed = None;
        match self.send_heartbeat(&entry, random::nonce()?) {
            Ok(answer) => {
                let reply: SeatReply = answer.parse(self.transport.url(answer.server))?;
                grant.soft_end = reply.soft_end.as_deref().map(one_line);
            }
            // The loan does not depend on the process that borrowed the seat.
            Err(error) if error.code() == "UNKNOWN_INSTANCE" => {}
            Err(error) if error.is_unreachable() => unconfirmed = Some(Arc::new(error)),
            Err(error) => return Err(error),
        }
        let mut seat = self.stored_seat(&entry, grant);
        seat.unconfirmed = unconfirmed;
        Ok(seat)
    }

    fn send_return(
        &self,
        entry: &SeatEntry,
        secret: &ActivationSecret,
    ) -> Result<bool, OnlineError> {
        let body = json!({ "seq": entry.seq, "secret": secret.reveal() });
        self.send_release(entry, "return", body.to_string())
    }

    /// Returns the borrowed seat that the session can use now, without the network.
    pub(super) fn borrowed(&self) -> Result<Option<BorrowedSeat>, OnlineError> {
        let found = self.find_borrowed()?;
        Ok(found.filter(|borrowed| {
            let commitment = borrowed.secret.commitment();
            let is_returned = || returned_seats::is_returned(&self.store, &self.seal, commitment);
            borrowed.grant.lease.expires_at() > self.now && !is_returned()
        }))
    }

    /// Refuses a stored seat whose loan has ended, and that was not acquired again.
    pub(super) fn check_loan_end(&self) -> Result<(), OnlineError> {
        let stored = self.entry()?;
        let is_loan = stored.is_some_and(|(entry, _)| entry.stored_by == SeatOrigin::Borrow);
        let ended = self.find_borrowed()?.filter(|_| is_loan);
        match ended.map(|ended| ended.grant.lease.expires_at()) {
            Some(at) if at <= self.now => Err(OnlineError::LoanEnded { at }),
            _ => Ok(()),
        }
    }

    /// Starts to use the borrowed seat of the session, if there is one.
    pub(super) fn borrowed_seat(&mut self) -> Result<Option<Seat>, OnlineError> {
        let Some(BorrowedSeat {
            entry,
            grant,
            secret,
        }) = self.borrowed()?
        else {
            return Ok(None);
        };
        let instance = entry.instance.clone();
        let attempt = Attempt { instance, secret };
        let server = self.transport.urls().position(|url| url == entry.server);
        let server = server.unwrap_or(0);
        self.start(&attempt, server, grant, Use::Borrowed).map(Some)
    }

    /// Returns the stored loan of the session, or of the session with a license that this one
    /// replaces. The loan may have ended.
    fn find_borrowed(&self) -> Result<Option<BorrowedSeat>, OnlineError> {
        let sessions = std::iter::once(self.session).chain(self.earlier_sessions.iter().copied());
        for session in sessions {
            let mut entries = seat_file::of_session(&self.store, session)?.into_iter();
            let entry = entries.find(|entry| entry.stored_by == SeatOrigin::Borrow);
            let found = entry.and_then(|entry| {
                let token = Unverified::parse(&entry.lease).ok()?;
                let lease = self.license.verify_lease(&token).ok()?;
                let is_here = lease.covers(session, &self.machine);
                let left = time::duration_since(lease.expires_at(), self.now);
                let left = left.to_std().unwrap_or(Duration::ZERO);
                let grant = Grant {
                    soft_end: None,
                    valid_until: BootTime::now().after(left),
                    is_overage: false,
                    lease,
                };
                let is_loan = is_here && grant.lease.mode() == LeaseMode::Borrowed;
                let secret = entry.secret().filter(|_| is_loan)?;
                Some(BorrowedSeat {
                    entry,
                    grant,
                    secret,
                })
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
