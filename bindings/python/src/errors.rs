//! Errors of the libraries as exceptions of Python.

use std::error::Error;

use license_client::{
    BuildError, ClientError, ContextValue, InstallationError, OnlineError, OnlineSetting,
    ProjectError, QuotaError, StoreError,
};
use license_core::jose::ParseError;
use license_core::license::VerifiedLicensesError;
use license_core::{Code, with_causes};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value, json};

use crate::arguments::Text;
use crate::seat::PyQueuePlace;
use crate::values::from_json;

/// An exception of `coditect_license._errors`, before it is created.
struct Exception<'a> {
    class: &'a str,
    message: String,
    code: &'a str,
    hint: Option<String>,
    /// The expected and the found value, and other facts.
    evidence: Value,
}

impl Exception<'_> {
    fn create(self, py: Python<'_>, more: &[(&str, Bound<'_, PyAny>)]) -> PyErr {
        self.try_create(py, more).unwrap_or_else(|error| error)
    }

    fn try_create(self, py: Python<'_>, more: &[(&str, Bound<'_, PyAny>)]) -> PyResult<PyErr> {
        let class = py.import("coditect_license._errors")?.getattr(self.class)?;
        let named = PyDict::new(py);
        named.set_item("code", self.code)?;
        named.set_item("hint", self.hint)?;
        named.set_item("evidence", from_json(py, &self.evidence)?)?;
        for (name, value) in more {
            named.set_item(name, value)?;
        }
        Ok(PyErr::from_value(
            class.call((self.message,), Some(&named))?,
        ))
    }
}

/// Returns the exception for a text that is no trust set or no product file.
pub(crate) fn malformed(py: Python<'_>, error: &dyn Error, code: &str, text: &Text) -> PyErr {
    let message = match &text.path {
        Some(path) => format!("{}: {}", path.display(), with_causes(error)),
        None => with_causes(error),
    };
    let hint = text.hint();
    configuration(py, message, code, hint, json!({}))
}

fn configuration(
    py: Python<'_>,
    message: String,
    code: &str,
    hint: Option<String>,
    evidence: Value,
) -> PyErr {
    let class = "ConfigurationError";
    let exception = Exception {
        class,
        message,
        code,
        hint,
        evidence,
    };
    exception.create(py, &[])
}

/// Returns the exception for an argument whose value cannot be used.
pub(crate) fn bad_argument(message: String) -> PyErr {
    Python::attach(|py| configuration(py, message, Code::Malformed.as_str(), None, json!({})))
}

/// Returns the exception for a content that is no text, or that is too long. `class` is the class
/// of the exception for a text with another defect.
pub(crate) fn not_a_text(py: Python<'_>, class: &str, message: String) -> PyErr {
    let exception = Exception {
        class,
        message,
        code: Code::Malformed.as_str(),
        hint: None,
        evidence: json!({}),
    };
    exception.create(py, &[])
}

/// Returns the exception for a client that cannot be built.
pub(crate) fn build_error(py: Python<'_>, error: &BuildError) -> PyErr {
    let evidence = match error {
        BuildError::AppVersion { found, .. } => {
            json!({"expected": "an application version such as 2.4.0", "actual": found})
        }
        BuildError::BuildDate { found, .. } => {
            json!({"expected": "a build date such as 2027-03-01", "actual": found})
        }
        _ => json!({}),
    };
    let code = Code::Malformed.as_str();
    configuration(py, with_causes(error), code, None, evidence)
}

/// Returns the exception for a client that cannot answer.
pub(crate) fn client_error(py: Python<'_>, error: &ClientError) -> PyErr {
    let exception = match error {
        ClientError::MissingContext { value, license } => Exception {
            class: "MissingContextError",
            message: format!(
                "license {license} restricts `{value}`, which the program has not set"
            ),
            code: value.code().as_str(),
            hint: Some(context_hint(*value)),
            evidence: json!({"value": value.as_str(), "license_id": license}),
        },
        ClientError::UnknownFeature { feature, product } => Exception {
            class: "UnknownNameError",
            message: error.to_string(),
            code: Code::UnknownFeature.as_str(),
            hint: Some("correct the name; `Product.features` has all names".to_owned()),
            evidence: json!({"feature": feature, "product": product}),
        },
        ClientError::UnknownQuota { quota, product } => Exception {
            class: "UnknownNameError",
            message: error.to_string(),
            code: "UNKNOWN_QUOTA",
            hint: Some("correct the name; `Product.quotas` has all names".to_owned()),
            evidence: json!({"quota": quota, "product": product}),
        },
        ClientError::Project(error) => return project_error(py, error),
        _ => Exception {
            class: "QuotaNotCountedError",
            message: with_causes(error),
            code: error.code().unwrap_or(Code::QuotaNotCounted).as_str(),
            hint: Some(counter_hint(error).to_owned()),
            evidence: json!({}),
        },
    };
    exception.create(py, &[])
}

fn context_hint(value: ContextValue) -> String {
    match value {
        ContextValue::User => "pass `user` to Client or to this method".to_owned(),
        _ => format!("pass `{value}` to Client"),
    }
}

fn counter_hint(error: &ClientError) -> &'static str {
    match error {
        ClientError::Counters(QuotaError::Store(StoreError::Busy { .. })) => {
            "try again in a moment"
        }
        _ => "check that the user may write to the state directory",
    }
}

fn project_error(py: Python<'_>, error: &ProjectError) -> PyErr {
    let exception = Exception {
        class: "ProjectError",
        message: with_causes(error),
        code: "NO_PROJECT",
        hint: Some("name a directory of the project".to_owned()),
        evidence: json!({}),
    };
    exception.create(py, &[])
}

