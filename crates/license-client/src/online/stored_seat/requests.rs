//! Requests about stored seats.

use license_core::ids::Nonce;
use license_core::requests::ActivationSecret;
use serde_json::json;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::super::error::{OnlineError, ServerProblem};
use super::super::grant::{Grant, ReleaseReply, SeatReply, unverified};
use super::super::random;
use super::super::seat_request::{Attempt, SeatRequest};
use super::super::transport::{Answer, Call, Limit, Route};
use super::StoredSeat;
use crate::returned_seats;
use crate::seat_file::{self, SeatEntry, SeatOrigin};

impl SeatRequest {
    /// Acquires a seat for the lifetime of one lease, and stores it with the secret that releases
    /// it. If the session has stored a seat, renews that one. A [borrowed](Self::borrow) seat is
    /// returned without the network.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::acquire`], and [`OnlineError::Store`] if the secret cannot be
    /// stored. The seat is then released.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// let seat = client.seat(".")?.store()?;
    /// println!("valid for {} s", seat.expires_in().as_secs());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn store(mut self) -> Result<StoredSeat, OnlineError> {
        if let Some(borrowed) = self.borrowed()? {
            return Ok(self.stored_seat(&borrowed.entry, borrowed.grant));
        }
        let (attempt, is_known) = self.stored_or_new_attempt()?;
        let seat = match self.acquire_as(&attempt) {
            Ok(seat) => seat,
            // A held seat needs no login, so an outage of the provider does not end it.
            Err(error) if is_known && error.is_about_login() => {
                return self.renew_stored().ok().flatten().ok_or(error);
            }
            Err(error) => return Err(error),
        };
        // A seat that cannot be released later is released now, when it is dropped.
        let entry = seat.core.entry(SeatOrigin::Acquire);
        if let Some(entry) = &entry {
            self.put(entry)?;
        }
        Ok(StoredSeat {
            server: seat.server().to_owned(),
            root: self.root.clone(),
            origin: SeatOrigin::Acquire,
            grant: seat.detach(),
            unconfirmed: None,
        })
    }

    /// Asks the server about the stored seat of the session, which renews its lease. Returns `None`
    /// if the session has stored no seat. A borrowed seat is not changed, and needs no server:
    /// [`StoredSeat::unconfirmed`] says why none was asked.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Problem`] with the code `LEASE_LOST` if the lease has ended for good.
    /// The seat is then no longer stored. Returns [`OnlineError::LoanEnded`] after the end of a
    /// loan. Returns other errors if no server answers, or if the new lease cannot be stored.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// match client.seat(".")?.stored()? {
    ///     Some(seat) => println!("valid for {} s", seat.expires_in().as_secs()),
    ///     None => println!("no seat is stored"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stored(self) -> Result<Option<StoredSeat>, OnlineError> {
        if let Some(borrowed) = self.borrowed()? {
            return self.confirm(borrowed).map(Some);
        }
        self.check_loan_end()?;
        self.renew_stored()
    }

    /// Renews the lease of the stored seat.
    fn renew_stored(&self) -> Result<Option<StoredSeat>, OnlineError> {
        let Some((entry, secret)) = self.entry()? else {
            return Ok(None);
        };
        let nonce = random::nonce()?;
        let answer = self.send_heartbeat(&entry, nonce)?;
        let url = self.transport.url(answer.server);
        let reply: SeatReply = answer.parse(url)?;
        let expected = self.expected(&secret);
        let grant = reply.grant(&answer, url, nonce, &expected)?;
        let grant = grant.ok_or_else(|| unverified(url, "expected a lease token, found none"))?;
        let mut renewed = entry.clone();
        renewed.lease = grant.lease.as_str().to_owned();
        renewed.ends = self.boot_instant(&grant);
        // After its loan, the session uses the seat like any other.
        renewed.stored_by = SeatOrigin::Acquire;
        self.put(&renewed)?;
        Ok(Some(self.stored_seat(&renewed, grant)))
    }

    pub(in crate::online) fn send_heartbeat(
        &self,
        entry: &SeatEntry,
        nonce: Nonce,
    ) -> Result<Answer, OnlineError> {
        // No token has this id, so the answer always has a token.
        let body = json!({
            "instance": entry.instance,
            "seq": entry.seq,
            "nonce": nonce.to_string(),
            "token": "none",
        });
        self.send_stored(entry, "heartbeat", body.to_string())
    }

    /// Releases the stored seat of the session. Returns whether this freed it, or `None` if the
    /// session has stored no seat.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if the server did not release the seat. The seat then stays stored,
    /// and ends with its lease. Returns [`OnlineError::Borrowed`] for a borrowed seat.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// if client.seat(".")?.release_stored()?.is_none() {
    ///     println!("no seat is stored");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release_stored(self) -> Result<Option<bool>, OnlineError> {
        if let Some(borrowed) = self.borrowed()? {
            let until = borrowed.grant.lease.expires_at();
            return Err(OnlineError::Borrowed { until });
        }
        let Some((entry, secret)) = self.entry()? else {
            return Ok(None);
        };
        let body = json!({
            "instance": entry.instance,
            "seq": entry.seq,
            "secret": secret.reveal(),
        });
        let freed = self.send_release(&entry, "release", body.to_string())?;
        self.remove(&entry)?;
        Ok(Some(freed))
    }

    /// Returns the stored seat of the session, with its secret. A returned seat is not one: its
    /// receipt has disclosed the secret.
    pub(in crate::online) fn entry(
        &self,
    ) -> Result<Option<(SeatEntry, ActivationSecret)>, OnlineError> {
        let entries = seat_file::of_session(&self.store, self.session)?.into_iter();
        let mut unrenewed = entries.filter(|entry| entry.stored_by != SeatOrigin::Run);
        Ok(unrenewed.find_map(|entry| {
            let secret = entry.secret()?;
            let commitment = secret.commitment();
            let is_returned = returned_seats::is_returned(&self.store, &self.seal, commitment);
            (!is_returned).then_some((entry, secret))
        }))
    }

    /// Returns the instance and the secret of the stored seat, or else new ones, and whether they
    /// are stored.
    pub(in crate::online) fn stored_or_new_attempt(&self) -> Result<(Attempt, bool), OnlineError> {
        let Some((entry, secret)) = self.entry()? else {
            return Ok((Attempt::new()?, false));
        };
        let instance = entry.instance.clone();
        Ok((Attempt { instance, secret }, true))
    }

    pub(in crate::online) fn stored_seat(&self, entry: &SeatEntry, grant: Grant) -> StoredSeat {
        StoredSeat {
            server: entry.server.clone(),
            root: self.root.clone(),
            origin: entry.stored_by,
            grant,
            unconfirmed: None,
        }
    }

    pub(in crate::online) fn put(&self, entry: &SeatEntry) -> Result<(), OnlineError> {
        let lock = self.store.lock()?;
        Ok(seat_file::put(
            &lock,
            &self.store,
            self.boot,
            entry.clone(),
        )?)
    }

    pub(in crate::online) fn remove(&self, entry: &SeatEntry) -> Result<(), OnlineError> {
        let lock = self.store.lock()?;
        Ok(seat_file::remove(&lock, &self.store, entry)?)
    }

    /// Returns the number of the server that granted a stored seat, if the settings name it.
    pub(in crate::online) fn server_of(&self, entry: &SeatEntry) -> Option<usize> {
        self.transport.urls().position(|url| url == entry.server)
    }

    /// Sends a release or a return, and returns whether it freed the seat. A server that did not
    /// grant the seat does not know it, so its answer counts only if it freed the seat.
    pub(in crate::online) fn send_release(
        &self,
        entry: &SeatEntry,
        action: &str,
        body: String,
    ) -> Result<bool, OnlineError> {
        let answer = self.send_stored(entry, action, body)?;
        let released: ReleaseReply = answer.parse(self.transport.url(answer.server))?;
        if released.freed || self.server_of(entry).is_some() {
            return Ok(released.freed);
        }
        let server = entry.server.clone();
        Err(OnlineError::OtherServer { server })
    }

    /// Sends a request about a stored seat to the server that granted it, or to one that shares its
    /// database. If the settings do not name this server any more, asks all servers, because its
    /// URL may have changed.
    pub(in crate::online) fn send_stored(
        &self,
        entry: &SeatEntry,
        action: &str,
        body: String,
    ) -> Result<Answer, OnlineError> {
        let server = self.server_of(entry);
        let key = random::idempotency_key()?;
        let call = Call {
            method: Method::POST,
            path: &format!("/api/v1/seats/{}/{action}", entry.session),
            body: Some(Zeroizing::new(body)),
            license: Some(&self.license_key),
            // A renewal has none, because a repetition has no further effect.
            deletion_secret: None,
            idempotency_key: (action != "heartbeat").then_some(key.as_str()),
        };
        let route = server.map_or(Route::Any, Route::First);
        let answer = self.transport.send(&call, route, Limit::Configured);
        let problem = answer.as_ref().err().and_then(OnlineError::problem);
        if server.is_none() && problem.is_some_and(ServerProblem::is_about_another_seat) {
            let server = entry.server.clone();
            return Err(OnlineError::OtherServer { server });
        }
        // A loan does not depend on its process, so an unknown process does not end it.
        let is_borrowed = entry.stored_by == SeatOrigin::Borrow;
        let is_lost = |problem: &ServerProblem| {
            let is_lost = problem.is_lease_lost();
            is_lost && !(is_borrowed && problem.code == "UNKNOWN_INSTANCE")
        };
        if problem.is_some_and(|problem| problem.is_authenticated && is_lost(problem)) {
            self.remove(entry)?;
        }
        answer
    }
}
