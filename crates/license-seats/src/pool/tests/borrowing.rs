//! Loans.

use super::*;
use crate::command::{Borrow, ReturnLoan};
use crate::terms::BorrowTerms;

const DAY: LeaseSpan = LeaseSpan::from_secs(24 * 60 * 60);

fn site(max_seats: u32, low_water: u32) -> Site {
    let mut terms = PoolTerms::with_capacity(3);
    terms.borrow = Some(BorrowTerms {
        max_seats,
        max_duration: LeaseSpan::from_secs(7 * 24 * 60 * 60),
        low_water,
    });
    Site::new(terms)
}

fn borrow(user: &str, seq: Seq, duration: LeaseSpan) -> SeatCommand {
    SeatCommand::Borrow(Borrow {
        session: session(user),
        instance: instance(1),
        seq,
        secret: secret(1),
        duration,
    })
}

fn return_loan(user: &str, seq: Seq, number: u8) -> SeatCommand {
    SeatCommand::Return(ReturnLoan {
        session: session(user),
        seq,
        secret: secret(number),
    })
}

#[test]
fn a_borrowed_seat_lasts_for_days_without_heartbeats() {
    let mut site = site(1, 0);
    let seq = site.acquire("ann").lease.seq;
    let loan = grant(site.apply(borrow("ann", seq, DAY)));
    assert!(loan.lease.is_borrowed());
    assert_eq!((loan.valid_for, loan.renew_after), (DAY, None));
    assert!(
        !site.release("ann", seq),
        "the seat stays borrowed when the process exits"
    );
    site.acquire("bob");
    site.acquire("eve");
    site.at.now = LeaseTime::START.saturating_add(DAY);
    site.tick();
    assert!(site.pool.lease(&session("ann")).is_some());
    assert!(site.pool.lease(&session("bob")).is_none());
    // The margin is 2 s and a thousandth of the day.
    let lease = site.pool.lease(&session("ann")).unwrap();
    let loan = lease.loan.as_deref().unwrap();
    assert_eq!(
        loan.free_at.since(loan.until),
        LeaseSpan::from_millis(88_400)
    );
}

#[test]
fn the_number_of_borrowed_seats_is_bounded() {
    for (max_seats, low_water, permitted) in [(2, 0, 2), (3, 2, 1), (0, 0, 0), (3, 9, 0)] {
        let mut site = site(max_seats, low_water);
        let mut borrowed = 0;
        for user in ["ann", "bob", "eve"] {
            let seq = site.acquire(user).lease.seq;
            match site.apply(borrow(user, seq, DAY)) {
                Ok(_) => borrowed += 1,
                Err(denial) => assert_eq!(denial.reason.code(), "BORROW_LIMIT"),
            }
        }
        assert_eq!(borrowed, permitted, "{max_seats} {low_water}");
        assert_eq!(site.pool.usage().borrowed, permitted);
    }
}

#[test]
fn the_duration_of_a_loan_is_bounded_by_terms_and_license() {
    let mut site = site(1, 0);
    let seq = site.acquire("ann").lease.seq;
    let week_and_more = LeaseSpan::from_secs(7 * 24 * 60 * 60 + 1);
    assert_eq!(
        code(site.apply(borrow("ann", seq, week_and_more))),
        "BORROW_DURATION"
    );
    assert_eq!(
        code(site.apply(borrow("ann", seq, LeaseSpan::ZERO))),
        "BORROW_DURATION"
    );
    let denial = site.apply(borrow("ann", seq, week_and_more)).unwrap_err();
    let message = denial.reason.to_string();
    assert_eq!(
        message,
        "expected a loan of at most 7 days, found 604801 seconds"
    );
    let hour = LeaseSpan::from_secs(3_600);
    site.at.license_left = Some(hour);
    assert_eq!(grant(site.apply(borrow("ann", seq, DAY))).valid_for, hour);
    site.set_terms(|terms| terms.borrow = None);
    assert_eq!(
        code(site.apply(borrow("ann", seq, DAY))),
        "BORROW_NOT_PERMITTED"
    );
}

#[test]
fn a_repetition_extends_a_loan_and_never_shortens_it() {
    let mut site = site(1, 0);
    let seq = site.acquire("ann").lease.seq;
    let days = |count| LeaseSpan::from_millis(DAY.as_millis() * count);
    grant(site.apply(borrow("ann", seq, days(3))));
    for (asked, expected) in [(1, 3), (3, 3), (5, 5)] {
        let again = grant(site.apply(borrow("ann", seq, days(asked))));
        assert_eq!(again.valid_for, days(expected), "{asked} days");
    }
    site.at.now = LeaseTime::START.saturating_add(days(2));
    let later = grant(site.apply(borrow("ann", seq, days(1))));
    assert_eq!(
        later.valid_for,
        days(3),
        "the loan ends five days after its start"
    );
}

#[test]
fn a_denied_loan_says_whether_waiting_helps() {
    let mut site = site(1, 0);
    let ann = site.acquire("ann").lease.seq;
    let bob = site.acquire("bob").lease.seq;
    grant(site.apply(borrow("ann", ann, DAY)));
    let denied = |site: &mut Site| site.apply(borrow("bob", bob, DAY)).unwrap_err().reason;
    let limit = denied(&mut site);
    assert!(limit.to_string().ends_with("found 1"), "{limit}");
    assert!(limit.hint().starts_with("wait"), "{}", limit.hint());
    site.set_terms(|terms| terms.borrow.as_mut().unwrap().low_water = 3);
    let kept = denied(&mut site);
    assert_eq!(kept.code(), "BORROW_LIMIT");
    assert!(
        kept.to_string().contains("the policy of the administrator"),
        "{kept}"
    );
    assert!(
        kept.hint().starts_with("ask the administrator"),
        "{}",
        kept.hint()
    );
}

#[test]
fn an_early_return_frees_the_seat() {
    let mut site = site(1, 0);
    let seq = site.acquire("ann").lease.seq;
    assert_eq!(code(site.apply(return_loan("ann", seq, 1))), "NOT_BORROWED");
    grant(site.apply(borrow("ann", seq, DAY)));
    assert_eq!(
        code(site.apply(return_loan("ann", seq, 9))),
        "SECRET_MISMATCH"
    );
    let freed = site.apply(return_loan("ann", seq, 1));
    assert_eq!(freed, Ok(SeatReply::Released { freed: true }));
    let again = site.apply(return_loan("ann", seq, 1));
    assert_eq!(again, Ok(SeatReply::Released { freed: false }));
}

#[test]
fn an_early_return_keeps_the_seat_of_an_instance_that_runs() {
    let mut site = site(1, 0);
    let seq = site.acquire("ann").lease.seq;
    grant(site.apply(borrow("ann", seq, DAY)));
    grant(site.apply(acquire(&holder("ann"), 2, None)));
    let kept = site.apply(return_loan("ann", seq, 1));
    assert_eq!(kept, Ok(SeatReply::Released { freed: false }));
    let lease = site.pool.lease(&session("ann")).unwrap();
    assert!(!lease.is_borrowed());
    assert_eq!(lease.free_at, LeaseTime::from_millis(122_120));
}
