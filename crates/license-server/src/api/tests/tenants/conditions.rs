//! The queries of PostgreSQL without their condition on the tenant.
//!
//! Row-level security holds even if a query forgets the condition. The files of the queries are
//! changed as such a mistake would change them, and run with several values of their parameters.

use std::collections::BTreeSet;
use std::path::Path;

use license_test_services::TestDatabase;

use crate::domain::TenantId;

/// The condition of the queries.
const CONDITION: &str = "tenant = $1";

/// The values of all parameters apart from the tenant, which PostgreSQL converts to their types.
const VALUES: [&str; 4] = ["NULL", "''", "'100'", "'9000000000000000'"];

/// Runs a query, and returns its rows or the number of changed rows. The changes are undone.
const PROBE: &str = "CREATE FUNCTION pg_temp.probe(query text, change bool) RETURNS text
    LANGUAGE plpgsql AS $function$
    DECLARE found text;
    BEGIN
      IF change THEN
        EXECUTE 'WITH changed AS (' || query || ' RETURNING 1) SELECT count(*)::text FROM changed'
          INTO found;
      ELSE
        EXECUTE 'SELECT coalesce(string_agg(q::text, '' / ''), '''') FROM (' || query || ') q'
          INTO found;
      END IF;
      RAISE EXCEPTION USING MESSAGE = 'found ' || translate(found, E'\\n\\r', '  ');
    EXCEPTION WHEN OTHERS THEN
      RETURN SQLERRM;
    END $function$;";

/// A query that reads or changes rows of one tenant.
struct TenantQuery {
    name: String,
    text: String,
    is_change: bool,
}

/// Returns the queries with the condition.
fn queries() -> Vec<TenantQuery> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres/queries");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.trim().trim_end_matches(';').to_owned();
        let is_change = text.starts_with("UPDATE") || text.starts_with("DELETE");
        let is_plain = is_change || text.starts_with("SELECT");
        let returns = text.contains("RETURNING");
        if text.contains(CONDITION) && is_plain && !returns {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push(TenantQuery {
                name,
                text,
                is_change,
            });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Returns a query without its conditions on the tenant.
fn stripped(text: &str) -> String {
    let mut rest = text.to_owned();
    while let Some(at) = rest.find(CONDITION) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let start = rest[..at].trim_end_matches(is_name).len();
        rest.replace_range(start..at + CONDITION.len(), "true");
    }
    rest
}

/// Returns a query with values in place of its parameters.
fn bound(text: &str, tenant: &TenantId, value: &str) -> String {
    let bound = (2..=30).rev().fold(text.to_owned(), |text, number| {
        text.replace(&format!("${number}"), value)
    });
    bound.replace("$1", &format!("'{tenant}'"))
}

/// Runs queries as a tenant. Returns what each of them finds or changes.
fn run(database: &TestDatabase, tenant: &TenantId, queries: &[(bool, String)]) -> Vec<String> {
    let rows = queries
        .iter()
        .enumerate()
        .map(|(number, (change, text))| format!("({number}, {change}, $query${text}$query$)"));
    let rows = rows.collect::<Vec<_>>().join(", ");
    let answer = database.sql(&format!(
        "SELECT set_config('license_server.tenant', '{tenant}', false); {PROBE}
         SELECT pg_temp.probe(query, change)
         FROM (VALUES {rows}) AS v (number, change, query) ORDER BY number"
    ));
    let found: Vec<_> = answer.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(found.len(), queries.len());
    found
}

/// Runs the queries without their condition as a tenant without rows. Each finds and changes what
/// it does with the condition: nothing of the first tenant.
pub(super) fn check(database: &TestDatabase, first: &TenantId) {
    let stranger = TenantId::new(uuid::Uuid::from_u128(3));
    let queries = queries();
    let mut cases = Vec::new();
    let [mut right, mut wrong, mut own] = [const { Vec::new() }; 3];
    for query in &queries {
        for value in VALUES {
            let without = stripped(&query.text);
            right.push((query.is_change, bound(&query.text, &stranger, value)));
            wrong.push((query.is_change, bound(&without, &stranger, value)));
            own.push((query.is_change, bound(&without, first, value)));
            cases.push((&query.name, value));
        }
    }
    let right = run(database, &stranger, &right);
    let wrong = run(database, &stranger, &wrong);
    let own = run(database, first, &own);
    let is_found = |found: &str| found.starts_with("found ");
    let mut proven = BTreeSet::new();
    for (number, (name, value)) in cases.iter().enumerate() {
        let (expected, found) = (&right[number], &wrong[number]);
        if !is_found(expected) || !is_found(found) {
            continue;
        }
        assert_eq!(
            found, expected,
            "{name} with {value}, without its condition"
        );
        if is_found(&own[number]) && own[number] != *found {
            proven.insert(*name);
        }
    }
    // The first tenant has rows that these queries would show or change.
    assert!(
        proven.len() > 40,
        "{} of {}: {proven:?}",
        proven.len(),
        queries.len()
    );
}
