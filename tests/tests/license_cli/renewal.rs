//! Renewals and upgrades on the customer's side: early, late, and without a gap.

use std::fs;

use super::*;

/// A customer's machine with a license for PRO through 2026-06-30, and the vendor's desk on which it was minted.
struct Sale {
    desk: Scratch,
    machine: Scratch,
}

impl Sale {
    fn new() -> Self {
        let vendor = Vendor::shared();
        let sale = Self {
            desk: vendor.desk(),
            machine: Scratch::new(),
        };
        sale.machine.write("trust.jwks", &vendor.trust);
        let issue = ["issue", "--tier", "pro", "--customer", "ACME", "--offline"];
        let term = ["--issued-at", "2025-07-01", "--expires", "2026-06-30"];
        sale.mint(&[&issue[..], &term].concat(), "acme.lic");
        sale.install("acme.lic", "2026-01-01").expect_code(0);
        sale
    }

    fn mint(&self, args: &[&str], out: &str) {
        let own = ["--key", "vendor.key", "--out", out];
        let _ = keygen(&self.desk, &[args, &own].concat()).expect_code(0);
        self.machine.write(out, self.desk.read(out));
    }

    #[must_use]
    fn install(&self, file: &str, at: &str) -> Outcome {
        let args = ["install", file, "--trust", "trust.jwks", "--at", at];
        Run::license(&self.machine).args(args).run()
    }

    fn status(&self, at: &str) -> Value {
        let args = ["status", "--json", "--at", at];
        Run::license(&self.machine).args(args).run().json()
    }

