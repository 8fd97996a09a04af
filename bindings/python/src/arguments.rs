//! Arguments of Python functions: texts, files, times and durations.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::jose::MAX_LIST_BYTES;
use license_core::policy::UsageType;
use license_core::time;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateTime, PyString, PyTzInfo};

/// A time as a program states it: an instant, or a day in UTC.
pub(crate) enum Time {
    /// A `datetime`, or a text such as `2027-03-01T12:00:00Z`.
    Instant(DateTime<Utc>),
    /// A `date`, or a text such as `2027-03-01`.
    Day(NaiveDate),
}

impl Time {
    /// Reads a `datetime` with a time zone, a `date` or a text.
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(instant) = value.cast::<PyDateTime>() {
            return Ok(Self::Instant(utc(instant)?));
        }
        if value.is_instance_of::<PyDate>() {
            return Ok(Self::Day(value.extract()?));
        }
        let Ok(text) = value.extract::<&str>() else {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "expected a datetime, a date or a text such as '2027-03-01', found {found}"
            )));
        };
        if let Ok(day) = time::parse_date(text) {
            return Ok(Self::Day(day));
        }
        let instant = time::parse_instant(text);
        let instant = instant.map_err(|error| PyValueError::new_err(format!("{text:?}: {error}")));
        Ok(Self::Instant(instant?))
    }

    /// Reads an optional time.
    pub(crate) fn read_if(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        value.map(Self::read).transpose()
    }

    /// Returns the instant, or the first instant of the day.
    pub(crate) fn start(&self) -> DateTime<Utc> {
        match self {
            Self::Instant(instant) => *instant,
            Self::Day(day) => time::start_of_day(*day),
        }
    }
}

/// Converts a `datetime` to UTC. A `datetime` without a time zone is refused, because it does not
/// name an instant.
fn utc(instant: &Bound<'_, PyDateTime>) -> PyResult<DateTime<Utc>> {
    if instant.getattr("tzinfo")?.is_none() {
        return Err(PyValueError::new_err(
            "expected a datetime with a time zone, found one without; \
             pass tzinfo=timezone.utc, such as datetime.now(timezone.utc)",
        ));
    }
    let utc = PyTzInfo::utc(instant.py())?;
    instant.call_method1("astimezone", (utc,))?.extract()
}

/// Reads a duration, which must not be negative.
pub(crate) fn duration(name: &str, value: TimeDelta) -> PyResult<Duration> {
    let error = || {
        let message = format!("{name}: expected a timedelta of zero or more, found a negative one");
        PyValueError::new_err(message)
    };
    value.to_std().map_err(|_| error())
}

/// Reads how a program uses the product: `builder` or `runtime`.
pub(crate) fn usage_type(text: &str) -> PyResult<UsageType> {
    UsageType::parse(text).ok_or_else(|| {
        let message = format!("usage_type: expected 'builder' or 'runtime', found {text:?}");
        PyValueError::new_err(message)
    })
}

/// A text, and the file that it comes from.
pub(crate) struct Text {
    pub(crate) content: String,
    pub(crate) path: Option<PathBuf>,
}

impl Text {
    /// Reads a `str`, which is the text itself, or the file that a path such as `pathlib.Path`
    /// names.
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() {
            let (content, path) = (value.extract()?, None);
            return Ok(Self { content, path });
        }
        let Ok(path) = value.extract::<PathBuf>() else {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "expected a str with the text, or a path such as pathlib.Path, found {found}"
            )));
        };
        let read = value.py().detach(|| read_file(&path));
        let content = read.map_err(|error| os_error(&path, &error))?;
        let path = Some(path);
        Ok(Self { content, path })
    }

    /// Returns a hint if the text is the name of a file, which should have been a path.
    pub(crate) fn hint(&self) -> Option<String> {
        let is_name = self.content.len() < 4096 && !self.content.contains('\n');
        let is_file = self.path.is_none() && is_name && Path::new(&self.content).is_file();
        is_file.then(|| {
            let name = &self.content;
            format!("a str is the text itself; to read the file, pass pathlib.Path({name:?})")
        })
    }
}

/// Reads a text file whose size is that of a license file at most.
fn read_file(path: &Path) -> io::Result<String> {
    let cap = u64::try_from(MAX_LIST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?
        .take(cap.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_LIST_BYTES {
        let message = format!("expected at most {MAX_LIST_BYTES} bytes, found more");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let text = String::from_utf8(bytes);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "expected text in UTF-8"))
}

/// Returns the `OSError` of a file, with its name, such as `FileNotFoundError`.
fn os_error(path: &Path, error: &io::Error) -> PyErr {
    let Some(number) = error.raw_os_error() else {
        return PyValueError::new_err(format!("{}: {error}", path.display()));
    };
    // Rust's text ends with the number, which Python adds itself.
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text).to_owned();
    PyOSError::new_err((number, reason, path.display().to_string()))
}
