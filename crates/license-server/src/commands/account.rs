//! `license-server account`: accounts of people, at the console of the server.

use license_cli_support::{Failure, Terminal, escape};
use serde_json::json;

use super::database::DatabaseAccess;
use super::opened::{open, refused, runtime};
use crate::args::AccountCommand;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{AccountId, EmailAddress, Role};
use crate::services::AccountName;

pub(super) fn run(
    command: &AccountCommand,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        let accounts = server.tenants.accounts();
        match command {
            AccountCommand::Create { email, name, role } => {
                let (email, role) = (address(email)?, parse_role(role)?);
                let link = accounts.create_at_console(email, name, role).await;
                show_link(&link.map_err(|refusal| refused(&refusal))?, terminal)
            }
            AccountCommand::ResetPassword { email } => {
                let link = accounts.reset_at_console(&address(email)?).await;
                show_link(&link.map_err(|refusal| refused(&refusal))?, terminal)
            }
            AccountCommand::Delete { email, id } => {
                let account = account_name(email.as_deref(), id.as_deref())?;
                let deleted = accounts.delete_at_console(&account).await;
                deleted.map_err(|refusal| refused(&refusal))?;
                terminal.note("the account is deleted");
                Ok(())
            }
            AccountCommand::DisableTotp { email } => {
                let ended = accounts.end_totp_at_console(&address(email)?).await;
                ended.map_err(|refusal| refused(&refusal))?;
                terminal.note("the account no longer needs one-time codes");
                Ok(())
            }
        }
    })
}

fn show_link(link: &str, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&json!({ "link": link }));
    }
    terminal.data(link)?;
    terminal.note("the link is shown once; it sets a password, and works once within an hour");
    Ok(())
}

/// Returns the account that the options name. The parser of the command line has required one.
fn account_name(email: Option<&str>, id: Option<&str>) -> Result<AccountName, Failure> {
    let Some(id) = id else {
        return Ok(AccountName::Email(address(email.unwrap_or_default())?));
    };
    let found: String = id.chars().take(60).collect();
    let id = AccountId::parse(id).ok_or_else(|| {
        let found = escape(&found);
        Failure::usage(format!(
            "--id: expected the id of an account, found {found}"
        ))
        .hint("an id is acc_ and 32 hexadecimal digits")
    })?;
    Ok(AccountName::Id(id))
}

fn address(text: &str) -> Result<EmailAddress, Failure> {
    EmailAddress::parse(text).ok_or_else(|| {
        let found: String = text.chars().take(60).collect();
        Failure::usage(format!(
            "--email: expected an e-mail address in ASCII, found {}",
            escape(&found)
        ))
    })
}

fn parse_role(text: &str) -> Result<Role, Failure> {
    Role::parse(text).ok_or_else(|| {
        let found: String = text.chars().take(60).collect();
        let message = format!("--role: expected a role, found {}", escape(&found));
        let roles = Role::ALL.map(Role::as_str).join(", ");
        Failure::usage(message).hint(format!("the roles are {roles}"))
    })
}
