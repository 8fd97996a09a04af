//! Usage reports: what was changed, taken away or told in two ways is found; what may be deleted is not missed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use license_core::usage_report::{
    ChainSummary, Closed, Counts, Finding, MAX_REPORT_BYTES, Period, UsageReport, UsageReportError,
    examine, examine_entries, write,
};
use license_core::{Code, LicenseId, ProductCode, Timestamp};
use proptest::prelude::*;

const DAY: u64 = 86_400;

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn noon() -> Timestamp {
    Timestamp::parse("2027-03-01T12:00:00Z").unwrap()
}

/// A reader's clock, long after.
fn later() -> Timestamp {
    Timestamp::parse("2030-01-01").unwrap()
}

fn license() -> LicenseId {
    LicenseId::from_random(1_795_000_000_000, &[0xab; 10])
}

/// Salts that differ.
fn salts() -> impl FnMut() -> Option<[u8; 16]> {
    let mut number = 0_u8;
    move || {
        number += 1;
        Some([number; 16])
    }
}

fn counts(number: u64) -> Counts {
    let mut counts = Counts::used("commands_per_day", number + 1).by(Some("änn \u{202e}"));
    counts.add(&Counts::feature_refused("sso", Code::FeatureNotIncluded));
    counts.add(&Counts::session("sess_00112233445566778899aabbccddeeff"));
    counts
}

/// So many entries of a chain, one a day.
fn chain(fresh: u8, entries: u64) -> Vec<Closed> {
    let mut period = Period::begin(None, [fresh; 16], 0);
    let mut closed = Vec::new();
    let mut salt = salts();
    for day in 0..entries {
        period.add(Some(&license()), &counts(day), noon().plus(day * DAY));
        closed.extend(
            period
                .close(product(), Some("mach_00"), 0, &mut salt)
                .unwrap(),
        );
    }
    closed
}

fn text(entries: &[Closed]) -> String {
    write(product(), entries, false)
}

fn read(text: &str) -> Vec<ChainSummary> {
    examine(&UsageReport::parse_all(text).unwrap(), later())
}

/// The codes of what is found in a text; none if it can't even be read.
fn codes(text: &str) -> Option<Vec<&'static str>> {
    let reports = UsageReport::parse_all(text).ok()?;
    let chains = examine(&reports, later());
    let findings = chains.iter().flat_map(|chain| &chain.findings);
    Some(findings.map(Finding::code).collect())
}

#[test]
fn what_was_written_is_whole() {
    let chains = read(&text(&chain(1, 5)));
    let [chain] = &chains[..] else {
        panic!("{chains:?}")
    };
    assert!(chain.is_whole() && chain.findings.is_empty(), "{chain:?}");
    assert_eq!(
        (chain.entries, chain.private_parts, chain.numbers),
        (5, 5, (1, 5))
    );
    assert_eq!(chain.period, (noon(), noon().plus(4 * DAY)));
}

