//! Readback lines: round trips, accepted spellings, and detection of wrong lines.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use license_core::requests::readback::{
    self, LineFault, LineFaultKind, MAX_BYTES, MAX_TEXT_BYTES, ReadbackError,
};
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

/// Returns content about as long as an activation request.
fn request() -> Vec<u8> {
    (0..130_u8)
        .map(|byte| byte.wrapping_mul(73) ^ 0x5A)
        .collect()
}

fn lines(content: &[u8]) -> Vec<String> {
    readback::to_lines(content).unwrap()
}

fn faults(lines: &[String]) -> Vec<LineFault> {
    match readback::from_lines(&lines.join("\n")) {
        Err(ReadbackError::Lines { faults, .. }) => faults,
        other => panic!("{other:?}"),
    }
}

/// Replaces the line at an index.
fn with_line(lines: &[String], index: usize, line: impl Into<String>) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines[index] = line.into();
    lines
}

fn fault(index: usize, kind: LineFaultKind) -> LineFault {
    let line = u8::try_from(index + 1).unwrap();
    LineFault { line, kind }
}

/// Returns the positions of letters and digits in a line.
fn positions(line: &str) -> Vec<usize> {
    let characters = line.char_indices();
    let positions = characters.filter(|(_, character)| character.is_ascii_alphanumeric());
    positions.map(|(position, _)| position).collect()
}

/// Returns the character of the alphabet that a typed character represents.
fn normalize(character: char) -> char {
    match character.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    }
}

