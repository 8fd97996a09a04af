//! What seals a private key: asked for on the terminal, or read from a file or descriptor.

use license_terminal::Failure;

use crate::private_file;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longer ones are a wrong file rather than a passphrase.
const LONGEST: usize = 1024;

/// A passphrase of 1 to 1024 bytes; it cannot be copied or shown, and is wiped when dropped.
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes what was typed or read.
    ///
    /// # Errors
    ///
    /// `USAGE` when it is empty or longer than 1024 bytes.
    pub(crate) fn new(text: Zeroizing<String>) -> Result<Self, Failure> {
        match text.len() {
            0 => Err(Failure::usage("expected a passphrase, found an empty one")
                .hint("without a passphrase the key is open to whoever reads the file")),
            length if length > LONGEST => Err(too_long()),
            _ => Ok(Self(text)),
        }
    }

    /// What goes into the key derivation.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(..)")
    }
}

/// Where a passphrase comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PassphraseSource {
    /// The terminal, without echo.
    Prompt,
    /// The first line of a file, a pipe or a descriptor (`/dev/fd/N`).
    File(PathBuf),
}

impl PassphraseSource {
    /// Reads the passphrase of a key that exists.
    ///
    /// # Errors
    ///
    /// `USAGE` when there is no terminal or no passphrase, `IO` when the file cannot be read.
    pub(crate) fn read_existing(&self) -> Result<Passphrase, Failure> {
        match self {
            Self::Prompt => ask_once(&mut ask, "Passphrase: "),
            Self::File(path) => read_file(path),
        }
    }

    /// Reads the passphrase of a new key; a terminal is asked twice, since a slip would lock the key for good.
    ///
    /// # Errors
    ///
    /// As [`read_existing`](Self::read_existing), and `USAGE` when the two differ.
    pub(crate) fn read_new(&self) -> Result<Passphrase, Failure> {
        match self {
            Self::Prompt => ask_twice(&mut ask),
            Self::File(path) => read_file(path),
        }
    }
}

impl PassphraseSource {
    /// A warning if others can read the passphrase too. Not a refusal: secrets that a container is given as files
    /// are often readable to all in it.
    pub(crate) fn exposure(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let found = std::fs::metadata(path).ok()?;
        let exposed = private_file::is_exposed(&found) && !private_file::is_descriptor(path);
        exposed.then(|| {
            let shown = path.to_string_lossy();
            format!("others may use passphrase file {shown} too; chmod 600 closes it")
        })
    }
}

type Ask<'a> = &'a mut dyn FnMut(&str) -> io::Result<Zeroizing<String>>;

fn ask(prompt: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new)
}

fn ask_once(ask: Ask<'_>, prompt: &str) -> Result<Passphrase, Failure> {
    Passphrase::new(ask(prompt).map_err(|error| not_asked(&error))?)
}

fn ask_twice(ask: Ask<'_>) -> Result<Passphrase, Failure> {
    let first = ask_once(ask, "New passphrase: ")?;
    let second = ask("Repeat the passphrase: ").map_err(|error| not_asked(&error))?;
    if first.0 == second {
        Ok(first)
    } else {
        Err(Failure::usage("the two passphrases differ").hint("run the command again"))
    }
}

fn not_asked(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::Interrupted => {
            Failure::usage("expected a passphrase, found none").hint("run the command again")
        }
        _ => Failure::usage("a passphrase is needed and there is no terminal to ask on")
            .hint("add --passphrase-file FILE; /dev/fd/N reads it from a descriptor"),
    }
}

fn read_file(path: &Path) -> Result<Passphrase, Failure> {
    let failed = |error| Failure::io("read", path, &error);
    if private_file::is_stdin(path) {
        let line = first_line(io::stdin().lock()).map_err(failed)?;
        return Passphrase::new(into_text(line)?);
    }
    let file = File::open(path).map_err(failed)?;
    let line = first_line(file).map_err(failed)?;
    Passphrase::new(into_text(line)?)
}

/// Byte by byte, so that what follows the line stays in the pipe for whoever reads next.
fn first_line(mut reader: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let room = LONGEST + 2;
    let mut line = Zeroizing::new(Vec::with_capacity(room));
    let mut byte = Zeroizing::new([0u8]);
    while line.len() < room && read_one(&mut reader, &mut byte)? && *byte != [b'\n'] {
        line.extend_from_slice(byte.as_slice());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn read_one(reader: &mut impl Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match reader.read(byte) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map(|count| count == 1),
        }
    }
}

