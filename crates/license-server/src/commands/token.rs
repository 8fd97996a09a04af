//! `license-server token`: API tokens of administrators, at the console of the server.

use license_cli_support::{Failure, Terminal, TextColumn, TextTable};
use license_core::chrono::TimeDelta;
use license_core::time::rfc3339;
use serde_json::{Map, Value, json};

use super::database::DatabaseAccess;
use super::opened::{OpenedServer, now, open, refused, runtime};
use crate::args::{TokenCommand, TokenLifetime};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Actor, ApiToken, Permission, Principal, Role, Scope, Scopes};

pub(super) fn run(
    command: &TokenCommand,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        match command {
            TokenCommand::Create { name, scope, days } => {
                create(&server, (name, scope, *days), terminal).await
            }
            TokenCommand::List => list(&server, terminal).await,
            TokenCommand::Revoke { id } => {
                let revoked = server.services.tokens.revoke(&Actor::Console, id).await;
                revoked.map_err(|refusal| {
                    refused(&refusal).hint("`license-server token list` shows the ids")
                })?;
                terminal.note("the token is revoked");
                Ok(())
            }
        }
    })
}

async fn create(
    server: &OpenedServer,
    (name, scopes, days): (&str, &[String], TokenLifetime),
    terminal: &Terminal,
) -> Result<(), Failure> {
    let name = name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Failure::usage(
            "--name: expected 1 to 100 characters without control characters",
        ));
    }
    let scopes = parse_scopes(scopes)?;
    let expires_at = match days {
        TokenLifetime::Days(days) => Some(now() + TimeDelta::days(days.into())),
        TokenLifetime::Unlimited => None,
    };
    let tokens = &server.services.tokens;
    let console = Principal::console(server.services.tenant().clone());
    let new = tokens.create(&console, name, scopes, expires_at).await;
    let new = new.map_err(|refusal| refused(&refusal))?;
    if terminal.is_json() {
        let mut members = members(&new.token);
        members.insert("secret".to_owned(), new.secret.into());
        return terminal.json(&members);
    }
    terminal.data(&new.secret)?;
    let end = match new.token.expires_at {
        Some(end) => format!("ends on {}", end.date_naive()),
        None => "does not end".to_owned(),
    };
    terminal.note(&format!(
        "token {} for {name} {end}; it is shown once; programs send it as Authorization: Bearer",
        new.token.id
    ));
    Ok(())
}

fn parse_scopes(names: &[String]) -> Result<Scopes, Failure> {
    let scopes = names.iter().map(|name| {
        Scope::parse(name).ok_or_else(|| {
            let roles = Role::ALL.map(Role::as_str).join(", ");
            let permissions: Vec<_> = Permission::ALL
                .iter()
                .map(|permission| permission.as_str())
                .collect();
            Failure::usage(format!(
                "--scope: expected a role or permission, found {name:?}"
            ))
            .hint(format!(
                "the roles are {roles}; the permissions are {}",
                permissions.join(", ")
            ))
        })
    });
    scopes.collect()
}

async fn list(server: &OpenedServer, terminal: &Terminal) -> Result<(), Failure> {
    let tokens = server.services.tokens.list().await;
    let tokens = tokens.map_err(|refusal| refused(&refusal))?;
    if terminal.is_json() {
        let tokens: Vec<_> = tokens.iter().map(members).collect();
        return terminal.json(&json!({"tokens": tokens}));
    }
    if tokens.is_empty() {
        terminal.note("there is no token; `license-server token create --name NAME` creates one");
        return Ok(());
    }
    let mut table = TextTable::new([
        TextColumn::new("ID").without_wrapping(),
        TextColumn::new("NAME"),
        TextColumn::new("SCOPES"),
        TextColumn::new("CREATED").without_wrapping(),
        TextColumn::new("LAST USED").without_wrapping(),
        TextColumn::new("STATE"),
    ]);
    for token in &tokens {
        let created = token.created_at.date_naive().to_string();
        let used = token.last_used_on.map(|day| day.to_string());
        let used = used.as_deref().unwrap_or("never");
        let (scopes, state) = (token.scopes.to_string(), state(token));
        table.row([&token.id, &token.name, &scopes, &created, used, &state]);
    }
    terminal.page(&table.to_text(terminal.columns()))
}

fn state(token: &ApiToken) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", at.date_naive()),
        (None, Some(at)) if at <= now() => format!("expired {}", at.date_naive()),
        (None, Some(at)) => format!("until {}", at.date_naive()),
        (None, None) => "valid".to_owned(),
    }
}

fn members(token: &ApiToken) -> Map<String, Value> {
    let instant = |at| Value::from(rfc3339(at).to_string());
    let used = token.last_used_on.map(|day| day.to_string());
    let members = [
        ("id", Value::from(token.id.as_str())),
        ("name", token.name.as_str().into()),
        ("scopes", token.scopes.names().into()),
        ("created_at", instant(token.created_at)),
        ("created_by", token.created_by.as_str().into()),
        ("expires_at", token.expires_at.map(instant).into()),
        ("revoked_at", token.revoked_at.map(instant).into()),
        ("last_used_on", used.into()),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
