//! Limits of the attempts of people to sign in, and of the links that they request.
//!
//! A stranger can use up the attempts for an address, but not those of a program with which its
//! owner has signed in before: such a program has a mark in a cookie, and attempts of its own.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use super::App;
use super::person::{Person, Visitor};
use super::problem::Problem;
use super::rate::RateTable;
use crate::domain::{Account, EmailAddress, TenantId};

/// Attempts for one account in an hour. They can be made at once.
const ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// One-time codes for one account in an hour, from devices that are not known. They can be tried at
/// once.
const CODES: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// Attempts from one network address in an hour, which many people of an office can share.
const ATTEMPTS_OF_PEER: NonZeroU32 = NonZeroU32::MIN.saturating_add(299);

/// Links to one address in an hour.
const LINKS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// Invitations of one organization to one address in an hour.
const INVITATIONS: NonZeroU32 = LINKS;

/// Invitations of one organization in an hour, as many as can be open.
const INVITATIONS_OF_TENANT: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

/// The counted attempts of this server. Each kind of key has its own table: keys of a table can
/// share a limiter, so a stranger must not choose keys in the table of people.
pub(super) struct PeopleLimits {
    attempts: RateTable,
    codes: RateTable,
    devices: RateTable,
    proofs: RateTable,
    peers: RateTable,
    links: RateTable,
    invitations: RateTable,
    tenants: RateTable,
}

impl PeopleLimits {
    pub(super) fn new() -> Self {
        Self {
            attempts: RateTable::per_hour(ATTEMPTS),
            codes: RateTable::per_hour(CODES),
            devices: RateTable::per_hour(ATTEMPTS),
            proofs: RateTable::per_hour(ATTEMPTS),
            peers: RateTable::per_hour(ATTEMPTS_OF_PEER),
            links: RateTable::per_hour(LINKS),
            invitations: RateTable::per_hour(INVITATIONS),
            tenants: RateTable::per_hour(INVITATIONS_OF_TENANT),
        }
    }

    /// Counts an attempt of a program without a mark. An attempt that the limit of the network
    /// address refuses does not count for the account.
    fn check_stranger(&self, peer: impl Hash, account: &str) -> Result<(), Excess> {
        let counted = self.peers.check(peer);
        counted.map_err(|after| (after, "from this address"))?;
        let counted = self.attempts.check(account);
        counted.map_err(|after| (after, OF_ACCOUNT))
    }

    fn check_link(&self, email: &EmailAddress) -> Result<(), Excess> {
        let counted = self.links.check(email.mailbox());
        counted.map_err(|after| (after, "for links to this e-mail address"))
    }

    fn check_invitation(&self, tenant: &TenantId, email: &EmailAddress) -> Result<(), Excess> {
        let counted = self.invitations.check((tenant.as_str(), email.mailbox()));
        counted.map_err(|after| (after, "for invitations to this e-mail address"))?;
        let counted = self.tenants.check(tenant.as_str());
        counted.map_err(|after| (after, "for invitations of this organization"))
    }
}

