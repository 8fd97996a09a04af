//! The seat rule: a license that requires a floating seat is valid only with a lease.

use chrono::{DateTime, Utc};

use super::rules::{Evaluation, OptionalResult, require};
use super::{Context, Evidence, machine};
use crate::code::Code;
use crate::encoding::value::named_value;
use crate::license::{Lease, License};
use crate::session::SessionId;
use crate::time::rfc3339;

/// The seat of the session that uses the license.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SeatContext<'a> {
    lease: Option<&'a Lease>,
    /// The end of the lease by the clock of the context. Without it, the end in the lease counts.
    until: Option<DateTime<Utc>>,
    session: Option<SessionId>,
    /// Whether a seat is assumed, because the evaluation is about a later time.
    is_assumed: bool,
}

/// The reason why a lease gives no seat.
///
/// ```
/// use license_core::evaluate::SeatProblem;
///
/// assert_eq!(SeatProblem::NoLease.as_str(), "no_lease");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeatProblem {
    /// There is no lease.
    NoLease,
    /// The lease is of another license, or another license server has signed it.
    OtherLicense,
    /// The lease is for another machine, or this machine is not known.
    OtherMachine,
    /// The lease is for another session.
    OtherSession,
    /// The lease has ended.
    Ended,
}

impl SeatProblem {
    /// Returns the name in JSON.
    ///
    /// ```
    /// use license_core::evaluate::SeatProblem;
    ///
    /// assert_eq!(SeatProblem::OtherMachine.as_str(), "other_machine");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoLease => "no_lease",
            Self::OtherLicense => "other_license",
            Self::OtherMachine => "other_machine",
            Self::OtherSession => "other_session",
            Self::Ended => "ended",
        }
    }

    /// Describes the lease of a session, and the reason why the lease gives no seat.
    pub(super) fn describe(
        problem: Option<Self>,
        machine: Option<&str>,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> String {
        let until = until.map_or_else(String::new, |until| rfc3339(until).to_string());
        match (problem, machine) {
            (None, _) => format!("a lease until {until}"),
            (Some(Self::NoLease), _) => "no lease".to_owned(),
            (Some(Self::OtherLicense), _) => {
                "a lease of another license or license server".to_owned()
            }
            (Some(Self::OtherMachine), Some(machine)) => {
                format!("a lease for another machine; this machine is {machine}")
            }
            (Some(Self::OtherMachine), None) => {
                "a lease, and no fingerprint of this machine".to_owned()
            }
            (Some(Self::OtherSession), _) => "a lease for another session".to_owned(),
            (Some(Self::Ended), _) => {
                format!("a lease that ended at {until}, now {}", rfc3339(now))
            }
        }
    }
}

named_value!(
    SeatProblem,
    "problem",
    "`no_lease`, `other_license`, `other_machine`, `other_session` or `ended`",
    [NoLease, OtherLicense, OtherMachine, OtherSession, Ended]
);

