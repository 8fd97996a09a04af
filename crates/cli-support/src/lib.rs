//! Command-line support that `license`, `keygen` and `license-server` share.
//!
//! | task | item |
//! |---|---|
//! | end a program | [`Exit`], [`Failure`] |
//! | print | [`Terminal`], which owns standard output; [`escape()`] for untrusted text |
//! | lay out output | [`TextTable`], [`Fields`], [`StyledText`], [`wrap()`], [`write_outline`] |
//! | write counts | [`plural`], [`times`] |
//! | use the terminal | [`Screen`]: columns, symbols and bars; [`Meaning`]: colors |
//! | show progress | [`Progress`], on a terminal only |
//! | read input | [`Source`], with a size limit |
//! | read settings | `SettingsFile`, `SettingValue` with its `Origin` (feature `settings`) |
//! | handle secrets | [`protect_memory`] |
//! | draw QR codes | [`QrCode`], for a terminal or as a picture |
//! | read QR codes | [`Source::read_text_or_picture`], from photos and screenshots |
//! | write output | [`Destination`], which does not overwrite by default |
//! | parse arguments | [`program`]: usage errors, completions, man pages |
//! | suggest names | [`closest`] |
//! | check a process | [`may_be_running`] |
//!
//! ```
//! use license_cli_support::{TextColumn, TextTable, closest, escape, plural};
//!
//! let mut table = TextTable::new([TextColumn::new("NAME"), TextColumn::new("LIMIT")]);
//! table.row(["agents", "52"]);
//! table.row(["users", "none"]);
//! // The header has a style, which `Terminal` removes if colors are disabled.
//! assert!(table.to_text(None).ends_with("\nagents  52\nusers   none"));
//!
//! assert_eq!(plural(2_u64, "agent", "agents"), "2 agents");
//! // A suggestion for a misspelled name.
//! assert_eq!(closest("agnets", ["agents", "users"]), Some("agents"));
//! // Text of other people cannot control the terminal.
//! assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
//! ```
//!
//! The crate does not depend on the license crates.

mod destination;
mod escape;
mod exit;
mod failure;
mod fields;
#[cfg(all(fuzzing, feature = "pictures"))]
pub mod fuzzing;
mod input;
mod meaning;
mod memory;
mod outline;
mod output;
mod pager;
mod process;
pub mod program;
mod progress;
mod qr;
mod screen;
#[cfg(feature = "settings")]
mod settings;
mod styled_text;
mod suggest;
mod table;
mod text;
mod wrap;

pub use clap_complete::Shell;
pub use destination::{Audience, Destination, OutputFile, Overwrite};
pub use escape::{escape, may_be_pasted_key, may_be_pasted_path, shell_word, show_name, show_path};
pub use exit::Exit;
pub use failure::Failure;
pub use fields::Fields;
pub use input::Source;
pub use meaning::Meaning;
pub use memory::protect_memory;
pub use outline::write_outline;
pub use output::{Color, OutputOptions, Terminal};
pub use process::may_be_running;
pub use progress::Progress;
pub use qr::{MAX_QR_BYTES, QrCode};
pub use screen::Screen;
#[cfg(feature = "settings")]
pub use settings::{
    InsecurePlace, Origin, SettingValue, SettingsEntry, SettingsFile, SettingsFormat, SettingsPath,
    unknown_variables,
};
pub use styled_text::StyledText;
pub use suggest::{closest, is_misspelled, is_similar};
pub use table::{TextColumn, TextTable};
pub use text::{plural, times};
pub use wrap::wrap;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
