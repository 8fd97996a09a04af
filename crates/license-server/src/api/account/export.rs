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
use crate::api::groups::GroupLeaseBody;
use crate::api::invitations::InvitationBody;
use crate::api::licenses::MachineBody;
use crate::api::person::Person;
use crate::api::problem::Problem;
use crate::api::sessions::SessionBody;
use crate::api::tokens::TokenBody;
use crate::api::trials::{TrialBody, license_code};
use crate::domain::{GroupMembership, NamedUser, PoolId, Webhook};
use crate::services::{GroupLease, LicenseUse};
use crate::store::{AccountIdentity, AccountTrail};

/// Everything that the server has about an account, without secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountExport)]
pub(in crate::api) struct ExportBody {
    account: AccountBody,
    sessions: Vec<SessionBody>,
    /// The trials of the verified address of the account.
    trials: Vec<TrialBody>,
    organizations: Vec<TrailBody>,
}

/// The data that an organization has about an account.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountTrail)]
pub(in crate::api) struct TrailBody {
    organization: String,
    /// The API tokens that the account created.
    tokens: Vec<TokenBody>,
    /// The webhooks that the account created.
    webhooks: Vec<CreatedWebhookBody>,
    /// The invitations to the address of the account, and those that the account created.
    invitations: Vec<InvitationBody>,
    /// The sign-ins through identity providers.
    identities: Vec<IdentityBody>,
    /// The newest 10,000 entries of the audit trail that the account caused.
    audit: Vec<EntryBody>,
    /// The groups of the account.
    groups: Vec<GroupMembershipBody>,
    /// The licenses to which administrators assigned the address of the account.
    assignments: Vec<AssignmentBody>,
    /// The machines on which the person used licenses with assigned users.
    machines: Vec<MachineBody>,
    /// The seats that the person holds, at most 500.
    seats: Vec<GroupLeaseBody>,
}

/// A webhook that an account created. Its URL can contain a secret of the organization.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountWebhook)]
pub(in crate::api) struct CreatedWebhookBody {
    id: String,
    created_at: DateTime<Utc>,
}

impl From<Webhook> for CreatedWebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            created_at: webhook.created_at,
        }
    }
}

/// How an identity provider of the organization knows the account.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountIdentity)]
pub(in crate::api) struct IdentityBody {
    issuer: String,
    subject: String,
    /// The address that the provider has stated last.
    email: Option<String>,
    created_at: DateTime<Utc>,
    used_at: DateTime<Utc>,
}

impl From<AccountIdentity> for IdentityBody {
    fn from(identity: AccountIdentity) -> Self {
        Self {
            issuer: identity.issuer,
            subject: identity.subject,
            email: identity.email,
            created_at: identity.created_at,
            used_at: identity.used_at,
        }
    }
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

/// Returns the bodies of items.
fn bodies<T, B: From<T>>(items: Vec<T>) -> Vec<B> {
    items.into_iter().map(Into::into).collect()
}

impl TrailBody {
    fn new((trail, used): (AccountTrail, LicenseUse), seats: Vec<GroupLease>) -> Self {
        Self {
            organization: trail.tenant.to_string(),
            tokens: bodies(trail.tokens),
            webhooks: bodies(trail.webhooks),
            invitations: bodies(trail.invitations),
            identities: bodies(trail.identities),
            audit: bodies(trail.audit),
            groups: bodies(used.groups),
            assignments: bodies(used.assignments),
            machines: bodies(used.machines),
            seats: bodies(seats),
        }
    }
}

/// Returns the seats that a person holds in an organization.
async fn seats(
    app: &App,
    (trail, used): &(AccountTrail, LicenseUse),
) -> Result<Vec<GroupLease>, Problem> {
    let Some(email) = &used.email else {
        return Ok(Vec::new());
    };
    let services = app.tenants().of(&trail.tenant).await?;
    Ok(services.groups.leases_of_user(email).await?)
}

/// Returns everything that the server has about the account, without secrets. A person for whom an
/// identity provider vouches gets the part of its organization.
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
    let current = Some(person.signed_in().session.id.as_str());
    let mut organizations = Vec::new();
    for found in export.organizations {
        let seats = seats(&app, &found).await?;
        organizations.push(TrailBody::new(found, seats));
    }
    let mut trials = Vec::new();
    for trial in export.trials {
        let code = license_code(app.services(), &trial).await?;
        trials.push(TrialBody::new(trial, code));
    }
    let sessions = export.sessions.into_iter();
    Ok(Json(ExportBody {
        account: export.view.into(),
        sessions: sessions.map(|one| SessionBody::new(one, current)).collect(),
        trials,
        organizations,
    }))
}
