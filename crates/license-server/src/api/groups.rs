//! Groups of an organization: members, administrators and seats.

mod bodies;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub(super) use self::bodies::GroupLeaseBody;

use self::bodies::{
    GroupBody, GroupDetailsBody, GroupMemberBody, GroupPatchBody, GroupRequestBody,
    MemberRequestBody,
};
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::pools::{EndBody, EndedBody, pool};
use super::problem::Problem;
use super::seats::session;
use crate::domain::{AccountId, GroupId, Permission};

/// Lists the groups. An administrator of groups sees these groups only.
#[utoipa::path(
    get,
    path = "/api/v1/groups",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["people:read"]), ("session" = ["group"])),
    responses((status = 200, description = "A page of groups", body = PageBody<GroupBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<GroupBody>> {
    let (groups, page) = (&caller.services().groups, query.request()?);
    let found = match caller.groups() {
        None => groups.list(&page).await?,
        Some(own) => groups.list_of(own, &page).await?,
    };
    Ok(Json(PageBody::new(found, GroupBody::from)))
}

/// Creates a group.
#[utoipa::path(
    post,
    path = "/api/v1/groups",
    tag = "administration",
    request_body = GroupRequestBody,
    security(("bearer" = ["people:manage"])),
    responses((status = 201, description = "The group", body = GroupBody)),
)]
pub(super) async fn create(
    caller: Caller,
    StrictJson(body): StrictJson<GroupRequestBody>,
) -> Result<Response, Problem> {
    let groups = &caller.services().groups;
    let created = groups.create(caller.actor(), &body.name).await?;
    Ok((StatusCode::CREATED, Json(GroupBody::from(created))).into_response())
}

/// Returns a group with its seats.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group}",
    tag = "administration",
    params(("group" = String, Path, description = "The id of the group")),
    security(("bearer" = ["people:read"]), ("session" = ["group"])),
    responses((status = 200, description = "The group", body = GroupDetailsBody)),
)]
pub(super) async fn get(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<GroupDetailsBody> {
    let (id, groups) = (group(&caller, &path)?, &caller.services().groups);
    let found = groups.get(&id).await?;
    Ok(Json(GroupDetailsBody::new(found, groups.pools(&id).await?)))
}

/// Changes the name of a group, and its seats in pools. Other pools stay as they are. Seats also
/// need the permission `seats:manage`.
#[utoipa::path(
    patch,
    path = "/api/v1/groups/{group}",
    tag = "administration",
    params(("group" = String, Path, description = "The id of the group")),
    request_body = GroupPatchBody,
    security(("bearer" = ["people:manage"])),
    responses((status = 200, description = "The group", body = GroupDetailsBody)),
)]
pub(super) async fn change(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<GroupPatchBody>,
) -> JsonReply<GroupDetailsBody> {
    let (id, groups) = (group(&caller, &path)?, &caller.services().groups);
    let shares = body.shares()?;
    if !shares.is_empty() {
        // They are a part of the policy of the pool.
        caller.require(Permission::ManageSeats)?;
    }
    groups.get(&id).await?;
    for (pool, share) in shares {
        groups.set_share(caller.actor(), &id, &pool, share).await?;
    }
    if let Some(name) = &body.name {
        groups.rename(caller.actor(), &id, name).await?;
    }
    let found = groups.get(&id).await?;
    Ok(Json(GroupDetailsBody::new(found, groups.pools(&id).await?)))
}

