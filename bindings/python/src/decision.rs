//! The class `Decision`, and what it consists of.

use std::sync::Arc;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::evaluate::{FeatureDecision, Outcome, Warning};
use license_core::state::QuotaUse;
use license_core::{Decision, FeatureMatrix};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet};

use crate::license::PyLicense;
use crate::values;

/// The features and quotas that the license allows now, with the reason.
///
/// A decision does not change. Decide again at intervals of your choice, because time passes. A
/// denied decision is false: ``if client.decide():`` does not run with the base tier.
///
/// >>> decision = client.decide()
/// >>> decision.outcome, decision.code, decision.tier
/// ('licensed', 'VALID', 'PRO')
/// >>> decision.allows("export")
/// True
/// >>> decision.quotas["commands_per_day"]
/// 500
#[pyclass(frozen, name = "Decision", module = "coditect_license")]
pub(crate) struct PyDecision {
    decision: Decision,
    matrix: Arc<FeatureMatrix>,
}

impl PyDecision {
    pub(crate) fn new(decision: Decision, matrix: &Arc<FeatureMatrix>) -> Self {
        let matrix = Arc::clone(matrix);
        Self { decision, matrix }
    }
}

#[pymethods]
impl PyDecision {
    /// ``licensed``, ``grace`` or ``denied``. With ``denied``, the base tier is in effect.
    #[getter]
    fn outcome(&self) -> &'static str {
        self.decision.outcome().as_str()
    }

    /// The reason code, such as ``VALID``, ``GRACE_OFFLINE``, ``EXPIRED`` or ``NO_LICENSE``.
    #[getter]
    fn code(&self) -> &'static str {
        self.decision.code().as_str()
    }

    /// The reason in one line, for people: what was expected and found, or the grace period.
    #[getter]
    fn reason(&self) -> String {
        match (self.decision.outcome(), self.decision.warnings()) {
            (Outcome::Licensed, _) => "the license is valid".to_owned(),
            (Outcome::Grace, [warning, ..]) => warning.to_string(),
            _ => format!("expected {}, found {}", self.expected(), self.actual()),
        }
    }

    /// The value that the rule of the reason code expects.
    #[getter]
    fn expected(&self) -> String {
        self.decision.evidence().expected()
    }

    /// The value that the rule of the reason code found.
    #[getter]
    fn actual(&self) -> String {
        self.decision.evidence().actual()
    }

    /// The evidence: ``expected``, ``actual``, and the values of the rule under their names.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.to_dict(py)?.get_item("evidence")
    }

    /// The tier that is in effect.
    #[getter]
    fn tier(&self) -> String {
        self.decision.entitlements().tier().to_string()
    }

    /// The features that are in effect.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        values::features(py, self.decision.entitlements())
    }

    /// The quotas that are in effect. ``None`` means unlimited.
    #[getter]
    fn quotas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        values::quotas(py, self.decision.entitlements())
    }

    /// The license that was evaluated, or ``None`` without a license.
    #[getter]
    fn license(&self) -> Option<PyLicense> {
        self.decision.license().cloned().map(PyLicense::new)
    }

    /// The end of the license, or ``None`` if it is perpetual or there is no license.
    #[getter]
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.decision.license()?.expires_at()
    }

    /// The time until which the license is valid if nothing else is installed, with its grace
    /// periods. ``None`` if the license is denied, or if nothing ends it.
    #[getter]
    fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.decision.holds_until()
    }

    /// The rest of the grace period, or ``None`` outside a grace period.
    #[getter]
    fn grace_left(&self) -> Option<TimeDelta> {
        self.decision.grace_left()
    }

    /// The time for which the license was evaluated. It is later than the clock if the clock is
    /// behind the latest time that this machine has seen.
    #[getter]
    fn evaluated_at(&self) -> DateTime<Utc> {
        self.decision.evaluated_at()
    }

    /// The warnings for the user, such as an end that is near.
    #[getter]
    fn warnings(&self) -> Vec<PyLicenseWarning> {
        let warnings = self.decision.warnings().iter();
        warnings.cloned().map(PyLicenseWarning::new).collect()
    }

    /// Returns whether the feature may be used. ``False`` for an unknown name.
    ///
    /// Unlike :meth:`Client.allows`, a refusal is not counted for usage reports.
    #[pyo3(signature = (feature, /))]
    fn allows(&self, feature: &str) -> bool {
        self.decision.allows(feature)
    }

    /// Returns whether the feature may be used, and why not.
    ///
    /// >>> answer = client.decide().feature("view")
    /// >>> answer.granted, answer.code
    /// (True, 'VALID')
    #[pyo3(signature = (feature, /))]
    fn feature(&self, feature: &str) -> PyFeatureDecision {
        PyFeatureDecision {
            answer: self.decision.feature(feature, &self.matrix),
        }
    }

    /// Returns the decision as the object that ``license verify --json`` prints.
    ///
    /// Some members have other names than the properties: ``decision`` is :attr:`outcome`,
    /// ``effective_tier`` is :attr:`tier`, and ``holds_until`` is :attr:`valid_until`. The member
    /// ``tier`` is the tier of the license, even if the license is denied.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::from_json(py, &self.decision)
    }

    fn __bool__(&self) -> bool {
        self.decision.outcome() != Outcome::Denied
    }

    fn __repr__(&self) -> String {
        let (outcome, code, tier) = (self.outcome(), self.code(), self.tier());
        format!("Decision(outcome={outcome:?}, code={code:?}, tier={tier:?})")
    }
}

