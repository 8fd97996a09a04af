//! The OpenAPI 3.1 document, generated from the handlers.
//!
//! The handlers document their own responses. The responses of the layers in front of them, such as
//! those of a rate limit, are added here.

use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response as HttpResponse;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, Info, License, ObjectBuilder, OpenApi, Ref, RefOr,
    Required, Type,
};

use super::cookies;
use super::etag::with_etag;
use super::problem::{PROBLEM_JSON, ProblemBody};
use super::router;
use super::routes::Documents;

/// The tag of routes of people, which do not read `Idempotency-Key`.
const PEOPLE: &str = "people";

/// Returns the document as JSON.
pub(crate) fn document() -> String {
    let document = completed(router::documented().documents().build());
    document.to_pretty_json().unwrap_or_default()
}

/// Returns a handler that serves the document. Few callers read it, so it is built on the first
/// request.
pub(super) fn served(
    documents: Documents,
) -> impl Fn(HeaderMap) -> Ready<HttpResponse> + Clone + Send + Sync + 'static {
    let complete = move || Bytes::from(completed(documents.build()).to_json().unwrap_or_default());
    let document = Arc::new(LazyLock::new(complete));
    move |headers| {
        ready(with_etag(
            &headers,
            "application/json",
            Bytes::clone(&document),
        ))
    }
}

/// Adds what all routes have in common.
fn completed(mut document: OpenApi) -> OpenApi {
    document.info = Info::new("License server", env!("CARGO_PKG_VERSION"));
    document.info.description = Some(
        "Validates licenses and lends floating seats. Errors are application/problem+json with a \
         reason code in the member `code`."
            .to_owned(),
    );
    document.info.license = Some(License::new("MIT OR Apache-2.0"));
    document.servers = None;
    document.tags = Some(vec![
        tag("clients", "Validation, activation and reports of machines"),
        tag("seats", "Floating seats"),
        tag(
            "administration",
            "Administration with an API token or the session of a person",
        ),
        tag(
            "people",
            "Accounts of people: sign in, registration and passwords",
        ),
    ]);
    let components = document.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert("Problem".to_owned(), ProblemBody::schema());
    for (name, scheme) in security_schemes() {
        components.add_security_scheme(name, scheme);
    }
    for (path, item) in &mut document.paths.paths {
        let has_parameter = path.contains('{');
        complete_item(item, has_parameter);
    }
    document
}

fn tag(name: &str, description: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(description.to_owned());
    tag
}

fn security_schemes() -> [(&'static str, SecurityScheme); 3] {
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let description = "`License` and a license key or token: `License CODITECT-PRO-…`";
    let license = ApiKeyValue::with_description("Authorization", description);
    let description = "The cookie that `POST /api/v1/sessions` sets. A change also needs the header \
        `X-CSRF-Token` with the token of `GET /api/v1/session`. The cookie is accepted in place of \
        `bearer` too. `group` is the role of administrators of groups, who need no permission.";
    let session = ApiKeyValue::with_description(cookies::SESSION, description);
    [
        ("bearer", bearer),
        ("license", SecurityScheme::ApiKey(ApiKey::Header(license))),
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(session))),
    ]
}

fn complete_item(item: &mut PathItem, has_parameter: bool) {
    for operation in [&mut item.get, &mut item.delete].into_iter().flatten() {
        complete(operation, has_parameter);
    }
    let with_body = [&mut item.post, &mut item.put, &mut item.patch];
    for operation in with_body.into_iter().flatten() {
        complete(operation, has_parameter);
        add_body_problems(operation);
    }
    if let Some(delete) = &mut item.delete
        && delete.request_body.is_some()
    {
        add_body_problems(delete);
    }
    if let Some(post) = &mut item.post
        // The body can contain a password, of which nothing is kept.
        && post.tags.as_deref() != Some(&[PEOPLE.to_owned()])
    {
        let description = "A random text. A repetition with the same key and body has no further \
            effect, and gets the first response. The key is kept for 24 hours.";
        add_parameter(
            post,
            header_parameter("Idempotency-Key", description, Some(255)),
        );
    }
    if let Some(get) = &mut item.get
        && get.responses.responses.contains_key("304")
    {
        let description = "The ETag of an earlier response";
        add_parameter(get, header_parameter("If-None-Match", description, None));
    }
}

