//! `license-server billing`: the commands for billing.

use std::sync::Arc;

use license_cli_support::{Failure, Terminal, TextColumn, TextTable, show_path};
use license_core::LicenseId;
use license_core::time::rfc3339;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::database::DatabaseAccess;
use super::opened::{OpenedServer, open, refused, runtime};
use crate::args::{BillingCommand, PlanArgs};
use crate::billing::{Stripe, StripeSettings, WebhookKey};
use crate::config::{BillingConfig, Config, private_text};
use crate::data_dir::DataDir;
use crate::domain::{
    Actor, BillingPlan, BillingState, BillingSubscription, PageRequest, SubscriptionFilter,
};
use crate::services::{BillingSetup, PlanOrder};

/// The largest number of secrets of a webhook: one, and another one while it is changed.
const MAX_SECRETS: usize = 2;

pub(super) fn run(
    command: &BillingCommand,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    setup(config)?;
    let directory = DataDir::open(&config.data_dir)?;
    runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        match command {
            BillingCommand::Plan(plan) if plan.delete => delete_plan(&server, plan, terminal).await,
            BillingCommand::Plan(plan) => put_plan(&server, plan, terminal).await,
            BillingCommand::Plans => plans(&server, terminal).await,
            BillingCommand::Subscriptions { state } => {
                let state = state.as_deref().and_then(BillingState::parse);
                subscriptions(&server, state, terminal).await
            }
            BillingCommand::Reconcile => reconcile(&server, terminal).await,
        }
    })
}

async fn put_plan(
    server: &OpenedServer,
    plan: &PlanArgs,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let order = PlanOrder {
        tier: plan.tier.clone(),
        seats: plan.seats,
        features: plan.features.clone(),
    };
    let billing = &server.services.billing;
    let stored = billing.put_plan(&Actor::Console, &plan.price, order).await;
    let stored = stored.map_err(|refusal| refused(&refusal))?;
    if terminal.is_json() {
        return terminal.json(&plan_members(&stored));
    }
    terminal.note(&format!("{} buys {}", stored.price, content(&stored)));
    Ok(())
}

async fn delete_plan(
    server: &OpenedServer,
    plan: &PlanArgs,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let billing = &server.services.billing;
    let deleted = billing.delete_plan(&Actor::Console, &plan.price).await;
    deleted.map_err(|refusal| refused(&refusal))?;
    terminal.note(&format!("{} buys no license", plan.price));
    Ok(())
}

async fn plans(server: &OpenedServer, terminal: &Terminal) -> Result<(), Failure> {
    let plans = server.services.billing.plans().await;
    let plans = plans.map_err(|refusal| refused(&refusal))?;
    if terminal.is_json() {
        let plans: Vec<_> = plans.iter().map(plan_members).collect();
        return terminal.json(&json!({ "plans": plans }));
    }
    if plans.is_empty() {
        terminal.note("no price has a plan; `license-server billing plan PRICE` adds one");
        return Ok(());
    }
    let mut table = TextTable::new([
        TextColumn::new("PRICE").without_wrapping(),
        TextColumn::new("LICENSE"),
    ]);
    for plan in &plans {
        table.row([plan.price.clone(), content(plan)]);
    }
    terminal.data(&table.to_text(terminal.columns()))
}

/// Returns what a price buys, such as `a TEAM license, 1 seat a unit`.
fn content(plan: &BillingPlan) -> String {
    let mut parts = Vec::new();
    parts.extend(plan.tier.as_ref().map(|tier| format!("a {tier} license")));
    match plan.seats {
        0 => {}
        1 => parts.push("1 seat a unit".to_owned()),
        seats => parts.push(format!("{seats} seats a unit")),
    }
    parts.extend(plan.features.iter().cloned());
    parts.join(", ")
}

fn plan_members(plan: &BillingPlan) -> Value {
    json!({
        "price": plan.price, "tier": plan.tier, "seats": plan.seats, "features": plan.features,
    })
}

async fn subscriptions(
    server: &OpenedServer,
    state: Option<BillingState>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let (mut found, mut next) = (Vec::new(), None);
    let filter = SubscriptionFilter {
        state,
        ..SubscriptionFilter::default()
    };
    loop {
        let page = PageRequest::new(next, Some(PageRequest::MAX_LIMIT));
        let part = server.services.billing.subscriptions(&filter, &page);
        let part = part.await.map_err(|refusal| refused(&refusal))?;
        found.extend(part.items);
        next = part.next;
        if next.is_none() {
            break;
        }
    }
    if terminal.is_json() {
        let found: Vec<_> = found.iter().map(subscription_members).collect();
        return terminal.json(&json!({ "subscriptions": found }));
    }
    if found.is_empty() {
        terminal.note("there is no subscription");
        return Ok(());
    }
    let mut table = TextTable::new([
        TextColumn::new("SUBSCRIPTION").without_wrapping(),
        TextColumn::new("STATE"),
        TextColumn::new("REASON"),
        TextColumn::new("UNTIL"),
        TextColumn::new("LICENSE").without_wrapping(),
        TextColumn::new("NOTE"),
    ]);
    for one in &found {
        let until = one.until.map(|until| rfc3339(until).to_string());
        let license = one.license.as_ref().map_or("-", LicenseId::as_str);
        table.row([
            one.id.clone(),
            one.state.to_string(),
            one.reason.to_string(),
            until.unwrap_or_else(|| "-".to_owned()),
            license.to_owned(),
            one.fault.clone().unwrap_or_default(),
        ]);
    }
    terminal.data(&table.to_text(terminal.columns()))
}

