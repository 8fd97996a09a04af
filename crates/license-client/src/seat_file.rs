//! The file `seats.json`: the seats that other processes may count, renew or release.

use license_core::encoding::from_strict_json;
#[cfg(feature = "online")]
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::boot_time::BootInstant;
use crate::state_dir::StateFile;
#[cfg(feature = "online")]
use crate::store::StoreLock;
use crate::store::{Store, StoreError};
use crate::value::named_value;

/// The maximum size of the file in bytes. An entry has about 2 KB.
const MAX_FILE: usize = 1024 * 1024;

/// The number of seats in the file. The oldest ones, whose leases have ended long ago, make room.
#[cfg(feature = "online")]
const MAX_SEATS: usize = 256;

/// How a seat came into the file `seats.json`. The text form is the name of the command.
///
/// ```
/// use license_client::SeatOrigin;
///
/// assert_eq!(SeatOrigin::Borrow.as_str(), "borrow");
/// assert_eq!("run".parse(), Ok(SeatOrigin::Run));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeatOrigin {
    /// A process holds and renews the seat, such as `license run`.
    Run,
    /// `license seat acquire` took the seat for one lease. No process renews it.
    Acquire,
    /// `license seat borrow` took the seat off the network.
    Borrow,
}

impl SeatOrigin {
    /// Returns the origin with this name.
    ///
    /// ```
    /// use license_client::SeatOrigin;
    ///
    /// assert_eq!(SeatOrigin::parse("acquire"), Some(SeatOrigin::Acquire));
    /// assert_eq!(SeatOrigin::parse("lend"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = [Self::Run, Self::Acquire, Self::Borrow].into_iter();
        all.find(|origin| origin.as_str() == name)
    }

    /// Returns the name.
    ///
    /// ```
    /// use license_client::SeatOrigin;
    ///
    /// assert_eq!(SeatOrigin::Run.as_str(), "run");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Acquire => "acquire",
            Self::Borrow => "borrow",
        }
    }
}

named_value!(SeatOrigin, "`run`, `acquire` or `borrow`");

/// A seat in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeatEntry {
    pub(crate) session: String,
    pub(crate) stored_by: SeatOrigin,
    /// The lease token.
    pub(crate) lease: String,
    /// The end of the lease by the boot-time clock. Without it, the dates of the lease count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<BootInstant>,
    /// The URL of the server that granted the seat.
    pub(crate) server: String,
    /// The process that acquired the seat, as the server knows it.
    pub(crate) instance: String,
    /// The fencing number of the lease.
    pub(crate) seq: u64,
    /// The secret that releases the seat, in hexadecimal.
    pub(crate) secret: String,
}

/// The content of the file.
#[derive(Default, Serialize, Deserialize)]
struct SeatList {
    /// In the order in which they were stored.
    seats: Vec<SeatEntry>,
}

#[cfg(feature = "online")]
impl SeatEntry {
    /// Returns the secret. Returns `None` if the file was damaged.
    pub(crate) fn secret(&self) -> Option<ActivationSecret> {
        ActivationSecret::parse(&self.secret)
    }

    /// Returns whether this entry takes the place of another one: that of the same process, or the
    /// one that no process renews.
    fn replaces(&self, other: &Self) -> bool {
        let is_renewed = |entry: &Self| entry.stored_by == SeatOrigin::Run;
        let is_same_kind =
            self.instance == other.instance || !(is_renewed(self) || is_renewed(other));
        self.session == other.session && is_same_kind
    }
}

impl Drop for SeatEntry {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.secret)));
    }
}

/// Returns the seats of a session.
pub(crate) fn of_session(store: &Store, session: SessionId) -> Result<Vec<SeatEntry>, StoreError> {
    let session = session.to_string();
    let mut seats = read(store)?.seats;
    seats.retain(|entry| entry.session == session);
    Ok(seats)
}

/// Returns the seat of a session that no process renews.
#[cfg(feature = "online")]
pub(crate) fn unrenewed(
    store: &Store,
    session: SessionId,
) -> Result<Option<SeatEntry>, StoreError> {
    let mut seats = of_session(store, session)?.into_iter();
    Ok(seats.find(|entry| entry.stored_by != SeatOrigin::Run))
}

/// Adds a seat, or replaces the one whose place it takes.
#[cfg(feature = "online")]
pub(crate) fn put(lock: &StoreLock, store: &Store, entry: SeatEntry) -> Result<(), StoreError> {
    let mut list = read(store)?;
    list.seats.retain(|other| !entry.replaces(other));
    let excess = (list.seats.len() + 1).saturating_sub(MAX_SEATS);
    list.seats.drain(..excess);
    list.seats.push(entry);
    write(lock, &list)
}

/// Removes a seat, unless another process has replaced it.
#[cfg(feature = "online")]
pub(crate) fn remove(lock: &StoreLock, store: &Store, entry: &SeatEntry) -> Result<(), StoreError> {
    let mut list = read(store)?;
    list.seats.retain(|other| other != entry);
    if list.seats.is_empty() {
        lock.remove(StateFile::Seats)?;
        return Ok(());
    }
    write(lock, &list)
}

/// Reads the file. A damaged file counts as empty: its seats end with their leases.
fn read(store: &Store) -> Result<SeatList, StoreError> {
    let bytes = store.read(StateFile::Seats, MAX_FILE)?.map(Zeroizing::new);
    let list = bytes.and_then(|bytes| from_strict_json(&bytes).ok());
    Ok(list.unwrap_or_default())
}

#[cfg(feature = "online")]
fn write(lock: &StoreLock, list: &SeatList) -> Result<(), StoreError> {
    // The structs have no maps, so that the conversion does not fail.
    let bytes = Zeroizing::new(serde_json::to_vec_pretty(list).unwrap_or_default());
    lock.write(StateFile::Seats, &bytes)
}

#[cfg(test)]
#[cfg(feature = "online")]
mod tests;