/// The time after which the next attempt is allowed, and what was limited.
type Excess = (Duration, &'static str);

const OF_ACCOUNT: &str = "to sign in with this account";

impl App {
    /// Counts an attempt to sign in, before a password is verified. `text` is the address as it was
    /// sent, which need not be one. Returns the mark of a known device.
    pub(super) async fn limit_sign_in(
        &self,
        visitor: &Visitor,
        email: Option<&EmailAddress>,
        text: &str,
    ) -> Result<Option<String>, Problem> {
        let known = self.known_device(visitor, email).await?;
        let limits = &self.0.people;
        // A known device is limited by its own attempts only, so that no stranger at its address
        // can lock it out.
        let counted = match known {
            Some(mark) => {
                let counted = limits.devices.check(mark);
                counted.map_err(|after| (after, OF_ACCOUNT))
            }
            None => {
                let peer = visitor.peer.map(super::peer::Peer::limited_as);
                limits.check_stranger(peer, email.map_or(text, EmailAddress::as_str))
            }
        };
        counted.map_err(|(after, subject)| self.refuse("sign_in", after, subject))?;
        Ok(known.map(str::to_owned))
    }

    /// Returns the mark of the device of a visitor, if it belongs to the account with an address.
    async fn known_device<'a>(
        &self,
        visitor: &'a Visitor,
        email: Option<&EmailAddress>,
    ) -> Result<Option<&'a str>, Problem> {
        let Some((email, mark)) = email.zip(visitor.device.as_deref()) else {
            return Ok(None);
        };
        let is_known = self.accounts().is_known_device(email, mark).await?;
        Ok(is_known.then_some(mark))
    }

    /// Counts an attempt to guess a one-time code, after the password was right. An attempt of a
    /// known device was counted before. A thief of the password who cannot sign in has no device
    /// that is known, so the owner still can.
    pub(super) fn limit_code(&self, account: &Account) -> Result<(), Problem> {
        let counted = self.0.people.codes.check(account.id.as_str());
        counted.map_err(|after| self.refuse("sign_in", after, "with a one-time code"))
    }

    /// Counts an invitation, which can be a mail to anybody.
    pub(super) fn limit_invitation(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<(), Problem> {
        let counted = self.0.people.check_invitation(tenant, email);
        counted.map_err(|(after, subject)| self.refuse("links", after, subject))
    }

    /// Counts a request that needs no credentials and can make the server hash a password.
    pub(super) fn limit_visitor(&self, visitor: &Visitor) -> Result<(), Problem> {
        let peer = visitor.peer.map(super::peer::Peer::limited_as);
        let counted = self.0.people.peers.check(peer);
        counted.map_err(|after| self.refuse("sign_in", after, "from this address"))
    }

    /// Counts a request for a link to an address, by its mailbox.
    pub(super) fn limit_link(
        &self,
        visitor: &Visitor,
        email: &EmailAddress,
    ) -> Result<(), Problem> {
        self.limit_visitor(visitor)?;
        let counted = self.0.people.check_link(email);
        counted.map_err(|(after, subject)| self.refuse("links", after, subject))
    }

    /// Counts an attempt of a person who has signed in to prove the password again.
    pub(super) fn limit_proof(&self, person: &Person) -> Result<(), Problem> {
        let account = person.signed_in().account.id.as_str();
        let counted = self.0.people.proofs.check(account);
        counted.map_err(|after| self.refuse("sign_in", after, "with a password"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_attempts_left_takes_none_of_others() {
        let limits = PeopleLimits::new();
        for number in 0..ATTEMPTS_OF_PEER.get() {
            let guess = limits.check_stranger("stranger", &format!("{number}@example.com"));
            // Some of the addresses share a limiter.
            guess.ok();
        }
        for _ in 0..100 {
            let refused = limits.check_stranger("stranger", "ann@example.org");
            assert_eq!(refused.unwrap_err().1, "from this address");
        }
        assert!(limits.check_stranger("ann", "ann@example.org").is_ok());
    }

    #[test]
    fn guesses_take_no_attempts_of_known_devices() {
        let limits = PeopleLimits::new();
        for number in 0..25 {
            limits.check_stranger(number, "ann@example.com").ok();
        }
        assert!(limits.check_stranger("ann", "ann@example.com").is_err());
        assert!(limits.devices.check("ann@example.com").is_ok());
        assert!(limits.proofs.check("ann@example.com").is_ok());
    }

    #[test]
    fn a_mailbox_gets_few_links_by_whichever_of_its_addresses() {
        let limits = PeopleLimits::new();
        let sent = (0..20).filter(|number| {
            let email = EmailAddress::parse(&format!("ann+{number}@example.com")).unwrap();
            limits.check_link(&email).is_ok()
                && limits.check_invitation(&TenantId::site(), &email).is_ok()
        });
        assert_eq!(sent.count(), 5);
        let other = EmailAddress::parse("bob@example.com").unwrap();
        assert!(limits.check_link(&other).is_ok());
    }

    #[test]
    fn an_organization_sends_few_invitations_to_one_address() {
        let limits = PeopleLimits::new();
        let (ann, bob) = (
            EmailAddress::parse("ann@example.com").unwrap(),
            EmailAddress::parse("bob@example.com").unwrap(),
        );
        let (own, other) = (TenantId::site(), TenantId::new(uuid::Uuid::from_u128(1)));
        let sent = (0..10).filter(|_| limits.check_invitation(&own, &ann).is_ok());
        assert_eq!(sent.count(), 5);
        assert!(limits.check_invitation(&own, &bob).is_ok());
        assert!(limits.check_invitation(&other, &ann).is_ok());
    }
}
