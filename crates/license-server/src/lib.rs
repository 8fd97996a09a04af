//! The license server: validates licenses and lends floating seats.
//!
//! | layer | modules |
//! |---|---|
//! | foundation | [`clock`], [`domain`] |
//! | storage | [`store`] |
//! | services | [`services`] |

pub mod clock;
pub mod domain;
pub mod services;
pub mod store;
