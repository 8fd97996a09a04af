//! Orders of administrators, as the bodies of requests state them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A license to issue. Exactly one of `expires`, `days` and `perpetual` states its end.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IssueOrder {
    /// The name of the customer.
    #[schema(min_length = 1)]
    pub customer: String,
    /// The tier, such as `team`.
    #[schema(min_length = 1)]
    pub tier: String,
    /// The last day of the license in UTC, such as `2027-12-31`.
    pub expires: Option<String>,
    /// The length of the license in days. The license ends at the end of the last day in UTC.
    #[schema(minimum = 1)]
    pub days: Option<u32>,
    /// Whether the license never ends.
    pub perpetual: bool,
    /// The first day of the license in UTC. The default is the day of issue.
    pub not_before: Option<String>,
    /// The short code of the company.
    pub company: Option<String>,
    /// The number of seats.
    #[schema(minimum = 1)]
    pub seats: Option<u32>,
    /// The number of machines that may be activated.
    #[schema(minimum = 1)]
    pub devices: Option<u32>,
    /// Quotas that differ from the tier. -1 means unlimited.
    pub quotas: BTreeMap<String, i64>,
    /// Features in addition to those of the tier.
    pub add_features: Vec<String>,
    /// Features of the tier that the license does not have.
    pub remove_features: Vec<String>,
    /// Whether the license never needs a check-in.
    pub offline: bool,
    /// The hours between check-ins. The default is that of the tier.
    #[schema(minimum = 1)]
    pub check_in_hours: Option<u32>,
    /// The hours of validity after a check-in. The default is that of the tier.
    #[schema(minimum = 1)]
    pub grace_hours: Option<u32>,
    /// The only users that may use the license.
    pub users: Vec<String>,
    /// The only machines that may use the license, as `license machine` prints them.
    pub machines: Vec<String>,
    /// Whether each machine must activate the license.
    pub activation: bool,
    /// `builder` or `runtime`.
    pub usage_type: Option<String>,
    /// The last build date that the license covers, in UTC.
    pub maintenance_until: Option<String>,
    /// The covered versions, such as `<3.0.0`.
    pub max_version: Option<String>,
    /// The request of the customer's own license server. Without a request, the license certifies
    /// the key of this server.
    pub server_request: Option<String>,
    /// Whether the order is only checked.
    pub dry_run: bool,
}

/// A renewal of a license. One of `until`, `days`, `perpetual` and `maintenance_until` extends it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RenewOrder {
    /// The last day of the renewal in UTC.
    pub until: Option<String>,
    /// The length of the renewal in days, counted from the end of the license.
    #[schema(minimum = 1)]
    pub days: Option<u32>,
    /// Whether the renewal never ends.
    pub perpetual: bool,
    /// The last build date that the renewal covers, in UTC.
    pub maintenance_until: Option<String>,
    /// The content that changes.
    #[schema(inline)]
    pub changes: ContentChanges,
    /// The request of the customer's own license server.
    pub server_request: Option<String>,
    /// Whether the customer may lose something.
    pub accept_loss: bool,
    /// Whether the order is only checked.
    pub dry_run: bool,
}

/// An upgrade of a license. It starts at once and keeps the end of the license.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeOrder {
    /// A tier that is not lower than that of the license.
    pub tier: Option<String>,
    /// The content that changes.
    #[schema(inline)]
    pub changes: ContentChanges,
    /// Whether a license without changes is issued again, such as with the current key of this
    /// server.
    pub reissue: bool,
    /// The request of the customer's own license server.
    pub server_request: Option<String>,
    /// Whether the customer may lose something.
    pub accept_loss: bool,
    /// Whether the order is only checked.
    pub dry_run: bool,
}

/// A reassignment: another user takes the place of a named user. The new license starts at once and
/// keeps the end of the license.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReassignOrder {
    /// The user of the license who loses the place.
    #[schema(min_length = 1)]
    pub from: String,
    /// The user who gets the place.
    #[schema(min_length = 1)]
    pub to: String,
    /// Whether the user is replaced before the end of the cool-down of the product. The ledger
    /// records this.
    pub waive_cool_down: bool,
    /// Whether the order is only checked.
    pub dry_run: bool,
}

/// Changes of the content of a license.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContentChanges {
    /// The number of seats.
    #[schema(minimum = 1)]
    pub seats: Option<u32>,
    /// The number of machines that may be activated.
    #[schema(minimum = 1)]
    pub devices: Option<u32>,
    /// Quotas. -1 means unlimited.
    pub quotas: BTreeMap<String, i64>,
    /// New features.
    pub add_features: Vec<String>,
    /// Features that the license no longer has.
    pub remove_features: Vec<String>,
    /// Whether the license also gets what the tier has in the product file now.
    pub refresh: bool,
}

/// A revocation.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevokeOrder {
    /// The reason, which the revocation list contains.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
    /// Whether the licenses that replace the license are revoked too.
    pub with_successors: bool,
    /// Whether the order is only checked.
    pub dry_run: bool,
}

/// A reinstatement of a revoked license.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReinstateOrder {
    /// The reason, which the ledger keeps.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
    /// Whether the licenses that replace the license are reinstated too.
    pub with_successors: bool,
    /// Whether the customer may have several valid successors of one license.
    pub accept_rivals: bool,
    /// Whether the order is only checked.
    pub dry_run: bool,
}
