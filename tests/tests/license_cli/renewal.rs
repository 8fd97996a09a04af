//! Renewals and upgrades on the customer's machine.

use std::fs;

use super::*;

/// A customer's machine with a PRO license until 2026-06-30, and the vendor's workstation that
/// issued this license.
struct Sale {
    workstation: Scratch,
    machine: Scratch,
}

impl Sale {
    fn new() -> Self {
        let vendor = Vendor::shared();
        let sale = Self {
            workstation: vendor.workstation(),
            machine: Scratch::new(),
        };
        sale.machine.write("trust.jwks", &vendor.trust);
        let issue = ["issue", "--tier", "pro", "--customer", "ACME", "--offline"];
        let term = ["--issued-at", "2025-07-01", "--expires", "2026-06-30"];
        sale.issue(&[&issue[..], &term].concat(), "acme.lic");
        sale.install("acme.lic", "2026-01-01").expect_code(0);
        sale
    }

    fn issue(&self, args: &[&str], out: &str) {
        let own = ["--key", "vendor.key", "--out", out];
        let _ = keygen(&self.workstation, &[args, &own].concat()).expect_code(0);
        self.machine.write(out, self.workstation.read(out));
    }

    #[must_use]
    fn install(&self, file: &str, at: &str) -> RunOutput {
        let args = ["install", file, "--trust", "trust.jwks", "--at", at];
        Run::license(&self.machine).args(args).run()
    }

