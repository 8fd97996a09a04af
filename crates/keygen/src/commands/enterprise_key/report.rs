//! The report of `keygen enterprise-key`.

use license_cli_support::{Destination, Failure, Terminal};
use license_core::EnterpriseTerms;
use license_issuer::services::enterprise_keys::SignedEnterpriseKey;
use serde_json::{Value, json};

use crate::args;
use crate::output;

/// Prints the report of an issued key, or of a dry run.
pub(super) fn tell(
    terms: EnterpriseTerms,
    minted: Option<&SignedEnterpriseKey>,
    order: &args::EnterpriseKey,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&to_json(terms, minted, order));
    }
    let out = &order.out.out;
    let Some(signed) = minted else {
        return terminal.data(&outlook(terms, order));
    };
    if let Destination::File(_) = out {
        terminal.note(&format!("wrote {out}"));
    }
    if !order.short {
        terminal.note(&format!(
            "short form, for invoices and phone calls: {}",
            signed.key.short()
        ));
    }
    Ok(())
}

/// Returns the key as it would be, except for its signature.
fn outlook(terms: EnterpriseTerms, order: &args::EnterpriseKey) -> String {
    let signature = match order.short {
        true => "a digest of its signature",
        false => "its signature",
    };
    let end = terms.expiry.ends_at();
    let end = end.map_or("perpetual".to_owned(), |end| format!("until {end}"));
    let first = output::dry_run_line(&order.out.out);
    format!(
        "{first}\nkey        {terms}-…, ending in {signature}\nholds      for {} users, {end}",
        terms.seats
    )
}

/// Returns the report as a JSON object.
pub(super) fn to_json(
    terms: EnterpriseTerms,
    minted: Option<&SignedEnterpriseKey>,
    order: &args::EnterpriseKey,
) -> Value {
    let out = &order.out.out;
    let key = minted.filter(|_| !order.short);
    let in_file = matches!(out, Destination::File(_)) && minted.is_some();
    json!({
        "key": key.map(|signed| signed.key.to_string()),
        "short_key": minted.map(|signed| signed.key.short().to_string()),
        "product": terms.product.as_str(),
        "company": terms.company.as_str(),
        "seats": terms.seats,
        "expires_at": terms.expiry.ends_at().map(|end| end.to_string()),
        "path": in_file.then(|| out.to_string()),
        "kid": minted.map(|signed| signed.kid.as_str()),
        "alg": minted.map(|signed| signed.algorithm.as_str()),
        "dry_run": minted.is_none(),
    })
}
