//! Machines, activations and usage reports.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::{Connection, Row, params};

use super::queries::query;
use super::values::{
    after_number, bad_row, collect, collect_page, column, excess, license_id, millis, number, time,
};
use crate::domain::{
    ActivationRecord, ActivationState, MachineList, MachineRecord, MachineSighting, Page,
    PageRequest, TenantId, UsageExtent, UsageLimits, UsageRecord,
};
use crate::store::machines::MachinePosition;
use crate::store::{ServerStoreError, limits};

/// Records uses of licenses on machines, and deletes the machines that were not seen for the
/// longest time if a license has more than `keep`.
pub(super) fn record(
    db: &Connection,
    tenant: &TenantId,
    sightings: &[MachineSighting],
    keep: u32,
) -> Result<(), ServerStoreError> {
    let mut insert = db.prepare_cached(query!("machine_insert"))?;
    let mut update = db.prepare_cached(query!("machine_seen"))?;
    // Only a new machine can exceed the limit, so most calls do not count machines.
    let mut grown = BTreeSet::new();
    for seen in sightings {
        let license = seen.license.as_str();
        let (machine, version, at) = (&seen.machine, &seen.version, millis(seen.at));
        let values = params![tenant.as_str(), license, machine, version, at];
        if insert.execute(values)? > 0 {
            grown.insert(license);
        } else {
            update.execute(values)?;
        }
    }
    let mut excess = db.prepare_cached(query!("machine_excess"))?;
    let mut forget = db.prepare_cached(query!("machine_forget_excess"))?;
    for license in grown {
        let values = params![tenant.as_str(), license, keep];
        if excess.exists(values)? {
            forget.execute(values)?;
        }
    }
    record_users(db, tenant, sightings)
}

/// Records the users of machines that are still stored.
fn record_users(
    db: &Connection,
    tenant: &TenantId,
    sightings: &[MachineSighting],
) -> Result<(), ServerStoreError> {
    let mut put = db.prepare_cached(query!("machine_user_put"))?;
    let mut forget = db.prepare_cached(query!("machine_user_forget_excess"))?;
    for seen in sightings {
        let Some(user) = &seen.user else { continue };
        let (tenant, license) = (tenant.as_str(), seen.license.as_str());
        let key = params![
            tenant,
            user.as_str(),
            license,
            seen.machine,
            millis(seen.at)
        ];
        put.execute(key)?;
        forget.execute(params![
            tenant,
            user.as_str(),
            license,
            limits::MACHINES_OF_USER
        ])?;
    }
    Ok(())
}

/// Deletes machines that were last seen before `before`. Returns how many were deleted.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: DateTime<Utc>,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("machine_forget_unseen"))?;
    Ok(statement.execute(params![tenant.as_str(), millis(before)])?)
}

/// Returns machines of one license or of all, by license and machine.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    license: Option<&LicenseId>,
    page: &PageRequest,
) -> Result<Page<MachineRecord>, ServerStoreError> {
    let (tenant, limit) = (tenant.as_str(), excess(page));
    let after = page.after_key();
    let Some(license) = license else {
        let (license, machine) = after.split_once('/').unwrap_or((after, ""));
        let values = params![tenant, license, machine, limit];
        let mut statement = db.prepare_cached(query!("machine_page"))?;
        return collect_page(&mut statement, values, read, page, |machine| {
            format!("{}/{}", machine.license.as_str(), machine.machine)
        });
    };
    let values = params![tenant, license.as_str(), after, limit];
    let mut statement = db.prepare_cached(query!("machine_page_of_license"))?;
    collect_page(&mut statement, values, read, page, |machine| {
        machine.machine.clone()
    })
}

