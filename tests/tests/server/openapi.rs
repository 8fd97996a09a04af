//! The OpenAPI document.

use license_tests::Scratch;
use license_tests::server::{Server, license_server};
use serde_json::Value;

#[test]
fn the_document_of_the_program_is_the_served_one() {
    let scratch = Scratch::new();
    let printed = license_server(&scratch)
        .arg("openapi")
        .run()
        .expect_code(0)
        .json();
    let server = Server::start(&scratch, &[]);
    let served = server.get("/api/v1/openapi.json");
    assert_eq!(served.expect(200), printed);
    let known = [("if-none-match", served.header("etag"))];
    let again = server.send("GET", "/api/v1/openapi.json", &known, "");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[test]
fn every_documented_route_answers_with_a_documented_status() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &[]);
    let document = server.get("/api/v1/openapi.json").json();
    let administrator = server.administrator();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let target = path.replace(['{', '}'], "");
            let method = method.to_uppercase();
            let body = if ["POST", "PUT"].contains(&method.as_str()) {
                "{}"
            } else {
                ""
            };
            for headers in [
                &[][..],
                &[("authorization", administrator.authorization.as_str())],
                &[("authorization", "License none")],
            ] {
                let response = server.send(&method, &target, headers, body);
                let responses = operation["responses"].as_object().unwrap();
                let documented = responses.get(&response.status.to_string());
                let Some(documented) = documented else {
                    panic!("{method} {path}: {response:?}");
                };
                assert!(
                    response.status < 500 || response.status == 503,
                    "{response:?}"
                );
                let media_type = response.header("content-type").split(';').next().unwrap();
                let content = documented.get("content").and_then(Value::as_object);
                let is_documented = content.is_none_or(|content| content.contains_key(media_type));
                assert!(is_documented, "{method} {path}: {media_type}");
            }
        }
    }
}
