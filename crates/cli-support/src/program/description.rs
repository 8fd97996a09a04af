//! The commands that describe a program: completions and man pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::destination::{Audience, Destination, Overwrite};
use crate::failure::Failure;
use crate::output::write_stdout;

/// The commands that describe a program. Use `#[command(flatten)]` to add them to its own commands.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Description {
    /// Print the completion script for a shell
    Completions {
        /// Shell of the script
        shell: Shell,
    },
    /// Print the man page, or write the man pages of all commands to a directory
    Man {
        /// Directory for the man pages of all commands
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Replace existing files
        #[arg(long)]
        force: bool,
    },
}

impl Description {
    /// Prints or writes the requested description of `program`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`completions`] and [`man`].
    pub fn write(&self, program: Command) -> Result<(), Failure> {
        match self {
            Self::Completions { shell } => completions(program, *shell),
            Self::Man { out, force } => man(program, out.as_deref(), Overwrite::from_force(*force)),
        }
    }
}

/// Writes the completions of `command` for `shell` to standard output.
///
/// # Errors
///
/// Returns an error if standard output cannot be written. A closed pipe is not an error.
pub fn completions(mut command: Command, shell: Shell) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    write_stdout(&script)
}

/// Writes the man page of `command` to standard output, or writes its page and those of all
/// subcommands to `directory`.
///
/// Creates the directory if it does not exist.
///
/// # Errors
///
/// Returns `EXISTS` if a page exists and must not be replaced, and `IO` if a file cannot be
/// written.
pub fn man(
    command: Command,
    directory: Option<&Path>,
    overwrite: Overwrite,
) -> Result<(), Failure> {
    let Some(directory) = directory else {
        return write_stdout(&page(&Man::new(command))?);
    };
    fs::create_dir_all(directory).map_err(|error| Failure::io("create", directory, &error))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write_pages(&command, directory, overwrite)
}

fn write_pages(command: &Command, directory: &Path, overwrite: Overwrite) -> Result<(), Failure> {
    for subcommand in command
        .get_subcommands()
        .filter(|found| !found.is_hide_set())
    {
        write_pages(subcommand, directory, overwrite)?;
    }
    let man = Man::new(command.clone());
    let file = Destination::File(directory.join(man.get_filename()));
    file.write(&page(&man)?, overwrite, Audience::Everyone)
}

fn page(man: &Man) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let written = man.render(&mut page);
    written.map_err(|error| Failure::io("write", Path::new("the man page"), &error))?;
    Ok(page)
}
