//! Seats that no process renews: a shell acquires, renews and releases them in separate processes.

mod requests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use license_core::license::Lease;
use license_core::session::{ProjectRoot, SessionId};

use super::error::OnlineError;
use super::grant::Grant;
use crate::boot_time::BootTime;
use crate::seat_file::SeatOrigin;

/// A floating seat that no process renews. It ends with its lease.
///
/// The secret that releases the seat is in the file `seats.json` of the state directory, which only
/// its user can read. Programs that run for longer than a lease use [`Seat`](super::Seat).
///
/// ```no_run
/// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
/// #     Err("only compiled".into())
/// # }
/// let client = client()?;
/// let seat = client.seat(".")?.store()?;
/// println!("valid for {} s", seat.expires_in().as_secs());
/// // Later, also in another process:
/// client.seat(".")?.release_stored()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoredSeat {
    server: String,
    root: ProjectRoot,
    origin: SeatOrigin,
    grant: Grant,
    /// Why no server was asked about a borrowed seat.
    pub(super) unconfirmed: Option<Arc<OnlineError>>,
}

impl fmt::Debug for StoredSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSeat")
            .field("session", &self.session())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl StoredSeat {
    /// Returns how long the lease is valid without a renewal, or zero if it has ended.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("valid for {} s", seat.expires_in().as_secs());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(&self) -> Duration {
        self.grant.valid_until.since(BootTime::now())
    }

    /// Returns how the seat was stored: for one lease, or borrowed.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// use license_client::SeatOrigin;
    ///
    /// let seat = seat()?;
    /// if seat.origin() == SeatOrigin::Borrow {
    ///     println!("works without the network until {}", seat.lease().expires_at());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn origin(&self) -> SeatOrigin {
        self.origin
    }

    /// Returns the session that holds the seat.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("seat of {}", seat.session());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&self) -> SessionId {
        self.grant.lease.session()
    }

    /// Returns the root of the project.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("seat of {}", seat.root().path().display());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root(&self) -> &ProjectRoot {
        &self.root
    }

    /// Returns the URL of the server that granted the seat.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("granted by {}", seat.server());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns the lease, which proves the seat to others.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// println!("{}", seat.lease().as_str());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lease(&self) -> &Lease {
        &self.grant.lease
    }

    /// Returns whether the seat exceeds the seats of the license, as its overage policy allows.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if seat.is_overage() {
    ///     eprintln!("all seats are held; this one exceeds the license");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_overage(&self) -> bool {
        self.grant.is_overage
    }

    /// Returns why no license server confirmed a borrowed seat, if none was reached. The seat then
    /// counts until the end that its lease states.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if let Some(error) = seat.unconfirmed() {
    ///     eprintln!("the loan may have been ended at the server: {error}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unconfirmed(&self) -> Option<&OnlineError> {
        self.unconfirmed.as_deref()
    }

    /// Returns the reason of an administrator why the lease cannot be renewed, if there is one.
    ///
    /// ```no_run
    /// # fn seat() -> Result<license_client::StoredSeat, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let seat = seat()?;
    /// if let Some(reason) = seat.end_reason() {
    ///     eprintln!("an administrator ended the lease: {reason}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end_reason(&self) -> Option<&str> {
        self.grant.soft_end.as_deref()
    }
}
