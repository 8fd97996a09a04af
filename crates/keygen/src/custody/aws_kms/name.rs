//! Names of keys in AWS KMS: `KEY[?region=REGION][&endpoint=URL]`, where KEY is an id, an alias or an ARN of either.

use license_terminal::{Failure, escape};

use crate::custody::http::Endpoint;

/// A key, and where it is.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) endpoint: Endpoint,
}

impl Name {
    /// What the name does not say comes from the environment, as with AWS's own tools.
    pub(super) fn parse(
        text: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (id, query) = text.split_once('?').unwrap_or((text, ""));
        // Other tools write `awskms:///alias/NAME`.
        let id = id.strip_prefix("///").unwrap_or(id);
        let options = Options::parse(query)?;
        let region = options
            .region
            .or_else(|| of_arn(id))
            .or_else(|| given("AWS_REGION"))
            .or_else(|| given("AWS_DEFAULT_REGION"))
            .ok_or_else(no_region)?;
        if !is_region(&region) {
            return Err(malformed(
                "expected a region of a-z, 0-9 and -, found something else",
                "as in eu-central-1",
            ));
        }
        let endpoint = options
            .endpoint
            .or_else(|| given("AWS_ENDPOINT_URL_KMS"))
            .or_else(|| given("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| standard(&region));
        Ok(Self {
            id: checked(id)?,
            endpoint: Endpoint::parse(&endpoint)?,
            region,
        })
    }
}

#[derive(Default)]
struct Options {
    region: Option<String>,
    endpoint: Option<String>,
}

impl Options {
    fn parse(query: &str) -> Result<Self, Failure> {
        let mut options = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let option = match name {
                "region" => &mut options.region,
                "endpoint" => &mut options.endpoint,
                _ => {
                    let message = format!("`{}` is no option", escape(name));
                    return Err(malformed(
                        &message,
                        "there are region=REGION and endpoint=URL",
                    ));
                }
            };
            if value.is_empty() || option.replace(value.to_owned()).is_some() {
                let message = format!("expected one value for `{name}`");
                return Err(malformed(
                    &message,
                    "as in awskms:alias/vendor?region=eu-central-1",
                ));
            }
        }
        Ok(options)
    }
}

/// `arn:aws:kms:REGION:ACCOUNT:key/ID`.
fn of_arn(id: &str) -> Option<String> {
    let region = id.strip_prefix("arn:")?.split(':').nth(2)?;
    (!region.is_empty()).then(|| region.to_owned())
}

/// It becomes part of a host's name.
fn is_region(region: &str) -> bool {
    let fits =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    region.len() <= 40 && region.chars().all(fits)
}

fn standard(region: &str) -> String {
    let suffix = match region.starts_with("cn-") {
        true => ".cn",
        false => "",
    };
    format!("https://kms.{region}.amazonaws.com{suffix}")
}

fn checked(id: &str) -> Result<String, Failure> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "/_-:".contains(letter);
    match !id.is_empty() && id.len() <= 2048 && id.chars().all(fits) {
        true => Ok(id.to_owned()),
        false => Err(malformed(
            "expected the id, alias or ARN of a key, found something else",
            "as in awskms:alias/vendor, or awskms:arn:aws:kms:REGION:ACCOUNT:key/ID",
        )),
    }
}

fn no_region() -> Failure {
    malformed(
        "expected a region, found none",
        "add ?region=REGION, give the key's ARN, or set AWS_REGION",
    )
}

fn malformed(message: &str, hint: &str) -> Failure {
    Failure::usage(format!("awskms: {message}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn parse(text: &str, found: &[(&str, &str)]) -> Result<Name, Failure> {
        Name::parse(text, |name| {
            let found = found.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_region_is_the_nearest_that_is_said() {
        let (region, default) = (
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-2"),
        );
        for (text, found, expected) in [
            (
                &format!("{ARN}?region=eu-central-1")[..],
                &[region][..],
                "eu-central-1",
            ),
            (ARN, &[region], "eu-west-1"),
            ("alias/vendor", &[default, region], "us-east-1"),
            ("alias/vendor", &[("AWS_REGION", ""), default], "us-east-2"),
            ("///alias/vendor?region=cn-north-1", &[], "cn-north-1"),
        ] {
            let name = parse(text, found).unwrap();
            assert_eq!(name.region, expected, "{text}");
            let china = if expected == "cn-north-1" { ".cn" } else { "" };
            let host = format!("kms.{expected}.amazonaws.com{china}");
            assert_eq!(name.endpoint.authority(), host);
            assert!(!name.id.contains('?') && !name.id.starts_with("//"));
        }
    }

    #[test]
    fn the_endpoint_is_the_nearest_that_is_said() {
        let (kms, any) = (
            ("AWS_ENDPOINT_URL_KMS", "https://kms.example"),
            ("AWS_ENDPOINT_URL", "https://any.example"),
        );
        for (text, found, expected) in [
            (
                "x?region=r&endpoint=http://127.0.0.1:5000",
                &[kms][..],
                "127.0.0.1:5000",
            ),
            ("x?region=r", &[any, kms], "kms.example"),
            ("x?region=r", &[any], "any.example"),
        ] {
            assert_eq!(parse(text, found).unwrap().endpoint.authority(), expected);
        }
    }

    #[test]
    fn what_names_no_key_or_no_place_is_refused() {
        for text in [
            "?region=r",
            "alias/vendor",
            "a b?region=r",
            "x?region=evil.example/",
            "x?region=r&region=r",
            "x?region=",
            "x?profile=p",
            "x?region=r&endpoint=http://kms.example",
        ] {
            assert_eq!(parse(text, &[]).expect_err(text).code(), "USAGE", "{text}");
        }
    }
}
