//! `keygen usage verify`: verifies usage reports.

use std::collections::BTreeSet;

use license_cli_support::{Exit, Failure, Source, Terminal};
use license_core::LicenseId;
use license_core::time::rfc3339;
use license_core::usage::{ChainFinding, ChainSummary, examine};
use serde_json::json;

use super::{abbreviate, read};
use crate::inputs::now;

pub(super) fn run(files: &[Source], terminal: &Terminal) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    for file in files {
        reports.extend(read(file)?);
    }
    let chains = examine(&reports, now());
    let is_complete = chains.iter().all(ChainSummary::is_complete);
    if terminal.is_json() {
        let codes: BTreeSet<_> = faults(&chains).map(|(_, finding)| finding.code()).collect();
        terminal.json(&json!({
            "whole": is_complete,
            "reports": reports.len(),
            "faults": codes,
            "chains": chains,
        }))?;
        return Ok(if is_complete {
            Exit::Success
        } else {
            Exit::Indeterminate
        });
    }
    if chains.is_empty() {
        terminal.note("no entries: the machine counted no usage");
    } else {
        let text: Vec<_> = chains.iter().map(chain_text).collect();
        terminal.data(&text.join("\n"))?;
    }
    match failure(&chains) {
        Some(failure) => Err(failure),
        None => Ok(Exit::Success),
    }
}

fn faults(chains: &[ChainSummary]) -> impl Iterator<Item = (&ChainSummary, &ChainFinding)> {
    chains.iter().flat_map(|chain| {
        let findings = chain.findings.iter();
        let faults = findings.filter(|finding| finding.is_fault());
        faults.map(move |finding| (chain, finding))
    })
}

/// Returns a failure with the first fault and the number of other faults.
pub(super) fn failure(chains: &[ChainSummary]) -> Option<Failure> {
    let (chain, fault) = faults(chains).next()?;
    let rest = match faults(chains).count() {
        1 => String::new(),
        count => format!(", and {} more", count.saturating_sub(1)),
    };
    let message = format!(
        "{}: chain {}: {fault}{rest}",
        fault.code(),
        abbreviate(chain.chain)
    );
    let hint = match fault {
        ChainFinding::Gap { .. } => {
            "request a report with these entries; `license usage-report` without --since writes all entries that the machine still has"
        }
        _ => {
            "request the report again, as `license usage-report` wrote it; only lines that begin with {\"private\" may be deleted"
        }
    };
    Some(Failure::new(Exit::Indeterminate, fault.code(), message).hint(hint))
}

fn verdict(chain: &ChainSummary) -> &'static str {
    let mut findings = chain.findings.iter();
    match (chain.is_complete(), findings.any(ChainFinding::is_change)) {
        (true, _) => "complete",
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
        _ => ", without the earlier ones",
    };
    let mut lines = vec![
        format!("chain {}: {}", chain.chain, verdict(chain)),
        format!("  entries   {first} to {last}{start}"),
        format!(
            "  period    {from} to {to}",
            from = rfc3339(from),
            to = rfc3339(to)
        ),
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
        (0, _) => "none (anonymized)".to_owned(),
        (named, all) if named == all => "machine, users and sessions".to_owned(),
        (named, all) => format!("machine, users and sessions in {named} of {all} entries"),
    }
}
