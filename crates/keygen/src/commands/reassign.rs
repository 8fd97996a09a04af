//! `keygen reassign`: a named user's place goes to another.

use license_cli_support::{Exit, Failure, escape};
use license_core::issue::LicenseDraft;
use license_core::{License, Matrix, Timestamp, Unverified};
use license_issuer::ledger::{LedgerReader, LicenseStatus};
use serde_json::json;

use super::context::AppContext;
use super::former::does_not_stand;
use super::issuing::Issuing;
use super::lookup::{find_license, not_found, required, signing_keys};
use super::mint::{self, Order};
use super::successor::{Change, begin_at_once, refuse_followed};
use crate::args::{Dry, Reassign};
use crate::failures;
use crate::inputs::{fresh_id, matrix, now};

const SECONDS_PER_DAY: u64 = 86_400;

pub(crate) fn run(arguments: &Dry<Reassign>, app: AppContext<'_>) -> Result<(), Failure> {
    required(app.place, "who was named when")?;
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.product_file.as_ref())?;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    mint::run(issuing, &order.key, &matrix, |ledger| {
        reassigned(order, &matrix, ledger)
    })
}

fn reassigned<'m>(
    order: &Reassign,
    matrix: &'m Matrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Order<'m>, Failure> {
    let issued_at = order.issued_at.unwrap_or_else(now);
    let ledger = ledger.ok_or_else(|| not_found(&order.license))?;
    let license = find(&order.license, ledger, issued_at)?;
    refuse_followed(&license, Change::Terms, ledger, issued_at)?;
    if license.product() != matrix.product() {
        return Err(failures::other_product(license.product(), matrix));
    }
    let users: Vec<_> = license
        .users()
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    let users = replaced(&users, order)?;
    if !order.waive_cool_down {
        check_cool_down(order, &license, matrix, ledger, issued_at)?;
    }
    let draft = LicenseDraft::succeeding(&license, fresh_id()?, issued_at);
    let mut draft = draft.ok_or_else(|| no_users(&order.license))?;
    draft.users = users;
    let at_once = begin_at_once(&mut draft, &license, Some(ledger))?;
    let change = json!({
        "from": order.from,
        "to": order.to,
        "cool_down_waived": order.waive_cool_down,
    });
    let mut order = Order::new(draft, matrix);
    order.notes.extend(at_once);
    order.facts.insert("reassigned".to_owned(), change);
    order.notes.push(format!(
        "{} is replaced where the new license is installed; elsewhere it holds until it ends",
        license.id()
    ));
    Ok(order)
}

/// The license as it was minted, if it stands.
fn find(named: &str, ledger: &dyn LedgerReader, now: Timestamp) -> Result<License, Failure> {
    let row = find_license(ledger, named, now)?.ok_or_else(|| not_found(named))?;
    let subject = &row.entry.subject;
    if !matches!(row.status, LicenseStatus::Active | LicenseStatus::Future) {
        return Err(does_not_stand(subject, row.status, ledger));
    }
    let keys = signing_keys(ledger)?;
    let token = Unverified::parse(&row.entry.artifact).map_err(|_| no_users(subject))?;
    token.verify(&keys).map_err(|error| {
        let message = format!("license {subject} as the ledger has it: {error}");
        Failure::malformed(message).hint("`keygen ledger verify` finds what was changed")
    })
}

/// The users with one in another's place.
fn replaced(users: &[String], order: &Reassign) -> Result<Vec<String>, Failure> {
    if users.is_empty() {
        return Err(no_users(&order.license));
    }
    let (from, to) = (order.from.trim(), order.to.trim());
    if to.is_empty() {
        return Err(
            Failure::usage("expected a user for --to, found an empty name")
                .hint("give --to a name"),
        );
    }
    if users.iter().any(|user| user == to) {
        return Err(
            Failure::usage(format!("{} has a place in the license already", escape(to)))
                .hint("name somebody else with --to"),
        );
    }
    let place = users.iter().position(|user| user == from);
    let Some(place) = place else {
        let names: Vec<_> = users.iter().map(|user| escape(user)).collect();
        return Err(Failure::usage(format!(
            "expected one of the users {} for --from, found {}",
            names.join(", "),
            escape(from)
        ))
        .hint("name the user who gives up the place, as the license does"));
    };
    let name = |(at, user): (usize, &String)| match at == place {
        true => to.to_owned(),
        false => user.clone(),
    };
    Ok(users.iter().enumerate().map(name).collect())
}

/// Refuses to take a place from somebody who has just got it.
fn check_cool_down(
    order: &Reassign,
    license: &License,
    matrix: &Matrix,
    ledger: &dyn LedgerReader,
    now: Timestamp,
) -> Result<(), Failure> {
    let days = matrix.user_cool_down_days();
    let user = order.from.trim();
    let since = ledger
        .named_since(license.id().as_str(), user)
        .map_err(failures::ledger_not_read(ledger))?;
    let Some(since) = since else { return Ok(()) };
    let end = since.plus(days.saturating_mul(SECONDS_PER_DAY));
    if now >= end {
        return Ok(());
    }
    let message = format!(
        "{} was named at {since} and keeps the place for {days} days, until {end}",
        escape(user)
    );
    Err(Failure::new(Exit::Usage, "COOL_DOWN", message)
        .hint("wait until then, or add --waive-cool-down, which the ledger remembers"))
}

fn no_users(named: &str) -> Failure {
    Failure::usage(format!(
        "license {} names no users: whoever has it may use it",
        escape(named)
    ))
    .hint("`keygen issue --user NAME` names them")
}
