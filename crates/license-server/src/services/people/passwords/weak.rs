//! Passwords that are tried first.

/// The commonest passwords with ten characters or more that have no simpler weakness, in lower
/// case. Digits and signs at their ends count for nothing.
const COMMON: [&str; 36] = [
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "a1b2c3d4e5",
    "administrator",
    "adminadmin",
    "asdfghjkl",
    "baseball",
    "basketball",
    "changeme",
    "computer",
    "football",
    "iloveyou",
    "internet",
    "letmein",
    "liverpool",
    "manchester",
    "michelle",
    "password",
    "passwordpassword",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "princess",
    "q1w2e3r4t5",
    "q1w2e3r4t5y6",
    "qazwsxedc",
    "qwerty",
    "qwertyui",
    "qwertyuiop",
    "qwertyuiopasdfghjkl",
    "starwars",
    "sunshine",
    "superman",
    "welcome",
    "zaq12wsxcde",
];

/// The longest part that can be repeated to a weak password, in characters.
const MAX_PART: usize = 4;

/// Returns why a password is one of the first that are tried. `None`: it is not.
pub(super) fn weakness(password: &str) -> Option<&'static str> {
    let lower = password.to_lowercase();
    let characters: Vec<char> = lower.chars().collect();
    let first = characters.first();
    if characters.iter().all(|one| Some(one) == first) {
        return Some("one repeated character");
    }
    if is_running(&characters) {
        return Some("a running sequence of characters");
    }
    if (2..=MAX_PART).any(|length| is_repeated(&characters, length)) {
        return Some("a short text that is repeated");
    }
    let is_sign = |one: char| !one.is_alphabetic();
    let stem = lower.trim_matches(is_sign);
    let is_common = COMMON.contains(&lower.as_str()) || COMMON.contains(&stem);
    is_common.then_some("one of the commonest passwords")
}

/// Returns whether each character follows the one before, upward or downward, such as in
/// `1234567890`. After 9 comes 0.
fn is_running(characters: &[char]) -> bool {
    let follows = |one: char, next: char| {
        let successor = u32::from(one).checked_add(1).and_then(char::from_u32);
        successor == Some(next) || (one, next) == ('9', '0')
    };
    let pairs = || characters.iter().zip(characters.iter().skip(1));
    pairs().all(|(one, next)| follows(*one, *next))
        || pairs().all(|(one, next)| follows(*next, *one))
}

/// Returns whether a text repeats its first characters.
fn is_repeated(characters: &[char], length: usize) -> bool {
    let shifted = characters.iter().skip(length);
    characters
        .iter()
        .zip(shifted)
        .all(|(one, next)| one == next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_guesses_are_weak_and_several_words_are_not() {
        for (password, expected) in [
            ("aaaaaaaaaaaa", Some("one repeated character")),
            ("1234567890", Some("a running sequence of characters")),
            ("0123456789012", Some("a running sequence of characters")),
            ("0987654321", Some("a running sequence of characters")),
            ("abcdefghijkl", Some("a running sequence of characters")),
            ("ABCDEFGHIJKL", Some("a running sequence of characters")),
            ("1212121212", Some("a short text that is repeated")),
            ("abcdabcdabcd", Some("a short text that is repeated")),
            ("password123", Some("one of the commonest passwords")),
            ("Password2026!", Some("one of the commonest passwords")),
            ("qwertyuiop", Some("one of the commonest passwords")),
            ("1qaz2wsx3edc", Some("one of the commonest passwords")),
            ("1q2w3e4r5t", Some("one of the commonest passwords")),
            ("correct horse battery", None),
            ("another password", None),
            ("third password", None),
            ("12345678901x", None),
            ("ghijklmnozyx", None),
        ] {
            assert_eq!(weakness(password), expected, "{password}");
        }
    }

    #[test]
    fn the_list_has_each_password_once_and_in_lower_case() {
        let lower = COMMON.map(str::to_lowercase);
        assert!(lower.iter().zip(COMMON).all(|(one, other)| one == other));
        let mut sorted = COMMON.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), COMMON.len());
    }
}
