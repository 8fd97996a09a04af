//! The report of `keygen rotate`.

use license_core::license::TrustStatement;
use license_core::time::rfc3339;
use license_core::trust::{KeyId, TrustedKey};
use license_issuer::services::trust_statements::TrustStatementPlan;
use serde_json::{Value, json};

use super::super::issuance::{Issuance, IssuanceReport};

/// Returns the report of signed statements.
pub(super) fn from_signed(
    statements: &[TrustStatement],
    issuance: &Issuance<'_>,
) -> IssuanceReport {
    let to_json = |statement: &TrustStatement| {
        let introduces = statement.introduces().map(|key| key.id().as_str());
        json!({
            "kid": statement.signer().as_str(),
            "introduces": introduces.collect::<Vec<_>>(),
            "retires": statement.retires().map(|key| key.as_str()),
            "successor": statement.countersigner().map(|key| key.as_str()),
            "issued_at": rfc3339(statement.issued_at()).to_string(),
            "token": issuance.shows_token().then(|| statement.as_str()),
        })
    };
    let mut lines = Vec::new();
    for statement in statements {
        lines.extend(statement.introduces().map(introduced));
        lines.extend(statement.retires().map(|key| format!("retires    {key}")));
        let successor = statement.countersigner();
        lines.extend(successor.map(|key| format!("successor  {key}")));
    }
    if let Some(statement) = statements.first() {
        lines.push(format!("signed by  {}", statement.signer()));
        lines.push(format!("issued     {}", rfc3339(statement.issued_at())));
    }
    report(statements.iter().map(to_json).collect(), lines, issuance)
}

/// Returns the report of a dry run. The id of a key that was not opened is `null` in JSON.
pub(super) fn from_plan(plan: &TrustStatementPlan<'_>, issuance: &Issuance<'_>) -> IssuanceReport {
    const UNOPENED: &str = "(unknown, because the dry run did not open the key)";
    let id = |key: &Option<KeyId>| key.as_ref().map(KeyId::to_string);
    let (signer, successor) = (id(&plan.signer), id(&plan.successor));
    let statement = |introduces: Vec<&str>, retires: Option<&str>, successor: Option<&str>| {
        json!({
            "kid": signer,
            "introduces": introduces,
            "retires": retires,
            "successor": successor,
            "issued_at": rfc3339(plan.issued_at).to_string(),
            "token": null,
        })
    };
    let ids: Vec<_> = plan.introduced().map(|key| key.id().as_str()).collect();
    let mut statements = Vec::new();
    if !ids.is_empty() {
        statements.push(statement(ids, None, None));
    }
    let mut lines: Vec<_> = plan.introduced().map(introduced).collect();
    if plan.retires() {
        statements.push(statement(
            Vec::new(),
            signer.as_deref(),
            successor.as_deref(),
        ));
        let name = |id: &Option<String>| id.as_deref().unwrap_or(UNOPENED).to_owned();
        lines.push(format!("retires    {}", name(&signer)));
        lines.push(format!("successor  {}", name(&successor)));
    }
    lines.push(format!("issued     {}", rfc3339(plan.issued_at)));
    report(statements, lines, issuance)
}

fn report(statements: Vec<Value>, lines: Vec<String>, issuance: &Issuance<'_>) -> IssuanceReport {
    let json = json!({
        "statements": statements,
        "path": issuance.path(),
        "dry_run": issuance.dry_run,
    });
    IssuanceReport { json, lines }
}

fn introduced(key: &TrustedKey) -> String {
    let (id, algorithm, bits) = (key.id(), key.algorithm(), key.bits());
    format!("introduces {id} {algorithm} {bits} bits")
}
