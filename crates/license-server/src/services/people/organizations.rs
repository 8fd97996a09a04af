//! Organizations of people: their names, and new ones.

use serde_json::json;

use super::members::changed;
use super::{AccountService, MemberService, bad_request, checked_name, conflict, forbidden};
use crate::domain::{
    Actor, Membership, NewAuditEntry, OrganizationCreation, Refusal, ServerCode, SignedIn, TenantId,
};
use crate::store::ServerStore;

/// The largest number of organizations that a person can own and still create another one.
const MAX_OWNED: usize = 10;

impl AccountService {
    /// Creates an organization of a person, who becomes its owner. The session stays where it is.
    ///
    /// # Errors
    ///
    /// Returns `REGISTRATION_OFF` if the server accepts no registrations, `FORBIDDEN` to a person
    /// for whom an identity provider vouches or whose address is not verified, `BAD_REQUEST` for a
    /// name that is not accepted, and `LIMIT_REACHED` if the person owns 10 organizations.
    pub async fn create_organization(
        &self,
        person: &SignedIn,
        name: &str,
    ) -> Result<Membership, Refusal> {
        person.require_own_credentials()?;
        self.require_registration()?;
        if person.account.verified_at.is_none() {
            return Err(
                forbidden("the e-mail address of the account is not verified")
                    .hint("open a link that a mail of the server has brought to the address"),
            );
        }
        let name = organization_name(&*self.store, &self.issuer, name).await?;
        let now = self.now();
        let membership = Membership {
            name: Some(name.clone()),
            ..Membership::of_owner(TenantId::new(uuid::Uuid::new_v4()), now)
        };
        let audit = NewAuditEntry::new(
            person.actor(),
            "organization.create",
            membership.tenant.as_str(),
            json!({ "name": name }),
            now,
        );
        let account = &person.account.id;
        let created = self
            .store
            .create_organization(account, membership.clone(), MAX_OWNED, audit);
        match created.await? {
            OrganizationCreation::Created => Ok(membership),
            OrganizationCreation::NotFound => Err(super::not_found("account")),
            OrganizationCreation::LimitReached => Err(enough_organizations()),
        }
    }

    /// Ends the membership of a person in an organization. The account is deleted if no one could
    /// sign in with it again. An identity provider reaches its own organization only.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the person is not a member of the organization, and `LAST_OWNER` if it
    /// would have no owner.
    pub async fn leave(&self, person: &SignedIn, organization: &TenantId) -> Result<(), Refusal> {
        let missing = || super::not_found("organization");
        let (session, account) = (&person.session, &person.account.id);
        if session.provider.is_some() && session.organization.as_ref() != Some(organization) {
            return Err(missing());
        }
        let member = self.store.member(organization, account).await?;
        let role = member.ok_or_else(missing)?.role;
        let audit = self.own_audit(person, "member.remove");
        let audit = audit.with_before(Some(role.audited()));
        let removed = self.store.remove_member(organization, account, role, audit);
        changed(removed.await?)
    }

    /// Returns whether a person can create an organization.
    pub fn may_create_organization(&self, person: &SignedIn) -> bool {
        let is_own = person.session.provider.is_none();
        is_own && self.tools.settings.registration && person.account.verified_at.is_some()
    }
}

impl MemberService {
    /// Changes the name of the organization.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` for a name that is not accepted.
    pub async fn rename_organization(&self, actor: &Actor, name: &str) -> Result<String, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let name = if *tenant == TenantId::site() {
            // The names of the server are those of this organization.
            checked_name("organization", name)?
        } else {
            organization_name(&**store, &self.site.issuer, name).await?
        };
        let details = json!({ "name": name });
        let audit = self
            .site
            .audit(actor, "organization.rename", tenant.as_str(), details);
        store.rename_tenant(tenant, &name, audit).await?;
        Ok(name)
    }
}

/// Checks the name of an organization that is not that of the server. Returns it without spaces
/// around it.
///
/// # Errors
///
/// Returns `BAD_REQUEST` for a name that is not accepted, also if it is one by which people know
/// the server: they would work in the organization of a stranger and believe that it is the server.
pub(super) async fn organization_name(
    store: &dyn ServerStore,
    issuer: &str,
    text: &str,
) -> Result<String, Refusal> {
    let name = checked_name("organization", text)?;
    let own = store.tenant_name(&TenantId::site()).await?;
    let reserved = [Some(TenantId::UNNAMED), Some(issuer), own.as_deref()];
    let mut reserved = reserved.into_iter().flatten();
    if reserved.any(|reserved| is_alike(reserved, &name)) {
        return Err(
            bad_request("the name of the organization is a name of the server")
                .values("another name", "a name of the server"),
        );
    }
    Ok(name)
}

/// Returns whether two names look alike: they differ in case, spaces and punctuation only.
pub fn is_alike(one: &str, other: &str) -> bool {
    let letters = |text: &str| {
        let kept = text.chars().filter(|letter| letter.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect::<String>()
    };
    let (one_letters, other_letters) = (letters(one), letters(other));
    if one_letters.is_empty() {
        return one.trim() == other.trim();
    }
    one_letters == other_letters
}

fn enough_organizations() -> Refusal {
    conflict(
        ServerCode::LimitReached,
        "the account owns enough organizations",
    )
    .values(format!("fewer than {MAX_OWNED} organizations"), "as many")
    .hint("delete one of them, or make another member its owner and leave it")
}

#[cfg(test)]
mod tests {
    use super::is_alike;

    #[test]
    fn names_are_alike_without_case_spaces_and_punctuation() {
        for (one, other, expected) in [
            ("This server", "this-server", true),
            ("This server", " THIS  SERVER. ", true),
            ("This server", "This server 2", false),
            ("ACME", "Acme", true),
            ("Größe", "GRÖSSE", false),
            ("---", "---", true),
            ("---", "!!!", false),
            ("---", "ACME", false),
        ] {
            assert_eq!(is_alike(one, other), expected, "{one} {other}");
        }
    }
}