/// Returns the machines of all licenses.
pub(super) fn list(
    db: &Connection,
    tenant: &TenantId,
    list: &MachineList,
    page: &PageRequest,
) -> Result<Page<MachineRecord>, ServerStoreError> {
    let start = MachinePosition::start(list, page)?;
    let (tenant, limit) = (tenant.as_str(), excess(page));
    let key = |machine: &MachineRecord| MachinePosition::cursor(list, machine);
    match list {
        MachineList::Recent => {
            let mut statement = db.prepare_cached(query!("machine_page_recent"))?;
            let values = params![tenant, start.last_seen, start.license, start.machine, limit];
            collect_page(&mut statement, values, read, page, key)
        }
        MachineList::Named(name) => {
            let mut statement = db.prepare_cached(query!("machine_page_named"))?;
            let values = params![tenant, name, start.machine, start.license, limit];
            collect_page(&mut statement, values, read, page, key)
        }
    }
}

pub(super) fn read(row: &Row<'_>) -> Result<MachineRecord, ServerStoreError> {
    Ok(MachineRecord {
        license: license_id("machines", &row.get::<_, String>(0)?)?,
        machine: row.get(1)?,
        version: row.get(2)?,
        first_seen: time(row.get(3)?),
        last_seen: time(row.get(4)?),
    })
}

/// Stores an activation request, unless a request with its nonce is stored. Returns the stored
/// record.
pub(super) fn store_activation(
    db: &Connection,
    tenant: &TenantId,
    activation: ActivationRecord,
    max_waiting: u32,
) -> Result<ActivationRecord, ServerStoreError> {
    if let Some(stored) = self::activation(db, tenant, &activation.nonce)? {
        return Ok(stored);
    }
    let waiting = db
        .prepare_cached(query!("activation_waiting"))?
        .query_row([tenant.as_str(), activation.license.as_str()], |row| {
            row.get(0)
        })?;
    limits::check_waiting(number("activations", waiting)?, max_waiting)?;
    db.prepare_cached(query!("activation_insert"))?
        .execute(params![
            tenant.as_str(),
            activation.nonce,
            activation.license.as_str(),
            activation.machine,
            activation.request,
            millis(activation.requested_at),
        ])?;
    let stored = self::activation(db, tenant, &activation.nonce)?;
    stored.ok_or_else(|| bad_row("activations", activation.nonce))
}

/// Returns an activation request.
pub(super) fn activation(
    db: &Connection,
    tenant: &TenantId,
    nonce: &str,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("activation_get"))?;
    let found = collect(&mut statement, [tenant.as_str(), nonce], read_activation)?;
    Ok(found.into_iter().next().map(|(_, activation)| activation))
}

/// Returns activation requests in one state or in any, in the order of arrival.
pub(super) fn activation_page(
    db: &Connection,
    tenant: &TenantId,
    state: Option<ActivationState>,
    page: &PageRequest,
) -> Result<Page<ActivationRecord>, ServerStoreError> {
    let (tenant, after, limit) = (tenant.as_str(), after_number(page)?, excess(page));
    let key = |item: &(i64, ActivationRecord)| item.0.to_string();
    let found = match state {
        None => {
            let mut statement = db.prepare_cached(query!("activation_page"))?;
            let values = params![tenant, after, limit];
            collect_page(&mut statement, values, read_activation, page, key)?
        }
        Some(state) => {
            let mut statement = db.prepare_cached(query!("activation_page_in_state"))?;
            let values = params![tenant, state.as_str(), after, limit];
            collect_page(&mut statement, values, read_activation, page, key)?
        }
    };
    Ok(found.map(|(_, activation)| activation))
}

/// Stores the answer to a request.
pub(super) fn answer(
    db: &Connection,
    tenant: &TenantId,
    nonce: &str,
    answer: &str,
    now: DateTime<Utc>,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    db.prepare_cached(query!("activation_answer"))?
        .execute(params![tenant.as_str(), nonce, answer, millis(now)])?;
    activation(db, tenant, nonce)
}

