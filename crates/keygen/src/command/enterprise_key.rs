//! `keygen enterprise-key`.

use license_core::issue::{self, CheckedKey, Sign};
use license_core::{Algorithm, EnterpriseTerms, KeyExpiry, Matrix};
use license_terminal::{Destination, Failure, Terminal};
use serde_json::json;

use super::{matrix, not_issued, now};
use crate::books::{self, Books};
use crate::cli::EnterpriseKey;
use crate::custody;
use crate::ledger::{Place, Record};

pub(crate) fn run(
    arguments: &EnterpriseKey,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    arguments.out.check()?;
    let matrix = matrix(arguments.product_file.as_ref())?;
    let product = arguments.product.unwrap_or(matrix.product());
    let mut books = Books::open(place)?;
    let key = custody::load(&arguments.key, terminal)?;
    // RS256 gives the same signature each time; with PS256 the short form would match no key minted before.
    if arguments.short && key.public().algorithm() == Algorithm::Ps256 {
        return Err(Failure::usage(
            "a PS256 signature differs each time, and so would its short form",
        )
        .hint("mint the key without --short, then `keygen inspect -` shows its short form"));
    }
    let terms = EnterpriseTerms {
        product,
        company: arguments.company,
        seats: arguments.seats,
        expiry: arguments.expires.unwrap_or(KeyExpiry::Perpetual),
    };
    if let Some(end) = terms.expiry.ends_at().filter(|end| *end <= now()) {
        terminal.warning("EXPIRED", &format!("the key ended at {end}"));
    }
    let minted = issue::enterprise_key(terms, &key).map_err(|error| not_issued(&error))?;
    let text = if arguments.short {
        minted.short().to_string()
    } else {
        minted.to_string()
    };
    let out = &arguments.out;
    let line = format!("{text}\n");
    let content = (!(terminal.is_json() && out.is_stdout())).then_some(line.as_str());
    // The short form proves nothing: what it names is entered when it is minted.
    let records = match arguments.short {
        true => Vec::new(),
        false => vec![record(&minted, &key, &matrix)],
    };
    let mut counter = books.counter(now())?;
    counter.enter_key(key.public())?;
    counter.hand_out(records, out, content)?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "key": (!arguments.short).then(|| minted.to_string()),
            "short_key": minted.short().to_string(),
            "product": terms.product.as_str(),
            "company": terms.company.as_str(),
            "seats": terms.seats,
            "expires_at": terms.expiry.ends_at().map(|end| end.to_string()),
            "path": match &out.out {
                Destination::Stdout => None,
                Destination::File(_) => Some(out.out.to_string()),
            },
            "kid": key.public().id().as_str(),
            "alg": key.public().algorithm().as_str(),
        }));
    }
    if let Destination::File(_) = out.out {
        terminal.note(&format!("wrote {}", out.out));
    }
    if !arguments.short {
        terminal.note(&format!(
            "short form, for invoices and phone calls: {}",
            minted.short()
        ));
    }
    Ok(())
}

fn record(minted: &license_core::EnterpriseKey, key: &CheckedKey, matrix: &Matrix) -> Record {
    let tier = matrix.enterprise_tier().map(|tier| tier.name().to_string());
    books::enterprise_key(minted, key.public().id().as_str(), tier.as_deref())
}
