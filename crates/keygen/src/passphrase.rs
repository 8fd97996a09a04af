//! Passphrases and PINs from the terminal, a file or a file descriptor.

use std::borrow::Cow;
use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Terminal, escape};
use license_core::encoding::decode_text_slice;
use license_core::with_causes;
use license_issuer::signer::private_key::{is_descriptor, is_exposed};
use license_issuer::signer::{
    Passphrase, PassphraseError, PassphraseRequest, PassphraseSource, SignerNotice,
};
use zeroize::Zeroizing;

/// Maximum length of a line in bytes: a passphrase with its line ending.
const MAX_LINE: usize = Passphrase::MAX_LENGTH + 2;

/// Source of passphrases for signers. Prompts on the terminal unless a file is given.
pub(crate) struct PassphraseReader<'a> {
    /// The file that the command line names.
    pub(crate) file: Option<&'a Path>,
    /// The terminal for notes and warnings.
    pub(crate) terminal: &'a Terminal,
}

impl PassphraseReader<'_> {
    fn secret(&self, request: PassphraseRequest<'_>) -> Result<Option<Passphrase>, Failure> {
        let input = match (self.file, request) {
            (Some(file), _) => PassphraseInput::File(file.to_owned()),
            (
                None,
                PassphraseRequest::TokenPin {
                    pin_source: Some(file),
                    ..
                },
            ) => PassphraseInput::File(file.to_owned()),
            (
                None,
                PassphraseRequest::TokenPin {
                    token, has_pin_pad, ..
                },
            ) => {
                let token = escape(token);
                if has_pin_pad {
                    let note = format!("enter the PIN on the keypad of token `{token}`");
                    self.terminal.note(&note);
                    return Ok(None);
                }
                let note = format!("enter the PIN of token `{token}` as the passphrase");
                self.terminal.note(&note);
                PassphraseInput::Prompt
            }
            (None, _) => PassphraseInput::Prompt,
        };
        input.warn_if_exposed(self.terminal);
        input.read_existing().map(Some)
    }
}

impl PassphraseSource for PassphraseReader<'_> {
    fn passphrase(
        &self,
        request: PassphraseRequest<'_>,
    ) -> Result<Option<Passphrase>, Box<dyn Error + Send + Sync>> {
        Ok(self.secret(request)?)
    }

    fn notify(&self, notice: SignerNotice<'_>) {
        match notice {
            SignerNotice::IgnoredAttribute { name } => {
                let message = format!("pkcs11 URI: unknown attribute `{name}` is ignored");
                self.terminal.warning("IGNORED_ATTRIBUTE", &message);
            }
            SignerNotice::CreatingKey => self
                .terminal
                .note("creating an RSA key in the token; this takes a moment"),
            _ => {}
        }
    }
}

/// Input that a passphrase is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PassphraseInput {
    /// The terminal, without echo.
    Prompt,
    /// The first line of a file, a pipe or a descriptor (`/dev/fd/N`).
    File(PathBuf),
}

impl PassphraseInput {
    /// Reads the passphrase of an existing key.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` if there is no terminal or no passphrase, and `IO` if the file cannot be
    /// read.
    pub(crate) fn read_existing(&self) -> Result<Passphrase, Failure> {
        match self {
            Self::Prompt => prompt_once(&mut prompt, "Passphrase: "),
            Self::File(path) => read_file(path),
        }
    }

    /// Reads the passphrase of a new key. Prompts twice, because a typing error would make the key
    /// unusable.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_existing`](Self::read_existing), and `USAGE` if the two entries
    /// differ.
    pub(crate) fn read_new(&self) -> Result<Passphrase, Failure> {
        match self {
            Self::Prompt => prompt_twice(&mut prompt),
            Self::File(path) => read_file(path),
        }
    }

    /// Prints a warning if other users can read the passphrase.
    ///
    /// This is not an error, because secrets that a container receives as files are often readable
    /// by all of its users.
    pub(crate) fn warn_if_exposed(&self, terminal: &Terminal) {
        if let Some(warning) = self.exposure() {
            terminal.warning("INSECURE_FILE", &warning);
        }
    }

    fn exposure(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok()?;
        (is_exposed(&metadata) && !is_descriptor(path)).then(|| {
            let shown = path.to_string_lossy();
            format!("other users can access passphrase file {shown}; run `chmod 600 {shown}`")
        })
    }
}

/// Returns whether a path is `-`, which means standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

type PromptFn<'a> = &'a mut dyn FnMut(&str) -> io::Result<Zeroizing<String>>;

fn prompt(text: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(text).map(Zeroizing::new)
}

fn prompt_once(prompt: PromptFn<'_>, text: &str) -> Result<Passphrase, Failure> {
    checked(prompt(text).map_err(|error| no_prompt(&error))?)
}

