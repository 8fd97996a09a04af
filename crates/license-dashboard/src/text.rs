//! Texts of people and times, as pages show them.

use std::borrow::Cow;

use askama::Template;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use crate::context::rendered;

/// The maximum length of a text in a table, in characters.
const MAX_CELL: usize = 80;

/// Returns a text that fits into a table. A longer text ends with an ellipsis.
pub(crate) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_CELL) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

/// Returns a page in which characters that change what surrounds them are visible: control
/// characters, and those that turn the direction of the text up to its end. A name with one could
/// otherwise reverse the sentence that contains it. The text marks U+200E and U+200F stay, because
/// they are part of names, and `bdi` limits them.
pub(crate) fn plain(page: String) -> String {
    if page.contains(is_disturbing) {
        page.replace(is_disturbing, "\u{fffd}")
    } else {
        page
    }
}

fn is_disturbing(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the HTML of a sentence. Words between backticks are texts of programs, such as commands.
pub(crate) fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of backticks marks nothing.
    let is_marked = parts.len() % 2 == 1;
    let parts = if is_marked { parts } else { vec![text] };
    rendered(&ProseTemplate { parts })
}

/// HTML of a sentence. Each second part is a text of programs.
#[derive(Template)]
#[template(
    source = "{% for part in parts %}{% if loop.index0 % 2 == 1 %}<code>{{ part }}</code>{% else %}{{ part }}{% endif %}{% endfor %}",
    ext = "html"
)]
struct ProseTemplate<'a> {
    parts: Vec<&'a str>,
}

/// Returns a time as people read it, such as `2027-01-15 09:30 UTC`.
pub(crate) fn time(time: &DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns a time with its seconds, such as `2027-01-15 09:30:05 UTC`.
pub(crate) fn moment(time: &DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns a time as programs read it (RFC 3339).
pub(crate) fn machine_time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns a date, such as `2027-01-15`.
pub(crate) fn date(date: &NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

/// Returns a number with a thin space between groups of three digits, such as `100 000`.
pub(crate) fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3 + 3);
    if number < 0 {
        text.push('\u{2212}');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Returns a decimal number, possibly with its unit, with a thin space between groups of three
/// digits, such as `3 451.00 EUR`. Another text stays as it is.
pub(crate) fn amount(amount: &str) -> String {
    let end = amount.find(['.', ' ']).unwrap_or(amount.len());
    let (whole, rest) = amount.split_at(end);
    match whole.parse::<i64>() {
        // The sign of an amount below one would be lost.
        Ok(0) | Err(_) => amount.replacen('-', "\u{2212}", 1),
        Ok(whole) => format!("{}{rest}", number(whole)),
    }
}

/// Returns a number with at most one decimal, such as `3.5` or `1 200`.
pub(crate) fn decimal(value: f64) -> String {
    let rounded = format!("{value:.1}");
    let (whole, tenth) = rounded.split_once('.').unwrap_or((&rounded, "0"));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), number);
    match tenth {
        "0" => whole,
        tenth => format!("{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_between_backticks_are_code() {
        assert_eq!(
            prose("Run `a <b>` first"),
            "Run <code>a &#60;b&#62;</code> first"
        );
        assert_eq!(prose("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(prose("a ` b"), "a ` b");
        assert_eq!(prose(""), "");
    }

    #[test]
    fn numbers_have_groups_of_three_digits() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(100_000), "100\u{202f}000");
        assert_eq!(number(-1_234_567), "\u{2212}1\u{202f}234\u{202f}567");
        assert_eq!(
            number(i64::MIN)
                .chars()
                .filter(char::is_ascii_digit)
                .count(),
            19
        );
    }

    #[test]
    fn amounts_have_groups_of_three_digits() {
        assert_eq!(amount("3451.00 EUR"), "3\u{202f}451.00 EUR");
        assert_eq!(amount("-3451.00"), "\u{2212}3\u{202f}451.00");
        assert_eq!(amount("-0.50 EUR"), "\u{2212}0.50 EUR");
        assert_eq!(amount("1200 JPY"), "1\u{202f}200 JPY");
        assert_eq!(amount("unlimited"), "unlimited");
    }

    #[test]
    fn numbers_have_at_most_one_decimal() {
        assert_eq!(decimal(3.0), "3");
        assert_eq!(decimal(3.46), "3.5");
        assert_eq!(decimal(0.04), "0");
        assert_eq!(decimal(1_234.5), "1\u{202f}234.5");
        assert_eq!(decimal(f64::NAN), "NaN");
    }

    #[test]
    fn characters_that_disturb_what_surrounds_them_are_visible() {
        for character in [
            '\0', '\u{7}', '\u{1b}', '\u{85}', '\u{202e}', '\u{2066}', '\u{2069}',
        ] {
            assert_eq!(
                plain(format!("a{character}b")),
                "a\u{fffd}b",
                "{character:?}"
            );
        }
        let harmless = "Zoë, עברית\u{200f}, می\u{200c}خواهم, 1\u{202f}000\r\n\t";
        assert_eq!(plain(harmless.to_owned()), harmless);
    }

    #[test]
    fn a_long_text_is_shortened_at_a_character() {
        let long = "ä".repeat(10_000);
        let short = shorten(&long);
        assert_eq!(short.chars().count(), MAX_CELL + 1);
        assert!(short.ends_with('…'));
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"x".repeat(MAX_CELL)).len(), MAX_CELL);
    }
}
