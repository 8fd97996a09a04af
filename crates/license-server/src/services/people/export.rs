//! The export of everything about an account.

use super::{AccountService, AccountView};
use crate::domain::{Refusal, Session, SignedIn};
use crate::store::AccountTrail;

/// Everything that the server has about an account.
#[derive(Debug)]
pub struct AccountExport {
    /// The account and its organizations.
    pub view: AccountView,
    /// The sessions, also those that have ended and are not deleted yet.
    pub sessions: Vec<Session>,
    /// The API tokens and audit entries of each organization.
    pub trails: Vec<AccountTrail>,
}

impl AccountService {
    /// Returns everything that the server has about the account of a person, without secrets.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN` to a person for whom an identity provider vouches, and a refusal if the
    /// store cannot be read.
    pub async fn export(&self, person: &SignedIn) -> Result<AccountExport, Refusal> {
        person.require_own_credentials()?;
        Ok(AccountExport {
            view: self.view(person).await?,
            sessions: self.store.sessions(&person.account.id).await?,
            trails: self.store.account_trail(&person.account.id).await?,
        })
    }
}
