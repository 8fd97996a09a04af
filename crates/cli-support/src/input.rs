//! Input with a size limit, from a file or standard input.

use crate::escape::show_path;
use crate::failure::Failure;
use crate::qr::{MAX_PICTURE_BYTES, is_picture, read_picture};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The source of input: a file, or standard input, written `-`.
///
/// ```
/// use license_cli_support::Source;
///
/// assert_eq!(Source::from("-"), Source::Stdin);
/// assert_eq!(Source::from("acme.lic"), Source::File("acme.lic".into()));
/// assert_eq!(Source::from("./-"), Source::File("./-".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file, or anything else that can be read by its path.
    File(PathBuf),
}

impl Source {
    /// Reads the whole input, at most `cap` bytes.
    ///
    /// # Errors
    ///
    /// Returns `IO` if the input cannot be read, and `MALFORMED` if it is larger than `cap`.
    pub fn read_bytes(&self, cap: usize) -> Result<Vec<u8>, Failure> {
        self.read(cap, |_| cap)
    }

    /// Reads text of at most `cap` bytes. `decode` converts the bytes, for example from UTF-16.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_bytes`](Self::read_bytes), and `MALFORMED` with the error of
    /// `decode`.
    pub fn read_text<E: fmt::Display>(
        &self,
        cap: usize,
        decode: impl FnOnce(Vec<u8>) -> Result<String, E>,
    ) -> Result<String, Failure> {
        self.text(self.read_bytes(cap)?, decode)
    }

    fn text<E: fmt::Display>(
        &self,
        bytes: Vec<u8>,
        decode: impl FnOnce(Vec<u8>) -> Result<String, E>,
    ) -> Result<String, Failure> {
        decode(bytes).map_err(|error| {
            Failure::malformed(format!("{self}: {error}"))
                .hint("use the original file, or save it as UTF-8 text")
        })
    }

    /// Reads text of at most `cap` bytes, or more for some kinds of input.
    ///
    /// If the input is longer, `larger` returns the actual limit, based on the first `cap + 1`
    /// bytes.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_text`](Self::read_text).
    pub fn read_text_with_larger_cap<E: fmt::Display>(
        &self,
        cap: usize,
        larger: impl Fn(&[u8]) -> usize,
        decode: impl FnOnce(Vec<u8>) -> Result<String, E>,
    ) -> Result<String, Failure> {
        self.text(self.read(cap, larger)?, decode)
    }

    /// Reads text of at most `cap` bytes, or the text of the only QR code in a picture.
    ///
    /// If the text is longer, `larger` returns the actual limit, based on the first `cap + 1`
    /// bytes. Without the feature `pictures`, a picture is refused.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read_text`](Self::read_text). Returns `MALFORMED` if a picture has
    /// another format than PNG and JPEG, is damaged or too large, or does not contain exactly one
    /// QR code that can be read.
    pub fn read_text_or_picture<E: fmt::Display>(
        &self,
        cap: usize,
        larger: impl Fn(&[u8]) -> usize,
        decode: impl FnOnce(Vec<u8>) -> Result<String, E>,
    ) -> Result<String, Failure> {
        let bytes = self.read(cap, |start| {
            if is_picture(start) {
                MAX_PICTURE_BYTES
            } else {
                larger(start)
            }
        })?;
        if is_picture(&bytes) {
            read_picture(&bytes, &self.to_string())
        } else {
            self.text(bytes, decode)
        }
    }

    fn read(&self, cap: usize, larger: impl Fn(&[u8]) -> usize) -> Result<Vec<u8>, Failure> {
        let read = match self {
            Self::Stdin => read_with_larger_cap(io::stdin().lock(), cap, larger),
            Self::File(path) => {
                File::open(path).and_then(|file| read_with_larger_cap(file, cap, larger))
            }
        };
        let (bytes, cap) = read.map_err(|error| Failure::io("read", self.as_path(), &error))?;
        if bytes.len() <= cap {
            return Ok(bytes);
        }
        let found = bytes.len();
        Err(Failure::malformed(format!(
            "{self}: expected at most {cap} bytes, found at least {found}"
        ))
        .hint("check that this is the correct file"))
    }

