//! Acquires seats, and waits for them in the queue.

mod acquire;
mod waiting;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::machine::Machine;
use license_core::requests::ActivationSecret;
use license_core::session::{ProjectRoot, SessionId};
use license_core::{Context, FeatureMatrix, License};
use zeroize::Zeroizing;

use super::caller::{self, Installed};
use super::error::OnlineError;
use super::grant::{Expected, Grant, SeatReply, unverified};
use super::login::RequestLogin;
use super::own_seats::OwnSeats;
use super::queue::QueueReply;
use super::random;
use super::seat::{Callback, Holder, Seat, SeatEvent};
use super::transport::{Answer, Transport};
use crate::boot_time::{BootInstant, BootTime};
use crate::manager::LicenseManager;
use crate::seal::Seal;
use crate::session::{Session, user_of_this_process};
use crate::store::Store;

const PATH: &str = "/api/v1/seats";

/// A request for a floating seat of the installed license.
///
/// ```no_run
/// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
/// #     Err("only compiled".into())
/// # }
/// use std::ops::ControlFlow;
/// use std::time::Duration;
///
/// let client = client()?;
/// let request = client.seat(".")?.on_event(|event| eprintln!("{event}"));
/// // Waits for up to ten minutes, and shows the place in the queue.
/// let seat = request.wait(Duration::from_secs(600), |place| {
///     eprintln!("position {} of {}", place.position, place.waiting);
///     ControlFlow::Continue(())
/// })?;
/// assert!(seat.is_valid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a request does nothing until `acquire` or `wait` is called"]
pub struct SeatRequest {
    pub(super) transport: Arc<Transport>,
    login: RequestLogin,
    pub(super) store: Store,
    pub(super) license: License,
    pub(super) license_key: String,
    pub(super) machine: Machine,
    pub(super) session: SessionId,
    pub(super) root: ProjectRoot,
    /// The sessions of the project with licenses that this license replaces. One of them may have
    /// borrowed a seat.
    pub(super) earlier_sessions: Vec<SessionId>,
    /// The instant of the evaluation.
    pub(super) now: DateTime<Utc>,
    /// The id of the boot, if the system has one.
    pub(super) boot: Option<u128>,
    pub(super) seal: Seal,
    /// The user that the program states.
    user: Option<String>,
    groups: Vec<String>,
    callback: Option<Callback>,
    /// The seats of the client whose decisions count the seat.
    counted_by: Option<Arc<OwnSeats>>,
}

impl fmt::Debug for SeatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeatRequest")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// The instance and the secret of one attempt to acquire a seat.
pub(super) struct Attempt {
    pub(super) instance: String,
    pub(super) secret: ActivationSecret,
}

/// How a process uses its seat.
pub(super) enum Use {
    /// It renews the lease at this time, if the server permits it, and releases the seat.
    Renewed(Option<BootTime>),
    /// The seat stays borrowed, whatever the process does.
    Borrowed,
}

/// The answer of a server to a request for a seat.
enum Acquired {
    Seat(Box<Seat>),
    Queued { server: usize, ticket: QueueReply },
}

impl SeatRequest {
    pub(super) fn new(
        (transport, login): (Arc<Transport>, RequestLogin),
        manager: &LicenseManager,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
        path: &Path,
    ) -> Result<Self, OnlineError> {
        let installed = Installed::read(manager, matrix, context);
        let installed = installed.ok_or(OnlineError::NoLicense)?;
        installed.check_context(matrix, context)?;
        let license = installed.license;
        if license.confirmation_key().is_none() {
            let license = license.id().clone();
            return Err(OnlineError::NotCertified { license });
        }
        let user = context.named_user();
        let session = Session::find(manager, Some(license.id()), user, path);
        let session = session.map_err(OnlineError::Project)?;
        let named = user.map_or_else(user_of_this_process, str::to_owned);
        let name = session.root().name_bytes();
        let earlier = license.supersedes().iter();
        let earlier = earlier.map(|id| SessionId::new(Some(id), manager.digest(), &named, &name));
        Ok(Self {
            earlier_sessions: earlier.collect(),
            now: installed.decision.evaluated_at(),
            boot: manager.clock().boot().map(|boot| boot.id),
            seal: manager.seal().clone(),
            transport,
            login,
            store: manager.readable_paths().user().clone(),
            license_key: caller::license_key(&license)?,
            machine: caller::machine(manager, &license)?,
            session: session.id(),
            root: session.root().clone(),
            user: user.map(str::to_owned),
            groups: Vec::new(),
            callback: None,
            counted_by: None,
            license,
        })
    }

    /// Lets the decisions of a client count the seat.
    pub(crate) fn counted_by(self, seats: Arc<OwnSeats>) -> Self {
        Self {
            counted_by: Some(seats),
            ..self
        }
    }

