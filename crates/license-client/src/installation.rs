//! The installed licenses, and the keys that verify them.

mod candidate;
mod combined_file;
mod comparison;
mod error;
mod keys;
mod license_files;
mod loss;
mod replaced;
pub(crate) mod shared;
mod statements;
mod unused;

use std::path::{Path, PathBuf};

use license_core::encoding::decode_text;
use license_core::ids::Nonce;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::{Activation, RecordedRevocation, RevocationList, Rotation};
use license_core::{FeatureMatrix, License, LicenseId, TrustSet, VerifiedLicenses};

pub(crate) use candidate::Plan;
pub use candidate::{Candidate, Replace};
pub use error::InstallationError;
pub(crate) use keys::{Keys, installed_roots};
pub use loss::{DroppedLicense, LicenseLoss};
pub use replaced::ReplacedLicense;
pub(crate) use statements::{problems as statement_problems, stored_text};
pub use unused::UnusedFile;

use self::license_files::{DirectoryFiles, InstalledFile};
use crate::paths::Paths;
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store};

/// The installed licenses, as the last read verified them.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let (paths, trust, matrix) = (machine.paths()?, &vendor.trust, &vendor.matrix);
/// use license_client::Installation;
///
/// // `trust` contains the public keys of the vendor, and `matrix` is the product.
/// let installed = Installation::load(paths, trust, matrix)?.ok_or("no license")?;
/// let license = installed.verified().licenses().first().ok_or("no license")?;
/// assert_eq!(license.customer(), "ACME Ltd");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Installation {
    verified: VerifiedLicenses,
    /// The files with the licenses. The files of the user come first.
    files: Vec<InstalledFile>,
    paths: Vec<PathBuf>,
    problems: Vec<InstallationError>,
    /// The keys that verified the user's license, if there is one.
    keys: Option<TrustSet>,
    /// The activations in the user's license file, which do not count by themselves.
    unproven: Vec<Activation>,
}

impl Installation {
    /// Reads the installed licenses and verifies them with the installed keys. Returns `None` if no
    /// license is installed.
    ///
    /// The license files and enterprise keys of the user and of the administrator apply together.
    /// Files that do not verify are [problems](Self::problems), and do not hide the others. A
    /// damaged file of the user is quarantined. Activations in the license file of the user are
    /// ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let (paths, matrix) = (machine.paths()?, &vendor.matrix);
    /// use license_client::Installation;
    ///
    /// // For programs without embedded keys: the keys were installed with the license.
    /// match Installation::open(paths, matrix)? {
    ///     Some(installed) => println!("{} licenses", installed.verified().licenses().len()),
    ///     None => println!("no license is installed"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if a license is installed, but no installed license can be
    /// read and verified.
    pub fn open(paths: &Paths, matrix: &FeatureMatrix) -> Result<Option<Self>, InstallationError> {
        Self::read(paths, Keys::Installed, matrix, Damaged::Quarantine)
    }

    /// Reads the installed licenses and verifies them with these keys. Installed keys are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let (paths, trust, matrix) = (machine.paths()?, &vendor.trust, &vendor.matrix);
    /// use license_client::Installation;
    ///
    /// let installed = Installation::load(paths, trust, matrix)?;
    /// assert!(installed.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Installation::open`].
    pub fn load(
        paths: &Paths,
        trust: &TrustSet,
        matrix: &FeatureMatrix,
    ) -> Result<Option<Self>, InstallationError> {
        Self::read(paths, Keys::Given(trust), matrix, Damaged::Quarantine)
    }

    /// Returns the trusted keys: the installed keys of the user and the administrator, as changed
    /// by trust statements. Returns `None` if no keys are installed.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let paths = machine.paths()?;
    /// use license_client::Installation;
    ///
    /// let trust = Installation::trust(paths)?.ok_or("no keys are installed")?;
    /// for key in trust.iter() {
    ///     println!("{}", key.id());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if a file with keys cannot be read or is not a trust set.
    pub fn trust(paths: &Paths) -> Result<Option<TrustSet>, InstallationError> {
        let rotation = Self::rotation(paths)?;
        Ok(rotation.map(|rotation| rotation.keys().clone()))
    }

