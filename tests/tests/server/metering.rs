//! Metering: the commands of `docs/metering.md`, and files of meters that do not fit.

use std::time::SystemTime;

use license_core::time::{from_system_time, rfc3339};
use license_core::usage::{OpenPeriod, UsageCounts};
use license_core::{LicenseId, ProductCode};
use license_tests::server::license_server;
use license_tests::{Run, Scratch, programs};
use serde_json::{Value, json};

use super::site::{Site, TERMS};

fn guide() -> String {
    let path = programs::workspace().join("docs/metering.md");
    std::fs::read_to_string(path).unwrap()
}

/// Returns the file with the meters of the guide.
fn meters() -> String {
    let guide = guide();
    let (_, rest) = guide.split_once("```toml\n").unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// Returns the requests of the guide, in their order.
fn requests() -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in guide().lines() {
        match line.strip_prefix("    ") {
            Some(code) => {
                let block = blocks.last_mut().unwrap();
                block.push_str(code.trim_start());
                block.push('\n');
            }
            None => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| block.starts_with("curl "));
    blocks
}

/// Returns a report of a machine that has used commands today.
fn report(license: &str, used: u64, now: SystemTime) -> String {
    let product = ProductCode::parse("CODITECT").unwrap();
    let license = LicenseId::parse(license).unwrap();
    let now = from_system_time(now).unwrap();
    let mut period = OpenPeriod::new(None, [7; 16], 0);
    let counts = UsageCounts::quota_used("commands_per_day", used);
    period.add(Some(&license), &counts, now);
    let closed = period.close(product, Some("mach_00"), 0, || Some([9; 16]));
    license_core::usage::write(product, &closed.unwrap(), true)
}

#[test]
fn a_file_of_meters_that_does_not_fit_the_product_is_refused_before_the_start() {
    let scratch = Scratch::new();
    scratch.write("meters.toml", meters());
    let check = || license_server(&scratch).args(["check-config", "--meters-file", "meters.toml"]);
    check().run().expect_code(0);
    for (from, to, expected) in [
        (
            "quota:commands_per_day",
            "quota:commands",
            "quota of the product",
        ),
        ("PRO = 100000\n", "", "none for PRO"),
        ("overage = \"bill\"", "overage = \"stop\"", "`bill`"),
        ("[[meters]]", "[[meter]]", "duplicate key"),
    ] {
        scratch.write("meters.toml", meters().replacen(from, to, 1));
        let outcome = check().run().expect_code(3);
        // The command also prints the settings, and wraps long messages at words.
        let output = outcome.all_output();
        let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.contains("error: MALFORMED: "), "{output}");
        assert!(output.contains(expected), "{output}");
        let run = license_server(&scratch).args(["--meters-file", "meters.toml", "run"]);
        let failure = run.run().expect_failure(3);
        assert_eq!(failure.code, "MALFORMED", "{failure:?}");
        assert!(failure.message.contains(expected), "{failure:?}");
    }
    std::fs::remove_file(scratch.path().join("meters.toml")).unwrap();
    let missing = check().run().expect_code(4);
    assert!(
        missing.stderr.contains("cannot read meters.toml"),
        "{missing:?}"
    );
}

#[test]
fn the_requests_of_the_guide_show_adjust_and_export_the_usage_of_a_license() {
    let site = Site::new(TERMS);
    site.scratch.write("meters.toml", meters());
    let server = site.start(&["--meters-file", "meters.toml"]);
    let license = site.license.claims()["jti"].as_str().unwrap().to_owned();
    let authorization = site.authorization();
    let now = SystemTime::now();
    let submit = |used: u64| {
        let body = json!({ "file": report(&license, used, now) }).to_string();
        let headers = [("authorization", authorization.as_str())];
        let answer = server.send("POST", "/api/v1/usage-reports", &headers, &body);
        answer.expect(200)
    };
    submit(10_012);
    assert_eq!(submit(10_012)["known"], 1);
    submit(10_013);
    let administrator = server.administrator();
    let path = format!("/api/v1/usage/customers/{license}");
    let before = administrator.get(&path).expect(200);
    assert_eq!(before["meters"][0]["quantity"], 10_012, "{before}");
    assert_eq!(before["meters"][0]["overage"], 12);
    assert_eq!(before["state"], "open");
    let anomalies = administrator.get("/api/v1/anomalies").expect(200);
    assert_eq!(
        anomalies["items"][0]["kind"], "usage_conflict",
        "{anomalies}"
    );
    let anomaly = anomalies["items"][0]["id"].as_str().unwrap();

    let token = administrator.authorization.strip_prefix("Bearer ").unwrap();
    let curlrc = "fail-with-body\nsilent\nshow-error\n";
    std::fs::write(site.scratch.home().join(".curlrc"), curlrc).unwrap();
    let today = rfc3339(from_system_time(now).unwrap()).to_string()[..10].to_owned();
    let follow = |script: &str| {
        // The days of the guide are not today.
        let script = script
            .replace("2027-01-20", &today)
            .replace("2027-01-15", &today);
        let script = script.replace("2027-01-31", &today);
        let variables = [
            ("SERVER", server.url()),
            ("TOKEN", token),
            ("LICENSE", &license),
            ("LICENSE_KEY", site.license.key()),
            ("ANOMALY", anomaly),
        ];
        let run = Run::new("sh", &site.scratch);
        let run = variables
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        run.args(["-euc", &script]).run().expect_code(0).stdout
    };
    let mut requests = requests();
    // A site server bills nothing.
    requests.retain(|request| !request.contains("$SENDING"));
    assert_eq!(requests.len(), 10, "{requests:#?}");
    let outputs: Vec<String> = requests.iter().map(|request| follow(request)).collect();
    let output = |part: &str| -> &str {
        let found = requests.iter().position(|request| request.contains(part));
        &outputs[found.unwrap()]
    };
    let json = |part: &str| -> Value { serde_json::from_str(output(part)).unwrap() };
    assert_eq!(json("/meters")["items"][0]["event"], "coditect_commands");
    assert_eq!(json("/usage/own"), json("?period="));
    assert_eq!(json("state=uncertain")["items"], json!([]));
    let export = output("/usage/export");
    assert!(
        export.contains("text/csv") && export.contains("seq,customer,"),
        "{export}"
    );
    assert_eq!(json("/dismiss")["state"], "dismissed");
    let after = administrator.get(&path).expect(200);
    assert_eq!(after["meters"][0]["quantity"], 9512, "{after}");
    assert_eq!(after["period_start"], today, "the anchor is today");

    // The console shows the same numbers.
    let show = license_server(&site.scratch).args(["--meters-file", "meters.toml"]);
    let shown = show.args(["metering", "show", &license, "--json"]);
    assert_eq!(shown.run().expect_code(0).json(), after);
    let text = license_server(&site.scratch).args(["--meters-file", "meters.toml"]);
    let text = text
        .args(["metering", "show", &license])
        .run()
        .expect_code(0);
    assert!(text.stdout.contains("9512"), "{text:?}");
    let export = license_server(&site.scratch).args(["--meters-file", "meters.toml"]);
    let export = export.args(["metering", "export"]).run().expect_code(0);
    assert_eq!(export.stdout.lines().count(), 1, "{export:?}");
}
