//! Secrets of endpoints, which the database has in a sealed form only.

use super::WebhookService;
use crate::domain::{Refusal, SealedSecret, WebhookSecret};
use crate::log_limit;

impl WebhookService {
    /// Seals the secret of an endpoint for the database.
    pub(super) fn sealed(
        &self,
        webhook: &str,
        secret: &WebhookSecret,
    ) -> Result<SealedSecret, Refusal> {
        let sealer = self.site.people.sealer();
        let sealed = sealer.seal(&purpose(webhook), secret.expose())?;
        Ok(SealedSecret(sealed))
    }

    /// Opens a secret. `None`: the server does not have the key that sealed it.
    pub(super) fn opened(&self, webhook: &str, sealed: &SealedSecret) -> Option<WebhookSecret> {
        let opened = self.site.people.sealer().open(&purpose(webhook), &sealed.0);
        match opened {
            Ok(bytes) => Some(WebhookSecret::from_opened(bytes)),
            Err(refusal) => {
                if let Some(repeated) = log_limit::pass("webhook secret") {
                    let code = refusal.code;
                    tracing::warn!(code, webhook, repeated, "a secret cannot be opened");
                }
                None
            }
        }
    }
}

/// Returns the purpose of the encryption of a secret. A secret that was moved to another webhook
/// cannot be opened.
fn purpose(webhook: &str) -> String {
    format!("secret of {webhook}")
}
