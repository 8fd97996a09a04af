//! The metrics, and their table in `docs/server.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;

use license_tests::server::Server;
use license_tests::{Scratch, programs, tools};
use serde_json::json;

use super::site::{Site, metrics};

/// Uses each metric of a server whose license has one seat. The connections must stay open until
/// the metrics were read.
pub(super) fn use_all(site: &Site, server: &Server) -> Vec<TcpStream> {
    let [first, second] = [1, 2].map(|number| site.session(number));
    let seq = first.acquire(server, false).expect(201)["seq"].clone();
    second.acquire(server, false).expect_problem(409, "NO_SEAT");
    first.release(server, &seq).expect(200);
    first
        .heartbeat(server, &seq)
        .expect_problem(409, "LEASE_LOST");
    validate(site, server);
    let person = json!({"email": "ann@example.com", "password": "wrong password"});
    let refused = server.post("/api/v1/sessions", &person);
    refused.expect_problem(401, "UNAUTHORIZED");
    // Wrong credentials reach a limit, and connections another one.
    let wrong = [("authorization", "Bearer wrong")];
    let limited = (0..200).any(|_| server.send("GET", "/api/v1/audit", &wrong, "").status == 429);
    assert!(limited, "wrong credentials are limited");
    (0..16).map(|_| server.connect()).collect()
}

/// Validates the license.
pub(super) fn validate(site: &Site, server: &Server) {
    let body = json!({"license_key": site.license.key(), "machine_id": "machine-1"});
    server.post("/api/v1/licenses/validate", &body).expect(200);
}

/// Returns the metrics of a server that has used each of them.
fn all_metrics() -> String {
    let site = Site::new("--tier team --seats 1 --offline --expires 2099-12-31");
    let limits = ["--max-connections-per-peer", "8"];
    let server = site.start(&limits);
    let open = use_all(&site, &server);
    let metrics = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let metrics = metrics(&server);
        // The seats are published once a second.
        let is_whole = metrics.contains("state=\"held\"")
            && metrics.contains("license_http_closed_connections_total{");
        is_whole.then_some(metrics)
    });
    drop(open);
    metrics.unwrap()
}

/// Returns each metric with its type and labels, without the labels of histograms.
fn described(metrics: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let types = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let samples = metrics.lines().filter_map(|line| line.strip_prefix(name));
            let labels = samples.filter_map(|rest| {
                let rest = rest.strip_prefix("_bucket").unwrap_or(rest);
                rest.strip_prefix('{')?
                    .split_once('}')
                    .map(|(labels, _)| labels)
            });
            let labels = labels.flat_map(|labels| labels.split(','));
            let names = labels.map(|label| label.split_once('=').unwrap().0.to_owned());
            let names = names.filter(|label| label != "le");
            (name.to_owned(), (kind.to_owned(), names.collect()))
        })
        .collect()
}

#[test]
fn the_guide_has_a_row_for_each_metric_with_its_type_and_labels() {
    let found = described(&all_metrics());
    let guide = programs::workspace().join("docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let rows = guide
        .lines()
        .skip_while(|line| !line.starts_with("| metric |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let mut rows: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let labels = cells[3]
                .split(',')
                .map(|label| label.trim().trim_matches('`'));
            let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned);
            let name = cells[1].trim_matches('`').to_owned();
            (name, (cells[2].to_owned(), labels.collect()))
        })
        .collect();
    // The server of this test has neither TLS nor Redis.
    for name in [
        "license_tls_certificate_end_timestamp_seconds",
        "license_redis_up",
    ] {
        let row = rows.remove(name);
        assert_eq!(row, Some(("gauge".to_owned(), BTreeSet::new())), "{name}");
    }
    assert_eq!(rows, found);
}

#[test]
fn the_metrics_count_what_happened() {
    let metrics = all_metrics();
    for line in [
        "license_lease_ends_total{reason=\"released\"} 1",
        "license_lease_ends_total{reason=\"expired\"} 0",
        "license_seat_acquires_total{result=\"granted\"} 1",
        "license_seat_denials_total{code=\"NO_SEAT\"} 1",
        "license_seat_denials_total{code=\"LEASE_LOST\"} 1",
        "license_validations_total{code=\"VALID\"} 1",
        "license_validation_seconds_count 1",
        "license_sign_seconds_count 2",
        "license_store_failed_commits_total 0",
    ] {
        let is_there = metrics.lines().any(|found| found == line);
        assert!(is_there, "{line}\n{metrics}");
    }
    let bucket = "license_validation_seconds_bucket{le=\"0.1\"}";
    assert!(metrics.contains(bucket), "{metrics}");
    let commits = metrics
        .lines()
        .find_map(|line| line.strip_prefix("license_store_commit_seconds_count "));
    assert!(commits.unwrap().parse::<u32>().unwrap() > 0);
}

#[test]
fn texts_of_clients_are_no_labels() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    for line in [
        "SECRET-1 /healthz",
        "GET /api/v1/secret-2",
        "GET /api/v1/pools/secret-3",
        "GET /secret-4",
    ] {
        let rest = "Host: a\r\nAuthorization: Bearer secret-5\r\nConnection: close";
        let answer = server.send_raw(format!("{line} HTTP/1.1\r\n{rest}\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let metrics = metrics(&server);
    assert!(metrics.contains("route=\"unmatched\""), "{metrics}");
    assert!(
        !metrics.to_ascii_lowercase().contains("secret"),
        "{metrics}"
    );
}

#[test]
fn promtool_accepts_the_metrics() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let scratch = Scratch::new();
    let check = promtool.run(&scratch).args(["check", "metrics"]);
    let checked = check.stdin(all_metrics()).run().expect_code(0);
    assert_eq!(checked.all_output(), "");
}

#[test]
fn the_conditions_of_the_guide_are_expressions_of_prometheus() {
    let guide = programs::workspace().join("docs/server.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let rows = guide
        .lines()
        .skip_while(|line| !line.starts_with("| condition |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let conditions = rows.map(|row| row.split('`').nth(1).unwrap());
    let conditions: Vec<&str> = conditions.filter(|text| !text.starts_with('/')).collect();
    assert!(conditions.len() > 3, "{conditions:?}");
    let found = described(&all_metrics());
    for condition in &conditions {
        let name = condition.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        let name = name.into_iter().find(|word| word.starts_with("license_"));
        // The server of this test has no Redis.
        let is_known = found.contains_key(name.unwrap()) || name == Some("license_redis_up");
        assert!(is_known, "{condition}");
    }
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let rules = conditions.iter().map(|expression| {
        json!({"alert": "Condition", "expr": expression, "labels": {"expression": expression}})
    });
    let rules = json!({"groups": [{"name": "guide", "rules": rules.collect::<Vec<_>>()}]});
    let scratch = Scratch::new();
    // JSON is YAML.
    scratch.write("rules.yml", rules.to_string());
    let check = promtool.run(&scratch).args(["check", "rules", "rules.yml"]);
    check.run().expect_code(0);
}
