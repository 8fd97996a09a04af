//! Guides through whole tasks. Their examples are tested.
//!
//! | guide | task |
//! |---|---|
//! | [`own_product`] | sell your own program: product file, keys, gate, test, release |
//! | [`license_dialog`] | show, install, activate and deactivate a license in a dialog |
//! | [`warnings`] | show warnings in a window: which, when, how often, and in which words |
//! | `floating_seat` | hold a floating seat of a license server; feature `online` |

#[doc = include_str!("guide/own_product.md")]
pub mod own_product {}

#[doc = include_str!("guide/license_dialog.md")]
pub mod license_dialog {}

#[doc = include_str!("guide/warnings.md")]
pub mod warnings {}

#[cfg(feature = "online")]
#[doc = include_str!("guide/floating_seat.md")]
pub mod floating_seat {}
