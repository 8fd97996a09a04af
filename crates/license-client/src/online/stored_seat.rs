//! Seats that no process renews: a shell acquires, renews and releases them in separate processes.

use std::fmt;
use std::time::Duration;

use license_core::license::Lease;
use license_core::requests::ActivationSecret;
use license_core::session::{ProjectRoot, SessionId};
use serde_json::json;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::boot_time::BootTime;
use super::error::OnlineError;
use super::grant::{Expected, Grant, ReleaseReply, SeatReply, unverified};
use super::random;
use super::seat_file::{self, SeatEntry};
use super::seat_request::{Attempt, SeatRequest};
use super::transport::{Answer, Call, Limit, Route};

/// A floating seat that no process renews. It ends with its lease.
///
/// The secret that releases the seat is in the file `seats.json` of the state directory, which only
/// its user can read. Programs that run for longer than a lease use [`Seat`](super::Seat).
///
/// ```no_run
/// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
/// #     Err("only compiled".into())
/// # }
/// let client = client()?;
/// let seat = client.seat(".")?.store()?;
/// println!("valid for {} s", seat.expires_in().as_secs());
/// // Later, also in another process:
/// client.seat(".")?.release_stored()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoredSeat {
    server: String,
    root: ProjectRoot,
    grant: Grant,
}

impl fmt::Debug for StoredSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSeat")
            .field("session", &self.session())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl StoredSeat {
    /// Returns how long the lease is valid without a renewal, or zero if it has ended.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("valid for {} s", seat.expires_in().as_secs());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(&self) -> Duration {
        self.grant.valid_until.since(BootTime::now())
    }

    /// Returns the session that holds the seat.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("seat of {}", seat.session());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&self) -> SessionId {
        self.grant.lease.session()
    }

    /// Returns the root of the project.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("seat of {}", seat.root().path().display());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root(&self) -> &ProjectRoot {
        &self.root
    }

    /// Returns the URL of the server that granted the seat.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("granted by {}", seat.server());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns the lease, which proves the seat to others.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("{}", seat.lease().as_str());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease(&self) -> &Lease {
        &self.grant.lease
    }

    /// Returns whether the seat exceeds the seats of the license, as its overage policy allows.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if seat.is_overage() {
    ///     eprintln!("all seats are held; this one exceeds the license");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_overage(&self) -> bool {
        self.grant.is_overage
    }

    /// Returns the reason of an administrator why the lease cannot be renewed, if there is one.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if let Some(reason) = seat.end_reason() {
    ///     eprintln!("an administrator ended the lease: {reason}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end_reason(&self) -> Option<&str> {
        self.grant.soft_end.as_deref()
    }
}

impl SeatRequest {
    /// Acquires a seat for the lifetime of one lease, and stores the secret that releases it. If the
    /// session has stored a seat, renews that one.
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
        let stored = seat_file::find(&self.store, self.session)?;
        let known = stored.and_then(|entry| {
            let (instance, secret) = (entry.instance.clone(), entry.secret()?);
            Some(Attempt { instance, secret })
        });
        let attempt = known.map_or_else(Attempt::new, Ok)?;
        let seat = self.acquire_as(&attempt)?;
        let server = seat.server().to_owned();
        // A seat that cannot be released later is released now, when it is dropped.
        if let Some(lease) = seat.lease() {
            let entry = SeatEntry::new(
                self.session,
                &server,
                &attempt.instance,
                lease.seq(),
                &attempt.secret,
            );
            seat_file::put(&self.store, entry)?;
        }
        Ok(StoredSeat {
            server,
            root: self.root.clone(),
            grant: seat.detach(),
        })
    }

    /// Asks the server about the stored seat of the session, which renews its lease. Returns `None`
    /// if the session has stored no seat.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Problem`] with the code `LEASE_LOST` if the lease has ended for good.
    /// The seat is then no longer stored. Returns other errors if no server answers.
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
        let Some((entry, secret)) = self.entry()? else {
            return Ok(None);
        };
        let nonce = random::nonce()?;
        // No token has this id, so the answer always has a token.
        let body = json!({
            "instance": entry.instance,
            "seq": entry.seq,
            "nonce": nonce.to_string(),
            "token": "none",
        });
        let answer = self.send_stored(&entry, "heartbeat", body.to_string())?;
        let url = self.transport.url(answer.server);
        let reply: SeatReply = answer.parse(url)?;
        let expected = Expected {
            license: &self.license,
            session: self.session,
            machine: &self.machine,
            commitment: secret.commitment(),
        };
        let grant = reply.grant(&answer, url, nonce, &expected)?;
        let grant = grant.ok_or_else(|| unverified(url, "expected a lease token, found none"))?;
        Ok(Some(StoredSeat {
            server: url.to_owned(),
            root: self.root.clone(),
            grant,
        }))
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
    /// and ends with its lease.
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
        let Some((entry, secret)) = self.entry()? else {
            return Ok(None);
        };
        let body = json!({
            "instance": entry.instance,
            "seq": entry.seq,
            "secret": secret.reveal(),
        });
        let answer = self.send_stored(&entry, "release", body.to_string())?;
        let released: ReleaseReply = answer.parse(self.transport.url(answer.server))?;
        seat_file::remove(&self.store, &entry)?;
        Ok(Some(released.freed))
    }

    fn entry(&self) -> Result<Option<(SeatEntry, ActivationSecret)>, OnlineError> {
        let entry = seat_file::find(&self.store, self.session)?;
        Ok(entry.and_then(|entry| {
            let secret = entry.secret()?;
            Some((entry, secret))
        }))
    }

    /// Sends a request about a stored seat to the server that granted it. If the settings do not
    /// name this server any more, asks all servers.
    fn send_stored(
        &self,
        entry: &SeatEntry,
        action: &str,
        body: String,
    ) -> Result<Answer, OnlineError> {
        let server = self.transport.urls().position(|url| url == entry.server);
        let key = random::idempotency_key()?;
        let call = Call {
            method: Method::POST,
            path: &format!("/api/v1/seats/{}/{action}", self.session),
            body: Some(Zeroizing::new(body)),
            license: Some(&self.license_key),
            // A renewal has none, because a repetition has no further effect.
            idempotency_key: (action == "release").then_some(key.as_str()),
        };
        let route = server.map_or(Route::Any, Route::Only);
        let answer = self.transport.send(&call, route, Limit::Configured);
        let is_lost = answer.as_ref().is_err_and(|error| {
            let problem = error.problem().filter(|problem| problem.is_authenticated);
            problem.is_some_and(|problem| {
                matches!(problem.code.as_str(), "LEASE_LOST" | "UNKNOWN_INSTANCE")
            })
        });
        if is_lost {
            seat_file::remove(&self.store, entry)?;
        }
        answer
    }
}
