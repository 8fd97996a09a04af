use license_core::claims::{Confirmation, LeaseMode};
use license_core::ids::Nonce;
use license_core::issue::{
    KeyBits, LeaseDraft, RandomError, ServerKey, SigningKey, VerifyingSigner,
};
use license_core::jose::Algorithm;
use license_core::requests::ActivationSecret;
use license_core::{FeatureMatrix, LicenseId, Unverified};

use std::ffi::OsStr;
use std::process::Command;

use super::renewal::Renewed;
use super::*;
use crate::manager::LicenseManager;
use crate::online::error::ServerProblem;
use crate::online::settings::OnlineSettings;
use crate::returned_seats;
use crate::seat_file::{self, SeatEntry, SeatOrigin};
use crate::session::Session;
use crate::state_dir::StateDir;
use crate::testing;

fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

/// Returns a seat of a server that does not exist. It is not renewed.
fn seat(scratch: &tempfile::TempDir) -> Seat {
    let (core, root) = parts(scratch);
    let core = Arc::new(core);
    Seat { core, root }
}

fn parts(scratch: &tempfile::TempDir) -> (SeatCore, ProjectRoot) {
    parts_of(scratch, LeaseMode::Floating)
}

/// Returns the parts of a seat whose lease has this mode.
pub(in crate::online) fn parts_of(
    scratch: &tempfile::TempDir,
    mode: LeaseMode,
) -> (SeatCore, ProjectRoot) {
    let key = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random).unwrap();
    let key = SigningKey::from_pkcs8(&key, None, random).unwrap();
    let key = ServerKey::new(VerifyingSigner::new(Box::new(key)), &testing::trust()).unwrap();
    let confirmation = Confirmation::try_from(key.public().to_jwk()).unwrap();
    let license = testing::license("PRO").product(FeatureMatrix::built_in());
    let license = license.draft(move |draft| draft.confirmation = Some(confirmation));
    let license = license.issue();
    let product = FeatureMatrix::built_in().product();
    let manager = LicenseManager::at(product, StateDir::at(scratch.path().join("state")));
    // Nothing listens at port 9 of this machine.
    let settings = OnlineSettings::new().server("http://127.0.0.1:9");
    let transport = Transport::new(&manager.resolve_online(&settings).unwrap()).unwrap();
    let session = Session::find(&manager, None, Some("ann"), scratch.path()).unwrap();
    let secret = ActivationSecret::from_random([7; 32]);
    let machine = Machine::parse("machine").unwrap();
    let lease = LeaseDraft {
        license: &license,
        issuer: "licenses.acme.example".to_owned(),
        id: LicenseId::from_random(testing::START, &[1; 10]),
        issued_at: testing::START,
        expires_at: testing::START + testing::TimeDelta::seconds(40),
        session: session.id(),
        machine: machine.clone(),
        pool: "pool".to_owned(),
        seq: 1,
        mode,
        renew_after: testing::TimeDelta::seconds(20),
        commitment: secret.commitment(),
        nonce: Nonce::from_random([0; 16]),
    };
    let lease = lease.sign(&key).unwrap();
    let lease = license
        .verify_lease(&Unverified::parse(&lease).unwrap())
        .unwrap();
    let grant = Grant {
        lease,
        valid_until: BootTime::now().after(Duration::from_secs(60)),
        is_overage: false,
        soft_end: None,
    };
    let holder = Holder {
        transport: Arc::new(transport),
        server: 0,
        license_key: license.standard_key().unwrap().to_string(),
        license,
        machine,
        session: session.id(),
        instance: "inst_".to_owned(),
        secret: Zeroizing::new(secret.reveal()),
        commitment: secret.commitment(),
        store: manager.readable_paths().user().clone(),
        seal: manager.seal().clone(),
        boot: Some(7),
        is_borrowed: false,
    };
    (
        SeatCore::new(holder, grant, None, None),
        session.root().clone(),
    )
}

#[test]
fn a_child_process_has_no_seat_and_touches_no_lock_of_its_parent() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut core, root) = parts(&scratch);
    // After a `fork`, the seat has the process id of the parent, and a lock may be held forever.
    core.owner = process::id().wrapping_add(1);
    let core = Arc::new(core);
    let locked = Arc::clone(&core);
    let _state = locked.state();
    let child = Seat { core, root };
    assert!(!child.is_valid() && child.expires_in().is_zero() && !child.is_overage());
    assert!(child.lease().is_none());
    let error = child.core.release(Limit::Configured).unwrap_err();
    assert_eq!(error.code(), "FORKED");
    // Dropping the seat takes no lock either.
    drop(child);
}

