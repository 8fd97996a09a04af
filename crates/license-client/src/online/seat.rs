//! A floating seat that this process holds.

mod event;
mod renewal;
mod sharing;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use license_core::License;
use license_core::ids::Commitment;
use license_core::license::Lease;
use license_core::machine::Machine;
use license_core::session::{ProjectRoot, SessionId};
use serde_json::json;
use ureq::http::Method;
use zeroize::Zeroizing;

pub use self::event::SeatEvent;
use self::renewal::Renewal;
use self::sharing::Sharing;
use super::error::OnlineError;
use super::grant::{Grant, ReleaseReply};
use super::heartbeats;
use super::random;
use super::transport::{Call, Limit, Route, Transport};
use crate::boot_time::BootTime;
use crate::seal::Seal;
use crate::store::Store;

/// The longest time for which dropping a seat waits for the server.
const DROP_LIMIT: Duration = Duration::from_secs(2);

pub(super) type Callback = Box<dyn FnMut(&SeatEvent) + Send>;

/// A floating seat of a license, which this process holds for a project.
///
/// One thread of the process renews all of its seats. The lease is a token that the server signed
/// with the key that the license certifies, so a seat is believed only if the vendor's key proves
/// it. Its lifetime counts from the moment when the request was sent, by a clock that continues in
/// suspend and that no program sets.
///
/// The decisions of the client that acquired the seat count it while it is valid.
///
/// Dropping the seat releases it, and waits for the server for at most two seconds. A process that
/// ends without dropping it keeps the seat until the lease ends, by default two minutes. After a
/// `fork`, the seat belongs to the parent: in the child it is not valid, and dropping it has no
/// effect on the server.
///
/// ```no_run
/// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
/// #     Err("only compiled".into())
/// # }
/// use license_client::SeatEvent;
///
/// let client = client()?;
/// let seat = client.seat(".")?.on_event(|event| match event {
///     SeatEvent::Lost { .. } => eprintln!("{event}; save your work"),
///     _ => eprintln!("{event}"),
/// });
/// let seat = seat.acquire()?;
/// while seat.is_valid() {
///     // A step of the work.
/// #   break;
/// }
/// seat.release()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the seat is released as soon as it is dropped"]
pub struct Seat {
    pub(super) core: Arc<SeatCore>,
    root: ProjectRoot,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("session", &self.core.holder.session)
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

/// The holder of a seat, as its server identifies it.
pub(super) struct Holder {
    pub(super) transport: Arc<Transport>,
    /// The server that granted the seat. Only this server renews it.
    pub(super) server: usize,
    pub(super) license: License,
    pub(super) license_key: String,
    pub(super) machine: Machine,
    pub(super) session: SessionId,
    pub(super) instance: String,
    pub(super) secret: Zeroizing<String>,
    pub(super) commitment: Commitment,
    /// The files of the user, and the id of the boot: for the lease that child processes read.
    pub(super) store: Store,
    /// The seal of the state, which has the returned seats.
    pub(super) seal: Seal,
    pub(super) boot: Option<u128>,
    /// Whether the seat is borrowed. It needs no server, and stays borrowed when it is dropped.
    pub(super) is_borrowed: bool,
}

/// The part of a seat that the thread for renewals uses.
pub(super) struct SeatCore {
    pub(super) holder: Holder,
    /// The process that acquired the seat.
    owner: u32,
    state: Mutex<SeatState>,
    callback: Mutex<Option<Callback>>,
    sharing: Mutex<Sharing>,
}

struct SeatState {
    phase: Phase,
    grant: Grant,
    renewal: Renewal,
    /// Whether another process has returned the borrowed seat, and when this was read.
    returned: Option<(BootTime, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The lease is valid, or its end was not noticed yet.
    Held,
    /// The lease has ended, and can be renewed.
    Late,
    /// The lease has ended for good.
    Lost,
    /// The holder has released the seat.
    Released,
}

impl Seat {
    /// Starts to renew a seat.
    pub(super) fn start(
        holder: Holder,
        grant: Grant,
        renew_at: Option<BootTime>,
        root: ProjectRoot,
        callback: Option<Callback>,
    ) -> Result<Self, OnlineError> {
        let core = Arc::new(SeatCore::new(holder, grant, renew_at, callback));
        // If the thread cannot be started, dropping the seat releases it.
        let seat = Self {
            core: Arc::clone(&core),
            root,
        };
        heartbeats::add(&core).map_err(OnlineError::NoThread)?;
        Ok(seat)
    }

    /// Returns whether the lease proves the seat now. Never blocks on the network.
    ///
    /// A late or lost seat is not valid, and neither is the seat of a parent process.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if !seat.is_valid() {
    ///     eprintln!("save your work");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_valid(&self) -> bool {
        !self.expires_in().is_zero()
    }

    /// Returns how long the lease is valid without a renewal, or zero if it is not valid.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("valid for {} s", seat.expires_in().as_secs());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(&self) -> Duration {
        let valid = self.core.valid();
        valid.map_or(Duration::ZERO, |(_, left)| left)
    }