    /// Returns the trusted keys with their origins, and the retired keys.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let paths = machine.paths()?;
    /// use license_client::Installation;
    ///
    /// let rotation = Installation::rotation(paths)?.ok_or("no keys are installed")?;
    /// println!("{} keys, {} retired", rotation.keys().len(), rotation.retirements().count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Installation::trust`].
    pub fn rotation(paths: &Paths) -> Result<Option<Rotation>, InstallationError> {
        let roots = installed_roots(paths)?;
        Ok(roots.map(|roots| Self::rotate(paths, roots)))
    }

    /// Applies the installed trust statements to these keys.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let (paths, trust) = (machine.paths()?, vendor.trust.clone());
    /// use license_client::Installation;
    ///
    /// let rotation = Installation::rotate(paths, trust);
    /// assert_eq!(rotation.keys().len(), 1, "no trust statement is installed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rotate(paths: &Paths, roots: TrustSet) -> Rotation {
        let mut rotation = Rotation::new(roots);
        statements::apply_stored(&mut rotation, paths);
        rotation
    }

    /// Returns the verified licenses in the administrator's directory, and the path of their file.
    pub(crate) fn system_licenses(
        paths: &Paths,
        keys: Keys<'_>,
        matrix: &FeatureMatrix,
    ) -> Option<(VerifiedLicenses, PathBuf)> {
        let system = paths.system()?;
        let trust = || keys.for_system(paths, system);
        let all = DirectoryFiles::read(system, trust, matrix, Damaged::Leave);
        let mut files = all.files.into_iter();
        let first = files.next()?;
        let verified = files.fold(first.verified, |mut verified, file| {
            verified.extend(&file.verified);
            verified
        });
        Some((verified, first.path))
    }

    /// Reads the installed licenses and verifies them with these keys.
    pub(crate) fn read(
        paths: &Paths,
        keys: Keys<'_>,
        matrix: &FeatureMatrix,
        damaged: Damaged,
    ) -> Result<Option<Self>, InstallationError> {
        let user = paths.user();
        let mut own = DirectoryFiles::read(user, || keys.for_user(paths), matrix, damaged);
        // A user can write any activation into this file, for example one that was deactivated.
        // Only the sealed state proves that this machine requested an activation.
        let take = |file: &mut InstalledFile| file.verified.take_activations();
        let unproven = if user.dir().is_shared() {
            Vec::new()
        } else {
            own.files.iter_mut().flat_map(take).collect()
        };
        let own_keys = own.files.first().map(|file| file.keys.clone());
        let mut problems = own.problems;
        let mut files = own.files;
        if let Some(system) = paths.system() {
            let trust = || keys.for_system(paths, system);
            let shared = DirectoryFiles::read(system, trust, matrix, Damaged::Leave);
            files.extend(shared.files);
            let of_system = |source| InstallationError::shared(system, source);
            problems.extend(shared.problems.into_iter().map(of_system));
        }
        let unknown = paths.unknown_user().cloned();
        problems.extend(unknown.map(InstallationError::StateDir));
        let parts = files.iter().map(|file| file.verified.clone());
        let verified = parts.reduce(|mut all, more| {
            all.extend(&more);
            all
        });
        let Some(verified) = verified else {
            return problems.into_iter().next().map_or(Ok(None), Err);
        };
        // The licenses of both directories may need the same keys.
        let mut known: Vec<PathBuf> = Vec::new();
        problems.retain(|problem| {
            let file = problem.file().map(Path::to_owned);
            let is_new = file.as_ref().is_none_or(|file| !known.contains(file));
            known.extend(file);
            is_new
        });
        Ok(Some(Self {
            paths: files.iter().map(|file| file.path.clone()).collect(),
            verified,
            files,
            problems,
            keys: own_keys,
            unproven,
        }))
    }

    /// Returns the file that contains the license.
    fn into_file_with(self, id: &LicenseId) -> Option<InstalledFile> {
        self.files.into_iter().find(|file| file.contains(id))
    }

    /// Returns the keys for tokens that are stored separately from the license. These are the keys
    /// that verified the user's license, or else the installed keys.
    pub(crate) fn keys(&self, paths: &Paths) -> TrustSet {
        let installed = || Self::trust(paths).ok().flatten().unwrap_or_default();
        self.keys.clone().unwrap_or_else(installed)
    }

    /// Adds validation tokens that are stored separately from the license. Returns the tokens that
    /// are for other licenses or no longer verify.
    pub(crate) fn add_validations(
        &mut self,
        armored: &[String],
        trust: &TrustSet,
        matrix: &FeatureMatrix,
    ) -> Vec<String> {
        add_validations(&mut self.verified, armored, trust, matrix)
    }

    /// Returns the activations in the user's license file, which do not count by themselves.
    pub(crate) fn unproven_activations(&self) -> &[Activation] {
        &self.unproven
    }

    /// Adds revocations that this machine has recorded.
    pub(crate) fn add_recorded_revocations(&mut self, recorded: Vec<RecordedRevocation>) {
        self.verified.add_recorded_revocations(recorded);
    }

    /// Returns the ids of the licenses and activations.
    pub(crate) fn ids(&self) -> Vec<LicenseId> {
        ids(&self.verified).cloned().collect()
    }

    /// Adds revocation lists that are stored separately from the license.
    pub(crate) fn add_revocations(&mut self, lists: Vec<RevocationList>) {
        self.verified.add_revocations(lists);
    }

    /// Adds activations that are stored separately from the license, and the deactivations of this
    /// machine.
    pub(crate) fn add_activations(
        &mut self,
        activations: Vec<Activation>,
        deactivated: &[(LicenseId, Nonce)],
    ) {
        self.verified.add_activations(activations);
        self.verified.add_deactivated(deactivated.iter().cloned());
    }

    /// Returns the verified licenses with their validation tokens and the revocation lists.
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
    /// let decision = installed.verified().evaluate(matrix, &context);
    /// assert!(decision.allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verified(&self) -> &VerifiedLicenses {
        &self.verified
    }

    /// Returns the paths of the license files. The files of the user come first.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// let snapshot = manager.inspect(matrix);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// assert!(installed.paths()[0].ends_with("license.lic"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Returns the path of the file that contains a license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// let snapshot = manager.inspect(matrix);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// for license in installed.verified() {
    ///     let path = installed.path_of(license.id()).ok_or("no file")?;
    ///     println!("{} is in {}", license.id(), path.display());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path_of(&self, license: &LicenseId) -> Option<&Path> {
        let mut files = self.files.iter();
        let file = files.find(|file| file.contains(license));
        file.map(|file| file.path.as_path())
    }

    /// Returns the problems with other license files and keys, which are not used.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// let snapshot = manager.inspect(matrix);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// for problem in installed.problems() {
    ///     eprintln!("{problem}");
    /// }
    /// # assert!(installed.problems().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn problems(&self) -> &[InstallationError] {
        &self.problems
    }
}

