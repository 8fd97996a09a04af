//! A vendor and a machine for the tests of a program, with the feature `testing`.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::PathBuf;
use std::sync::{Arc, Once};

use license_client::testing::{self, TestLicense, TestMachine, TimeArgument};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::Status;
use license_core::machine::Machine;
use license_core::policy::{Quota, UsageType};
use license_core::{FeatureMatrix, LicenseId};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments::{Text, Time, usage_type};
use crate::client::{Application, PyClient};
use crate::errors::bad_argument;
use crate::license::PyLicense;
use crate::online::PyOnlineSettings;
use crate::product::product;
use crate::trust::PyTrustSet;
use crate::verified::machine;

/// Adds the classes and functions of `coditect_license.testing`.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyTestLicense>()?;
    module.add_class::<PyTestMachine>()?;
    module.add_function(wrap_pyfunction!(trust_set, module)?)
}

/// Runs a function of the module `testing` of Rust, which panics if a test has a mistake.
fn attempt<T>(run: impl FnOnce() -> T) -> PyResult<T> {
    thread_local! {
        static IS_ATTEMPT: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    // The panic becomes an exception, so its message is not printed too.
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_ATTEMPT.get() {
                previous(panic);
            }
        }));
    });
    IS_ATTEMPT.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    IS_ATTEMPT.set(false);
    result.map_err(|panic| PyValueError::new_err(message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the test has a mistake").to_owned()
}

impl From<Time> for TimeArgument {
    fn from(time: Time) -> Self {
        match time {
            Time::Instant(instant) => instant.into(),
            Time::Day(day) => day.into(),
        }
    }
}

/// Returns the trust set of the test vendor. Its private key is public, so never ship this trust
/// set.
#[pyfunction]
fn trust_set() -> PyTrustSet {
    PyTrustSet::from_trust(testing::trust())
}

/// The terms of a check-in or of a renewal.
type Terms = (TimeDelta, TimeDelta);

/// A license of the test vendor.
///
/// A ``date`` as ``expires`` is the last day of the license (UTC). ``check_in`` is the interval and
/// the grace period, and ``False`` means no check-ins. ``renewal`` is the notice period and the
/// grace period. Without these two arguments, the license has the terms of its tier. ``None`` as a
/// quota means unlimited.
///
/// >>> license = testing.TestLicense("PRO", expires="2027-03-01", users=["ann"])
/// >>> license.token(product=Path("product.toml")).count(".")
/// 2
#[pyclass(frozen, name = "TestLicense", module = "coditect_license.testing")]
pub(crate) struct PyTestLicense {
    tier: String,
    issued: Option<DateTime<Utc>>,
    starts: Option<DateTime<Utc>>,
    expires: Option<TimeArgument>,
    users: Vec<String>,
    machines: Vec<Machine>,
    must_activate: bool,
    add_features: Vec<String>,
    remove_features: Vec<String>,
    quotas: BTreeMap<String, Option<u64>>,
    usage_type: Option<UsageType>,
    max_version: Option<String>,
    maintenance_until: Option<TimeArgument>,
    check_in: Option<Option<Terms>>,
    renewal: Option<Terms>,
    trial: bool,
}

#[pymethods]
impl PyTestLicense {
    /// `pytest` must not collect the class.
    #[classattr]
    #[pyo3(name = "__test__")]
    const IS_TEST: bool = false;

    #[new]
    #[pyo3(
        signature = (tier, *, issued = None, starts = None, expires = None, users = Vec::new(), machines = Vec::new(), must_activate = false, add_features = Vec::new(), remove_features = Vec::new(), quotas = None, usage_type = None, max_version = None, maintenance_until = None, check_in = None, renewal = None, trial = false),
        text_signature = "(tier, *, issued=None, starts=None, expires=None, users=(), machines=(), must_activate=False, add_features=(), remove_features=(), quotas=None, usage_type=None, max_version=None, maintenance_until=None, check_in=None, renewal=None, trial=False)"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword arguments in Python"
    )]
    fn new(
        tier: String,
        issued: Option<&Bound<'_, PyAny>>,
        starts: Option<&Bound<'_, PyAny>>,
        expires: Option<&Bound<'_, PyAny>>,
        users: Vec<String>,
        machines: Vec<String>,
        must_activate: bool,
        add_features: Vec<String>,
        remove_features: Vec<String>,
        quotas: Option<BTreeMap<String, Option<u64>>>,
        usage_type: Option<&str>,
        max_version: Option<String>,
        maintenance_until: Option<&Bound<'_, PyAny>>,
        check_in: Option<Bound<'_, PyAny>>,
        renewal: Option<Terms>,
        trial: bool,
    ) -> PyResult<Self> {
        let machines = machines.iter().map(|name| machine(name));
        Ok(Self {
            tier,
            issued: Time::read_if(issued)?.map(|time| time.start()),
            starts: Time::read_if(starts)?.map(|time| time.start()),
            expires: Time::read_if(expires)?.map(TimeArgument::from),
            users,
            machines: machines.collect::<PyResult<_>>()?,
            must_activate,
            add_features,
            remove_features,
            quotas: quotas.unwrap_or_default(),
            usage_type: usage_type.map(self::usage_type).transpose()?,
            max_version,
            maintenance_until: Time::read_if(maintenance_until)?.map(TimeArgument::from),
            check_in: check_in.map(|terms| check_in_terms(&terms)).transpose()?,
            renewal,
            trial,
        })
    }

    /// Signs the license for a product, and returns the token.
    #[pyo3(signature = (*, product))]
    fn token(&self, product: &Bound<'_, PyAny>) -> PyResult<String> {
        let matrix = self::product(product)?;
        attempt(|| self.build().product(&*matrix).token())
    }

    /// Signs the license for a product, and returns the content of a license file.
    #[pyo3(signature = (*, product))]
    fn file(&self, product: &Bound<'_, PyAny>) -> PyResult<String> {
        let matrix = self::product(product)?;
        attempt(|| self.build().product(&*matrix).file())
    }

    fn __repr__(&self) -> String {
        format!("TestLicense({:?})", self.tier)
    }
}

