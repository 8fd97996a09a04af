//! Named users, for administrators.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_core::policy::NAMED_USERS;
use license_seats::LeaseTime;
use serde_json::json;

use super::licenses::{self, InstalledLicense};
use super::site::Site;
use crate::domain::{
    Actor, EmailAddress, LicenseRecord, MachineRecord, NamedUser, NamedUserKey, NamedUserTerms,
    NewNamedUser, Page, PageRequest, Refusal, RefusalKind, ServerCode, available_at,
};

/// A user of a license in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUserView {
    /// The user.
    pub user: NamedUser,
    /// Whether the user may use the license. It is false for a user who was removed, and for one
    /// beyond the number of users that the license permits now.
    pub is_permitted: bool,
    /// The earliest time at which the place of the user can go to another one. `None`: now, after
    /// the user is removed.
    pub place_free_at: Option<DateTime<Utc>>,
}

/// The users of a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUserList {
    /// The number of users that the license permits. `None`: any number.
    pub limit: Option<u64>,
    /// The number of places that are taken, with those of removed users in their cool-down.
    pub taken: u64,
    /// A page of the users.
    pub page: Page<NamedUserView>,
}

/// Assigns users to licenses.
#[derive(Clone)]
pub struct NamedUserService {
    site: Arc<Site>,
}

