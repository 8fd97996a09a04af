//! What `keygen rotate` tells.

use license_core::issue::{CheckedKey, Sign};
use license_core::{TrustStatement, TrustedKey};
use license_terminal::{Destination, Failure, Terminal};
use serde_json::{Value, json};

use super::Order;
use crate::commands::dry_run;

pub(super) fn minted(
    statements: &[TrustStatement],
    out: &Destination,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let in_file = matches!(out, Destination::File(_));
    if terminal.is_json() {
        let told = statements.iter().map(|statement| {
            let token = (!in_file).then(|| statement.as_str());
            let introduces = statement.introduces().map(|key| key.id().as_str());
            json!({
                "kid": statement.signer().as_str(),
                "introduces": introduces.collect::<Vec<_>>(),
                "retires": statement.retires().map(|key| key.as_str()),
                "successor": statement.countersigner().map(|key| key.as_str()),
                "issued_at": statement.issued_at().to_string(),
                "token": token,
            })
        });
        let path = in_file.then(|| out.to_string());
        return object(told.collect(), path, false, terminal);
    }
    let mut lines = Vec::new();
    for statement in statements {
        lines.extend(statement.introduces().map(introduced));
        lines.extend(statement.retires().map(|key| format!("retires    {key}")));
        let successor = statement.countersigner();
        lines.extend(successor.map(|key| format!("successor  {key}")));
    }
    lines.extend(statements.first().map(|statement| {
        let (key, at) = (statement.signer(), statement.issued_at());
        format!("signed by  {key}\nissued     {at}")
    }));
    let text = lines.join("\n");
    match in_file {
        true => terminal.data(&format!("wrote      {out}\n{text}")),
        false => {
            terminal.note(&text);
            Ok(())
        }
    }
}

/// The same of what would be said, with the ids of the keys that are at hand.
pub(super) fn rehearsed(
    order: &Order,
    keys: (Option<&CheckedKey>, Option<&CheckedKey>),
    out: &Destination,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let id = |key: Option<&CheckedKey>| key.map(|key| key.public().id().to_string());
    let (own, second) = (id(keys.0), id(keys.1));
    if terminal.is_json() {
        let one = |introduces: Vec<&str>, retires: Option<&str>, successor: Option<&str>| {
            json!({
                "kid": own,
                "introduces": introduces,
                "retires": retires,
                "successor": successor,
                "issued_at": order.issued_at.to_string(),
                "token": null,
            })
        };
        let ids: Vec<_> = order
            .introduced
            .iter()
            .map(|key| key.id().as_str())
            .collect();
        let introduction = (!ids.is_empty()).then(|| one(ids, None, None));
        let retirement = || one(Vec::new(), own.as_deref(), second.as_deref());
        let retirement = order.second.as_ref().map(|_| retirement());
        let statements = introduction.into_iter().chain(retirement).collect();
        return object(statements, None, true, terminal);
    }
    const UNOPENED: &str = "a key that is not opened in a dry run";
    let mut lines = vec![dry_run::line(out)];
    lines.extend(order.introduced.iter().map(introduced));
    if order.second.is_some() {
        let name = |id: &Option<String>| id.as_deref().unwrap_or(UNOPENED).to_owned();
        lines.push(format!("retires    {}", name(&own)));
        lines.push(format!("successor  {}", name(&second)));
    }
    lines.push(format!("issued     {}", order.issued_at));
    terminal.data(&lines.join("\n"))
}

fn introduced(key: &TrustedKey) -> String {
    let (id, algorithm, bits) = (key.id(), key.algorithm(), key.bits());
    format!("introduces {id} {algorithm} {bits} bits")
}

fn object(
    statements: Vec<Value>,
    path: Option<String>,
    is_dry_run: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    terminal.json(&json!({
        "statements": statements,
        "path": path,
        "dry_run": is_dry_run,
    }))
}