/// Reads the terms of check-ins. `False` removes the terms of the tier.
fn check_in_terms(terms: &Bound<'_, PyAny>) -> PyResult<Option<Terms>> {
    match terms.extract::<bool>() {
        Ok(false) => Ok(None),
        _ => terms.extract().map(Some),
    }
}

impl PyTestLicense {
    /// Returns the builder of Rust, which can be used once.
    fn build(&self) -> TestLicense {
        let mut license = testing::license(self.tier.as_str());
        if let Some(at) = self.issued {
            license = license.issued(at);
        }
        if let Some(at) = self.starts {
            license = license.starts(at);
        }
        if let Some(at) = &self.expires {
            license = license.expires(at.clone());
        }
        for user in &self.users {
            license = license.user(user.as_str());
        }
        for machine in &self.machines {
            license = license.machine(machine.clone());
        }
        if self.must_activate {
            license = license.must_activate();
        }
        for feature in &self.add_features {
            license = license.add_feature(feature.as_str());
        }
        for feature in &self.remove_features {
            license = license.remove_feature(feature.as_str());
        }
        for (name, limit) in &self.quotas {
            let quota = limit.map_or(Quota::Unlimited, Quota::Limit);
            license = license.quota(name.as_str(), quota);
        }
        if let Some(usage_type) = self.usage_type {
            license = license.usage_type(usage_type);
        }
        if let Some(requirement) = &self.max_version {
            license = license.max_version(requirement);
        }
        if let Some(at) = &self.maintenance_until {
            license = license.maintenance_until(at.clone());
        }
        match self.check_in {
            Some(Some((every, grace))) => license = license.check_in(every, grace),
            Some(None) => license = license.without_check_in(),
            None => {}
        }
        if let Some((notify, grace)) = self.renewal {
            license = license.renewal(notify, grace);
        }
        let trial = self.trial;
        license.draft(move |draft| draft.trial = trial)
    }
}

/// A machine for tests, with its own state directory, machine id and clock.
///
/// The state directory is temporary, and is removed with the object and its clients. The clock
/// starts on 2026-01-01 at 12:00 UTC, and stands still until the test changes it. Clients of the
/// machine trust the test vendor only.
///
/// >>> machine = testing.TestMachine(Path("product.toml"))
/// >>> client = machine.client()
/// >>> client.allows("export")
/// False
/// >>> machine.install(testing.TestLicense("PRO", expires="2026-03-01")).tier
/// 'PRO'
/// >>> client.allows("export")
/// True
/// >>> machine.set_clock("2026-04-01")
/// >>> client.decide().code
/// 'EXPIRED'
#[pyclass(frozen, name = "TestMachine", module = "coditect_license.testing")]
pub(crate) struct PyTestMachine {
    machine: Arc<TestMachine>,
    matrix: Arc<FeatureMatrix>,
}

