//! The commands for API tokens.

use clap::Subcommand;

/// How long a token lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenLifetime {
    /// A number of days.
    Days(u32),
    /// Until the token is revoked.
    Unlimited,
}

fn token_lifetime(text: &str) -> Result<TokenLifetime, String> {
    if text == "never" {
        return Ok(TokenLifetime::Unlimited);
    }
    let days = text.parse().ok().filter(|days| (1..=3650).contains(days));
    let days = days.ok_or("expected a number from 1 to 3650, or `never`")?;
    Ok(TokenLifetime::Days(days))
}

/// Commands for API tokens of administrators.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token, and print it once
    Create {
        /// Name of the token, such as the person or program that uses it
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Roles and permissions of the token, separated by commas, such as auditor,seats:manage
        #[arg(
            long,
            value_name = "SCOPES",
            value_delimiter = ',',
            default_value = "owner"
        )]
        scope: Vec<String>,
        /// Days until the token expires, from 1 to 3650, or `never`
        #[arg(long, value_name = "DAYS", default_value = "90", value_parser = token_lifetime)]
        days: TokenLifetime,
    },
    /// List the tokens, without their secrets
    List,
    /// Revoke a token, and the tokens that were created with it
    Revoke {
        /// Id of the token, as `license-server token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}
