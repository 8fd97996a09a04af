use super::*;
use crate::state_dir::StateDir;

fn entry(number: u8, seq: u64) -> SeatEntry {
    SeatEntry {
        session: format!("sess_{number:032x}"),
        stored_by: SeatOrigin::Acquire,
        lease: "a.b.c".to_owned(),
        ends: None,
        server: "https://a.example".to_owned(),
        instance: "inst_0".to_owned(),
        seq,
        secret: ActivationSecret::from_random([number; 32]).reveal(),
    }
}

fn renewed(number: u8, instance: &str) -> SeatEntry {
    let mut entry = entry(number, 1);
    (entry.stored_by, entry.instance) = (SeatOrigin::Run, instance.to_owned());
    entry
}

fn session(entry: &SeatEntry) -> SessionId {
    entry.session.parse().unwrap()
}

fn put_one(store: &Store, entry: SeatEntry) {
    put(&store.lock().unwrap(), store, entry).unwrap();
}

fn remove_one(store: &Store, entry: &SeatEntry) {
    remove(&store.lock().unwrap(), store, entry).unwrap();
}

#[test]
fn a_session_has_one_seat_in_the_file_that_no_process_renews() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path().join("state")));
    let (one, two) = (entry(1, 1), entry(2, 1));
    assert_eq!(unrenewed(&store, session(&one)).unwrap(), None);
    put_one(&store, one.clone());
    put_one(&store, two.clone());
    put_one(&store, entry(1, 2));
    assert_eq!(unrenewed(&store, session(&one)).unwrap(), Some(entry(1, 2)));
    // Another process has replaced the first entry, so it stays.
    remove_one(&store, &one);
    assert_eq!(unrenewed(&store, session(&one)).unwrap(), Some(entry(1, 2)));
    remove_one(&store, &entry(1, 2));
    remove_one(&store, &two);
    assert!(!store.dir().file(StateFile::Seats).exists());
}

#[test]
fn each_process_that_renews_a_seat_has_its_own_entry() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path().join("state")));
    let stored = entry(1, 1);
    let (outer, inner) = (renewed(1, "inst_1"), renewed(1, "inst_2"));
    for entry in [&stored, &outer, &inner, &outer] {
        put_one(&store, entry.clone());
    }
    let found = of_session(&store, session(&stored)).unwrap();
    assert_eq!(found, [stored.clone(), inner.clone(), outer.clone()]);
    assert_eq!(unrenewed(&store, session(&stored)).unwrap(), Some(stored));
    remove_one(&store, &inner);
    assert!(
        of_session(&store, session(&outer))
            .unwrap()
            .contains(&outer)
    );
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
        assert_eq!(unrenewed(&store, session(&entry(1, 1))).unwrap(), None);
        put_one(&store, entry(1, 1));
        assert!(unrenewed(&store, session(&entry(1, 1))).unwrap().is_some());
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
    let mut new = entry(0, 1);
    new.session = format!("sess_{:032x}", 1000);
    put(&lock, &store, new).unwrap();
    let list = read(&store).unwrap();
    assert_eq!(list.seats.len(), MAX_SEATS);
    assert_eq!(list.seats[0], second, "the oldest one has made room");
}