    /// Sets the name with which the seat is listed. All processes of a session need the same name.
    ///
    /// The default is the user of the context, or else that of the login, or else the name of the
    /// account in `/etc/passwd`, or else the user id of this process, such as `uid:1000`. The
    /// session id contains the user id in the last two cases. The environment has a name too, but
    /// not in each process of the same user.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// let seat = client.seat(".")?.user("ann@acme.example").acquire()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn user(self, name: impl Into<String>) -> Self {
        Self {
            user: Some(name.into()),
            ..self
        }
    }

    /// Sets the groups of the user, for which a server can reserve seats.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// let seat = client.seat(".")?.groups(["engineering"]).acquire()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn groups<T: Into<String>>(self, groups: impl IntoIterator<Item = T>) -> Self {
        Self {
            groups: groups.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// Calls a function when the seat is late, recovered or lost.
    ///
    /// The function runs in the thread that renews all seats of the process, so it must return
    /// soon. Its panic does not end the thread.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// let request = client.seat(".")?.on_event(|event| eprintln!("{event}"));
    /// let seat = request.acquire()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_event(self, callback: impl FnMut(&SeatEvent) + Send + 'static) -> Self {
        Self {
            callback: Some(Box::new(callback)),
            ..self
        }
    }

    /// Returns the session that needs the seat. Every path to the project gives the same session,
    /// so a project has one seat, however many processes use it.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// println!("{}", client.seat(".")?.session());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Returns the root of the project.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// println!("{}", client.seat(".")?.root().path().display());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root(&self) -> &ProjectRoot {
        &self.root
    }

    /// Acquires a seat without waiting for a free one. If the project has
    /// [borrowed](Self::borrow) a seat, returns that one without the network.
    ///
    /// The request contains the license key, the session id, the digest of the machine, the user
    /// and groups, and random numbers. The path of the project is not sent.
    ///
    /// # Blocking
    ///
    /// Returns within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Problem`] with the code `NO_SEAT` if no seat is free, and other
    /// errors if no server answers, or if the lease proves nothing.
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// match client.seat(".")?.acquire() {
    ///     Ok(seat) => println!("{} s", seat.expires_in().as_secs()),
    ///     Err(error) if error.code() == "NO_SEAT" => println!("all seats are held"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire(mut self) -> Result<Seat, OnlineError> {
        match self.borrowed_seat()? {
            Some(seat) => Ok(seat),
            None => self.acquire_as(&Attempt::new()?),
        }
    }

    /// Acquires a seat as the process that an attempt names.
    pub(super) fn acquire_as(&mut self, attempt: &Attempt) -> Result<Seat, OnlineError> {
        match self.request(attempt, false)? {
            Acquired::Seat(seat) => Ok(*seat),
            Acquired::Queued { server, .. } => {
                let reason = "expected a seat, found a place in the queue";
                Err(unverified(self.transport.url(server), reason))
            }
        }
    }

    fn request(&mut self, attempt: &Attempt, is_waiting: bool) -> Result<Acquired, OnlineError> {
        let nonce = random::nonce()?;
        let answer = self.send_acquire(attempt, is_waiting, nonce)?;
        self.accept(&answer, attempt, nonce)
    }

    fn accept(
        &mut self,
        answer: &Answer,
        attempt: &Attempt,
        nonce: Nonce,
    ) -> Result<Acquired, OnlineError> {
        let url = self.transport.url(answer.server);
        // A poll that still waits has status 200, and a granted seat has 200 or 201.
        if let Ok(ticket) = answer.parse::<QueueReply>(url) {
            if !ticket.is_well_formed() {
                return Err(unverified(url, "its ticket is not well formed"));
            }
            let server = answer.server;
            return Ok(Acquired::Queued { server, ticket });
        }
        let reply: SeatReply = answer.parse(url)?;
        let expected = self.expected(&attempt.secret);
        let grant = reply.grant(answer, url, nonce, &expected)?;
        let grant = grant.ok_or_else(|| unverified(url, "expected a lease token, found none"))?;
        let renew_at = reply.renew_at(answer.sent_at);
        let seat = self.start(attempt, answer.server, grant, Use::Renewed(renew_at))?;
        Ok(Acquired::Seat(Box::new(seat)))
    }

    /// Returns the parts of a lease for this request that are known in advance.
    pub(super) fn expected(&self, secret: &ActivationSecret) -> Expected<'_> {
        Expected {
            license: &self.license,
            session: self.session,
            machine: &self.machine,
            commitment: secret.commitment(),
        }
    }

    /// Returns the end of a lease for other processes of this boot, if the system has an id of it.
    pub(super) fn boot_instant(&self, grant: &Grant) -> Option<BootInstant> {
        let boot = self.boot?;
        Some(BootInstant::new(boot, grant.valid_until))
    }

    /// Starts to use a seat, and to renew it if it is not borrowed.
    pub(super) fn start(
        &mut self,
        attempt: &Attempt,
        server: usize,
        grant: Grant,
        usage: Use,
    ) -> Result<Seat, OnlineError> {
        let renew_at = match usage {
            Use::Renewed(renew_at) => renew_at,
            Use::Borrowed => None,
        };
        let holder = Holder {
            transport: Arc::clone(&self.transport),
            server,
            license: self.license.clone(),
            license_key: self.license_key.clone(),
            machine: self.machine.clone(),
            session: grant.lease.session(),
            instance: attempt.instance.clone(),
            secret: Zeroizing::new(attempt.secret.reveal()),
            commitment: attempt.secret.commitment(),
            store: self.store.clone(),
            seal: self.seal.clone(),
            boot: self.boot,
            is_borrowed: matches!(usage, Use::Borrowed),
        };
        let root = self.root.clone();
        let seat = Seat::start(holder, grant, renew_at, root, self.callback.take())?;
        if let Some(seats) = &self.counted_by {
            seats.add(&seat.core);
        }
        Ok(seat)
    }
}

impl Attempt {
    pub(super) fn new() -> Result<Self, OnlineError> {
        Ok(Self {
            instance: random::instance()?,
            secret: ActivationSecret::from_random(random::secret()?),
        })
    }
}

#[cfg(test)]
mod tests;
