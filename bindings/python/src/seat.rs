//! The class `Seat`, and what happens to a seat.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use license_client::{Client, OnlineError, QueuePlace, Seat, SeatEvent};
use pyo3::prelude::*;

use crate::blocking::{interruptible, interruptible_with};
use crate::errors::online_error;

/// A seat that an object of Python holds until it is released.
type SharedSeat = Mutex<Option<Seat>>;

/// The seats of this process. Python does not delete all objects when a process ends.
static HELD: Mutex<Vec<Weak<SharedSeat>>> = Mutex::new(Vec::new());

/// Releases all seats of this process. Each release takes at most two seconds.
pub(crate) fn release_all(py: Python<'_>) -> PyResult<()> {
    let seats: Vec<Seat> = py.detach(|| {
        let held = std::mem::take(&mut *HELD.lock().unwrap_or_else(PoisonError::into_inner));
        let taken = held.iter().filter_map(|seat| take(&*seat.upgrade()?));
        taken.collect()
    });
    if seats.is_empty() {
        return Ok(());
    }
    interruptible(py, move || drop(seats))
}

fn take(seat: &SharedSeat) -> Option<Seat> {
    seat.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The seat that a program requests.
pub(crate) struct SeatOptions {
    pub(crate) project: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    /// How long to wait in the queue. Without it, the call does not wait.
    pub(crate) patience: Option<Duration>,
    pub(crate) on_event: Option<Py<PyAny>>,
}

/// Acquires a seat. `on_place` runs in the calling thread.
pub(crate) fn acquire(
    py: Python<'_>,
    client: Arc<Client>,
    options: SeatOptions,
    mut on_place: impl FnMut(PyQueuePlace) -> PyResult<ControlFlow<()>>,
) -> PyResult<PySeat> {
    let run = move |report: &mut dyn FnMut(QueuePlace) -> ControlFlow<()>| {
        let mut request = client.seat(&options.project)?.groups(options.groups);
        if let Some(user) = options.user {
            request = request.user(user);
        }
        if let Some(callback) = options.on_event {
            request = request.on_event(move |event| call(&callback, event));
        }
        match options.patience {
            Some(patience) => request.wait(patience, |place| report(place.clone())),
            None => request.acquire(),
        }
    };
    let seat = interruptible_with(py, run, |place| on_place(PyQueuePlace::new(&place)))?;
    let seat = seat.map_err(|error| online_error(py, &error))?;
    Ok(PySeat::new(seat))
}

/// Calls a function of the program with an event, unless the interpreter is shutting down. An
/// exception goes to `sys.unraisablehook`, because there is no caller who could catch it.
fn call(callback: &Py<PyAny>, event: &SeatEvent) {
    let event = PySeatEvent {
        event: event.clone(),
    };
    Python::try_attach(|py| {
        if let Err(error) = callback.call1(py, (event,)) {
            error.write_unraisable(py, Some(callback.bind(py)));
        }
    });
}

/// A floating seat that this process holds. :meth:`Client.seat` returns it.
///
/// A thread of the library renews the seat. :meth:`Client.allows` and :meth:`Client.decide` count
/// the seat while it is valid. The seat is released by :meth:`release`, at the end of a ``with``
/// block, when the object is deleted, and when the program ends. A child process that was created
/// with ``os.fork`` does not hold the seat of its parent.
#[pyclass(frozen, name = "Seat", module = "coditect_license")]
pub(crate) struct PySeat {
    seat: Arc<SharedSeat>,
    session: String,
    root: PathBuf,
    server: String,
}

impl PySeat {
    fn new(seat: Seat) -> Self {
        let (session, root) = (seat.session().to_string(), seat.root().path().to_owned());
        let server = seat.server().to_owned();
        let seat = Arc::new(Mutex::new(Some(seat)));
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.strong_count() > 0);
        held.push(Arc::downgrade(&seat));
        Self {
            seat,
            session,
            root,
            server,
        }
    }

    /// Calls a function with the seat, without the GIL. Returns `None` for a seat that is released.
    fn with_seat<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Seat) -> T + Send,
    ) -> Option<T> {
        py.detach(|| {
            let seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
            seat.as_ref().map(call)
        })
    }
}

#[pymethods]
impl PySeat {
    /// Whether the seat is valid now. ``False`` after the end of the lease, after a release, and in
    /// a child process.
    #[getter]
    fn is_valid(&self, py: Python<'_>) -> bool {
        self.with_seat(py, Seat::is_valid).unwrap_or(false)
    }

    /// How long the seat is valid without another renewal. Zero if it is not valid.
    #[getter]
    fn expires_in(&self, py: Python<'_>) -> Duration {
        self.with_seat(py, Seat::expires_in)
            .unwrap_or(Duration::ZERO)
    }

