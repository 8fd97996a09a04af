//! Names of keys in AWS KMS: `KEY[?region=REGION][&endpoint=URL]`, where KEY is an id, an alias, or
//! the ARN of a key or alias.

use super::super::http::Endpoint;
use super::error::AwsKmsError;

/// The maximum length of an id, alias or ARN (AWS KMS API reference, `GetPublicKey`).
const MAX_ID: usize = 2048;
/// The maximum length of a region, which becomes a part of a host name.
const MAX_REGION: usize = 40;

/// A key with its region and endpoint.
#[derive(Debug)]
pub(super) struct KmsKeyName {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) endpoint: Endpoint,
}

impl KmsKeyName {
    /// Parses a name. Missing options come from the environment, as with the tools of AWS.
    pub(super) fn parse(
        text: &str,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, AwsKmsError> {
        let optional = |name| variable(name).filter(|value| !value.is_empty());
        let (id, query) = text.split_once('?').unwrap_or((text, ""));
        // Other tools use `awskms:///alias/NAME`.
        let id = id.strip_prefix("///").unwrap_or(id);
        let options = KeyNameOptions::parse(query)?;
        let region = options
            .region
            .or_else(|| region_of_arn(id))
            .or_else(|| optional("AWS_REGION"))
            .or_else(|| optional("AWS_DEFAULT_REGION"))
            .ok_or(AwsKmsError::NoRegion)?;
        if !is_region(&region) {
            return Err(AwsKmsError::Region);
        }
        let endpoint = options
            .endpoint
            .or_else(|| optional("AWS_ENDPOINT_URL_KMS"))
            .or_else(|| optional("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| default_endpoint(&region));
        Ok(Self {
            id: checked(id)?,
            endpoint: Endpoint::parse(&endpoint).map_err(AwsKmsError::Endpoint)?,
            region,
        })
    }
}

#[derive(Default)]
struct KeyNameOptions {
    region: Option<String>,
    endpoint: Option<String>,
}

impl KeyNameOptions {
    fn parse(query: &str) -> Result<Self, AwsKmsError> {
        let mut options = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let option = match name {
                "region" => &mut options.region,
                "endpoint" => &mut options.endpoint,
                _ => {
                    let name = name.to_owned();
                    return Err(AwsKmsError::UnknownOption(name));
                }
            };
            if value.is_empty() || option.replace(value.to_owned()).is_some() {
                let name = name.to_owned();
                return Err(AwsKmsError::OptionValue(name));
            }
        }
        Ok(options)
    }
}

/// Returns the region of `arn:aws:kms:REGION:ACCOUNT:key/ID`.
fn region_of_arn(id: &str) -> Option<String> {
    let region = id.strip_prefix("arn:")?.split(':').nth(2)?;
    (!region.is_empty()).then(|| region.to_owned())
}

fn is_region(region: &str) -> bool {
    let is_allowed = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
    };
    region.len() <= MAX_REGION && region.chars().all(is_allowed)
}

fn default_endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://kms.{region}.amazonaws.com{suffix}")
}

fn checked(id: &str) -> Result<String, AwsKmsError> {
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || "/_-:".contains(character);
    if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(is_allowed) {
        Ok(id.to_owned())
    } else {
        Err(AwsKmsError::KeyId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<KmsKeyName, AwsKmsError> {
        KmsKeyName::parse(text, |name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_region_of_the_name_takes_precedence_over_the_environment() {
        let (region, default) = (
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-2"),
        );
        for (text, variables, expected) in [
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
            let name = parse(text, variables).unwrap();
            assert_eq!(name.region, expected, "{text}");
            let china = if expected == "cn-north-1" { ".cn" } else { "" };
            let host = format!("kms.{expected}.amazonaws.com{china}");
            assert_eq!(name.endpoint.authority(), host);
            assert!(!name.id.contains('?') && !name.id.starts_with("//"));
        }
    }

    #[test]
    fn the_endpoint_of_the_name_takes_precedence_over_the_environment() {
        let (kms, any) = (
            ("AWS_ENDPOINT_URL_KMS", "https://kms.example"),
            ("AWS_ENDPOINT_URL", "https://any.example"),
        );
        for (text, variables, expected) in [
            (
                "x?region=r&endpoint=http://127.0.0.1:5000",
                &[kms][..],
                "127.0.0.1:5000",
            ),
            ("x?region=r", &[any, kms], "kms.example"),
            ("x?region=r", &[any], "any.example"),
        ] {
            let name = parse(text, variables).unwrap();
            assert_eq!(name.endpoint.authority(), expected, "{text}");
        }
    }

    #[test]
    fn an_incomplete_or_malformed_name_is_refused() {
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
            assert_eq!(
                parse(text, &[]).expect_err(text).advice().code,
                "USAGE",
                "{text}"
            );
        }
    }
}
