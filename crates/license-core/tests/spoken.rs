//! Lines to speak come back as the bytes they were, however they are typed; what was misheard is found, and in which line.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what can't be so has failed the test"
)]

use license_core::spoken::{self, Fault, FaultKind, MAX_BYTES, MAX_TEXT_BYTES, SpokenError};
use proptest::collection::vec;
use proptest::prelude::*;

/// About what an activation request takes.
fn request() -> Vec<u8> {
    (0..130_u8)
        .map(|byte| byte.wrapping_mul(73) ^ 0x5A)
        .collect()
}

fn lines(content: &[u8]) -> Vec<String> {
    spoken::lines(content).unwrap()
}

fn faults(lines: &[String]) -> Vec<Fault> {
    match spoken::read(&lines.join("\n")) {
        Err(SpokenError::Lines { faults, .. }) => faults,
        other => panic!("{other:?}"),
    }
}

fn with(lines: &[String], place: usize, line: impl Into<String>) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines[place] = line.into();
    lines
}

fn fault(place: usize, kind: FaultKind) -> Fault {
    let line = u8::try_from(place + 1).unwrap();
    Fault { line, kind }
}

/// Where the letters and digits of a line are.
fn places(line: &str) -> Vec<usize> {
    let letters = line.char_indices();
    let places = letters.filter(|(_, letter)| letter.is_ascii_alphanumeric());
    places.map(|(place, _)| place).collect()
}

/// What it is read as.
fn plain(letter: char) -> char {
    match letter.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    }
}