fn subscription_members(found: &BillingSubscription) -> Value {
    json!({
        "id": found.id,
        "provider": found.provider,
        "customer": found.customer,
        "status": found.status.as_str(),
        "state": found.state.as_str(),
        "reason": found.reason.as_str(),
        "until": found.until.map(|until| rfc3339(until).to_string()),
        "tier": found.tier,
        "seats": found.seats,
        "license": found.license.as_ref().map(LicenseId::as_str),
        "fault": found.fault,
    })
}

/// Stores what the events have missed. The running server makes the comparisons, because it has the
/// vendor's key.
async fn reconcile(server: &OpenedServer, terminal: &Terminal) -> Result<(), Failure> {
    let report = server.services.billing.reconcile().await;
    let report = report.map_err(|refusal| refused(&refusal))?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "missed_events": report.missed_events,
            "subscriptions": report.subscriptions,
        }));
    }
    let number = |count: u64, noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    let verb = if report.missed_events == 1 {
        "was"
    } else {
        "were"
    };
    terminal.note(&format!(
        "{} {verb} missed; the running server compares {} now",
        number(report.missed_events, "event"),
        number(report.subscriptions, "subscription")
    ));
    Ok(())
}

/// Returns the payment provider of a server.
///
/// # Errors
///
/// Returns the errors of [`stripe`].
pub(super) fn setup(config: &Config) -> Result<Option<BillingSetup>, Failure> {
    let Some(billing) = &config.billing else {
        return Ok(None);
    };
    Ok(Some(BillingSetup {
        provider: Arc::new(Stripe::new(stripe(billing)?)),
        grace: billing.grace,
    }))
}

/// Reads the files with the key and with the secrets.
///
/// # Errors
///
/// Returns `IO` if a file cannot be read, `INSECURE_FILE` if other users can read it, and
/// `USAGE` if it has other content.
pub(super) fn stripe(config: &BillingConfig) -> Result<StripeSettings, Failure> {
    let text = private_text(&config.key_file)?;
    let key = text.trim();
    let is_key = (key.starts_with("sk_") || key.starts_with("rk_"))
        && key.len() > 8
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_key {
        let message = format!(
            "{}: expected a secret or restricted key of Stripe, found another text",
            show_path(&config.key_file)
        );
        return Err(Failure::usage(message)
            .hint("write the key, such as sk_test_…, to the file, and nothing else"));
    }
    Ok(StripeSettings {
        key: Zeroizing::new(key.to_owned()),
        webhook_keys: webhook_keys(config)?,
        api_url: config.api_url.clone(),
    })
}

fn webhook_keys(config: &BillingConfig) -> Result<Vec<WebhookKey>, Failure> {
    let text = private_text(&config.webhook_secret_file)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Option<Vec<_>> = lines.map(WebhookKey::parse).collect();
    let keys = keys.filter(|keys| (1..=MAX_SECRETS).contains(&keys.len()));
    keys.ok_or_else(|| {
        let message = format!(
            "{}: expected one or two secrets of a webhook of Stripe, one a line, found another text",
            show_path(&config.webhook_secret_file)
        );
        Failure::usage(message).hint("copy the signing secret, such as whsec_…, from the webhook")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use license_core::chrono::TimeDelta;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_files_are_private_and_have_a_key_and_one_or_two_secrets() {
        let directory = tempfile::tempdir().unwrap();
        let config = BillingConfig {
            key_file: directory.path().join("key"),
            webhook_secret_file: directory.path().join("secret"),
            api_url: "http://127.0.0.1:1".to_owned(),
            grace: TimeDelta::days(30),
        };
        let (key, secret) = (&config.key_file, &config.webhook_secret_file);
        let code = || {
            stripe(&config)
                .err()
                .map(|failure| failure.code().to_owned())
        };
        assert_eq!(code().as_deref(), Some("IO"));
        write(key, "sk_test_hunter2hunter2\n", 0o644);
        assert_eq!(code().as_deref(), Some("INSECURE_FILE"));
        write(key, "sk_test_hunter2hunter2\n", 0o600);
        let one = "whsec_0123456789abcdef\n";
        for (text, expected) in [
            ("hunter2hunter2hunter2", Some("USAGE")),
            ("", Some("USAGE")),
            (one, None),
            (&one.repeat(2), None),
            (&one.repeat(3), Some("USAGE")),
            ("whsec_short", Some("USAGE")),
        ] {
            write(secret, text, 0o600);
            assert_eq!(code().as_deref(), expected, "{text}");
        }
        write(secret, one, 0o600);
        let settings = stripe(&config).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        write(key, "pk_test_hunter2hunter2", 0o600);
        let failure = stripe(&config).err().unwrap();
        assert_eq!(failure.code(), "USAGE");
        assert!(!failure.message().contains("hunter2"));
    }
}