impl<'a> Context<'a> {
    /// Sets the lease of the session. A license that [requires a seat](License::requires_seat) is
    /// denied without one.
    ///
    /// The lease counts if it is of this license or of a license that it replaces, if it is for the
    /// machine of the context and, if the caller states one, for the [session](Self::session), and
    /// if it has not ended. Its end is compared with the instant of the evaluation, so that a clock
    /// that was set back gains nothing. A program that measures the lifetime of its lease uses
    /// [`lease_until`](Self::lease_until) instead.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, lease) = (fixture::floating_license()?, fixture::lease()?);
    /// use license_core::{Code, Context, FeatureMatrix};
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let context = Context::at(lease.issued_at()).machine(lease.machine());
    /// assert_eq!(license.evaluate(matrix, &context).code(), Code::SeatRequired);
    /// let context = context.lease(&lease);
    /// assert_eq!(license.evaluate(matrix, &context).code(), Code::Valid);
    /// let context = context.at_instant(lease.expires_at());
    /// assert_eq!(license.evaluate(matrix, &context).code(), Code::SeatRequired);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease(mut self, lease: &'a Lease) -> Self {
        (self.seat.lease, self.seat.until) = (Some(lease), None);
        self
    }

    /// Sets the lease of the session, as [`lease`](Self::lease) does, with its end by the clock of
    /// the context.
    ///
    /// The dates in a lease come from the clock of the license server, which can differ from that
    /// of this machine. A program therefore measures the lifetime of its lease from the moment at
    /// which it sent the request. It passes the lease only while it is valid, with the instant at
    /// which its own clock will show the end.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, lease) = (fixture::floating_license()?, fixture::lease()?);
    /// use license_core::{Code, Context, FeatureMatrix, time};
    ///
    /// // The clock of this machine is a month ahead of that of the license server.
    /// let sent_at = time::parse_instant("2027-02-15")?;
    /// let context = Context::at(sent_at).machine(lease.machine());
    /// let context = context.lease_until(&lease, sent_at + lease.lifetime());
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &context);
    /// assert_eq!(decision.code(), Code::Valid);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease_until(mut self, lease: &'a Lease, until: DateTime<Utc>) -> Self {
        (self.seat.lease, self.seat.until) = (Some(lease), Some(until));
        self
    }

    /// Returns whether a lease is set.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// use license_core::Context;
    ///
    /// let context = Context::at(lease.issued_at());
    /// assert!(!context.has_lease());
    /// assert!(context.lease(&lease).has_lease());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn has_lease(&self) -> bool {
        self.seat.lease.is_some()
    }

    /// Sets the session that must hold the seat. Without it, a lease for any session counts.
    ///
    /// A session id contains the id of a license, which is the [license of the
    /// lease](Lease::license_id).
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, lease) = (fixture::floating_license()?, fixture::lease()?);
    /// use license_core::session::SessionId;
    /// use license_core::{Code, Context, FeatureMatrix};
    ///
    /// let (id, machine) = (lease.license_id(), lease.machine());
    /// let session = SessionId::new(Some(id), machine.digest(), "bob", b"/home/bob/project");
    /// let context = Context::at(lease.issued_at()).machine(machine).lease(&lease);
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &context.session(session));
    /// assert_eq!(decision.code(), Code::SeatRequired, "another session holds the seat");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(mut self, session: SessionId) -> Self {
        self.seat.session = Some(session);
        self
    }

    /// Skips the seat rule, for an instant in the future.
    pub(super) fn assuming_seat(mut self) -> Self {
        self.seat.is_assumed = true;
        self
    }
}

/// Checks that the session holds a seat, if the license requires one.
pub(super) fn check(evaluation: &Evaluation<'_>) -> OptionalResult {
    let (license, context) = (evaluation.license, evaluation.context);
    let seat = context.seat;
    if !license.requires_seat() || context.is_any_application || seat.is_assumed {
        return None;
    }
    // A lease whose lifetime the caller measures does not depend on the clock high-water mark.
    let now = seat.until.map_or(evaluation.now, |_| context.clock());
    let until = seat.until.or(seat.lease.map(Lease::expires_at));
    let problem = match seat.lease {
        None => Some(SeatProblem::NoLease),
        Some(lease) => problem(lease, license, context).or_else(|| {
            let has_ended = until.is_some_and(|until| until <= now);
            has_ended.then_some(SeatProblem::Ended)
        }),
    };
    let evidence = Evidence::Seat {
        problem,
        machine: context.machine.cloned(),
        until,
        now,
    };
    require(problem.is_none(), Code::SeatRequired, evidence)
}

/// Returns the reason why a lease gives no seat, apart from its end.
fn problem(lease: &Lease, license: &License, context: &Context<'_>) -> Option<SeatProblem> {
    let is_of_license = machine::covers(license, lease.license_id())
        && lease.product() == license.product()
        && (license.confirmation_key()).is_some_and(|server| lease.is_signed_by(server));
    let is_for_machine = || (context.machine).is_some_and(|here| lease.machine().matches(here));
    let is_for_session = || (context.seat.session).is_none_or(|session| lease.session() == session);
    if !is_of_license {
        Some(SeatProblem::OtherLicense)
    } else if !is_for_machine() {
        Some(SeatProblem::OtherMachine)
    } else if !is_for_session() {
        Some(SeatProblem::OtherSession)
    } else {
        None
    }
}
