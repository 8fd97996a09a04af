//! The export of everything about an account.

use axum::Json;
use axum::extract::State;
use license_core::chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::AccountBody;
use crate::api::App;
use crate::api::audit::EntryBody;
use crate::api::body::JsonReply;
use crate::api::licenses::MachineBody;
use crate::api::person::Person;
use crate::api::sessions::SessionBody;
use crate::api::tokens::TokenBody;
use crate::domain::{GroupMembership, NamedUser, PoolId};
use crate::services::AccountExport;

/// Everything that the server has about an account, without secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountExport)]
pub(in crate::api) struct ExportBody {
    account: AccountBody,
    sessions: Vec<SessionBody>,
    organizations: Vec<TrailBody>,
}

/// The data that an organization has about an account.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountTrail)]
pub(in crate::api) struct TrailBody {
    organization: String,
    /// The API tokens that the account created.
    tokens: Vec<TokenBody>,
    /// The newest 10,000 entries of the audit trail that the account caused.
    audit: Vec<EntryBody>,
    /// The groups of the account.
    groups: Vec<GroupMembershipBody>,
    /// The licenses to which administrators assigned the address of the account.
    assignments: Vec<AssignmentBody>,
    /// The machines on which the person used licenses with assigned users.
    machines: Vec<MachineBody>,
}

/// The part of an account in a group.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountGroup)]
pub(in crate::api) struct GroupMembershipBody {
    group: String,
    administrator: bool,
}

impl From<GroupMembership> for GroupMembershipBody {
    fn from(membership: GroupMembership) -> Self {
        Self {
            group: membership.group.to_string(),
            administrator: membership.is_administrator,
        }
    }
}

/// The assignment of a person to the licenses of a pool.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountAssignment)]
pub(in crate::api) struct AssignmentBody {
    pool: String,
    id: String,
    assigned_at: DateTime<Utc>,
    removed_at: Option<DateTime<Utc>>,
}

impl From<(PoolId, NamedUser)> for AssignmentBody {
    fn from((pool, user): (PoolId, NamedUser)) -> Self {
        Self {
            pool: pool.to_string(),
            id: user.id,
            assigned_at: user.assigned_at,
            removed_at: user.removed_at,
        }
    }
}

impl ExportBody {
    /// Returns the body of an export. `current` is the session of the request.
    fn new(export: AccountExport, current: &str) -> Self {
        let sessions = export.sessions.into_iter();
        let organizations = export.organizations.into_iter();
        let trails = organizations.map(|(trail, license_use)| TrailBody {
            organization: trail.tenant.to_string(),
            tokens: trail.tokens.into_iter().map(Into::into).collect(),
            audit: trail.audit.into_iter().map(Into::into).collect(),
            groups: license_use.groups.into_iter().map(Into::into).collect(),
            assignments: license_use
                .assignments
                .into_iter()
                .map(Into::into)
                .collect(),
            machines: license_use.machines.into_iter().map(Into::into).collect(),
        });
        Self {
            account: export.view.into(),
            sessions: sessions
                .map(|one| SessionBody::new(one, Some(current)))
                .collect(),
            organizations: trails.collect(),
        }
    }
}

/// Returns everything that the server has about the account, without secrets.
#[utoipa::path(
    get,
    path = "/api/v1/account/export",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, description = "The export", body = ExportBody)),
)]
pub(in crate::api) async fn export(
    State(app): State<App>,
    person: Person,
) -> JsonReply<ExportBody> {
    let export = app.accounts().export(person.signed_in()).await?;
    let current = &person.signed_in().session.id;
    Ok(Json(ExportBody::new(export, current)))
}
