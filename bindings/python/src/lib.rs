//! The native part of the Python package `coditect-license`.
//!
//! The module `coditect_license._native` has the classes of the package. The Python files in
//! `python/coditect_license` define the exceptions and export the classes. The documentation of
//! the classes and methods here is their documentation in Python too.

mod arguments;
mod blocking;
mod client;
mod decision;
mod errors;
mod install;
mod license;
mod online;
mod product;
mod seat;
mod session;
#[cfg(feature = "testing")]
mod testing;
mod trust;
mod values;
mod verified;

use pyo3::prelude::*;

/// The native part of `coditect_license`. Import `coditect_license` instead.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<client::PyClient>()?;
    module.add_class::<decision::PyDecision>()?;
    module.add_class::<decision::PyFeatureDecision>()?;
    module.add_class::<decision::PyLicenseWarning>()?;
    module.add_class::<decision::PyQuotaUse>()?;
    module.add_class::<install::PyInstallReport>()?;
    module.add_class::<license::PyLicense>()?;
    module.add_class::<online::PyOnlineSettings>()?;
    module.add_class::<online::PyOnlineStatus>()?;
    module.add_class::<online::PyServerVerdict>()?;
    module.add_class::<product::PyProduct>()?;
    module.add_class::<seat::PyQueuePlace>()?;
    module.add_class::<seat::PySeat>()?;
    module.add_class::<seat::PySeatEvent>()?;
    module.add_class::<session::PySession>()?;
    module.add_class::<trust::PyTrustSet>()?;
    module.add_class::<verified::PyRuleResult>()?;
    module.add_class::<verified::PyVerifiedLicenses>()?;
    module.add_function(wrap_pyfunction!(verified::verify, module)?)?;
    #[cfg(feature = "testing")]
    testing::add_to(module)?;
    let finish = wrap_pyfunction!(finish, module)?;
    let atexit = module.py().import("atexit")?;
    atexit.call_method1("register", (finish,)).map(drop)
}

/// Releases the seats of the process, and waits for interrupted calls. Python calls the function
/// when the process ends.
#[pyfunction]
fn finish(py: Python<'_>) -> PyResult<()> {
    seat::release_all(py)?;
    blocking::wait_for_calls(py)
}
