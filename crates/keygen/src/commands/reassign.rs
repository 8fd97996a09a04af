//! `keygen reassign`: replaces a named user of a license.

use license_cli_support::{Failure, show_name};
use license_core::chrono::{DateTime, Utc};
use license_core::issue::LicenseDraft;
use license_core::{FeatureMatrix, License, Unverified};
use license_issuer::ledger::{LedgerReader, LicenseStatus};
use license_issuer::services::licenses::LicenseOrder;
use serde_json::json;

use super::context::AppContext;
use super::license;
use super::lookup::{find_named, not_found, require_ledger, signing_keys, verified};
use super::named_users::{check_cool_down, check_named, check_new, similar_note};
use super::previous_license::not_replaceable;
use super::successor::{Replacement, refuse_replaced, start_at_once};
use crate::args::Reassign;
use crate::failures;
use crate::inputs::{fresh_id, matrix, now};

pub(crate) fn run(arguments: &Reassign, app: AppContext<'_>) -> Result<(), Failure> {
    require_ledger(app.location, "a reassignment")?;
    let matrix = matrix(app.settings, arguments.signing.product_file.as_ref())?;
    license::issue(app, &arguments.signing, &matrix, |ledger| {
        order(arguments, &matrix, ledger)
    })
}

fn order<'m>(
    arguments: &Reassign,
    matrix: &'m FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<LicenseOrder<'m>, Failure> {
    let issued_at = arguments.signing.issued_at.unwrap_or_else(now);
    let ledger = ledger.ok_or_else(|| not_found(&arguments.license))?;
    let license = find(&arguments.license, ledger, issued_at)?;
    refuse_replaced(&license, Replacement::Amendment, ledger, issued_at)?;
    if license.product() != matrix.product() {
        return Err(failures::other_product(license.product(), matrix));
    }
    let users: Vec<_> = license
        .users()
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    let others = without(&users, arguments.from.trim());
    let similar = similar_note(arguments.to.trim(), &others);
    let users = replace_user(&users, arguments)?;
    if !arguments.waive_cool_down {
        check_cool_down(arguments.from.trim(), &license, matrix, ledger, issued_at)?;
    }
    let draft = LicenseDraft::successor_of(&license, fresh_id()?, issued_at);
    let mut draft = draft.ok_or_else(|| no_users(&arguments.license))?;
    draft.users = users;
    let start_note = start_at_once(&mut draft, &license, Some(ledger))?;
    let change = json!({
        "from": arguments.from,
        "to": arguments.to,
        "cool_down_waived": arguments.waive_cool_down,
    });
    let mut order = LicenseOrder::new(draft, matrix);
    order.notes.extend(start_note);
    order.notes.extend(similar);
    order.members.insert("reassigned".to_owned(), change);
    order.notes.push(format!(
        "license {} is replaced where the new license is installed; elsewhere it stays valid until its end",
        license.id()
    ));
    Ok(order)
}

/// Returns the license in the ledger that an id, a key or a file names. Refuses a license that is
/// revoked, replaced or expired.
fn find(named: &str, ledger: &dyn LedgerReader, now: DateTime<Utc>) -> Result<License, Failure> {
    let row = find_named(ledger, named, now)?;
    let subject = &row.entry.subject;
    if !matches!(row.status, LicenseStatus::Active | LicenseStatus::Future) {
        return Err(not_replaceable(subject, row.status, ledger));
    }
    if Unverified::parse(&row.entry.artifact).is_err() {
        return Err(no_users(subject));
    }
    verified(&row, &signing_keys(ledger)?)
}

/// Returns the users without one of them.
fn without(users: &[String], name: &str) -> Vec<String> {
    let others = users.iter().filter(|user| *user != name);
    others.cloned().collect()
}

/// Returns the users with `--to` instead of `--from`.
fn replace_user(users: &[String], arguments: &Reassign) -> Result<Vec<String>, Failure> {
    if users.is_empty() {
        return Err(no_users(&arguments.license));
    }
    let (from, to) = (arguments.from.trim(), arguments.to.trim());
    check_new("--to", to, users)?;
    check_named("--from", from, users)?;
    let mut users = users.to_vec();
    if let Some(user) = users.iter_mut().find(|user| *user == from) {
        to.clone_into(user);
    }
    Ok(users)
}

fn no_users(named: &str) -> Failure {
    Failure::usage(format!(
        "license {} is not limited to named users",
        show_name(named)
    ))
    .hint("name its users with `keygen upgrade LICENSE --user NAME --force`")
}
