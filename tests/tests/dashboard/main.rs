//! Tests of the pages of `license-server` in Chromium: what administrators and vendors do in a day,
//! with and without scripts and with the keyboard only, and what every page must have.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod days;
mod live;
mod names;
mod people;
mod sign_in;
mod site;
mod vendor;
mod walk;
