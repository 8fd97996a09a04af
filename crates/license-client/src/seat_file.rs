//! The file `seats.json`: the seats that other processes may count, renew or release.

#[cfg(feature = "online")]
use base64::Engine;
#[cfg(feature = "online")]
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::encoding::from_strict_json;
#[cfg(feature = "online")]
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::boot_time::BootInstant;
#[cfg(feature = "online")]
use crate::boot_time::BootTime;
#[cfg(feature = "online")]
use crate::clock;
use crate::state_dir::StateFile;
#[cfg(feature = "online")]
use crate::store::StoreLock;
use crate::store::{Store, StoreError};
use crate::value::named_value;

/// The maximum size of the file in bytes. An entry has about 2 KB.
const MAX_FILE: usize = 1024 * 1024;

/// The number of seats in the file. If there are more, those whose leases have ended make room
/// first, and then the oldest ones that are not borrowed.
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
        let is_same_kind = match (self.stored_by, other.stored_by) {
            (SeatOrigin::Run, _) | (_, SeatOrigin::Run) => false,
            // A returned loan stays, so that its receipt can be written again. A new loan of the
            // session replaces it on the server too.
            (SeatOrigin::Acquire, SeatOrigin::Borrow) => false,
            _ => true,
        };
        self.session == other.session && (self.instance == other.instance || is_same_kind)
    }

    /// Returns whether the lease has ended. A damaged lease has ended too.
    fn has_ended(&self, boot: Option<u128>) -> bool {
        match &self.ends {
            Some(ends) => {
                let end = ends.of_boot(boot);
                end.is_none_or(|end| end <= BootTime::now())
            }
            None => {
                let end = stated_end(&self.lease);
                end.is_none_or(|end| end <= clock::now().timestamp())
            }
        }
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

/// Adds a seat, or replaces the one whose place it takes. `boot` is the id of this boot.
#[cfg(feature = "online")]
pub(crate) fn put(
    lock: &StoreLock,
    store: &Store,
    boot: Option<u128>,
    entry: SeatEntry,
) -> Result<(), StoreError> {
    let mut list = read(store)?;
    list.seats.retain(|other| !entry.replaces(other));
    while list.seats.len() >= MAX_SEATS {
        let mut seats = list.seats.iter();
        let ended = seats.position(|seat| seat.has_ended(boot));
        let mut seats = list.seats.iter();
        let oldest = || seats.position(|seat| seat.stored_by != SeatOrigin::Borrow);
        let Some(position) = ended.or_else(oldest) else {
            let found = format!("expected at most {MAX_SEATS} borrowed seats, found more");
            return Err(StoreError::Unwritable {
                path: store.dir().file(StateFile::Seats),
                source: std::io::Error::other(found),
            });
        };
        list.seats.remove(position);
    }
    list.seats.push(entry);
    write(lock, &list)
}

/// Returns the end that a lease token states, in Unix seconds. The signature is not checked,
/// because the end only decides which entry makes room.
#[cfg(feature = "online")]
fn stated_end(token: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = from_strict_json(&payload).ok()?;
    Some(claims.exp)
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
