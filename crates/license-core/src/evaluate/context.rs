//! Everything that varies from one evaluation to the next.

use semver::Version;

use crate::ids::Nonce;
use crate::key::LicenseId;
use crate::license::{Activation, License, RevocationList, Validation};
use crate::machine::Machine;
use crate::policy::UsageType;
use crate::time::Timestamp;

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
    given: AtHand<'a>,
    of_bundle: AtHand<'a>,
}

/// Verified artefacts beside the license that is evaluated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AtHand<'a> {
    pub(super) licenses: &'a [License],
    pub(super) validations: &'a [Validation],
    pub(super) revocations: &'a [RevocationList],
    pub(super) activations: &'a [Activation],
    /// What this machine has given up.
    pub(super) given_up: &'a [(LicenseId, Nonce)],
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
            given: AtHand::NOTHING,
            of_bundle: AtHand::NOTHING,
        }
    }

    /// The same at another instant.
    pub(super) fn at_instant(self, clock: Timestamp) -> Self {
        Self { clock, ..self }
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
    pub fn high_water(mut self, mark: Timestamp) -> Self {
        self.high_water = Some(mark);
        self
    }

    /// This machine: its fingerprint, so that a few changed components do no harm.
    pub fn machine(mut self, machine: &'a Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// The user.
    pub fn user(mut self, user: &'a str) -> Self {
        self.user = Some(user);
        self
    }

    /// The application's version.
    pub fn app_version(mut self, version: Version) -> Self {
        self.app_version = Some(version);
        self
    }

    /// When the application was built.
    pub fn build_date(mut self, date: Timestamp) -> Self {
        self.build_date = Some(date);
        self
    }

    /// What the application is used for; a development tool unless said otherwise.
    pub fn usage_type(self, usage_type: UsageType) -> Self {
        Self { usage_type, ..self }
    }

    /// The validation tokens at hand, besides those in the bundle that is evaluated. Those of other licenses and
    /// machines are passed over.
    pub fn validations(mut self, validations: &'a [Validation]) -> Self {
        self.given.validations = validations;
        self
    }

    /// The licenses at hand, besides those in the bundle that is evaluated; any of them may replace the evaluated
    /// one once it has started.
    pub fn installed(mut self, installed: &'a [License]) -> Self {
        self.given.licenses = installed;
        self
    }

    /// The revocation lists at hand, besides those in the bundle that is evaluated. Of those of one signing key the newest counts; those of
    /// other products are passed over.
    pub fn revocations(mut self, revocations: &'a [RevocationList]) -> Self {
        self.given.revocations = revocations;
        self
    }

    /// The activations at hand, besides those in the bundle that is evaluated. Those of other licenses and machines are passed over.
    pub fn activations(mut self, activations: &'a [Activation]) -> Self {
        self.given.activations = activations;
        self
    }

    /// What this machine has given up: licenses, each by the nonce of its activation. They hold here no longer, and neither does what takes
    /// their place, until they are activated anew.
    pub fn deactivated(mut self, given_up: &'a [(LicenseId, Nonce)]) -> Self {
        self.given.given_up = given_up;
        self
    }

    /// The same with what lies beside the evaluated license in its bundle.
    pub(super) fn in_bundle(self, of_bundle: AtHand<'a>) -> Self {
        Self { of_bundle, ..self }
    }

    pub(super) fn all_validations(&self) -> impl Iterator<Item = &'a Validation> + Clone {
        self.each(|at_hand| at_hand.validations)
    }

    pub(super) fn all_revocations(&self) -> impl Iterator<Item = &'a RevocationList> + Clone {
        self.each(|at_hand| at_hand.revocations)
    }

    pub(super) fn all_installed(&self) -> impl Iterator<Item = &'a License> + Clone {
        self.each(|at_hand| at_hand.licenses)
    }

    pub(super) fn all_activations(&self) -> impl Iterator<Item = &'a Activation> + Clone {
        self.each(|at_hand| at_hand.activations)
    }

    pub(super) fn all_given_up(&self) -> impl Iterator<Item = &'a (LicenseId, Nonce)> + Clone {
        self.each(|at_hand| at_hand.given_up)
    }

    /// The caller's, then those of the bundle that is evaluated.
    fn each<T: 'a>(&self, of: fn(&AtHand<'a>) -> &'a [T]) -> impl Iterator<Item = &'a T> + Clone {
        of(&self.given).iter().chain(of(&self.of_bundle))
    }
}

impl AtHand<'_> {
    const NOTHING: Self = Self {
        licenses: &[],
        validations: &[],
        revocations: &[],
        activations: &[],
        given_up: &[],
    };
}
