//! Pages of a license server: components, templates, styles and a small script.
//!
//! A [`Page`] has a [`Frame`], with the navigation and the person, and a list of [`Block`]s. Each
//! block is a value that one template renders. The crate is pure: it has no clock, no I/O and no
//! HTTP. A server chooses the blocks, and sends the page with [`POLICY`].
//!
//! Templates escape all values. Texts of people, such as the name of a customer, are isolated from
//! the direction of the surrounding text, and long ones are shortened in tables. Characters that
//! turn the direction of a text, and control characters, are shown as U+FFFD.
//!
//! ```
//! use license_dashboard::{Frame, Notice, Page};
//!
//! let page = Page::new(Frame::new("Overview")).with(Notice::warning("All seats are in use"));
//! assert!(page.render().contains("All seats are in use"));
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test fails by panicking"
    )
)]

mod assets;
mod blocks;
mod cell;
mod chart;
mod context;
mod empty;
mod facts;
mod form;
mod frame;
mod notice;
mod page;
mod qr;
mod table;
mod text;
mod tiles;
mod tone;

pub use assets::{Asset, POLICY};
pub use blocks::{Block, CodeBlock, Disclosure, Figure, Filter, Heading, Section, Tabs};
pub use cell::{Action, ActionStyle, Cell};
pub use chart::{Chart, Series, SeriesStyle};
pub use empty::EmptyState;
pub use facts::Facts;
pub use form::{Field, Form, Kind};
pub use frame::{Frame, NavigationGroup, NavigationItem, Viewer};
pub use notice::Notice;
pub use page::Page;
pub use qr::qr_code;
pub use table::{Column, Table};
pub use tiles::{Tile, Tiles};
pub use tone::Tone;
