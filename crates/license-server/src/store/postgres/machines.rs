//! Machines, activations and usage reports.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;

use super::queries::query;
use super::tenants;
use super::transaction::Transaction;
use super::values::{
    after_number, bad_row, column, count, digest, excess, license_id, millis, number, read_page,
    time,
};
use crate::domain::{
    ActivationRecord, ActivationState, MachineList, MachineRecord, MachineSighting, Page,
    PageRequest, UsageExtent, UsageLimits, UsageRecord,
};
use crate::store::machines::MachinePosition;
use crate::store::{ServerStoreError, limits};

/// The uses of one license on one machine: the latest version, the first use and the last one.
type Uses<'a> = (Option<&'a str>, i64, i64);

/// Records uses of licenses on machines, and deletes the machines that were not seen for the
/// longest time if a license has more than `keep`.
pub(super) async fn record(
    db: &Transaction,
    sightings: &[MachineSighting],
    keep: u32,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    // A statement changes each row once.
    let mut machines: BTreeMap<(&str, &str), Uses<'_>> = BTreeMap::new();
    for seen in sightings {
        let (version, at) = (seen.version.as_deref(), millis(seen.at));
        let key = (seen.license.as_str(), seen.machine.as_str());
        let uses = machines.entry(key).or_insert((None, at, at));
        uses.0 = version.or(uses.0);
        uses.2 = uses.2.max(at);
    }
    let (licenses, names): (Vec<_>, Vec<_>) = machines.keys().copied().unzip();
    let versions: Vec<_> = machines.values().map(|uses| uses.0).collect();
    let first: Vec<_> = machines.values().map(|uses| uses.1).collect();
    let last: Vec<_> = machines.values().map(|uses| uses.2).collect();
    let rows = db
        .query(
            query!("machine_put"),
            &[&db.tenant(), &licenses, &names, &versions, &first, &last],
        )
        .await?;
    // Only a new machine can exceed the limit, so most calls do not count machines.
    let mut grown = BTreeSet::new();
    for row in &rows {
        if row.try_get(1)? {
            let license: &str = row.try_get(0)?;
            grown.insert(license);
        }
    }
    for license in grown {
        db.execute(
            query!("machine_forget_excess"),
            &[&db.tenant(), &license, &i64::from(keep)],
        )
        .await?;
    }
    record_users(db, sightings).await
}

/// Records the users of machines that are still stored.
async fn record_users(
    db: &Transaction,
    sightings: &[MachineSighting],
) -> Result<(), ServerStoreError> {
    let keep = i64::from(limits::MACHINES_OF_USER);
    for seen in sightings {
        let Some(user) = &seen.user else { continue };
        let (tenant, license) = (db.tenant(), seen.license.as_str());
        let (user, machine) = (user.as_str(), seen.machine.as_str());
        db.execute(
            query!("machine_user_put"),
            &[&tenant, &user, &license, &machine, &millis(seen.at)],
        )
        .await?;
        db.execute(
            query!("machine_user_forget_excess"),
            &[&tenant, &user, &license, &keep],
        )
        .await?;
    }
    Ok(())
}

/// Deletes machines that were last seen before `before`. Returns how many were deleted.
pub(super) async fn forget(
    db: &Transaction,
    before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let deleted = db
        .execute(
            query!("machine_forget_unseen"),
            &[&db.tenant(), &millis(before)],
        )
        .await?;
    Ok(count(deleted))
}

/// Returns machines of one license or of all, by license and machine.
pub(super) async fn page(
    db: &Transaction,
    license: Option<&LicenseId>,
    page: &PageRequest,
) -> Result<Page<MachineRecord>, ServerStoreError> {
    let (tenant, limit) = (db.tenant(), excess(page));
    let after = page.after_key();
    let Some(license) = license else {
        let (license, machine) = after.split_once('/').unwrap_or((after, ""));
        let rows = db
            .query(
                query!("machine_page"),
                &[&tenant, &license, &machine, &limit],
            )
            .await?;
        return read_page(&rows, read, page, |machine| {
            format!("{}/{}", machine.license.as_str(), machine.machine)
        });
    };
    let rows = db
        .query(
            query!("machine_page_of_license"),
            &[&tenant, &license.as_str(), &after, &limit],
        )
        .await?;
    read_page(&rows, read, page, |machine| machine.machine.clone())
}

