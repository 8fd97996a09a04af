//! Texts that people write and other people read.

/// Returns whether a character must not be in a name: a control character, a line break, one that
/// changes the direction of the text around it, or an invisible one, with which two names would
/// look alike. The joiners U+200C and U+200D are part of words and emoji.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_invisible_character_and_no_direction() {
        for character in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{85}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{e0041}',
        ] {
            assert!(is_unsafe(character), "{character:?}");
        }
        let names =
            "Zoë Åström, Müller & Söhne, 株式会社, عبد, נועה, می\u{200c}خواهم, 👩\u{200d}💻";
        assert!(!names.chars().any(is_unsafe));
    }
}
