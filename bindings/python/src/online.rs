//! The settings for license servers, and the results of a validation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use license_client::{OnlineSettings, OnlineStatus, ServerVerdict};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFrozenSet, PyString};

use crate::arguments::{absolute, duration};
use crate::errors::{bad_argument, settings_error};

/// Settings for license servers.
///
/// Passed to :class:`Client` as ``online``, a license that checks in is validated at the start. A
/// value that is not passed comes from the environment, such as ``WIDGET_LICENSE_SERVER``, or from
/// the file ``online.toml`` of the user or of the administrator. ``server`` is a URL or several. A
/// certificate needs ``client_certificate`` and ``client_key``.
///
/// >>> OnlineSettings(server="https://license.acme.example", enrollment_token="secret")
/// OnlineSettings(server=…, enrollment_token=…)
#[pyclass(frozen, name = "OnlineSettings", module = "coditect_license")]
pub(crate) struct PyOnlineSettings {
    pub(crate) settings: OnlineSettings,
    names: Vec<&'static str>,
}

#[pymethods]
impl PyOnlineSettings {
    #[new]
    #[pyo3(signature = (*, server = None, ca_file = None, client_certificate = None, client_key = None, connect_timeout = None, timeout = None, start_timeout = None, enrollment_token = None, allow_http = None, forbid_telemetry = None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword arguments in Python"
    )]
    fn new(
        py: Python<'_>,
        server: Option<&Bound<'_, PyAny>>,
        ca_file: Option<PathBuf>,
        client_certificate: Option<PathBuf>,
        client_key: Option<PathBuf>,
        connect_timeout: Option<TimeDelta>,
        timeout: Option<TimeDelta>,
        start_timeout: Option<TimeDelta>,
        enrollment_token: Option<&str>,
        allow_http: Option<bool>,
        forbid_telemetry: Option<bool>,
    ) -> PyResult<Self> {
        let mut settings = OnlineSettings::new();
        let mut names = Vec::new();
        if let Some(server) = server {
            let urls = urls(server)?;
            if !urls.is_empty() {
                names.push("server");
            }
            for url in urls {
                settings = settings.server(url);
            }
        }
        if let Some(path) = ca_file {
            settings = settings.ca_file(absolute("ca_file", &path)?);
            names.push("ca_file");
        }
        match (client_certificate, client_key) {
            (Some(certificate), Some(key)) => {
                let certificate = absolute("client_certificate", &certificate)?;
                let key = absolute("client_key", &key)?;
                settings = settings.client_certificate(certificate, key);
                names.push("client_certificate");
            }
            (None, None) => {}
            _ => {
                let message = "expected both client_certificate and client_key, found only one";
                return Err(bad_argument(message.to_owned()));
            }
        }
        if let Some(limit) = connect_timeout {
            settings = settings.connect_timeout(duration("connect_timeout", limit)?);
            names.push("connect_timeout");
        }
        if let Some(limit) = timeout {
            settings = settings.timeout(duration("timeout", limit)?);
            names.push("timeout");
        }
        if let Some(limit) = start_timeout {
            if limit.is_zero() {
                let message = "start_timeout: expected more than zero";
                return Err(bad_argument(message.to_owned()));
            }
            settings = settings.start_timeout(duration("start_timeout", limit)?);
            names.push("start_timeout");
        }
        if let Some(token) = enrollment_token {
            settings = settings.enrollment_token(token);
            names.push("enrollment_token");
        }
        if let Some(is_allowed) = allow_http {
            settings = settings.allow_http(is_allowed);
            names.push("allow_http");
        }
        if let Some(is_forbidden) = forbid_telemetry {
            settings = settings.forbid_telemetry(is_forbidden);
            names.push("forbid_telemetry");
        }
        settings
            .check()
            .map_err(|error| settings_error(py, &error))?;
        Ok(Self { settings, names })
    }

    /// Names the settings without their values, because a URL or a token can be a secret.
    fn __repr__(&self) -> String {
        let names = self.names.iter().map(|name| format!("{name}=…"));
        format!("OnlineSettings({})", names.collect::<Vec<_>>().join(", "))
    }
}

/// Reads one URL or several.
fn urls(server: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if server.is_instance_of::<PyString>() {
        return Ok(vec![server.extract()?]);
    }
    let found = server.get_type().name()?;
    let message = format!("server: expected a str with a URL, or a list of them, found {found}");
    if server.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err(message));
    }
    server.extract().map_err(|_| PyTypeError::new_err(message))
}

/// The judgment of a license server about the installed license. It is false if the license is not
/// valid.
#[pyclass(frozen, name = "ServerVerdict", module = "coditect_license")]
pub(crate) struct PyServerVerdict {
    verdict: ServerVerdict,
}

impl PyServerVerdict {
    pub(crate) fn new(verdict: ServerVerdict) -> Self {
        Self { verdict }
    }
}

