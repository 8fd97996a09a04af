//! Access to the machine: files, environment variables, programs, hardware and the registry.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use license_core::chrono::{DateTime, Utc};
use license_core::time;

use crate::value::named_value;

/// Maximum number of bytes that are read from a file or a program. This is enough for long lists of
/// mounts and processors.
const MAX_BYTES: u64 = 256 * 1024;

/// The initial capacity of the buffer for a file. Most files in `/proc` fit into this buffer, but
/// report a length of 0.
const INITIAL_CAPACITY: usize = 4096;

/// The maximum run time of a program. PowerShell takes a few seconds to start on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two checks whether a program has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// The source of the components of a machine. Tests replace it to simulate other machines.
///
/// ```
/// use license_client::{LocalSystem, System};
/// use std::path::Path;
///
/// /// Returns the name of this Linux machine.
/// fn host_name(system: &dyn System) -> std::io::Result<String> {
///     Ok(system.read(Path::new("/etc/hostname"))?.trim().to_owned())
/// }
/// println!("{}", host_name(&LocalSystem).unwrap_or_default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait System {
    /// Returns the platform.
    fn platform(&self) -> Platform;

    /// Returns the value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Returns at most the first 256 KiB of a file. Replaces invalid UTF-8.
    ///
    /// # Errors
    ///
    /// Returns an error if the file does not exist, may not be read, or is a directory, a pipe or a
    /// device.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Returns the sorted names in a directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory does not exist or may not be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Returns the target of a symbolic link.
    ///
    /// # Errors
    ///
    /// Returns an error if the link does not exist or may not be read.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Returns whether a file or directory exists, even if it may not be read.
    fn exists(&self, path: &Path) -> bool;

    /// Returns the time at which a file or directory was last written: the earlier of its
    /// modification time and its change time.
    ///
    /// Any program can set the modification time. The change time comes from the clock, and is new
    /// for a file from a backup or an image. The default implementation knows no times.
    ///
    /// # Errors
    ///
    /// Returns an error if the file does not exist or may not be examined, and `Unsupported` if the
    /// system has no change time.
    fn last_write(&self, path: &Path) -> io::Result<DateTime<Utc>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns the UUID of the product in the firmware. On macOS, this is `IOPlatformUUID`.
    ///
    /// # Errors
    ///
    /// Returns `NotFound` if the firmware has no such value, and `PermissionDenied` if this user
    /// may not read it.
    fn product_uuid(&self) -> io::Result<String>;

    /// Returns the serial number of the product in the firmware.
    ///
    /// # Errors
    ///
    /// Same as [`System::product_uuid`].
    fn product_serial_number(&self) -> io::Result<String>;

    /// Returns the brand of the first processor.
    ///
    /// # Errors
    ///
    /// Returns `NotFound` if the system does not report it.
    fn cpu_brand(&self) -> io::Result<String>;

    /// Returns a value below `HKEY_LOCAL_MACHINE` as text. A number is in decimal, and binary data
    /// are hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Returns `NotFound` if the value does not exist, `PermissionDenied` if this user may not read
    /// it, and another error on systems other than Windows.
    fn registry(&self, key: &str, name: &str) -> io::Result<String>;

    /// Runs a program without a shell. Returns at most 256 KiB of its output.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be started, fails, or runs for more than ten seconds.
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<String>;
}

/// A platform with its own sources of components.
///
/// ```
/// use license_client::Platform;
///
/// let platform: Platform = "macos".parse()?;
/// assert_eq!(platform, Platform::MacOs);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Platform {
    /// Linux, including the Windows Subsystem for Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
    /// Any other platform. It supports only a configured id.
    Other,
}

impl Platform {
    /// All platforms.
    pub const ALL: &'static [Self] = &[Self::Linux, Self::MacOs, Self::Windows, Self::Other];

    /// Returns the name of the platform.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::MacOs => "macos",
            Self::Windows => "windows",
            Self::Other => "other",
        }
    }

    /// Returns the platform with this name.
    ///
    /// ```
    /// use license_client::Platform;
    ///
    /// assert_eq!(Platform::parse("windows"), Some(Platform::Windows));
    /// assert_eq!(Platform::parse("Windows"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|platform| platform.as_str() == name)
    }
}

