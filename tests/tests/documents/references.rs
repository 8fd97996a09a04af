//! References to decision records, and from the architecture to routes.

use std::collections::BTreeSet;
use std::fs;

use super::records::{RECORDS, Record, documents, records};
use super::{document, forms, links, markdown};

/// The path in front of the routes in the table of `docs/api.md`.
const API: &str = "/api/v1";

/// Returns the mentions of records that are not a link to their record. A title names its own
/// record.
fn unlinked_mentions(text: &str) -> Vec<&str> {
    let mut unlinked = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for (start, _) in line.match_indices("ADR-") {
            let (before, mention) = line.split_at(start);
            let Some((name, rest)) = mention.split_at_checked("ADR-000".len()) else {
                continue;
            };
            let target = rest.strip_prefix("](").unwrap_or_default();
            let target = target.split(')').next().unwrap_or_default();
            let is_link = before.ends_with('[') && target.contains(&name.to_lowercase());
            if name["ADR-".len()..].parse::<u32>().is_ok() && !is_link {
                unlinked.push(name);
            }
        }
    }
    unlinked
}

#[test]
fn each_mention_of_a_record_is_a_link() {
    let mut problems = Vec::new();
    let mut count = 0;
    for path in links::documents() {
        let text = markdown::without_blocks(&fs::read_to_string(&path).unwrap());
        count += text.matches("[ADR-").count();
        let unlinked = unlinked_mentions(&text);
        problems.extend(
            unlinked
                .iter()
                .map(|name| format!("{}: {name}", path.display())),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 1000, "{count} mentions");
}

#[test]
fn a_mention_that_is_no_link_is_found() {
    let text = "# ADR-001: one\n(ADR-002) [ADR-003](adr-003-three.md) [ADR-004](adr-005-five.md)\n";
    assert_eq!(unlinked_mentions(text), ["ADR-002", "ADR-004"]);
}

#[test]
fn each_record_is_the_target_of_a_link_besides_the_index() {
    let index = format!("{RECORDS}/README.md");
    let mut targets = BTreeSet::new();
    for path in links::documents()
        .iter()
        .filter(|path| !path.ends_with(&index))
    {
        let text = fs::read_to_string(path).unwrap();
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        let names = links::links(&text).into_iter().map(|link| {
            let file = link.split('#').next().unwrap_or_default();
            file.rsplit('/').next().unwrap_or_default().to_owned()
        });
        targets.extend(names.filter(|name| *name != own));
    }
    let records = records().into_iter().map(|record| record.name);
    let missing: Vec<_> = records.filter(|name| !targets.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns the pairs of records of which the first names the second as related, and the second does
/// not name the first.
fn one_sided(records: &[Record]) -> Vec<(&str, &str)> {
    let related = |record: &Record| forms::section(&record.text, "Related decisions").to_owned();
    let sections: Vec<_> = records.iter().map(related).collect();
    let names = |section: &str, name: &str| section.contains(&format!("]({name})"));
    let mut pairs = Vec::new();
    for (record, section) in records.iter().zip(&sections) {
        for (other, section_of_other) in records.iter().zip(&sections) {
            if names(section, &other.name) && !names(section_of_other, &record.name) {
                pairs.push((record.name.as_str(), other.name.as_str()));
            }
        }
    }
    pairs
}

#[test]
fn related_records_name_each_other() {
    let mut records = records();
    let pairs = one_sided(&records);
    let missing: Vec<_> = pairs
        .iter()
        .map(|(one, other)| format!("{other}: expected a link to {one}, which names it as related"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    // Without the relations of one record, each related record is found.
    let last = records.last_mut().unwrap();
    last.text = last
        .text
        .replace("\n## Related decisions\n", "\n## Others\n");
    assert!(!one_sided(&records).is_empty());
}

/// Returns the methods and paths of a text that begin with `prefix`, without queries.
fn routes<'t>(text: &'t str, prefix: &str) -> Vec<(&'t str, &'t str)> {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let words: Vec<_> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let method = pair[0].trim_start_matches(['`', '(']);
        let path = pair[1].split(['`', '?', ',', ';', '|']).next()?;
        let path = path.trim_end_matches(['.', ':', ')']);
        let is_route = methods.contains(&method) && path.starts_with(prefix);
        is_route.then_some((method, path))
    });
    pairs.collect()
}

/// Returns whether a path is that of an operation. A parameter of the operation matches any
/// segment.
fn is_of_operation(path: &str, operation: &str) -> bool {
    let (path, operation) = (path.split('/'), operation.split('/'));
    path.clone().count() == operation.clone().count()
        && path
            .zip(operation)
            .all(|(found, expected)| found == expected || expected.starts_with('{'))
}

/// A test of the server compares the table of `docs/api.md` with the handlers.
#[test]
fn routes_in_the_architecture_exist() {
    let table = document("docs/api.md");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let operations: Vec<_> = rows.flat_map(|row| routes(row, "/")).collect();
    assert!(operations.len() > 100, "{} operations", operations.len());
    let mut missing = Vec::new();
    let mut count = 0;
    for path in documents() {
        let text = markdown::without_blocks(&fs::read_to_string(&path).unwrap());
        for (method, route) in routes(&text, API) {
            count += 1;
            let exists = operations.iter().any(|(of_operation, operation)| {
                *of_operation == method && is_of_operation(&route[API.len()..], operation)
            });
            if !exists {
                missing.push(format!("{}: {method} {route}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(count > 20, "{count} routes");
}

#[test]
fn routes_are_read_from_a_text() {
    let text = "`GET /api/v1/pools/{pool}` and (`POST /api/v1/seats?wait=30`), GET /readyz";
    let expected = [("GET", "/api/v1/pools/{pool}"), ("POST", "/api/v1/seats")];
    assert_eq!(routes(text, API), expected);
    assert!(is_of_operation("/pools/p1/leases", "/pools/{pool}/leases"));
    assert!(!is_of_operation("/pools", "/pools/{pool}"));
    assert!(!is_of_operation("/tools/p1", "/pools/{pool}"));
}
