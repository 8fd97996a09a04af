//! What was found and what was not, and why.

use std::fmt;
use std::io;
use std::path::Path;

use license_core::ComponentKind;

use super::System;

/// A component that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    kind: ComponentKind,
    evidence: Evidence,
}

impl Found {
    pub(super) fn new(kind: ComponentKind, evidence: Evidence) -> Self {
        Self { kind, evidence }
    }

    /// Which it is.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// Where it was found, such as `/etc/machine-id` or `CODITECT_MACHINE_ID`.
    pub fn source(&self) -> &str {
        &self.evidence.source
    }

    /// What it says. Only hashes of it are to leave the machine.
    pub(super) fn value(&self) -> &str {
        &self.evidence.value
    }
}

/// A component that was looked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    kind: ComponentKind,
    absence: Absence,
}

impl Missing {
    pub(super) fn new(kind: ComponentKind, absence: Absence) -> Self {
        Self { kind, absence }
    }

    /// Which it is.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// Where it should have been, if that is one place.
    pub fn source(&self) -> Option<&str> {
        self.absence.source.as_deref()
    }

    /// Why it is missing.
    pub fn reason(&self) -> MissingReason {
        self.absence.reason
    }
}

/// Why a component is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingReason {
    /// There is none.
    NotFound,
    /// This user may not read it.
    NotPermitted,
    /// It cannot be read for another reason.
    Unreadable,
    /// The program that tells it took too long.
    TimedOut,
    /// There is one, and it does not tell this machine from others.
    Rejected(Rejection),
    /// In a container it is the host's, or lasts no longer than the container.
    InContainer,
    /// This platform has no such thing.
    NotApplicable,
}

impl MissingReason {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Unreadable,
        }
    }
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::NotPermitted => "this user may not read it",
            Self::Unreadable => "it cannot be read",
            Self::TimedOut => "the system took too long to tell it",
            Self::Rejected(rejection) => return rejection.fmt(f),
            Self::InContainer => "in a container it is the host's, or ends with the container",
            Self::NotApplicable => "this platform has none",
        })
    }
}

/// Why something that looks like an id is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// It is empty.
    Empty,
    /// `uninitialized`, as machine-id(5) has it until the first start is over.
    Uninitialized,
    /// One digit or one byte over and over, such as all zeros.
    Uniform,
    /// What a maker's firmware or a hypervisor says of every machine.
    FirmwareDefault,
    /// It was shipped in an image, so that many machines have it.
    ImageDefault,
    /// It lasts until the next start only.
    Transient,
    /// It is not of the form that it should have.
    Malformed,
    /// The variable holds a relative path, which would mean another file in every working directory.
    NotAbsolute,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Uninitialized => "the system has not set it yet",
            Self::Uniform => "it is one digit over and over",
            Self::FirmwareDefault => "it is a default that many machines have",
            Self::ImageDefault => "it was shipped in an image, so many machines have it",
            Self::Transient => "it lasts until the next start only",
            Self::Malformed => "it is malformed",
            Self::NotAbsolute => "the path of the file must be absolute",
        })
    }
}

/// A value and where it is from.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) source: String,
    pub(super) value: String,
}

/// Without the value, which would tell the machine's name to whoever reads a log.
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absence {
    pub(super) source: Option<String>,
    pub(super) reason: MissingReason,
}

impl From<MissingReason> for Absence {
    fn from(reason: MissingReason) -> Self {
        Self {
            source: None,
            reason,
        }
    }
}

/// What came of looking in one place, or in all places, for one component.
pub(super) type Outcome = Result<Evidence, Absence>;

/// Brings a text into the one form in which it is compared, or says why it does not count.
pub(super) type Accept = fn(&str) -> Result<String, Rejection>;

/// Judges what `source` said.
pub(super) fn judge(source: &str, said: io::Result<String>, accept: Accept) -> Outcome {
    let value = match said {
        Ok(text) => accept(&text).map_err(MissingReason::Rejected),
        Err(error) => Err(MissingReason::of(&error)),
    };
    let source = source.to_owned();
    match value {
        Ok(value) => Ok(Evidence { source, value }),
        Err(reason) => Err(Absence {
            source: Some(source),
            reason,
        }),
    }
}

/// Judges a file.
pub(super) fn judge_file(system: &dyn System, path: &str, accept: Accept) -> Outcome {
    judge(path, system.read(Path::new(path)), accept)
}

/// The first that was found; else the first absence that says more than that nothing was there.
pub(super) fn first(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut told = Absence::from(MissingReason::NotFound);
    for outcome in outcomes {
        match outcome {
            Ok(evidence) => return Ok(evidence),
            Err(absence) if told.reason == MissingReason::NotFound => {
                let says_more = absence.reason != MissingReason::NotFound;
                if says_more || told.source.is_none() {
                    told = absence;
                }
            }
            Err(_) => {}
        }
    }
    Err(told)
}
