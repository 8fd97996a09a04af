//! Names of customers, compared regardless of how they are written.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters that are not displayed.
///
/// They have the property `Default_Ignorable_Code_Point` of Unicode 16, such as zero-width spaces,
/// soft hyphens, byte order marks and variation selectors. The others are the blank braille pattern
/// and the marks of annotations.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Returns the form of a name in which two spellings of the name are equal.
///
/// Letter case, spacing, invisible characters and the composition of characters do not matter, nor
/// do compatibility forms such as ligatures and full-width letters. This is the compatibility
/// caseless match of the Unicode Standard (section 3.13, D146) without invisible characters. The
/// letters i with and without a dot are equal, because the letter I can be the capital of both.
///
/// ```
/// use license_issuer::folding::folded;
///
/// assert_eq!(folded("Größe  AG"), folded("gro\u{308}SSE\u{200b} ag"));
/// assert_ne!(folded("Große AG"), folded("Größe AG"));
/// ```
#[must_use]
pub fn folded(name: &str) -> String {
    let text = if name.is_ascii() {
        let shown = name.chars().filter(|character| !is_invisible(*character));
        shown
            .map(|character| character.to_ascii_lowercase())
            .collect()
    } else {
        let shown = name.chars().filter(|character| !is_invisible(*character));
        let folded = shown.nfd().default_case_fold().nfkd();
        let folded = folded.default_case_fold().nfkd();
        without_dots(folded).nfc().collect::<String>()
    };
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}

/// Replaces the letter i without a dot, and removes the dot above from the marks of the letter i.
/// The characters must be decomposed.
fn without_dots(characters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let mut is_after_i = false;
    characters.filter_map(move |character| {
        let character = if character == 'ı' { 'i' } else { character };
        if !is_combining_mark(character) {
            is_after_i = character == 'i';
        }
        (character != DOT_ABOVE || !is_after_i).then_some(character)
    })
}

/// The combining dot above.
const DOT_ABOVE: char = '\u{307}';

fn is_invisible(character: char) -> bool {
    let is_in = |(first, last): &(char, char)| (*first..=*last).contains(&character);
    (character.is_control() && !character.is_whitespace()) || INVISIBLE.iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_equal_and_other_names_are_not() {
        let folds = [
            ("Größe  AG", "grösse ag"),
            ("GRÖSSE AG", "grösse ag"),
            ("Gro\u{308}\u{df}e\u{a0}AG", "grösse ag"),
            ("\u{feff}ACME\u{200b} L\u{ad}td\u{7f}", "acme ltd"),
            ("\tACME\r\nLTD ", "acme ltd"),
            ("ＡＣＭＥ Ltd", "acme ltd"),
            ("ACME™", "acmetm"),
            ("ﬁne", "fine"),
            ("ΟΔΟΣ οδος οδοσ", "οδοσ οδοσ οδοσ"),
            ("İstanbul", "istanbul"),
            (
                "ISTANBUL ıstanbul i\u{307}stanbul",
                "istanbul istanbul istanbul",
            ),
            ("I\u{307}I\u{323}\u{307}Í", "iịí"),
            ("z\u{307}", "ż"),
            ("AC\u{2800}ME\u{fff9}\u{fffb}", "acme"),
            ("\u{1100}\u{1161}", "가"),
            ("", ""),
            ("Große", "grosse"),
            ("Grosse", "grosse"),
            ("Grösse", "grösse"),
        ];
        for (name, expected) in folds {
            assert_eq!(folded(name), expected, "{name:?}");
            assert_eq!(folded(&folded(name)), expected, "{name:?}");
            // Earlier versions recorded names in this form.
            assert_eq!(folded(&name.to_lowercase()), expected, "{name:?}");
        }
    }
}
