//! Installed license files that are not in effect.

use std::path::PathBuf;

use license_core::{Code, Context, FeatureMatrix, License, Tier};

use super::Installation;
use super::license_files::InstalledFile;

/// An installed license file that is not in effect, because another file allows more.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// # let matrix = &vendor.matrix;
/// use license_client::Context;
///
/// let snapshot = manager.inspect(matrix);
/// let installed = snapshot.installed().ok_or("no license")?;
/// let context = Context::at(license_client::now());
/// for unused in installed.unused_files(matrix, &context) {
///     println!("{}: {} license, {}", unused.path.display(), unused.tier_label, unused.code);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusedFile {
    /// The file.
    pub path: PathBuf,
    /// The tier of its best license.
    pub tier: Tier,
    /// The label of that tier.
    pub tier_label: String,
    /// The reason code of its best license. A valid license can be unused, too.
    pub code: Code,
}

impl Installation {
    /// Returns the license files that are not in effect, because another file allows more.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// use license_client::Context;
    ///
    /// let snapshot = manager.inspect(matrix);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// let context = Context::at(license_client::now());
    /// assert!(installed.unused_files(matrix, &context).is_empty(), "there is only one file");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unused_files(&self, matrix: &FeatureMatrix, context: &Context<'_>) -> Vec<UnusedFile> {
        let decision = self.verified.evaluate(matrix, context);
        let in_effect = decision.license().map(License::id);
        let is_unused = |file: &&InstalledFile| !in_effect.is_some_and(|id| file.contains(id));
        let context = context.clone().installed(self.verified.licenses());
        let unused = |file: &InstalledFile| {
            let only = file.select_from(&self.verified);
            let decision = only.evaluate(matrix, &context);
            let tier = decision.license()?.tier();
            Some(UnusedFile {
                path: file.path.clone(),
                tier,
                tier_label: matrix.tier_label(&tier).to_owned(),
                code: decision.code(),
            })
        };
        let files = self.files.iter().filter(is_unused);
        files.filter_map(unused).collect()
    }
}
