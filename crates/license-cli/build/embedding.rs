//! The public keys, the product and the name that are embedded in the program at build time.

mod error;
mod request;

use license_core::{FeatureMatrix, TrustSet};

pub(crate) use error::EmbeddingError;
pub(crate) use request::{EmbeddedText, EmbeddingRequest};

/// The environment variable that names the trust set at build time.
pub(crate) const TRUST_SET: &str = "LICENSE_TRUST_SET";
/// The environment variable that names the product file at build time.
pub(crate) const PRODUCT_FILE: &str = "LICENSE_PRODUCT_FILE";
/// The environment variable with the name of the program at build time.
pub(crate) const PROGRAM: &str = "LICENSE_PROGRAM";
/// The earlier name of [`TRUST_SET`].
pub(crate) const RETIRED: &str = "CODITECT_TRUST_SET";

/// The maximum length of the program's name.
const MAX_PROGRAM: usize = 64;

/// The keys, the product and the name to embed.
pub(crate) struct Embedding {
    keys: TrustSet,
    product: Option<EmbeddedProduct>,
    program: String,
}

/// A valid product file.
struct EmbeddedProduct {
    text: String,
    matrix: FeatureMatrix,
}

impl Embedding {
    /// Creates an embedding. Without keys, the program accepts given and installed keys. Without a
    /// product, it accepts given product files. Without a name, its name is `license`.
    ///
    /// # Errors
    ///
    /// Returns [`EmbeddingError`] if a text or the name is not valid.
    pub(crate) fn new(
        keys: Option<EmbeddedText>,
        product: Option<EmbeddedText>,
        program: Option<&str>,
    ) -> Result<Self, EmbeddingError> {
        Ok(Self {
            keys: keys.map_or_else(|| Ok(TrustSet::default()), parse_keys)?,
            product: product.map(EmbeddedProduct::parse).transpose()?,
            program: program.map_or_else(|| Ok("license".to_owned()), parse_program)?,
        })
    }

    /// Returns the keys as a JWK Set, or an empty text without keys.
    pub(crate) fn jwks(&self) -> String {
        if self.keys.is_empty() {
            String::new()
        } else {
            self.keys.to_jwks().to_string()
        }
    }

    /// Returns the product file, or an empty text without one.
    pub(crate) fn product(&self) -> &str {
        self.product.as_ref().map_or("", |product| &product.text)
    }

    /// Returns the name of the program.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// Returns what `license --version` prints after the name of the program.
    pub(crate) fn version(&self, number: &str) -> String {
        let product = self.product.as_ref().map(|product| {
            let (code, label) = (product.matrix.product(), product.matrix.label());
            let label = if label == code.as_str() {
                String::new()
            } else {
                format!(" ({label})")
            };
            format!("\nproduct {code}{label}; no other product is accepted")
        });
        let keys = self.keys.iter().map(|key| {
            let (id, algorithm, bits) = (key.id(), key.algorithm(), key.bits());
            format!("\n  {id} {algorithm} {bits} bits")
        });
        let summary = match self.keys.len() {
            0 => "no embedded keys; keys from --trust and installed keys are accepted".to_owned(),
            1 => "1 embedded key; no other key is accepted:".to_owned(),
            count => format!("{count} embedded keys; no other key is accepted:"),
        };
        let product = product.unwrap_or_default();
        format!("{number}{product}\n{summary}{}", keys.collect::<String>())
    }

    /// Returns the product code for examples in the help.
    pub(crate) fn product_code(&self) -> String {
        self.matrix().product().to_string()
    }

    /// Returns a feature of the product for examples in the help: the first that not every user
    /// has.
    pub(crate) fn sample_feature(&self) -> &str {
        if self.product.is_none() {
            return "cloud_sync";
        }
        let matrix = self.matrix();
        let features = matrix.features();
        let base = matrix.base_tier().entitlements();
        let mut of_licenses = features.iter().filter(|(name, _)| !base.allows(name));
        let sample = of_licenses.next().or_else(|| features.first());
        sample.map_or("FEATURE", |(name, _)| name)
    }

    /// Returns a quota of the product for examples in the help: the first that is counted per day,
    /// as far as its name shows this.
    pub(crate) fn sample_quota(&self) -> &str {
        let matrix = self.matrix();
        let daily = matrix.quotas().find(|name| name.ends_with("_per_day"));
        daily.or_else(|| matrix.quotas().next()).unwrap_or("QUOTA")
    }

    fn matrix(&self) -> &FeatureMatrix {
        let embedded = self.product.as_ref().map(|product| &product.matrix);
        embedded.unwrap_or_else(|| FeatureMatrix::built_in())
    }
}

impl EmbeddedProduct {
    fn parse(EmbeddedText { path, text }: EmbeddedText) -> Result<Self, EmbeddingError> {
        match FeatureMatrix::parse(&text) {
            Ok(matrix) => Ok(Self { text, matrix }),
            Err(source) => Err(EmbeddingError::InvalidProduct { path, source }),
        }
    }
}

/// Refuses the earlier name of a variable, so that a program without keys is never built by
/// mistake.
///
/// # Errors
///
/// Returns [`EmbeddingError`] if the variable is set.
pub(crate) fn refuse_retired(is_set: bool) -> Result<(), EmbeddingError> {
    if is_set {
        Err(EmbeddingError::RetiredVariable)
    } else {
        Ok(())
    }
}

fn parse_keys(EmbeddedText { path, text }: EmbeddedText) -> Result<TrustSet, EmbeddingError> {
    TrustSet::parse(&text).map_err(|source| EmbeddingError::InvalidTrustSet { path, source })
}

/// Checks the name of the program, which is the name of a file, of a manual page and of functions
/// in completion scripts.
fn parse_program(name: &str) -> Result<String, EmbeddingError> {
    let is_valid = (1..=MAX_PROGRAM).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !name.to_ascii_lowercase().ends_with(".exe");
    if is_valid {
        Ok(name.to_owned())
    } else {
        Err(EmbeddingError::InvalidProgram)
    }
}
