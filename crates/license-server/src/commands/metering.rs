//! `license-server metering`: what customers use, at the console of the server.

use license_cli_support::{Audience, Failure, Terminal, TextColumn, TextTable, escape};
use license_core::FeatureMatrix;
use license_core::chrono::TimeDelta;
use serde_json::{Value, json};

use super::database::DatabaseAccess;
use super::opened::{open, refused, runtime};
use crate::args::MeteringCommand;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Cursor, PageRequest, Refusal};
use crate::services::{MeteringService, MeteringSettings, UsageSummary};
use crate::trust_file;

/// Reads the file with the meters, and returns the settings of metering.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, and `MALFORMED` if it does not fit the product.
pub(super) fn settings(
    config: &Config,
    matrix: &FeatureMatrix,
) -> Result<MeteringSettings, Failure> {
    let metering = &config.metering;
    Ok(MeteringSettings {
        meters: trust_file::read_meters(metering.file.as_ref(), matrix)?,
        grace: TimeDelta::hours(metering.grace_hours.into()),
        anomaly_machines: metering.anomaly_machines,
        anomaly_networks: metering.anomaly_networks,
        telemetry_group: metering.telemetry_group,
    })
}

/// Runs a command.
pub(super) fn run(
    command: &MeteringCommand,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        let metering = &server.services.metering;
        match command {
            MeteringCommand::Show { customer, period } => {
                let summary = metering.summary(customer, *period).await;
                show(&summary.map_err(|refusal| refused(&refusal))?, terminal)
            }
            MeteringCommand::Export { after, output } => {
                let text = export(metering, *after).await;
                let text = text.map_err(|refusal| refused(&refusal))?;
                output.write(text.as_bytes(), Audience::Everyone)
            }
        }
    })
}

/// Returns all rows after a number, with one header.
async fn export(metering: &MeteringService, after: u64) -> Result<String, Refusal> {
    let mut position = after;
    let mut text = String::new();
    loop {
        let cursor = Cursor::after(position.to_string());
        let page = PageRequest::new(Some(cursor), Some(PageRequest::MAX_LIMIT));
        let (rows, last) = metering.export(&page).await?;
        let new = if text.is_empty() {
            rows.as_str()
        } else {
            rows.split_once("\r\n").map_or("", |(_, rest)| rest)
        };
        text.push_str(new);
        if last == position {
            return Ok(text);
        }
        position = last;
    }
}

fn show(summary: &UsageSummary, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&members(summary));
    }
    let period = summary.period;
    terminal.note(&format!(
        "{}, tier {}, {} to {}: {}",
        escape(&summary.name),
        summary.tier,
        period.start,
        period.last_day(),
        summary.state.as_str(),
    ));
    let columns = ["METER", "USED", "CORRECTIONS", "INCLUDED", "ABOVE", "SENT"];
    let mut table = TextTable::new(columns.map(|name| TextColumn::new(name).without_wrapping()));
    for meter in &summary.meters {
        let included = meter.included;
        let included = included.map_or_else(|| "unlimited".to_owned(), |count| count.to_string());
        table.row([
            meter.meter.name.clone(),
            meter.quantity.to_string(),
            meter.corrections.to_string(),
            included,
            meter.overage.to_string(),
            meter.sent.to_string(),
        ]);
    }
    terminal.data(&table.to_text(terminal.columns()))
}

fn members(summary: &UsageSummary) -> Value {
    let meters = summary.meters.iter().map(|meter| {
        json!({
            "meter": meter.meter.name,
            "unit": meter.meter.unit,
            "quantity": meter.quantity,
            "corrections": meter.corrections,
            "included": meter.included,
            "overage": meter.overage,
            "policy": meter.meter.overage.as_str(),
            "sent": meter.sent,
            "set_aside": meter.set_aside,
        })
    });
    json!({
        "pool": summary.customer.as_str(),
        "customer": summary.name,
        "license": summary.license.as_str(),
        "tier": summary.tier.to_string(),
        "period_start": summary.period.start.to_string(),
        "period_end": summary.period.end.to_string(),
        "state": summary.state.as_str(),
        "meters": meters.collect::<Vec<_>>(),
    })
}