    fn codes(&self, at: &str) -> Vec<String> {
        let warnings = self.status(at)["warnings"].clone();
        let codes = warnings.as_array().unwrap().iter();
        codes
            .map(|warning| warning["code"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn a_renewal_that_is_installed_early_starts_when_it_should_and_nothing_warns_of_the_end() {
    let sale = Sale::new();
    assert_eq!(sale.codes("2026-06-20"), ["EXPIRES_SOON"]);
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.mint(&renew, "next.lic");
    let told = sale.install("next.lic", "2026-06-20").expect_code(0);
    assert!(
        told.stderr.contains("begins at 2026-07-01T00:00:00Z"),
        "{told:?}"
    );
    assert_eq!(sale.codes("2026-06-20"), Vec::<String>::new());
    for (at, end) in [
        ("2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z"),
        ("2026-07-01T00:00:00Z", "2027-07-01T00:00:00Z"),
        ("2027-06-30T23:59:59Z", "2027-07-01T00:00:00Z"),
    ] {
        let status = sale.status(at);
        assert_eq!(
            (&status["code"], &status["expires_at"]),
            (&json!("VALID"), &json!(end)),
            "{at}"
        );
    }
    assert_eq!(sale.status("2027-08-01")["code"], "EXPIRED");
}

#[test]
fn the_same_renewal_twice_is_kept_once_and_a_third_term_beside_it() {
    let sale = Sale::new();
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.mint(&renew, "next.lic");
    for _ in 0..2 {
        let _ = sale.install("next.lic", "2026-06-20").expect_code(0);
    }
    let kept = || fs::read_to_string(sale.machine.state().join("license.lic")).unwrap();
    assert_eq!(kept().matches("BEGIN LICENSE-").count(), 2);
    let renew = words("renew next.lic --until 2028-06-30 --issued-at 2026-06-02");
    sale.mint(&renew, "third.lic");
    let _ = sale.install("third.lic", "2026-06-20").expect_code(0);
    assert_eq!(kept().matches("BEGIN LICENSE-").count(), 3);
    for (at, end) in [
        ("2026-06-20", "2026-07-01T00:00:00Z"),
        ("2027-01-01", "2027-07-01T00:00:00Z"),
        ("2028-01-01", "2028-07-01T00:00:00Z"),
    ] {
        assert_eq!(sale.status(at)["expires_at"], end);
    }
    // Once the last has begun, the others are history.
    let _ = sale.install("third.lic", "2027-08-01").expect_code(0);
    assert_eq!(kept().matches("BEGIN LICENSE-").count(), 1);
}

#[test]
fn a_check_in_of_the_license_stays_until_its_renewal_begins() {
    let sale = Sale::new();
    let issue = ["issue", "--tier", "pro", "--customer", "ACME"];
    let term = ["--issued-at", "2026-01-01", "--expires", "2026-06-30"];
    sale.mint(&[&issue[..], &term].concat(), "daily.lic");
    let check_in = ["check-in", "daily.lic", "--issued-at", "2026-06-19"];
    sale.mint(&check_in, "said.lic");
    sale.machine.write(
        "both.lic",
        sale.machine.read("daily.lic") + &sale.machine.read("said.lic"),
    );
    let _ = sale
        .install("both.lic", "2026-06-19T01:00:00Z")
        .expect_code(0);
    let renew = words("renew daily.lic --days 365 --issued-at 2026-06-19");
    sale.mint(&renew, "next.lic");
    let _ = sale
        .install("next.lic", "2026-06-19T02:00:00Z")
        .expect_code(0);
    assert_eq!(sale.status("2026-06-19T03:00:00Z")["code"], "VALID");
}

#[test]
fn what_replaces_nothing_and_begins_later_is_refused_as_before() {
    let sale = Sale::new();
    let issue = words("issue --tier ent --customer Other --perpetual");
    let later = ["--issued-at", "2026-01-01", "--not-before", "2030-01-01"];
    sale.mint(&[&issue[..], &later].concat(), "other.lic");
    let _ = sale.install("other.lic", "2026-06-20").expect_failure(1);
    assert_eq!(sale.status("2026-06-20")["tier"], "PRO");
}

#[test]
fn an_upgrade_begins_at_once_and_ends_with_what_was_paid_for() {
    let sale = Sale::new();
    let upgrade = words("upgrade acme.lic --tier team --seats 20 --issued-at 2026-03-01");
    sale.mint(&upgrade, "team.lic");
    let told = sale.install("team.lic", "2026-03-01").expect_code(0);
    assert!(told.stderr.contains("replaces the PRO license"), "{told:?}");
    let status = sale.status("2026-03-01");
    assert_eq!(
        (&status["tier"], &status["quotas"]["users"]),
        (&json!("TEAM"), &json!(20))
    );
    assert_eq!(status["expires_at"], "2026-07-01T00:00:00Z");
}

#[test]
fn what_was_replaced_is_not_put_in_the_place_of_what_replaced_it() {
    let sale = Sale::new();
    let upgrade = words("upgrade acme.lic --tier team --issued-at 2026-03-01");
    sale.mint(&upgrade, "team.lic");
    let _ = sale.install("team.lic", "2026-03-01").expect_code(0);
    let complaint = sale.install("acme.lic", "2026-03-02").expect_failure(1);
    assert!(
        complaint.message.contains("replaces this one"),
        "{complaint:?}"
    );
    assert!(complaint.hint.contains("--force"), "{complaint:?}");
    assert_eq!(sale.status("2026-03-02")["tier"], "TEAM");
}

#[test]
fn the_license_again_does_not_take_its_renewal_away() {
    let sale = Sale::new();
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.mint(&renew, "next.lic");
    let _ = sale.install("next.lic", "2026-06-20").expect_code(0);
    let _ = sale.install("acme.lic", "2026-06-21").expect_code(0);
    assert_eq!(
        sale.status("2026-07-02")["expires_at"],
        "2027-07-01T00:00:00Z"
    );
    // Once it has begun, it is not replaced by what it replaced.
    let _ = sale.install("acme.lic", "2026-07-02").expect_failure(1);
    assert_eq!(
        sale.status("2026-07-02")["expires_at"],
        "2027-07-01T00:00:00Z"
    );
}

/// Two licenses of one customer, of which the second has still to begin, and an upgrade of the first that a vendor without a ledger minted.
fn paid_ahead() -> Sale {
    let sale = Sale::new();
    let minted = ["--issued-at", "2026-06-01"];
    let renew = ["renew", "acme.lic", "--days", "365"];
    sale.mint(&[&renew[..], &minted].concat(), "next.lic");
    let upgrade = ["upgrade", "acme.lic", "--tier", "team", "--seats", "50"];
    let alone = ["--ledger", "other.db", "--trust", "vendor.jwks"];
    sale.desk.write("vendor.jwks", &Vendor::shared().trust);
    let upgrade = [&upgrade[..], &alone, &minted].concat();
    sale.mint(&upgrade, "up.lic");
    let _ = sale.install("next.lic", "2026-06-10").expect_code(0);
    sale
}

#[test]
fn what_is_paid_for_and_has_still_to_begin_outlasts_an_upgrade() {
    let sale = paid_ahead();
    let told = sale.install("up.lic", "2026-06-11").expect_code(0);
    let stays = "the PRO license of ACME that begins at 2026-07-01T00:00:00Z stays beside it";
    assert!(told.stderr.contains(stays), "{told:?}");
    assert!(told.stderr.contains("it replaces the PRO license of ACME"));
    assert_eq!(told.stderr.matches("it replaces").count(), 1, "{told:?}");
    for (at, tier, end) in [
        ("2026-06-11", "TEAM", "2026-07-01T00:00:00Z"),
        ("2026-06-30T23:59:59Z", "TEAM", "2026-07-01T00:00:00Z"),
        ("2026-12-28", "PRO", "2027-07-01T00:00:00Z"),
    ] {
        let status = sale.status(at);
        let told = (&status["code"], &status["tier"], &status["expires_at"]);
        assert_eq!(told, (&json!("VALID"), &json!(tier), &json!(end)), "{at}");
    }
}

#[test]
fn what_has_still_to_begin_gives_way_to_what_replaces_it_and_to_force() {
    let sale = paid_ahead();
    let kept = || fs::read_to_string(sale.machine.state().join("license.lic")).unwrap();
    let blocks = || kept().matches("BEGIN LICENSE-").count();
    let _ = sale.install("up.lic", "2026-06-11").expect_code(0);
    assert_eq!(blocks(), 2);
    let args = ["install", "--force", "up.lic", "--trust", "trust.jwks"];
    let at = ["--at", "2026-06-11"];
    let forced = Run::license(&sale.machine).args(args).args(at).run();
    let _ = forced.expect_code(0);
    assert_eq!(blocks(), 1);
}

#[test]
fn what_has_still_to_begin_stays_beside_no_license_of_another_customer() {
    let sale = paid_ahead();
    let issue = words("issue --tier ent --customer Other --perpetual");
    let at = ["--issued-at", "2026-06-01"];
    sale.mint(&[&issue[..], &at].concat(), "other.lic");
    let _ = sale.install("other.lic", "2026-06-11").expect_code(0);
    let kept = fs::read_to_string(sale.machine.state().join("license.lic")).unwrap();
    assert_eq!(kept.matches("BEGIN LICENSE-").count(), 1);
}

/// A license of a month that is validated every day, its renewal, minted a month ahead, and a check-in of the first in its last days.
fn checked_in() -> Sale {
    let sale = Sale::new();
    let issue = ["issue", "--tier", "pro", "--customer", "Daily"];
    let term = ["--issued-at", "2026-01-01", "--expires", "2026-01-31"];
    sale.mint(&[&issue[..], &term].concat(), "daily.lic");
    let renew = words("renew daily.lic --days 365 --issued-at 2026-01-02");
    sale.mint(&renew, "next.lic");
    let check_in = ["check-in", "daily.lic", "--issued-at", "2026-01-28"];
    sale.mint(&check_in, "said.lic");
    sale
}

#[test]
fn a_renewal_that_was_minted_early_is_not_overdue_on_its_first_day() {
    let sale = checked_in();
    let _ = sale.install("daily.lic", "2026-01-02").expect_code(0);
    let _ = sale.install("next.lic", "2026-01-03").expect_code(0);
    let _ = sale.install("said.lic", "2026-01-28").expect_code(0);
    for (at, code) in [
        ("2026-01-29", "GRACE_OFFLINE"),
        ("2026-02-01T00:00:00Z", "VALID"),
        ("2026-02-05", "GRACE_OFFLINE"),
        ("2026-02-08T00:00:01Z", "CHECK_IN_OVERDUE"),
    ] {
        let status = sale.status(at);
        assert_eq!(status["code"], code, "{at}");
        if code != "CHECK_IN_OVERDUE" {
            assert_eq!(status["holds_until"], "2026-02-08T00:00:00Z", "{at}");
        }
    }
}

#[test]
fn a_renewal_that_is_installed_on_its_first_day_holds_and_a_check_in_of_the_license_before_counts()
{
    let sale = checked_in();
    let _ = sale.install("daily.lic", "2026-01-02").expect_code(0);
    let _ = sale.install("next.lic", "2026-02-01").expect_code(0);
    assert_eq!(sale.status("2026-02-01")["code"], "VALID");
    let check_in = ["check-in", "daily.lic", "--issued-at", "2026-02-06"];
    sale.mint(&check_in, "late.lic");
    let _ = sale
        .install("late.lic", "2026-02-06T01:00:00Z")
        .expect_code(0);
    assert_eq!(sale.status("2026-02-06T02:00:00Z")["code"], "VALID");
}

#[test]
fn a_renewal_is_no_way_out_of_a_suspension() {
    let sale = checked_in();
    let _ = sale.install("daily.lic", "2026-01-02").expect_code(0);
    let rest = ["check-in", "daily.lic", "--status", "suspended"];
    sale.mint(
        &[&rest[..], &["--issued-at", "2026-01-20"]].concat(),
        "rest.lic",
    );
    let _ = sale
        .install("rest.lic", "2026-01-20T01:00:00Z")
        .expect_code(1);
    let _ = sale.install("next.lic", "2026-02-01").expect_code(1);
    assert_eq!(sale.status("2026-02-01")["code"], "SUSPENDED");
    let lift = ["check-in", "next.lic", "--issued-at", "2026-02-02"];
    sale.mint(&lift, "lift.lic");
    let _ = sale.install("lift.lic", "2026-02-02").expect_code(0);
    assert_eq!(sale.status("2026-02-02T01:00:00Z")["code"], "VALID");
}

#[test]
fn before_a_renewal_begins_the_license_that_has_begun_tells_why_it_does_not_hold() {
    let sale = checked_in();
    let _ = sale.install("daily.lic", "2026-01-02").expect_code(0);
    let _ = sale.install("next.lic", "2026-01-03").expect_code(0);
    let status = sale.status("2026-01-20");
    assert_eq!(status["code"], "CHECK_IN_OVERDUE");
    assert_eq!(status["expires_at"], "2026-02-01T00:00:00Z");
}

#[test]
fn a_renewal_that_is_verified_before_it_begins_is_said_to_go_beside_the_license() {
    let sale = checked_in();
    let args = words("verify next.lic --trust trust.jwks --at 2026-01-20");
    let told = Run::license(&sale.machine).args(args).run().expect_code(1);
    assert!(told.stdout.contains("NOT_YET_VALID"), "{told:?}");
    assert!(told.stderr.contains("both in one file"), "{told:?}");
    let both = sale.machine.read("daily.lic") + &sale.machine.read("next.lic");
    sale.machine.write("both.lic", both);
    let args = words("verify both.lic --trust trust.jwks --at 2026-01-02");
    let _ = Run::license(&sale.machine).args(args).run().expect_code(0);
}