    /// Replaces the installed license with one that allows less.
    #[track_caller]
    fn replace(&self, file: &str, at: &str) {
        let args = [
            "install",
            "--force",
            file,
            "--trust",
            "trust.jwks",
            "--at",
            at,
        ];
        let _ = Run::license(&self.machine).args(args).run().expect_code(0);
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
fn a_renewal_that_is_installed_early_starts_on_time_and_suppresses_the_expiry_warning() {
    let sale = Sale::new();
    assert_eq!(sale.codes("2026-06-20"), ["EXPIRES_SOON"]);
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.issue(&renew, "next.lic");
    let dry = words("install --dry-run next.lic --trust trust.jwks --at 2026-06-20");
    let dry = Run::license(&sale.machine).args(dry).run().expect_code(0);
    let report = sale.install("next.lic", "2026-06-20").expect_code(0);
    assert_eq!(dry.stdout, report.stdout, "the dry run prints the decision");
    assert!(
        report.stderr.contains("starts at 2026-07-01T00:00:00Z"),
        "{report:?}"
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

/// A renewal is never refused, because it starts later. The warning names what the customer loses.
#[test]
fn a_renewal_that_allows_less_is_installed_with_a_warning_of_each_loss() {
    let sale = Sale::new();
    let less = "renew acme.lic --days 365 --issued-at 2026-06-01 --force";
    let less = [
        &words(less)[..],
        &words("--remove-feature hooks --quota agents=7"),
    ]
    .concat();
    sale.issue(&less, "less.lic");
    let dry = words("install --dry-run less.lic --trust trust.jwks --at 2026-06-20");
    let dry = Run::license(&sale.machine).args(dry).run().expect_code(0);
    let installed = sale.install("less.lic", "2026-06-20").expect_code(0);
    let again = sale.install("less.lic", "2026-06-20").expect_code(0);
    for report in [dry, installed, again] {
        let mut warnings = report.stderr.lines();
        let loss = warnings.find(|line| line.starts_with("warning: LOSS: "));
        let loss = loss.unwrap_or_else(|| panic!("expected a warning: {report:?}"));
        for part in ["starts at 2026-07-01T00:00:00Z", "agents", "hooks"] {
            assert!(loss.contains(part), "{loss}");
        }
    }
    assert_eq!(sale.status("2026-06-20")["code"], "VALID");
    let sale = Sale::new();
    let same = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.issue(&same, "same.lic");
    let installed = sale.install("same.lic", "2026-06-20").expect_code(0);
    assert!(!installed.stderr.contains("LOSS"), "{installed:?}");
}

#[test]
fn a_replaced_license_and_its_renewal_have_different_notes() {
    let sale = Sale::new();
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.issue(&renew, "next.lic");
    let _ = sale.install("next.lic", "2026-06-20").expect_code(0);
    let issue = words("issue --tier ent --customer ACME --perpetual");
    sale.issue(&issue, "ent.lic");
    let args = words("install --force ent.lic --trust trust.jwks --at 2026-06-20");
    let replaced = Run::license(&sale.machine).args(args).run().stderr;
    let mut notes: Vec<_> = replaced
        .lines()
        .filter(|line| line.contains("is replaced"))
        .collect();
    notes.sort_unstable();
    let [license, renewal] = notes[..] else {
        panic!("expected two notes: {replaced}")
    };
    assert!(
        license.starts_with("the PRO license of ACME is replaced"),
        "{license}"
    );
    let renewed = "the PRO license of ACME that starts at 2026-07-01T00:00:00Z is replaced";
    assert!(renewal.starts_with(renewed), "{renewal}");
}

/// The name of the customer causes `--` in the payload of the license.
#[test]
fn an_installed_license_with_long_dashes_is_stored_with_its_renewal_as_it_was_signed() {
    let sale = Sale::new();
    let name = "s\u{ff21}".repeat(6);
    let issue = ["issue", "--tier", "pro", "--customer", &name, "--offline"];
    let term = ["--issued-at", "2025-07-01", "--expires", "2026-06-30"];
    sale.issue(&[&issue[..], &term].concat(), "long.lic");
    let signed = sale.machine.read("long.lic");
    let (begin, rest) = signed.split_once('\n').unwrap();
    let (body, end) = rest.split_once("-----END").unwrap();
    assert!(body.contains("--"), "{signed}");
    let body = body.replace("--", "\u{2014}");
    let stored = sale.machine.state().join("license.lic");
    fs::write(&stored, format!("{begin}\n{body}-----END{end}")).unwrap();
    let renew = words("renew long.lic --days 365 --issued-at 2026-06-01");
    sale.issue(&renew, "next.lic");
    let _ = sale.install("next.lic", "2026-06-20").expect_code(0);
    let renewal = sale.machine.read("next.lic");
    assert_eq!(fs::read_to_string(stored).unwrap(), renewal + &signed);
}

#[test]
fn a_renewal_that_is_installed_twice_is_stored_once_and_a_later_renewal_is_added() {
    let sale = Sale::new();
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.issue(&renew, "next.lic");
    for _ in 0..2 {
        let _ = sale.install("next.lic", "2026-06-20").expect_code(0);
    }
    let stored = || fs::read_to_string(sale.machine.state().join("license.lic")).unwrap();
    assert_eq!(stored().matches("BEGIN LICENSE-").count(), 2);
    let renew = words("renew next.lic --until 2028-06-30 --issued-at 2026-06-02");
    sale.issue(&renew, "third.lic");
    let _ = sale.install("third.lic", "2026-06-20").expect_code(0);
    assert_eq!(stored().matches("BEGIN LICENSE-").count(), 3);
    for (at, end) in [
        ("2026-06-20", "2026-07-01T00:00:00Z"),
        ("2027-01-01", "2027-07-01T00:00:00Z"),
        ("2028-01-01", "2028-07-01T00:00:00Z"),
    ] {
        assert_eq!(sale.status(at)["expires_at"], end);
    }
    // Once the last license has started, the previous licenses are removed.
    let _ = sale.install("third.lic", "2027-08-01").expect_code(0);
    assert_eq!(stored().matches("BEGIN LICENSE-").count(), 1);
}

#[test]
fn a_check_in_of_the_license_stays_until_its_renewal_starts() {
    let sale = Sale::new();
    let issue = ["issue", "--tier", "pro", "--customer", "ACME"];
    let term = ["--issued-at", "2026-01-01", "--expires", "2026-06-30"];
    sale.issue(&[&issue[..], &term].concat(), "daily.lic");
    let check_in = ["check-in", "daily.lic", "--issued-at", "2026-06-19"];
    sale.issue(&check_in, "validation.lic");
    sale.machine.write(
        "both.lic",
        sale.machine.read("daily.lic") + &sale.machine.read("validation.lic"),
    );
    sale.replace("both.lic", "2026-06-19T01:00:00Z");
    let renew = words("renew daily.lic --days 365 --issued-at 2026-06-19");
    sale.issue(&renew, "next.lic");
    let _ = sale
        .install("next.lic", "2026-06-19T02:00:00Z")
        .expect_code(0);
    assert_eq!(sale.status("2026-06-19T03:00:00Z")["code"], "VALID");
}

#[test]
fn a_future_license_that_is_not_a_renewal_is_refused() {
    let sale = Sale::new();
    let issue = words("issue --tier ent --customer Other --perpetual");
    let later = ["--issued-at", "2026-01-01", "--not-before", "2030-01-01"];
    sale.issue(&[&issue[..], &later].concat(), "other.lic");
    let _ = sale.install("other.lic", "2026-06-20").expect_failure(1);
    assert_eq!(sale.status("2026-06-20")["tier"], "PRO");
}

#[test]
fn an_upgrade_starts_immediately_and_ends_with_the_previous_license() {
    let sale = Sale::new();
    let upgrade = words("upgrade acme.lic --tier team --seats 20 --issued-at 2026-03-01");
    sale.issue(&upgrade, "team.lic");
    let report = sale.install("team.lic", "2026-03-01").expect_code(0);
    assert!(
        report
            .stderr
            .contains("the PRO license of ACME is replaced\n"),
        "{report:?}"
    );
    // The superseded license is of no use, so it is not kept.
    let args = ["restore", "--at", "2026-03-01"];
    let restore = Run::license(&sale.machine).args(args).run();
    restore.expect_failure(1);
    assert!(report.stderr.contains("warning: LOSS: "), "{report:?}");
    let loss = "quota devices is lowered from unlimited to 5";
    assert!(report.stderr.contains(loss), "{report:?}");
    let status = sale.status("2026-03-01");
    assert_eq!(
        (&status["tier"], &status["quotas"]["users"]),
        (&json!("TEAM"), &json!(20))
    );
    assert_eq!(status["expires_at"], "2026-07-01T00:00:00Z");
}

#[test]
fn a_replaced_license_does_not_replace_its_successor() {
    let sale = Sale::new();
    let upgrade = words("upgrade acme.lic --tier team --issued-at 2026-03-01");
    sale.issue(&upgrade, "team.lic");
    let _ = sale.install("team.lic", "2026-03-01").expect_code(0);
    let error = sale.install("acme.lic", "2026-03-02").expect_failure(1);
    assert!(
        error.message.contains("supersedes the new license"),
        "{error:?}"
    );
    assert!(error.hint.contains("--force"), "{error:?}");
    assert_eq!(sale.status("2026-03-02")["tier"], "TEAM");
}

#[test]
fn installing_a_license_again_does_not_remove_its_renewal() {
    let sale = Sale::new();
    let renew = words("renew acme.lic --days 365 --issued-at 2026-06-01");
    sale.issue(&renew, "next.lic");
    let _ = sale.install("next.lic", "2026-06-20").expect_code(0);
    let _ = sale.install("acme.lic", "2026-06-21").expect_code(0);
    assert_eq!(
        sale.status("2026-07-02")["expires_at"],
        "2027-07-01T00:00:00Z"
    );
    // A renewal that has started is not replaced by the previous license.
    let _ = sale.install("acme.lic", "2026-07-02").expect_failure(1);
    assert_eq!(
        sale.status("2026-07-02")["expires_at"],
        "2027-07-01T00:00:00Z"
    );
}

/// Returns a sale with an installed renewal that has not started.
///
/// `up.lic` is an upgrade of the first license. It was issued with another ledger, so it does not
/// supersede the renewal.
fn with_future_renewal() -> Sale {
    let sale = Sale::new();
    let issued = ["--issued-at", "2026-06-01"];
    let renew = ["renew", "acme.lic", "--days", "365"];
    sale.issue(&[&renew[..], &issued].concat(), "next.lic");
    let upgrade = ["upgrade", "acme.lic", "--tier", "team", "--seats", "50"];
    let separate_ledger = ["--ledger", "other.db", "--trust", "vendor.jwks"];
    sale.workstation
        .write("vendor.jwks", &Vendor::shared().trust);
    let upgrade = [&upgrade[..], &separate_ledger, &issued].concat();
    sale.issue(&upgrade, "up.lic");
    let _ = sale.install("next.lic", "2026-06-10").expect_code(0);
    sale
}

#[test]
fn a_future_renewal_stays_installed_after_an_upgrade() {
    let sale = with_future_renewal();
    let report = sale.install("up.lic", "2026-06-11").expect_code(0);
    let stays = "the PRO license of ACME that starts at 2026-07-01T00:00:00Z stays installed";
    assert!(report.stderr.contains(stays), "{report:?}");
    assert!(
        report
            .stderr
            .contains("the PRO license of ACME is replaced")
    );
    assert_eq!(
        report.stderr.matches("is replaced").count(),
        1,
        "{report:?}"
    );
    for (at, tier, end) in [
        ("2026-06-11", "TEAM", "2026-07-01T00:00:00Z"),
        ("2026-06-30T23:59:59Z", "TEAM", "2026-07-01T00:00:00Z"),
        ("2026-12-28", "PRO", "2027-07-01T00:00:00Z"),
    ] {
        let status = sale.status(at);
        let report = (&status["code"], &status["tier"], &status["expires_at"]);
        assert_eq!(report, (&json!("VALID"), &json!(tier), &json!(end)), "{at}");
    }
}

#[test]
fn a_renewal_in_the_file_does_not_hide_that_the_license_allows_less() {
    let sale = with_future_renewal();
    let at = ["--at", "2026-06-11"];
    let issue = words("issue --tier ent --customer ACME --perpetual --issued-at 2026-06-01");
    sale.issue(&issue, "ent.lic");
    let report = sale.install("ent.lic", at[1]).expect_code(0);
    let undo = "the PRO license of ACME is replaced; `license restore --force` restores it\n";
    assert!(report.stderr.contains(undo), "{report:?}");
    let read = |file: &str| fs::read_to_string(sale.machine.state().join(file)).unwrap();
    let files = || ["license.lic", "license.replaced"].map(read);
    let before = files();
    // The kept file contains the renewal, which is installed as well. The renewal starts later, so
    // the two licenses that take effect now are compared.
    let again = ["install", "acme.lic", "--trust", "trust.jwks"];
    for args in [&["restore"][..], &again] {
        let refused = Run::license(&sale.machine).args(args).args(at).run();
        let error = refused.expect_failure(1);
        let loss = "LOSS: the new PRO license allows less than the installed ENT license";
        assert!(error.text().starts_with(loss), "{error:?}");
        assert!(error.hint.contains("--force"), "{error:?}");
        assert_eq!(files(), before, "{args:?}");
    }
    let forced = ["restore", "--force"];
    let forced = Run::license(&sale.machine).args(forced).args(at).run();
    let report = forced.expect_code(0);
    // A better license needs no force.
    let undo = "the ENT license of ACME is replaced; `license restore` restores it\n";
    assert!(report.stderr.contains(undo), "{report:?}");
    assert_eq!(sale.status(at[1])["tier"], "PRO");
    assert_eq!(
        sale.status("2026-07-02")["expires_at"],
        "2027-07-01T00:00:00Z"
    );
    let restored = Run::license(&sale.machine).arg("restore").args(at).run();
    let _ = restored.expect_code(0);
    assert_eq!(sale.status(at[1])["tier"], "ENT");
}

#[test]
fn force_removes_a_future_renewal() {
    let sale = with_future_renewal();
    let stored = || fs::read_to_string(sale.machine.state().join("license.lic")).unwrap();
    let blocks = || stored().matches("BEGIN LICENSE-").count();
    let _ = sale.install("up.lic", "2026-06-11").expect_code(0);
    assert_eq!(blocks(), 2);
    let args = ["install", "--force", "up.lic", "--trust", "trust.jwks"];
    let at = ["--at", "2026-06-11"];
    let forced = Run::license(&sale.machine).args(args).args(at).run();
    let _ = forced.expect_code(0);
    assert_eq!(blocks(), 1);
}

#[test]
fn a_future_renewal_is_removed_by_a_license_of_another_customer() {
    let sale = with_future_renewal();
    let issue = words("issue --tier ent --customer Other --perpetual");
    let at = ["--issued-at", "2026-06-01"];
    sale.issue(&[&issue[..], &at].concat(), "other.lic");
    let _ = sale.install("other.lic", "2026-06-11").expect_code(0);
    let stored = fs::read_to_string(sale.machine.state().join("license.lic")).unwrap();
    assert_eq!(stored.matches("BEGIN LICENSE-").count(), 1);
}

/// Returns a sale with three more files, which are not installed.
///
/// - `daily.lic` is a license for January that requires daily check-ins.
/// - `next.lic` is its renewal, which was issued on 2026-01-02.
/// - `validation.lic` is a validation token of 2026-01-28.
fn with_check_in() -> Sale {
    let sale = Sale::new();
    let issue = ["issue", "--tier", "pro", "--customer", "Daily"];
    let term = ["--issued-at", "2026-01-01", "--expires", "2026-01-31"];
    sale.issue(&[&issue[..], &term].concat(), "daily.lic");
    let renew = words("renew daily.lic --days 365 --issued-at 2026-01-02");
    sale.issue(&renew, "next.lic");
    let check_in = ["check-in", "daily.lic", "--issued-at", "2026-01-28"];
    sale.issue(&check_in, "validation.lic");
    sale
}

#[test]
fn the_check_in_of_a_renewal_issued_early_is_not_overdue_on_its_first_day() {
    let sale = with_check_in();
    sale.replace("daily.lic", "2026-01-02");
    let _ = sale.install("next.lic", "2026-01-03").expect_code(0);
    let _ = sale.install("validation.lic", "2026-01-28").expect_code(0);
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
fn a_renewal_accepts_a_check_in_of_the_previous_license() {
    let sale = with_check_in();
    sale.replace("daily.lic", "2026-01-02");
    let _ = sale.install("next.lic", "2026-02-01").expect_code(0);
    assert_eq!(sale.status("2026-02-01")["code"], "VALID");
    let check_in = ["check-in", "daily.lic", "--issued-at", "2026-02-06"];
    sale.issue(&check_in, "late.lic");
    let _ = sale
        .install("late.lic", "2026-02-06T01:00:00Z")
        .expect_code(0);
    assert_eq!(sale.status("2026-02-06T02:00:00Z")["code"], "VALID");
}

#[test]
fn a_renewal_does_not_end_a_suspension() {
    let sale = with_check_in();
    sale.replace("daily.lic", "2026-01-02");
    let suspend = ["check-in", "daily.lic", "--status", "suspended"];
    sale.issue(
        &[&suspend[..], &["--issued-at", "2026-01-20"]].concat(),
        "suspension.lic",
    );
    let _ = sale
        .install("suspension.lic", "2026-01-20T01:00:00Z")
        .expect_code(1);
    let _ = sale.install("next.lic", "2026-02-01").expect_code(1);
    assert_eq!(sale.status("2026-02-01")["code"], "SUSPENDED");
    let lift = ["check-in", "next.lic", "--issued-at", "2026-02-02"];
    sale.issue(&lift, "lift.lic");
    let _ = sale.install("lift.lic", "2026-02-02").expect_code(0);
    assert_eq!(sale.status("2026-02-02T01:00:00Z")["code"], "VALID");
}

#[test]
fn before_a_renewal_starts_the_current_license_decides() {
    let sale = with_check_in();
    sale.replace("daily.lic", "2026-01-02");
    let _ = sale.install("next.lic", "2026-01-03").expect_code(0);
    let status = sale.status("2026-01-20");
    assert_eq!(status["code"], "CHECK_IN_OVERDUE");
    assert_eq!(status["expires_at"], "2026-02-01T00:00:00Z");
}

#[test]
fn a_future_renewal_that_is_installed_alone_gives_a_hint_about_the_license_before() {
    let sale = with_check_in();
    let hints = |sale: &Sale, hint: &str| {
        let status = ["status", "--at", "2026-01-20"];
        let status = Run::license(&sale.machine).args(status).run();
        let status = status.expect_code(1);
        assert!(status.stdout.contains("NOT_YET_VALID"), "{status:?}");
        assert!(status.stderr.contains(hint), "{status:?}");
    };
    let dry = words("install --dry-run --force next.lic --trust trust.jwks --at 2026-01-20");
    let dry = Run::license(&sale.machine).args(dry).run().expect_code(1);
    assert!(dry.stderr.contains("hint: also install"), "{dry:?}");
    let force = words("install --force next.lic --trust trust.jwks --at 2026-01-20");
    let force = Run::license(&sale.machine).args(force).run();
    let _ = force.expect_code(1);
    hints(
        &sale,
        "hint: `license restore --force` restores the replaced license",
    );
    let restore = words("restore --force --at 2026-01-20");
    let restore = Run::license(&sale.machine).args(restore).run();
    let _ = restore.expect_code(0);
    let other = Sale {
        workstation: Scratch::new(),
        machine: Scratch::new(),
    };
    for file in ["trust.jwks", "next.lic"] {
        other.machine.write(file, sale.machine.read(file));
    }
    let _ = other.install("next.lic", "2026-01-20").expect_code(1);
    hints(&other, "hint: also install the current license; ");
}

#[test]
fn verifying_a_future_renewal_alone_gives_a_hint_about_the_current_license() {
    let sale = with_check_in();
    let args = words("verify next.lic --trust trust.jwks --at 2026-01-20");
    let report = Run::license(&sale.machine).args(args).run().expect_code(1);
    assert!(report.stdout.contains("NOT_YET_VALID"), "{report:?}");
    assert!(
        report.stderr.contains("both licenses in one file"),
        "{report:?}"
    );
    let both = sale.machine.read("daily.lic") + &sale.machine.read("next.lic");
    sale.machine.write("both.lic", both);
    let args = words("verify both.lic --trust trust.jwks --at 2026-01-02");
    let _ = Run::license(&sale.machine).args(args).run().expect_code(0);
}
