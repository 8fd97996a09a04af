//! Inputs of the commands: product files, public keys, the clock and new ids.

use license_cli_support::{Failure, Source};
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::{FeatureMatrix, LicenseId, TrustSet};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::random;

use crate::failures;
use crate::settings::{Setting, Settings};

/// Returns the current time.
pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// Returns a new license id.
pub(crate) fn fresh_id() -> Result<LicenseId, Failure> {
    let id = random::license_id(&SystemClock);
    id.map_err(|error| failures::no_random(&error))
}

/// Returns the product of the option, the settings or the program, with the issuer of the settings.
pub(crate) fn matrix(
    settings: &Settings,
    option: Option<&Source>,
) -> Result<FeatureMatrix, Failure> {
    let matrix = match settings.product_file(option) {
        Some(file) => read_matrix(&file.value)
            .map_err(|failure| file.origin.explain(Setting::ProductFile.member(), failure))?,
        None => FeatureMatrix::built_in().clone(),
    };
    Ok(match settings.issuer()? {
        Some(issuer) => matrix.with_issuer(&issuer.value),
        None => matrix,
    })
}

/// Reads a product file.
pub(crate) fn read_matrix(file: &Source) -> Result<FeatureMatrix, Failure> {
    let matrix = FeatureMatrix::parse(&file.read_text(MAX_FILE_BYTES, decode_text)?);
    matrix.map_err(|error| failures::wrong_product(file, &error))
}

/// Adds the public keys in these files to a trust set.
pub(crate) fn add_keys(trust: &mut TrustSet, files: &[Source]) -> Result<(), Failure> {
    files.iter().try_for_each(|file| {
        let text = file.read_text(MAX_FILE_BYTES, decode_text);
        let keys = TrustSet::parse(&text.map_err(failures::keys_not_read)?);
        keys.and_then(|keys| trust.extend(&keys))
            .map_err(|error| failures::not_trusted(file, &error))
    })
}

/// Refuses more than one argument that reads standard input.
///
/// `others` is the number of arguments that read standard input and are not among the sources.
pub(crate) fn one_stdin<'s>(
    others: usize,
    sources: impl IntoIterator<Item = &'s Source>,
) -> Result<(), Failure> {
    let sources = sources.into_iter();
    let stdin = sources.filter(|source| matches!(source, Source::Stdin));
    match others + stdin.count() {
        0 | 1 => Ok(()),
        found => Err(Failure::usage(format!(
            "expected at most one input from standard input, found {found}"
        ))
        .hint("name files instead of -; /dev/fd/N reads from a file descriptor")),
    }
}