/// Returns the exception for a text that proves nothing about a license.
pub(crate) fn invalid(py: Python<'_>, error: &VerifiedLicensesError, text: &Text) -> PyErr {
    let message = match &text.path {
        Some(path) => format!("{}: {}", path.display(), with_causes(error)),
        None => with_causes(error),
    };
    let hint = text.hint();
    let hint = hint.unwrap_or_else(|| invalid_hint(error).to_owned());
    let exception = Exception {
        class: "InvalidLicenseError",
        message,
        code: error.code().as_str(),
        hint: Some(hint),
        evidence: json!({}),
    };
    exception.create(py, &[])
}

fn invalid_hint(error: &VerifiedLicensesError) -> &'static str {
    if let VerifiedLicensesError::Parse(error) = error {
        match error {
            ParseError::PrivateKey => {
                return "inform the vendor: a private key must never leave the vendor";
            }
            ParseError::NotALicense { .. }
            | ParseError::OtherKind { .. }
            | ParseError::MachineRequest { .. }
            | ParseError::Empty => {
                return "use the license file of the vendor, which starts with \
                        -----BEGIN LICENSE-----; a str is its text, and a pathlib.Path its name";
            }
            _ => {}
        }
    }
    match error.code() {
        Code::Malformed | Code::ChecksumMismatch => {
            "copy the whole text again; copy a file from -----BEGIN to its last line"
        }
        Code::NeedsLicenseFile => "ask the vendor for the license file of this key",
        Code::UntrustedKey | Code::RetiredKey => "update this program, or ask the vendor",
        Code::BadSignature => "the text was changed; ask the vendor to send it again",
        Code::UnsupportedVersion | Code::UnsupportedClaim => "update this program",
        _ => "send this message to the vendor",
    }
}

/// Returns the exception for a license that was not installed.
pub(crate) fn install_error(py: Python<'_>, error: &InstallationError) -> PyErr {
    let hint = match error {
        InstallationError::Worse { .. } | InstallationError::Loss(_) => {
            "to install it anyway, pass replace=True"
        }
        InstallationError::OtherMachine { .. } => "install this file on the machine that it is for",
        InstallationError::LicenseNotInstalled { .. } | InstallationError::NoLicense => {
            "install the license first"
        }
        InstallationError::Store(StoreError::Busy { .. }) => "try again in a moment",
        InstallationError::Store(_) => "check that you may write to the state directory",
        _ => "send this message to the vendor",
    };
    let exception = Exception {
        class: "InstallError",
        message: with_causes(error),
        code: error.code().map_or("IO", Code::as_str),
        hint: Some(hint.to_owned()),
        evidence: json!({}),
    };
    exception.create(py, &[])
}

/// Returns the exception for a request to a license server that failed.
pub(crate) fn online_error(py: Python<'_>, error: &OnlineError) -> PyErr {
    if let OnlineError::Project(error) = error {
        return project_error(py, error);
    }
    let is_denied = matches!(error.code(), "NO_SEAT" | "WAIT_ENDED");
    let class = match error {
        OnlineError::MissingContext(_) => "MissingContextError",
        _ if is_denied => "NoSeatError",
        _ if error.is_unreachable() => "ServerUnreachableError",
        _ => "OnlineError",
    };
    let exception = Exception {
        class,
        message: with_causes(error),
        code: error.code(),
        hint: online_hint(error),
        evidence: online_evidence(error),
    };
    let place = match error {
        OnlineError::WaitEnded { place } => Bound::new(py, PyQueuePlace::new(place)).ok(),
        _ => None,
    };
    let place = place.map(|place| ("place", place.into_any()));
    exception.create(py, place.as_slice())
}

/// Returns the exception for a setting that cannot be used, under the name that it has in Python.
pub(crate) fn settings_error(py: Python<'_>, error: &OnlineError) -> PyErr {
    let OnlineError::Setting {
        setting,
        expected,
        found,
        ..
    } = error
    else {
        return online_error(py, error);
    };
    let name = match setting {
        OnlineSetting::ServerUrl => "server".to_owned(),
        other => other.as_str().replace('-', "_"),
    };
    let message = format!("{name}: expected {expected}, found {found}");
    let evidence = json!({"setting": name, "expected": expected, "actual": found});
    configuration(py, message, error.code(), None, evidence)
}

fn online_hint(error: &OnlineError) -> Option<String> {
    match error {
        OnlineError::NoServer => Some(
            "pass online=OnlineSettings(server=…) to Client, or set `server-url` in online.toml or \
             in the environment"
                .to_owned(),
        ),
        OnlineError::MissingContext(missing) => Some(context_hint(missing.value)),
        _ => error.hint(),
    }
}

/// Returns what a server says about its refusal.
fn online_evidence(error: &OnlineError) -> Value {
    if let OnlineError::MissingContext(missing) = error {
        return json!({"value": missing.value.as_str(), "license_id": missing.license});
    }
    let Some(problem) = error.problem() else {
        return json!({});
    };
    let mut evidence = Map::new();
    evidence.insert("server".to_owned(), json!(problem.server));
    evidence.insert("status".to_owned(), json!(problem.status));
    for (name, value) in [("expected", &problem.expected), ("actual", &problem.actual)] {
        if let Some(value) = value {
            evidence.insert(name.to_owned(), json!(value));
        }
    }
    for (name, value) in &problem.facts {
        evidence
            .entry(name.as_str())
            .or_insert_with(|| value.clone());
    }
    Value::Object(evidence)
}
