//! Reason codes: one vocabulary for decisions, errors and warnings.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $text:literal $kind:ident $doc:literal),+ $(,)?) => {
        /// Why an answer is what it is. The texts are stable for ever; scripts may match on them.
        ///
        /// ```
        /// use license_core::{Code, CodeKind};
        ///
        /// assert_eq!(Code::GraceRenewal.as_str(), "GRACE_RENEWAL");
        /// assert_eq!(Code::BadSignature.kind(), CodeKind::Unjudged);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $doc] $variant),+
        }

        impl Code {
            /// Every code, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it is printed and put into JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What kind of answer the code belongs to.
            pub const fn kind(self) -> CodeKind {
                match self { $(Self::$variant => CodeKind::$kind),+ }
            }
        }
    };
}

codes! {
    Valid "VALID" Licensed "The license holds.",
    GraceOffline "GRACE_OFFLINE" Grace "A check-in is due; the license holds for the rest of the grace period.",
    GraceRenewal "GRACE_RENEWAL" Grace "The license has expired; it holds for the rest of the renewal grace period.",
    NoLicense "NO_LICENSE" Denied "No license was given or installed.",
    NotYetValid "NOT_YET_VALID" Denied "The license starts later.",
    Expired "EXPIRED" Denied "The license has expired, and its grace period too.",
    CheckInOverdue "CHECK_IN_OVERDUE" Denied "The license has not been validated for longer than it allows.",
    Revoked "REVOKED" Denied "The vendor has revoked the license.",
    Superseded "SUPERSEDED" Denied "A newer license replaces this one.",
    Suspended "SUSPENDED" Denied "The vendor has suspended the license.",
    Canceled "CANCELED" Denied "The license was canceled.",
    MachineMismatch "MACHINE_MISMATCH" Denied "The license is locked to other machines.",
    NotActivated "NOT_ACTIVATED" Denied "The license must be activated for this machine, and is not.",
    Deactivated "DEACTIVATED" Denied "This machine has given up its activation.",
    UserMismatch "USER_MISMATCH" Denied "The license names other users.",
    ProductMismatch "PRODUCT_MISMATCH" Denied "The license is for another product.",
    UsageMismatch "USAGE_MISMATCH" Denied "The license is for another kind of use.",
    VersionNotCovered "VERSION_NOT_COVERED" Denied "The license does not cover this version of the application.",
    FeatureNotIncluded "FEATURE_NOT_INCLUDED" Denied "The license does not include the feature.",
    QuotaExhausted "QUOTA_EXHAUSTED" Denied "The quota is used up.",
    NeedsLicenseFile "NEEDS_LICENSE_FILE" Unjudged "A short key proves nothing alone; its license file is needed.",
    Malformed "MALFORMED" Unjudged "The input is not spelled as it must be.",
    ChecksumMismatch "CHECKSUM_MISMATCH" Unjudged "A character of the license key, or of a line that was read out, is wrong.",
    UntrustedKey "UNTRUSTED_KEY" Unjudged "The signing key is not in the trust set.",
    RetiredKey "RETIRED_KEY" Unjudged "The vendor has retired the signing key.",
    BadSignature "BAD_SIGNATURE" Unjudged "The signature does not verify.",
    UnsupportedVersion "UNSUPPORTED_VERSION" Unjudged "The format is newer than this verifier.",
    UnsupportedClaim "UNSUPPORTED_CLAIM" Unjudged "A critical claim is unknown to this verifier.",
    StaleList "STALE_LIST" Unjudged "The revocation list is older than one already seen.",
    Replayed "REPLAYED" Unjudged "The answer was used before.",
    RequestMismatch "REQUEST_MISMATCH" Unjudged "The answer is to no request of this machine.",
    StaleAnswer "STALE_ANSWER" Unjudged "The answer is to a request that a newer one took the place of.",
    ExpiresSoon "EXPIRES_SOON" Warning "The license expires within its notice period.",
    ClockBehind "CLOCK_BEHIND" Warning "The clock is behind a time that this machine has already seen.",
    ListOutdated "LIST_OUTDATED" Warning "The revocation list is past its next update.",
    QuotaLow "QUOTA_LOW" Warning "Most of a quota is used.",
    Trial "TRIAL" Warning "The license is a trial.",
}

/// The kind of answer that a [`Code`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeKind {
    /// The license holds.
    Licensed,
    /// The license holds for the rest of a grace period.
    Grace,
    /// The license does not hold: what is allowed is what the base tier allows.
    Denied,
    /// The input could not be judged.
    Unjudged,
    /// Something worth knowing beside the answer.
    Warning,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
