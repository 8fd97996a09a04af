//! What `license` and `keygen` share on a terminal.
//!
//! | what | where |
//! |---|---|
//! | how a program ends | [`Exit`], [`Failure`] |
//! | what it prints | [`Terminal`], the only owner of its output; [`escape()`] for text from elsewhere |
//! | what it reads | [`Source`], with a cap |
//! | what phones read off it | [`QrCode`], for a terminal or as a picture |
//! | what it writes | [`Destination`], which never overwrites unless told to |
//! | its command line | [`program`]: usage errors in our shape, completions, man pages |
//!
//! Nothing here knows what a license is.

mod destination;
mod escape;
mod exit;
mod failure;
mod input;
mod later;
mod outline;
mod output;
pub mod program;
mod qr;

pub use clap_complete::Shell;
pub use destination::{Audience, Destination, Overwrite};
pub use escape::{escape, show_path};
pub use exit::Exit;
pub use failure::Failure;
pub use input::Source;
pub use later::{Called, Later};
pub use outline::outline;
pub use output::{Color, OutputOptions, Terminal};
pub use qr::{MAX_QR_BYTES, QrCode};