fn into_text(line: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Failure> {
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => {
            let offset = error.valid_up_to();
            let message =
                format!("expected a passphrase in UTF-8, found another byte at offset {offset}");
            Err(Failure::usage(message).hint("save the passphrase file as UTF-8 text"))
        }
    }
}

fn too_long() -> Failure {
    let message = format!("expected a passphrase of at most {LONGEST} bytes, found a longer one");
    Failure::usage(message).hint("check that this is the passphrase file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_terminal::Exit;

    fn file(content: &[u8]) -> (tempfile::NamedTempFile, PassphraseSource) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let source = PassphraseSource::File(file.path().into());
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
    fn a_file_gives_its_first_line_without_the_line_ending() {
        for content in [
            "pass word",
            "pass word\n",
            "pass word\r\n",
            "pass word\nsecond\n",
        ] {
            let (_file, source) = file(content.as_bytes());
            assert_eq!(source.read_existing().unwrap().as_bytes(), b"pass word");
            assert_eq!(source.read_new().unwrap().as_bytes(), b"pass word");
        }
    }

    #[test]
    fn the_longest_passphrase_is_read_and_one_byte_more_is_refused() {
        let longest = "x".repeat(LONGEST);
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
    fn empty_and_foreign_bytes_are_refused_without_repeating_them() {
        for (content, expected) in [
            (&b"\nsecond"[..], "empty"),
            (b"", "empty"),
            (b"ab\xff", "offset 2"),
        ] {
            let (_file, source) = file(content);
            let failure = source.read_new().unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.message().contains(expected), "{failure}");
        }
    }

    #[test]
    fn what_follows_the_first_line_stays_for_the_next_reader() {
        let mut pipe = &b"secret\ndata"[..];
        assert_eq!(first_line(&mut pipe).unwrap().as_slice(), b"secret");
        assert_eq!(pipe, b"data");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_pointed_out() {
        use std::os::unix::fs::PermissionsExt;
        let (kept, source) = file(b"secret\n");
        assert_eq!(source.exposure(), None);
        for mode in [0o640, 0o604, 0o620] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(kept.path(), permissions).unwrap();
            assert!(source.exposure().unwrap().contains("chmod 600"));
            assert_eq!(source.read_existing().unwrap().as_bytes(), b"secret");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn descriptors_are_read_whatever_is_behind_them() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::PermissionsExt;
        let (kept, _) = file(b"secret\n");
        let permissions = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(kept.path(), permissions).unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"secret\n").unwrap();
        for descriptor in [kept.as_file().as_raw_fd(), reader.as_raw_fd()] {
            let source = PassphraseSource::File(format!("/dev/fd/{descriptor}").into());
            assert_eq!(source.read_existing().unwrap().as_bytes(), b"secret");
        }
    }

    #[test]
    fn a_missing_file_is_a_failure_of_the_machine() {
        let source = PassphraseSource::File("no such file".into());
        assert_eq!(source.read_existing().unwrap_err().exit(), Exit::Machine);
    }

    #[test]
    fn a_new_passphrase_is_typed_twice_alike() {
        let same = ask_twice(&mut typed(&["secret", "secret"])).unwrap();
        assert_eq!(same.as_bytes(), b"secret");
        let differ = ask_twice(&mut typed(&["secret", "secrets"])).unwrap_err();
        assert_eq!(differ.message(), "the two passphrases differ");
        let empty = ask_twice(&mut typed(&["", ""])).unwrap_err();
        assert!(empty.message().contains("empty"));
        let left = ask_twice(&mut typed(&["secret"])).unwrap_err();
        assert_eq!(left.message(), "expected a passphrase, found none");
    }

    #[test]
    fn without_a_terminal_the_other_way_is_named() {
        let mut no_terminal = |_: &str| Err(io::Error::from(ErrorKind::NotFound));
        let failure = ask_once(&mut no_terminal, "Passphrase: ").unwrap_err();
        assert_eq!((failure.exit(), failure.code()), (Exit::Usage, "USAGE"));
        assert!(failure.advice().unwrap().contains("--passphrase-file"));
    }

    #[test]
    fn debug_shows_nothing() {
        let passphrase = Passphrase::new(Zeroizing::new("secret".into())).unwrap();
        assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
    }
}
