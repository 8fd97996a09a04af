//! Reason codes of decisions, errors and warnings.

use std::fmt;

use crate::encoding::value::{named_value, text_value};

macro_rules! codes {
    ($($variant:ident $text:literal $kind:ident $doc:literal),+ $(,)?) => {
        /// A reason code of a decision, an error or a warning.
        ///
        /// The texts are a stable public format, so that scripts can match them.
        ///
        /// ```
        /// use license_core::{Code, CodeKind};
        ///
        /// assert_eq!(Code::GraceRenewal.as_str(), "GRACE_RENEWAL");
        /// assert_eq!(Code::BadSignature.kind(), CodeKind::Indeterminate);
        /// assert_eq!("EXPIRED".parse(), Ok(Code::Expired));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $doc] $variant),+
        }

        impl Code {
            /// All codes, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code as it is printed and written to JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the code with this text, or `None` if there is no such code.
            ///
            /// ```
            /// use license_core::Code;
            ///
            /// assert_eq!(Code::parse("REVOKED"), Some(Code::Revoked));
            /// assert_eq!(Code::parse("revoked"), None);
            /// ```
            pub fn parse(text: &str) -> Option<Self> {
                let mut all = Self::ALL.iter().copied();
                all.find(|code| code.as_str() == text)
            }

            /// Returns the kind of result that the code belongs to.
            pub const fn kind(self) -> CodeKind {
                match self { $(Self::$variant => CodeKind::$kind),+ }
            }
        }
    };
}

codes! {
    Valid "VALID" Licensed "The license is valid.",
    GraceOffline "GRACE_OFFLINE" Grace "A check-in is due. The license stays valid for the rest of the grace period.",
    GraceRenewal "GRACE_RENEWAL" Grace "The license has expired. It stays valid for the rest of the renewal grace period.",
    NoLicense "NO_LICENSE" Denied "No license is given or installed.",
    NotYetValid "NOT_YET_VALID" Denied "The license starts later.",
    Expired "EXPIRED" Denied "The license and its grace period have expired.",
    CheckInOverdue "CHECK_IN_OVERDUE" Denied "The last check-in is too old, and the grace period has ended.",
    Revoked "REVOKED" Denied "The vendor has revoked the license.",
    Superseded "SUPERSEDED" Denied "A newer license replaces this one.",
    Suspended "SUSPENDED" Denied "The vendor has suspended the license.",
    Canceled "CANCELED" Denied "The license was canceled.",
    MachineMismatch "MACHINE_MISMATCH" Denied "The license is locked to other machines.",
    NotActivated "NOT_ACTIVATED" Denied "The license must be activated on this machine, but is not.",
    Deactivated "DEACTIVATED" Denied "The license is deactivated on this machine.",
    UserMismatch "USER_MISMATCH" Denied "The license is for other named users.",
    ProductMismatch "PRODUCT_MISMATCH" Denied "The license is for another product.",
    UsageMismatch "USAGE_MISMATCH" Denied "The license is for another kind of use.",
    VersionNotCovered "VERSION_NOT_COVERED" Denied "The license does not cover this version of the application.",
    FeatureNotIncluded "FEATURE_NOT_INCLUDED" Denied "The license does not include the feature.",
    UnknownFeature "UNKNOWN_FEATURE" Denied "Neither the product nor the license has a feature with this name.",
    QuotaExhausted "QUOTA_EXHAUSTED" Denied "The quota is used up.",
    QuotaNotCounted "QUOTA_NOT_COUNTED" Denied "The use of a quota cannot be counted.",
    NeedsLicenseFile "NEEDS_LICENSE_FILE" Indeterminate "A key without a signature proves nothing. Its license file is required.",
    Malformed "MALFORMED" Indeterminate "The input is malformed.",
    ChecksumMismatch "CHECKSUM_MISMATCH" Indeterminate "A license key or a readback line has a wrong character.",
    UntrustedKey "UNTRUSTED_KEY" Indeterminate "The signing key is not in the trust set.",
    RetiredKey "RETIRED_KEY" Indeterminate "The vendor has retired the signing key.",
    ServerKeyTrusted "SERVER_KEY_TRUSTED" Indeterminate "The key of a license server can also sign licenses.",
    BadSignature "BAD_SIGNATURE" Indeterminate "The signature does not verify.",
    UnsupportedVersion "UNSUPPORTED_VERSION" Indeterminate "The format is newer than this verifier.",
    UnsupportedClaim "UNSUPPORTED_CLAIM" Indeterminate "A critical claim is unknown to this verifier.",
    StaleList "STALE_LIST" Indeterminate "The revocation list is older than a known list.",
    Replayed "REPLAYED" Indeterminate "The answer has been used before.",
    RequestMismatch "REQUEST_MISMATCH" Indeterminate "The answer does not belong to a request of this user and machine.",
    StaleAnswer "STALE_ANSWER" Indeterminate "The answer belongs to a superseded request.",
    ExpiresSoon "EXPIRES_SOON" Warning "The license expires within its notice period.",
    ClockBehind "CLOCK_BEHIND" Warning "The clock is behind the clock high-water mark.",
    ListOutdated "LIST_OUTDATED" Warning "The revocation list is past its next update.",
    QuotaLow "QUOTA_LOW" Warning "At least four fifths of a quota are used.",
    Trial "TRIAL" Warning "The license is a trial.",
    Loss "LOSS" Warning "A new license allows less than the license that it replaces.",
}

/// The kind of result that a [`Code`] belongs to.
///
/// ```
/// use license_core::{Code, CodeKind};
///
/// assert_eq!(Code::Expired.kind(), CodeKind::Denied);
/// assert_eq!(CodeKind::Denied.to_string(), "denied");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeKind {
    /// The license is valid.
    Licensed,
    /// The license is valid for the rest of a grace period.
    Grace,
    /// The license is not valid. Only the entitlements of the base tier are available.
    Denied,
    /// The input could not be evaluated.
    Indeterminate,
    /// A remark that does not change the result.
    Warning,
}

impl CodeKind {
    /// Returns the name of the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Licensed => "licensed",
            Self::Grace => "grace",
            Self::Denied => "denied",
            Self::Indeterminate => "indeterminate",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

text_value!(Code, "a reason code such as `EXPIRED`");
named_value!(
    CodeKind,
    "kind",
    "`licensed`, `grace`, `denied`, `indeterminate` or `warning`",
    [Licensed, Grace, Denied, Indeterminate, Warning]
);
