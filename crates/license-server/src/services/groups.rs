//! Groups of an organization: members, administrators and seats.

mod seats;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

pub use seats::{GroupLease, GroupPool};

use super::seats::SeatService;
use super::site::{Site, random};
use crate::domain::{
    AccountId, Actor, EmailAddress, Group, GroupId, GroupMember, GroupOutcome, GroupShare, Page,
    PageRequest, PoolId, Refusal, RefusalKind, ServerCode, ShareChange,
};

/// The largest number of groups of an organization.
const MAX_GROUPS: u32 = 1000;

/// A group of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberGroup {
    /// The group.
    pub group: Group,
    /// Whether the member administers the group.
    pub is_administrator: bool,
}

/// Manages the groups of an organization.
#[derive(Clone)]
pub struct GroupService {
    site: Arc<Site>,
    seats: SeatService,
}

impl GroupService {
    pub(super) fn new(site: Arc<Site>, seats: SeatService) -> Self {
        Self { site, seats }
    }

    /// Creates a group.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if the name is not acceptable, `NAME_TAKEN` if another group has it,
    /// and `LIMIT_REACHED` if the organization has too many groups.
    pub async fn create(&self, actor: &Actor, name: &str) -> Result<Group, Refusal> {
        let group = Group {
            id: GroupId::from_random(random()?),
            name: accepted_name(name)?,
            created_at: self.site.wall(),
        };
        let details = json!({ "name": group.name });
        let audit = self
            .site
            .audit(actor, "group.create", group.id.as_str(), details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let created = store.create_group(tenant, group.clone(), MAX_GROUPS, audit);
        self.changed(created.await?).await?;
        Ok(group)
    }

    /// Returns groups, in the order of their ids.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Group>, Refusal> {
        Ok(self.site.store.groups(&self.site.tenant, page).await?)
    }

