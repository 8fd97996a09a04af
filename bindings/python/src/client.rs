//! The class `Client`.

use std::any::Any;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use license_client::{Client, ClientBuilder, ClientError};
use license_core::chrono::TimeDelta;
use license_core::{Context, FeatureMatrix};
use pyo3::prelude::*;

use crate::arguments::{self, Text, Time, absolute, callable, duration, usage_type};
use crate::blocking::interruptible;
use crate::decision::{PyDecision, PyQuotaUse};
use crate::errors::{build_error, client_error, online_error};
use crate::install::{self, PyInstallReport};
use crate::online::{PyOnlineSettings, PyOnlineStatus, PyServerVerdict};
use crate::product::{PyProduct, product};
use crate::seat::{self, PySeat, SeatOptions};
use crate::session::PySession;
use crate::trust::trust;

/// Decides what the license on this machine allows. A program creates one client and keeps it.
///
/// A missing, damaged or expired license is never an exception: the base tier is in effect, and
/// :meth:`problems` describes a damaged license. A license that is installed or renewed while the
/// program runs takes effect within a second.
///
/// ``trust`` and ``product`` accept a ``str`` with the text, a path, or a :class:`TrustSet` and a
/// :class:`Product`. Nothing uses the network, unless ``online`` is passed or :meth:`validate`,
/// :meth:`refresh_online` or :meth:`seat` is called. Threads can share a client.
///
/// >>> client = Client(trust=Path("trust.jwks"), product=Path("product.toml"), app_version="2.4.0")
/// >>> client.allows("view")
/// True
/// >>> client.allows("veiw")
/// Traceback (most recent call last):
/// ...
/// coditect_license.UnknownNameError: product WIDGET has no feature "veiw"
#[pyclass(frozen, name = "Client", module = "coditect_license")]
pub(crate) struct PyClient {
    client: Arc<Client>,
    matrix: Arc<FeatureMatrix>,
    /// The test machine of the client, whose directory must not be removed before.
    _machine: Option<Arc<dyn Any + Send + Sync>>,
}

impl PyClient {
    /// Calls a function with the context of the user, without the GIL.
    fn in_context<T: Send>(
        &self,
        py: Python<'_>,
        user: Option<&str>,
        call: impl FnOnce(&Client, &Context<'_>) -> Result<T, ClientError> + Send,
    ) -> PyResult<T> {
        let client = &*self.client;
        let result = py.detach(|| {
            let context = client.context();
            match user {
                Some(user) => call(client, &context.user(user)),
                None => call(client, &context),
            }
        });
        result.map_err(|error| client_error(py, &error))
    }
}

/// The arguments of a program that describe the program itself, without its keys and its product.
pub(crate) struct Application<'a, 'py> {
    pub(crate) machine: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) app_version: Option<&'a str>,
    pub(crate) build_date: Option<&'a Bound<'py, PyAny>>,
    pub(crate) usage_type: &'a str,
    pub(crate) user: Option<String>,
    pub(crate) online: Option<&'a Bound<'py, PyOnlineSettings>>,
}

impl Application<'_, '_> {
    /// Builds a client. With license servers, the call may use the network.
    pub(crate) fn build(
        self,
        py: Python<'_>,
        builder: ClientBuilder,
        matrix: Arc<FeatureMatrix>,
    ) -> PyResult<PyClient> {
        let mut builder = builder
            .product(&*matrix)
            .usage_type(usage_type(self.usage_type)?);
        if let Some(version) = self.app_version {
            builder = builder.app_version(version);
        }
        if let Some(date) = Time::read_if(self.build_date)? {
            builder = builder.build_date(date.start());
        }
        if let Some(user) = self.user {
            builder = builder.user(user);
        }
        let client = match self.online {
            Some(online) => {
                let builder = builder.online(online.get().settings.clone());
                interruptible(py, move || builder.build())?
            }
            None => py.detach(|| builder.build()),
        };
        Ok(PyClient {
            client: Arc::new(client.map_err(|error| build_error(py, &error))?),
            matrix,
            _machine: self.machine,
        })
    }
}

