//! `license machine`.

use license_cli_support::{Exit, Failure, Terminal, escape, wrap};
use license_client::{FoundComponent, MachineFacts};
use license_core::machine::Fingerprint;
use serde_json::json;

use crate::context::AppContext;

/// The column of the values.
const VALUE_COLUMN: usize = 13;

/// Prints the components of this machine's identity.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, terminal: &Terminal) -> Result<Exit, Failure> {
    let facts = app.manager.facts();
    let fingerprint = facts.fingerprint();
    if terminal.is_json() {
        terminal.json(&json!(facts))?;
    } else {
        terminal.data(&to_text(&facts, fingerprint.as_ref(), terminal.columns()))?;
    }
    Ok(Exit::Success)
}

/// Returns each component with its hash. Without a fingerprint, there are no components. The values
/// themselves are never shown.
fn components<'a>(
    facts: &'a MachineFacts,
    fingerprint: Option<&Fingerprint>,
) -> Vec<(&'a FoundComponent, String)> {
    let Some(fingerprint) = fingerprint else {
        return Vec::new();
    };
    // The fingerprint has a hash for each component that was found.
    let with_hash = |found: &'a FoundComponent| {
        let mut hashes = fingerprint.components();
        let (_, hash) = hashes.find(|(kind, _)| *kind == found.kind())?;
        Some((found, hash))
    };
    facts.found().filter_map(with_hash).collect()
}

fn to_text(
    facts: &MachineFacts,
    fingerprint: Option<&Fingerprint>,
    columns: Option<usize>,
) -> String {
    let none = || "none".to_owned();
    let digest = facts
        .digest()
        .map_or_else(none, |digest| digest.to_string());
    // With the product, a vendor sees whether the fingerprint can match a license.
    let product = facts.product();
    let whole = fingerprint.map_or_else(none, |hashes| format!("{product}:{hashes}"));
    let mut lines = vec![
        format!("digest       {digest}"),
        format!("fingerprint  {whole}"),
        format!("product      {product}"),
    ];
    for (found, hash) in components(facts, fingerprint) {
        let source = escape(found.source()).into_owned();
        lines.push(format!("  {:5} {hash}  from {source}", found.kind()));
    }
    for missing in facts.missing() {
        let place = missing
            .source()
            .map(|source| format!(" ({})", escape(source)));
        lines.push(format!(
            "  {:5} missing: {}{}",
            missing.kind(),
            missing.reason(),
            place.unwrap_or_default()
        ));
    }
    if let Some(container) = facts.container() {
        lines.push(format!("container    {container}"));
    }
    let stability = format!("stability    {}: {}", facts.stability(), facts.explain());
    lines.push(wrap(&stability, columns, VALUE_COLUMN));
    lines.join("\n")
}