    /// Returns some groups, in the order of their ids.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list_of(
        &self,
        ids: &[GroupId],
        page: &PageRequest,
    ) -> Result<Page<Group>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut items = Vec::new();
        for id in ids.iter().filter(|id| id.as_str() > page.after_key()) {
            if items.len() > page.limit() {
                break;
            }
            items.extend(store.group(tenant, id).await?);
        }
        Ok(Page::from_excess(items, page.limit(), |group| {
            group.id.to_string()
        }))
    }

    /// Returns the addresses of the members of some groups.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn users_of(&self, ids: &[GroupId]) -> Result<BTreeSet<EmailAddress>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut users = BTreeSet::new();
        for id in ids {
            let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
            loop {
                let found = store.group_members(tenant, id, &page).await?;
                users.extend(found.items.into_iter().filter_map(|member| member.email));
                let Some(next) = found.next else { break };
                page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
            }
        }
        Ok(users)
    }

    /// Returns a group.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group.
    pub async fn get(&self, id: &GroupId) -> Result<Group, Refusal> {
        let found = self.site.store.group(&self.site.tenant, id).await?;
        found.ok_or_else(no_group)
    }

    /// Changes the name of a group.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group, and the refusals of
    /// [`create`](Self::create).
    pub async fn rename(&self, actor: &Actor, id: &GroupId, name: &str) -> Result<(), Refusal> {
        let name = accepted_name(name)?;
        let details = json!({ "name": name });
        let audit = self.site.audit(actor, "group.rename", id.as_str(), details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let renamed = store.rename_group(tenant, id, name, audit).await?;
        self.changed(renamed).await
    }

    /// Deletes a group. Its members keep their seats, and its reserved seats are open again.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group.
    pub async fn delete(&self, actor: &Actor, id: &GroupId) -> Result<(), Refusal> {
        let audit = self
            .site
            .audit(actor, "group.delete", id.as_str(), json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.delete_group(tenant, id, audit).await? {
            return self.site.reload().await;
        }
        Err(no_group())
    }

    /// Adds a member of the organization to a group, or changes whether the member administers it.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group or member.
    pub async fn put_member(
        &self,
        actor: &Actor,
        id: &GroupId,
        account: &AccountId,
        is_administrator: bool,
    ) -> Result<(), Refusal> {
        let details = Group::audited_member(account, is_administrator);
        let audit = self
            .site
            .audit(actor, "group.member_put", id.as_str(), details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let member = (account.clone(), is_administrator);
        let put = store.put_group_member(tenant, id, member, audit).await?;
        self.changed(put).await
    }

    /// Removes a member from a group.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the group has no such member.
    pub async fn remove_member(
        &self,
        actor: &Actor,
        id: &GroupId,
        account: &AccountId,
    ) -> Result<(), Refusal> {
        let details = json!({ "member": account.as_str() });
        let audit = self
            .site
            .audit(actor, "group.member_remove", id.as_str(), details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let removed = store.remove_group_member(tenant, id, account, audit);
        if removed.await? {
            return self.site.reload().await;
        }
        Err(no_member())
    }

    /// Returns the members of a group, in the order of the ids of their accounts.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group.
    pub async fn members(
        &self,
        id: &GroupId,
        page: &PageRequest,
    ) -> Result<Page<GroupMember>, Refusal> {
        self.get(id).await?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.group_members(tenant, id, page).await?)
    }

    /// Returns the groups that an account administers, in the order of their ids.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn administered_by(&self, account: &AccountId) -> Result<Vec<GroupId>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let groups = store.groups_of(tenant, account).await?.into_iter();
        let administered = groups.filter(|membership| membership.is_administrator);
        Ok(administered.map(|membership| membership.group).collect())
    }

    /// Returns the groups of a member, in the order of their names.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn of_member(&self, account: &AccountId) -> Result<Vec<MemberGroup>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut groups = Vec::new();
        for membership in store.groups_of(tenant, account).await? {
            let group = store.group(tenant, &membership.group).await?;
            let is_administrator = membership.is_administrator;
            groups.extend(group.map(|group| MemberGroup {
                group,
                is_administrator,
            }));
        }
        groups.sort_by(|a, b| a.group.name.cmp(&b.group.name));
        Ok(groups)
    }

    /// Changes the seats of a group in a pool. They take effect at once.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group or pool, and `BAD_REQUEST` if the group would
    /// have more reserved seats than it may hold, or the policy would reserve more seats than the
    /// license has.
    pub async fn set_share(
        &self,
        actor: &Actor,
        id: &GroupId,
        pool: &PoolId,
        share: GroupShare,
    ) -> Result<(), Refusal> {
        if let Some(at_most) = share.at_most.filter(|at_most| *at_most < share.reserved) {
            let detail = "the group would have more reserved seats than it may hold";
            return Err(bad_request(detail)
                .about("reserved")
                .values(format!("at most {at_most} reserved seats"), share.reserved));
        }
        let capacity = self.seats.current(pool).await?.terms.capacity;
        let details = share.audited(pool);
        let audit = self.site.audit(actor, "group.share", id.as_str(), details);
        let change = ShareChange {
            pool: pool.clone(),
            share,
            capacity,
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        match store.set_group_share(tenant, id, change, audit).await? {
            GroupOutcome::TooManyReserved { reserved } => {
                let detail = "the policy would reserve more seats than the license has";
                Err(bad_request(detail)
                    .about("reserved")
                    .values(format!("at most {capacity} reserved seats"), reserved)
                    .hint("reserve fewer seats, or ask the vendor for more"))
            }
            outcome => {
                self.changed(outcome).await?;
                self.seats.apply_new_terms(pool).await
            }
        }
    }

    /// Reads the content again after a change, or refuses a change that was not made.
    async fn changed(&self, outcome: GroupOutcome) -> Result<(), Refusal> {
        match outcome {
            GroupOutcome::Changed => self.site.reload().await,
            GroupOutcome::Unchanged => Ok(()),
            GroupOutcome::NoMember => Err(no_member()),
            GroupOutcome::NoGroup | GroupOutcome::TooManyReserved { .. } => Err(no_group()),
            GroupOutcome::NameTaken => {
                let detail = "another group has this name";
                let refusal = Refusal::new(RefusalKind::Conflict, ServerCode::NameTaken, detail);
                Err(refusal.about("name").hint("choose another name"))
            }
        }
    }
}

fn accepted_name(text: &str) -> Result<String, Refusal> {
    Group::accepted_name(text).ok_or_else(|| {
        let found = format!("{} characters", text.chars().count());
        bad_request("the name of the group is not accepted")
            .about("name")
            .values("1 to 100 characters without control characters", found)
    })
}

pub(super) fn no_group() -> Refusal {
    let detail = "there is no such group";
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}

fn no_member() -> Refusal {
    let detail = "there is no such member";
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}

fn bad_request(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}
