//! The values that an application states about itself.

use license_core::chrono::{DateTime, Utc};
use license_core::policy::UsageType;
use license_core::{Context, Version};

/// The values that an application states about itself and its user.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) version: Option<Version>,
    pub(super) build_date: Option<DateTime<Utc>>,
    pub(super) usage_type: UsageType,
    pub(super) user: Option<String>,
}

impl Application {
    /// Returns the context of the application at a time.
    pub(super) fn context(&self, now: DateTime<Utc>) -> Context<'_> {
        let mut context = Context::at(now).usage_type(self.usage_type);
        if let Some(version) = &self.version {
            context = context.app_version(version.clone());
        }
        if let Some(date) = self.build_date {
            context = context.build_date(date);
        }
        match &self.user {
            Some(user) => context.user(user),
            None => context,
        }
    }
}