fn prompt_twice(prompt: PromptFn<'_>) -> Result<Passphrase, Failure> {
    let first = prompt_once(prompt, "New passphrase: ")?;
    let second = prompt("Repeat the passphrase: ").map_err(|error| no_prompt(&error))?;
    if first.as_str() == second.as_str() {
        Ok(first)
    } else {
        Err(Failure::usage("the two passphrases differ").hint("run the command again"))
    }
}

fn checked(text: Zeroizing<String>) -> Result<Passphrase, Failure> {
    Passphrase::new(text).map_err(|error| {
        Failure::usage(with_causes(&error)).hint(match error {
            PassphraseError::TooLong => "check that this is the passphrase file",
            _ => "choose a passphrase: without one, everyone who can read the file can use the key",
        })
    })
}

fn no_prompt(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::Interrupted => {
            Failure::usage("expected a passphrase, found the end of the input")
                .hint("run the command again")
        }
        _ => Failure::usage("the key needs a passphrase, and there is no terminal for a prompt")
            .hint("add --passphrase-file FILE; /dev/fd/N reads from a file descriptor"),
    }
}

fn read_file(path: &Path) -> Result<Passphrase, Failure> {
    let failed = |error| Failure::io("read", path, &error);
    let line = if is_stdin(path) {
        first_line(io::stdin().lock())
    } else {
        File::open(path).and_then(first_line)
    };
    checked(into_text(&line.map_err(failed)?)?)
}

/// Reads the first line byte by byte, so that the data after it stays in the pipe. Editors on
/// Windows write UTF-16, whose byte order mark shows that a character has two bytes.
fn first_line(mut reader: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(2 * MAX_LINE));
    let mut byte = Zeroizing::new([0u8]);
    while line.len() < max_length(&line) && read_one(&mut reader, &mut byte)? {
        line.extend_from_slice(byte.as_slice());
        if let Some(length) = line_end(&line) {
            line.truncate(length);
            break;
        }
    }
    Ok(line)
}

const MARK_LITTLE_ENDIAN: &[u8] = b"\xff\xfe";
const MARK_BIG_ENDIAN: &[u8] = b"\xfe\xff";
const MARK_UTF8: &[u8] = b"\xef\xbb\xbf";

/// Returns the maximum length of a line that begins with these bytes.
fn max_length(line: &[u8]) -> usize {
    if line.starts_with(MARK_LITTLE_ENDIAN) || line.starts_with(MARK_BIG_ENDIAN) {
        2 * MAX_LINE
    } else if line.starts_with(MARK_UTF8) {
        MAX_LINE + MARK_UTF8.len()
    } else {
        MAX_LINE
    }
}

/// Returns the length of the line without its line feed, if the bytes end with one.
fn line_end(line: &[u8]) -> Option<usize> {
    let is_whole = line.len().is_multiple_of(2);
    let end = if line.starts_with(MARK_LITTLE_ENDIAN) {
        line.strip_suffix(b"\n\0").filter(|_| is_whole)
    } else if line.starts_with(MARK_BIG_ENDIAN) {
        line.strip_suffix(b"\0\n").filter(|_| is_whole)
    } else {
        line.strip_suffix(b"\n")
    };
    end.map(<[u8]>::len)
}

fn read_one(reader: &mut impl Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match reader.read(byte) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map(|count| count == 1),
        }
    }
}