/// Stores the deactivation receipt of a request.
pub(super) fn deactivate(
    db: &Connection,
    tenant: &TenantId,
    nonce: &str,
    receipt: &str,
) -> Result<Option<ActivationRecord>, ServerStoreError> {
    db.prepare_cached(query!("activation_deactivate"))?
        .execute([tenant.as_str(), nonce, receipt])?;
    activation(db, tenant, nonce)
}

fn read_activation(row: &Row<'_>) -> Result<(i64, ActivationRecord), ServerStoreError> {
    let (license, state): (String, String) = (row.get(2)?, row.get(9)?);
    let answered_at: Option<i64> = row.get(7)?;
    let activation = ActivationRecord {
        nonce: row.get(1)?,
        license: license_id("activations", &license)?,
        machine: row.get(3)?,
        request: row.get(4)?,
        requested_at: time(row.get(5)?),
        answer: row.get(6)?,
        answered_at: answered_at.map(time),
        receipt: row.get(8)?,
        state: ActivationState::parse(&state).ok_or_else(|| bad_row("activations", state))?,
    };
    Ok((row.get(0)?, activation))
}

/// Stores a usage report, unless it is stored already. Returns whether it is new.
pub(super) fn store_usage(
    db: &Connection,
    tenant: &TenantId,
    report: &UsageRecord,
    limits: UsageLimits,
) -> Result<bool, ServerStoreError> {
    let (tenant, license) = (tenant.as_str(), report.license.as_str());
    let mut known = db.prepare_cached(query!("usage_known"))?;
    if known.exists(params![tenant, report.digest])? {
        return Ok(false);
    }
    let (reports, bytes) = db
        .prepare_cached(query!("usage_total"))?
        .query_row([tenant, license], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (reports, bytes) = (
        number("usage_reports", reports)?,
        number("usage_reports", bytes)?,
    );
    let length = u64::try_from(report.report.len()).unwrap_or(u64::MAX);
    limits::check_usage(reports, bytes, length, limits)?;
    let number: i64 = db
        .prepare_cached(query!("usage_number"))?
        .query_row([tenant], |row| row.get(0))?;
    db.prepare_cached(query!("usage_insert"))?.execute(params![
        tenant,
        number,
        license,
        report.digest,
        report.product,
        report.report,
        column(length),
        column(report.entries),
        millis(report.received_at),
    ])?;
    Ok(true)
}

/// Deletes the usage reports with the numbers up to `through`. Returns how many were deleted.
pub(super) fn delete_usage(
    db: &Connection,
    tenant: &TenantId,
    through: u64,
) -> Result<usize, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("usage_delete"))?;
    Ok(statement.execute(params![tenant.as_str(), column(through)])?)
}

/// Returns the extent of the usage reports with the numbers up to `through`.
pub(super) fn usage_extent(
    db: &Connection,
    tenant: &TenantId,
    through: u64,
) -> Result<UsageExtent, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("usage_extent"))?;
    let values = params![tenant.as_str(), column(through)];
    let (reports, first, last) =
        statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let number = |value| number("usage_reports", value);
    Ok(UsageExtent {
        reports: number(reports)?,
        first: number(first)?,
        last: number(last)?,
    })
}

/// Returns usage reports, in the order of arrival.
pub(super) fn usage_page(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<UsageRecord>, ServerStoreError> {
    let values = params![tenant.as_str(), after_number(page)?, excess(page)];
    let mut statement = db.prepare_cached(query!("usage_page"))?;
    let read = |row: &Row<'_>| {
        Ok(UsageRecord {
            number: number("usage_reports", row.get(0)?)?,
            license: license_id("usage_reports", &row.get::<_, String>(1)?)?,
            digest: row.get(2)?,
            product: row.get(3)?,
            report: row.get(4)?,
            entries: number("usage_reports", row.get(5)?)?,
            received_at: time(row.get(6)?),
        })
    };
    collect_page(&mut statement, values, read, page, |report| {
        report.number.to_string()
    })
}
