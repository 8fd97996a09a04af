//! The plans of queries for lists.

use rusqlite::Connection;

use super::super::queries::query;
use super::super::schema;

/// Returns the steps of the plan of a query.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = statement.parameter_count();
    let values = rusqlite::params_from_iter((0..count).map(|_| "1"));
    let steps = statement.query_map(values, |row| row.get(3)).unwrap();
    steps.map(Result::unwrap).collect()
}

#[test]
fn a_license_with_too_many_machines_reads_its_own_only() {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    for sql in [query!("machine_excess"), query!("machine_forget_excess")] {
        let steps = plan(&db, sql);
        let is_of_license = |step: &&String| step.contains("(tenant=? AND license=?");
        let of_machines = steps.iter().filter(|step| step.contains(" machines "));
        assert!(of_machines.clone().count() > 0, "{steps:?}");
        assert!(
            of_machines.clone().all(|step| is_of_license(&step)),
            "{steps:?}"
        );
    }
    let steps = plan(&db, query!("event_last"));
    assert!(
        steps.iter().all(|step| !step.starts_with("SCAN")),
        "{steps:?}"
    );
}

/// A list of any length takes no longer than its page, because no query reads or sorts all rows.
#[test]
fn lists_of_seats_and_their_history_come_from_indexes() {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    for sql in [
        query!("lease_page"),
        query!("pool_page"),
        query!("ticket_all"),
        query!("seat_hours_range"),
        query!("seat_denials_range"),
        query!("seat_hours_forget"),
        query!("seat_denials_forget"),
        query!("seat_demand_forget"),
        query!("usage_page"),
    ] {
        let plan = plan(&db, sql);
        assert!(!plan.is_empty());
        for step in plan {
            let reads_all = step.starts_with("SCAN") || step.contains("TEMP B-TREE");
            assert!(!reads_all, "{step} in {sql}");
        }
    }
    // The days of a plan are grouped by the number of seats. There are at most 400 of them.
    let plan = plan(&db, query!("seat_demand_range"));
    assert!(
        plan[0].starts_with("SEARCH seat_demand USING PRIMARY KEY"),
        "{plan:?}"
    );
}