named_value!(Platform, "`linux`, `macos`, `windows` or `other`");

/// The machine that this process runs on.
///
/// ```
/// use license_client::{LocalSystem, System};
/// use std::path::Path;
///
/// assert!(!LocalSystem.exists(Path::new("/no/such/file")));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalSystem;

impl System for LocalSystem {
    fn platform(&self) -> Platform {
        if cfg!(target_os = "linux") {
            Platform::Linux
        } else if cfg!(target_os = "macos") {
            Platform::MacOs
        } else if cfg!(windows) {
            Platform::Windows
        } else {
            Platform::Other
        }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        // The check comes first, because opening a named pipe would wait for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        read_text(File::open(path)?)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(directory)?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn last_write(&self, path: &Path) -> io::Result<DateTime<Utc>> {
        last_write(&fs::metadata(path)?)
    }

    fn product_uuid(&self) -> io::Result<String> {
        sysinfo::Product::uuid().ok_or_else(product_uuid_error)
    }

    fn product_serial_number(&self) -> io::Result<String> {
        or_not_found(sysinfo::Product::serial_number())
    }

    fn cpu_brand(&self) -> io::Result<String> {
        let mut system = sysinfo::System::new();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        or_not_found(system.cpus().first().map(|cpu| cpu.brand().to_owned()))
    }

    fn registry(&self, key: &str, name: &str) -> io::Result<String> {
        registry_value(key, name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        run_within(RUN_TIMEOUT, program, arguments)
    }
}

/// Returns the earlier of both times. A time before 1970 counts as 1970.
#[cfg(unix)]
fn last_write(found: &fs::Metadata) -> io::Result<DateTime<Utc>> {
    use std::os::unix::fs::MetadataExt;
    let seconds = found.mtime().min(found.ctime());
    let seconds = u64::try_from(seconds).unwrap_or_default();
    Ok(time::from_unix_seconds(seconds).unwrap_or(time::MAX))
}

#[cfg(not(unix))]
fn last_write(_: &fs::Metadata) -> io::Result<DateTime<Utc>> {
    Err(io::ErrorKind::Unsupported.into())
}

fn or_not_found(text: Option<String>) -> io::Result<String> {
    text.ok_or(io::ErrorKind::NotFound.into())
}

/// Returns why `sysinfo` returned no UUID. Usually only root may read the file with the UUID.
#[cfg(target_os = "linux")]
fn product_uuid_error() -> io::Error {
    match fs::read_to_string(super::linux::PRODUCT_UUID) {
        Err(error) => error,
        // The file became readable in the meantime.
        Ok(_) => io::ErrorKind::Interrupted.into(),
    }
}

#[cfg(not(target_os = "linux"))]
fn product_uuid_error() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[cfg(windows)]
use super::registry::value as registry_value;

#[cfg(not(windows))]
fn registry_value(_: &str, _: &str) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}

fn read_text(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
    from.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn run_within(
    timeout: Duration,
    program: &str,
    arguments: &[&str],
) -> io::Result<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        // Programs that support several languages then print English.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    without_window(&mut command);
    let mut child = command.spawn()?;
    let output = output_of(&mut child, timeout);
    if output.is_err() {
        // The program may have ended in the meantime.
        let _ = child.kill();
        let _ = child.wait();
    }
    output
}

/// Waits for the end of the output, then for the end of the program.
fn output_of(child: &mut Child, timeout: Duration) -> io::Result<String> {
    let deadline = Instant::now() + timeout;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // After a timeout, the receiver no longer exists.
        let _ = sender.send(read_text(stdout));
    })?;
    let output = receiver
        .recv_timeout(timeout)
        .map_err(|_| io::ErrorKind::TimedOut)??;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(output),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
            None => thread::sleep(PAUSE),
        }
    }
}

/// Sets `CREATE_NO_WINDOW`. Otherwise a console window appears for a moment if this process is a
/// graphical program.
#[cfg(windows)]
fn without_window(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    command.creation_flags(0x0800_0000);
}

/// Does nothing, because only Windows opens a console for a program.
#[cfg(not(windows))]
fn without_window(_: &mut Command) {}
