//! The export of everything about an account.

use super::{AccountService, AccountView};
use crate::domain::{
    Account, GroupMembership, MachineRecord, NamedUser, PageRequest, PoolId, Refusal,
    SignInSession, SignedIn, TenantId,
};
use crate::store::AccountTrail;

/// Everything that the server has about an account.
#[derive(Debug)]
pub struct AccountExport {
    /// The account and its organizations.
    pub view: AccountView,
    /// The sessions, also those that have ended and are not deleted yet.
    pub sessions: Vec<SignInSession>,
    /// The API tokens, audit entries and use of licenses of each organization.
    pub organizations: Vec<(AccountTrail, LicenseUse)>,
}

/// The data that an organization has about a person who uses its licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseUse {
    /// The groups of the person.
    pub groups: Vec<GroupMembership>,
    /// The assignments of the person to licenses, with their pools.
    pub assignments: Vec<(PoolId, NamedUser)>,
    /// The machines on which the person used licenses.
    pub machines: Vec<MachineRecord>,
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
        let mut organizations = Vec::new();
        for trail in self.store.account_trail(&person.account.id).await? {
            let license_use = self.license_use(&trail.tenant, &person.account).await?;
            organizations.push((trail, license_use));
        }
        Ok(AccountExport {
            view: self.view(person).await?,
            sessions: self.store.sessions(&person.account.id).await?,
            organizations,
        })
    }

    /// Returns what an organization has about a person who uses its licenses.
    async fn license_use(
        &self,
        tenant: &TenantId,
        account: &Account,
    ) -> Result<LicenseUse, Refusal> {
        let groups = self.store.groups_of(tenant, &account.id).await?;
        let Some(email) = &account.email else {
            return Ok(LicenseUse {
                groups,
                ..LicenseUse::default()
            });
        };
        let (mut machines, mut page) = (Vec::new(), PageRequest::first());
        loop {
            let found = self.store.machines_of_user(tenant, email, &page).await?;
            machines.extend(found.items);
            if found.next.is_none() {
                break;
            }
            page = PageRequest::new(found.next, Some(PageRequest::MAX_LIMIT));
        }
        Ok(LicenseUse {
            groups,
            assignments: self.store.assignments_of(tenant, email).await?,
            machines,
        })
    }
}
