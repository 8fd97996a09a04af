//! Mermaid renders each diagram of the documents, and the descriptions of flows have their
//! sections.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use license_tests::{Scratch, programs, tools};
use serde_json::Value;

use super::{document, markdown};

/// The directory with the descriptions of flows, below the workspace.
const FLOWS: &str = "docs/architecture/diagrams/sequence";

/// The sections of a flow, in their order.
const SECTIONS: [&str; 7] = [
    "Participants",
    "Sequence",
    "Status codes",
    "Storage",
    "Timing",
    "Trace",
    "References",
];

/// The directory of the decisions, below the workspace, and the last decision about the product as
/// a whole.
const RECORDS: &str = "docs/architecture/adrs";
const LAST_LONG_RECORD: u32 = 20;

/// The first lines of a diagram. With other alignments, the line of a participant crosses the text
/// of each message that it sends to itself.
const HEAD: &str = "%%{init: {\"sequence\": {\"messageAlign\": \"left\"}}}%%
sequenceDiagram
    autonumber
";

/// The widths of a picture in pixels. GitHub shrinks a wider one until its text is too small to
/// read.
const WIDTHS: RangeInclusive<f64> = 100.0..=1700.0;

/// Returns the text of each Mermaid diagram in a document.
fn diagrams(text: &str) -> Vec<String> {
    let blocks = markdown::blocks(text);
    let diagrams = blocks.iter().filter(|block| block.language == "mermaid");
    diagrams.map(|block| block.lines.join("\n")).collect()
}

/// Returns each document with diagrams, and its diagrams.
fn all_diagrams() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in markdown::files(&programs::workspace().join("docs")) {
        let text = fs::read_to_string(&path).unwrap();
        found.extend(diagrams(&text).into_iter().map(|text| (path.clone(), text)));
    }
    found
}

/// Renders the diagrams in one process of Chromium, and returns the result of each.
fn rendered(chromium: &tools::Tool, mermaid: &Path, diagrams: &[String]) -> Vec<Value> {
    let scratch = Scratch::new();
    let template = fs::read_to_string(tools::script("diagrams.html")).unwrap();
    let diagrams = serde_json::to_string(diagrams).unwrap();
    let page = template
        .replace("\"MERMAID\"", &format!("\"file://{}\"", mermaid.display()))
        .replace(
            "DIAGRAMS.",
            &format!("{}.", diagrams.replace('<', "\\u003c")),
        );
    let page = scratch.write("diagrams.html", page);
    let run = chromium.run(&scratch).args([
        "--headless",
        // Chromium refuses to run as root with its sandbox. The page has no content of others.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        // The page is complete when its scripts have nothing left to do.
        "--virtual-time-budget=60000",
        "--dump-dom",
    ]);
    let output = run.arg(format!("file://{}", page.display())).run();
    let results = output.stdout.split_once("<pre id=\"results\">");
    let results = results.and_then(|(_, rest)| Some(rest.split_once("</pre>")?.0));
    let results = results.filter(|results| !results.is_empty());
    let results = results.unwrap_or_else(|| panic!("the page has no results: {output:?}"));
    serde_json::from_str(results).unwrap()
}