/// Decodes the line. Only its encoding is normalized, because each character of a passphrase
/// counts.
fn into_text(line: &[u8]) -> Result<Zeroizing<String>, Failure> {
    let refused = |damage: &str| {
        Failure::usage(format!("passphrase: {damage}"))
            .hint("save the passphrase file as UTF-8 text")
    };
    let text = decode_text_slice(line).map_err(|error| refused(&error.to_string()))?;
    let text = match text {
        Cow::Borrowed(text) => Zeroizing::new(text.to_owned()),
        Cow::Owned(text) => Zeroizing::new(text),
    };
    let first = text.split('\r').next().unwrap_or_default();
    if first.contains('\u{1a}') {
        return Err(refused("expected text, found U+001A (Ctrl-Z)"));
    }
    Ok(Zeroizing::new(first.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_cli_support::Exit;

    fn file(content: &[u8]) -> (tempfile::NamedTempFile, PassphraseInput) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let source = PassphraseInput::File(file.path().into());
        (file, source)
    }

    fn typed(lines: &[&str]) -> impl FnMut(&str) -> io::Result<Zeroizing<String>> {
        let mut lines: Vec<String> = lines.iter().rev().map(ToString::to_string).collect();
        move |_| {
            lines
                .pop()
                .map(Zeroizing::new)
                .ok_or(ErrorKind::UnexpectedEof.into())
        }
    }

    #[test]
    fn the_first_line_of_a_file_is_read_without_its_line_ending() {
        for content in [
            "pass word",
            "pass word\n",
            "pass word\r\n",
            "pass word\nsecond\n",
            "pass word\rsecond\r",
            "\u{feff}pass word\r\n",
        ] {
            let (_file, source) = file(content.as_bytes());
            assert_eq!(source.read_existing().unwrap().as_bytes(), b"pass word");
            assert_eq!(source.read_new().unwrap().as_bytes(), b"pass word");
        }
    }

    #[test]
    fn utf_16_is_read_with_and_without_a_byte_order_mark() {
        let encoded = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        // The first letter contains the byte of a line feed.
        let text = "\u{a00}\u{10a} word";
        let lines = format!("\u{feff}{text}\r\nsecond\r\n");
        for content in [
            encoded(&lines, u16::to_le_bytes),
            encoded(&lines, u16::to_be_bytes),
        ] {
            let (_file, source) = file(&content);
            let passphrase = source.read_existing().unwrap();
            assert_eq!(passphrase.as_bytes(), text.as_bytes());
        }
        let (_file, source) = file(&encoded("word\r\nsecond", u16::to_le_bytes));
        assert_eq!(source.read_existing().unwrap().as_bytes(), b"word");
        let (_file, source) = file(&encoded("word\r\nsecond", u16::to_be_bytes));
        let failure = source.read_existing().unwrap_err();
        assert!(failure.message().contains("NUL byte"), "{failure}");
    }

    #[test]
    fn a_passphrase_of_the_maximum_length_is_read_and_a_longer_one_is_refused() {
        let longest = "x".repeat(Passphrase::MAX_LENGTH);
        for ending in ["", "\n", "\r\n"] {
            let (_file, source) = file(format!("{longest}{ending}").as_bytes());
            assert_eq!(
                source.read_existing().unwrap().as_bytes(),
                longest.as_bytes()
            );
            let (_file, source) = file(format!("{longest}x{ending}").as_bytes());
            assert!(
                source
                    .read_existing()
                    .unwrap_err()
                    .message()
                    .contains("at most 1024")
            );
        }
    }

    #[test]
    fn an_empty_or_invalid_passphrase_is_refused() {
        for (content, expected) in [
            (&b"\nsecond"[..], "empty"),
            (b"", "empty"),
            (b"ab\xff", "offset 2"),
            (b"ab\x1a", "Ctrl-Z"),
            (b"ab\0c", "NUL byte at offset 2"),
        ] {
            let (_file, source) = file(content);
            let failure = source.read_new().unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.message().contains(expected), "{failure}");
        }
    }

    #[test]
    fn data_after_the_first_line_stays_in_the_pipe() {
        let mut pipe = &b"secret\ndata"[..];
        assert_eq!(first_line(&mut pipe).unwrap().as_slice(), b"secret");
        assert_eq!(pipe, b"data");
    }

    #[cfg(unix)]
    #[test]
    fn a_passphrase_file_that_others_can_access_causes_a_warning() {
        use std::os::unix::fs::PermissionsExt;
        let (temporary, source) = file(b"secret\n");
        assert_eq!(source.exposure(), None);
        for mode in [0o640, 0o604, 0o620] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(temporary.path(), permissions).unwrap();
            assert!(source.exposure().unwrap().contains("chmod 600"));
            assert_eq!(source.read_existing().unwrap().as_bytes(), b"secret");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn file_descriptors_of_files_and_pipes_are_read() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::PermissionsExt;
        let (temporary, _) = file(b"secret\n");
        let permissions = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(temporary.path(), permissions).unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"secret\n").unwrap();
        for descriptor in [temporary.as_file().as_raw_fd(), reader.as_raw_fd()] {
            let source = PassphraseInput::File(format!("/dev/fd/{descriptor}").into());
            assert_eq!(source.read_existing().unwrap().as_bytes(), b"secret");
        }
    }

    #[test]
    fn a_missing_file_is_a_system_error() {
        let source = PassphraseInput::File("no such file".into());
        assert_eq!(source.read_existing().unwrap_err().exit(), Exit::System);
    }

    #[test]
    fn a_new_passphrase_is_entered_twice() {
        let equal = prompt_twice(&mut typed(&["secret", "secret"])).unwrap();
        assert_eq!(equal.as_bytes(), b"secret");
        let differ = prompt_twice(&mut typed(&["secret", "secrets"])).unwrap_err();
        assert_eq!(differ.message(), "the two passphrases differ");
        let empty = prompt_twice(&mut typed(&["", ""])).unwrap_err();
        assert!(empty.message().contains("empty"));
        let aborted = prompt_twice(&mut typed(&["secret"])).unwrap_err();
        assert_eq!(
            aborted.message(),
            "expected a passphrase, found the end of the input"
        );
    }

    #[test]
    fn the_hint_names_the_passphrase_file_if_there_is_no_terminal() {
        let mut no_terminal = |_: &str| Err(io::Error::from(ErrorKind::NotFound));
        let failure = prompt_once(&mut no_terminal, "Passphrase: ").unwrap_err();
        assert_eq!((failure.exit(), failure.code()), (Exit::Usage, "USAGE"));
        assert!(failure.advice().unwrap().contains("--passphrase-file"));
    }
}
