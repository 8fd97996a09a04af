//! Input of an evaluation in addition to the license.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use semver::Version;

use super::artifacts::Artifacts;
use super::seat::SeatContext;
use crate::ids::Nonce;
use crate::key::LicenseId;
use crate::license::{Activation, License, RecordedRevocation, RevocationList, Validation};
use crate::machine::Machine;
use crate::policy::UsageType;
use crate::time::{self, TimeError};

/// Input of an evaluation in addition to the license.
///
/// The caller provides all values. Nothing is read from the system, so an evaluation can use any
/// date and any machine.
///
/// ```
/// use license_core::{Context, Version, time};
/// use license_core::policy::UsageType;
///
/// let context = Context::at(time::parse_instant("2027-03-01T12:00:00Z")?)
///     .user("alice")
///     .app_version(Version::new(2, 4, 0))
///     .usage_type(UsageType::Runtime);
/// # let _ = context;
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Context<'a> {
    clock: DateTime<Utc>,
    pub(super) high_water: Option<DateTime<Utc>>,
    pub(super) machine: Option<&'a Machine>,
    pub(super) user: Option<&'a str>,
    pub(super) app_version: Option<Version>,
    pub(super) build_date: Option<DateTime<Utc>>,
    /// Whether a version and a build date that are not set count as covered.
    pub(super) is_for_any_version: bool,
    pub(super) usage_type: UsageType,
    /// Whether the rules on the use of the license are skipped.
    pub(super) is_any_application: bool,
    /// The seat of the session that uses the license.
    pub(super) seat: SeatContext<'a>,
    /// Artifacts that the caller provides.
    pub(super) provided: Artifacts<'a>,
    /// Artifacts from the license file that is evaluated.
    pub(super) from_file: Artifacts<'a>,
}