#[test]
fn a_seat_that_was_released_or_whose_time_has_passed_is_not_valid() {
    let scratch = tempfile::tempdir().unwrap();
    let seat = seat(&scratch);
    seat.core.state().grant.valid_until = BootTime::now();
    assert!(!seat.is_valid());
    seat.core.state().grant.valid_until = BootTime::now().after(Duration::from_secs(60));
    assert!(seat.is_valid());
    let core = Arc::clone(&seat.core);
    // The server does not exist, so the release fails, and the seat ends anyway.
    assert!(seat.release().unwrap_err().is_unreachable());
    assert_eq!(core.state().phase, Phase::Released);
}

#[test]
fn a_poisoned_lock_does_not_end_a_seat() {
    let scratch = tempfile::tempdir().unwrap();
    let seat = seat(&scratch);
    let core = Arc::clone(&seat.core);
    let poisoning = std::thread::spawn(move || {
        let _state = core.state();
        panic!("while the lock is held");
    });
    assert!(poisoning.join().is_err());
    assert!(seat.core.state.is_poisoned());
    assert!(seat.is_valid());
}

fn refusal(code: &str, is_authenticated: bool) -> OnlineError {
    OnlineError::Problem(Box::new(ServerProblem {
        server: "http://licenses.acme.example".to_owned(),
        status: 409,
        code: code.to_owned(),
        detail: "ended by an administrator".to_owned(),
        hint: None,
        expected: None,
        actual: None,
        facts: serde_json::Map::new(),
        retry_after: None,
        is_authenticated,
    }))
}

/// Returns a borrowed seat that reports its events.
fn borrowed(scratch: &tempfile::TempDir) -> (Seat, std::sync::mpsc::Receiver<SeatEvent>) {
    let (
        SeatCore {
            mut holder, state, ..
        },
        root,
    ) = parts(scratch);
    holder.is_borrowed = true;
    let grant = state.into_inner().unwrap().grant;
    let (sender, events) = std::sync::mpsc::channel();
    let callback: Callback = Box::new(move |event| sender.send(event.clone()).unwrap());
    let core = SeatCore::new(holder, grant, None, Some(callback));
    let core = Arc::new(core);
    (Seat { core, root }, events)
}

#[test]
fn a_borrowed_seat_that_another_process_returns_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let (seat, events) = borrowed(&scratch);
    assert!(seat.is_valid());
    let holder = &seat.core.holder;
    assert!(returned_seats::record(&holder.store, &holder.seal, holder.commitment).unwrap());
    // The state is read again after a second.
    seat.core.state().returned = None;
    assert!(!seat.is_valid());
    seat.core.notice_end();
    let event = events.try_recv().unwrap();
    assert!(matches!(event, SeatEvent::Lost { .. }), "{event:?}");
    assert!(seat.core.due().is_none());
}

#[test]
fn a_borrowed_seat_is_lost_at_the_end_of_its_loan_without_a_renewal() {
    let scratch = tempfile::tempdir().unwrap();
    let (seat, events) = borrowed(&scratch);
    assert!(seat.core.due().is_some_and(|due| !due.is_request));
    seat.core.state().grant.valid_until = BootTime::now();
    seat.core.notice_end();
    let event = events.try_recv().unwrap();
    assert!(matches!(event, SeatEvent::Lost { .. }), "{event:?}");
    assert!(seat.core.due().is_none());
}

/// The server extends no lease of an ended license, and none that an administrator ended. Only the
/// license can be renewed.
#[test]
fn a_lease_that_is_not_extended_is_late_until_the_server_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let seat = seat(&scratch);
    let end = BootTime::now();
    seat.core.state().grant.valid_until = end;
    let renewed = Renewed {
        renew_at: None,
        grant: None,
        ends_by: end,
    };
    assert!(seat.core.state().apply(Ok(renewed)).is_none());
    seat.core.notice_end();
    assert_eq!(seat.core.state().phase, Phase::Late);
    assert!(seat.core.due().is_some_and(|due| due.is_request));
    let refused = seat.core.state().refuse(refusal("LICENSE_ENDED", true));
    assert!(refused.is_none());
    assert_eq!(seat.core.state().phase, Phase::Late);
    let refused = seat.core.state().refuse(refusal("NOT_RENEWABLE", true));
    let Some(SeatEvent::Lost { code, detail }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "NOT_RENEWABLE");
    assert_eq!(detail, "ended by an administrator");
}

