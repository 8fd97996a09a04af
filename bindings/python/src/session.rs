//! The class `Session`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use license_client::Session;
use pyo3::prelude::*;

/// A session: one user works on one project on this machine.
///
/// The session ends with :meth:`close` or at the end of a ``with`` block, and when the process ends
/// for any reason.
///
/// >>> with client.session(".") as session:
/// ...     session.id.startswith("sess_")
/// True
#[pyclass(frozen, name = "Session", module = "coditect_license")]
pub(crate) struct PySession {
    session: Mutex<Option<Session>>,
    id: String,
    root: PathBuf,
    is_counted: bool,
}

impl PySession {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            id: session.id().to_string(),
            root: session.root().path().to_owned(),
            is_counted: session.is_counted(),
            session: Mutex::new(Some(session)),
        }
    }
}

#[pymethods]
impl PySession {
    /// The id of the session. Every path to the same project gives the same id.
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    /// The root directory of the project.
    #[getter]
    fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// Whether other processes see the session. ``False`` if its file could not be written.
    #[getter]
    fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// Ends the session. A second call does nothing.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            drop(session.take());
        });
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("Session(id={:?})", self.id)
    }
}
