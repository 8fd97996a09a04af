//! `--dry-run`, which every command that issues takes.

use clap::Args;

// The description of each command is its own: clap would take a sentence here for it.
#[allow(missing_docs, reason = "clap would show them")]
#[derive(Debug, Args)]
pub(crate) struct Dry<T: Args> {
    #[command(flatten)]
    pub(crate) order: T,
    /// Check everything and tell what would be handed out, but open no key, sign nothing and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