/// Deletes a group. Its members keep their seats, and its reserved seats are open again.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{group}",
    tag = "administration",
    params(("group" = String, Path, description = "The id of the group")),
    security(("bearer" = ["people:manage"])),
    responses((status = 204, description = "The group is deleted")),
)]
pub(super) async fn delete(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let (id, groups) = (group(&caller, &path)?, &caller.services().groups);
    groups.delete(caller.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the members of a group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group}/members",
    tag = "administration",
    params(("group" = String, Path, description = "The id of the group"), PageQuery),
    security(("bearer" = ["people:read"]), ("session" = ["group"])),
    responses((status = 200, description = "A page of members", body = PageBody<GroupMemberBody>)),
)]
pub(super) async fn members(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<GroupMemberBody>> {
    let (id, page) = (group(&caller, &path)?, query.request()?);
    let found = caller.services().groups.members(&id, &page).await?;
    Ok(Json(PageBody::new(found, GroupMemberBody::from)))
}

/// Adds a member of the organization to a group, or changes whether the member administers it.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{group}/members/{member}",
    tag = "administration",
    params(
        ("group" = String, Path, description = "The id of the group"),
        ("member" = String, Path, description = "The id of the account of the member"),
    ),
    request_body = MemberRequestBody,
    security(("bearer" = ["people:manage"])),
    responses((status = 204, description = "The member is in the group")),
)]
pub(super) async fn put_member(
    caller: Caller,
    StrictPath((path, of_member)): StrictPath<(String, String)>,
    StrictJson(body): StrictJson<MemberRequestBody>,
) -> Result<StatusCode, Problem> {
    let (id, account) = (group(&caller, &path)?, member(&of_member)?);
    let groups = &caller.services().groups;
    groups
        .put_member(caller.actor(), &id, &account, body.administrator)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a member from a group.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{group}/members/{member}",
    tag = "administration",
    params(
        ("group" = String, Path, description = "The id of the group"),
        ("member" = String, Path, description = "The id of the account of the member"),
    ),
    security(("bearer" = ["people:manage"])),
    responses((status = 204, description = "The member is no longer in the group")),
)]
pub(super) async fn remove_member(
    caller: Caller,
    StrictPath((path, of_member)): StrictPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (id, account) = (group(&caller, &path)?, member(&of_member)?);
    let groups = &caller.services().groups;
    groups.remove_member(caller.actor(), &id, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the seats that members of a group hold, at most 500.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group}/leases",
    tag = "administration",
    params(("group" = String, Path, description = "The id of the group")),
    security(("bearer" = ["seats:read"]), ("session" = ["group"])),
    responses((status = 200, description = "The leases", body = PageBody<GroupLeaseBody>)),
)]
pub(super) async fn leases(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<PageBody<GroupLeaseBody>> {
    let id = group(&caller, &path)?;
    let found = caller.services().groups.leases(&id).await?;
    Ok(Json(PageBody::complete(found, GroupLeaseBody::from)))
}

/// Ends the lease of a session whose user is a member of a group.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{group}/pools/{pool}/leases/{session}/end",
    tag = "administration",
    params(
        ("group" = String, Path, description = "The id of the group"),
        ("pool" = String, Path, description = "The pool"),
        ("session" = String, Path, description = "The session"),
    ),
    request_body = EndBody,
    security(("bearer" = ["seats:manage"]), ("session" = ["group"])),
    responses((status = 200, description = "The lease has ended", body = EndedBody)),
)]
pub(super) async fn end_lease(
    caller: Caller,
    StrictPath((path, of_pool, of_session)): StrictPath<(String, String, String)>,
    StrictJson(body): StrictJson<EndBody>,
) -> JsonReply<EndedBody> {
    let (mode, reason) = (body.mode()?, body.reason()?);
    let (pool, session) = (pool(&of_pool)?, session(&of_session)?);
    let id = group(&caller, &path)?;
    let groups = &caller.services().groups;
    let lease = (&id, &pool, session, body.seq());
    let ended = groups.end_lease(caller.actor(), lease, mode, &reason);
    Ok(Json(ended.await?.into()))
}

/// Returns the group of a path, if the caller may see it. Another group does not exist for the
/// caller.
pub(super) fn group(caller: &Caller, text: &str) -> Result<GroupId, Problem> {
    let group = GroupId::parse(text).filter(|group| caller.sees_group(group));
    group.ok_or_else(|| not_found("group"))
}

pub(super) fn member(text: &str) -> Result<AccountId, Problem> {
    AccountId::parse(text).ok_or_else(|| not_found("member"))
}
