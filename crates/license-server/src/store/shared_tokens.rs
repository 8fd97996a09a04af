//! Validation tokens that several servers share.

use async_trait::async_trait;

/// A cache of validation tokens that the servers of a database share.
///
/// The cache can forget a token at any time, and its content is not protected against changes. The
/// caller verifies a token before it uses it.
#[async_trait]
pub trait SharedTokens: Send + Sync {
    /// Returns the token with a name, if it is stored.
    async fn token(&self, name: &str) -> Option<String>;

    /// Stores a token. A failure is only logged.
    async fn put_token(&self, name: &str, token: &str);
}