#[pymethods]
impl PyClient {
    #[new]
    #[pyo3(signature = (*, trust, product, app_version = None, build_date = None, usage_type = "builder", user = None, state_dir = None, online = None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword arguments in Python"
    )]
    fn create(
        py: Python<'_>,
        trust: &Bound<'_, PyAny>,
        product: &Bound<'_, PyAny>,
        app_version: Option<&str>,
        build_date: Option<&Bound<'_, PyAny>>,
        usage_type: &str,
        user: Option<String>,
        state_dir: Option<PathBuf>,
        online: Option<&Bound<'_, PyOnlineSettings>>,
    ) -> PyResult<Self> {
        let builder = Client::builder(self::trust(trust)?);
        let builder = match state_dir {
            Some(directory) => builder.state_dir(absolute("state_dir", &directory)?),
            None => builder,
        };
        let application = Application {
            machine: None,
            app_version,
            build_date,
            usage_type,
            user,
            online,
        };
        application.build(py, builder, self::product(product)?)
    }

    /// The product.
    #[getter]
    fn product(&self) -> PyProduct {
        PyProduct::from_matrix(Arc::clone(&self.matrix))
    }

    /// Returns what the license allows now, and why.
    ///
    /// Usually takes microseconds, so an asynchronous program can call it directly. ``user``
    /// replaces the user of the client, such as for a request to a server.
    #[pyo3(signature = (*, user = None))]
    fn decide(&self, py: Python<'_>, user: Option<&str>) -> PyResult<PyDecision> {
        let decision = self.in_context(py, user, |client, context| client.decide_in(context))?;
        Ok(PyDecision::new(decision, &self.matrix))
    }

    /// Returns whether the feature may be used now. A refusal is counted for usage reports.
    ///
    /// Raises :class:`UnknownNameError` if neither the product nor a license has the feature, such
    /// as for a typing error.
    #[pyo3(signature = (feature, /, *, user = None))]
    fn allows(&self, py: Python<'_>, feature: &str, user: Option<&str>) -> PyResult<bool> {
        self.in_context(py, user, |client, context| {
            client.allows_in(context, feature)
        })
    }

    /// Takes from a quota that is counted per day (UTC): the whole amount, or nothing.
    ///
    /// The count is exact across processes and threads. The call writes to the disk, which takes
    /// milliseconds. Before that, it waits for at most ten seconds while other processes write. An
    /// asynchronous program calls it with ``asyncio.to_thread``.
    #[pyo3(
        signature = (quota, count = None, /, *, user = None),
        text_signature = "($self, quota, count=1, /, *, user=None)"
    )]
    fn use_quota(
        &self,
        py: Python<'_>,
        quota: &str,
        count: Option<&Bound<'_, PyAny>>,
        user: Option<&str>,
    ) -> PyResult<PyQuotaUse> {
        let count = arguments::count(count)?;
        let used = self.in_context(py, user, |client, context| {
            client.use_quota_in(context, quota, count)
        });
        used.map(PyQuotaUse::new)
    }

    /// Opens a session of the project that contains the path.
    ///
    /// Raises :class:`ProjectError` if no readable project contains the path.
    #[pyo3(
        signature = (project = PathBuf::from("."), /, *, user = None),
        text_signature = "($self, project='.', /, *, user=None)"
    )]
    fn session(&self, py: Python<'_>, project: PathBuf, user: Option<&str>) -> PyResult<PySession> {
        let session = self.in_context(py, user, |client, context| {
            client.session_in(context, &project)
        });
        session.map(PySession::new)
    }

    /// Returns the problems with the license and the state on this machine, for the user.
    fn problems(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| self.client.problems())
    }

    /// Installs a license, a revocation list, or another text from the vendor: all of it, or
    /// nothing.
    ///
    /// A ``str`` is the text itself, and a path names a file with the text. A valid license is not
    /// replaced by one that is worse, unless ``replace`` is true. Raises
    /// :class:`InvalidLicenseError` if the text cannot be verified, and :class:`InstallError` if it
    /// was not installed.
    #[pyo3(signature = (license, /, *, replace = false))]
    fn install(
        &self,
        py: Python<'_>,
        license: &Bound<'_, PyAny>,
        replace: bool,
    ) -> PyResult<PyInstallReport> {
        install::install(
            py,
            &self.client,
            Text::read(license, "InvalidLicenseError")?,
            replace,
        )
    }

    /// Reads the installed license again. Without this call, a change takes effect within a second.
    fn reload(&self, py: Python<'_>) {
        py.detach(|| self.client.reload());
    }

    /// Asks a license server to validate the license, and stores its signed answer.
    ///
    /// Uses the network, for at most ten seconds (``timeout`` of :class:`OnlineSettings`). Raises
    /// :class:`ServerUnreachableError` if no server answers.
    fn validate(&self, py: Python<'_>) -> PyResult<PyServerVerdict> {
        let client = Arc::clone(&self.client);
        let verdict = interruptible(py, move || client.validate())?;
        let verdict = verdict.map_err(|error| online_error(py, &error))?;
        Ok(PyServerVerdict::new(verdict))
    }

    /// Validates a license that checks in, if the last validation is older than 24 hours.
    ///
    /// A program that runs for days calls this once an hour. Uses the network for at most ten
    /// seconds. A server that does not answer is no exception: the last validation stays in effect
    /// for the grace period, and ``warning`` of the result says for how long.
    fn refresh_online(&self, py: Python<'_>) -> PyResult<PyOnlineStatus> {
        let client = Arc::clone(&self.client);
        let status = interruptible(py, move || client.refresh_online())?;
        Ok(PyOnlineStatus::new(status))
    }

    /// The result of the validation at the start, or of the last :meth:`refresh_online`.
    #[getter]
    fn online_status(&self) -> PyOnlineStatus {
        PyOnlineStatus::new(self.client.online_status())
    }

    /// Acquires a floating seat for the project that contains the path.
    ///
    /// Uses the network. Without ``wait``, raises :class:`NoSeatError` if no seat is free. With
    /// ``wait``, waits in the queue for at most that time, and calls ``on_place`` with a
    /// :class:`QueuePlace` at least every five seconds. If ``on_place`` returns ``False`` or raises
    /// an exception, or after Ctrl-C, the session leaves the queue.
    ///
    /// ``on_event`` is called with a :class:`SeatEvent` when the seat is late, recovered or lost,
    /// or when it cannot be shared with child processes. It runs in the thread that renews the
    /// seats of the process, so it must return soon.
    ///
    /// Release the seat with a ``with`` block, or with :meth:`Seat.release`.
    #[pyo3(
        signature = (project = PathBuf::from("."), /, *, user = None, groups = Vec::new(), wait = None, on_place = None, on_event = None),
        text_signature = "($self, project='.', /, *, user=None, groups=(), wait=None, on_place=None, on_event=None)"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword arguments in Python"
    )]
    fn seat(
        &self,
        py: Python<'_>,
        project: PathBuf,
        user: Option<String>,
        groups: Vec<String>,
        wait: Option<TimeDelta>,
        on_place: Option<Bound<'_, PyAny>>,
        on_event: Option<Py<PyAny>>,
    ) -> PyResult<PySeat> {
        callable("on_place", on_place.as_ref())?;
        callable(
            "on_event",
            on_event.as_ref().map(|callback| callback.bind(py)),
        )?;
        let options = SeatOptions {
            project,
            user,
            groups,
            patience: wait.map(|wait| duration("wait", wait)).transpose()?,
            on_event,
        };
        seat::acquire(py, Arc::clone(&self.client), options, |place| {
            let Some(on_place) = &on_place else {
                return Ok(ControlFlow::Continue(()));
            };
            let reply = on_place.call1((place,))?;
            let is_break = matches!(reply.extract::<bool>(), Ok(false));
            Ok(if is_break {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
    }

    fn __repr__(&self) -> String {
        format!("Client(product={:?})", self.matrix.product().as_str())
    }
}
