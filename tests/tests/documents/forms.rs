//! The form of the architecture decision records.

use super::records::{RECORDS, Record, paths, records};
use super::{document, markdown};

/// The sections of each record, in this order. A record can have more sections between them.
const SECTIONS: [&str; 7] = [
    "Context",
    "Decision",
    "Consequences",
    "Alternatives",
    "Implementation notes",
    "Related decisions",
    "References",
];

/// Returns what a record lacks, with the text of the index.
fn problems(record: &Record, index: &str) -> Vec<String> {
    let Record { number, name, text } = record;
    let mut problems = Vec::new();
    let mut expect = |is_met: bool, what: &str| {
        if !is_met {
            problems.push(format!("{name}: expected {what}"));
        }
    };
    let title = format!("# ADR-{number:03}: ");
    expect(text.starts_with(&title), &format!("the title {title:?}"));
    let (head, _) = text.split_once("\n## ").unwrap_or_default();
    let field = |name: &str| {
        let prefix = format!("- {name}: ");
        head.lines().find_map(|line| line.strip_prefix(&prefix))
    };
    expect(field("Status").is_some_and(is_status), "a status");
    expect(field("Date").is_some_and(is_date), "a date");
    let row = format!("| [{number:03}]({name}) | ");
    expect(
        index.contains(&row),
        &format!("the row {row:?} in the index"),
    );
    let has_sections = has_in_order(&markdown::sections(text), &SECTIONS);
    expect(has_sections, &format!("the sections {SECTIONS:?}"));
    for (is_met, what) in contents(text) {
        expect(is_met, what);
    }
    problems
}

/// Returns what the sections of a record have to contain, and whether they do.
fn contents(text: &str) -> [(bool, &'static str); 6] {
    let consequences = section(text, "Consequences");
    let alternatives = section(text, "Alternatives");
    let alternatives = bullets(alternatives) + markdown::headings(alternatives, "### ").len();
    let notes = section(text, "Implementation notes");
    let has_code = notes.contains("<!-- code: ") || !paths(notes).is_empty();
    let related = section(text, "Related decisions");
    let mut relations = related.split("\n- ").skip(1);
    let has_relations = related.contains("](adr-")
        && relations.all(|item| item.contains("): ") || item.contains("):\n"));
    let references = section(text, "References");
    [
        (has_part(consequences, "Good"), "good consequences"),
        (has_part(consequences, "Bad"), "bad consequences"),
        (alternatives >= 2, "two alternatives"),
        (
            has_code,
            "implementation notes with code, or with paths of code",
        ),
        (has_relations, "related decisions, each with its relation"),
        (
            references.contains("https://"),
            "references with an address",
        ),
    ]
}

/// Returns whether a section has a heading or a bold title with this name, with a list below it.
fn has_part(section: &str, name: &str) -> bool {
    let heading = format!("\n### {name}\n");
    let title = format!("\n**{name}.**");
    let part = section.split_once(&heading).or(section.split_once(&title));
    part.is_some_and(|(_, rest)| {
        let end = rest.find("\n### ").unwrap_or(rest.len());
        bullets(&rest[..end]) > 0
    })
}

fn bullets(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("- ")).count()
}

/// Returns the text of a section.
pub(super) fn section<'t>(text: &'t str, name: &str) -> &'t str {
    let (_, rest) = text
        .split_once(&format!("\n## {name}\n"))
        .unwrap_or_default();
    rest.split("\n## ").next().unwrap_or_default()
}

/// Returns whether `found` contains the expected sections, each once and in their order.
fn has_in_order(found: &[String], expected: &[&str]) -> bool {
    let found = found.iter().map(String::as_str);
    let known: Vec<_> = found.filter(|name| expected.contains(name)).collect();
    known == expected
}

fn is_status(status: &str) -> bool {
    let known = ["accepted", "proposed", "superseded by ", "superseded"];
    known.iter().any(|known| status.starts_with(known))
}

/// Returns whether a text is a date, such as `2026-11-30`.
pub(super) fn is_date(date: &str) -> bool {
    let mut parts = date
        .split('-')
        .map(|part| (part.len(), part.parse::<u32>()));
    let mut next = |length| matches!(parts.next(), Some((found, Ok(_))) if found == length);
    next(4) && next(2) && next(2) && parts.next().is_none()
}

#[test]
fn each_record_has_a_status_a_date_its_sections_and_a_row_in_the_index() {
    let index = document(&format!("{RECORDS}/README.md"));
    let problems: Vec<_> = records()
        .iter()
        .flat_map(|record| problems(record, &index))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_record_that_lacks_a_part_is_found() {
    let index = document(&format!("{RECORDS}/README.md"));
    let mut record = records().pop().unwrap();
    assert_eq!(problems(&record, &index), [""; 0]);
    let whole = record.text.clone();
    let without = |part: &str| whole.replace(part, "");
    let lacking = SECTIONS
        .map(|name| without(&format!("\n## {name}\n{}", section(&whole, name))))
        .into_iter()
        .chain(["\n### Good", "\n### Bad", "- Status: ", "- Date: "].map(without))
        .chain(["https://", "](adr-", "): ", "`"].map(without))
        .chain([whole.replace("\n- ", "\n* ")]);
    for text in lacking {
        assert_ne!(text, whole);
        record.text = text;
        let found = problems(&record, &index);
        assert!(!found.is_empty(), "{}", record.text);
    }
    record.text = whole;
    assert_eq!(problems(&record, "").len(), 1);
}
