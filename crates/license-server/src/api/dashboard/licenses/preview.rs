//! Previews of orders.

use license_core::time;
use license_dashboard::{Block, Cell, Column, Facts, Notice, Table, Tone};
use serde_json::Value;

use crate::services::IssuedLicense;

/// Returns what an order would do.
pub(in crate::api::dashboard) fn blocks(issued: &IssuedLicense) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let title = "Preview: nothing has been issued yet";
    blocks.push(Notice::new(Tone::Neutral, title).into());
    for warning in &issued.warnings {
        let notice = Notice::warning(warning.message.as_str()).code(warning.code);
        blocks.push(notice.into());
    }
    if !issued.losses.is_empty() || !issued.changes.is_empty() {
        blocks.push(changes(issued).into());
    }
    blocks.push(terms(&issued.claims).into());
    blocks
}

/// Returns what the customer loses and gets.
fn changes(issued: &IssuedLicense) -> Table {
    let mut table = Table::new(
        "What changes for the customer",
        vec![Column::text("Effect"), Column::text("Change")],
    );
    let losses = issued.losses.iter();
    let losses = losses.map(|text| (Tone::Danger, "Loses", text));
    let others = issued.changes.iter();
    let others = others.map(|text| (Tone::Good, "Changes", text));
    for (tone, effect, text) in losses.chain(others) {
        table.row(vec![
            Cell::badge(tone, effect),
            Cell::Lines(vec![Cell::text(text.as_str())]),
        ]);
    }
    table
}

/// Returns the terms of the license as it would be signed.
fn terms(claims: &Value) -> Facts {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let day = |name: &str, before: u64| {
        let seconds = claims.get(name).and_then(Value::as_u64)?;
        let at = time::from_unix_seconds(seconds.saturating_sub(before))?;
        Some(Cell::Date(at.date_naive()))
    };
    let list = |name: &str| {
        let items = claims.get(name).and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        let items: Vec<_> = items
            .iter()
            .filter_map(Value::as_str)
            .map(Cell::text)
            .collect();
        if items.is_empty() {
            Cell::Empty
        } else {
            Cell::Lines(items)
        }
    };
    let limit = |name: &str| number(name).map_or(Cell::text("No limit"), Cell::Number);
    let start = day("nbf", 0).or_else(|| day("iat", 0));
    Facts::new()
        .title("The license")
        .fact("Customer", Cell::optional(text("sub")))
        .fact("Tier", Cell::optional(text("tier")))
        .fact("First day", start.unwrap_or(Cell::Empty))
        .fact("Last day", day("exp", 1).unwrap_or(Cell::text("Never")))
        .fact("Seats", limit("seats"))
        .fact("Machines", limit("devices"))
        .fact("Users", list("users"))
        .fact("Features", list("features"))
        .fact("Replaces", list("supersedes"))
}