/// Adds the responses that every route can give.
fn complete(operation: &mut Operation, has_parameter: bool) {
    let tag = operation
        .tags
        .as_ref()
        .and_then(|tags| tags.first().cloned());
    let tag = tag.unwrap_or_default();
    for (status, description) in [
        (400, "The request is malformed"),
        (409, "The state of the server does not permit the request"),
        (429, "The caller sends too many requests"),
        (500, "The server has failed"),
        (
            503,
            "The server cannot answer now, such as without a license",
        ),
    ] {
        add_problem(operation, status, description);
    }
    if has_parameter || tag == "clients" {
        add_problem(operation, 404, "The resource does not exist");
    }
    add_problem(operation, 401, "The credentials are missing or wrong");
    let parameters = operation.parameters.iter().flatten();
    let has_login = parameters.into_iter().any(
        |parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "X-Login-Token"),
    );
    if tag != "clients" || has_login {
        add_problem(operation, 403, "The credentials do not permit the request");
    }
}

fn add_body_problems(operation: &mut Operation) {
    add_problem(operation, 408, "The body did not arrive in time");
    add_problem(operation, 413, "The body is too large");
    add_problem(operation, 415, "The body is not JSON");
}

fn add_problem(operation: &mut Operation, status: u16, description: &str) {
    let responses = &mut operation.responses.responses;
    let response = responses.entry(status.to_string());
    response.or_insert_with(|| RefOr::T(problem(status, description)));
}

fn problem(status: u16, description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content);
    if status != 429 && status != 503 {
        return response.build();
    }
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).build();
    let header = HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("Seconds after which the request can be repeated"))
        .build();
    response.header("Retry-After", header).build()
}

fn add_parameter(operation: &mut Operation, parameter: Parameter) {
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::T(parameter));
}

fn header_parameter(name: &str, description: &str, length: Option<usize>) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let text = match length {
        Some(length) => text.min_length(Some(1)).max_length(Some(length)),
        None => text,
    };
    let text = text.build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::Permission;

    #[test]
    fn every_operation_documents_its_problems_and_credentials() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 20, "{}", paths.len());
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let name = format!("{method} {path}");
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.contains_key("429"), "{name}");
                assert!(operation["summary"].is_string(), "{name}");
                let is_administration = operation["tags"][0] == "administration";
                let needed = operation["security"][0]["bearer"].as_array();
                let is_guarded = is_administration && !path.ends_with("/setup");
                assert_eq!(is_guarded, needed.is_some(), "{name}");
                if let Some(needed) = needed {
                    let names: Vec<_> = needed.iter().flat_map(Value::as_str).collect();
                    let [needed] = names[..] else {
                        panic!("{name}: expected one permission, found {names:?}");
                    };
                    let needed = Permission::parse(needed).unwrap();
                    assert_eq!(needed.is_read(), method == "get", "{name}: {needed}");
                }
                let parameters = operation["parameters"].as_array();
                let has_key = parameters.is_some_and(|parameters| {
                    parameters
                        .iter()
                        .any(|parameter| parameter["name"] == "Idempotency-Key")
                });
                let is_personal = operation["tags"][0] == "people";
                assert_eq!(has_key, method == "post" && !is_personal, "{name}");
                let session = operation["security"][0]["session"].as_array();
                assert!(session.is_none() || is_personal, "{name}");
            }
        }
    }

    #[test]
    fn references_resolve() {
        let text = document();
        let document: Value = serde_json::from_str(&text).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
