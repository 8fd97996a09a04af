//! The function `verify`, and the class `VerifiedLicenses`.

use std::sync::Arc;

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::RuleResult;
use license_core::machine::Machine;
use license_core::policy::UsageType;
use license_core::{Context, FeatureMatrix, VerifiedLicenses, Version};
use pyo3::prelude::*;

use crate::arguments::{Text, Time, usage_type};
use crate::decision::PyDecision;
use crate::errors::{bad_argument, invalid};
use crate::license::PyLicense;
use crate::product::product;
use crate::trust::trust;
use crate::values;

/// Verifies a license file, a token or an enterprise key, without installing it.
///
/// A ``str`` is the text itself, and a path such as ``pathlib.Path`` names a file with the text.
/// Raises :class:`InvalidLicenseError` if the license cannot be verified: it is damaged, or no key
/// of the trust set has signed it.
///
/// >>> verified = verify(Path("acme.lic"), trust=Path("trust.jwks"), product=Path("product.toml"))
/// >>> decision = verified.evaluate(at=date(2027, 3, 1))
/// >>> decision.code, decision.tier
/// ('VALID', 'PRO')
#[pyfunction]
#[pyo3(signature = (license, /, *, trust, product))]
pub(crate) fn verify(
    license: &Bound<'_, PyAny>,
    trust: &Bound<'_, PyAny>,
    product: &Bound<'_, PyAny>,
) -> PyResult<PyVerifiedLicenses> {
    let (py, text) = (license.py(), Text::read(license, "InvalidLicenseError")?);
    let (trust, matrix) = (self::trust(trust)?, self::product(product)?);
    let verified = py.detach(|| VerifiedLicenses::verify(&text.content, &trust, &matrix));
    let verified = verified.map_err(|error| invalid(py, &error, &text))?;
    Ok(PyVerifiedLicenses { verified, matrix })
}

/// The verified content of a license file. :func:`verify` returns it.
#[pyclass(frozen, name = "VerifiedLicenses", module = "coditect_license")]
pub(crate) struct PyVerifiedLicenses {
    verified: VerifiedLicenses,
    matrix: Arc<FeatureMatrix>,
}

/// The values of a context, which the arguments of a method state.
struct Values {
    at: DateTime<Utc>,
    user: Option<String>,
    app_version: Option<Version>,
    build_date: Option<DateTime<Utc>>,
    usage_type: UsageType,
    machine: Option<Machine>,
}

impl Values {
    fn read(
        at: &Bound<'_, PyAny>,
        user: Option<String>,
        app_version: Option<&str>,
        build_date: Option<&Bound<'_, PyAny>>,
        usage_type: &str,
        machine: Option<&str>,
    ) -> PyResult<Self> {
        Ok(Self {
            at: Time::read(at)?.start(),
            user,
            app_version: app_version.map(version).transpose()?,
            build_date: Time::read_if(build_date)?.map(|date| date.start()),
            usage_type: self::usage_type(usage_type)?,
            machine: machine.map(self::machine).transpose()?,
        })
    }

    fn context(&self) -> Context<'_> {
        let mut context = Context::at(self.at).usage_type(self.usage_type);
        if let Some(user) = &self.user {
            context = context.user(user);
        }
        if let Some(version) = &self.app_version {
            context = context.app_version(version.clone());
        }
        if let Some(date) = self.build_date {
            context = context.build_date(date);
        }
        if let Some(machine) = &self.machine {
            context = context.machine(machine);
        }
        context
    }
}

fn version(text: &str) -> PyResult<Version> {
    Version::parse(text).map_err(|error| {
        let message = format!("app_version: expected a version such as '2.4.0', found {text:?}");
        bad_argument(format!("{message}: {error}"))
    })
}

/// Parses the name or the fingerprint of a machine.
pub(crate) fn machine(text: &str) -> PyResult<Machine> {
    Machine::parse(text).ok_or_else(|| {
        let message = "machine: expected a fingerprint or the name of a machine";
        bad_argument(format!("{message}, found {text:?}"))
    })
}

#[pymethods]
impl PyVerifiedLicenses {
    /// The licenses of the file.
    #[getter]
    fn licenses(&self) -> Vec<PyLicense> {
        let licenses = self.verified.licenses().iter();
        licenses.cloned().map(PyLicense::new).collect()
    }

    /// Returns what the file allows at a time, for a program and a machine with these values.
    ///
    /// A ``date`` means its first second in UTC. A license that restricts a value that is not
    /// passed is denied. Validations and revocation lists of the same file count.
    #[pyo3(signature = (*, at, user = None, app_version = None, build_date = None, usage_type = "builder", machine = None))]
    fn evaluate(
        &self,
        at: &Bound<'_, PyAny>,
        user: Option<String>,
        app_version: Option<&str>,
        build_date: Option<&Bound<'_, PyAny>>,
        usage_type: &str,
        machine: Option<&str>,
    ) -> PyResult<PyDecision> {
        let values = Values::read(at, user, app_version, build_date, usage_type, machine)?;
        let decision = self.verified.evaluate(&self.matrix, &values.context());
        Ok(PyDecision::new(decision, &self.matrix))
    }

    /// Returns the result of each rule, in the order of evaluation.
    #[pyo3(signature = (*, at, user = None, app_version = None, build_date = None, usage_type = "builder", machine = None))]
    fn explain(
        &self,
        at: &Bound<'_, PyAny>,
        user: Option<String>,
        app_version: Option<&str>,
        build_date: Option<&Bound<'_, PyAny>>,
        usage_type: &str,
        machine: Option<&str>,
    ) -> PyResult<Vec<PyRuleResult>> {
        let values = Values::read(at, user, app_version, build_date, usage_type, machine)?;
        let results = self.verified.explain(&self.matrix, &values.context());
        let results = results.into_iter();
        Ok(results.map(|result| PyRuleResult { result }).collect())
    }

    fn __repr__(&self) -> String {
        let number = self.verified.licenses().len();
        let noun = if number == 1 { "license" } else { "licenses" };
        format!("VerifiedLicenses({number} {noun})")
    }
}

/// The result of one rule. :meth:`VerifiedLicenses.explain` returns it.
#[pyclass(frozen, name = "RuleResult", module = "coditect_license")]
pub(crate) struct PyRuleResult {
    result: RuleResult,
}

#[pymethods]
impl PyRuleResult {
    /// The name of the rule.
    #[getter]
    fn rule(&self) -> &'static str {
        self.result.rule.as_str()
    }

    /// ``not_applicable``, ``passed``, ``grace`` or ``denied``.
    #[getter]
    fn outcome(&self) -> &'static str {
        self.result.outcome.as_str()
    }

    /// The reason code, or ``None`` if the rule passed or does not apply.
    #[getter]
    fn code(&self) -> Option<&'static str> {
        self.result.outcome.code().map(|code| code.as_str())
    }

    /// The expected value.
    #[getter]
    fn expected(&self) -> String {
        self.result.evidence.expected()
    }

    /// The found value.
    #[getter]
    fn actual(&self) -> String {
        self.result.evidence.actual()
    }

    /// The evidence: ``expected``, ``actual``, and the values under their names.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::from_json(py, &self.result.evidence)
    }

    fn __repr__(&self) -> String {
        format!("RuleResult({:?}, {:?})", self.rule(), self.outcome())
    }
}