#[pymethods]
impl PyTestMachine {
    /// `pytest` must not collect the class.
    #[classattr]
    #[pyo3(name = "__test__")]
    const IS_TEST: bool = false;

    #[new]
    #[pyo3(signature = (product, /))]
    fn new(product: &Bound<'_, PyAny>) -> PyResult<Self> {
        let matrix = self::product(product)?;
        let machine = Arc::new(attempt(|| TestMachine::new(&*matrix))?);
        Ok(Self { machine, matrix })
    }

    /// Builds a client of this machine. The arguments are those of :class:`Client`.
    #[pyo3(signature = (*, app_version = None, build_date = None, usage_type = "builder", user = None, online = None))]
    fn client(
        &self,
        py: Python<'_>,
        app_version: Option<&str>,
        build_date: Option<&Bound<'_, PyAny>>,
        usage_type: &str,
        user: Option<String>,
        online: Option<&Bound<'_, PyOnlineSettings>>,
    ) -> PyResult<PyClient> {
        let machine: Arc<TestMachine> = Arc::clone(&self.machine);
        let application = Application {
            machine: Some(machine),
            app_version,
            build_date,
            usage_type,
            user,
            online,
        };
        application.build(py, self.machine.builder(), Arc::clone(&self.matrix))
    }

    /// Signs a license at the time of the machine, and installs it. It replaces the installed
    /// license, even if the new one is worse.
    #[pyo3(signature = (license, /))]
    fn install(&self, license: &Bound<'_, PyTestLicense>) -> PyResult<PyLicense> {
        let license = license.get();
        let installed = attempt(|| self.machine.install(license.build()).into_inner())?;
        Ok(PyLicense::new(installed))
    }

    /// Installs a text of the test vendor, such as the result of :meth:`TestLicense.file`.
    #[pyo3(signature = (text, /))]
    fn install_text(&self, text: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = Text::read(text, "InvalidLicenseError")?;
        attempt(|| drop(self.machine.install_text(&text.content)))
    }

    /// Activates an installed license on this machine.
    #[pyo3(signature = (license, /))]
    fn activate(&self, license: &Bound<'_, PyLicense>) -> PyResult<()> {
        let license = license.get().license();
        attempt(|| drop(self.machine.activate(license)))
    }

    /// Installs a validation of the license, which is the answer to a check-in. ``status`` is
    /// ``active``, ``suspended``, ``canceled``, ``revoked`` or another status of
    /// ``docs/format.md``.
    #[pyo3(signature = (license, /, *, status = "active"))]
    fn validate(&self, license: &Bound<'_, PyLicense>, status: &str) -> PyResult<()> {
        let parsed = Status::parse(status);
        let unknown = || bad_argument(format!("status: expected a status, found {status:?}"));
        let (license, status) = (license.get().license(), parsed.ok_or_else(unknown)?);
        let validation = testing::validation(license).status(status);
        attempt(|| drop(self.machine.install(validation)))
    }

    /// Installs a revocation list with this license.
    #[pyo3(signature = (license, /))]
    fn revoke(&self, license: &Bound<'_, PyLicense>) -> PyResult<()> {
        let id: &LicenseId = license.get().license().id();
        attempt(|| drop(self.machine.install(testing::revocation_list().revoke(id))))
    }

    /// Removes the installed license.
    fn remove_license(&self) -> PyResult<()> {
        attempt(|| self.machine.remove_license())
    }

    /// The time of the machine.
    #[getter]
    fn now(&self) -> DateTime<Utc> {
        self.machine.now()
    }

    /// Sets the clock to any time, even an earlier one. A ``date`` means its first second in UTC.
    #[pyo3(signature = (now, /))]
    fn set_clock(&self, now: &Bound<'_, PyAny>) -> PyResult<()> {
        let now = Time::read(now)?.start();
        attempt(|| self.machine.set_clock(now))
    }

    /// Advances the clock.
    #[pyo3(signature = (duration, /))]
    fn advance(&self, duration: TimeDelta) {
        self.machine.advance(duration);
    }

    /// The id of the machine, for ``machines`` of :class:`TestLicense`.
    #[getter]
    fn id(&self) -> PyResult<String> {
        attempt(|| self.machine.id().to_string())
    }

    /// The state directory. It exists only if a file was written.
    #[getter]
    fn state_dir(&self) -> PathBuf {
        self.machine.state_dir()
    }

    fn __repr__(&self) -> String {
        format!("TestMachine({:?})", self.matrix.product().as_str())
    }
}
