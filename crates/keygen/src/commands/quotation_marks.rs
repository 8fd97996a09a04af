//! Quotation marks around a name, which a copy from mail or a table can leave there.

/// Returns whether only word processors write this quotation mark.
pub(super) fn is_typographic(character: char) -> bool {
    "“”„‟‘’‚‛«»‹›″".contains(character)
}

/// Returns the quotation mark around a name, or a double one at only one end. An apostrophe inside
/// a name or at one end is part of the name.
pub(super) fn around(name: &str) -> Option<char> {
    let is_mark = |character: &char| is_typographic(*character) || "\"'`".contains(*character);
    let first = name.chars().next().filter(is_mark);
    let last = name.chars().next_back().filter(is_mark);
    if first.is_some() && last.is_some() {
        return first;
    }
    let is_double = |character: &char| "“”„‟«»".contains(*character);
    let is_alone = name.chars().filter(is_double).count() == 1;
    first.or(last).filter(is_double).filter(|_| is_alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_around_a_name_are_found() {
        for (name, expected) in [
            ("“Best”", Some('“')),
            ("„Best“", Some('„')),
            ("« Best »", Some('«')),
            ("‘Best’", Some('‘')),
            ("'Best'", Some('\'')),
            ("\"Best\"", Some('"')),
            ("“Best", Some('“')),
            ("Best”", Some('”')),
            ("\"", Some('"')),
            ("", None),
            ("Best", None),
            ("“Best” Foods", None),
            ("The “Best”", None),
            ("Jones’", None),
            ("’t Hart", None),
            ("O’Neill & Sons", None),
            ("5″", None),
        ] {
            assert_eq!(around(name), expected, "{name}");
        }
    }
}
