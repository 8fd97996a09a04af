//! Bytes that represent a resolved path in a session id, by the rules of each platform.

use std::borrow::Cow;

use super::file_system::NameRules;

impl NameRules {
    /// Returns the bytes for a path that is resolved, absolute and spelled as on disk.
    pub(super) fn name(self, path: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Unix => Cow::Borrowed(path),
            Self::MacOs => Cow::Borrowed(without_data_volume(path)),
            Self::Windows => Cow::Owned(folded(path)),
        }
    }
}

/// Removes the prefix of the data volume. `/Users` and other directories are firmlinks into that
/// volume, and `realpath(3)` accepts both spellings without changing them.
fn without_data_volume(path: &[u8]) -> &[u8] {
    let below = path.strip_prefix(b"/System/Volumes/Data");
    below
        .filter(|below| below.starts_with(b"/"))
        .unwrap_or(path)
}

/// Converts a path to lower case, with backslashes, and without a verbatim prefix or trailing
/// backslashes. Converts each character alone, because `str::to_lowercase` writes a Σ at the end of
/// a word as ς. Bytes that are not Unicode stay as they are.
fn folded(path: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        let characters = chunk.valid().chars().flat_map(char::to_lowercase);
        let characters: String = characters.map(backslash).collect();
        folded.extend_from_slice(characters.as_bytes());
        folded.extend_from_slice(chunk.invalid());
    }
    let mut name = without_verbatim_prefix(folded);
    while name.ends_with(br"\") {
        name.pop();
    }
    name
}

fn backslash(character: char) -> char {
    if character == '/' { '\\' } else { character }
}

/// Returns the usual spelling of a drive or a share. Other verbatim paths, such as those of volumes
/// without a letter, have no other spelling.
fn without_verbatim_prefix(path: Vec<u8>) -> Vec<u8> {
    if let Some(share) = path.strip_prefix(br"\\?\unc\") {
        return [br"\\", share].concat();
    }
    match path.strip_prefix(br"\\?\") {
        Some(drive @ [b'a'..=b'z', b':', ..]) => drive.to_owned(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(platform: NameRules, path: &str) -> String {
        String::from_utf8(platform.name(path.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn on_unix_a_name_is_its_bytes() {
        for path in ["/", "/srv/Shop", r"/srv/a\b", "/System/Volumes/Data/x"] {
            assert_eq!(name(NameRules::Unix, path), path);
        }
        assert_eq!(&*NameRules::Unix.name(b"/\xFF"), b"/\xFF");
    }

    #[test]
    fn on_macos_case_and_unicode_form_stay_as_stored() {
        let (composed, decomposed) = ("/Users/ann/Caf\u{e9}", "/Users/ann/Cafe\u{301}");
        for path in ["/", "/Users/ann/Shop", composed, decomposed] {
            assert_eq!(name(NameRules::MacOs, path), path);
        }
    }

    #[test]
    fn on_macos_both_paths_into_the_data_volume_have_one_name() {
        for (path, expected) in [
            ("/System/Volumes/Data/Users/ann/shop", "/Users/ann/shop"),
            ("/System/Volumes/Data", "/System/Volumes/Data"),
            ("/System/Volumes/Database/x", "/System/Volumes/Database/x"),
            ("/mnt/System/Volumes/Data/x", "/mnt/System/Volumes/Data/x"),
        ] {
            assert_eq!(name(NameRules::MacOs, path), expected);
        }
    }

    #[test]
    fn on_windows_every_spelling_of_a_path_has_one_name() {
        for (path, expected) in [
            (r"\\?\C:\Users\Ann\Shop", r"c:\users\ann\shop"),
            (r"C:\Users\Ann\Shop\", r"c:\users\ann\shop"),
            ("c:/users/ann/shop", r"c:\users\ann\shop"),
            (r"\\?\C:\", "c:"),
            (r"\\?\UNC\Server\Share\Shop", r"\\server\share\shop"),
            (r"\\server\share\shop\", r"\\server\share\shop"),
            (r"\\?\unc\server\share\", r"\\server\share"),
            (r"\\?\Volume{AB-1}\Shop", r"\\?\volume{ab-1}\shop"),
            (r"C:\ÄRGER\ΟΔΟΣ", r"c:\ärger\οδοσ"),
        ] {
            assert_eq!(name(NameRules::Windows, path), expected);
        }
    }

    #[test]
    fn on_windows_an_unpaired_surrogate_is_kept() {
        let (one, other) = (b"C:\\A\xED\xA0\x80B", b"C:\\A\xED\xA0\x81B");
        assert_eq!(&*NameRules::Windows.name(one), b"c:\\a\xED\xA0\x80b");
        assert_ne!(NameRules::Windows.name(one), NameRules::Windows.name(other));
    }

    #[test]
    fn converting_a_name_again_does_not_change_it() {
        for path in [r"\\?\C:\Shop", r"\\?\UNC\Server\Share", r"C:\x\y"] {
            let once = name(NameRules::Windows, path);
            assert_eq!(name(NameRules::Windows, &once), once);
        }
    }
}
