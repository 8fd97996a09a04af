//! Usage reports: changed, missing and contradictory entries are found, and private parts may be
//! deleted.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::usage::{
    ChainFinding, ChainSummary, ClosedEntry, MAX_REPORT_BYTES, OpenPeriod, UsageCounts,
    UsageReport, UsageReportError, examine, examine_entries, write,
};
use license_core::{Code, LicenseId, ProductCode, time};
use proptest::prelude::*;

const DAY: TimeDelta = TimeDelta::days(1);

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn noon() -> DateTime<Utc> {
    time::parse_instant("2027-03-01T12:00:00Z").unwrap()
}

/// Returns a time long after the entries, for the clock of the vendor.
fn later() -> DateTime<Utc> {
    time::parse_instant("2030-01-01").unwrap()
}

fn license() -> LicenseId {
    LicenseId::from_random(time::from_unix_seconds(1_795_000_000).unwrap(), &[0xab; 10])
}

/// Returns a source of different salts.
fn salts() -> impl FnMut() -> Option<[u8; 16]> {
    let mut number = 0_u8;
    move || {
        number += 1;
        Some([number; 16])
    }
}

fn counts(number: u64) -> UsageCounts {
    let mut counts =
        UsageCounts::quota_used("commands_per_day", number + 1).user(Some("änn \u{202e}"));
    counts.add(&UsageCounts::feature_refused(
        "sso",
        Code::FeatureNotIncluded,
    ));
    counts.add(&UsageCounts::session(
        "sess_00112233445566778899aabbccddeeff",
    ));
    counts
}

/// Returns entries of a chain, one per day.
fn chain(fresh: u8, entries: u64) -> Vec<ClosedEntry> {
    let mut period = OpenPeriod::new(None, [fresh; 16], 0);
    let mut closed = Vec::new();
    let mut salt = salts();
    for day in 0..i32::try_from(entries).unwrap() {
        period.add(
            Some(&license()),
            &counts(day.try_into().unwrap()),
            noon() + DAY * day,
        );
        closed.extend(
            period
                .close(product(), Some("mach_00"), 0, &mut salt)
                .unwrap(),
        );
    }
    closed
}

fn text(entries: &[ClosedEntry]) -> String {
    write(product(), entries, false)
}

fn read(text: &str) -> Vec<ChainSummary> {
    examine(&UsageReport::parse_all(text).unwrap(), later())
}

/// Returns the codes of the findings in a text, or `None` if it cannot be parsed.
fn codes(text: &str) -> Option<Vec<&'static str>> {
    let reports = UsageReport::parse_all(text).ok()?;
    let chains = examine(&reports, later());
    let findings = chains.iter().flat_map(|chain| &chain.findings);
    Some(findings.map(ChainFinding::code).collect())
}

#[test]
fn a_written_report_is_complete() {
    let chains = read(&text(&chain(1, 5)));
    let [chain] = &chains[..] else {
        panic!("{chains:?}")
    };
    assert!(
        chain.is_complete() && chain.findings.is_empty(),
        "{chain:?}"
    );
    assert_eq!(
        (chain.entries, chain.private_parts, chain.numbers),
        (5, 5, (1, 5))
    );
    assert_eq!(chain.period, (noon(), noon() + DAY * 4));
}

#[test]
fn a_report_consists_of_ascii_lines() {
    let text = text(&chain(1, 3));
    assert!(
        text.bytes()
            .all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte))
    );
    assert_eq!(text.lines().count(), 1 + 2 * 3);
}

#[test]
fn every_changed_byte_of_an_entry_is_found() {
    let text = text(&chain(1, 3));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("{\"entry\"") {
            for index in at..at + line.len() - 1 {
                let mut bytes = text.clone().into_bytes();
                // A character of the same kind, so that the line often still parses.
                bytes[index] = match bytes[index] {
                    b'0'..=b'8' | b'a'..=b'y' => bytes[index] + 1,
                    b'9' => b'1',
                    _ => b'x',
                };
                let changed = String::from_utf8(bytes).unwrap();
                let found = codes(&changed);
                let is_found = found.is_none_or(|codes| {
                    codes
                        .iter()
                        .any(|code| ["EDITED", "REORDERED", "GAP"].contains(code))
                });
                assert!(is_found, "{index}: {}", &changed[at..at + line.len()]);
            }
        }
        at += line.len();
    }
}