#[pymethods]
impl PyServerVerdict {
    /// Whether the license is valid on this machine.
    #[getter]
    fn is_valid(&self) -> bool {
        self.verdict.is_valid
    }

    /// Whether the judgment is signed. Only then is it stored, and changes the license.
    #[getter]
    fn is_signed(&self) -> bool {
        self.verdict.is_signed
    }

    /// The reason code, such as ``VALID`` or ``REVOKED``.
    #[getter]
    fn code(&self) -> &str {
        &self.verdict.code
    }

    /// The id of the license.
    #[getter]
    fn license_id(&self) -> String {
        self.verdict.license.to_string()
    }

    /// The tier that is in effect.
    #[getter]
    fn tier(&self) -> &str {
        &self.verdict.tier
    }

    /// The features that are in effect.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        PyFrozenSet::new(py, &self.verdict.features)
    }

    /// The quotas that are in effect. ``None`` means unlimited.
    #[getter]
    fn quotas(&self) -> BTreeMap<String, Option<i64>> {
        let limit = |limit: i64| (limit >= 0).then_some(limit);
        let quotas = self.verdict.quotas.iter();
        quotas
            .map(|(name, number)| (name.clone(), limit(*number)))
            .collect()
    }

    /// The end of the license, or ``None`` if it is perpetual.
    #[getter]
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.verdict.expires_at
    }

    /// The value that the server expected.
    #[getter]
    fn expected(&self) -> &str {
        &self.verdict.expected
    }

    /// The value that the server found.
    #[getter]
    fn actual(&self) -> &str {
        &self.verdict.actual
    }

    /// The URL of the server.
    #[getter]
    fn server(&self) -> &str {
        &self.verdict.server
    }

    fn __bool__(&self) -> bool {
        self.verdict.is_valid
    }

    fn __repr__(&self) -> String {
        let valid = if self.verdict.is_valid {
            "True"
        } else {
            "False"
        };
        let code = &self.verdict.code;
        format!("ServerVerdict(is_valid={valid}, code={code:?})")
    }
}

/// The state of the online validation.
///
/// ``warning`` is what to show to the user, such as ``Cloud validation unavailable. Using the
/// cached license, valid for 5 more days.``
#[pyclass(frozen, name = "OnlineStatus", module = "coditect_license")]
pub(crate) struct PyOnlineStatus {
    status: Arc<OnlineStatus>,
}

impl PyOnlineStatus {
    pub(crate) fn new(status: Arc<OnlineStatus>) -> Self {
        Self { status }
    }
}

#[pymethods]
impl PyOnlineStatus {
    /// The outcome:
    ///
    /// - ``not_required``: no server was asked. The license needs no check-in, or there is none.
    /// - ``cached``: no server was asked, because the last validation is recent.
    /// - ``validated``: a server judged the license, and signed its judgment.
    /// - ``refused``: a server calls the license invalid without a signature. The last validation
    ///   stays in effect.
    /// - ``unavailable``: no server judged the license. The last validation stays in effect.
    #[getter]
    fn state(&self) -> &'static str {
        match &*self.status {
            OnlineStatus::NotRequired => "not_required",
            OnlineStatus::Cached { .. } => "cached",
            OnlineStatus::Validated(_) => "validated",
            OnlineStatus::Refused { .. } => "refused",
            _ => "unavailable",
        }
    }

    /// A warning for the user in one or two sentences, or ``None``.
    #[getter]
    fn warning(&self) -> Option<String> {
        self.status.warning()
    }

    /// The reason why no server judged the license, in one line, or ``None``.
    #[getter]
    fn reason(&self) -> Option<String> {
        self.status.reason()
    }

    /// The code of the reason, such as ``SERVER_UNREACHABLE``, or ``None``.
    #[getter]
    fn code(&self) -> Option<&str> {
        self.status.error().map(|error| error.code())
    }

    /// The time of the last validation, if the state is ``cached``.
    #[getter]
    fn validated_at(&self) -> Option<DateTime<Utc>> {
        match &*self.status {
            OnlineStatus::Cached { validated_at } => Some(*validated_at),
            _ => None,
        }
    }

    /// How long the license stays valid without another validation, if the state is ``refused`` or
    /// ``unavailable`` and the license is valid now.
    #[getter]
    fn valid_for(&self) -> Option<TimeDelta> {
        match &*self.status {
            OnlineStatus::Refused { valid_for, .. }
            | OnlineStatus::Unavailable { valid_for, .. } => *valid_for,
            _ => None,
        }
    }

    /// The judgment of the server, if the state is ``validated`` or ``refused``.
    #[getter]
    fn verdict(&self) -> Option<PyServerVerdict> {
        match &*self.status {
            OnlineStatus::Validated(verdict) | OnlineStatus::Refused { verdict, .. } => {
                Some(PyServerVerdict::new(verdict.clone()))
            }
            _ => None,
        }
    }

    fn __repr__(&self) -> String {
        format!("OnlineStatus(state={:?})", self.state())
    }
}
