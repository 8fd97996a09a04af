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
    put(&store.lock().unwrap(), store, None, entry).unwrap();
}

/// Returns the seat of a session that no process renews.
fn unrenewed(store: &Store, session: SessionId) -> Result<Option<SeatEntry>, StoreError> {
    let mut seats = of_session(store, session)?.into_iter();
    Ok(seats.find(|entry| entry.stored_by != SeatOrigin::Run))
}

/// Returns a loan that ends at a time in Unix seconds.
fn borrowed(number: u8, instance: &str, exp: i64) -> SeatEntry {
    let mut entry = entry(number, 1);
    let payload = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp": {exp}}}"#));
    entry.lease = format!("a.{payload}.c");
    (entry.stored_by, entry.instance) = (SeatOrigin::Borrow, instance.to_owned());
    entry
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
    put(&lock, &store, None, new).unwrap();
    let list = read(&store).unwrap();
    assert_eq!(list.seats.len(), MAX_SEATS);
    assert_eq!(list.seats[0], second, "the oldest one has made room");
}

#[test]
fn a_loan_makes_room_for_other_seats_only_after_its_end() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path()));
    let lock = store.lock().unwrap();
    let tomorrow = clock::now().timestamp() + 86_400;
    let fill = |exp| {
        let loans = (1..=u8::MAX).map(|number| borrowed(number, "inst_1", exp));
        let mut seats: Vec<SeatEntry> = loans.collect();
        // The lease of a killed process, in another boot.
        let mut killed = renewed(0, "inst_2");
        killed.ends = Some(BootInstant::new(1, BootTime::now()));
        seats.push(killed);
        write(&lock, &SeatList { seats }).unwrap();
    };
    let mut new = borrowed(0, "inst_3", tomorrow);
    new.session = format!("sess_{:032x}", 1000);
    fill(tomorrow);
    put(&lock, &store, Some(2), new.clone()).unwrap();
    let list = read(&store).unwrap();
    assert!(
        list.seats
            .iter()
            .all(|seat| seat.stored_by == SeatOrigin::Borrow)
    );
    let mut another = new.clone();
    another.session = format!("sess_{:032x}", 1001);
    let full = put(&lock, &store, Some(2), another.clone()).unwrap_err();
    assert!(matches!(full, StoreError::Unwritable { .. }), "{full}");
    assert_eq!(read(&store).unwrap().seats, list.seats);
    fill(0);
    put(&lock, &store, Some(2), another.clone()).unwrap();
    assert_eq!(read(&store).unwrap().seats.last(), Some(&another));
}

#[test]
fn a_seat_of_a_new_process_leaves_the_returned_loan_for_its_receipt() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::new(StateDir::at(scratch.path()));
    let loan = borrowed(1, "inst_1", 0);
    let acquired = entry(1, 2);
    let next_loan = borrowed(1, "inst_0", 1);
    put_one(&store, loan.clone());
    put_one(&store, acquired.clone());
    let found = of_session(&store, session(&loan)).unwrap();
    assert_eq!(found, [loan, acquired]);
    put_one(&store, next_loan.clone());
    assert_eq!(
        of_session(&store, session(&next_loan)).unwrap(),
        std::slice::from_ref(&next_loan)
    );
    // After its end, the session uses the loan like any other seat.
    put_one(&store, entry(1, 3));
    assert_eq!(
        of_session(&store, session(&next_loan)).unwrap(),
        [entry(1, 3)]
    );
}
