//! The files in the state directory.

use crate::value::named_value;

/// A file in the state directory. The text form is the name of the file.
///
/// ```
/// use license_client::StateFile;
///
/// let file: StateFile = "license.lic".parse()?;
/// assert_eq!(file, StateFile::License);
/// assert_eq!(StateFile::Quota.to_string(), "quota");
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateFile {
    /// `license.key`: the enterprise key in canonical form.
    Key,
    /// `license.lic`: the installed license file.
    License,
    /// `license.cache`: the latest validation tokens and the clock's high-water mark, sealed.
    Cache,
    /// `quota`: the quota counters of today, sealed.
    Quota,
    /// `trust.jwks`: the vendor's public keys, for programs without embedded keys.
    Trust,
    /// `usage`: the closed entries of usage reports, sealed.
    Usage,
    /// `revocations.lic`: the newest revocation list of each signing key.
    Revocations,
    /// `activation`: requests, activations and deactivation receipts, sealed.
    Activation,
    /// `trust.lic`: trust statements about keys, in the order of their installation.
    TrustStatements,
    /// `license.replaced`: the license that the last installation replaced.
    ReplacedLicense,
    /// `trust.replaced`: the keys that were installed with the replaced license.
    ReplacedTrust,
    /// `online.toml`: the settings of the license server.
    Online,
    /// `seats.json`: the leases of seats for other processes, with the secrets of those that no
    /// process renews.
    Seats,
    /// `telemetry.json`: the telemetry that waits to be sent, and the secret that deletes it.
    Telemetry,
    /// `login.json`: the login of the user, with its tokens.
    Login,
}

impl StateFile {
    /// All files.
    pub const ALL: &'static [Self] = &[
        Self::Key,
        Self::License,
        Self::Cache,
        Self::Quota,
        Self::Trust,
        Self::Usage,
        Self::Revocations,
        Self::Activation,
        Self::TrustStatements,
        Self::ReplacedLicense,
        Self::ReplacedTrust,
        Self::Online,
        Self::Seats,
        Self::Telemetry,
        Self::Login,
    ];

    /// Returns the file with this name.
    ///
    /// ```
    /// use license_client::StateFile;
    ///
    /// assert_eq!(StateFile::parse("quota"), Some(StateFile::Quota));
    /// assert_eq!(StateFile::parse("notes.txt"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|file| file.as_str() == name)
    }

    /// Returns the name of the file in the directory.
    ///
    /// ```
    /// use license_client::StateFile;
    ///
    /// assert_eq!(StateFile::Quota.as_str(), "quota");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "license.key",
            Self::License => "license.lic",
            Self::Cache => "license.cache",
            Self::Quota => "quota",
            Self::Trust => "trust.jwks",
            Self::Usage => "usage",
            Self::Revocations => "revocations.lic",
            Self::Activation => "activation",
            Self::TrustStatements => "trust.lic",
            Self::ReplacedLicense => "license.replaced",
            Self::ReplacedTrust => "trust.replaced",
            Self::Online => "online.toml",
            Self::Seats => "seats.json",
            Self::Telemetry => "telemetry.json",
            Self::Login => "login.json",
        }
    }
}

named_value!(StateFile, "the name of a state file, such as `license.lic`");