#[test]
fn mermaid_renders_each_diagram_completely_and_readably() {
    let (Some(chromium), Some(mermaid)) = (tools::chromium(), tools::mermaid()) else {
        return;
    };
    let all = all_diagrams();
    assert!(all.len() >= 17, "{} diagrams", all.len());
    let mut texts: Vec<_> = all.iter().map(|(_, text)| text.clone()).collect();
    // A diagram with an error shows that the test finds errors.
    texts.push("sequenceDiagram\n  A->>".to_owned());
    let mut results = rendered(chromium, mermaid, &texts);
    assert_eq!(results.len(), texts.len());
    let broken = results.pop().unwrap();
    assert!(broken["error"].is_string(), "{broken}");
    let mut problems = Vec::new();
    for ((path, _), result) in all.iter().zip(&results) {
        let width = result["width"].as_f64().unwrap_or_default();
        let is_complete = result["cut"].as_array().is_some_and(Vec::is_empty);
        if !is_complete || !WIDTHS.contains(&width) {
            problems.push(format!("{}: {result}", path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn each_flow_has_its_sections_and_is_in_the_index() {
    let index = document(&format!("{FLOWS}/README.md"));
    let mut flows = markdown::files(&programs::workspace().join(FLOWS));
    flows.retain(|path| !path.ends_with("README.md"));
    assert!(flows.len() >= 17, "{flows:?}");
    let mut problems = Vec::new();
    for path in &flows {
        let name = path.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(path).unwrap();
        let title = text.lines().next().unwrap_or_default();
        if !title.starts_with(&format!("# {}: ", &name[..2])) {
            problems.push(format!("{name}: the title {title:?} has another number"));
        }
        let row = format!(
            "| [{}]({name}) | {} |",
            &name[..2],
            &title[title.len().min(6)..]
        );
        if !index.contains(&row) {
            problems.push(format!("{name}: the index has no row {row:?}"));
        }
        let sections = markdown::sections(&text);
        if sections != SECTIONS {
            problems.push(format!("{name}: sections {sections:?}"));
        }
        problems.extend(problems_of_diagram(&name, &text));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Returns what is missing in the diagram and the trace of a flow.
fn problems_of_diagram(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let diagrams = diagrams(text);
    let [diagram] = diagrams.as_slice() else {
        return vec![format!("{name}: {} diagrams, expected one", diagrams.len())];
    };
    if !diagram.starts_with(HEAD) {
        problems.push(format!(
            "{name}: expected a diagram that starts with {HEAD:?}"
        ));
    }
    let has_error_path = ["alt ", "opt ", "break ", "else "].iter().any(|word| {
        diagram
            .lines()
            .any(|line| line.trim_start().starts_with(word))
    });
    if !has_error_path {
        problems.push(format!("{name}: the diagram has no error path"));
    }
    let (_, trace) = text.split_once("\n## Trace\n").unwrap_or_default();
    let trace = trace.split("\n## ").next().unwrap_or_default();
    let messages = diagram.lines().filter(|line| line.contains("->>"));
    let (messages, traced) = (messages.count(), traced_steps(trace));
    if traced.iter().flatten().count() < 3 {
        problems.push(format!("{name}: expected a trace with steps"));
    }
    for steps in traced {
        if !steps.is_sorted() || steps.last() > Some(&messages) {
            problems.push(format!("{name}: {steps:?} of {messages} steps"));
        }
    }
    problems
}

/// Returns the numbers of the steps in each block of a trace. The first line of such a block starts
/// with `step`, and the number of a step is right-aligned below this word.
fn traced_steps(trace: &str) -> Vec<Vec<usize>> {
    let blocks = markdown::blocks(trace);
    let blocks = blocks.iter().filter_map(|block| {
        let (first, lines) = block.lines.split_first()?;
        first.starts_with("step ").then_some(lines)
    });
    let number = |line: &&str| line.get(..4)?.trim().parse().ok();
    blocks
        .map(|lines| lines.iter().filter_map(number).collect())
        .collect()
}

/// Returns the numbers that follow `start` in a text, each with as many digits as stated.
fn numbers_after(text: &str, start: &str, digits: usize) -> BTreeSet<u32> {
    let parts = text.split(start).skip(1);
    parts
        .filter_map(|part| part.get(..digits)?.parse().ok())
        .collect()
}

/// Returns the links between documents of a directory and another one: the numbers of both. The
/// name of a document is `prefix`, its number and a dash.
fn links(directory: &str, prefix: &str, digits: usize, to: (&str, usize)) -> BTreeSet<(u32, u32)> {
    let mut found = BTreeSet::new();
    for path in markdown::files(&programs::workspace().join(directory)) {
        let name = path.file_name().unwrap().to_string_lossy();
        let number = name
            .strip_prefix(prefix)
            .and_then(|name| name.get(..digits)?.parse().ok());
        let Some(number) = number else { continue };
        let targets = numbers_after(&fs::read_to_string(&path).unwrap(), to.0, to.1);
        found.extend(targets.into_iter().map(|target| (number, target)));
    }
    found
}

#[test]
fn each_flow_and_its_decisions_link_to_each_other() {
    let of_flows = links(FLOWS, "", 2, ("](../../adrs/adr-", 3));
    let of_flows: BTreeSet<_> = of_flows
        .into_iter()
        .filter(|&(_, record)| record <= LAST_LONG_RECORD)
        .collect();
    let of_records = links(RECORDS, "adr-", 3, ("](../diagrams/sequence/", 2));
    let of_records: BTreeSet<_> = of_records
        .into_iter()
        .filter(|&(record, _)| record <= LAST_LONG_RECORD)
        .map(|(record, flow)| (flow, record))
        .collect();
    let one_way: Vec<_> = of_flows.symmetric_difference(&of_records).collect();
    assert!(one_way.is_empty(), "flow and decision: {one_way:?}");
    let flows: BTreeSet<_> = of_flows.iter().map(|&(flow, _)| flow).collect();
    assert_eq!(flows, (1..=20).collect(), "flows with a decision");
    let records: BTreeSet<_> = of_flows.iter().map(|&(_, record)| record).collect();
    let expected: BTreeSet<_> = (1..=LAST_LONG_RECORD).collect();
    assert_eq!(records, expected, "decisions with a flow");
}

#[test]
fn steps_of_a_trace_are_read_and_compared_with_the_diagram() {
    let page = |second: usize| {
        format!(
            "```mermaid\n{HEAD}  opt x\n  A->>B: one\n  end\n  B-->>A: two\n```\n\n\
             ## Trace\n\n```text\nstep  what\n   1  a\n      b\n   1  c\n{second:4}  d\n```\n"
        )
    };
    assert_eq!(problems_of_diagram("page", &page(2)), Vec::<String>::new());
    assert_eq!(problems_of_diagram("page", &page(0)).len(), 1);
    assert_eq!(problems_of_diagram("page", &page(3)).len(), 1);
}
