//! The class `License`.

use license_core::License;
use license_core::chrono::{DateTime, Utc};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet};

use crate::values;

/// A license whose signature was verified. :class:`Decision` says whether it is valid.
#[pyclass(frozen, name = "License", module = "coditect_license")]
pub(crate) struct PyLicense {
    license: License,
}

impl PyLicense {
    pub(crate) fn new(license: License) -> Self {
        Self { license }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn license(&self) -> &License {
        &self.license
    }
}

#[pymethods]
impl PyLicense {
    /// The id of the license.
    #[getter]
    fn id(&self) -> String {
        self.license.id().to_string()
    }

    /// The name of the customer.
    #[getter]
    fn customer(&self) -> &str {
        self.license.customer()
    }

    /// The name of the vendor, if the license states it.
    #[getter]
    fn issuer(&self) -> Option<&str> {
        self.license.issuer()
    }

    /// The code of the product.
    #[getter]
    fn product(&self) -> String {
        self.license.product().to_string()
    }

    /// The tier of the license. A denied license does not give this tier.
    #[getter]
    fn tier(&self) -> String {
        self.license.tier().to_string()
    }

    /// The features of the license.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        values::features(py, self.license.entitlements())
    }

    /// The quotas of the license. ``None`` means unlimited.
    #[getter]
    fn quotas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        values::quotas(py, self.license.entitlements())
    }

    /// The date of issue. Enterprise keys have none.
    #[getter]
    fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.license.issued_at()
    }

    /// The start of the license.
    #[getter]
    fn not_before(&self) -> Option<DateTime<Utc>> {
        self.license.not_before()
    }

    /// The end of the license, without its grace period. ``None`` for a perpetual license.
    #[getter]
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.license.expires_at()
    }

    /// Whether the license is a trial.
    #[getter]
    fn is_trial(&self) -> bool {
        self.license.is_trial()
    }

    /// Whether the license must be activated on each machine.
    #[getter]
    fn must_activate(&self) -> bool {
        self.license.must_activate()
    }

    /// Whether the license is valid only while a floating seat is held.
    #[getter]
    fn requires_seat(&self) -> bool {
        self.license.requires_seat()
    }

    /// The users of the license, or ``None`` if it is for all users.
    #[getter]
    fn users(&self) -> Option<Vec<String>> {
        let users = self.license.users()?;
        Some(users.map(str::to_owned).collect())
    }

    /// All claims of the license, as in the token. The names are those of ``docs/format.md``.
    #[getter]
    fn claims<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        values::from_json(py, &self.license)
    }

    /// Omits the customer, so that logs do not name customers.
    fn __repr__(&self) -> String {
        let (id, product, tier) = (self.id(), self.product(), self.tier());
        format!("License(id={id:?}, product={product:?}, tier={tier:?})")
    }
}
