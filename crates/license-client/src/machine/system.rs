//! Access to the machine: files, variables, programs, hardware and registry.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Long lists of mounts and of processors fit; what is further on is not needed.
const MOST_BYTES: u64 = 256 * 1024;

/// What most files of `/proc` have, which tell no length: they are read at once.
const USUAL_BYTES: usize = 4096;

/// PowerShell takes a few seconds to start on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Where facts about a machine are read, so that any machine can be tried on any other.
pub trait System {
    /// Which platform it is.
    fn platform(&self) -> Platform;

    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The beginning of a file, at most 256 KiB; what is no UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// When there is no such file, when it may not be read, and when it is a folder, a pipe or a device.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The names in a folder, sorted.
    ///
    /// # Errors
    ///
    /// When there is no such folder or it may not be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// What a symlink says, without following it.
    ///
    /// # Errors
    ///
    /// When there is no such symlink or it may not be read.
    fn link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Whether there is a file or folder, also where it may not be read.
    fn exists(&self, path: &Path) -> bool;

    /// Returns the UUID of the product in the firmware; on macOS it is `IOPlatformUUID`.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is none, `PermissionDenied` if it may not be read.
    fn product_uuid(&self) -> io::Result<String>;

    /// Returns the serial number of the product in the firmware.
    ///
    /// # Errors
    ///
    /// As [`System::product_uuid`].
    fn product_serial_number(&self) -> io::Result<String>;

    /// Returns the brand of the first processor.
    ///
    /// # Errors
    ///
    /// `NotFound` if the system does not tell it.
    fn cpu_brand(&self) -> io::Result<String>;

    /// Returns a value below `HKEY_LOCAL_MACHINE` as text: a number in decimal, binary data as
    /// hexadecimal digits. Other systems than Windows have no registry.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such value, `PermissionDenied` if it may not be read.
    fn registry(&self, key: &str, name: &str) -> io::Result<String>;

    /// What a program prints, at most 256 KiB of it; no shell is involved.
    ///
    /// # Errors
    ///
    /// When it cannot be started, when it fails, and when it is not done after ten seconds.
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<String>;
}

/// A platform on which facts are found in their own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Platform {
    /// Linux, also under Windows.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
    /// Any other: only an id that was given counts.
    Other,
}

/// The machine that this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisSystem;

impl System for ThisSystem {
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
        // Before opening it: to open a named pipe would wait for somebody to write.
        if !fs::metadata(path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        read_text(File::open(path)?)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(folder)?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    fn link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn product_uuid(&self) -> io::Result<String> {
        sysinfo::Product::uuid().ok_or_else(why_no_product_uuid)
    }

    fn product_serial_number(&self) -> io::Result<String> {
        found(sysinfo::Product::serial_number())
    }

    fn cpu_brand(&self) -> io::Result<String> {
        let mut system = sysinfo::System::new();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        found(system.cpus().first().map(|cpu| cpu.brand().to_owned()))
    }

    fn registry(&self, key: &str, name: &str) -> io::Result<String> {
        registry_value(key, name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        run_within(PATIENCE, program, arguments)
    }
}

fn found(text: Option<String>) -> io::Result<String> {
    text.ok_or(io::ErrorKind::NotFound.into())
}

/// Returns why `sysinfo` returned nothing: on Linux only root may read the file.
#[cfg(target_os = "linux")]
fn why_no_product_uuid() -> io::Error {
    match fs::read_to_string(super::linux::PRODUCT_UUID) {
        Err(error) => error,
        // It can be read now, and could not be a moment ago.
        Ok(_) => io::ErrorKind::Interrupted.into(),
    }
}

#[cfg(not(target_os = "linux"))]
fn why_no_product_uuid() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[cfg(windows)]
use super::registry::value as registry_value;

#[cfg(not(windows))]
fn registry_value(_: &str, _: &str) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}

fn read_text(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    from.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn run_within(
    patience: Duration,
    program: &str,
    arguments: &[&str],
) -> io::Result<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        // In English, where a program knows several languages.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    without_window(&mut command);
    let mut child = command.spawn()?;
    let output = output_of(&mut child, patience);
    if output.is_err() {
        // It may have ended meanwhile, which is as well.
        let _ = child.kill();
        let _ = child.wait();
    }
    output
}

/// Waits for the end of the output, then for the end of the program.
fn output_of(child: &mut Child, patience: Duration) -> io::Result<String> {
    let deadline = Instant::now() + patience;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // Nobody listens any more once the time is up.
        let _ = sender.send(read_text(stdout));
    })?;
    let output = receiver
        .recv_timeout(patience)
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

/// `CREATE_NO_WINDOW`: a program with windows of its own would flash a console.
#[cfg(windows)]
fn without_window(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    command.creation_flags(0x0800_0000);
}

/// Elsewhere programs open no window.
#[cfg(not(windows))]
fn without_window(_: &mut Command) {}
