//! Files that pages refer to.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The content security policy of all pages: styles, scripts, pictures and forms of the same server
/// only, and no frames.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A file that pages refer to. Its path contains a digest, so that browsers can keep it for ever.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The path, such as `/assets/dashboard-0123456789ab.css`.
    pub path: String,
    /// The value of `Content-Type`.
    pub media_type: &'static str,
    /// The content.
    pub content: &'static str,
}

/// The style, the script and the icon.
static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new(
            "css",
            "text/css; charset=utf-8",
            include_str!("../assets/dashboard.css"),
        ),
        Asset::new(
            "js",
            "text/javascript; charset=utf-8",
            include_str!("../assets/dashboard.js"),
        ),
        Asset::new("svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ]
});

impl Asset {
    /// Returns all assets.
    pub fn all() -> &'static [Self] {
        ASSETS.as_slice()
    }

    pub(crate) fn style() -> &'static str {
        let [style, _, _] = &*ASSETS;
        &style.path
    }

    pub(crate) fn script() -> &'static str {
        let [_, script, _] = &*ASSETS;
        &script.path
    }

    pub(crate) fn icon() -> &'static str {
        let [_, _, icon] = &*ASSETS;
        &icon.path
    }

    fn new(extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let digest = Sha256::digest(content);
        let digest: String = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            path: format!("/assets/dashboard-{digest}.{extension}"),
            media_type,
            content,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_asset_refers_to_another_host() {
        for asset in Asset::all() {
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !content.contains("http:") && !content.contains("https:"),
                "{}",
                asset.path
            );
            assert!(!content.contains("//cdn"), "{}", asset.path);
        }
    }
}