#[test]
fn private_parts_may_be_deleted_line_by_line() {
    let entries = chain(1, 4);
    let text = text(&entries);
    let private_parts: Vec<_> = entries
        .iter()
        .map(|closed| closed.private.as_str())
        .collect();
    for selection in 0_u32..1 << private_parts.len() {
        let is_kept = |line: &&str| match private_parts.iter().position(|part| part == line) {
            Some(at) => selection & (1 << at) != 0,
            None => true,
        };
        let remaining: Vec<_> = text.lines().filter(is_kept).collect();
        let chains = read(&remaining.join("\n"));
        assert_eq!(chains[0].findings, []);
        assert_eq!(
            chains[0].private_parts,
            usize::try_from(selection.count_ones()).unwrap()
        );
    }
    let anonymized = write(product(), &entries, true);
    assert_eq!(read(&anonymized)[0].findings, []);
    for name in ["mach_00", "sess_", "nn ", "salt"] {
        let is_present = anonymized.lines().skip(1).any(|line| line.contains(name));
        assert!(!is_present, "{name}");
    }
}

#[test]
fn a_changed_private_part_is_found() {
    let changed = text(&chain(1, 2)).replacen("mach_00", "mach_01", 1);
    assert_eq!(codes(&changed).unwrap(), ["EDITED"]);
}

#[test]
fn changed_line_breaks_and_white_space_are_accepted() {
    let text = text(&chain(1, 3));
    for same in [
        text.replace('\n', "\r\n"),
        format!("\u{feff}\n\n{text}\n \n"),
        text.lines().map(|line| format!("  {line} \n\n")).collect(),
        text.trim_end().to_owned(),
        text.repeat(2),
    ] {
        assert_eq!(codes(&same).unwrap(), [""; 0]);
    }
}

#[test]
fn removed_added_and_moved_lines_are_found() {
    let entries = chain(1, 5);
    let whole = text(&entries);
    let without = |index: usize| whole.replace(&format!("{}\n", entries[index].entry), "");
    assert_eq!(codes(&without(0)).unwrap(), ["INCOMPLETE", "EDITED"]);
    assert_eq!(codes(&without(2)).unwrap(), ["INCOMPLETE", "EDITED", "GAP"]);
    assert!(codes(&without(4)).unwrap().contains(&"INCOMPLETE"));
    let lines: Vec<_> = whole
        .lines()
        .filter(|line| !line.contains("\"private\":"))
        .collect();
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]].join("\n");
    assert!(codes(&swapped).unwrap().contains(&"REORDERED"));
    let doubled = [&lines[..], &lines[1..2]].concat().join("\n");
    assert!(codes(&doubled).unwrap().contains(&"REORDERED"));
    let cut = lines[..3].join("\n");
    assert!(codes(&cut).unwrap().contains(&"INCOMPLETE"));
}

#[test]
fn a_chain_may_start_late_and_entries_missing_between_two_reports_are_a_gap() {
    let entries = chain(1, 9);
    assert_eq!(codes(&text(&entries[3..])).unwrap(), [""; 0]);
    let apart = text(&entries[..3]) + &text(&entries[5..]);
    assert_eq!(
        read(&apart)[0].findings,
        [ChainFinding::Gap { first: 4, last: 5 }]
    );
    let overlapping = text(&entries[..6]) + &text(&entries[4..]);
    assert_eq!(codes(&overlapping).unwrap(), [""; 0]);
}

#[test]
fn two_continuations_of_a_chain_are_a_fork_but_not_a_fault() {
    let one = chain(1, 5);
    let mut period = OpenPeriod::new(one[2].next_position(), [9; 16], 0);
    period.add(None, &counts(70), noon() + DAY * 3);
    let other = period
        .close(product(), Some("mach_01"), 0, || Some([99; 16]))
        .unwrap();
    let after: Vec<_> = [&one[..3], &other].concat();
    let chains = read(&(text(&one) + &text(&after)));
    assert!(chains[0].is_complete());
    assert!(chains[0].findings.contains(&ChainFinding::Fork { seq: 4 }));
    // Two reports without a common entry are not a fork.
    let apart = read(&(text(&one[..3]) + &text(&one[3..])));
    assert!(apart[0].findings.is_empty());
    let lines = [&one[0].entry, &one[1].entry, &one[2].entry, &other[0].entry];
    let chains = examine_entries(lines.map(String::as_str), later());
    let [chain] = &chains[..] else {
        panic!("{chains:?}")
    };
    assert_eq!(chain.findings, [ChainFinding::Lost { seq: 4 }]);
}

