//! The alert rules, the dashboards and the runbook. A Prometheus scrapes a loaded server, and
//! evaluates every query.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use license_tests::server::{Server, free_port};
use license_tests::tools::{self, Tool};
use license_tests::{Scratch, programs};
use serde_json::Value;

use super::metrics::{use_all, validate};
use super::site::Site;

const DASHBOARDS: [&str; 2] = ["license-server.json", "license-seats.json"];

fn deployed(name: &str) -> String {
    fs::read_to_string(programs::workspace().join("deploy").join(name)).unwrap()
}

/// Returns the names of the alerts.
fn alerts() -> Vec<String> {
    let rules = deployed("prometheus/rules.yaml");
    let names = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn each_alert_fires_in_a_test_and_has_an_entry_in_the_runbook() {
    let (tests, rules) = (
        deployed("prometheus/rules.test.yaml"),
        deployed("prometheus/rules.yaml"),
    );
    let runbook = programs::workspace().join("docs/runbook.md");
    let runbook = fs::read_to_string(runbook).unwrap();
    let alerts = alerts();
    assert!(alerts.len() > 20, "{alerts:?}");
    for alert in &alerts {
        let fired = format!("labels: '{{alertname=\"{alert}\"}}'");
        assert!(tests.contains(&fired), "{alert} fires in no test");
        let url = format!(
            "runbook_url: docs/runbook.md#{}\n",
            alert.to_ascii_lowercase()
        );
        assert!(rules.contains(&url), "{url}");
        let (_, entry) = runbook.split_once(&format!("\n## {alert}\n")).unwrap();
        let entry = entry.split("\n## ").next().unwrap();
        for part in ["**Meaning.** ", "**Check.** ", "**Action.** "] {
            assert!(entry.contains(part), "{alert}: {part}");
        }
    }
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    assert!(
        headings.eq(alerts),
        "the runbook has the order of the rules"
    );
}

#[test]
fn the_tests_of_the_alert_rules_pass() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let path = programs::workspace().join("deploy/prometheus/rules.test.yaml");
    let scratch = Scratch::new();
    let tested = promtool.run(&scratch).args(["test", "rules"]).arg(path);
    let _ = tested.run().expect_code(0);
}

/// A Prometheus on a free port.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    /// Starts a Prometheus that scrapes the server, with the alert rules.
    fn start(tool: &Tool, scratch: &Scratch, server: &Server) -> Self {
        let metrics = server.start["metrics"].as_str().unwrap();
        let rules = programs::workspace().join("deploy/prometheus/rules.yaml");
        let rules = rules.to_str().unwrap();
        scratch.write(
            "prometheus.yml",
            format!(
                "global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s}}\n\
                 rule_files: ['{rules}']\n\
                 scrape_configs:\n\
                 - job_name: license-server\n\
                 \x20 static_configs: [{{targets: ['{metrics}']}}]\n"
            ),
        );
        let address = format!("127.0.0.1:{}", free_port());
        let run = tool.run(scratch).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            "--log.level=error",
        ]);
        let run = run.arg(format!("--web.listen-address={address}"));
        let child = run.start_with_stderr(Stdio::inherit());
        let url = format!("http://{address}");
        Self { child, url }
    }

    /// Sends a request to the interface for queries. Returns `None` until Prometheus has started.
    fn get(&self, server: &Server, path: &str) -> Option<Value> {
        let url = format!("{}/api/v1/{path}", self.url);
        let response = server.try_send("GET", &url, &[], "").ok()?;
        let is_answer = response.status == 200 || response.status == 400;
        is_answer.then(|| response.json())
    }

    /// Returns the values of a query at this moment.
    fn query(&self, server: &Server, expression: &str) -> Option<Vec<f64>> {
        let answer = self.get(server, &format!("query?query={}", escaped(expression)))?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let results = answer["data"]["result"].as_array().unwrap().iter();
        let values = results.map(|result| result["value"][1].as_str().unwrap());
        Some(values.map(|value| value.parse().unwrap()).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The process has ended already if it could not start.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Escapes a text for the query of a URL.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Calls `attempt` until it returns a value.
#[track_caller]
fn eventually<T>(name: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = attempt() {
            return found;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{name}: no result within a minute");
}

/// Returns the expressions of a dashboard, with values for its variables.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let queries = targets.flatten().map(|target| target["expr"].as_str());
    let queries = queries.map(|query| {
        let query = query.unwrap().replace("$__rate_interval", "20s");
        let query = query.replace("$__range", "20s");
        query.replace("$instance", ".*").replace("$pool", ".*")
    });
    queries.collect()
}

#[test]
fn every_query_of_the_dashboards_and_rules_runs_over_a_loaded_server() {
    let Some(tool) = tools::prometheus() else {
        return;
    };
    let site = Site::new("--tier team --seats 1 --offline --expires 2099-12-31");
    let server = site.start(&["--max-connections-per-peer", "8"]);
    let prometheus = Prometheus::start(tool, &site.scratch, &server);
    let run = |query: &str| prometheus.query(&server, query);
    let wait = |query: &str| eventually(query, || run(query).filter(|found| !found.is_empty()));
    wait("up == 1");
    let open = use_all(&site, &server);
    // The last one that is published. Open connections would refuse the next requests.
    wait("license_http_closed_connections_total");
    drop(open);
    let session = site.session(3);
    for name in DASHBOARDS {
        let dashboard: Value = serde_json::from_str(&deployed(&format!("grafana/{name}"))).unwrap();
        let queries = expressions(&dashboard);
        assert!(queries.len() >= 12, "{queries:?}");
        for query in queries {
            assert!(!query.contains('$'), "{query}");
            eventually(&query, || {
                // Quantiles have a value only while requests come.
                validate(&site, &server);
                let seat = session.acquire(&server, false).json();
                session.release(&server, &seat["seq"]);
                let values = run(&query)?;
                values.iter().any(|value| !value.is_nan()).then_some(())
            });
        }
        // The variables of the dashboard.
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(query) = variable["query"]["query"].as_str() else {
                continue;
            };
            let series = query.strip_prefix("label_values(").unwrap();
            let (series, label) = series.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
            let query = format!("count by ({label}) ({series})");
            assert!(!run(&query).unwrap().is_empty(), "{query}");
        }
    }
    let rules = eventually("rules", || {
        let answer = prometheus.get(&server, "rules")?;
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let healths: Vec<_> = rules
            .map(|rule| (rule["name"].clone(), rule["health"].clone()))
            .collect();
        let is_known = healths.iter().all(|(_, health)| health != "unknown");
        is_known.then_some(healths)
    });
    assert_eq!(rules.len(), alerts().len());
    assert!(rules.iter().all(|(_, health)| health == "ok"), "{rules:?}");
}
