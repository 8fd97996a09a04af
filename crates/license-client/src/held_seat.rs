//! Seats that count in evaluations: those that other processes have stored in `seats.json`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::LeaseMode;
use license_core::license::Lease;
use license_core::session::SessionId;
use license_core::{Context, License, ProductCode, Unverified, VerifiedLicenses, time};

use crate::boot_time::BootTime;
use crate::manager::LicenseManager;
use crate::returned_seats::is_returned;
use crate::seat_file::{self, SeatEntry, SeatOrigin};
use crate::session::Session;

/// How far the clock of this machine may be past the dates of a lease whose end is known by the
/// boot-time clock. Other artifacts of a license server may be dated as far ahead.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::days(1);

/// Returns the environment variable with the session of the seat that a process holds for its child
/// processes, such as `CODITECT_LICENSE_SEAT`. `license run` sets it.
///
/// ```
/// use license_client::{ProductCode, seat_variable};
///
/// assert_eq!(seat_variable(ProductCode::parse("CODITECT")?), "CODITECT_LICENSE_SEAT");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn seat_variable(product: ProductCode) -> String {
    format!("{product}_LICENSE_SEAT")
}

/// The value of the variable [`seat_variable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandedOver {
    /// The variable is not set.
    Nothing,
    Session(SessionId),
    /// The value is not a session id. It names no seat.
    Malformed,
}

impl HandedOver {
    /// Reads the variable of a product. An empty value counts as unset.
    pub(crate) fn read(product: ProductCode) -> Self {
        match std::env::var_os(seat_variable(product)).filter(|value| !value.is_empty()) {
            None => Self::Nothing,
            Some(value) => {
                let session = value.to_str().and_then(|text| text.parse().ok());
                session.map_or(Self::Malformed, Self::Session)
            }
        }
    }
}

/// A floating seat that counts in evaluations now.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # use license_client::{FeatureMatrix, StateDir};
/// # let dir = StateDir::at(scratch.path().join("state"));
/// # let manager = license_client::LicenseManager::at(FeatureMatrix::built_in().product(), dir);
/// use std::path::Path;
///
/// use license_client::{Context, Moment};
///
/// let matrix = FeatureMatrix::built_in();
/// let snapshot = manager.snapshot(None, matrix, Moment::Now);
/// if let Some(installed) = snapshot.installed() {
///     let verified = installed.verified();
///     let seat = manager.held_seat(verified, None, Path::new("."));
///     let context = Context::at(license_client::now());
///     let context = match &seat {
///         Some(seat) => seat.add_to(context),
///         None => context,
///     };
///     println!("{}", verified.evaluate(matrix, &context).code());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeldSeat {
    lease: Arc<Lease>,
    /// The end by the clock of this machine. Without it, the dates of the lease count.
    until: Option<DateTime<Utc>>,
    origin: SeatOrigin,
}

impl HeldSeat {
    /// Creates a seat whose lease lasts for this time from now on.
    #[cfg(feature = "online")]
    pub(crate) fn lasting(lease: Lease, left: Duration, now: DateTime<Utc>) -> Self {
        Self {
            lease: Arc::new(lease),
            until: Some(after(now, left)),
            origin: SeatOrigin::Run,
        }
    }

    /// Adds the lease to a context.
    pub fn add_to<'a>(&'a self, context: Context<'a>) -> Context<'a> {
        match self.until {
            Some(until) => context.lease_until(&self.lease, until),
            None => context.lease(&self.lease),
        }
    }

    /// Returns the lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns the session that holds the seat.
    pub fn session(&self) -> SessionId {
        self.lease.session()
    }

    /// Returns the end of the lease by the clock of this machine.
    pub fn until(&self) -> DateTime<Utc> {
        self.until.unwrap_or_else(|| self.lease.expires_at())
    }

    /// Returns how the seat came into the file `seats.json`.
    pub fn origin(&self) -> SeatOrigin {
        self.origin
    }
}

/// A stored seat whose lease is verified.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedSeat {
    pub(crate) lease: Arc<Lease>,
    /// The end by the boot-time clock. Without it, the dates of the lease count.
    ends: Option<BootTime>,
    origin: SeatOrigin,
}

impl VerifiedSeat {
    /// Returns the seat as of now, by the clock of this machine.
    pub(crate) fn held(&self, now: DateTime<Utc>) -> HeldSeat {
        let until = self.ends.map(|ends| {
            let clock = BootTime::now();
            match ends.since(clock) {
                Duration::ZERO => time::saturating_sub(now, delta(clock.since(ends))),
                left => after(now, left),
            }
        });
        HeldSeat {
            lease: Arc::clone(&self.lease),
            until,
            origin: self.origin,
        }
    }
}