impl NamedUserService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns the licenses whose users are assigned, in the order of their installation. A license
    /// that a renewal or an upgrade replaces is left out.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn licenses(&self) -> Result<Vec<LicenseRecord>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut found = Vec::new();
        let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        loop {
            let records = store.licenses(tenant, &page).await?;
            let current = records.items.into_iter().filter(|one| !one.is_superseded);
            for record in current {
                // A license that does not verify is not in use.
                if let Ok(installed) = self.site.verified(record.clone())
                    && installed.license.claims().quotas.contains_key(NAMED_USERS)
                {
                    found.push(record);
                }
            }
            let Some(next) = records.next else { break };
            page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
        }
        Ok(found)
    }

    /// Assigns a user to a license and its renewals. Returns the user, and whether the assignment
    /// is new. The same user can be assigned again, which changes nothing.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed, `NO_NAMED_USERS` if it has no quota
    /// `named_users`, `USER_LIMIT_REACHED` if it has no place, and `COOL_DOWN` if a place becomes
    /// free later.
    pub async fn assign(
        &self,
        actor: &Actor,
        license: &LicenseId,
        email: EmailAddress,
    ) -> Result<(NamedUserView, bool), Refusal> {
        let (installed, terms) = self.find(license).await?;
        let id = self.site.next_id()?;
        let user = NewNamedUser {
            id: format!("usr_{}", id.as_str().replace('-', "")),
            email,
            assigned_at: self.site.wall(),
            assigned_by: actor.to_string(),
        };
        let audit = self
            .site
            .audit(actor, "user.assign", license.as_str(), json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let pool = &installed.record.pool;
        let assigned = store.assign_user(tenant, pool, user, terms, audit).await?;
        let (user, is_new) = assigned.granted(&terms, self.site.wall())?;
        if is_new {
            self.site.reload().await?;
        }
        let views = self.views(&installed, &terms).await?;
        let view = views.into_iter().find(|view| view.user.id == user.id);
        let view = view.unwrap_or(NamedUserView {
            user,
            is_permitted: false,
            place_free_at: None,
        });
        Ok((view, is_new))
    }

    /// Ends the assignment of a user. Seats of the user end with their next renewal. With `only`,
    /// the license has no other users for the caller.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed or the user is not assigned to it, and
    /// `NO_NAMED_USERS` if the license has no quota `named_users`.
    pub async fn unassign(
        &self,
        actor: &Actor,
        license: &LicenseId,
        key: NamedUserKey,
        only: Option<&BTreeSet<EmailAddress>>,
    ) -> Result<NamedUser, Refusal> {
        let (installed, _) = self.find(license).await?;
        let pool = &installed.record.pool;
        let key = match only {
            None => key,
            Some(_) => NamedUserKey::Email(self.get(license, &key, only).await?.email),
        };
        let audit = self
            .site
            .audit(actor, "user.unassign", license.as_str(), json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let removed = store.unassign_user(tenant, pool, key, audit).await?;
        let removed = removed.ok_or_else(unknown)?;
        self.site.reload().await?;
        Ok(removed)
    }

    /// Verifies that the server has a license, and assigns its users.
    ///
    /// # Errors
    ///
    /// Returns the refusals of [`unassign`](Self::unassign) about the license.
    pub async fn check(&self, license: &LicenseId) -> Result<(), Refusal> {
        self.find(license).await.map(|_| ())
    }

    /// Returns a user who is assigned to a license. With `only`, the others are unknown.
    ///
    /// # Errors
    ///
    /// Returns the refusals of [`unassign`](Self::unassign).
    pub async fn get(
        &self,
        license: &LicenseId,
        key: &NamedUserKey,
        only: Option<&BTreeSet<EmailAddress>>,
    ) -> Result<NamedUser, Refusal> {
        let (installed, _) = self.find(license).await?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let users = store.named_users(tenant, &installed.record.pool).await?;
        let mut users = users.into_iter().filter(NamedUser::is_assigned);
        let found = users.find(|user| key.names(user) && is_among(user, only));
        found.ok_or_else(unknown)
    }

    /// Returns the users of a license in the order of their ids, with removed users whose place is
    /// not free yet. With `only`, the others are left out. The places that
    /// they take are counted, because they decide whether another user can be assigned.
    ///
    /// # Errors
    ///
    /// Returns the refusals of [`unassign`](Self::unassign) about the license.
    pub async fn list(
        &self,
        license: &LicenseId,
        page: &PageRequest,
        only: Option<&BTreeSet<EmailAddress>>,
    ) -> Result<NamedUserList, Refusal> {
        let (installed, terms) = self.find(license).await?;
        let mut views = self.views(&installed, &terms).await?;
        let taken = u64::try_from(views.len()).unwrap_or(u64::MAX);
        views.retain(|view| is_among(&view.user, only));
        views.sort_by(|one, other| one.user.id.cmp(&other.user.id));
        let after = page.after_key();
        let following = views
            .into_iter()
            .filter(|view| view.user.id.as_str() > after);
        let items = following.take(page.limit().saturating_add(1)).collect();
        Ok(NamedUserList {
            limit: (terms.limit != u64::MAX).then_some(terms.limit),
            taken,
            page: Page::from_excess(items, page.limit(), |view| view.user.id.clone()),
        })
    }

    /// Returns the machines on which a user used licenses, by license and machine.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn machines_of(
        &self,
        user: &EmailAddress,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.machines_of_user(tenant, user, page).await?)
    }

    /// Returns the users who have a place, in the order of their assignments.
    async fn views(
        &self,
        installed: &InstalledLicense,
        terms: &NamedUserTerms,
    ) -> Result<Vec<NamedUserView>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let now = store.lease_clock(tenant).await?;
        let users = store.named_users(tenant, &installed.record.pool).await?;
        let (mut views, mut assigned) = (Vec::new(), 0_u64);
        for user in users {
            if !user.holds_place(terms, now) {
                continue;
            }
            let is_permitted = user.is_assigned() && assigned < terms.limit;
            assigned = assigned.saturating_add(u64::from(user.is_assigned()));
            views.push(NamedUserView {
                is_permitted,
                place_free_at: self.place_free_at(&user, terms, now),
                user,
            });
        }
        Ok(views)
    }

    fn place_free_at(
        &self,
        user: &NamedUser,
        terms: &NamedUserTerms,
        now: LeaseTime,
    ) -> Option<DateTime<Utc>> {
        let left = user.cool_down_left(terms, now);
        (!left.is_zero()).then(|| available_at(self.site.wall(), left))
    }

    /// Returns a license with its terms for users.
    async fn find(&self, id: &LicenseId) -> Result<(InstalledLicense, NamedUserTerms), Refusal> {
        let found = self.site.store.license(&self.site.tenant, id).await?;
        let installed = self
            .site
            .verified(found.ok_or_else(|| licenses::not_found(id))?)?;
        let terms = NamedUserTerms::of(&installed.license, &self.site.matrix);
        let terms = terms.ok_or_else(|| not_named(&installed))?;
        Ok((installed, terms))
    }
}

fn is_among(user: &NamedUser, only: Option<&BTreeSet<EmailAddress>>) -> bool {
    only.is_none_or(|only| only.contains(&user.email))
}

fn unknown() -> Refusal {
    let detail = "no user with this address or id is assigned to the license";
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}

fn not_named(installed: &InstalledLicense) -> Refusal {
    let detail = "the server assigns no users to the license";
    let refusal = Refusal::new(RefusalKind::Conflict, ServerCode::NoNamedUsers, detail);
    if installed.license.users().is_some() {
        return refusal
            .values(
                "a license with the quota `named_users`",
                "a license that names its users",
            )
            .hint(
                "the vendor changes these users with `keygen reassign` or `keygen upgrade --user`",
            );
    }
    refusal
        .values(
            "a license with the quota `named_users`",
            "a license without it",
        )
        .hint("ask the vendor for a license with the quota `named_users`")
}
