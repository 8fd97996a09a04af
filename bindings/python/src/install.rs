//! Installs licenses.

use std::path::PathBuf;

use license_client::license_core::{LicenseId, VerifiedLicenses, with_causes};
use license_client::{Candidate, Client, InstallReport, InstallationError, Moment, Replace};
use license_core::chrono::{DateTime, Utc};
use license_core::license::VerifiedLicensesError;
use pyo3::prelude::*;

use crate::arguments::Text;
use crate::errors::{install_error, invalid};

/// The reason why a text was not installed.
enum Failure {
    Invalid(VerifiedLicensesError),
    NotInstalled(InstallationError),
}

/// Verifies and installs a text, for the user of this process.
pub(crate) fn install(
    py: Python<'_>,
    client: &Client,
    text: Text,
    replace: bool,
) -> PyResult<PyInstallReport> {
    let replace = if replace {
        Replace::Always
    } else {
        Replace::UnlessWorse
    };
    let report = py.detach(|| verify_and_install(client, &text.content, replace));
    match report {
        Ok(report) => Ok(PyInstallReport { report }),
        Err(Failure::Invalid(error)) => Err(invalid(py, &error, &text)),
        Err(Failure::NotInstalled(error)) => Err(install_error(py, &error)),
    }
}

fn verify_and_install(
    client: &Client,
    text: &str,
    replace: Replace,
) -> Result<InstallReport, Failure> {
    let (manager, matrix) = (client.manager(), client.matrix());
    let no_keys = Failure::NotInstalled(InstallationError::NoKeys);
    let trust = manager.trust().ok_or(no_keys)?;
    // A validation token is verified with the installed license that it is for.
    let snapshot = manager.inspect(matrix);
    let known = snapshot.installed();
    let known = known.map(|found| found.verified().licenses());
    let verified =
        VerifiedLicenses::verify_with_licenses(text, trust, matrix, known.unwrap_or_default());
    let candidate = Candidate {
        verified: &verified.map_err(Failure::Invalid)?,
        trust,
        matrix,
    };
    let report = manager.install(&candidate, &client.context(), replace, Moment::Now);
    let report = report.map_err(Failure::NotInstalled)?;
    client.reload();
    Ok(report)
}

/// The result of an installation.
#[pyclass(frozen, name = "InstallReport", module = "coditect_license")]
pub(crate) struct PyInstallReport {
    report: InstallReport,
}

#[pymethods]
impl PyInstallReport {
    /// The file that was written.
    #[getter]
    fn path(&self) -> PathBuf {
        self.report.path.clone()
    }

    /// The start of the new license, if the current license stays in effect until then.
    #[getter]
    fn begins(&self) -> Option<DateTime<Utc>> {
        self.report.begins
    }

    /// The id of the license that was replaced, or ``None``.
    #[getter]
    fn replaced(&self) -> Option<String> {
        self.report.replaced.as_ref().map(LicenseId::to_string)
    }

    /// The state files that could not be read or written, as text for the user.
    #[getter]
    fn problems(&self) -> Vec<String> {
        let problems = self.report.problems.iter();
        problems.map(|problem| with_causes(problem)).collect()
    }

    fn __repr__(&self) -> String {
        format!("InstallReport(path={:?})", self.report.path)
    }
}
