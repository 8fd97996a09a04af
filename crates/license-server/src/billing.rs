//! Payment providers behind one trait, and Stripe.
//!
//! A provider answers questions about subscriptions. It decides nothing: the module
//! [`domain`](crate::domain) does.

pub(crate) mod provider;
pub(crate) mod stripe;

pub use provider::{
    BillingProvider, CheckoutOrder, ConvertedTrial, EventFault, EventSubject, MeteredUsage,
    PaymentLink, PortalOrder, ProviderError, ProviderPage,
};
pub use stripe::{Stripe, StripeSettings, WebhookKey};
