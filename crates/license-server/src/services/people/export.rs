//! The export of everything about an account.

use super::{AccountService, AccountView};
use crate::domain::{
    Account, EmailAddress, GroupMembership, MachineRecord, NamedUser, PageRequest, PoolId, Refusal,
    SignInSession, SignedIn, TenantId, Trial,
};
use crate::store::AccountTrail;

/// Everything that the server has about an account.
#[derive(Debug)]
pub struct AccountExport {
    /// The account and its organizations.
    pub view: AccountView,
    /// The sessions, also those that have ended and are not deleted yet.
    pub sessions: Vec<SignInSession>,
    /// The trials of the verified address.
    pub trials: Vec<Trial>,
    /// The API tokens, audit entries and use of licenses of each organization.
    pub organizations: Vec<(AccountTrail, LicenseUse)>,
}

/// The data that an organization has about a person who uses its licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseUse {
    /// The address by which the organization knows the person.
    pub email: Option<EmailAddress>,
    /// The groups of the person.
    pub groups: Vec<GroupMembership>,
    /// The assignments of the person to licenses, with their pools.
    pub assignments: Vec<(PoolId, NamedUser)>,
    /// The machines on which the person used licenses.
    pub machines: Vec<MachineRecord>,
}

impl AccountService {
    /// Returns everything that the server has about the account of a person, without secrets. A
    /// person for whom an identity provider vouches gets the part of its organization.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn export(&self, person: &SignedIn) -> Result<AccountExport, Refusal> {
        let id = &person.account.id;
        let (mut trails, mut sessions) = (
            self.store.account_trail(id).await?,
            self.store.sessions(id).await?,
        );
        if person.session.provider.is_some() {
            let own = person.session.organization.as_ref();
            trails.retain(|trail| Some(&trail.tenant) == own);
            sessions.retain(|session| session.organization.as_ref() == own);
        }
        let mut organizations = Vec::new();
        for trail in trails {
            let license_use = self.license_use(&trail.tenant, &person.account).await?;
            organizations.push((trail, license_use));
        }
        Ok(AccountExport {
            view: self.view(person).await?,
            sessions,
            trials: self.trials_of(person).await?,
            organizations,
        })
    }

    /// Returns the trials of the address of a person, who must have proved that it is theirs.
    async fn trials_of(&self, person: &SignedIn) -> Result<Vec<Trial>, Refusal> {
        let account = &person.account;
        match &account.email {
            Some(email) if account.verified_at.is_some() && person.session.provider.is_none() => {
                Ok(self.store.trials_of_email(&self.own, email).await?)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns what an organization has about a person who uses its licenses.
    async fn license_use(
        &self,
        tenant: &TenantId,
        account: &Account,
    ) -> Result<LicenseUse, Refusal> {
        let groups = self.store.groups_of(tenant, &account.id).await?;
        // The address of a person whom an identity provider has let in is that of the provider.
        let member = self.store.member(tenant, &account.id).await?;
        let Some(email) = member.and_then(|member| member.email) else {
            return Ok(LicenseUse {
                groups,
                ..LicenseUse::default()
            });
        };
        let (mut machines, mut page) = (Vec::new(), PageRequest::first());
        loop {
            let found = self.store.machines_of_user(tenant, &email, &page).await?;
            machines.extend(found.items);
            if found.next.is_none() {
                break;
            }
            page = PageRequest::new(found.next, Some(PageRequest::MAX_LIMIT));
        }
        Ok(LicenseUse {
            groups,
            assignments: self.store.assignments_of(tenant, &email).await?,
            machines,
            email: Some(email),
        })
    }
}