    fn as_path(&self) -> &Path {
        match self {
            Self::Stdin => Path::new("standard input"),
            Self::File(path) => path,
        }
    }
}

impl From<OsString> for Source {
    fn from(argument: OsString) -> Self {
        if argument == "-" {
            Self::Stdin
        } else {
            Self::File(argument.into())
        }
    }
}

impl From<&str> for Source {
    fn from(argument: &str) -> Self {
        Self::from(OsString::from(argument))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&show_path(self.as_path()))
    }
}

fn read_capped(reader: impl Read, cap: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    // A buffer that does not grow leaves no copy of a private key in freed memory.
    let mut bytes = Vec::with_capacity(cap.min(64 * 1024).saturating_add(1));
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads at most one byte more than the limit. Returns the bytes and the limit.
fn read_with_larger_cap(
    mut reader: impl Read,
    cap: usize,
    larger: impl Fn(&[u8]) -> usize,
) -> io::Result<(Vec<u8>, usize)> {
    let mut bytes = read_capped(&mut reader, cap)?;
    if bytes.len() <= cap {
        return Ok((bytes, cap));
    }
    let larger = larger(&bytes);
    if larger <= cap {
        return Ok((bytes, cap));
    }
    let rest = larger.saturating_sub(bytes.len());
    bytes.extend(read_capped(reader, rest)?);
    Ok((bytes, larger))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn file(content: &[u8]) -> (tempfile::TempDir, Source) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("input");
        std::fs::write(&path, content).unwrap();
        (directory, Source::File(path))
    }

    #[test]
    fn input_of_the_maximum_size_is_read_and_one_more_byte_is_refused() {
        let (_directory, source) = file(b"12345678");
        assert_eq!(source.read_bytes(8).unwrap(), b"12345678");
        let failure = source.read_bytes(7).unwrap_err();
        assert_eq!(
            (failure.exit(), failure.code()),
            (Exit::Indeterminate, "MALFORMED")
        );
        let expected = "expected at most 7 bytes, found at least 8";
        assert!(failure.message().ends_with(expected), "{failure}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn endless_input_is_not_read_to_its_end() {
        let failure = Source::File("/dev/zero".into())
            .read_text(1000, String::from_utf8)
            .unwrap_err();
        assert_eq!(failure.code(), "MALFORMED");
    }

    #[test]
    fn the_largest_possible_cap_does_not_overflow() {
        let (_directory, source) = file(b"small");
        assert_eq!(
            source.read_text(usize::MAX, String::from_utf8).unwrap(),
            "small"
        );
    }

    #[test]
    fn the_decoder_converts_the_bytes_or_names_the_damage() {
        let (_directory, source) = file(b"text");
        let text = source.read_text(100, |bytes| {
            assert_eq!(bytes, b"text");
            Ok::<_, &str>("decoded".to_owned())
        });
        assert_eq!(text.unwrap(), "decoded");
        let failure = source.read_text(100, |_| Err("the damage")).unwrap_err();
        assert!(failure.message().ends_with(": the damage"), "{failure}");
        assert_eq!(failure.exit(), Exit::Indeterminate);
    }

    #[test]
    fn a_missing_file_and_a_directory_are_system_errors() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().join("none"), directory.path().into()] {
            let failure = Source::File(path)
                .read_text(100, String::from_utf8)
                .unwrap_err();
            assert_eq!((failure.exit(), failure.code()), (Exit::System, "IO"));
            assert!(failure.advice().is_some(), "{failure}");
        }
    }

    #[test]
    fn clap_finds_a_value_parser_for_sources() {
        let parser = clap::value_parser!(Source);
        let _: clap::builder::ValueParser = parser.into();
    }
}
