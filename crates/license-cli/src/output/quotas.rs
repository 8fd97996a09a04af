//! The use of quotas as a table and as JSON.

use license_cli_support::{Meaning, Screen, StyledText, TextColumn, TextTable};
use license_core::policy::Quota;
use license_core::state::QuotaUse;
use serde_json::{Map, Value, json};

/// The use of a quota today.
pub(crate) struct NamedQuotaUse {
    pub(crate) quota: String,
    pub(crate) label: String,
    pub(crate) limit: Quota,
    /// The count of today. `None` if the counts cannot be read.
    pub(crate) quota_use: Option<QuotaUse>,
}

/// Returns the JSON objects of quotas.
pub(crate) fn to_json(quotas: &[NamedQuotaUse]) -> Value {
    let object = |quota: &NamedQuotaUse| {
        let mut members = Map::new();
        members.insert("quota".to_owned(), json!(quota.quota));
        members.extend(match json!(quota.quota_use) {
            Value::Object(members) => members,
            _ => Map::from_iter([
                ("used".to_owned(), Value::Null),
                ("limit".to_owned(), json!(quota.limit)),
            ]),
        });
        Value::Object(members)
    };
    quotas.iter().map(object).collect()
}

/// Returns a table of quotas, with a bar for each limit on a terminal.
pub(crate) fn to_text(quotas: &[NamedQuotaUse], screen: Screen) -> String {
    let mut table = TextTable::new([
        TextColumn::new("QUOTA").without_wrapping(),
        TextColumn::new("USED TODAY")
            .right_aligned()
            .without_wrapping(),
        TextColumn::new("LIMIT").right_aligned().without_wrapping(),
        TextColumn::new(""),
    ]);
    for quota in quotas {
        let bar = quota
            .quota_use
            .as_ref()
            .and_then(|found| bar(found, screen));
        table.row([
            StyledText::from(&quota.label),
            used(quota),
            quota.limit.to_string().into(),
            bar.unwrap_or_default(),
        ]);
    }
    table.to_text(screen.columns())
}

/// Returns the count of today.
fn used(quota: &NamedQuotaUse) -> StyledText {
    match &quota.quota_use {
        Some(found) => found.used.to_string().into(),
        None => StyledText::new(Meaning::Warning, "unreadable"),
    }
}

fn bar(quota_use: &QuotaUse, screen: Screen) -> Option<StyledText> {
    match quota_use.limit {
        Quota::Limit(limit) => screen.bar(quota_use.used, limit, meaning(quota_use)),
        Quota::Unlimited => None,
    }
}

fn meaning(quota_use: &QuotaUse) -> Meaning {
    match quota_use.remaining() {
        Quota::Limit(0) => Meaning::Bad,
        _ if quota_use.is_low() => Meaning::Warning,
        _ => Meaning::Good,
    }
}
