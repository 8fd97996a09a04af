//! The use of quotas as a table and as JSON.

use license_cli_support::{Cell, Column, Meaning, Screen, Table};
use license_core::policy::Quota;
use license_core::state::QuotaUse;
use serde::Serialize;

/// The use of a quota today.
#[derive(Serialize)]
pub(crate) struct NamedQuotaUse {
    pub(crate) quota: String,
    #[serde(skip)]
    pub(crate) label: String,
    #[serde(flatten)]
    pub(crate) quota_use: QuotaUse,
}

/// Returns a table of quotas, with a bar for each limit on a terminal.
pub(crate) fn to_text(quotas: &[NamedQuotaUse], screen: Screen) -> String {
    let mut table = Table::new([
        Column::new("QUOTA").without_wrapping(),
        Column::new("USED TODAY").right_aligned().without_wrapping(),
        Column::new("LIMIT").right_aligned().without_wrapping(),
        Column::new(""),
    ]);
    for NamedQuotaUse {
        label, quota_use, ..
    } in quotas
    {
        let bar = match quota_use.limit {
            Quota::Limit(limit) => screen.bar(quota_use.used, limit, meaning(quota_use)),
            Quota::Unlimited => None,
        };
        table.row([
            Cell::from(label),
            quota_use.used.to_string().into(),
            quota_use.limit.to_string().into(),
            bar.unwrap_or_default(),
        ]);
    }
    table.to_text(screen.columns())
}

fn meaning(quota_use: &QuotaUse) -> Meaning {
    match quota_use.remaining() {
        Quota::Limit(0) => Meaning::Bad,
        _ if quota_use.is_low() => Meaning::Warning,
        _ => Meaning::Good,
    }
}
