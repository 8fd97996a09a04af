//! Everything that varies from one evaluation to the next.

use semver::Version;

use crate::{License, Machine, RevocationList, Timestamp, UsageType, Validation};

/// What an evaluation needs to know besides the license. Nothing is read from the system: each fact is
/// brought by the caller, so that every date and every machine can be tried.
///
/// ```
/// use license_core::{Context, Timestamp, UsageType, Version};
///
/// let context = Context::at(Timestamp::parse("2027-03-01T12:00:00Z")?)
///     .user("alice")
///     .app_version(Version::new(2, 4, 0))
///     .usage_type(UsageType::Runtime);
/// # let _ = context;
/// # Ok::<(), license_core::TimeError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Context<'a> {
    clock: Timestamp,
    pub(super) high_water: Option<Timestamp>,
    pub(super) machine: Option<&'a Machine>,
    pub(super) user: Option<&'a str>,
    pub(super) app_version: Option<Version>,
    pub(super) build_date: Option<Timestamp>,
    pub(super) usage_type: UsageType,
    /// The caller's, then those of the bundle that is evaluated.
    validations: [&'a [Validation]; 2],
    installed: [&'a [License]; 2],
    revocations: [&'a [RevocationList]; 2],
}

impl<'a> Context<'a> {
    /// A context at the instant that the clock shows.
    pub const fn at(clock: Timestamp) -> Self {
        Self {
            clock,
            high_water: None,
            machine: None,
            user: None,
            app_version: None,
            build_date: None,
            usage_type: UsageType::Builder,
            validations: [&[]; 2],
            installed: [&[]; 2],
            revocations: [&[]; 2],
        }
    }

    /// What the clock shows. Evaluation uses the latest of this, the high-water mark and the issue dates of
    /// the verified artefacts.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// The user, if one was named.
    pub fn named_user(&self) -> Option<&'a str> {
        self.user
    }

    /// The latest instant that this machine has seen.
    pub fn high_water(self, mark: Timestamp) -> Self {
        Self {
            high_water: Some(mark),
            ..self
        }
    }

    /// This machine: its fingerprint, so that a few changed components do no harm.
    pub fn machine(self, machine: &'a Machine) -> Self {
        Self {
            machine: Some(machine),
            ..self
        }
    }

    /// The user.
    pub fn user(self, user: &'a str) -> Self {
        Self {
            user: Some(user),
            ..self
        }
    }

    /// The application's version.
    pub fn app_version(self, version: Version) -> Self {
        Self {
            app_version: Some(version),
            ..self
        }
    }

    /// When the application was built.
    pub fn build_date(self, date: Timestamp) -> Self {
        Self {
            build_date: Some(date),
            ..self
        }
    }

    /// What the application is used for; a development tool unless said otherwise.
    pub fn usage_type(self, usage_type: UsageType) -> Self {
        Self { usage_type, ..self }
    }

    /// The validation tokens at hand, besides those in the bundle that is evaluated. Those of other licenses and
    /// machines are passed over.
    pub fn validations(self, validations: &'a [Validation]) -> Self {
        let [_, of_bundle] = self.validations;
        Self {
            validations: [validations, of_bundle],
            ..self
        }
    }

    /// The licenses at hand, besides those in the bundle that is evaluated; any of them may replace the evaluated
    /// one once it has started.
    pub fn installed(self, installed: &'a [License]) -> Self {
        let [_, of_bundle] = self.installed;
        Self {
            installed: [installed, of_bundle],
            ..self
        }
    }

    /// The revocation lists at hand, besides those in the bundle that is evaluated. Of those of one signing key the newest counts; those of
    /// other products are passed over.
    pub fn revocations(self, revocations: &'a [RevocationList]) -> Self {
        let [_, of_bundle] = self.revocations;
        Self {
            revocations: [revocations, of_bundle],
            ..self
        }
    }

    /// The same with what lies beside the evaluated license in its bundle.
    pub(crate) fn in_bundle(
        self,
        licenses: &'a [License],
        validations: &'a [Validation],
        revocations: &'a [RevocationList],
    ) -> Self {
        let ([given, _], [at_hand, _]) = (self.validations, self.installed);
        let [lists, _] = self.revocations;
        Self {
            validations: [given, validations],
            installed: [at_hand, licenses],
            revocations: [lists, revocations],
            ..self
        }
    }

    pub(super) fn all_validations(&self) -> impl Iterator<Item = &'a Validation> + Clone {
        self.validations.into_iter().flatten()
    }

    pub(super) fn all_revocations(&self) -> impl Iterator<Item = &'a RevocationList> + Clone {
        self.revocations.into_iter().flatten()
    }

    pub(super) fn all_installed(&self) -> impl Iterator<Item = &'a License> + Clone {
        self.installed.into_iter().flatten()
    }
}
