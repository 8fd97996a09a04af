//! Positions of values in a product file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::encoding::pasted::Position;

/// Returns the position of the value with this path, such as `trial.tier` or `tiers.PRO.quotas`.
/// If the value is absent, returns the position of the innermost table of the path.
pub(super) fn position(text: &str, path: &str) -> Option<Position> {
    let document = DeTable::parse(text).ok()?;
    let mut names = path.split('.');
    let mut value = in_table(document.get_ref(), names.next()?)?;
    for name in names {
        match inner(value.get_ref(), name) {
            Some(inner) => value = inner,
            None => break,
        }
    }
    Some(Position::from_offset(text, value.span().start))
}

/// Returns the member of a table, or the table of an array that has this name.
fn inner<'v, 'i>(value: &'v DeValue<'i>, name: &str) -> Option<&'v Spanned<DeValue<'i>>> {
    match value {
        DeValue::Table(table) => in_table(table, name),
        // The last one is the duplicate, if two tables have the same name.
        DeValue::Array(tables) => tables.iter().filter(|table| is_named(table, name)).last(),
        _ => None,
    }
}

fn in_table<'v, 'i>(table: &'v DeTable<'i>, name: &str) -> Option<&'v Spanned<DeValue<'i>>> {
    let mut members = table.iter();
    let (_, value) = members.find(|(member, _)| member.get_ref().as_ref() == name)?;
    Some(value)
}

fn is_named(table: &Spanned<DeValue<'_>>, name: &str) -> bool {
    let DeValue::Table(table) = table.get_ref() else {
        return false;
    };
    let own = in_table(table, "name").map(Spanned::get_ref);
    matches!(own, Some(DeValue::String(own)) if own.as_ref() == name)
}
