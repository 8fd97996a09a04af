//! Checks whether a feature may be used.

use license_core::usage::UsageCounts;
use license_core::{Code, Context};

use super::{Client, ClientError};
use crate::events;

impl Client {
    /// Returns whether a feature may be used now. A refusal is counted for usage reports.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// use license_client::ClientError;
    ///
    /// assert!(client.allows("local_execution")?);
    /// // The product has this feature, but the base tier does not.
    /// assert!(!client.allows("sso")?);
    /// // A typing error is an error, and not a refusal.
    /// assert!(matches!(client.allows("ssso"), Err(ClientError::UnknownFeature { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::decide`].
    ///
    /// # Errors
    ///
    /// Returns [`ClientError::UnknownFeature`] if neither a tier of the product nor an installed
    /// license has the feature, for example because of a typing error. Returns
    /// [`ClientError::MissingContext`] as [`Client::decide`] does.
    ///
    /// A feature that only some licenses add (`keygen issue --add-feature`) is known while a
    /// license with the feature is installed, even if this license is denied. On other machines,
    /// such a feature is unknown if no tier has it. [`Decision::allows`] is then false, without an
    /// error:
    ///
    /// ```
    /// # use license_client::{FeatureMatrix, testing};
    /// # let machine = testing::TestMachine::new(FeatureMatrix::built_in());
    /// # let client = machine.client();
    /// assert!(!client.decide()?.allows("early_access"));
    /// assert!(client.allows("early_access").is_err());
    /// machine.install(testing::license("PRO").add_feature("early_access"));
    /// assert!(client.allows("early_access")?);
    /// # Ok::<(), license_client::ClientError>(())
    /// ```
    ///
    /// [`Decision::allows`]: license_core::Decision::allows
    pub fn allows(&self, feature: &str) -> Result<bool, ClientError> {
        self.allows_in(&self.context(), feature)
    }

    /// Returns whether a feature may be used in the context that the caller provides, see
    /// [`Client::decide_in`].
    ///
    /// A refusal is counted for usage reports. To learn the reason without a second count, call
    /// [`Client::decide_in`] and then [`Decision::feature`](license_core::Decision::feature)
    /// instead.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// let context = client.context().user("ann");
    /// assert!(!client.allows_in(&context, "sso")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::decide`].
    ///
    /// # Errors
    ///
    /// Same as [`Client::allows`].
    pub fn allows_in(&self, context: &Context<'_>, feature: &str) -> Result<bool, ClientError> {
        let decision = self.evaluate(context)?;
        if decision.allows(feature) {
            return Ok(true);
        }
        let code = decision.feature(feature, &self.matrix).code;
        events::feature_refused(feature, code, &decision);
        let refused = UsageCounts::feature_refused_by(&decision, &self.matrix, feature, code);
        self.count(&decision, context, refused);
        if code != Code::UnknownFeature {
            return Ok(false);
        }
        Err(ClientError::UnknownFeature {
            feature: feature.to_owned(),
            product: self.matrix.product(),
        })
    }
}
