//! Events for subscribers of the crate `tracing`.
//!
//! Without the feature `tracing`, the functions of this module do nothing. The documentation of the
//! crate lists the events. They contain no tokens, users or machines, and name a customer only in
//! the id of an enterprise key. They contain only the last component of a path, because the path of
//! a home directory contains the name of its user.

use std::path::Path;

use license_core::policy::Quota;
use license_core::state::QuotaUse;
use license_core::{Code, Decision};

/// Emits an event if the feature is enabled. Each value is a text, a number or a Boolean.
macro_rules! emit {
    ($level:ident, $message:literal, $($name:ident = $value:expr),+ $(,)?) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(target: "license_client", tracing::Level::$level, $($name = $value,)+ $message);
        #[cfg(not(feature = "tracing"))]
        let _ = ($(&$value,)+);
    }};
}

/// Why a client reads the installed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadReason {
    /// The client was built.
    Start,
    /// A file has changed.
    Change,
    /// The last read is ten minutes old, or has failed.
    Interval,
    /// The application has called `reload`.
    Request,
}

impl ReadReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Change => "change",
            Self::Interval => "interval",
            Self::Request => "request",
        }
    }
}

/// Emits an event for each decision that differs from the previous one.
#[derive(Debug, Default)]
pub(crate) struct DecisionEvents {
    /// The hash of the previous decision. Zero at first.
    #[cfg(feature = "tracing")]
    previous: std::sync::atomic::AtomicU64,
}

impl DecisionEvents {
    /// Emits an event if the code, the tier or the license differs from the previous decision.
    #[cfg(feature = "tracing")]
    pub(crate) fn record(&self, decision: &Decision) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        use std::sync::atomic::Ordering;

        let tier = decision.entitlements().tier();
        let license = decision.license().map(|license| license.id().as_str());
        let mut hasher = DefaultHasher::new();
        (decision.code().as_str(), tier.as_str(), license).hash(&mut hasher);
        let hash = hasher.finish();
        if self.previous.swap(hash, Ordering::Relaxed) != hash {
            decided(decision.code(), tier.as_str(), license);
        }
    }

    /// Does nothing.
    #[cfg(not(feature = "tracing"))]
    pub(crate) fn record(&self, _: &Decision) {}
}

#[cfg(feature = "tracing")]
fn decided(code: Code, tier: &str, license: Option<&str>) {
    use license_core::CodeKind;

    let is_usual = code.kind() == CodeKind::Licensed || code == Code::NoLicense;
    let code = code.as_str();
    if is_usual {
        emit!(
            INFO,
            "decision",
            code = code,
            tier = tier,
            license = license
        );
    } else {
        emit!(
            WARN,
            "decision",
            code = code,
            tier = tier,
            license = license
        );
    }
}

/// Emits `read`: a client has read the installed files.
pub(crate) fn read(reason: ReadReason, has_license: bool) {
    let reason = reason.as_str();
    emit!(DEBUG, "read", reason = reason, has_license = has_license);
}

/// Emits `unusable file`: an installed file cannot be used, or cannot be written.
pub(crate) fn unusable(file: Option<&Path>, code: Option<Code>) {
    let file = file.map(last_component);
    let code = code.map(Code::as_str);
    emit!(WARN, "unusable file", file = file.as_deref(), code = code);
}

/// Emits `quarantined`: a damaged file, or the file of another machine, was renamed.
pub(crate) fn quarantined(file: &str, moved: &Path) {
    let renamed_to = last_component(moved);
    let renamed_to = renamed_to.as_str();
    emit!(WARN, "quarantined", file = file, renamed_to = renamed_to);
}

/// Emits `installed`: a token was installed. `id` is the id of the token, or the number of a
/// revocation list.
pub(crate) fn installed(kind: &str, id: &str, is_new: bool) {
    emit!(INFO, "installed", kind = kind, id = id, is_new = is_new);
}

/// Emits `removed`: a file of the installed license was removed.
pub(crate) fn removed(file: &str) {
    emit!(INFO, "removed", file = file);
}

/// Emits `feature refused`.
pub(crate) fn feature_refused(feature: &str, code: Code, decision: &Decision) {
    let tier = decision.entitlements().tier();
    let (code, tier) = (code.as_str(), tier.as_str());
    emit!(
        DEBUG,
        "feature refused",
        feature = feature,
        code = code,
        tier = tier
    );
}

/// Emits `quota refused`.
pub(crate) fn quota_refused(quota: &str, result: &QuotaUse) {
    let (requested, used) = (result.requested, result.used);
    let limit = match result.limit {
        Quota::Limit(limit) => Some(limit),
        Quota::Unlimited => None,
    };
    emit!(
        DEBUG,
        "quota refused",
        quota = quota,
        requested = requested,
        used = used,
        limit = limit
    );
}

fn last_component(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
