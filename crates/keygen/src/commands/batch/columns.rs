//! Columns of the table of orders.

use license_cli_support::{Failure, escape, is_misspelled};
use license_core::encoding::trim_blanks;
use license_issuer::folding::folded;

use super::manifest;

/// Column with the name of the license file, which is not an option of `issue`.
const FILE: &str = "file";

/// Options of `issue` that are not columns, because they apply to the whole batch or only to a
/// single license.
pub(super) const OPTIONS_WITHOUT_COLUMN: [&str; 10] = [
    "convert",
    "trust",
    "key",
    "passphrase-file",
    "alg",
    "product-file",
    "out",
    "force",
    "dry-run",
    "help",
];

/// Column of the table.
#[derive(Clone, Debug)]
pub(super) struct OrderColumn {
    /// Title in lowercase, with hyphens. This is the name of the option.
    pub(super) name: String,
    /// Title as it is written.
    pub(super) title: String,
    pub(super) kind: ColumnKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    File,
    /// An option with a value.
    Value,
    /// An option that may be repeated.
    Repeated,
    /// An option without a value.
    Flag,
    /// A column that is not an option, and that the manifest repeats.
    Carried,
    /// A column without a title, whose cells must be empty.
    Untitled,
}

/// Reads the header of the file `file`. Omits columns without a title at the end.
pub(super) fn parse<'h>(
    file: &str,
    header: impl IntoIterator<Item = &'h str>,
    command: &clap::Command,
) -> Result<Vec<OrderColumn>, Failure> {
    let mut columns: Vec<OrderColumn> = Vec::new();
    for title in header {
        let column = column(file, title, command)?;
        let is_titled = column.kind != ColumnKind::Untitled;
        if is_titled && columns.iter().any(|other| other.name == column.name) {
            return Err(
                Failure::malformed(format!("{file}: duplicate column {}", column.name))
                    .hint("remove one of the two columns"),
            );
        }
        columns.push(column);
    }
    let is_titled = |column: &OrderColumn| column.kind != ColumnKind::Untitled;
    let count = columns.iter().rposition(is_titled).map(|last| last + 1);
    let count = count.ok_or_else(|| {
        Failure::malformed(format!("{file}: expected a header, found an empty row"))
            .hint(columns_hint(command))
    })?;
    columns.truncate(count);
    refuse_other_spellings(file, &columns, command)?;
    Ok(columns)
}

fn column(file: &str, title: &str, command: &clap::Command) -> Result<OrderColumn, Failure> {
    let title = trim_blanks(title);
    let name = title.to_lowercase().replace(['_', ' '], "-");
    let kind = match name.as_str() {
        "" => ColumnKind::Untitled,
        FILE => ColumnKind::File,
        name => match option(name, command).map(clap::Arg::get_action) {
            Some(clap::ArgAction::SetTrue) => ColumnKind::Flag,
            Some(clap::ArgAction::Append) => ColumnKind::Repeated,
            Some(_) => ColumnKind::Value,
            None => {
                refuse_taken(file, title, name)?;
                refuse_misspelled(file, title, name, command)?;
                ColumnKind::Carried
            }
        },
    };
    Ok(OrderColumn {
        name,
        title: title.to_owned(),
        kind,
    })
}

/// Returns the option with this name, if it can be a column.
fn option<'c>(name: &str, command: &'c clap::Command) -> Option<&'c clap::Arg> {
    let mut options = command.get_arguments();
    let option = options.find(|option| option.get_long() == Some(name));
    option.filter(|_| !OPTIONS_WITHOUT_COLUMN.contains(&name))
}

/// Refuses the title of an option of the whole batch, or of a column that the manifest has anyway.
fn refuse_taken(file: &str, title: &str, name: &str) -> Result<(), Failure> {
    let is_option = OPTIONS_WITHOUT_COLUMN.contains(&name);
    let is_in_manifest = manifest::COLUMNS
        .iter()
        .any(|column| column.replace('_', "-") == name);
    let reason = match (is_option, is_in_manifest) {
        (_, true) => "manifest.csv has a column of its own with this title",
        (true, false) => "this option applies to the whole batch",
        (false, false) => return Ok(()),
    };
    Err(Failure::malformed(format!(
        "{file}: column `{}` is not possible: {reason}",
        escape(title)
    ))
    .hint("give the column another title, or remove it"))
}

/// Refuses a title that is probably a misspelled option. Otherwise, the option would be ignored.
fn refuse_misspelled(
    file: &str,
    title: &str,
    name: &str,
    command: &clap::Command,
) -> Result<(), Failure> {
    let mut names = names(command);
    let Some(meant) = names.find(|option| is_misspelled(name, option)) else {
        return Ok(());
    };
    Err(Failure::malformed(format!(
        "{file}: unknown column `{}`, which is similar to `{meant}`",
        escape(title)
    ))
    .hint(format!(
        "rename the column to `{meant}`, or to a less similar title if it is not this option"
    )))
}

/// Refuses a title that names an option in other words, such as `Seats (users)`. Otherwise, the
/// option would be ignored.
///
/// A title that only contains the name of an option is possible if the option has a column. It is
/// then probably a remark about the option.
fn refuse_other_spellings(
    file: &str,
    columns: &[OrderColumn],
    command: &clap::Command,
) -> Result<(), Failure> {
    let is_carried = |column: &&OrderColumn| column.kind == ColumnKind::Carried;
    for column in columns.iter().filter(is_carried) {
        let title = words(&column.title);
        let is_meant = |option: &&str| {
            let has_column = columns.iter().any(|other| other.name == *option);
            let option = words(option);
            title == option || (!has_column && is_about(&title, &option))
        };
        if let Some(meant) = names(command).find(is_meant) {
            let title = escape(&column.title);
            let message = format!("{file}: unknown column `{title}`, which may be `{meant}`");
            return Err(Failure::malformed(message).hint(format!(
                "rename the column to `{meant}`, or to a title in other words if it is not this option"
            )));
        }
    }
    Ok(())
}

/// Returns whether a title contains all words of an option, or consists of some of its words.
fn is_about(title: &[String], option: &[String]) -> bool {
    let is_within = |inner: &[String], outer: &[String]| {
        !inner.is_empty() && inner.iter().all(|word| outer.contains(word))
    };
    is_within(option, title) || is_within(title, option)
}

/// Returns the words of a title without the differences of spelling: letter case, forms of
/// characters, punctuation and the plural. Words for the end of a license become `expire`.
fn words(title: &str) -> Vec<String> {
    let folded = folded(title);
    let words = folded.split(|character: char| !character.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let words = words.map(|word| match word.strip_suffix('s').unwrap_or(word) {
        "expiry" | "expiration" | "until" => "expire".to_owned(),
        singular => singular.to_owned(),
    });
    words.collect()
}

fn names(command: &clap::Command) -> impl Iterator<Item = &str> {
    let options = command.get_arguments().filter_map(clap::Arg::get_long);
    let options = options.filter(|name| !OPTIONS_WITHOUT_COLUMN.contains(name));
    std::iter::once(FILE).chain(options)
}

fn columns_hint(command: &clap::Command) -> String {
    let names: Vec<_> = names(command).collect();
    format!("use the columns {}", names.join(", "))
}
