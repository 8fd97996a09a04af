//! The report of `keygen enterprise-key`.

use license_cli_support::{Destination, Failure, Terminal, plural};
use license_core::key::EnterpriseTerms;
use license_core::time::{self, rfc3339};
use license_issuer::services::enterprise_keys::SignedEnterpriseKey;
use serde_json::{Value, json};

use crate::args::EnterpriseKey;
use crate::output;

/// Prints the report of an issued key, or of a dry run.
pub(super) fn print(
    terms: EnterpriseTerms,
    signed: Option<&SignedEnterpriseKey>,
    arguments: &EnterpriseKey,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&to_json(terms, signed, arguments));
    }
    let out = &arguments.output.out;
    let Some(signed) = signed else {
        return terminal.data(&dry_run_text(terms, arguments));
    };
    if let Destination::File(_) = out {
        terminal.note(&format!("wrote {out}"));
    }
    if !arguments.short {
        terminal.note(&format!(
            "short form for invoices and phone calls: {}",
            signed.key.short()
        ));
    }
    Ok(())
}

/// Returns the key of a dry run, without its signature.
fn dry_run_text(terms: EnterpriseTerms, arguments: &EnterpriseKey) -> String {
    let signature = if arguments.short {
        "a digest of its signature"
    } else {
        "its signature"
    };
    let end = terms.expiry.ends_at();
    let end = end.map_or("perpetual".to_owned(), time::describe_end);
    let first = output::dry_run_line(&arguments.output.out);
    format!(
        "{first}\nkey        {terms}-…, ending in {signature}\nvalid      for {}, {end}",
        plural(terms.seats.get(), "user", "users")
    )
}

/// Returns the report as a JSON object.
pub(super) fn to_json(
    terms: EnterpriseTerms,
    signed: Option<&SignedEnterpriseKey>,
    arguments: &EnterpriseKey,
) -> Value {
    let key = signed.filter(|_| !arguments.short);
    json!({
        "key": key.map(|signed| signed.key.to_string()),
        "short_key": signed.map(|signed| signed.key.short().to_string()),
        "product": terms.product.as_str(),
        "company": terms.company.as_str(),
        "seats": terms.seats,
        "expires_at": terms.expiry.ends_at().map(|end| rfc3339(end).to_string()),
        "path": signed.and_then(|_| arguments.output.path()),
        "kid": signed.map(|signed| signed.kid.as_str()),
        "alg": signed.map(|signed| signed.algorithm.as_str()),
        "dry_run": signed.is_none(),
    })
}
