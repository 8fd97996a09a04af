//! Limits of the attempts of people to sign in, and of the links that they request.
//!
//! A stranger can use up the attempts for an address, but not those of a program with which its
//! owner has signed in before: such a program has a mark in a cookie, and attempts of its own.

use std::num::NonZeroU32;

use super::App;
use super::person::{Person, Visitor};
use super::problem::Problem;
use super::rate::RateTable;
use crate::domain::EmailAddress;

/// Attempts for one account in an hour. They can be made at once.
const ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Attempts from one network address in an hour, which many people of an office can share.
const ATTEMPTS_OF_PEER: NonZeroU32 = NonZeroU32::MIN.saturating_add(299);

/// Links to one address in an hour.
const LINKS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// The counted attempts of this server.
pub(super) struct PeopleLimits {
    attempts: RateTable,
    peers: RateTable,
    links: RateTable,
}

impl PeopleLimits {
    pub(super) fn new() -> Self {
        Self {
            attempts: RateTable::per_hour(ATTEMPTS),
            peers: RateTable::per_hour(ATTEMPTS_OF_PEER),
            links: RateTable::per_hour(LINKS),
        }
    }
}

impl App {
    /// Counts an attempt to sign in, before a password is verified. `text` is the address as it was
    /// sent, which need not be one.
    pub(super) fn limit_sign_in(
        &self,
        visitor: &Visitor,
        email: Option<&EmailAddress>,
        text: &str,
    ) -> Result<(), Problem> {
        let device = visitor.device.as_deref();
        let known = email.zip(device).filter(|(email, mark)| {
            // The mark is bound to the address.
            self.accounts().is_known_device(email, mark)
        });
        let key = match (known, email) {
            (Some((_, mark)), _) => ("device", mark),
            (None, Some(email)) => ("address", email.as_str()),
            (None, None) => ("address", text),
        };
        let counted = self.0.people.attempts.check(key);
        counted.map_err(|after| self.refuse("sign_in", after, "to sign in with this account"))?;
        // A known device is limited by its own attempts only, so that nobody who shares its address
        // can lock it out.
        match known {
            Some(_) => Ok(()),
            None => self.limit_visitor(visitor),
        }
    }

    /// Counts a request that needs no credentials and can make the server hash a password.
    pub(super) fn limit_visitor(&self, visitor: &Visitor) -> Result<(), Problem> {
        let peer = visitor.peer.map(super::peer::Peer::limited_as);
        let counted = self.0.people.peers.check(peer);
        counted.map_err(|after| self.refuse("sign_in", after, "from this address"))
    }

    /// Counts a request for a link to an address.
    pub(super) fn limit_link(
        &self,
        visitor: &Visitor,
        email: &EmailAddress,
    ) -> Result<(), Problem> {
        self.limit_visitor(visitor)?;
        let counted = self.0.people.links.check(email.as_str());
        counted.map_err(|after| self.refuse("links", after, "for links to this e-mail address"))
    }

    /// Counts an attempt of a person who has signed in to prove the password again.
    pub(super) fn limit_proof(&self, person: &Person) -> Result<(), Problem> {
        let account = person.signed_in().account.id.as_str();
        let counted = self.0.people.attempts.check(("account", account));
        counted.map_err(|after| self.refuse("sign_in", after, "with a password"))
    }
}
