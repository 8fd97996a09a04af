//! Text in HTML, such as the source of a mail.

use std::borrow::Cow;

/// Entities that mail programs write in text, and their characters.
const ENTITIES: [(&str, &str); 6] = [
    ("&nbsp;", " "),
    ("&#160;", " "),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&gt;", ">"),
    ("&lt;", "<"),
];

/// Returns the text with a line break in place of each HTML tag, and with the characters of common
/// entities.
///
/// The result is not longer than the text.
pub(crate) fn without_markup(text: &str) -> Cow<'_, str> {
    let is_start = |character| matches!(character, '<' | '&');
    if !text.contains(is_start) {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, markup)) = rest.find(is_start).and_then(|at| rest.split_at_checked(at))
    {
        plain.push_str(before);
        let (character, length) = tag(markup)
            .map(|length| ("\n", length))
            .or_else(|| entity(markup))
            .unwrap_or_else(|| (markup.get(..1).unwrap_or_default(), 1));
        plain.push_str(character);
        rest = markup.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Returns the length of the tag at the start of a text.
fn tag(text: &str) -> Option<usize> {
    let name = text.strip_prefix('<')?;
    let name = name.strip_prefix('/').unwrap_or(name);
    if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '!') {
        return None;
    }
    // The search ends at the next tag, so that it takes linear time.
    let end = name.find(['<', '>'])?;
    let length = text.len() - name.len() + end;
    text.get(length..)?.starts_with('>').then_some(length + 1)
}

/// Returns the character of the entity at the start of a text, and the length of the entity.
fn entity(text: &str) -> Option<(&'static str, usize)> {
    let mut entities = ENTITIES.into_iter();
    let (entity, character) = entities.find(|(entity, _)| text.starts_with(entity))?;
    Some((character, entity.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_line_breaks_and_entities_are_characters() {
        for (text, expected) in [
            ("a<br>b<BR/>c<br />d", "a\nb\nc\nd"),
            ("<div class=\"x\">a</div><!-- b -->", "\na\n\n"),
            ("&gt;&nbsp;{&quot;a&#34;:&#160;1}", "> {\"a\": 1}"),
            ("<p\n>a", "\na"),
        ] {
            assert_eq!(without_markup(text), expected, "{text:?}");
        }
    }

    #[test]
    fn other_text_is_kept() {
        for text in [
            "",
            "a",
            "a < b > c",
            "<3",
            "<",
            "&",
            "<br",
            "a & b",
            "&amp;",
            "<ä>",
            "a<b<",
        ] {
            assert_eq!(without_markup(text), text, "{text:?}");
        }
    }
}