/// Returns the machines of all licenses.
pub(super) async fn list(
    db: &Transaction,
    list: &MachineList,
    page: &PageRequest,
) -> Result<Page<MachineRecord>, ServerStoreError> {
    let start = MachinePosition::start(list, page)?;
    let (tenant, limit) = (db.tenant(), excess(page));
    let (license, machine) = (start.license, start.machine);
    let rows = match list {
        MachineList::Recent => {
            let sql = query!("machine_page_recent");
            db.query(
                sql,
                &[&tenant, &start.last_seen, &license, &machine, &limit],
            )
            .await?
        }
        MachineList::Named(name) => {
            let sql = query!("machine_page_named");
            db.query(sql, &[&tenant, name, &machine, &license, &limit])
                .await?
        }
    };
    read_page(&rows, read, page, |machine| {
        MachinePosition::cursor(list, machine)
    })
}

pub(super) fn read(row: &Row) -> Result<MachineRecord, ServerStoreError> {
    Ok(MachineRecord {
        license: license_id("machines", row.try_get(0)?)?,
        machine: row.try_get(1)?,
        version: row.try_get(2)?,
        first_seen: time(row.try_get(3)?),
        last_seen: time(row.try_get(4)?),
    })
}

/// Stores an activation request, unless a request with its nonce is stored. Returns the stored
/// record.
pub(super) async fn store_activation(
    db: &Transaction,
    activation: ActivationRecord,
    max_waiting: u32,
) -> Result<ActivationRecord, ServerStoreError> {
    tenants::lock(db).await?;
    if let Some(stored) = self::activation(db, &activation.nonce).await? {
        return Ok(stored);
    }
    let (tenant, license) = (db.tenant(), activation.license.as_str());
    let row = db
        .query_one(query!("activation_waiting"), &[&tenant, &license])
        .await?;
    limits::check_waiting(number("activations", row.try_get(0)?)?, max_waiting)?;
    db.execute(
        query!("activation_insert"),
        &[
            &tenant,
            &activation.nonce,
            &license,
            &activation.machine,
            &activation.request,
            &millis(activation.requested_at),
        ],
    )
    .await?;
    let stored = self::activation(db, &activation.nonce).await?;
    stored.ok_or_else(|| bad_row("activations", activation.nonce))
}

/// Returns an activation request.
pub(super) async fn activation(
    db: &Transaction,
    nonce: &str,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    let row = db
        .query_opt(query!("activation_get"), &[&db.tenant(), &nonce])
        .await?;
    let found = row.as_ref().map(read_activation).transpose()?;
    Ok(found.map(|(_, activation)| activation))
}

/// Returns activation requests in one state or in any, in the order of arrival.
pub(super) async fn activation_page(
    db: &Transaction,
    state: Option<ActivationState>,
    page: &PageRequest,
) -> Result<Page<ActivationRecord>, ServerStoreError> {
    let (tenant, after, limit) = (db.tenant(), after_number(page)?, excess(page));
    let rows = match state {
        None => {
            db.query(query!("activation_page"), &[&tenant, &after, &limit])
                .await?
        }
        Some(state) => {
            db.query(
                query!("activation_page_in_state"),
                &[&tenant, &state.as_str(), &after, &limit],
            )
            .await?
        }
    };
    let key = |item: &(i64, ActivationRecord)| item.0.to_string();
    let found = read_page(&rows, read_activation, page, key)?;
    Ok(found.map(|(_, activation)| activation))
}

/// Stores the answer to a request.
pub(super) async fn answer(
    db: &Transaction,
    nonce: &str,
    answer: &str,
    now: DateTime<Utc>,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    db.execute(
        query!("activation_answer"),
        &[&db.tenant(), &nonce, &answer, &millis(now)],
    )
    .await?;
    activation(db, nonce).await
}

