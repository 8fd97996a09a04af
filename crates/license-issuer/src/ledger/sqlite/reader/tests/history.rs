//! Successors, and the period in which users are named.

use super::*;

fn license(id: &str, issued_at: &str, users: &[&str], supersedes: &[&str]) -> NewLedgerEntry {
    NewLedgerEntry {
        kind: LedgerEntryKind::License,
        subject: id.to_owned(),
        body: json!({ "issued_at": issued_at, "users": users, "supersedes": supersedes }),
        artifact: id.to_owned(),
    }
}

const MONTHS: [&str; 4] = ["2027-01-01", "2027-02-01", "2027-03-01", "2027-04-01"];

#[test]
fn a_user_is_named_since_the_first_license_of_an_uninterrupted_series() {
    let [a, b, c, d] = MONTHS;
    let (_directory, ledger) = ledger(&[
        license("a", a, &["alice", "bob"], &[]),
        license("b", b, &["carol", "bob"], &["a"]),
        license("c", c, &["carol", "bob", "dan"], &["a", "b"]),
        license("d", d, &["alice", "bob", "dan"], &["a", "b", "c"]),
    ]);
    let since = |license, user| ledger.named_since(license, user).unwrap();
    assert_eq!(since("d", "bob"), Some(at(a)));
    assert_eq!(since("d", "dan"), Some(at(c)));
    // A license between "a" and "d" does not name alice.
    assert_eq!(since("d", "alice"), Some(at(d)));
    assert_eq!(since("a", "alice"), Some(at(a)));
    assert_eq!(since("d", "carol"), None);
    assert_eq!(since("none", "alice"), None);
}

#[test]
fn the_search_for_the_start_ends_if_licenses_replace_each_other() {
    let [a, b, ..] = MONTHS;
    let (_directory, ledger) = ledger(&[
        license("a", a, &["alice"], &["b", "a"]),
        license("b", b, &["alice"], &["a", "b", "gone"]),
    ]);
    assert_eq!(ledger.named_since("b", "alice").unwrap(), Some(at(a)));
    assert_eq!(ledger.named_since("a", "alice").unwrap(), Some(at(a)));
}

#[test]
fn the_latest_of_several_successors_is_returned() {
    let [a, b, c, _] = MONTHS;
    let (_directory, ledger) = ledger(&[
        license("z", a, &[], &[]),
        license("y", b, &[], &["z"]),
        license("x", c, &[], &["z", "y"]),
    ]);
    assert_eq!(ledger.successor("z").unwrap().as_deref(), Some("x"));
    assert_eq!(ledger.successor("x").unwrap(), None);
}
