//! Billing: what a payment provider states, and the license that follows from it.
//!
//! A provider such as Stripe owns the subscriptions. The server keeps a row for each subscription
//! and changes its license when the [`Entitlement`] changes. All decisions are functions of values,
//! so they depend neither on the order of events nor on the network.

mod entitlement;
mod event;
mod invoice;
mod plan;
mod step;
mod subscription;

pub use entitlement::{BillingReason, BillingState, Entitlement};
pub use event::{BillingEvent, BillingEventState, EventOutcome, NewBillingEvent};
pub use invoice::{InvoiceStatus, ProviderInvoice};
pub use plan::{BillingPlan, PlannedTerms, UnmappedPrice};
pub use step::{CurrentLicense, LicenseStep, SoldLicense};
pub use subscription::{
    BillingCustomer, BillingSubscription, Pause, ProviderSubscription, SubscriptionFilter,
    SubscriptionItem, SubscriptionStatus,
};

/// The longest id of an object of a provider, in bytes.
const MAX_ID: usize = 255;

/// Returns whether a text can be the id of an object of a provider: 1 to 255 letters, digits, `_`,
/// `-` and `.`. Such a text needs no escapes in the path of a URL.
pub fn is_provider_id(text: &str) -> bool {
    let is_accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(is_accepted)
        && !text.bytes().all(|byte| byte == b'.')
}

/// Reads and writes the names of a list of values without content.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Parses a name.
            pub fn parse(text: &str) -> Option<Self> {
                let mut all = Self::ALL.iter().copied();
                all.find(|value| value.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
use names;

#[cfg(test)]
mod tests;