    /// Whether the server granted more seats than the license has.
    #[getter]
    fn is_overage(&self, py: Python<'_>) -> bool {
        self.with_seat(py, Seat::is_overage).unwrap_or(false)
    }

    /// The id of the session that holds the seat.
    #[getter]
    fn session_id(&self) -> &str {
        &self.session
    }

    /// The root directory of the project.
    #[getter]
    fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// The URL of the server that granted the seat.
    #[getter]
    fn server(&self) -> &str {
        &self.server
    }

    /// Returns environment variables for a child process that uses this seat too. Empty after a
    /// release.
    ///
    /// Pass them to the child: ``subprocess.run(command, env=os.environ | seat.share())``.
    fn share(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        let shared = self.with_seat(py, |seat| {
            // The command is never started. It only collects the variables.
            let mut command = Command::new("");
            seat.share_with(&mut command)?;
            let variables = command.get_envs();
            let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
            let shared =
                variables.map(|(name, value)| (text(name), value.map_or_else(String::new, text)));
            Ok::<_, OnlineError>(shared.collect())
        });
        let shared = shared.unwrap_or_else(|| Ok(BTreeMap::new()));
        shared.map_err(|error| online_error(py, &error))
    }

    /// Releases the seat. Returns whether the server freed it: ``False`` if it was lost or released
    /// before.
    ///
    /// Uses the network for at most ten seconds.
    fn release(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(seat) = py.detach(|| take(&self.seat)) else {
            return Ok(false);
        };
        let released = interruptible(py, move || seat.release())?;
        released.map_err(|error| online_error(py, &error))
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Releases the seat. A failure is not reported, because the lease ends by itself.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(seat) = py.detach(|| take(&self.seat)) else {
            return Ok(());
        };
        interruptible(py, move || drop(seat))
    }

    fn __repr__(&self) -> String {
        format!("Seat(session_id={:?})", self.session)
    }
}

impl Drop for PySeat {
    fn drop(&mut self) {
        if let Some(seat) = take(&self.seat) {
            // The release uses the network for at most two seconds.
            Python::try_attach(|py| py.detach(|| drop(seat)));
        }
    }
}

/// The place of a session in the queue for a seat.
#[pyclass(frozen, name = "QueuePlace", module = "coditect_license")]
pub(crate) struct PyQueuePlace {
    place: QueuePlace,
}

impl PyQueuePlace {
    pub(crate) fn new(place: &QueuePlace) -> Self {
        let place = place.clone();
        Self { place }
    }
}

#[pymethods]
impl PyQueuePlace {
    /// The place, from 1.
    #[getter]
    fn position(&self) -> u32 {
        self.place.position
    }

    /// The number of waiting sessions.
    #[getter]
    fn waiting(&self) -> u32 {
        self.place.waiting
    }

    /// The estimated wait, from recent hold times, or ``None``.
    #[getter]
    fn estimate(&self) -> Option<Duration> {
        self.place.estimate
    }

    fn __repr__(&self) -> String {
        let (position, waiting) = (self.place.position, self.place.waiting);
        format!("QueuePlace(position={position}, waiting={waiting})")
    }
}

/// A change of a seat that its holder should know. ``str(event)`` is a sentence for the user.
#[pyclass(frozen, name = "SeatEvent", module = "coditect_license")]
pub(crate) struct PySeatEvent {
    event: SeatEvent,
}

#[pymethods]
impl PySeatEvent {
    /// The kind of the event:
    ///
    /// - ``late``: the lease has ended, because no server renewed it in time. The library still
    ///   tries to renew it.
    /// - ``recovered``: a late lease was renewed.
    /// - ``lost``: the seat never becomes valid again. Save the work, and acquire another seat.
    /// - ``not_shared``: the lease could not be stored for child processes.
    #[getter]
    fn kind(&self) -> &'static str {
        match &self.event {
            SeatEvent::Late { .. } => "late",
            SeatEvent::Recovered => "recovered",
            SeatEvent::Lost { .. } => "lost",
            _ => "not_shared",
        }
    }

    /// The reason code, such as ``LEASE_LOST`` or ``SERVER_UNREACHABLE``, or ``None``.
    #[getter]
    fn code(&self) -> Option<&str> {
        match &self.event {
            SeatEvent::Lost { code, .. } => Some(code),
            SeatEvent::Late { error } => error.as_ref().map(|error| error.code()),
            SeatEvent::NotShared { error } => Some(error.code()),
            _ => None,
        }
    }

    fn __str__(&self) -> String {
        self.event.to_string()
    }

    fn __repr__(&self) -> String {
        format!("SeatEvent(kind={:?})", self.kind())
    }
}
