//! Schemathesis sends requests that it generates from the OpenAPI document.

use license_tests::{tools, words};
use serde_json::{Value, json};

use super::site::{Site, TERMS, issue, number};

/// Settings of Schemathesis. Names in braces are replaced.
///
/// The check `positive_data_acceptance` fails for texts that a schema cannot describe, such as
/// license files and cursors. A body above the limit is refused before its members are.
const SETTINGS: &str = r#"
[auth.openapi]
bearer = { bearer = "{token}" }
license = { api_key = "{authorization}" }

[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 429]

[parameters]
"path.pool" = "{pool}"
"path.session" = "{session}"

# A poll that waits would take its time.
[[operations]]
include-method = "GET"
include-path-regex = "^/api/v1/queue/"
parameters = { {waiting}, "query.wait" = 0 }

[[operations]]
include-method = "DELETE"
include-path-regex = "^/api/v1/queue/"
parameters = { {leaving} }

# Each attempt to sign in hashes a password, which takes long in a debug build.
[[operations]]
include-method = "POST"
include-path-regex = "^/api/v1/sessions$"
generation.max-examples = 3
phases.coverage.enabled = false
phases.stateful.enabled = false

# The license and the token of the test must stay.
[[operations]]
include-method = "DELETE"
include-path-regex = "^/api/v1/(licenses|tokens)/"
parameters = { "path.license" = "{removed}", "path.id" = "{revoked}" }
phases.stateful.enabled = false
checks.ignored_auth.enabled = false

# Requests with wrong credentials are limited, and a test of each route covers these.
[[operations]]
include-path-regex = "^/api/v1/"
checks.ignored_auth.enabled = false
"#;

#[test]
fn generated_requests_get_documented_responses() {
    let Some(schemathesis) = tools::schemathesis() else {
        return;
    };
    let site = Site::new(TERMS);
    let settings = words("--peer-rate off --license-rate off --telemetry-days 400");
    let server = site.start(&settings);
    let administrator = server.administrator();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let seat = site.session(1).acquire(&server, false).expect(201);
    site.session(2).acquire(&server, false).expect(201);
    let ticket = |number| {
        let session = site.session(number);
        let ticket = text(&session.acquire(&server, true).expect(202)["ticket"]);
        let (id, instance) = (session.id(), session.instance());
        format!(
            r#""path.ticket" = "{ticket}", "query.session" = "{id}", "query.instance" = "{instance}""#
        )
    };
    let other = issue(&site.vendor, &site.scratch, &words(TERMS));
    let removed = site.install(&other.file, &[])["licenses"][0].clone();
    let body = json!({"name": "revoked", "scopes": ["auditor"]});
    let revoked = administrator.post("/api/v1/tokens", &body).expect(201);
    let token = administrator.authorization.strip_prefix("Bearer ").unwrap();
    let values = [
        ("{token}", token.to_owned()),
        ("{authorization}", site.authorization()),
        ("{pool}", text(&seat["pool"])),
        ("{session}", site.session(1).id()),
        ("{waiting}", ticket(3)),
        ("{leaving}", ticket(4)),
        ("{removed}", text(&removed)),
        ("{revoked}", text(&revoked["id"])),
    ];
    let settings = values
        .iter()
        .fold(SETTINGS.to_owned(), |settings, (name, value)| {
            settings.replace(name, value)
        });
    site.scratch.write("schemathesis.toml", settings);
    // The full run has more examples.
    let examples = number("LICENSE_TESTS_SERVER_EXAMPLES", 3).to_string();
    let seed = number("LICENSE_TESTS_SERVER_SEED", 1).to_string();
    let run = schemathesis.run(&site.scratch);
    let run = run.args(["--config-file", "schemathesis.toml", "run", "--no-color"]);
    let run = run.args(["--max-examples", &examples, "--seed", &seed]);
    let run = run.args(["--generation-database", "none"]);
    let url = format!("{}/api/v1/openapi.json", server.url());
    let output = run.arg(url).run().expect_code(0);
    println!("{}", output.stdout);
    assert_eq!(server.get("/readyz").expect(200)["status"], "ready");
}
