//! Names of key versions in Google Cloud KMS:
//! `projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N[?endpoint=URL]`.

use super::super::http::Endpoint;
use super::error::GcpKmsError;

/// The variable with which the tools of Google set the endpoint of the service.
const ENDPOINT_VARIABLE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS";
const DEFAULT_ENDPOINT: &str = "https://cloudkms.googleapis.com";
/// The collections of a resource name, each followed by an id.
const COLLECTIONS: [&str; 5] = [
    "projects",
    "locations",
    "keyRings",
    "cryptoKeys",
    "cryptoKeyVersions",
];
/// The maximum length of an id. The longest are those of projects with the name of a domain.
const MAX_ID: usize = 128;
/// The maximum number of characters of a wrong name that an error shows.
const MAX_FOUND: usize = 40;

/// A key version with its endpoint.
#[derive(Debug)]
pub(super) struct KeyVersion {
    /// The resource name, with `cryptoKeyVersions`.
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
}

impl KeyVersion {
    /// Parses a name. A missing endpoint comes from the environment, as with the tools of Google.
    ///
    /// Sigstore writes `versions` in place of `cryptoKeyVersions`, and two slashes before the name.
    pub(super) fn parse(
        text: &str,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, GcpKmsError> {
        let (name, query) = text.split_once('?').unwrap_or((text, ""));
        let name = resource_name(name.trim_start_matches('/'))?;
        let endpoint = endpoint_option(query)?
            .or_else(|| variable(ENDPOINT_VARIABLE))
            .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        Ok(Self {
            name,
            endpoint: Endpoint::parse(&endpoint).map_err(GcpKmsError::Endpoint)?,
        })
    }
}

fn resource_name(text: &str) -> Result<String, GcpKmsError> {
    let mut parts = text.split('/');
    let mut name = String::with_capacity(text.len() + 16);
    for expected in COLLECTIONS {
        let collection = match (parts.next(), expected) {
            (None, "cryptoKeyVersions") => return Err(GcpKmsError::NoVersion),
            (Some("versions"), "cryptoKeyVersions") => expected,
            (found, _) => found.unwrap_or_default(),
        };
        if collection != expected {
            return Err(wrong(expected, collection));
        }
        let id = parts.next().unwrap_or_default();
        let is_version = expected == "cryptoKeyVersions";
        if !(is_id(id, expected) && (!is_version || is_number(id))) {
            return Err(wrong(
                if is_version {
                    "a version number"
                } else {
                    "an id"
                },
                id,
            ));
        }
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(expected);
        name.push('/');
        name.push_str(id);
    }
    match parts.next() {
        None => Ok(name),
        Some(more) => Err(wrong("the end of the name", more)),
    }
}

/// Returns whether a text is an id. The ids of some projects begin with a domain, as in
/// `example.com:vendor`.
fn is_id(id: &str, collection: &str) -> bool {
    let is_allowed = |character: char| {
        character.is_ascii_alphanumeric()
            || "-_".contains(character)
            || (collection == "projects" && ".:".contains(character))
    };
    // A path must not contain `.` or `..`.
    let has_letter = id.contains(|character: char| character.is_ascii_alphanumeric());
    has_letter && id.len() <= MAX_ID && id.chars().all(is_allowed)
}

fn is_number(id: &str) -> bool {
    id.parse::<u64>().is_ok_and(|number| number > 0) && !id.starts_with(['0', '+'])
}

fn wrong(expected: &'static str, found: &str) -> GcpKmsError {
    let found = found.chars().take(MAX_FOUND);
    GcpKmsError::KeyName {
        expected,
        found: found.collect(),
    }
}

fn endpoint_option(query: &str) -> Result<Option<String>, GcpKmsError> {
    let mut endpoint = None;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if name != "endpoint" {
            return Err(GcpKmsError::UnknownOption(name.to_owned()));
        }
        if value.is_empty() || endpoint.replace(value.to_owned()).is_some() {
            return Err(GcpKmsError::OptionValue(name.to_owned()));
        }
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "projects/example.com:vendor/locations/europe-west3/keyRings/licenses\
                        /cryptoKeys/license-2027/cryptoKeyVersions/1";

    fn parse(text: &str, endpoint: Option<&str>) -> Result<KeyVersion, GcpKmsError> {
        KeyVersion::parse(text, |_| endpoint.map(str::to_owned))
    }

    #[test]
    fn a_name_is_read_in_all_its_forms() {
        let short = NAME.replace("cryptoKeyVersions", "versions");
        for text in [NAME, &format!("//{NAME}"), &short, &format!("//{short}")] {
            let version = parse(text, None).unwrap();
            assert_eq!(version.name, NAME, "{text}");
            assert_eq!(version.endpoint.authority(), "cloudkms.googleapis.com");
        }
    }

    #[test]
    fn the_endpoint_of_the_name_precedes_the_environment() {
        let other = Some("https://cloudkms-vendor.p.googleapis.com/");
        let version = parse(NAME, other).unwrap();
        assert_eq!(
            version.endpoint.authority(),
            "cloudkms-vendor.p.googleapis.com"
        );
        let text = format!("{NAME}?endpoint=http://127.0.0.1:5000");
        let version = parse(&text, other).unwrap();
        assert_eq!(version.endpoint.authority(), "127.0.0.1:5000");
    }

    #[test]
    fn an_incomplete_or_malformed_name_is_refused() {
        let key = NAME.rsplit_once("/cryptoKeyVersions").unwrap().0;
        assert!(matches!(parse(key, None), Err(GcpKmsError::NoVersion)));
        for text in [
            "",
            "projects",
            "projects/p",
            &NAME.replace("keyRings", "keyring"),
            &NAME.replace("licenses", ".."),
            &NAME.replace("licenses", "a b"),
            &NAME.replace("licenses", &"x".repeat(129)),
            &NAME.replace("/1", "/0"),
            &NAME.replace("/1", "/latest"),
            &NAME.replace("/1", ""),
            &format!("{NAME}/"),
            &format!("{NAME}?region=r"),
            &format!("{NAME}?endpoint="),
            &format!("{NAME}?endpoint=https://a&endpoint=https://b"),
            &format!("{NAME}?endpoint=http://kms.example"),
        ] {
            let error = parse(text, None).expect_err(text);
            assert_eq!(error.advice().code, "USAGE", "{text}");
        }
    }
}