    /// Returns the session that holds the seat.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("seat of {}", seat.session());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&self) -> SessionId {
        self.core.holder.session
    }

    /// Returns the root of the project.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
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
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("granted by {}", seat.server());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(&self) -> &str {
        self.core.holder.url()
    }

    /// Returns the latest lease, with which the process can prove its seat to others. Returns
    /// `None` in a child process.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if let Some(lease) = seat.lease() {
    ///     println!("seat {} of pool {}", lease.seq(), lease.pool());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease(&self) -> Option<Lease> {
        let is_owner = self.core.is_owner();
        is_owner.then(|| self.core.state().grant.lease.clone())
    }

    /// Returns whether the seat exceeds the seats of the license, as its overage policy allows.
    /// Returns `false` in a child process.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if seat.is_overage() {
    ///     eprintln!("all seats are held; this one exceeds the license");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_overage(&self) -> bool {
        self.core.is_owner() && self.core.state().grant.is_overage
    }

    /// Stops the renewals without releasing the seat, and returns its lease. The seat then ends
    /// with its lease, unless another process renews or releases it.
    pub(super) fn detach(self) -> Grant {
        let grant = {
            let mut state = self.core.state();
            // The drop of this value then sends nothing.
            state.phase = Phase::Released;
            state.grant.clone()
        };
        heartbeats::wake();
        grant
    }

    /// Releases the seat, and returns whether this freed it. Other processes of the same session
    /// may still use it. A borrowed seat stays borrowed.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError`] if the server did not release the seat. The seat then ends with its
    /// lease. Returns [`OnlineError::Forked`] in a child process.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::Seat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if !seat.release()? {
    ///     println!("another process of the session uses the seat");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release(self) -> Result<bool, OnlineError> {
        self.core.release(Limit::Configured)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.core.release(Limit::AtMost(DROP_LIMIT));
    }
}

impl Holder {
    fn url(&self) -> &str {
        self.transport.url(self.server)
    }

    /// Returns a request about the seat.
    fn call<'a>(&'a self, path: &'a str, body: String, key: Option<&'a str>) -> Call<'a> {
        Call {
            method: Method::POST,
            path,
            body: Some(Zeroizing::new(body)),
            license: Some(&self.license_key),
            deletion_secret: None,
            idempotency_key: key,
        }
    }
}

impl SeatCore {
    fn new(
        holder: Holder,
        grant: Grant,
        renew_at: Option<BootTime>,
        callback: Option<Callback>,
    ) -> Self {
        let renewal = if holder.is_borrowed {
            Renewal::of_loan()
        } else {
            Renewal::new(renew_at, &grant)
        };
        Self {
            holder,
            owner: process::id(),
            state: Mutex::new(SeatState {
                phase: Phase::Held,
                grant,
                renewal,
                returned: None,
            }),
            callback: Mutex::new(callback),
            sharing: Mutex::default(),
        }
    }

    /// Returns whether this process acquired the seat. A child process must not touch the locks,
    /// because a thread of its parent may have held them at the `fork`.
    fn is_owner(&self) -> bool {
        self.owner == process::id()
    }

    /// Returns the grant and how long it lasts, if the lease proves the seat now.
    fn valid(&self) -> Option<(MutexGuard<'_, SeatState>, Duration)> {
        if !self.is_owner() {
            return None;
        }
        let mut state = self.state();
        let has_ended = matches!(state.phase, Phase::Lost | Phase::Released);
        if has_ended || self.is_returned(&mut state) {
            return None;
        }
        let left = state.grant.valid_until.since(BootTime::now());
        (!left.is_zero()).then_some((state, left))
    }

    /// Returns the lease and how long it lasts, if it proves the seat now.
    pub(super) fn valid_lease(&self) -> Option<(Lease, Duration)> {
        let (state, left) = self.valid()?;
        Some((state.grant.lease.clone(), left))
    }

    fn check_owner(&self) -> Result<(), OnlineError> {
        let (owner, found) = (self.owner, process::id());
        if self.is_owner() {
            return Ok(());
        }
        Err(OnlineError::Forked { owner, found })
    }

    /// Returns the state. A thread that panicked has left it in order, because each change is
    /// complete.
    fn state(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, limit: Limit) -> Result<bool, OnlineError> {
        self.check_owner()?;
        let seq = {
            let mut state = self.state();
            let before = std::mem::replace(&mut state.phase, Phase::Released);
            if matches!(before, Phase::Lost | Phase::Released) {
                return Ok(false);
            }
            state.grant.lease.seq()
        };
        heartbeats::wake();
        let holder = &self.holder;
        if holder.is_borrowed {
            return Ok(false);
        }
        // Child processes stop to use the seat before it is free.
        self.remove_entry();
        let body = json!({
            "instance": holder.instance,
            "seq": seq,
            "secret": holder.secret.as_str(),
        });
        let path = format!("/api/v1/seats/{}/release", holder.session);
        let key = random::idempotency_key()?;
        let call = holder.call(&path, body.to_string(), Some(&key));
        let route = Route::First(holder.server);
        let answer = holder.transport.send(&call, route, limit)?;
        let released: ReleaseReply = answer.parse(holder.url())?;
        Ok(released.freed)
    }

    /// Tells the holder about an event. A panic of the callback ends here.
    fn emit(&self, event: &SeatEvent) {
        let mut callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(callback) = callback.as_mut() {
            let _ = catch_unwind(AssertUnwindSafe(|| callback(event)));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
