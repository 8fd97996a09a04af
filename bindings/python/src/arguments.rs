//! Arguments of Python functions: texts, files, times and durations.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::encoding::decode_text;
use license_core::jose::MAX_LIST_BYTES;
use license_core::policy::UsageType;
use license_core::time;
use pyo3::exceptions::{PyOSError, PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateTime, PyString, PyTzInfo};

use crate::errors::{bad_argument, not_a_text};

/// A time as a program states it: an instant, or a day in UTC.
pub(crate) enum Time {
    /// A `datetime`, or a text such as `2027-03-01T12:00:00Z`.
    Instant(DateTime<Utc>),
    /// A `date`, or a text such as `2027-03-01`.
    Day(NaiveDate),
}

impl Time {
    /// Reads a `datetime` with a time zone, a `date` or a text, of the years 1970 to 9999.
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let found = Self::parse(value)?;
        let (first, last) = (time::MIN, time::MAX);
        let is_in_range = match &found {
            Self::Instant(instant) => {
                (first.timestamp()..=last.timestamp()).contains(&instant.timestamp())
            }
            Self::Day(day) => (first.date_naive()..=last.date_naive()).contains(day),
        };
        if is_in_range {
            Ok(found)
        } else {
            Err(out_of_range(value))
        }
    }

    fn parse(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(instant) = value.cast::<PyDateTime>() {
            return Ok(Self::Instant(utc(instant)?));
        }
        if value.is_instance_of::<PyDate>() {
            return Ok(Self::Day(value.extract()?));
        }
        if !value.is_instance_of::<PyString>() {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "expected a datetime, a date or a text such as '2027-03-01', found {found}"
            )));
        }
        let Ok(text) = value.extract::<&str>() else {
            return Err(bad_argument(
                "expected a date, found a str with a surrogate".to_owned(),
            ));
        };
        if let Ok(day) = time::parse_date(text) {
            return Ok(Self::Day(day));
        }
        let instant = time::parse_instant(text);
        let instant = instant.map_err(|error| bad_argument(format!("{text:?}: {error}")));
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
    let py = instant.py();
    if instant.call_method0("utcoffset")?.is_none() {
        let message = "expected a datetime with a time zone, found one without; \
                       pass tzinfo=timezone.utc, such as datetime.now(timezone.utc)";
        return Err(bad_argument(message.to_owned()));
    }
    let converted = instant.call_method1("astimezone", (PyTzInfo::utc(py)?,));
    let converted = converted.map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(py) {
            out_of_range(instant)
        } else {
            error
        }
    });
    converted?.extract()
}

fn out_of_range(value: &Bound<'_, PyAny>) -> PyErr {
    let message = format!("expected a time from the year 1970 to 9999, found {value}");
    bad_argument(message)
}

/// Reads a number of uses, which is 1 if it is not stated.
pub(crate) fn count(value: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
    let Some(value) = value else { return Ok(1) };
    value.extract().map_err(|error: PyErr| {
        if !error.is_instance_of::<PyOverflowError>(value.py()) {
            return error;
        }
        let message = format!("count: expected 0 to {}, found {value}", u64::MAX);
        bad_argument(message)
    })
}

/// Checks that a callback can be called.
pub(crate) fn callable(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match value {
        Some(value) if !value.is_callable() => {
            let found = value.get_type().name()?;
            let message = format!("{name}: expected a function, found {found}");
            Err(PyTypeError::new_err(message))
        }
        _ => Ok(()),
    }
}

/// Returns the absolute path of an argument, which a change of the current directory must not move.
pub(crate) fn absolute(name: &str, path: &Path) -> PyResult<PathBuf> {
    let bad = |found: String| bad_argument(format!("{name}: expected a path, found {found}"));
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(bad("one with a NUL byte".to_owned()));
    }
    std::path::absolute(path).map_err(|error| bad(format!("{path:?}: {error}")))
}

/// Reads a duration, which must not be negative.
pub(crate) fn duration(name: &str, value: TimeDelta) -> PyResult<Duration> {
    let error = || {
        let message = format!("{name}: expected a timedelta of zero or more, found a negative one");
        bad_argument(message)
    };
    value.to_std().map_err(|_| error())
}

/// Reads how a program uses the product: `builder` or `runtime`.
pub(crate) fn usage_type(text: &str) -> PyResult<UsageType> {
    UsageType::parse(text).ok_or_else(|| {
        let message = format!("usage_type: expected 'builder' or 'runtime', found {text:?}");
        bad_argument(message)
    })
}

/// A text, and the file that it comes from.
pub(crate) struct Text {
    pub(crate) content: String,
    pub(crate) path: Option<PathBuf>,
}

impl Text {
    /// Reads a `str`, which is the text itself, or the file that a path such as `pathlib.Path`
    /// names. `class` is the class of the exception for a content that is no text.
    pub(crate) fn read(value: &Bound<'_, PyAny>, class: &str) -> PyResult<Self> {
        let py = value.py();
        if value.is_instance_of::<PyString>() {
            let content = value.extract::<String>().map_err(|_| {
                let message = "expected text in UTF-8, found a str with a surrogate";
                not_a_text(py, class, message.to_owned())
            })?;
            return Ok(Self {
                content,
                path: None,
            });
        }
        let Ok(path) = value.extract::<PathBuf>() else {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "expected a str with the text, or a path such as pathlib.Path, found {found}"
            )));
        };
        let read = py.detach(|| read_file(&path));
        let content = read.map_err(|error| match error.raw_os_error() {
            Some(number) => os_error(&path, &error, number),
            None => not_a_text(py, class, format!("{}: {error}", path.display())),
        })?;
        let path = Some(path);
        Ok(Self { content, path })
    }

    /// Returns a hint if the text is the name of a file, which should have been a path.
    pub(crate) fn hint(&self) -> Option<String> {
        let is_name = self.content.len() < 4096 && !self.content.contains('\n');
        let is_file = self.path.is_none() && is_name && Path::new(&self.content).is_file();
        is_file
            .then(|| {
                let name = &self.content;
                format!("a str is the text itself; to read the file, pass pathlib.Path({name:?})")
            })
            .or_else(|| {
                self.looks_like_a_name().then(|| {
                    "a str is the text itself; to read a file, pass pathlib.Path(…)".to_owned()
                })
            })
    }

    /// Returns whether the text looks like the name of a file that does not exist.
    fn looks_like_a_name(&self) -> bool {
        let is_short = self.content.len() < 256 && !self.content.contains('\n');
        let extension = Path::new(&self.content).extension();
        let names = ["jwk", "jwks", "lic", "pem", "toml"];
        self.path.is_none()
            && is_short
            && extension.is_some_and(|found| names.iter().any(|name| found == *name))
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
    decode_text(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Returns the `OSError` of a file, with its name, such as `FileNotFoundError`.
fn os_error(path: &Path, error: &io::Error, number: i32) -> PyErr {
    // Rust's text ends with the number, which Python adds itself.
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let path = path.display().to_string();
    if cfg!(windows) {
        // Python derives `errno` from the code of Windows.
        return PyOSError::new_err((0, reason, path, number));
    }
    PyOSError::new_err((number, reason, path))
}