#[test]
fn what_is_written_is_ascii_and_a_line_each() {
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
                // Another character of the same sort, so that as much as possible still parses.
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
fn what_names_somebody_may_be_deleted_line_by_line() {
    let entries = chain(1, 4);
    let text = text(&entries);
    let privates: Vec<_> = entries
        .iter()
        .map(|closed| closed.private.as_str())
        .collect();
    for kept in 0_u32..1 << privates.len() {
        let is_kept = |line: &&str| match privates.iter().position(|private| private == line) {
            Some(at) => kept & (1 << at) != 0,
            None => true,
        };
        let left: Vec<_> = text.lines().filter(is_kept).collect();
        let chains = read(&left.join("\n"));
        assert_eq!(chains[0].findings, []);
        assert_eq!(
            chains[0].private_parts,
            usize::try_from(kept.count_ones()).unwrap()
        );
    }
    let anonymised = write(product(), &entries, true);
    assert_eq!(read(&anonymised)[0].findings, []);
    for name in ["mach_00", "sess_", "nn ", "salt"] {
        let named = anonymised.lines().skip(1).any(|line| line.contains(name));
        assert!(!named, "{name}");
    }
}

#[test]
fn a_private_part_that_was_changed_is_found() {
    let changed = text(&chain(1, 2)).replacen("mach_00", "mach_01", 1);
    assert_eq!(codes(&changed).unwrap(), ["EDITED"]);
}

#[test]
fn what_an_editor_or_a_mail_program_does_to_line_ends_changes_nothing() {
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
fn lines_that_were_taken_out_added_or_moved_are_found() {
    let entries = chain(1, 5);
    let whole = text(&entries);
    let without = |gone: usize| whole.replace(&format!("{}\n", entries[gone].entry), "");
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
fn what_begins_late_is_whole_and_what_is_missing_between_two_reports_is_a_gap() {
    let entries = chain(1, 9);
    assert_eq!(codes(&text(&entries[3..])).unwrap(), [""; 0]);
    let apart = text(&entries[..3]) + &text(&entries[5..]);
    assert_eq!(
        read(&apart)[0].findings,
        [Finding::Gap { first: 4, last: 5 }]
    );
    let overlapping = text(&entries[..6]) + &text(&entries[4..]);
    assert_eq!(codes(&overlapping).unwrap(), [""; 0]);
}

#[test]
fn two_histories_of_one_chain_are_a_fork_and_no_fault() {
    let one = chain(1, 5);
    let mut period = Period::begin(one[2].next_place(), [9; 16], 0);
    period.add(None, &counts(70), noon().plus(3 * DAY));
    let other = period
        .close(product(), Some("mach_01"), 0, || Some([99; 16]))
        .unwrap();
    let after: Vec<_> = [&one[..3], &other].concat();
    let chains = read(&(text(&one) + &text(&after)));
    assert!(chains[0].is_whole());
    assert!(chains[0].findings.contains(&Finding::Fork { seq: 4 }));
    // The same where the two share no number.
    let apart = read(&(text(&one[..3]) + &text(&one[3..])));
    assert!(apart[0].findings.is_empty());
    let lines = [&one[0].entry, &one[1].entry, &one[2].entry, &other[0].entry];
    let [chain] = &examine_entries(lines.map(String::as_str), later())[..] else {
        panic!()
    };
    assert_eq!(chain.findings, [Finding::Lost { seq: 4 }]);
}

#[test]
fn a_clock_that_was_behind_lowered_or_ahead_is_told_and_no_fault() {
    let mut period = Period::begin(None, [1; 16], 0);
    let mut salt = salts();
    period.add(None, &counts(1).with_clock_behind(DAY), noon());
    let tolerated = period.close(product(), None, 0, &mut salt).unwrap();
    assert_eq!(codes(&text(&tolerated)).unwrap(), [""; 0]);
    period.add(
        None,
        &counts(1).with_clock_behind(DAY + 1),
        noon().plus(DAY),
    );
    let behind = period.close(product(), None, 0, &mut salt).unwrap();
    assert_eq!(codes(&text(&behind)).unwrap(), ["CLOCK_JUMP"]);
    period.add(None, &counts(1), Timestamp::parse("2099-01-01").unwrap());
    let ahead = period.close(product(), None, 0, &mut salt).unwrap();
    assert_eq!(codes(&text(&ahead)).unwrap(), ["CLOCK_JUMP"]);
    period.add(None, &counts(1), noon().plus(3 * DAY));
    let lowered = period.close(product(), None, 1, &mut salt).unwrap();
    let found = read(&text(&[ahead, lowered].concat()));
    let jumps = found[0]
        .findings
        .iter()
        .filter(|finding| finding.code() == "CLOCK_JUMP");
    assert_eq!(jumps.count(), 3, "{found:?}");
    assert!(found[0].is_whole());
    assert!(text(&chain(1, 1)).len() < 4096);
}

#[test]
fn a_mark_after_the_year_9999_is_written_so_that_it_can_be_read() {
    let mut period = Period::begin(None, [1; 16], 0);
    period.add(None, &counts(1), Timestamp::MAX);
    let closed = period.close(product(), None, 0, salts()).unwrap();
    assert_eq!(codes(&text(&closed)).unwrap(), ["CLOCK_JUMP"]);
}

#[test]
fn what_is_no_report_is_refused_with_its_line() {
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
    assert!(refused(&whole.replace("\"usage_report\":1", "\"usage_report\":2")).is_of_newer());
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
fn a_line_of_another_sort_is_no_silent_place_to_hide_one() {
    let whole = text(&chain(1, 2)) + "{\"note\":\"hello\"}\n";
    assert!(UsageReport::parse_all(&whole).is_err());
}

#[test]
fn each_license_of_a_period_has_an_entry_and_they_follow_each_other() {
    let mut period = Period::begin(None, [1; 16], 0);
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
fn a_period_ends_with_its_day_and_not_before_and_with_the_ninth_license() {
    let mut period = Period::begin(None, [1; 16], 0);
    let midnight = Timestamp::parse("2027-03-02").unwrap();
    assert!(!period.is_over(None, noon()));
    period.add(None, &counts(1), noon());
    assert!(!period.is_over(None, midnight.minus(1)));
    assert!(period.is_over(None, midnight));
    let of = |number: u8| LicenseId::from_random(1, &[number; 10]);
    for number in 0..7 {
        assert!(!period.is_over(Some(&of(number)), noon()));
        period.add(Some(&of(number)), &counts(1), noon());
    }
    assert!(period.is_over(Some(&of(7)), noon()));
    assert!(!period.is_over(Some(&of(6)), noon()));
}

#[test]
fn without_a_salt_nothing_is_closed_and_nothing_is_lost() {
    let mut period = Period::begin(None, [1; 16], 0);
    period.add(None, &counts(1), noon());
    let before = period.clone();
    assert!(period.close(product(), None, 0, || None).is_none());
    assert_eq!(period, before);
}

#[test]
fn of_two_copies_the_one_that_is_further_on_counts_and_of_two_alike_the_higher_counts() {
    let mut few = Period::begin(None, [1; 16], 0);
    few.add(None, &counts(1), noon());
    let mut many = few.clone();
    many.add(None, &counts(5), noon().plus(60));
    assert_eq!(few.clone().merged(many.clone()), many);
    assert_eq!(many.clone().merged(few.clone()), many);
    let mut next = many.clone();
    let _ = next.close(product(), None, 0, salts()).unwrap();
    assert_eq!(next.clone().merged(many.clone()), next);
    assert_eq!(many.merged(next.clone()), next);
}

#[test]
fn a_period_reads_as_it_is_written() {
    let mut period = Period::begin(None, [1; 16], 3);
    period.add(Some(&license()), &counts(1), noon());
    period.add(None, &counts(2), noon());
    assert_eq!(Period::from_json(&period.to_json()), Some(period));
    assert_eq!(Period::from_json(&serde_json::json!({ "chain": 1 })), None);
}

proptest! {
    /// Whatever is thrown at it is refused or read, and never panics.
    #[test]
    fn no_text_panics(noise in ".{0,200}", at in 0_usize..3000, other in any::<char>()) {
        let _ = UsageReport::parse_all(&noise);
        let mut text = text(&chain(1, 2));
        if at <= text.len() {
            text.insert(at, other);
        }
        if let Ok(reports) = UsageReport::parse_all(&text) {
            let _ = examine(&reports, noon());
        }
    }

    /// Any part of any chains, in any number of reports: what is there of the middle is never more than what is missing.
    #[test]
    fn gaps_are_what_is_missing_between_the_first_and_the_last(kept in proptest::collection::vec(any::<bool>(), 2..20)) {
        let entries = chain(1, u64::try_from(kept.len()).unwrap());
        let left = entries.iter().zip(&kept).filter(|(_, kept)| **kept);
        let left: Vec<_> = left.map(|(entry, _)| entry.entry.as_str()).collect();
        let chains = examine_entries(left.iter().copied(), later());
        let missing: u64 = chains.iter().flat_map(|chain| &chain.findings).map(|finding| match finding {
            Finding::Gap { first, last } => last - first + 1,
            other => panic!("{other:?}"),
        }).sum();
        let numbers = chains.first().map_or(0, |chain| chain.numbers.1 - chain.numbers.0 + 1);
        prop_assert_eq!(missing + u64::try_from(left.len()).unwrap(), numbers);
    }
}

/// A forged report: so many chains of an entry each, and so many private parts of no entry.
fn forged(chains: u32, strays: usize) -> String {
    let of = |number: u32| {
        let mut fresh = [0; 16];
        fresh[..4].copy_from_slice(&number.to_be_bytes());
        let mut period = Period::begin(None, fresh, 0);
        period.add(None, &Counts::used("commands_per_day", 1), noon());
        period.close(product(), None, 0, || Some(fresh)).unwrap()
    };
    let entries: Vec<_> = (0..chains).flat_map(of).collect();
    write(product(), &entries, true) + &"{\"private\":{}}\n".repeat(strays)
}

#[test]
fn what_is_told_of_a_forged_report_is_bounded_by_its_chains() {
    let text = forged(1500, 200_000);
    let started = std::time::Instant::now();
    let chains = read(&text);
    let findings = || chains.iter().flat_map(|chain| &chain.findings);
    assert_eq!((chains.len(), findings().count()), (1500, 1500));
    let told: usize = findings().map(|finding| finding.to_string().len()).sum();
    assert!(told < text.len(), "{told}");
    assert!(chains.iter().all(|chain| !chain.is_whole()));
    // Chains times lines would take minutes and gigabytes.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn private_parts_that_were_changed_are_told_by_their_lines_and_of_many_how_many_there_are() {
    let whole = text(&chain(1, 2));
    let changed = |count: usize| {
        let text = whole.clone() + &"{\"private\":{}}\n".repeat(count);
        read(&text)[0].findings[0].to_string()
    };
    assert!(changed(1).starts_with("the private part in line 6 is "));
    assert!(changed(2).starts_with("the private parts in lines 6, 7 are "));
    let many = changed(1000);
    assert!(
        many.contains(" 14, 15 and 990 more are not as they were written"),
        "{many}"
    );
}