/// Returns the ids of the licenses and activations, which revocation lists can contain.
pub(crate) fn ids(verified: &VerifiedLicenses) -> impl Iterator<Item = &LicenseId> {
    let licenses = verified.licenses().iter().map(License::id);
    licenses.chain(verified.activations().iter().map(Activation::id))
}

/// Adds validation tokens that are stored separately from the licenses. Returns the tokens that are
/// for other licenses or no longer verify.
pub(crate) fn add_validations(
    verified: &mut VerifiedLicenses,
    armored: &[String],
    trust: &TrustSet,
    matrix: &FeatureMatrix,
) -> Vec<String> {
    let mut rejected = Vec::new();
    for armor in armored {
        // The license file may contain the same token.
        let mut present = verified.validations().iter();
        if present.any(|token| token.to_armor() == *armor) {
            continue;
        }
        match VerifiedLicenses::verify_with_licenses(armor, trust, matrix, verified.licenses()) {
            Ok(added) => verified.extend(&added),
            Err(_) => rejected.push(armor.clone()),
        }
    }
    rejected
}

/// Reads a text file. Returns `None` if the file does not exist.
pub(crate) fn read_text(
    store: &Store,
    file: StateFile,
) -> Result<Option<String>, InstallationError> {
    let Some(bytes) = store.read(file, MAX_FILE_BYTES)? else {
        return Ok(None);
    };
    let text = decode_text(bytes).map_err(|source| InstallationError::NotText {
        path: store.dir().file(file),
        source,
        quarantined: None,
    })?;
    Ok(Some(text))
}

/// Returns the text of a file with these keys.
fn jwks(trust: &TrustSet) -> String {
    format!("{:#}\n", trust.to_jwks())
}
