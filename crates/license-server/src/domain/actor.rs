//! The originators of changes, as the audit trail records them.

use std::fmt;

use license_core::LicenseId;

use super::account::AccountId;

/// The originator of a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A caller with an API token, by the id of the token.
    ApiToken(String),
    /// A person who has signed in, by the id of the account.
    Account(AccountId),
    /// A person with access to the machine of the server, such as `license-server install`.
    Console,
    /// The person who opened the one-time link.
    Setup,
    /// A client that proved possession of a license.
    License(LicenseId),
    /// The server itself.
    Server,
    /// Another program that writes the vendor's ledger, such as `keygen`.
    Ledger,
}

impl Actor {
    /// Returns the originator of a ledger entry from its member `issued_by`, which a server writes.
    pub fn of_ledger_entry(issued_by: Option<&str>) -> Self {
        let named = issued_by.and_then(|text| text.split_once(':'));
        match named {
            Some(("token", id)) => Self::ApiToken(id.to_owned()),
            Some(("account", id)) => AccountId::parse(id).map_or(Self::Ledger, Self::Account),
            _ => Self::Ledger,
        }
    }

    /// Returns the account in the text of an originator.
    pub fn account_in(text: &str) -> Option<AccountId> {
        AccountId::parse(text.strip_prefix("account:")?)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiToken(id) => write!(f, "token:{id}"),
            Self::Account(id) => write!(f, "account:{id}"),
            Self::Console => f.write_str("console"),
            Self::Setup => f.write_str("setup"),
            Self::License(id) => write!(f, "license:{}", id.as_str()),
            Self::Server => f.write_str("server"),
            Self::Ledger => f.write_str("ledger"),
        }
    }
}
