//! The license that the last installation replaced. It can be restored.

use license_core::license::Activation;
use license_core::{FeatureMatrix, TrustSet, VerifiedLicenses};

use super::keys::{Keys, installed_roots};
use super::license_files::InstalledFile;
use super::{InstallationError, jwks, read_text};
use crate::paths::Paths;
use crate::state_dir::StateFile;
use crate::store::StoreLock;

/// The license that the last installation replaced.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// # let matrix = &vendor.matrix;
/// use license_client::{Candidate, Context, Moment, Replace};
///
/// // To restore the license, install it.
/// if let Some(replaced) = manager.replaced_license(matrix)? {
///     let candidate = Candidate {
///         verified: &replaced.verified,
///         trust: &replaced.trust,
///         matrix,
///     };
///     let context = Context::at(license_client::now());
///     let _ = manager.install(&candidate, &context, Replace::Always, Moment::Now)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ReplacedLicense {
    /// The license.
    pub verified: VerifiedLicenses,
    /// The keys that were installed with the license, and those that are installed now. Trust
    /// statements are not applied.
    pub trust: TrustSet,
    /// The activations for all users that were installed with the license.
    pub(crate) activations: Vec<Activation>,
}

impl ReplacedLicense {
    /// Reads the license and verifies it. Returns `None` if there is none.
    pub(crate) fn read(
        paths: &Paths,
        keys: Keys<'_>,
        matrix: &FeatureMatrix,
    ) -> Result<Option<Self>, InstallationError> {
        let user = paths.user();
        let Some(text) = read_text(user, StateFile::ReplacedLicense)? else {
            return Ok(None);
        };
        let trust = match keys {
            Keys::Given(keys) => keys.clone(),
            Keys::Installed => {
                let stored = read_text(user, StateFile::ReplacedTrust)?;
                let stored = stored.and_then(|text| TrustSet::parse(&text).ok());
                let installed = installed_roots(paths).ok().flatten();
                stored
                    .unwrap_or_default()
                    .joined(&installed.unwrap_or_default())
            }
        };
        let rotation = keys.rotated(paths, trust.clone());
        match VerifiedLicenses::verify(&text, rotation.keys(), matrix) {
            Ok(mut verified) => {
                // They are not the answers to requests, and need no check when they are restored.
                let activations = if user.dir().is_shared() {
                    verified.take_activations()
                } else {
                    Vec::new()
                };
                Ok(Some(Self {
                    verified,
                    trust,
                    activations,
                }))
            }
            Err(source) => Err(InstallationError::License {
                path: user.dir().file(StateFile::ReplacedLicense),
                source: Box::new(source),
                quarantined: None,
            }),
        }
    }
}

/// Stores a license that is about to be replaced, with the keys that are installed with it. A
/// license for all users is stored with its activations.
pub(super) fn store(
    lock: &StoreLock,
    file: &InstalledFile,
    roots: Option<&TrustSet>,
) -> Result<(), InstallationError> {
    let activations = file.verified.activations().iter();
    let text = std::iter::once(file.text()).chain(activations.map(Activation::to_armor));
    let text: String = text.collect();
    lock.write(StateFile::ReplacedLicense, text.as_bytes())?;
    match roots {
        Some(roots) => lock.write(StateFile::ReplacedTrust, jwks(roots).as_bytes())?,
        // Embedded keys verify the license.
        None => drop(lock.remove(StateFile::ReplacedTrust)?),
    }
    Ok(())
}