#[test]
fn a_wrong_clock_is_a_finding_but_not_a_fault() {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    let mut salt = salts();
    period.add(None, &counts(1).clock_behind(DAY), noon());
    let tolerated = period.close(product(), None, 0, &mut salt).unwrap();
    assert_eq!(codes(&text(&tolerated)).unwrap(), [""; 0]);
    period.add(
        None,
        &counts(1).clock_behind(DAY + TimeDelta::seconds(1)),
        noon() + DAY,
    );
    let behind = period.close(product(), None, 0, &mut salt).unwrap();
    assert_eq!(codes(&text(&behind)).unwrap(), ["CLOCK_JUMP"]);
    period.add(None, &counts(1), time::parse_instant("2099-01-01").unwrap());
    let ahead = period.close(product(), None, 0, &mut salt).unwrap();
    assert_eq!(codes(&text(&ahead)).unwrap(), ["CLOCK_JUMP"]);
    period.add(None, &counts(1), noon() + DAY * 3);
    let lowered = period.close(product(), None, 1, &mut salt).unwrap();
    let found = read(&text(&[ahead, lowered].concat()));
    let jumps = found[0]
        .findings
        .iter()
        .filter(|finding| finding.code() == "CLOCK_JUMP");
    assert_eq!(jumps.count(), 3, "{found:?}");
    assert!(found[0].is_complete());
    assert!(text(&chain(1, 1)).len() < 4096);
}

#[test]
fn an_entry_at_the_latest_instant_can_be_read() {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    period.add(None, &counts(1), time::MAX);
    let closed = period.close(product(), None, 0, salts()).unwrap();
    assert_eq!(codes(&text(&closed)).unwrap(), ["CLOCK_JUMP"]);
}

#[test]
fn an_invalid_report_is_refused_with_the_line_number() {
    let whole = text(&chain(1, 2));
    let refused = |text: &str| UsageReport::parse_all(text).unwrap_err();
    assert!(matches!(refused(""), UsageReportError::Empty));
    assert!(matches!(refused("hello"), UsageReportError::NoHeader));
    assert!(matches!(refused("{\"a\":1}"), UsageReportError::NoHeader));
    let header = whole.lines().next().unwrap();
    assert!(matches!(
        refused(header),
        UsageReportError::NoEntries { expected: 2 }
    ));
    let large = " ".repeat(MAX_REPORT_BYTES + 1);
    assert!(matches!(refused(&large), UsageReportError::TooLarge { .. }));
    let newer = refused(&whole.replace("\"usage_report\":1", "\"usage_report\":2"));
    assert_eq!(newer.code(), Code::UnsupportedVersion);
    for (from, to) in [
        ("\"sessions\":1,", "\"sessions\":1,\"sessions\":1,"),
        ("\"sessions\":1,", "\"sessions\":\"1\","),
        ("\"sessions\":1,", "\"sessions\":-1,"),
        ("\"sessions\":1,", ""),
        ("\"lost\":false", "\"lost\":null"),
        ("\"entry\":1,", "\"entry\":0,"),
        ("}\n{\"private\"", "\n{\"private\""),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole, "{from}");
        assert!(
            matches!(refused(&changed), UsageReportError::Line { number: 2, .. }),
            "{to}"
        );
    }
}

#[test]
fn an_unknown_line_is_refused() {
    let whole = text(&chain(1, 2)) + "{\"note\":\"hello\"}\n";
    assert!(UsageReport::parse_all(&whole).is_err());
}