impl LicenseManager {
    /// Returns the stored seat that counts for this process: that of the session in the variable
    /// [`seat_variable`], or else that of the project that contains `project`, for this user.
    ///
    /// Returns `None` if no license requires a seat, or if no stored lease verifies. The lease may
    /// have ended, which the evaluation then states. The file with the seats is not trusted: the
    /// server must have signed the lease, and its end is at most one lifetime ahead.
    ///
    /// A client counts the seat in the variable itself.
    pub fn held_seat(
        &self,
        verified: &VerifiedLicenses,
        user: Option<&str>,
        project: &Path,
    ) -> Option<HeldSeat> {
        let licenses = floating(verified);
        if licenses.is_empty() {
            return None;
        }
        let now = self.clock().now();
        match HandedOver::read(self.product()) {
            HandedOver::Session(session) => Some(self.verified_seat(&licenses, session)?.held(now)),
            HandedOver::Malformed => None,
            HandedOver::Nothing => {
                let ids = licenses
                    .iter()
                    .flat_map(|license| std::iter::once(license.id()).chain(license.supersedes()));
                let sessions =
                    ids.map_while(|id| Session::find(self, Some(id), user, project).ok());
                let seats = sessions.filter_map(|found| self.verified_seat(&licenses, found.id()));
                let seats = seats.map(|seat| seat.held(now));
                seats.max_by_key(HeldSeat::until)
            }
        }
    }

    /// Returns the stored seat of a session with the latest end, if its lease verifies.
    pub(crate) fn verified_seat(
        &self,
        licenses: &[&License],
        session: SessionId,
    ) -> Option<VerifiedSeat> {
        let store = self.readable_paths().user();
        let entries = seat_file::of_session(store, session).ok()?;
        let boot = self.clock().boot().map(|boot| boot.id);
        let now = self.clock().now();
        let seats = entries.iter().filter_map(|entry| {
            let lease = verify(entry, licenses, session)?;
            let ends = match &entry.ends {
                Some(ends) => Some(check_end(&lease, ends.of_boot(boot)?, now)?),
                None => None,
            };
            let has_returned = lease.mode() == LeaseMode::Borrowed
                && is_returned(store, self.seal(), lease.commitment());
            (!has_returned).then_some(VerifiedSeat {
                lease: Arc::new(lease),
                ends,
                origin: entry.stored_by,
            })
        });
        seats.max_by_key(|seat| seat.held(now).until())
    }
}

/// Returns the licenses that require a seat.
pub(crate) fn floating(verified: &VerifiedLicenses) -> Vec<&License> {
    let licenses = verified.licenses().iter();
    licenses.filter(|license| license.requires_seat()).collect()
}

/// Verifies the lease of an entry with the keys of the servers that the licenses name.
fn verify(entry: &SeatEntry, licenses: &[&License], session: SessionId) -> Option<Lease> {
    let token = Unverified::parse(&entry.lease).ok()?;
    let mut licenses = licenses.iter();
    let lease = licenses.find_map(|license| license.verify_lease(&token).ok())?;
    (lease.session() == session).then_some(lease)
}

/// Returns the end of a lease by the boot-time clock, unless the file states an end that the lease
/// cannot have: more than its lifetime ahead, or more than a day after its dates.
fn check_end(lease: &Lease, ends: BootTime, now: DateTime<Utc>) -> Option<BootTime> {
    let lifetime = lease.lifetime().to_std().unwrap_or(Duration::ZERO);
    let is_near = ends.since(BootTime::now()) <= lifetime;
    let latest = time::saturating_add(lease.expires_at(), CLOCK_TOLERANCE);
    (is_near && now <= latest).then_some(ends)
}

/// Returns an instant after another one, in whole seconds, rounded up.
fn after(now: DateTime<Utc>, left: Duration) -> DateTime<Utc> {
    let up = u64::from(left.subsec_nanos() > 0);
    time::saturating_add(now, delta(Duration::from_secs(left.as_secs() + up)))
}

/// Returns a length of time in whole seconds, rounded down.
fn delta(span: Duration) -> TimeDelta {
    let seconds = i64::try_from(span.as_secs()).ok();
    let delta = seconds.and_then(TimeDelta::try_seconds);
    delta.unwrap_or(TimeDelta::MAX)
}
