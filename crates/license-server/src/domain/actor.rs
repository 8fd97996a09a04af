//! The originators of changes, as the audit trail records them.

use std::fmt;
use std::net::IpAddr;

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
    /// A payment provider, such as `stripe`, whose subscription has changed.
    Provider(String),
    /// The server itself.
    Server,
    /// Another program that writes the vendor's ledger, such as `keygen`.
    Ledger,
    /// An originator whose request came from this address. [`Actor::at`] creates the value.
    At {
        /// The originator, without an address.
        actor: Box<Self>,
        /// The address of the connection, or the address that a trusted proxy names.
        address: IpAddr,
    },
}

impl Actor {
    /// Returns the same originator with the address from which the request came.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Self {
        let actor = match self {
            Self::At { actor, .. } => actor,
            actor => Box::new(actor),
        };
        let address = address.to_canonical();
        Self::At { actor, address }
    }

    /// Returns the same originator with the address, if there is one.
    #[must_use]
    pub fn at_some(self, address: Option<IpAddr>) -> Self {
        match address {
            Some(address) => self.at(address),
            None => self,
        }
    }

    /// Returns the originator without the address.
    pub fn identity(&self) -> &Self {
        match self {
            Self::At { actor, .. } => actor.identity(),
            actor => actor,
        }
    }

    /// Returns the address from which the request came. A change at the console has none.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::At { address, .. } => Some(*address),
            _ => None,
        }
    }

    /// Returns the originator of a ledger entry from its members `issued_by` and `issued_from`,
    /// which a server writes.
    pub fn of_ledger_entry(issued_by: Option<&str>, issued_from: Option<&str>) -> Self {
        let named = issued_by.and_then(|text| text.split_once(':'));
        let actor = match named {
            Some(("token", id)) => Self::ApiToken(id.to_owned()),
            Some(("provider", name)) => Self::Provider(name.to_owned()),
            Some(("account", id)) => match AccountId::parse(id) {
                Some(account) => Self::Account(account),
                None => return Self::Ledger,
            },
            _ => return Self::Ledger,
        };
        actor.at_some(issued_from.and_then(|text| text.parse().ok()))
    }

    /// Returns the account in the text of an originator.
    pub fn account_in(text: &str) -> Option<AccountId> {
        AccountId::parse(text.strip_prefix("account:")?)
    }
}

/// Prints the originator without the address.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiToken(id) => write!(f, "token:{id}"),
            Self::Account(id) => write!(f, "account:{id}"),
            Self::Console => f.write_str("console"),
            Self::Setup => f.write_str("setup"),
            Self::License(id) => write!(f, "license:{}", id.as_str()),
            Self::Provider(name) => write!(f, "provider:{name}"),
            Self::Server => f.write_str("server"),
            Self::Ledger => f.write_str("ledger"),
            Self::At { actor, .. } => actor.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_does_not_change_the_originator() {
        let token = Actor::ApiToken("tok_1".to_owned());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let found = token.clone().at(address("::ffff:192.0.2.1"));
        assert_eq!(found.to_string(), "token:tok_1");
        assert_eq!(found.identity(), &token);
        assert_eq!(found.address(), Some(address("192.0.2.1")));
        // The last address counts.
        let moved = found.at(address("192.0.2.2"));
        assert_eq!(moved.identity(), &token);
        assert_eq!(moved.address(), Some(address("192.0.2.2")));
        assert_eq!(token.address(), None);
    }
}