/// Stores the deactivation receipt of a request.
pub(super) async fn deactivate(
    db: &Transaction,
    nonce: &str,
    receipt: &str,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    db.execute(
        query!("activation_deactivate"),
        &[&db.tenant(), &nonce, &receipt],
    )
    .await?;
    activation(db, nonce).await
}

fn read_activation(row: &Row) -> Result<(i64, ActivationRecord), ServerStoreError> {
    let state: &str = row.try_get(9)?;
    let answered_at: Option<i64> = row.try_get(7)?;
    let activation = ActivationRecord {
        nonce: row.try_get(1)?,
        license: license_id("activations", row.try_get(2)?)?,
        machine: row.try_get(3)?,
        request: row.try_get(4)?,
        requested_at: time(row.try_get(5)?),
        answer: row.try_get(6)?,
        answered_at: answered_at.map(time),
        receipt: row.try_get(8)?,
        state: ActivationState::parse(state).ok_or_else(|| bad_row("activations", state))?,
    };
    Ok((row.try_get(0)?, activation))
}

/// Stores a usage report, unless it is stored already. Returns whether it is new.
pub(super) async fn store_usage(
    db: &Transaction,
    report: &UsageRecord,
    limits: UsageLimits,
) -> Result<bool, ServerStoreError> {
    let (tenant, license) = (db.tenant(), report.license.as_str());
    let digest = report.digest.as_slice();
    tenants::lock(db).await?;
    let known = db
        .query_opt(query!("usage_known"), &[&tenant, &digest])
        .await?;
    if known.is_some() {
        return Ok(false);
    }
    let total = db
        .query_one(query!("usage_total"), &[&tenant, &license])
        .await?;
    let (reports, bytes) = (
        number("usage_reports", total.try_get(0)?)?,
        number("usage_reports", total.try_get(1)?)?,
    );
    let length = u64::try_from(report.report.len()).unwrap_or(u64::MAX);
    limits::check_usage(reports, bytes, length, limits)?;
    let row = db.query_one(query!("usage_number"), &[&tenant]).await?;
    let number: i64 = row.try_get(0)?;
    db.execute(
        query!("usage_insert"),
        &[
            &tenant,
            &number,
            &license,
            &digest,
            &report.product,
            &report.report,
            &column(length),
            &column(report.entries),
            &millis(report.received_at),
        ],
    )
    .await?;
    Ok(true)
}

/// Deletes the usage reports with the numbers up to `through`. Returns how many were deleted.
pub(super) async fn delete_usage(
    db: &Transaction,
    through: u64,
) -> Result<usize, ServerStoreError> {
    let deleted = db
        .execute(query!("usage_delete"), &[&db.tenant(), &column(through)])
        .await?;
    Ok(count(deleted))
}

/// Returns the extent of the usage reports with the numbers up to `through`.
pub(super) async fn usage_extent(
    db: &Transaction,
    through: u64,
) -> Result<UsageExtent, ServerStoreError> {
    let row = db
        .query_one(query!("usage_extent"), &[&db.tenant(), &column(through)])
        .await?;
    let value = |index: usize| number("usage_reports", row.try_get(index)?);
    Ok(UsageExtent {
        reports: value(0)?,
        first: value(1)?,
        last: value(2)?,
    })
}

/// Returns usage reports, in the order of arrival.
pub(super) async fn usage_page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<UsageRecord>, ServerStoreError> {
    let rows = db
        .query(
            query!("usage_page"),
            &[&db.tenant(), &after_number(page)?, &excess(page)],
        )
        .await?;
    let read = |row: &Row| {
        Ok(UsageRecord {
            number: number("usage_reports", row.try_get(0)?)?,
            license: license_id("usage_reports", row.try_get(1)?)?,
            digest: digest("usage_reports", row, 2)?,
            product: row.try_get(3)?,
            report: row.try_get(4)?,
            entries: number("usage_reports", row.try_get(5)?)?,
            received_at: time(row.try_get(6)?),
        })
    };
    read_page(&rows, read, page, |report| report.number.to_string())
}
