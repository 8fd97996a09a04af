//! Acquires seats, and waits for them in the queue.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use license_core::machine::Machine;
use license_core::requests::ActivationSecret;
use license_core::session::{ProjectRoot, SessionId};
use license_core::{Context, FeatureMatrix, License};
use serde_json::json;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::boot_time::BootTime;
use super::caller::{self, Installed};
use super::error::OnlineError;
use super::grant::{Expected, SeatReply, unverified};
use super::queue::{QueuePlace, QueueReply};
use super::random;
use super::seat::{Callback, Holder, Seat, SeatEvent};
use super::transport::{Answer, Call, Limit, Route, Transport};
use crate::manager::LicenseManager;
use crate::session::{Session, name_of_this_user};
use crate::store::Store;

const PATH: &str = "/api/v1/seats";

/// The longest time for which a server may hold the answer to a poll.
const POLL: Duration = Duration::from_secs(5);

/// The pause after an attempt that reached no server.
const PAUSE: Duration = Duration::from_secs(1);

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
    pub(super) store: Store,
    pub(super) license: License,
    pub(super) license_key: String,
    pub(super) machine: Machine,
    pub(super) session: SessionId,
    pub(super) root: ProjectRoot,
    user: String,
    groups: Vec<String>,
    callback: Option<Callback>,
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

/// The answer of a server to a request for a seat.
enum Acquired {
    Seat(Box<Seat>),
    Queued { server: usize, ticket: QueueReply },
}

impl SeatRequest {
    pub(super) fn new(
        transport: Arc<Transport>,
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
        Ok(Self {
            transport,
            store: manager.readable_paths().user().clone(),
            license_key: caller::license_key(&license)?,
            machine: caller::machine(manager, &license)?,
            session: session.id(),
            root: session.root().clone(),
            user: user.map_or_else(name_of_this_user, str::to_owned),
            groups: Vec::new(),
            callback: None,
            license,
        })
    }

    /// Sets the name with which the seat is listed. All processes of a session need the same name.
    ///
    /// The default is the user of the context, or else the name of the account in `/etc/passwd`, or
    /// else the user id of this process, such as `uid:1000`. The session id contains the user id in
    /// both cases. The environment has a name too, but not in each process of the same user.
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
            user: name.into(),
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

    /// Acquires a seat without waiting for a free one.
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
    /// Returns [`OnlineError::Problem`] with the code `NO_SEAT` if no seat is free, and other errors
    /// if no server answers, or if the lease proves nothing.
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
        self.acquire_as(&Attempt::new()?)
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

    /// Acquires a seat. Waits in the queue if none is free, for at most `patience`.
    ///
    /// `on_place` is called with the place in the queue at least every five seconds while a server
    /// answers. If it returns `ControlFlow::Break`, the session leaves the queue.
    ///
    /// # Blocking
    ///
    /// Returns within `patience` and the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::WaitEnded`] if no seat became free in time or `on_place` ended the
    /// wait, and otherwise the errors of [`Self::acquire`].
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    ///
    /// let seat = client.seat(".")?.wait(Duration::from_secs(600), |place| {
    ///     eprintln!("position {} of {}", place.position, place.waiting);
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(
        mut self,
        patience: Duration,
        mut on_place: impl FnMut(&QueuePlace) -> ControlFlow<()>,
    ) -> Result<Seat, OnlineError> {
        let started = BootTime::now();
        let left = || patience.saturating_sub(BootTime::now().since(started));
        let attempt = Attempt::new()?;
        let (mut server, mut ticket) = match self.request(&attempt, true)? {
            Acquired::Seat(seat) => return Ok(*seat),
            Acquired::Queued { server, ticket } => (server, ticket),
        };
        loop {
            let place = ticket.place();
            if on_place(&place).is_break() || left().is_zero() {
                self.leave(server, &ticket, &attempt);
                return Err(OnlineError::WaitEnded { place });
            }
            match self.poll(server, &ticket, &attempt, left().min(POLL)) {
                Ok(Acquired::Seat(seat)) => return Ok(*seat),
                Ok(Acquired::Queued { ticket: next, .. }) => ticket = next,
                // The claim of an offered seat, whose answer was lost, ends the ticket.
                Err(error) if error.code() == "UNKNOWN_TICKET" => {
                    match self.request(&attempt, true)? {
                        Acquired::Seat(seat) => return Ok(*seat),
                        Acquired::Queued {
                            server: next,
                            ticket: at,
                        } => {
                            (server, ticket) = (next, at);
                        }
                    }
                }
                Err(error) if error.is_unreachable() && left() > PAUSE => thread::sleep(PAUSE),
                Err(error) => {
                    self.leave(server, &ticket, &attempt);
                    return Err(error);
                }
            }
        }
    }