/// Whether a feature may be used, and the reason.
#[pyclass(frozen, name = "FeatureDecision", module = "coditect_license")]
pub(crate) struct PyFeatureDecision {
    answer: FeatureDecision,
}

#[pymethods]
impl PyFeatureDecision {
    /// Whether the feature may be used.
    #[getter]
    fn granted(&self) -> bool {
        self.answer.granted
    }

    /// The reason code. For a granted feature, it is the code of the decision.
    #[getter]
    fn code(&self) -> &'static str {
        self.answer.code.as_str()
    }

    /// The expected value, such as ``tier PRO or higher``.
    #[getter]
    fn expected(&self) -> String {
        self.answer.evidence.expected()
    }

    /// The found value, such as ``tier FREE``.
    #[getter]
    fn actual(&self) -> String {
        self.answer.evidence.actual()
    }

    /// The evidence: ``expected``, ``actual``, and the values under their names.
    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::from_json(py, &self.answer.evidence)
    }

    fn __bool__(&self) -> bool {
        self.answer.granted
    }

    fn __repr__(&self) -> String {
        let granted = if self.answer.granted { "True" } else { "False" };
        format!("FeatureDecision(granted={granted}, code={:?})", self.code())
    }
}

/// A condition that deserves attention although it does not change the decision.
///
/// ``str(warning)`` is a sentence for the user.
#[pyclass(frozen, name = "LicenseWarning", module = "coditect_license")]
pub(crate) struct PyLicenseWarning {
    warning: Warning,
}

impl PyLicenseWarning {
    fn new(warning: Warning) -> Self {
        Self { warning }
    }
}

#[pymethods]
impl PyLicenseWarning {
    /// The code, such as ``EXPIRES_SOON`` or ``GRACE_OFFLINE``.
    #[getter]
    fn code(&self) -> &'static str {
        self.warning.code().as_str()
    }

    /// The time that is left, or ``None`` if the warning has no end.
    #[getter]
    fn remaining(&self) -> Option<TimeDelta> {
        match &self.warning {
            Warning::CheckInDue { remaining, .. }
            | Warning::RenewalDue { remaining, .. }
            | Warning::ExpiresSoon { remaining, .. } => Some(*remaining),
            Warning::Trial { remaining, .. } => *remaining,
            _ => None,
        }
    }

    fn __str__(&self) -> String {
        self.warning.to_string()
    }

    fn __repr__(&self) -> String {
        format!("LicenseWarning({:?}, {:?})", self.code(), self.__str__())
    }
}

/// The result of a use of a quota. It is false if the use is not granted.
///
/// >>> used = client.use_quota("commands_per_day")
/// >>> used.granted, used.used, used.limit, used.remaining
/// (True, 1, 500, 499)
#[pyclass(frozen, name = "QuotaUse", module = "coditect_license")]
pub(crate) struct PyQuotaUse {
    quota_use: QuotaUse,
}

impl PyQuotaUse {
    pub(crate) fn new(quota_use: QuotaUse) -> Self {
        Self { quota_use }
    }
}

#[pymethods]
impl PyQuotaUse {
    /// Whether the use is granted. If not, nothing was counted.
    #[getter]
    fn granted(&self) -> bool {
        self.quota_use.granted
    }

    /// ``VALID`` or ``QUOTA_EXHAUSTED``.
    #[getter]
    fn code(&self) -> &'static str {
        self.quota_use.code().as_str()
    }

    /// The requested amount.
    #[getter]
    fn requested(&self) -> u64 {
        self.quota_use.requested
    }

    /// The amount that is used today (UTC), with this use if it is granted.
    #[getter]
    fn used(&self) -> u64 {
        self.quota_use.used
    }

    /// The limit of the day, or ``None`` if the quota is unlimited.
    #[getter]
    fn limit(&self) -> Option<u64> {
        values::quota(self.quota_use.limit)
    }

    /// The amount that is left today, or ``None`` if the quota is unlimited.
    #[getter]
    fn remaining(&self) -> Option<u64> {
        values::quota(self.quota_use.remaining())
    }

    /// Whether at least four fifths of the quota are used.
    #[getter]
    fn is_low(&self) -> bool {
        self.quota_use.is_low()
    }

    /// The start of the next day in UTC, when the quota refills.
    #[getter]
    fn refills_at(&self) -> DateTime<Utc> {
        self.quota_use.refills_at
    }

    fn __bool__(&self) -> bool {
        self.quota_use.granted
    }

    fn __repr__(&self) -> String {
        let granted = if self.quota_use.granted {
            "True"
        } else {
            "False"
        };
        let limit = self
            .limit()
            .map_or_else(|| "None".to_owned(), |limit| limit.to_string());
        let used = self.quota_use.used;
        format!("QuotaUse(granted={granted}, used={used}, limit={limit})")
    }
}