impl<'a> Context<'a> {
    /// Creates a context in which the clock shows the time `clock`.
    ///
    /// Like all instants of a context, `clock` is [clamped](time::clamp) to whole seconds from 1970
    /// to 9999. A program that starts from the system clock can use `TryFrom<SystemTime>`:
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use license_core::{Context, time};
    ///
    /// let context = Context::try_from(SystemTime::now())?;
    /// # let _ = context;
    ///
    /// let now = time::parse_instant("2027-01-15T09:00:00Z")?;
    /// let context = Context::at(now);
    /// assert_eq!(context.clock(), now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(clock: DateTime<Utc>) -> Self {
        Self {
            clock: time::clamp(clock),
            high_water: None,
            machine: None,
            user: None,
            app_version: None,
            build_date: None,
            is_for_any_version: false,
            usage_type: UsageType::Builder,
            is_any_application: false,
            seat: SeatContext::default(),
            provided: Artifacts::EMPTY,
            from_file: Artifacts::EMPTY,
        }
    }

    /// Replaces the time of the clock, such as by the start of a license.
    ///
    /// ```
    /// use license_core::{Context, time};
    ///
    /// let start = time::parse_instant("2027-02-01")?;
    /// assert_eq!(Context::at(time::MIN).at_instant(start).clock(), start);
    /// # Ok::<(), license_core::time::TimeError>(())
    /// ```
    pub fn at_instant(mut self, clock: DateTime<Utc>) -> Self {
        self.clock = time::clamp(clock);
        self
    }

    /// Returns the time of the clock. Evaluation uses the latest of this time, the clock high-water
    /// mark, and the issue dates of the verified artifacts.
    pub fn clock(&self) -> DateTime<Utc> {
        self.clock
    }

    /// Returns the user, if one is set.
    ///
    /// ```
    /// use license_core::{Context, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// assert_eq!(Context::at(now).user("ann").named_user(), Some("ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named_user(&self) -> Option<&'a str> {
        self.user
    }

    /// Sets the clock high-water mark: the latest instant that this machine has seen.
    ///
    /// ```
    /// use license_core::{Context, Decision, FeatureMatrix, time};
    ///
    /// // The clock was set back after the machine had seen a later time.
    /// let now = time::parse_instant("2027-01-15")?;
    /// let later = time::parse_instant("2027-06-01")?;
    /// let context = Context::at(now).high_water(later);
    /// let decision = Decision::without_license(FeatureMatrix::built_in(), &context);
    /// assert_eq!(decision.evaluated_at(), later);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn high_water(mut self, mark: DateTime<Utc>) -> Self {
        self.high_water = Some(time::clamp(mark));
        self
    }

    /// Sets the machine. Its fingerprint tolerates a few changed components.
    ///
    /// ```
    /// use license_core::{Context, time};
    /// use license_core::machine::Machine;
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// // `license_client` finds the fingerprint of this machine.
    /// let machine: Machine = "fp1:id=0123456789abcdef01234567".parse()?;
    /// let context = Context::at(now).machine(&machine);
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(mut self, machine: &'a Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// Sets the user.
    ///
    /// ```
    /// use license_core::{Context, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let context = Context::at(now).user("ann");
    /// assert_eq!(context.named_user(), Some("ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn user(mut self, user: &'a str) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets the version of the application.
    ///
    /// ```
    /// use license_core::{Context, Version, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let version = Version::parse(env!("CARGO_PKG_VERSION"))?;
    /// let context = Context::at(now).app_version(version);
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn app_version(mut self, version: Version) -> Self {
        self.app_version = Some(version);
        self
    }

    /// Sets the build date of the application.
    ///
    /// ```
    /// use license_core::{Context, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// // Compile the date into the program, so that the customer cannot change it.
    /// let built_at = time::parse_instant("2026-12-01")?;
    /// let context = Context::at(now).build_date(built_at);
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build_date(mut self, date: DateTime<Utc>) -> Self {
        self.build_date = Some(time::clamp(date));
        self
    }

    /// Asks about the license, and not about one build of the application. A version or build date
    /// that is not set then counts as covered.
    ///
    /// This is for programs that report about a license, such as an installer. An application sets
    /// its version and build date instead, because otherwise every build would be covered. A value
    /// that is set is still checked, unlike with [`Context::any_application`].
    ///
    /// ```
    /// use license_core::{Context, time};
    ///
    /// let context = Context::at(time::parse_instant("2027-01-15")?).for_any_version();
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_any_version(self) -> Self {
        Self {
            is_for_any_version: true,
            ..self
        }
    }

    /// Sets the usage type. The default is [`UsageType::Builder`].
    ///
    /// ```
    /// use license_core::{Context, time};
    /// use license_core::policy::UsageType;
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let context = Context::at(now).usage_type(UsageType::Runtime);
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage_type(self, usage_type: UsageType) -> Self {
        Self { usage_type, ..self }
    }

    /// Skips the rules on the user, the usage type, the machine, the version and the build date,
    /// and on activation, check-in and seat, which can still follow. A deactivated license stays
    /// invalid.
    ///
    /// Use this to compare what licenses allow before an application uses them. Values that are set
    /// are not checked either, unlike with [`Context::for_any_version`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// # let now = license.not_before().ok_or("no start")?;
    /// use license_core::{Code, Context, FeatureMatrix};
    ///
    /// // The license may name users: it is valid for them.
    /// let context = Context::at(now).any_application();
    /// assert_eq!(license.evaluate(FeatureMatrix::built_in(), &context).code(), Code::Valid);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn any_application(self) -> Self {
        Self {
            is_any_application: true,
            ..self
        }
    }

    /// Adds validation tokens to those in the evaluated license file. Tokens for other licenses and
    /// machines are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// # let answer = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/validation.jwt"
    /// # ));
    /// use license_core::{Context, FeatureMatrix, Unverified, time};
    /// use license_core::evaluate::Rule;
    ///
    /// let now = time::parse_instant("2027-01-16")?;
    /// let validation = Unverified::parse(answer)?.verify_validation(&trust, &license)?;
    /// let validations = [validation];
    /// let context = Context::at(now).validations(&validations);
    /// let results = license.explain(FeatureMatrix::built_in(), &context);
    /// // Without a validation token, the status is not checked.
    /// let status = results.iter().find(|result| result.rule == Rule::Status);
    /// let status = status.ok_or("every rule has a result")?;
    /// assert_eq!(status.evidence.actual(), "status active as of 2027-01-15T09:00:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validations(mut self, validations: &'a [Validation]) -> Self {
        self.provided.validations = validations;
        self
    }

    /// Adds licenses to those in the evaluated license file. An added license that supersedes the
    /// evaluated license replaces it as soon as the added license has started.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// # let renewal = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/renewal.jwt"
    /// # ));
    /// use license_core::{Code, Context, FeatureMatrix, Unverified, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let renewal = Unverified::parse(renewal)?.verify(&trust)?;
    /// let installed = [renewal];
    /// let context = Context::at(now).installed(&installed);
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &context);
    /// assert_eq!(decision.code(), Code::Superseded);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn installed(mut self, installed: &'a [License]) -> Self {
        self.provided.licenses = installed;
        self
    }

    /// Adds revocation lists to those in the evaluated license file. Only the newest list of each
    /// signing key applies. Lists for other products are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// # let list = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-revocations.jwt"
    /// # ));
    /// use license_core::{Code, Context, FeatureMatrix, Unverified, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// let list = Unverified::parse(list)?.verify_revocations(&trust)?;
    /// let lists = [list];
    /// let context = Context::at(now).revocations(&lists);
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &context);
    /// assert_eq!(decision.code(), Code::Revoked);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revocations(mut self, revocations: &'a [RevocationList]) -> Self {
        self.provided.revocations = revocations;
        self
    }

    /// Adds activations to those in the evaluated license file. Activations of other licenses and
    /// machines are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, answer) = (fixture::trust()?, fixture::activation_token());
    /// use license_core::{Context, Unverified, time};
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// // The answer of the vendor to an activation request of this machine.
    /// let activation = Unverified::parse(answer)?.verify_activation(&trust)?;
    /// let activations = [activation];
    /// let context = Context::at(now).activations(&activations);
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn activations(mut self, activations: &'a [Activation]) -> Self {
        self.provided.activations = activations;
        self
    }

    /// Adds licenses that are deactivated on this machine, each with the nonce of its activation.
    ///
    /// These licenses and their successors are not valid on this machine until they are activated
    /// again.
    ///
    /// ```
    /// use license_core::{Context, LicenseId, time};
    /// use license_core::ids::Nonce;
    ///
    /// let now = time::parse_instant("2027-01-15")?;
    /// // Both values come from the receipt of the deactivation.
    /// let id = LicenseId::parse("01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01").ok_or("no license id")?;
    /// let nonce = Nonce::parse("000102030405060708090a0b0c0d0e0f").ok_or("no nonce")?;
    /// let deactivated = [(id, nonce)];
    /// let context = Context::at(now).deactivated(&deactivated);
    /// # let _ = context;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deactivated(mut self, deactivated: &'a [(LicenseId, Nonce)]) -> Self {
        self.provided.deactivated = deactivated;
        self
    }

    /// Sets the revocations that this machine has recorded. Each applies until a list of the same
    /// key is given whose number is not lower.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (list, license) = (fixture::list()?, fixture::license()?);
    /// use license_core::license::RecordedRevocation;
    /// use license_core::{Code, Context, FeatureMatrix};
    ///
    /// let recorded = [RecordedRevocation::new(&list, license.id()).ok_or("not revoked")?];
    /// let context = Context::at(list.issued_at()).recorded_revocations(&recorded);
    /// assert_eq!(license.evaluate(FeatureMatrix::built_in(), &context).code(), Code::Revoked);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recorded_revocations(mut self, recorded: &'a [RecordedRevocation]) -> Self {
        self.provided.recorded = recorded;
        self
    }
}

/// Creates a context in which the clock shows the time `now`. An instant before 1970 or after 9999
/// is an error.
impl TryFrom<SystemTime> for Context<'_> {
    type Error = TimeError;

    fn try_from(now: SystemTime) -> Result<Self, TimeError> {
        time::from_system_time(now).map(Self::at)
    }
}
