//! The block of a request in the text around it, such as a mail.

use super::MachineRequestError;
use crate::encoding::armor::MachineRequestKind;
use crate::encoding::quoted::quoted;

/// Returns the kind and the content of the only request or receipt in a text.
///
/// A mail thread may contain identical copies of a request, of which the first counts. The text
/// around the block is ignored, and so are blocks of other kinds if there is a request.
/// The text has plain hyphens.
pub(super) fn only_block(text: &str) -> Result<(MachineRequestKind, &str), MachineRequestError> {
    let (mut found, mut other) = (None, None);
    for (at, begin) in text.match_indices("-BEGIN ") {
        let rest = text.get(at + begin.len()..).unwrap_or_default();
        let Some((label, rest)) = rest.split_once('-') else {
            continue;
        };
        let label = label.trim();
        match MachineRequestKind::parse(label) {
            Some(kind) => {
                let copy = (kind, content(label, rest));
                match found {
                    None => found = Some(copy),
                    Some(first) if is_equal(first, copy) => {}
                    Some(_) => return Err(MachineRequestError::Several),
                }
            }
            None => other = other.or(Some(label)),
        }
    }
    match (found, other) {
        (Some((kind, content)), _) => Ok((kind, content.ok_or(MachineRequestError::Armor)?)),
        (None, Some(label)) => Err(MachineRequestError::OtherBlock {
            found: quoted(label),
        }),
        (None, None) => Err(MachineRequestError::Armor),
    }
}

/// Returns whether two complete blocks differ only in white space, which no value contains.
fn is_equal(
    (first_kind, first): (MachineRequestKind, Option<&str>),
    (kind, copy): (MachineRequestKind, Option<&str>),
) -> bool {
    let (Some(first), Some(copy)) = (first, copy) else {
        return false;
    };
    let parts = |text: &str| text.split_whitespace().collect::<String>();
    first_kind == kind && parts(first) == parts(copy)
}

/// Returns the content before the end of a block with this label.
fn content<'t>(label: &str, text: &'t str) -> Option<&'t str> {
    let (content, end) = text.split_once("-END ")?;
    let after = end.strip_prefix(label)?;
    let is_end =
        after.is_empty() || after.starts_with(|next: char| next == '-' || next.is_whitespace());
    is_end.then(|| content.trim_matches('-'))
}