#[test]
fn only_a_refusal_that_proves_its_server_ends_a_seat() {
    let scratch = tempfile::tempdir().unwrap();
    let seat = seat(&scratch);
    assert!(
        seat.core
            .state()
            .refuse(refusal("LEASE_LOST", false))
            .is_none()
    );
    assert!(
        seat.core
            .state()
            .refuse(refusal("UNKNOWN_LICENSE", true))
            .is_none()
    );
    assert!(seat.is_valid());
    // A lease that is not renewed is valid until its end.
    assert!(
        seat.core
            .state()
            .refuse(refusal("NOT_RENEWABLE", true))
            .is_none()
    );
    assert!(seat.is_valid() && seat.core.state().renewal.due().is_none());
    let event = seat.core.state().refuse(refusal("LEASE_LOST", true));
    assert!(matches!(event, Some(SeatEvent::Lost { .. })), "{event:?}");
    assert!(!seat.is_valid());
}

fn stored(seat: &Seat) -> Vec<SeatEntry> {
    seat_file::of_session(&seat.core.holder.store, seat.session()).unwrap()
}

#[test]
fn a_shared_seat_is_stored_for_child_processes_until_it_ends() {
    let scratch = tempfile::tempdir().unwrap();
    let seat = seat(&scratch);
    let mut command = Command::new("solver");
    seat.share_with(&mut command).unwrap();
    let session = seat.session().to_string();
    let variables: Vec<_> = command.get_envs().collect();
    let expected = (
        OsStr::new("CODITECT_LICENSE_SEAT"),
        Some(OsStr::new(&session)),
    );
    assert_eq!(variables, [expected]);
    let first = stored(&seat);
    assert!(
        matches!(&first[..], [entry] if entry.stored_by == SeatOrigin::Run && entry.secret.is_empty())
    );
    // A renewal changes the end, and an unchanged lease is not written again.
    seat.core.refresh_entry();
    assert_eq!(stored(&seat), first);
    seat.core.state().grant.valid_until = BootTime::now().after(Duration::from_secs(30));
    seat.core.refresh_entry();
    assert_ne!(stored(&seat), first);
    let (core, store) = (Arc::clone(&seat.core), seat.core.holder.store.clone());
    drop(seat);
    assert!(
        seat_file::of_session(&store, core.holder.session)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_lease_that_cannot_be_stored_is_reported_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut core, root) = parts(&scratch);
    std::fs::write(scratch.path().join("file"), "").unwrap();
    core.holder.store = Store::new(StateDir::at(scratch.path().join("file")));
    let (sender, events) = std::sync::mpsc::channel();
    core.callback = Mutex::new(Some(Box::new(move |event| {
        sender.send(event.clone()).unwrap();
    })));
    let core = Arc::new(core);
    let seat = Seat { core, root };
    let error = seat.share_with(&mut Command::new("solver")).unwrap_err();
    assert_eq!(error.code(), "IO", "{error}");
    seat.core.refresh_entry();
    seat.core.refresh_entry();
    drop(seat);
    let events: Vec<SeatEvent> = events.try_iter().collect();
    assert!(
        matches!(events[..], [SeatEvent::NotShared { .. }]),
        "{events:?}"
    );
}

/// The lease lasts 40 s, so the pauses are 2, 4, 8 and then 10 s, or up to a quarter less.
#[test]
fn attempts_to_renew_are_at_most_a_quarter_of_the_lifetime_apart() {
    let scratch = tempfile::tempdir().unwrap();
    let seat = seat(&scratch);
    let fail = || {
        let mut state = seat.core.state();
        let before = BootTime::now();
        assert!(state.refuse(OnlineError::NoServer).is_none());
        let latest = BootTime::now();
        let due = state.renewal.due().unwrap();
        (due.since(latest), due.since(before))
    };
    for longest in [2, 4, 8, 10, 10] {
        let longest = Duration::from_secs(longest);
        let (shortest_found, longest_found) = fail();
        assert!(longest_found >= longest / 4 * 3, "{longest_found:?}");
        assert!(shortest_found <= longest, "{shortest_found:?}");
    }
}

#[test]
fn threads_can_share_a_seat() {
    const fn is_send_and_sync<T: Send + Sync>() {}
    const { is_send_and_sync::<Seat>() };
    const { is_send_and_sync::<OnlineError>() };
}
