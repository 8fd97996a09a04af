//! Rows of tables on their way from one database to another.

/// The tables with the rows of a tenant. A table follows those to which its rows refer.
pub(super) const TABLES: [&str; 51] = [
    "tenants",
    "licenses",
    "superseded_licenses",
    "license_terms",
    "license_words",
    "revoked_licenses",
    "revocation_lists",
    "trust_statements",
    "machines",
    "machine_users",
    "named_users",
    "activations",
    "usage_reports",
    "pools",
    "leases",
    "ended_leases",
    "tickets",
    "seat_policies",
    "setup_secrets",
    "api_tokens",
    "audit",
    "audit_heads",
    "events",
    "idempotent_requests",
    "ledger_positions",
    "telemetry_installations",
    "telemetry_events",
    "members",
    "groups",
    "group_members",
    "invitations",
    "identity_providers",
    "identities",
    "provider_values",
    "webhooks",
    "webhook_deliveries",
    "seat_hours",
    "seat_denials",
    "seat_demand",
    "billing_plans",
    "billing_customers",
    "billing_subscriptions",
    "billing_events",
    "billing_marks",
    "usage_facts",
    "usage_customers",
    "usage_totals",
    "usage_sendings",
    "usage_notices",
    "usage_cursors",
    "anomalies",
];

/// The tables of accounts, which belong to no tenant. They move before the rows of tenants, because
/// members refer to accounts. Sessions and links do not move: people sign in again.
pub(super) const ACCOUNT_TABLES: [&str; 2] = ["accounts", "recovery_codes"];

/// The largest number of rows in a block.
const MAX_ROWS: usize = 1000;

/// The size of a block in bytes after which no row is added.
const MAX_BYTES: usize = 4 << 20;

/// Some rows of a table, by column.
#[derive(Debug)]
pub(super) struct RowBlock {
    columns: Vec<ColumnValues>,
    rows: usize,
    bytes: usize,
}

impl RowBlock {
    /// Creates a block without rows.
    pub(super) fn new(columns: Vec<ColumnValues>) -> Self {
        Self {
            columns,
            rows: 0,
            bytes: 0,
        }
    }

    /// Returns the columns.
    pub(super) fn columns(&self) -> &[ColumnValues] {
        &self.columns
    }

    /// Returns the columns, to add a value to each.
    pub(super) fn columns_mut(&mut self) -> &mut [ColumnValues] {
        &mut self.columns
    }

    /// Counts a row whose values were added.
    pub(super) fn added(&mut self, bytes: usize) {
        self.rows = self.rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns whether the block should get no more rows.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }
}

/// A column of a block.
#[derive(Clone, Debug)]
pub(super) struct ColumnValues {
    name: String,
    values: Values,
}

/// The values of a column, which all have one type.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Blobs(Vec<Option<Vec<u8>>>),
}

impl ColumnValues {
    /// Creates an empty column. `kind` is its type in SQLite.
    pub(super) fn new(name: String, kind: &str) -> Self {
        Self {
            name,
            values: match kind {
                "INTEGER" => Values::Integers(Vec::new()),
                "BLOB" => Values::Blobs(Vec::new()),
                _ => Values::Texts(Vec::new()),
            },
        }
    }

    /// Returns the name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the values.
    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// Adds a missing value. Each of these functions returns whether the column has this type.
    pub(super) fn push_null(&mut self) -> bool {
        match &mut self.values {
            Values::Integers(values) => values.push(None),
            Values::Texts(values) => values.push(None),
            Values::Blobs(values) => values.push(None),
        }
        true
    }

    /// Adds a number.
    pub(super) fn push_integer(&mut self, number: i64) -> bool {
        let Values::Integers(values) = &mut self.values else {
            return false;
        };
        values.push(Some(number));
        true
    }

    /// Adds a text, if the bytes are UTF-8.
    pub(super) fn push_text(&mut self, text: &[u8]) -> bool {
        let (Values::Texts(values), Ok(text)) = (&mut self.values, std::str::from_utf8(text))
        else {
            return false;
        };
        values.push(Some(text.to_owned()));
        true
    }

    /// Adds bytes.
    pub(super) fn push_blob(&mut self, blob: &[u8]) -> bool {
        let Values::Blobs(values) = &mut self.values else {
            return false;
        };
        values.push(Some(blob.to_owned()));
        true
    }
}