#[test]
fn each_license_of_a_period_has_its_own_chained_entry() {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    period.add(Some(&license()), &counts(1), noon());
    period.add(None, &counts(2), noon());
    let closed = period.close(product(), None, 0, salts()).unwrap();
    assert_eq!(closed.len(), 2);
    assert_eq!(codes(&text(&closed)).unwrap(), [""; 0]);
    assert!(
        period
            .close(product(), None, 0, salts())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_period_ends_at_midnight_or_before_a_ninth_license() {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    let midnight = time::parse_instant("2027-03-02").unwrap();
    assert!(!period.is_over(None, noon()));
    period.add(None, &counts(1), noon());
    assert!(!period.is_over(None, midnight - TimeDelta::seconds(1)));
    assert!(period.is_over(None, midnight));
    let id = |number: u8| LicenseId::from_random(noon(), &[number; 10]);
    for number in 0..7 {
        assert!(!period.is_over(Some(&id(number)), noon()));
        period.add(Some(&id(number)), &counts(1), noon());
    }
    assert!(period.is_over(Some(&id(7)), noon()));
    assert!(!period.is_over(Some(&id(6)), noon()));
}

#[test]
fn without_a_salt_the_period_is_not_closed_and_keeps_its_counts() {
    let mut period = OpenPeriod::new(None, [1; 16], 0);
    period.add(None, &counts(1), noon());
    let before = period.clone();
    assert!(period.close(product(), None, 0, || None).is_none());
    assert_eq!(period, before);
}

#[test]
fn merging_keeps_the_later_copy_or_the_higher_counts() {
    let mut few = OpenPeriod::new(None, [1; 16], 0);
    few.add(None, &counts(1), noon());
    let mut many = few.clone();
    many.add(None, &counts(5), noon() + TimeDelta::minutes(1));
    assert_eq!(few.clone().merged(many.clone()), many);
    assert_eq!(many.clone().merged(few.clone()), many);
    let mut next = many.clone();
    let _ = next.close(product(), None, 0, salts()).unwrap();
    assert_eq!(next.clone().merged(many.clone()), next);
    assert_eq!(many.merged(next.clone()), next);
}

#[test]
fn the_json_form_of_a_period_round_trips() {
    let mut period = OpenPeriod::new(None, [1; 16], 3);
    period.add(Some(&license()), &counts(1), noon());
    period.add(None, &counts(2), noon());
    assert_eq!(OpenPeriod::from_json(&period.to_json()), Some(period));
    assert_eq!(
        OpenPeriod::from_json(&serde_json::json!({ "chain": 1 })),
        None
    );
}

proptest! {
    #[test]
    fn arbitrary_texts_do_not_panic(noise in ".{0,200}", at in 0_usize..3000, other in any::<char>()) {
        let _ = UsageReport::parse_all(&noise);
        let mut text = text(&chain(1, 2));
        if at <= text.len() {
            text.insert(at, other);
        }
        if let Ok(reports) = UsageReport::parse_all(&text) {
            let _ = examine(&reports, noon());
        }
    }

    #[test]
    fn gaps_cover_exactly_the_missing_entries(
        selection in proptest::collection::vec(any::<bool>(), 2..20),
    ) {
        let entries = chain(1, u64::try_from(selection.len()).unwrap());
        let remaining = entries.iter().zip(&selection).filter(|(_, is_kept)| **is_kept);
        let remaining: Vec<_> = remaining.map(|(entry, _)| entry.entry.as_str()).collect();
        let chains = examine_entries(remaining.iter().copied(), later());
        let missing: u64 = chains.iter().flat_map(|chain| &chain.findings).map(|finding| match finding {
            ChainFinding::Gap { first, last } => last - first + 1,
            other => panic!("{other:?}"),
        }).sum();
        let numbers = chains.first().map_or(0, |chain| chain.numbers.1 - chain.numbers.0 + 1);
        prop_assert_eq!(missing + u64::try_from(remaining.len()).unwrap(), numbers);
    }
}

/// Returns a forged report with chains of one entry each, and with unmatched private parts.
fn forged(chains: u32, unmatched: usize) -> String {
    let entry = |number: u32| {
        let mut fresh = [0; 16];
        fresh[..4].copy_from_slice(&number.to_be_bytes());
        let mut period = OpenPeriod::new(None, fresh, 0);
        period.add(
            None,
            &UsageCounts::quota_used("commands_per_day", 1),
            noon(),
        );
        period.close(product(), None, 0, || Some(fresh)).unwrap()
    };
    let entries: Vec<_> = (0..chains).flat_map(entry).collect();
    write(product(), &entries, true) + &"{\"private\":{}}\n".repeat(unmatched)
}

#[test]
fn the_findings_of_a_forged_report_are_bounded() {
    let text = forged(1500, 200_000);
    let started = std::time::Instant::now();
    let chains = read(&text);
    let findings = || chains.iter().flat_map(|chain| &chain.findings);
    assert_eq!((chains.len(), findings().count()), (1500, 1500));
    let length: usize = findings().map(|finding| finding.to_string().len()).sum();
    assert!(length < text.len(), "{length}");
    assert!(chains.iter().all(|chain| !chain.is_complete()));
    // An algorithm that is linear in chains times lines would need minutes and gigabytes.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn a_finding_lists_the_first_changed_private_parts_and_counts_the_others() {
    let whole = text(&chain(1, 2));
    let changed = |count: usize| {
        let text = whole.clone() + &"{\"private\":{}}\n".repeat(count);
        read(&text)[0].findings[0].to_string()
    };
    assert!(changed(1).starts_with("the private part in line 6 was changed"));
    assert!(changed(2).starts_with("the private parts in lines 6, 7 were changed"));
    let many = changed(1000);
    assert!(many.contains(" 14, 15 and 990 more were changed"), "{many}");
}
