//! `license-server user`: the users of licenses, at the console of the server.

use license_cli_support::{Failure, Terminal, TextColumn, TextTable, escape};
use license_core::LicenseId;
use license_core::time::rfc3339;
use serde_json::{Value, json};

use super::database::DatabaseAccess;
use super::opened::{OpenedServer, open, refused, runtime};
use crate::args::UserCommand;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Actor, EmailAddress, NamedUserKey, PageRequest};
use crate::services::{NamedUserList, NamedUserView};

pub(super) fn run(
    command: &UserCommand,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        match command {
            UserCommand::Assign { license, email } => {
                assign(&server, (license, email), terminal).await
            }
            UserCommand::Unassign { license, user } => {
                unassign(&server, (license, user), terminal).await
            }
            UserCommand::List { license } => list(&server, license, terminal).await,
        }
    })
}

async fn assign(
    server: &OpenedServer,
    (license, email): (&str, &str),
    terminal: &Terminal,
) -> Result<(), Failure> {
    let license = parse_license(license)?;
    let email = EmailAddress::parse(email).ok_or_else(|| {
        Failure::usage(format!(
            "EMAIL: expected {}, found {}",
            EmailAddress::EXPECTED,
            escape(email)
        ))
    })?;
    let users = &server.services.named_users;
    let assigned = users.assign(&Actor::Console, &license, email).await;
    let (view, is_new) = assigned.map_err(|refusal| refused(&refusal))?;
    if terminal.is_json() {
        return terminal.json(&json!({"new": is_new, "user": members(&view)}));
    }
    let email = &view.user.email;
    terminal.note(&if is_new {
        format!("{email} is assigned to license {license}")
    } else {
        format!("{email} was assigned to license {license} before")
    });
    Ok(())
}

async fn unassign(
    server: &OpenedServer,
    (license, user): (&str, &str),
    terminal: &Terminal,
) -> Result<(), Failure> {
    let license = parse_license(license)?;
    let key = NamedUserKey::parse(user).ok_or_else(|| {
        Failure::usage(format!(
            "USER: expected the e-mail address or the id of a user, found {}",
            escape(user)
        ))
        .hint("`license-server user list LICENSE` shows the users")
    })?;
    let users = &server.services.named_users;
    let removed = users.unassign(&Actor::Console, &license, key, None).await;
    let removed = removed.map_err(|refusal| refused(&refusal))?;
    terminal.note(&format!(
        "{} is no longer assigned to license {license}; seats of the user end with their next \
         renewal",
        removed.email
    ));
    Ok(())
}

async fn list(server: &OpenedServer, license: &str, terminal: &Terminal) -> Result<(), Failure> {
    let license = parse_license(license)?;
    let users = &server.services.named_users;
    let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
    let (mut views, mut head) = (Vec::new(), None);
    loop {
        let list = users.list(&license, &page, None).await;
        let list = list.map_err(|refusal| refused(&refusal))?;
        let NamedUserList {
            limit,
            taken,
            page: found,
        } = list;
        views.extend(found.items);
        head.get_or_insert((limit, taken));
        if found.next.is_none() {
            break;
        }
        page = PageRequest::new(found.next, Some(PageRequest::MAX_LIMIT));
    }
    let (limit, taken) = head.unwrap_or_default();
    if terminal.is_json() {
        let users: Vec<_> = views.iter().map(members).collect();
        return terminal.json(&json!({"limit": limit, "taken": taken, "users": users}));
    }
    let limit = limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
    terminal.note(&format!("{taken} of {limit} places are taken"));
    if views.is_empty() {
        return Ok(());
    }
    let mut table = TextTable::new([
        TextColumn::new("ID").without_wrapping(),
        TextColumn::new("E-MAIL"),
        TextColumn::new("ASSIGNED").without_wrapping(),
        TextColumn::new("STATE"),
    ]);
    for view in &views {
        let assigned = view.user.assigned_at.date_naive().to_string();
        let (email, state) = (view.user.email.as_str(), state(view));
        table.row([&view.user.id, email, &assigned, &state]);
    }
    terminal.page(&table.to_text(terminal.columns()))
}

fn parse_license(text: &str) -> Result<LicenseId, Failure> {
    text.parse().map_err(|_| {
        let text = escape(text);
        Failure::usage(format!(
            "LICENSE: expected the id of a license, found {text}"
        ))
        .hint("`license-server status` shows the licenses")
    })
}

fn state(view: &NamedUserView) -> String {
    let free_at = view.place_free_at.map(rfc3339);
    match (view.user.removed_at, free_at) {
        (Some(_), Some(at)) => format!("removed; the place is free at {at}"),
        (Some(_), None) => "removed".to_owned(),
        (None, _) if !view.is_permitted => "beyond the users of the license".to_owned(),
        (None, Some(at)) => format!("assigned; the place stays taken until {at}"),
        (None, None) => "assigned".to_owned(),
    }
}

fn members(view: &NamedUserView) -> Value {
    let instant = |at| Value::from(rfc3339(at).to_string());
    json!({
        "id": view.user.id,
        "email": view.user.email.as_str(),
        "assigned_at": instant(view.user.assigned_at),
        "assigned_by": view.user.assigned_by,
        "removed_at": view.user.removed_at.map(instant),
        "is_permitted": view.is_permitted,
        "place_free_at": view.place_free_at.map(instant),
    })
}
