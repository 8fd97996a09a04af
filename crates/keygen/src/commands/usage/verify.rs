//! `keygen usage verify`: whether reports are whole.

use std::collections::BTreeSet;

use license_cli_support::{Exit, Failure, Source, Terminal};
use license_core::LicenseId;
use license_core::usage_report::{ChainSummary, Finding, examine};
use serde_json::{Value, json};

use super::{finding_json, read, short};
use crate::inputs::now;

pub(super) fn run(files: &[Source], terminal: &Terminal) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    for file in files {
        reports.extend(read(file)?);
    }
    let chains = examine(&reports, now());
    let is_whole = chains.iter().all(ChainSummary::is_whole);
    if terminal.is_json() {
        let codes: BTreeSet<_> = faults(&chains).map(|(_, finding)| finding.code()).collect();
        terminal.json(&json!({
            "whole": is_whole,
            "reports": reports.len(),
            "faults": codes,
            "chains": chains.iter().map(chain_json).collect::<Vec<_>>(),
        }))?;
        return Ok(match is_whole {
            true => Exit::Licensed,
            false => Exit::Unjudged,
        });
    }
    match chains.is_empty() {
        true => terminal.note("no entries: nothing was counted on that machine"),
        false => {
            let text: Vec<_> = chains.iter().map(chain_text).collect();
            terminal.data(&text.join("\n"))?;
        }
    }
    match failure(&chains) {
        Some(failure) => Err(failure),
        None => Ok(Exit::Licensed),
    }
}

fn faults(chains: &[ChainSummary]) -> impl Iterator<Item = (&ChainSummary, &Finding)> {
    chains.iter().flat_map(|chain| {
        let findings = chain.findings.iter();
        let faults = findings.filter(|finding| finding.is_fault());
        faults.map(move |finding| (chain, finding))
    })
}

/// The first fault, and how many there are beside it.
pub(super) fn failure(chains: &[ChainSummary]) -> Option<Failure> {
    let (chain, fault) = faults(chains).next()?;
    let rest = match faults(chains).count() {
        1 => String::new(),
        count => format!(", and {} more", count.saturating_sub(1)),
    };
    let message = format!(
        "{}: chain {}: {fault}{rest}",
        fault.code(),
        short(chain.chain)
    );
    let hint = match fault {
        Finding::Gap { .. } => {
            "ask for the report that has these entries; `license usage-report` without --since has all that are kept"
        }
        _ => {
            "ask for the report again, as `license usage-report` wrote it; lines that begin with {\"private\" may be deleted, others may not"
        }
    };
    Some(Failure::new(Exit::Unjudged, fault.code(), message).hint(hint))
}

fn verdict(chain: &ChainSummary) -> &'static str {
    let mut findings = chain.findings.iter();
    match (chain.is_whole(), findings.any(Finding::is_change)) {
        (true, _) => "whole",
        (false, true) => "changed",
        (false, false) => "incomplete",
    }
}

fn chain_text(chain: &ChainSummary) -> String {
    let (first, last) = chain.numbers;
    let (from, to) = chain.period;
    let mut licenses: Vec<_> = chain.licenses.iter().map(LicenseId::as_str).collect();
    if licenses.is_empty() {
        licenses.push("none");
    }
    let start = match first {
        1 => "",
        _ => ", earlier ones are not in it",
    };
    let mut lines = vec![
        format!("chain {}: {}", chain.chain, verdict(chain)),
        format!("  entries   {first} to {last}{start}"),
        format!("  period    {from} to {to}"),
        format!("  product   {}", chain.product),
        format!("  license   {}", licenses.join(", ")),
        format!("  names     {}", names(chain)),
    ];
    for finding in &chain.findings {
        lines.push(format!("  {:9} {finding}", finding.code()));
    }
    lines.join("\n")
}

fn names(chain: &ChainSummary) -> String {
    match (chain.private_parts, chain.entries) {
        (0, _) => "none: it is anonymised".to_owned(),
        (named, all) if named == all => "machine, users and sessions".to_owned(),
        (named, all) => format!("machine, users and sessions in {named} of {all} entries"),
    }
}

fn chain_json(chain: &ChainSummary) -> Value {
    let (first, last) = chain.numbers;
    let (from, to) = chain.period;
    let licenses = chain.licenses.iter().map(LicenseId::as_str);
    json!({
        "chain": chain.chain.to_string(),
        "whole": chain.is_whole(),
        "product": chain.product.as_str(),
        "licenses": licenses.collect::<Vec<_>>(),
        "entries": chain.entries,
        "first": first,
        "last": last,
        "head": chain.head.to_string(),
        "from": from.to_string(),
        "to": to.to_string(),
        "private_parts": chain.private_parts,
        "anonymised": chain.private_parts == 0,
        "findings": chain.findings.iter().map(finding_json).collect::<Vec<_>>(),
    })
}
