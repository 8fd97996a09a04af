//! `keygen enterprise-key`.

mod report;

use license_core::issue::{self, CheckedKey, Sign};
use license_core::{Algorithm, EnterpriseTerms, KeyExpiry, Matrix};
use license_terminal::{Failure, Terminal};

use super::{dry_run, matrix, not_issued, now};
use crate::books::{self, Books};
use crate::cli::{Dry, EnterpriseKey};
use crate::keys;
use crate::ledger::{Place, Record};

pub(crate) fn run(
    arguments: &Dry<EnterpriseKey>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    order.out.check()?;
    let matrix = matrix(order.product_file.as_ref())?;
    let terms = EnterpriseTerms {
        product: order.product.unwrap_or(matrix.product()),
        company: order.company,
        seats: order.seats,
        expiry: order.expires.unwrap_or(KeyExpiry::Perpetual),
    };
    if *dry_run {
        let at_hand = dry_run::check(&order.key, &order.out, place, terminal)?;
        let key = at_hand.key.as_ref().map(|key| key.public().algorithm());
        check_algorithm(order, key.or(order.key.alg))?;
        warn(terms, terminal);
        return report::tell(terms, None, order, terminal);
    }
    let mut books = Books::open(place)?;
    let key = keys::open(&order.key, terminal)?;
    check_algorithm(order, Some(key.public().algorithm()))?;
    warn(terms, terminal);
    let minted = issue::enterprise_key(terms, &key).map_err(|error| not_issued(&error))?;
    let text = if order.short {
        minted.short().to_string()
    } else {
        minted.to_string()
    };
    let out = &order.out;
    let line = format!("{text}\n");
    let content = (!(terminal.is_json() && out.is_stdout())).then_some(line.as_str());
    // The short form proves nothing: what it names is entered when it is minted.
    let records = match order.short {
        true => Vec::new(),
        false => vec![record(&minted, &key, &matrix)],
    };
    let mut counter = books.counter(now())?;
    counter.enter_key(key.public())?;
    counter.hand_out(records, out, content)?;
    report::tell(terms, Some((&minted, &key)), order, terminal)
}

/// RS256 gives the same signature each time; with PS256 the short form would match no key minted before.
fn check_algorithm(order: &EnterpriseKey, algorithm: Option<Algorithm>) -> Result<(), Failure> {
    if order.short && algorithm == Some(Algorithm::Ps256) {
        return Err(Failure::usage(
            "a PS256 signature differs each time, and so would its short form",
        )
        .hint("mint the key without --short, then `keygen inspect -` shows its short form"));
    }
    Ok(())
}

fn warn(terms: EnterpriseTerms, terminal: &Terminal) {
    if let Some(end) = terms.expiry.ends_at().filter(|end| *end <= now()) {
        terminal.warning("EXPIRED", &format!("the key ended at {end}"));
    }
}

fn record(minted: &license_core::EnterpriseKey, key: &CheckedKey, matrix: &Matrix) -> Record {
    let tier = matrix.enterprise_tier().map(|tier| tier.name().to_string());
    books::enterprise_key(minted, key.public().id().as_str(), tier.as_deref())
}
