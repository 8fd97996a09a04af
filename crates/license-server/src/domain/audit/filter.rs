//! The entries of the audit trail that a reader asks for.

use chrono::{DateTime, Utc};

/// The entries that a reader asks for. A condition that is `None` selects all entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The originator, such as `token:tok_…` or `account:acc_…`.
    pub actor: Option<String>,
    /// The action, such as `license.revoke`, or its beginning, such as `license.*`.
    pub action: Option<String>,
    /// The changed object, such as the id of a license.
    pub subject: Option<String>,
    /// The earliest time, with a precision of one second.
    pub since: Option<DateTime<Utc>>,
    /// The end of the time, which is not included, with a precision of one second.
    pub until: Option<DateTime<Utc>>,
    /// Whether the newest entry comes first.
    pub is_newest_first: bool,
}

/// The values of a filter for the queries of the stores.
pub(crate) struct AuditFilterValues {
    pub(crate) action: Option<String>,
    pub(crate) beginning: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
}

impl AuditFilter {
    /// The longest text of a condition, in bytes.
    pub const MAX_BYTES: usize = 200;

    /// Returns whether no text is longer than [`Self::MAX_BYTES`].
    pub fn is_accepted(&self) -> bool {
        let texts = [&self.actor, &self.action, &self.subject];
        let mut texts = texts.into_iter().flatten();
        texts.all(|text| text.len() <= Self::MAX_BYTES && !text.contains('\0'))
    }

    /// Returns the values for the queries of the stores. Times of entries have one form, so their
    /// order is that of the texts.
    pub(crate) fn values(&self) -> AuditFilterValues {
        let time = |at: DateTime<Utc>| license_core::time::rfc3339(at).to_string();
        let (action, beginning) = kind_or_beginning(self.action.as_deref());
        AuditFilterValues {
            action: action.map(str::to_owned),
            beginning: beginning.map(str::to_owned),
            since: self.since.map(time),
            until: self.until.map(time),
        }
    }
}

/// Returns a kind, or the beginning of kinds if the text ends with `*`, for the queries of the
/// stores.
pub(crate) fn kind_or_beginning(text: Option<&str>) -> (Option<&str>, Option<&str>) {
    match text.and_then(|text| text.strip_suffix('*')) {
        Some(beginning) => (None, Some(beginning)),
        None => (text, None),
    }
}