#[test]
fn every_wrong_character_is_detected_in_its_line() {
    let lines = lines(&request());
    assert_eq!(lines.len(), 16);
    for (index, line) in lines.iter().enumerate() {
        for at in positions(line) {
            let right = line[at..].chars().next().unwrap();
            let others = ('0'..='9').chain('A'..='Z').chain('a'..='z');
            for character in others.filter(|other| normalize(*other) != normalize(right)) {
                let wrong = format!("{}{character}{}", &line[..at], &line[at + 1..]);
                let found = faults(&with_line(&lines, index, wrong));
                let is_in_line = |fault: &LineFault| usize::from(fault.line) == index + 1;
                assert!(
                    found.iter().any(is_in_line),
                    "{line}, {character} at {at}: {found:?}"
                );
                // Unless the number is wrong, there is no other fault.
                assert!(
                    at < 2 || found.len() == 1,
                    "{line}, {character} at {at}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn any_two_swapped_characters_are_detected() {
    let lines = lines(&request());
    for (index, line) in lines.iter().enumerate() {
        let positions = positions(line);
        for (first, at) in positions.iter().enumerate() {
            for other in &positions[first + 1..] {
                let mut characters: Vec<char> = line.chars().collect();
                characters.swap(*at, *other);
                let swapped: String = characters.into_iter().collect();
                if swapped != *line {
                    let found = faults(&with_line(&lines, index, &swapped));
                    let is_in_line = |fault: &LineFault| usize::from(fault.line) == index + 1;
                    assert!(found.iter().any(is_in_line), "{line}, {swapped}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn a_line_with_another_number_is_detected() {
    let lines = lines(&request());
    for (index, line) in lines.iter().enumerate() {
        for number in (0..100).filter(|number| *number != index + 1) {
            let moved = format!("{number:02}{}", &line[2..]);
            let found = faults(&with_line(&lines, index, moved));
            assert!(
                found.contains(&fault(index, LineFaultKind::Missing)),
                "{found:?}"
            );
        }
    }
    let (first, second) = (&lines[3], &lines[4]);
    let swapped = with_line(&lines, 3, format!("04{}", &second[2..]));
    let swapped = with_line(&swapped, 4, format!("05{}", &first[2..]));
    assert_eq!(
        faults(&swapped),
        [
            fault(3, LineFaultKind::Check),
            fault(4, LineFaultKind::Check)
        ]
    );
}

#[test]
fn a_line_of_other_content_is_detected() {
    let mut other = request();
    other[0] ^= 1;
    for byte in &mut other[1..] {
        *byte = byte.wrapping_add(85);
    }
    let (lines, other) = (lines(&request()), lines(&other));
    for (index, line) in other.iter().enumerate() {
        let mixed = with_line(&lines, index, line).join("\n");
        assert_eq!(
            readback::from_lines(&mixed),
            Err(ReadbackError::Inconsistent),
            "{mixed}"
        );
        let added = [&lines[..], std::slice::from_ref(line)].concat();
        assert_eq!(faults(&added), [fault(index, LineFaultKind::Conflicting)]);
    }
    let longer = self::lines(&[7; 140]);
    let added = [lines, vec![longer[16].clone()]].concat();
    assert_eq!(
        faults(&added),
        [fault(16, LineFaultKind::BeyondEnd { count: 16 })]
    );
}

#[test]
fn an_error_lists_all_faults_and_does_not_contain_the_text() {
    let lines = lines(&request());
    let mut typed = lines.clone();
    typed[2] = swap_first(&lines[2]);
    typed[5].pop();
    typed[9].replace_range(4..5, "U");
    typed[10] = format!("11  {}ß", &lines[10][4..22]);
    let typed = [&typed[..6], &typed[8..14], &typed[15..]]
        .concat()
        .join("\n");
    let error = readback::from_lines(&typed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3: the check characters do not match; \
         line 6: expected 16 characters after the number, found 15; lines 7 to 8: missing; \
         line 10: U is never used; check for V or 0; \
         line 11: expected only letters A to Z and digits; line 15: missing"
    );
    assert_eq!(error.code().as_str(), "CHECKSUM_MISMATCH");
    for group in typed
        .split(['\n', ' ', '-'])
        .filter(|group| group.len() > 2)
    {
        assert!(!error.to_string().contains(group));
    }
}

/// Swaps the first two groups of a line.
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
fn a_wrong_line_can_be_repeated_below() {
    let lines = lines(&request());
    let mut typed = with_line(&lines, 4, swap_first(&lines[4]));
    typed.push(lines[4].clone());
    assert_eq!(readback::from_lines(&typed.join("\n")).unwrap(), request());
    // The wrong line is only listed if another line is missing.
    typed.remove(7);
    assert_eq!(
        faults(&typed),
        [
            fault(4, LineFaultKind::ExtraDamaged),
            fault(7, LineFaultKind::Missing)
        ]
    );
}

#[test]
fn typed_lines_with_other_separators_or_letter_case_are_accepted() {
    let lines = lines(&request());
    let text = lines.join("\n");
    let words = text.replace(['-', '\n'], " ");
    for typed in [
        text.to_lowercase(),
        text.replace('0', "O").replace('1', "l"),
        text.replace('0', "o").replace('1', "I"),
        text.replace('-', "–"),
        text.replace('-', " - "),
        text.replace('-', ""),
        text.replace(['-', ' '], ""),
        text.replace('\n', "\r\n\r\n"),
        text.replace('\n', "\r"),
        format!("\u{feff}{text}\r\n"),
        format!("“{text}”"),
        text.replace("  ", ": "),
        text.replace("  ", ") "),
        text.replace("  ", "."),
        text.replace('\n', "\n> "),
        text.replace('\n', "\nline "),
        text.replace("\n0", "\n"),
        words.clone(),
        format!("Request of Acme, 16 lines, 2027-06-01: {words}"),
        format!(
            "Hello,\n\nour request of 2 June, 16 lines:\n{text}\n\nKind regards\nTel. 030 1234567\n"
        ),
        format!("{text}\n{text}"),
        with_spaces(&text),
    ] {
        assert_eq!(readback::from_lines(&typed).unwrap(), request(), "{typed}");
        assert!(readback::looks_like_lines(&typed), "{typed}");
    }
    let reversed: Vec<_> = lines.iter().rev().cloned().collect();
    assert_eq!(
        readback::from_lines(&reversed.join("\n")).unwrap(),
        request()
    );
}

/// Separates all characters with spaces.
fn with_spaces(text: &str) -> String {
    let characters = text.chars().filter(|&c| c != ' ' && c != '-');
    characters.flat_map(|character| [character, ' ']).collect()
}

#[test]
fn a_fault_is_located_in_lines_that_a_chat_program_has_joined() {
    let mut lines = lines(&request());
    lines[7].pop();
    let joined = lines.join(" ");
    let Err(ReadbackError::Lines { faults, .. }) = readback::from_lines(&joined) else {
        panic!("{joined}")
    };
    let (expected, found) = (16, 15);
    assert_eq!(
        faults,
        [fault(7, LineFaultKind::Length { expected, found })]
    );
}

#[test]
fn the_hint_distinguishes_wrong_lines_from_lines_of_two_requests() {
    let hint = |lines: &[String]| readback::from_lines(&lines.join("\n")).unwrap_err().hint();
    let lines = lines(&request());
    let again = hint(&lines[1..]);
    assert!(again.starts_with("have these lines read again"));
    let wrong_number = with_line(&lines, 8, format!("49{}", &lines[8][2..]));
    assert_eq!(hint(&wrong_number), again);
    let other = self::lines(&[7; 140]);
    let two = hint(&[&lines[..], &other[1..2]].concat());
    assert!(two.starts_with("keep only the lines of one request"));
    assert_eq!(hint(&[&lines[..], &other[16..]].concat()), two);
}

#[test]
fn a_line_without_its_number_is_counted_in_the_error() {
    let lines = lines(&request());
    let typed = with_line(&lines, 7, &lines[7][4..]).join("\n");
    let error = readback::from_lines(&typed).unwrap_err();
    assert_eq!(error.to_string(), "line 8: missing; one line has no number");
    let expected = "type the number in front of each line";
    assert!(error.hint().starts_with(expected), "{}", error.hint());
    let bare: Vec<_> = lines.iter().map(|line| &line[4..]).collect();
    let error = readback::from_lines(&bare.join("\n")).unwrap_err();
    assert!(
        error.hint().starts_with("type "),
        "{error}: {}",
        error.hint()
    );
}

#[test]
fn other_texts_are_not_recognized_as_lines() {
    let others = [
        "",
        "\n \n",
        "CODITECT-PRO-A7F3E9D2C4B1-8F2A",
        "CODITECT-ENT-ACME-100-20261231-A7F3E9D2C4B1F8E2",
        "-----BEGIN LICENSE ACTIVATION REQUEST-----\n{\"a\": 1}\n-----END LICENSE ACTIVATION REQUEST-----",
        "{\"keys\": [12, \"7K3M 9QXA 04VB C8D2\"]}",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AA",
        "Dear customer, 2 lines are missing",
        include_str!("../fixtures/files/valid-pro.lic"),
        include_str!("../fixtures/trust/vendor.jwks"),
    ];
    for other in others {
        assert!(!readback::looks_like_lines(other), "{other}");
    }
    for other in &others[..7] {
        assert!(readback::from_lines(other).is_err(), "{other}");
    }
    assert_eq!(readback::from_lines(others[0]), Err(ReadbackError::Empty));
    assert_eq!(readback::from_lines(others[2]), Err(ReadbackError::Empty));
}

#[test]
fn content_and_text_above_the_limit_are_refused() {
    let content = vec![0; MAX_BYTES + 1];
    let (limit, found) = (MAX_BYTES, MAX_BYTES + 1);
    let error = ReadbackError::ContentTooLong { limit, found };
    assert_eq!(readback::to_lines(&content), Err(error));
    assert_eq!(lines(&content[1..]).len(), 60);
    let text = " ".repeat(MAX_TEXT_BYTES + 1);
    let (limit, found) = (MAX_TEXT_BYTES, MAX_TEXT_BYTES + 1);
    let error = ReadbackError::TextTooLong { limit, found };
    assert_eq!(readback::from_lines(&text), Err(error));
}

#[test]
fn every_error_has_a_hint() {
    let typed = [
        "",
        "01 7K3M",
        "01  0000-0000-0000-0000",
        "7K3M 9QXA 04VB C8D2",
    ];
    for error in typed.map(|typed| readback::from_lines(typed).unwrap_err()) {
        assert!(!error.hint().is_empty(), "{error}");
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
    fn lines_round_trip_in_any_order(
        (content, lines) in content().prop_flat_map(|content| {
            let lines = lines(&content);
            (Just(content), Just(lines).prop_shuffle())
        }),
        lower in any::<bool>(),
    ) {
        let typed = lines.join("\n");
        let typed = if lower { typed.to_lowercase() } else { typed };
        prop_assert_eq!(readback::from_lines(&typed).unwrap(), content);
        prop_assert!(readback::looks_like_lines(&typed));
    }

    #[test]
    fn exactly_the_missing_lines_are_reported(
        content in vec(any::<u8>(), 1..=MAX_BYTES),
        missing in vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let mut lines = lines(&content);
        // Line 1 is kept, because only it contains the number of lines.
        let missing: BTreeSet<_> =
            missing.iter().map(|index| 1 + index.index(lines.len() - 1)).collect();
        for index in missing.iter().rev() {
            lines.remove(*index);
        }
        let expected: Vec<_> =
            missing.into_iter().map(|index| fault(index, LineFaultKind::Missing)).collect();
        prop_assert_eq!(faults(&lines), expected);
    }

    #[test]
    fn one_or_two_wrong_characters_are_detected_in_each_line(
        content in content(),
        replaced in vec(
            (any::<prop::sample::Index>(), 4..22_usize, 4..22_usize, "[0-9A-HJKMNP-TV-Z]{2}"),
            1..9,
        ),
    ) {
        let right = lines(&content);
        let mut typed = right.clone();
        for (line, first, second, characters) in &replaced {
            let line = &mut typed[line.index(right.len())];
            let is_untouched = right.contains(line);
            for (at, character) in [(*first, &characters[..1]), (*second, &characters[1..])] {
                if is_untouched && !line[at..].starts_with('-') {
                    line.replace_range(at..=at, character);
                }
            }
        }
        let expected: Vec<_> = (0..right.len())
            .filter(|index| right[*index] != typed[*index])
            .map(|index| fault(index, LineFaultKind::Check))
            .collect();
        if expected.is_empty() {
            prop_assert_eq!(readback::from_lines(&typed.join("\n")).unwrap(), content);
        } else {
            prop_assert_eq!(faults(&typed), expected);
        }
    }

    #[test]
    fn arbitrary_texts_are_refused_without_a_panic(
        text in prop_oneof!["\\PC{0,200}", "[0-3OIl]{1,2}[ -]{0,2}([0-9A-Zou]{1,5}[ \n-]){0,30}"],
    ) {
        let _ = readback::looks_like_lines(&text);
        prop_assert!(readback::from_lines(&text).is_err());
    }
}
