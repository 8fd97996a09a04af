use super::*;

fn at(text: &str) -> DateTime<Utc> {
    license_core::time::parse_instant(text).unwrap()
}

fn id(number: u8) -> LicenseId {
    LicenseId::from_random(at("2027-01-01"), &[number; 10])
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// Returns a trial that is being issued.
pub(crate) fn trial(number: u8) -> Trial {
    Trial {
        id: TrialId::new(at("2027-01-15"), [number; 10]),
        state: TrialState::Issuing,
        user: TrialUser {
            email: Some(email(&format!("user{number}@acme.example"))),
            customer: format!("ACME {number}"),
            machine: Machine::parse(&format!("fp1:id={number:024x}")),
        },
        is_exception: false,
        started_by: "console".to_owned(),
        requested_at: at("2027-01-15T09:00:00Z"),
        started_at: None,
        ends_at: None,
        license: None,
        reminded: None,
        stopped_at: None,
        paid: None,
        closed_at: None,
        next_at: Some(at("2027-01-15T09:01:00Z")),
    }
}

fn days() -> ReminderDays {
    ReminderDays::new(vec![7, 3, 1])
}

/// Returns a trial from 2027-01-15 until the end of 2027-01-29.
fn started() -> Trial {
    let start = TrialChange::Start {
        license: id(1),
        ends_at: at("2027-01-30"),
    };
    let started = start.apply(&trial(1), &days(), at("2027-01-15T09:00:10Z"));
    started.unwrap()
}

#[test]
fn each_reminder_is_due_once_and_a_missed_one_is_not_repeated() {
    let (days, trial) = (days(), started());
    assert_eq!(trial.next_at, Some(at("2027-01-23")));
    assert_eq!(days.due(&trial, at("2027-01-22T23:59:59Z")), None);
    assert_eq!(days.due(&trial, at("2027-01-23")), Some(7));
    let now = at("2027-01-23T00:00:05Z");
    let reminded = TrialChange::Remind(7).apply(&trial, &days, now).unwrap();
    assert_eq!(reminded.state, TrialState::Reminded);
    assert_eq!(reminded.next_at, Some(at("2027-01-27")));
    assert_eq!(days.due(&reminded, now), None);
    assert_eq!(TrialChange::Remind(7).apply(&reminded, &days, now), None);
    // The server was down for two reminders. Only the later one is sent.
    let late = at("2027-01-29T12:00:00Z");
    assert_eq!(days.due(&trial, late), Some(1));
    let reminded = TrialChange::Remind(1).apply(&trial, &days, late).unwrap();
    assert_eq!(reminded.next_at, Some(at("2027-01-30")));
    assert_eq!(days.due(&reminded, late), None);
    assert_eq!(days.due(&trial, at("2027-01-30")), None);
}

#[test]
fn a_user_can_stop_the_reminders() {
    let now = at("2027-01-20");
    let stopped = TrialChange::StopReminders.apply(&started(), &days(), now);
    let stopped = stopped.unwrap();
    assert_eq!(stopped.next_at, Some(at("2027-01-30")));
    assert_eq!(days().due(&stopped, at("2027-01-28")), None);
    assert_eq!(
        TrialChange::StopReminders.apply(&stopped, &days(), now),
        None
    );
}

#[test]
fn a_trial_ends_once_and_can_be_extended_and_converted_afterwards() {
    let (days, end) = (days(), at("2027-01-30"));
    let early = license_core::time::saturating_sub(end, TimeDelta::milliseconds(1));
    assert_eq!(TrialChange::End.apply(&started(), &days, early), None);
    let ended = TrialChange::End.apply(&started(), &days, end).unwrap();
    assert_eq!((ended.state, ended.next_at), (TrialState::Ended, None));
    assert_eq!(TrialChange::End.apply(&ended, &days, end), None);
    assert_eq!(TrialChange::Remind(1).apply(&ended, &days, end), None);

    let extend = TrialChange::Extend {
        license: id(2),
        ends_at: at("2027-02-10"),
    };
    let extended = extend.apply(&ended, &days, end).unwrap();
    assert_eq!(extended.state, TrialState::Started);
    assert_eq!(extended.license, Some(id(2)));
    assert_eq!(days.due(&extended, at("2027-02-03")), Some(7));
    // The same extension again changes nothing.
    assert_eq!(extend.apply(&extended, &days, end), None);

    for trial in [&ended, &extended] {
        let converted = TrialChange::Convert(id(3)).apply(trial, &days, end);
        let converted = converted.unwrap();
        assert_eq!(converted.paid, Some(id(3)));
        assert_eq!(converted.next_at, None);
        for change in [
            TrialChange::Convert(id(4)),
            extend.clone(),
            TrialChange::End,
        ] {
            assert_eq!(change.apply(&converted, &days, at("2027-03-01")), None);
        }
    }
}

#[test]
fn nothing_but_a_start_changes_a_trial_without_a_license() {
    let later = at("2027-03-01");
    for change in [
        TrialChange::Remind(1),
        TrialChange::StopReminders,
        TrialChange::Convert(id(1)),
        TrialChange::End,
    ] {
        assert_eq!(change.apply(&trial(1), &days(), later), None, "{change:?}");
    }
}

#[test]
fn different_spellings_are_one_customer_one_mailbox_and_one_machine() {
    let user = |address: &str, customer: &str, machine: &str| {
        let user = TrialUser {
            email: Some(email(address)),
            customer: customer.to_owned(),
            machine: Machine::parse(machine),
        };
        user.keys()
    };
    let fingerprint = "fp1:id=0123456789abcdef01234567,mac=89abcdef0123456789abcdef";
    let first = user("ann@acme.example", "ACME Ltd", fingerprint);
    let other_card = "fp1:id=0123456789abcdef01234567,mac=0123456789abcdef89abcdef";
    let again = user("Ann+2@ACME.example", " acme\u{a0}LTD", other_card);
    assert_eq!(first, again);
    assert!(first.machine.is_some());
    let other = user(
        "bob@acme.example",
        "ACME GmbH",
        "fp1:id=89abcdef0123456701234567",
    );
    assert_ne!(first.email, other.email);
    assert_ne!(first.customer, other.customer);
    assert_ne!(first.machine, other.machine);
    // A tag without a mailbox in front of it is a mailbox.
    let tags = [
        user("+a@x.example", "A", "x"),
        user("+b@x.example", "A", "x"),
    ];
    assert_ne!(tags[0].email, tags[1].email);
}
