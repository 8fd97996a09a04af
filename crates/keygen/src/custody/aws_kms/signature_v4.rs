//! AWS Signature Version 4: proof of who asks, over the request as it is sent.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};

use super::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request. Path and query are in their canonical form already; headers are lower case, in order, and all of them are signed.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: &'a [u8],
}

/// What a signature is good for.
pub(super) struct Scope<'a> {
    /// As in `20150830T123600Z`, and in header `x-amz-date`.
    pub(super) at: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Scope<'_> {
    fn day(&self) -> &str {
        self.at.split('T').next().unwrap_or_default()
    }

    fn text(&self) -> String {
        let Self {
            region, service, ..
        } = self;
        format!("{}/{region}/{service}/aws4_request", self.day())
    }
}

/// The header `Authorization`.
pub(super) fn authorization(
    request: &Request<'_>,
    scope: &Scope<'_>,
    credentials: &Credentials,
) -> String {
    let signature = hex(signature(request, scope, credentials.secret_key()).as_ref());
    format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        credentials.access_key(),
        scope.text(),
        request.names(),
    )
}

fn signature(request: &Request<'_>, scope: &Scope<'_>, secret: &str) -> Tag {
    let digest = hex(digest(&SHA256, request.canonical().as_bytes()).as_ref());
    let to_sign = format!("{ALGORITHM}\n{}\n{}\n{digest}", scope.at, scope.text());
    let first = zeroize::Zeroizing::new(format!("AWS4{secret}"));
    let mut key = Key::new(HMAC_SHA256, first.as_bytes());
    for part in [scope.day(), scope.region, scope.service, "aws4_request"] {
        key = Key::new(HMAC_SHA256, sign(&key, part.as_bytes()).as_ref());
    }
    sign(&key, to_sign.as_bytes())
}

impl Request<'_> {
    fn names(&self) -> String {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        names.join(";")
    }

    fn canonical(&self) -> String {
        let Self {
            method,
            path,
            query,
            ..
        } = self;
        let lines = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"));
        let headers: String = lines.collect();
        let body = hex(digest(&SHA256, self.body).as_ref());
        format!(
            "{method}\n{path}\n{query}\n{headers}\n{}\n{body}",
            self.names()
        )
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "20150830T123600Z";

    /// The suite that AWS has published (`aws-sig-v4-test-suite`), with its credentials.
    fn of_suite(method: &str, query: &str, more: &[(&'static str, &str)], body: &str) -> String {
        let owned = |(name, value): (&'static str, &str)| (name, value.to_owned());
        let fixed = [("host", "example.amazonaws.com"), ("x-amz-date", AT)];
        let mut headers: Vec<_> = fixed
            .into_iter()
            .chain(more.iter().copied())
            .map(owned)
            .collect();
        headers.sort();
        let request = Request {
            method,
            path: "/",
            query,
            headers: &headers,
            body: body.as_bytes(),
        };
        let scope = Scope {
            at: AT,
            region: "us-east-1",
            service: "service",
        };
        let credentials = Credentials::read(|name| {
            Some(match name {
                "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE".to_owned(),
                "AWS_SECRET_ACCESS_KEY" => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
                _ => return None,
            })
        });
        authorization(&request, &scope, &credentials.unwrap())
    }

    fn expected(names: &str, signature: &str) -> String {
        let scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}")
    }

    #[test]
    fn get_vanilla() {
        let signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let found = of_suite("GET", "", &[], "");
        assert_eq!(found, expected("host;x-amz-date", signature));
    }

    #[test]
    fn post_vanilla() {
        let signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        let found = of_suite("POST", "", &[], "");
        assert_eq!(found, expected("host;x-amz-date", signature));
    }

    #[test]
    fn post_x_www_form_urlencoded() {
        let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let found = of_suite("POST", "", &kind, "Param1=value1");
        assert_eq!(found, expected("content-type;host;x-amz-date", signature));
    }
}
