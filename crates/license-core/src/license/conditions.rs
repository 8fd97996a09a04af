//! The conditions of a license: when, where, by whom and for what it can be used.

use chrono::{DateTime, Utc};
use semver::VersionReq;

use super::License;
use crate::machine::Machine;
use crate::policy::{CheckIn, Renewal, UsageType};
use crate::time;

impl License {
    /// Returns the first instant at which the license is valid, or `None` for an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.not_before(), license.issued_at());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn not_before(&self) -> Option<DateTime<Utc>> {
        self.claims().valid_from()
    }

    /// Returns the first instant at which the license is no longer valid, or `None` for a perpetual
    /// license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// match license.expires_at() {
    ///     Some(end) => println!("the license ends at {end}"),
    ///     None => println!("the license is perpetual"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.claims().expires_at
    }

    /// Returns the first instant at which the license and its renewal grace period have ended, or
    /// `None` for a perpetual license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let (expires_at, ends_at) = (license.expires_at(), license.ends_at());
    /// assert_eq!(ends_at.zip(expires_at).map(|(end, exp)| (end - exp).num_hours()), Some(72));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ends_at(&self) -> Option<DateTime<Utc>> {
        let grace = self.renewal().unwrap_or_default().grace();
        let end = self.expires_at()?;
        Some(time::saturating_add(end, grace))
    }

    /// Returns the number of named or concurrent users, if the license states it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::enterprise()?;
    /// assert_eq!(license.seats(), Some(100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seats(&self) -> Option<u64> {
        self.claims().seats
    }

    /// Returns the number of machines that may be activated, if the license states it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.devices(), None, "the license states no number of machines");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn devices(&self) -> Option<u64> {
        self.claims().devices
    }

    /// Returns whether the license must be activated on each machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(!license.must_activate());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn must_activate(&self) -> bool {
        self.claims().must_activate
    }

    /// Returns whether the license is valid only for a session that holds a floating seat. See
    /// `Context::lease`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license_with_server()?;
    /// // The license names a license server. Its seats are not required.
    /// assert!(!license.requires_seat());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn requires_seat(&self) -> bool {
        self.claims().requires_seat
    }

    /// Returns the permitted kind of use, or `None` if every kind is permitted.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.usage_type(), None, "every kind of use is permitted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage_type(&self) -> Option<UsageType> {
        self.claims().usage_type
    }

    /// Returns the check-in terms, or `None` if check-ins are never required.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// if let Some(check_in) = license.check_in() {
    ///     println!("a check-in is due every {} hours", check_in.every().num_hours());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_in(&self) -> Option<CheckIn> {
        self.claims().check_in
    }

    /// Returns the notice period before expiry and the grace period after it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let renewal = license.renewal().ok_or("no renewal terms")?;
    /// assert_eq!((renewal.notify().num_days(), renewal.grace().num_hours()), (14, 72));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renewal(&self) -> Option<Renewal> {
        self.claims().renewal
    }

    /// Returns the latest build date that is covered, or `None` if every build is covered.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.maintenance_until(), None, "every build is covered");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn maintenance_until(&self) -> Option<DateTime<Utc>> {
        self.claims().maintenance_until
    }

    /// Returns the requirement that the version of the application must meet, such as `<3.0.0`, or
    /// `None` if every version is covered.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let version = license_core::Version::new(2, 4, 0);
    /// assert!(license.max_version().is_none_or(|required| required.matches(&version)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_version(&self) -> Option<&VersionReq> {
        self.claims().max_version.as_ref()
    }

    /// Returns the machines to which the license is locked, or `None` if it permits every machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.machines(), None, "every machine is permitted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machines(&self) -> Option<&[Machine]> {
        let machines = self.claims().machines.as_slice();
        (!machines.is_empty()).then_some(machines)
    }

    /// Returns the named users, or `None` if the license permits every user.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// match license.users() {
    ///     Some(users) => println!("{} named users", users.len()),
    ///     None => println!("every user"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn users(&self) -> Option<impl ExactSizeIterator<Item = &str>> {
        let users = self.shared_users()?;
        Some(users.iter().map(AsRef::as_ref))
    }
}
