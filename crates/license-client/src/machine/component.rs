//! Found and missing components.

use std::fmt;
use std::io;
use std::path::Path;

use license_core::machine::ComponentKind;

use super::System;

/// A component that was found.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// for found in manager.facts().found() {
///     // The value itself is not accessible, because it identifies the machine.
///     println!("{} from {}", found.kind(), found.source());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundComponent {
    kind: ComponentKind,
    observation: Observation,
}

impl FoundComponent {
    pub(super) fn new(kind: ComponentKind, observation: Observation) -> Self {
        Self { kind, observation }
    }

    /// Returns the kind of the component.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::license_core::machine::ComponentKind;
    ///
    /// let facts = manager.facts();
    /// assert!(facts.found().any(|found| found.kind() == ComponentKind::AssignedId));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// Returns where the component was found, such as `/etc/machine-id` or `CODITECT_MACHINE_ID`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// for found in manager.facts().found() {
    ///     println!("{}", found.source());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn source(&self) -> &str {
        &self.observation.source
    }

    /// Returns the value. Only hashes of the value may leave the machine.
    pub(super) fn value(&self) -> &str {
        &self.observation.value
    }
}

/// A component that was not found.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// for missing in manager.facts().missing() {
///     let place = missing.source().unwrap_or("this machine");
///     println!("no {} in {place}: {}", missing.kind(), missing.reason());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingComponent {
    kind: ComponentKind,
    absence: Absence,
}

impl MissingComponent {
    pub(super) fn new(kind: ComponentKind, absence: Absence) -> Self {
        Self { kind, absence }
    }

    /// Returns the kind of the component.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let missing: Vec<_> = manager.facts().missing().map(|missing| missing.kind()).collect();
    /// println!("missing: {missing:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// Returns the place to which the reason applies, or `None` if there is no such place, for
    /// example if the platform does not have the component. If several places were read, returns
    /// one of them.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let facts = manager.facts();
    /// let places: Vec<_> = facts.missing().filter_map(|missing| missing.source()).collect();
    /// println!("looked in {places:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn source(&self) -> Option<&str> {
        self.absence.source.as_deref()
    }

    /// Returns why the component is missing.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::MissingReason;
    ///
    /// for missing in manager.facts().missing() {
    ///     if missing.reason() == MissingReason::NotPermitted {
    ///         println!("an administrator could read the {}", missing.kind());
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reason(&self) -> MissingReason {
        self.absence.reason
    }
}

/// The reason why a component is missing.
///
/// ```
/// use license_client::{MissingReason, Rejection};
///
/// assert_eq!(MissingReason::NotFound.to_string(), "not found");
/// let rejected = MissingReason::Rejected(Rejection::Uniform);
/// assert_eq!(rejected.to_string(), "it repeats one digit or one byte");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissingReason {
    /// The component does not exist.
    NotFound,
    /// The user may not read the component.
    NotPermitted,
    /// The component cannot be read for another reason.
    Unreadable,
    /// The program that prints the component took too long.
    TimedOut,
    /// The value is not acceptable as an identity.
    Rejected(Rejection),
    /// In a container, the component belongs to the host or the image, or is lost with the
    /// container.
    InContainer,
    /// This platform does not have the component.
    NotApplicable,
}

impl MissingReason {
    fn from_error(error: &io::Error) -> Self {
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
            Self::TimedOut => "the system took too long to report it",
            Self::Rejected(rejection) => return rejection.fmt(f),
            Self::InContainer => {
                "in a container, it belongs to the host or the image, or is lost with the container"
            }
            Self::NotApplicable => "this platform has no such component",
        })
    }
}

/// The reason why a value does not identify one machine.
///
/// ```
/// use license_client::Rejection;
///
/// assert_eq!(Rejection::Empty.to_string(), "it is empty");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The value is empty.
    Empty,
    /// The value is `uninitialized`, which machine-id(5) specifies for the time before the first
    /// boot is complete.
    Uninitialized,
    /// The value repeats one digit or one byte, such as all zeros.
    Uniform,
    /// The firmware or the hypervisor gives many machines the same value.
    FirmwareDefault,
    /// The value is part of an image, so several machines have it.
    ImageDefault,
    /// The value lasts only until the next boot.
    Transient,
    /// The value does not have the form of its kind, such as the form of a UUID.
    Malformed,
    /// The configured id is too short, too long, or contains characters other than printable ASCII.
    ConfiguredIdForm,
    /// The file with the configured id has a byte order mark, or an encoding other than UTF-8, such
    /// as UTF-16.
    Encoding,
    /// The variable contains a relative path. Its meaning would depend on the working directory.
    NotAbsolute,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Uninitialized => "the system has not set it yet",
            Self::Uniform => "it repeats one digit or one byte",
            Self::FirmwareDefault => "it is a default that many machines have",
            Self::ImageDefault => "many machines have it, because it is part of an image",
            Self::Transient => "it lasts only until the next boot",
            Self::Malformed => "it is malformed",
            Self::ConfiguredIdForm => "it must have 8 to 128 printable ASCII characters",
            Self::Encoding => "the file must be ASCII text without a byte order mark",
            Self::NotAbsolute => "the path of the file must be absolute",
        })
    }
}

/// A value and its source.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) source: String,
    pub(super) value: String,
}

/// Omits the value, so that logs do not identify the machine.
impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
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

/// The result of reading one component from one or more places.
pub(super) type Lookup = Result<Observation, Absence>;

/// Normalizes a value for comparison, or returns why it is rejected.
pub(super) type Normalize = fn(&str) -> Result<String, Rejection>;

/// Normalizes the value that `source` returned.
pub(super) fn check(source: &str, text: io::Result<String>, normalize: Normalize) -> Lookup {
    let value = match text {
        Ok(text) => normalize(&text).map_err(MissingReason::Rejected),
        Err(error) => Err(MissingReason::from_error(&error)),
    };
    let source = source.to_owned();
    match value {
        Ok(value) => Ok(Observation { source, value }),
        Err(reason) => Err(Absence {
            source: Some(source),
            reason,
        }),
    }
}

/// Reads a file and normalizes its content.
pub(super) fn check_file(system: &dyn System, path: &str, normalize: Normalize) -> Lookup {
    check(path, system.read(Path::new(path)), normalize)
}

/// Returns the first value that was found. Without a value, returns the first absence with a reason
/// other than "not found".
pub(super) fn first(outcomes: impl IntoIterator<Item = Lookup>) -> Lookup {
    let mut reported = Absence::from(MissingReason::NotFound);
    for outcome in outcomes {
        match outcome {
            Ok(observation) => return Ok(observation),
            Err(absence) if reported.reason == MissingReason::NotFound => {
                let is_more_specific = absence.reason != MissingReason::NotFound;
                if is_more_specific || reported.source.is_none() {
                    reported = absence;
                }
            }
            Err(_) => {}
        }
    }
    Err(reported)
}
