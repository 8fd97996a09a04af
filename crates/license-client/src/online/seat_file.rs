//! The file `seats.json`: the seats that no process renews, with the secrets that release them.

use license_core::encoding::from_strict_json;
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::OnlineError;
use crate::state_dir::StateFile;
use crate::store::{Store, StoreLock};

/// The maximum size of the file in bytes.
const MAX_FILE: usize = 256 * 1024;

/// The number of seats in the file. The oldest ones, whose leases have ended long ago, make room.
const MAX_SEATS: usize = 256;

/// A seat in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeatEntry {
    pub(super) session: String,
    /// The URL of the server that granted the seat.
    pub(super) server: String,
    /// The process that acquired the seat, as the server knows it.
    pub(super) instance: String,
    /// The fencing number of the lease.
    pub(super) seq: u64,
    /// The secret that releases the seat.
    secret: String,
}

/// The content of the file.
#[derive(Default, Serialize, Deserialize)]
struct SeatList {
    /// In the order in which they were stored.
    seats: Vec<SeatEntry>,
}

impl SeatEntry {
    pub(super) fn new(
        session: SessionId,
        server: &str,
        instance: &str,
        seq: u64,
        secret: &ActivationSecret,
    ) -> Self {
        Self {
            session: session.to_string(),
            server: server.to_owned(),
            instance: instance.to_owned(),
            seq,
            secret: secret.reveal(),
        }
    }

    /// Returns the secret. Returns `None` if the file was damaged.
    pub(super) fn secret(&self) -> Option<ActivationSecret> {
        ActivationSecret::parse(&self.secret)
    }
}

impl Drop for SeatEntry {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.secret)));
    }
}

/// Returns the seat of a session.
pub(super) fn find(store: &Store, session: SessionId) -> Result<Option<SeatEntry>, OnlineError> {
    let session = session.to_string();
    let mut seats = read(store)?.seats.into_iter();
    Ok(seats.find(|entry| entry.session == session))
}

/// Adds a seat, or replaces that of its session.
pub(super) fn put(store: &Store, entry: SeatEntry) -> Result<(), OnlineError> {
    let lock = store.lock()?;
    let mut list = read(store)?;
    list.seats.retain(|other| other.session != entry.session);
    let excess = (list.seats.len() + 1).saturating_sub(MAX_SEATS);
    list.seats.drain(..excess);
    list.seats.push(entry);
    write(&lock, &list)
}

/// Removes the seat of a session, unless another process has replaced it.
pub(super) fn remove(store: &Store, entry: &SeatEntry) -> Result<(), OnlineError> {
    let lock = store.lock()?;
    let mut list = read(store)?;
    list.seats.retain(|other| other != entry);
    if list.seats.is_empty() {
        lock.remove(StateFile::Seats)?;
        return Ok(());
    }
    write(&lock, &list)
}

/// Reads the file. A damaged file counts as empty: its seats end with their leases.
fn read(store: &Store) -> Result<SeatList, OnlineError> {
    let bytes = store.read(StateFile::Seats, MAX_FILE)?.map(Zeroizing::new);
    let list = bytes.and_then(|bytes| from_strict_json(&bytes).ok());
    Ok(list.unwrap_or_default())
}

fn write(lock: &StoreLock, list: &SeatList) -> Result<(), OnlineError> {
    // The structs have no maps, so that the conversion does not fail.
    let bytes = Zeroizing::new(serde_json::to_vec_pretty(list).unwrap_or_default());
    Ok(lock.write(StateFile::Seats, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::StateDir;

    fn entry(number: u8, seq: u64) -> SeatEntry {
        let session: SessionId = format!("sess_{number:032x}").parse().unwrap();
        let secret = ActivationSecret::from_random([number; 32]);
        SeatEntry::new(session, "https://a.example", "inst_0", seq, &secret)
    }

    fn session(entry: &SeatEntry) -> SessionId {
        entry.session.parse().unwrap()
    }

    #[test]
    fn a_session_has_one_seat_in_the_file() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(scratch.path().join("state")));
        let (one, two) = (entry(1, 1), entry(2, 1));
        assert_eq!(find(&store, session(&one)).unwrap(), None);
        put(&store, one.clone()).unwrap();
        put(&store, two.clone()).unwrap();
        put(&store, entry(1, 2)).unwrap();
        assert_eq!(find(&store, session(&one)).unwrap(), Some(entry(1, 2)));
        // Another process has replaced the first entry, so it stays.
        remove(&store, &one).unwrap();
        assert_eq!(find(&store, session(&one)).unwrap(), Some(entry(1, 2)));
        remove(&store, &entry(1, 2)).unwrap();
        remove(&store, &two).unwrap();
        assert!(!store.dir().file(StateFile::Seats).exists());
    }

    #[test]
    fn a_damaged_file_counts_as_empty_and_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(scratch.path()));
        for damaged in [
            "",
            "{}",
            "[]",
            r#"{"seats": [{}]}"#,
            r#"{"seats": ["#,
            "\u{0}",
        ] {
            let lock = store.lock().unwrap();
            lock.write(StateFile::Seats, damaged.as_bytes()).unwrap();
            drop(lock);
            assert_eq!(find(&store, session(&entry(1, 1))).unwrap(), None);
            put(&store, entry(1, 1)).unwrap();
            assert!(find(&store, session(&entry(1, 1))).unwrap().is_some());
        }
    }

    #[test]
    fn the_number_of_seats_in_the_file_is_bounded() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(scratch.path()));
        let seats: Vec<SeatEntry> = (0..=u8::MAX).map(|number| entry(number, 1)).collect();
        let second = seats[1].clone();
        let lock = store.lock().unwrap();
        write(&lock, &SeatList { seats }).unwrap();
        drop(lock);
        let session: SessionId = format!("sess_{:032x}", 1000).parse().unwrap();
        let secret = ActivationSecret::from_random([1; 32]);
        put(
            &store,
            SeatEntry::new(session, "https://a.example", "inst_0", 1, &secret),
        )
        .unwrap();
        let list = read(&store).unwrap();
        assert_eq!(list.seats.len(), MAX_SEATS);
        assert_eq!(list.seats[0], second, "the oldest one has made room");
    }
}