#[test]
fn any_single_wrong_character_is_found_and_its_line_named() {
    let lines = lines(&request());
    assert_eq!(lines.len(), 16);
    for (place, line) in lines.iter().enumerate() {
        for at in places(line) {
            let right = line[at..].chars().next().unwrap();
            let others = ('0'..='9').chain('A'..='Z').chain('a'..='z');
            for letter in others.filter(|other| plain(*other) != plain(right)) {
                let wrong = format!("{}{letter}{}", &line[..at], &line[at + 1..]);
                let found = faults(&with(&lines, place, wrong));
                let is_named = |fault: &Fault| usize::from(fault.line) == place + 1;
                assert!(
                    found.iter().any(is_named),
                    "{line}, {letter} at {at}: {found:?}"
                );
                // If it is not the number that is wrong, nothing else is said of any other.
                assert!(
                    at < 2 || found.len() == 1,
                    "{line}, {letter} at {at}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn any_two_swapped_characters_are_found_neighbours_or_not() {
    let lines = lines(&request());
    for (place, line) in lines.iter().enumerate() {
        let places = places(line);
        for (first, at) in places.iter().enumerate() {
            for other in &places[first + 1..] {
                let mut letters: Vec<char> = line.chars().collect();
                letters.swap(*at, *other);
                let swapped: String = letters.into_iter().collect();
                if swapped != *line {
                    let found = faults(&with(&lines, place, &swapped));
                    let is_named = |fault: &Fault| usize::from(fault.line) == place + 1;
                    assert!(found.iter().any(is_named), "{line}, {swapped}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn a_line_under_any_other_number_is_found() {
    let lines = lines(&request());
    for (place, line) in lines.iter().enumerate() {
        for number in (0..100).filter(|number| *number != place + 1) {
            let moved = format!("{number:02}{}", &line[2..]);
            let found = faults(&with(&lines, place, moved));
            assert!(
                found.contains(&fault(place, FaultKind::Missing)),
                "{found:?}"
            );
        }
    }
    let (first, second) = (&lines[3], &lines[4]);
    let swapped = with(&lines, 3, format!("04{}", &second[2..]));
    let swapped = with(&swapped, 4, format!("05{}", &first[2..]));
    assert_eq!(
        faults(&swapped),
        [fault(3, FaultKind::Check), fault(4, FaultKind::Check)]
    );
}

#[test]
fn a_line_of_another_reading_is_not_mixed_in() {
    let mut other = request();
    other[0] ^= 1;
    for byte in &mut other[1..] {
        *byte = byte.wrapping_add(85);
    }
    let (lines, other) = (lines(&request()), lines(&other));
    for (place, line) in other.iter().enumerate() {
        let mixed = with(&lines, place, line).join("\n");
        assert_eq!(spoken::read(&mixed), Err(SpokenError::Mixed), "{mixed}");
        let beside = [&lines[..], std::slice::from_ref(line)].concat();
        assert_eq!(faults(&beside), [fault(place, FaultKind::Different)]);
    }
    let longer = self::lines(&[7; 140]);
    let beside = [lines, vec![longer[16].clone()]].concat();
    assert_eq!(
        faults(&beside),
        [fault(16, FaultKind::Beyond { count: 16 })]
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_repeated() {
    let lines = lines(&request());
    let mut typed = lines.clone();
    typed[2] = swap_first(&lines[2]);
    typed[5].pop();
    typed[9].replace_range(4..5, "U");
    typed[10] = format!("11  {}ß", &lines[10][4..22]);
    let typed = [&typed[..6], &typed[8..14], &typed[15..]]
        .concat()
        .join("\n");
    let error = spoken::read(&typed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3: the check characters do not match; line 6: expected 16 characters behind the number, found 15; \
         lines 7 to 8: missing; line 10: U is never used, it may be a V or a 0; \
         line 11: expected letters A to Z and digits, found another; line 15: missing"
    );
    assert_eq!(error.code().as_str(), "CHECKSUM_MISMATCH");
    for group in typed
        .split(['\n', ' ', '-'])
        .filter(|group| group.len() > 2)
    {
        assert!(!error.to_string().contains(group));
    }
}

/// The first two groups of a line, swapped.
fn swap_first(line: &str) -> String {
    format!(
        "{}{}-{}{}",
        &line[..4],
        &line[9..13],
        &line[4..8],
        &line[13..]
    )
}

#[test]
fn a_line_that_was_wrong_may_be_typed_again_below() {
    let lines = lines(&request());
    let mut typed = with(&lines, 4, swap_first(&lines[4]));
    typed.push(lines[4].clone());
    assert_eq!(spoken::read(&typed.join("\n")).unwrap(), request());
    // It is only told if something is missing: it may be that.
    typed.remove(7);
    assert_eq!(
        faults(&typed),
        [
            fault(4, FaultKind::AlsoDamaged),
            fault(7, FaultKind::Missing)
        ]
    );
}

#[test]
fn what_people_type_is_read() {
    let lines = lines(&request());
    let plain = lines.join("\n");
    let words = plain.replace(['-', '\n'], " ");
    for typed in [
        plain.to_lowercase(),
        plain.replace('0', "O").replace('1', "l"),
        plain.replace('0', "o").replace('1', "I"),
        plain.replace('-', "–"),
        plain.replace('-', " - "),
        plain.replace('-', ""),
        plain.replace(['-', ' '], ""),
        plain.replace('\n', "\r\n\r\n"),
        plain.replace('\n', "\r"),
        format!("\u{feff}{plain}\r\n"),
        format!("“{plain}”"),
        plain.replace("  ", ": "),
        plain.replace("  ", ") "),
        plain.replace("  ", "."),
        plain.replace('\n', "\n> "),
        plain.replace('\n', "\nline "),
        plain.replace("\n0", "\n"),
        words.clone(),
        format!("Request of Acme, 16 lines, 2027-06-01: {words}"),
        format!(
            "Hello,\n\nour request of 2 June, 16 lines:\n{plain}\n\nKind regards\nTel. 030 1234567\n"
        ),
        format!("{plain}\n{plain}"),
        spelled(&plain),
    ] {
        assert_eq!(spoken::read(&typed).unwrap(), request(), "{typed}");
        assert!(spoken::is_likely(&typed), "{typed}");
    }
    let reversed: Vec<_> = lines.iter().rev().cloned().collect();
    assert_eq!(spoken::read(&reversed.join("\n")).unwrap(), request());
}

/// With a blank between all characters.
fn spelled(text: &str) -> String {
    let letters = text.chars().filter(|letter| !matches!(letter, ' ' | '-'));
    letters.flat_map(|letter| [letter, ' ']).collect()
}

#[test]
fn damage_is_located_in_lines_that_a_chat_has_joined() {
    let mut lines = lines(&request());
    lines[7].pop();
    let joined = lines.join(" ");
    let Err(SpokenError::Lines { faults, .. }) = spoken::read(&joined) else {
        panic!("{joined}")
    };
    let (expected, found) = (16, 15);
    assert_eq!(faults, [fault(7, FaultKind::Length { expected, found })]);
}

#[test]
fn what_to_do_depends_on_whether_lines_are_wrong_or_of_two_readings() {
    let advice = |lines: &[String]| spoken::read(&lines.join("\n")).unwrap_err().advice();
    let lines = lines(&request());
    let again = advice(&lines[1..]);
    assert!(again.starts_with("have these lines read out again"));
    let wrong_number = with(&lines, 8, format!("49{}", &lines[8][2..]));
    assert_eq!(advice(&wrong_number), again);
    let other = self::lines(&[7; 140]);
    let two = advice(&[&lines[..], &other[1..2]].concat());
    assert!(two.starts_with("these are lines of two readings"));
    assert_eq!(advice(&[&lines[..], &other[16..]].concat()), two);
}

#[test]
fn a_line_without_its_number_is_told_beside_the_one_that_is_missing() {
    let lines = lines(&request());
    let typed = with(&lines, 7, &lines[7][4..]).join("\n");
    let error = spoken::read(&typed).unwrap_err();
    assert_eq!(error.to_string(), "line 8: missing; one line has no number");
}

#[test]
fn other_texts_are_told_from_lines() {
    let others = [
        "",
        "\n \n",
        "CODITECT-PRO-A7F3E9D2C4B1-8F2A",
        "CODITECT-ENT-ACME-100-20261231-A7F3E9D2C4B1F8E2",
        "-----BEGIN LICENSE ACTIVATION REQUEST-----\n{\"a\": 1}\n-----END LICENSE ACTIVATION REQUEST-----",
        "{\"keys\": [12, \"7K3M 9QXA 04VB C8D2\"]}",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AA",
        "Dear customer, 2 lines are missing",
        include_str!("../../../fixtures/files/valid-pro.lic"),
        include_str!("../../../fixtures/trust/vendor.jwks"),
    ];
    for other in others {
        assert!(!spoken::is_likely(other), "{other}");
    }
    for other in &others[..7] {
        assert!(spoken::read(other).is_err(), "{other}");
    }
    assert_eq!(spoken::read(others[0]), Err(SpokenError::Nothing));
    assert_eq!(spoken::read(others[2]), Err(SpokenError::Nothing));
}

#[test]
fn what_is_too_long_is_refused() {
    let content = vec![0; MAX_BYTES + 1];
    let (limit, found) = (MAX_BYTES, MAX_BYTES + 1);
    let refused = SpokenError::ContentTooLong { limit, found };
    assert_eq!(spoken::lines(&content), Err(refused));
    assert_eq!(lines(&content[1..]).len(), 60);
    let text = " ".repeat(MAX_TEXT_BYTES + 1);
    let (limit, found) = (MAX_TEXT_BYTES, MAX_TEXT_BYTES + 1);
    let refused = SpokenError::TextTooLong { limit, found };
    assert_eq!(spoken::read(&text), Err(refused));
}

#[test]
fn every_error_says_what_to_do() {
    let typed = [
        "",
        "01 7K3M",
        "01  0000-0000-0000-0000",
        "7K3M 9QXA 04VB C8D2",
    ];
    for error in typed.map(|typed| spoken::read(typed).unwrap_err()) {
        assert!(!error.advice().is_empty(), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..=MAX_BYTES),
        vec(Just(0), 0..30),
        vec(Just(255), 0..30)
    ]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn lines_come_back_as_the_bytes_they_were_in_any_order(
        (content, lines) in content().prop_flat_map(|content| {
            let lines = lines(&content);
            (Just(content), Just(lines).prop_shuffle())
        }),
        lower in any::<bool>(),
    ) {
        let typed = lines.join("\n");
        let typed = if lower { typed.to_lowercase() } else { typed };
        prop_assert_eq!(spoken::read(&typed).unwrap(), content);
        prop_assert!(spoken::is_likely(&typed));
    }

    #[test]
    fn lines_that_are_left_out_are_named_and_no_others(
        content in vec(any::<u8>(), 1..=MAX_BYTES),
        out in vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let mut lines = lines(&content);
        // Of what stands behind the last line only the first one knows.
        let out: std::collections::BTreeSet<_> = out.iter().map(|index| 1 + index.index(lines.len() - 1)).collect();
        for place in out.iter().rev() {
            lines.remove(*place);
        }
        let expected: Vec<_> = out.into_iter().map(|place| fault(place, FaultKind::Missing)).collect();
        prop_assert_eq!(faults(&lines), expected);
    }

    #[test]
    fn one_or_two_misheard_characters_are_located_in_each_line(
        content in content(),
        misheard in vec((any::<prop::sample::Index>(), 4..22_usize, 4..22_usize, "[0-9A-HJKMNP-TV-Z]{2}"), 1..9),
    ) {
        let right = lines(&content);
        let mut typed = right.clone();
        for (line, first, second, letters) in &misheard {
            let line = &mut typed[line.index(right.len())];
            let is_untouched = right.contains(line);
            for (at, letter) in [(*first, &letters[..1]), (*second, &letters[1..])] {
                if is_untouched && !line[at..].starts_with('-') {
                    line.replace_range(at..=at, letter);
                }
            }
        }
        let expected: Vec<_> = (0..right.len())
            .filter(|place| right[*place] != typed[*place])
            .map(|place| fault(place, FaultKind::Check))
            .collect();
        match expected.is_empty() {
            true => prop_assert_eq!(spoken::read(&typed.join("\n")).unwrap(), content),
            false => prop_assert_eq!(faults(&typed), expected),
        }
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(
        text in prop_oneof!["\\PC{0,200}", "[0-3OIl]{1,2}[ -]{0,2}([0-9A-Zou]{1,5}[ \n-]){0,30}"],
    ) {
        let _ = spoken::is_likely(&text);
        prop_assert!(spoken::read(&text).is_err());
    }
}
