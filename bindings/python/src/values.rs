//! Values that Python receives: quotas, and results as dictionaries.

use license_core::policy::{Entitlements, Quota};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet};
use serde::Serialize;

/// Returns a quota as Python has it: a number, or `None` for unlimited.
pub(crate) fn quota(quota: Quota) -> Option<u64> {
    match quota {
        Quota::Limit(limit) => Some(limit),
        Quota::Unlimited => None,
    }
}

/// Returns the features as a `frozenset`.
pub(crate) fn features<'py>(
    py: Python<'py>,
    entitlements: &Entitlements,
) -> PyResult<Bound<'py, PyFrozenSet>> {
    PyFrozenSet::new(py, entitlements.features())
}

/// Returns the quotas as a `dict`.
pub(crate) fn quotas<'py>(
    py: Python<'py>,
    entitlements: &Entitlements,
) -> PyResult<Bound<'py, PyDict>> {
    let quotas = PyDict::new(py);
    for (name, limit) in entitlements.quotas() {
        quotas.set_item(name, quota(limit))?;
    }
    Ok(quotas)
}

/// Returns a value as Python's `json` reads it: dictionaries, lists, strings and numbers.
pub(crate) fn from_json<'py>(
    py: Python<'py>,
    value: &impl Serialize,
) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| PyValueError::new_err(error.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}