    fn request(&mut self, attempt: &Attempt, is_waiting: bool) -> Result<Acquired, OnlineError> {
        let nonce = random::nonce()?;
        let body = json!({
            "session": self.session.to_string(),
            "instance": attempt.instance,
            "machine_id": self.machine.to_string(),
            "user": self.user,
            "groups": self.groups,
            "nonce": nonce.to_string(),
            "commitment": attempt.secret.commitment().to_string(),
            "wait": is_waiting,
        });
        let call = Call {
            method: Method::POST,
            path: PATH,
            body: Some(Zeroizing::new(body.to_string())),
            license: Some(&self.license_key),
            idempotency_key: Some(&random::idempotency_key()?),
        };
        let answer = self.transport.send(&call, Route::Any, Limit::Configured)?;
        self.accept(&answer, attempt, nonce)
    }

    fn poll(
        &mut self,
        server: usize,
        ticket: &QueueReply,
        attempt: &Attempt,
        wait: Duration,
    ) -> Result<Acquired, OnlineError> {
        let nonce = random::nonce()?;
        let (ticket, session, instance) = (&ticket.ticket, self.session, &attempt.instance);
        let seconds = wait.as_secs().max(1);
        let path = format!(
            "/api/v1/queue/{ticket}?session={session}&instance={instance}&nonce={nonce}&wait={seconds}"
        );
        let call = Call {
            method: Method::GET,
            path: &path,
            body: None,
            license: Some(&self.license_key),
            idempotency_key: None,
        };
        let limit = Limit::Longer(Duration::from_secs(seconds));
        let answer = self.transport.send(&call, Route::Only(server), limit)?;
        self.accept(&answer, attempt, nonce)
    }

    /// Leaves the queue. If no server answers, the ticket ends by itself.
    fn leave(&self, server: usize, ticket: &QueueReply, attempt: &Attempt) {
        let (ticket, session, instance) = (&ticket.ticket, self.session, &attempt.instance);
        let call = Call {
            method: Method::DELETE,
            path: &format!("/api/v1/queue/{ticket}?session={session}&instance={instance}"),
            body: None,
            license: Some(&self.license_key),
            idempotency_key: None,
        };
        let _ = self
            .transport
            .send(&call, Route::Only(server), Limit::Configured);
    }

    fn accept(
        &mut self,
        answer: &Answer,
        attempt: &Attempt,
        nonce: license_core::ids::Nonce,
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
        let expected = Expected {
            license: &self.license,
            session: self.session,
            machine: &self.machine,
            commitment: attempt.secret.commitment(),
        };
        let grant = reply.grant(answer, url, nonce, &expected)?;
        let grant = grant.ok_or_else(|| unverified(url, "expected a lease token, found none"))?;
        let holder = Holder {
            transport: Arc::clone(&self.transport),
            server: answer.server,
            license: self.license.clone(),
            license_key: self.license_key.clone(),
            machine: self.machine.clone(),
            session: self.session,
            instance: attempt.instance.clone(),
            secret: Zeroizing::new(attempt.secret.reveal()),
            commitment: attempt.secret.commitment(),
        };
        let renew_at = reply.renew_at(answer.sent_at);
        let root = self.root.clone();
        let seat = Seat::start(holder, grant, renew_at, root, self.callback.take())?;
        Ok(Acquired::Seat(Box::new(seat)))
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
