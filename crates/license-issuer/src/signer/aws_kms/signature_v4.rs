//! AWS Signature Version 4, which authenticates requests.

use hmac::{Hmac, KeyInit, Mac};
use license_core::encoding::hex;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request in canonical form. The names of the headers are in lower case and sorted. All headers
/// are signed.
pub(super) struct CanonicalRequest<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: &'a [u8],
}

/// The date, region and service for which a signature is valid.
pub(super) struct CredentialScope<'a> {
    /// The value of the header `x-amz-date`, as in `20150830T123600Z`.
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl CredentialScope<'_> {
    fn day(&self) -> &str {
        self.date.split_once('T').map_or(self.date, |(day, _)| day)
    }

    fn text(&self) -> String {
        let Self {
            region, service, ..
        } = self;
        format!("{}/{region}/{service}/aws4_request", self.day())
    }
}

/// Returns the value of the header `Authorization`.
pub(super) fn authorization(
    request: &CanonicalRequest<'_>,
    scope: &CredentialScope<'_>,
    credentials: &Credentials,
) -> String {
    let signature = hex::encode(&signature(request, scope, credentials.secret_key()));
    format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        credentials.access_key(),
        scope.text(),
        request.header_names(),
    )
}

fn signature(
    request: &CanonicalRequest<'_>,
    scope: &CredentialScope<'_>,
    secret: &str,
) -> [u8; 32] {
    let digest = hex::encode(&Sha256::digest(request.text()));
    let to_sign = format!("{ALGORITHM}\n{}\n{}\n{digest}", scope.date, scope.text());
    let first = Zeroizing::new(format!("AWS4{secret}"));
    let mut key = Zeroizing::new(hmac_sha256(first.as_bytes(), scope.day()));
    for part in [scope.region, scope.service, "aws4_request"] {
        key = Zeroizing::new(hmac_sha256(key.as_slice(), part));
    }
    hmac_sha256(key.as_slice(), &to_sign)
}

fn hmac_sha256(key: &[u8], message: &str) -> [u8; 32] {
    #[allow(
        clippy::expect_used,
        reason = "HMAC accepts keys of any length (RFC 2104 section 3)"
    )]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}

impl CanonicalRequest<'_> {
    fn header_names(&self) -> String {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        names.join(";")
    }

    fn text(&self) -> String {
        let Self {
            method,
            path,
            query,
            ..
        } = self;
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let body = hex::encode(&Sha256::digest(self.body));
        format!(
            "{method}\n{path}\n{query}\n{headers}\n{}\n{body}",
            self.header_names()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "20150830T123600Z";

    /// Signs a request of the test suite that AWS published (`aws-sig-v4-test-suite`).
    fn authorization_in_suite(method: &str, more: &[(&'static str, &str)], body: &str) -> String {
        let owned = |(name, value): (&'static str, &str)| (name, value.to_owned());
        let fixed = [("host", "example.amazonaws.com"), ("x-amz-date", DATE)];
        let mut headers: Vec<_> = fixed
            .into_iter()
            .chain(more.iter().copied())
            .map(owned)
            .collect();
        headers.sort();
        let request = CanonicalRequest {
            method,
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let scope = CredentialScope {
            date: DATE,
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
    fn requests_of_the_test_suite_get_the_published_signatures() {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for (name, method, more, body, names, signature) in [
            (
                "get-vanilla",
                "GET",
                &[][..],
                "",
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                "POST",
                &[][..],
                "",
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                &form[..],
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let found = authorization_in_suite(method, more, body);
            assert_eq!(found, expected(names, signature), "{name}");
        }
    }
}
