//! A simulated machine, whose files, variables, programs and registry the tests set.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use license_core::chrono::{DateTime, Utc};

use crate::machine::{Platform, System};

const MOUNTS: &str = "/proc/self/mountinfo";

pub(super) const PRODUCT_UUID: &str = "product UUID";
pub(super) const SERIAL_NUMBER: &str = "serial number";
pub(super) const CPU_BRAND: &str = "CPU brand";

/// A simulated machine.
#[derive(Clone)]
pub(super) struct Simulated {
    platform: Platform,
    files: BTreeMap<String, Result<String, io::ErrorKind>>,
    links: BTreeMap<String, String>,
    variables: BTreeMap<String, OsString>,
    programs: BTreeMap<String, Result<String, io::ErrorKind>>,
    /// The last writes by path.
    writes: BTreeMap<String, DateTime<Utc>>,
    /// Values of the firmware by name, and values of the registry by path.
    values: BTreeMap<String, Result<String, io::ErrorKind>>,
}

impl Simulated {
    pub(super) fn new(platform: Platform) -> Self {
        Self {
            platform,
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            variables: BTreeMap::new(),
            programs: BTreeMap::new(),
            writes: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), Ok(text.to_owned()));
        self
    }

    pub(super) fn files(self, directory: &str, files: &[(&str, &str)]) -> Self {
        let add = |system: Self, (name, text): &(&str, &str)| {
            system.file(&format!("{directory}/{name}"), text)
        };
        files.iter().fold(self, add)
    }

    pub(super) fn written(mut self, path: &str, at: DateTime<Utc>) -> Self {
        self.writes.insert(path.to_owned(), at);
        self
    }

    pub(super) fn unreadable(mut self, path: &str, error: io::ErrorKind) -> Self {
        self.files.insert(path.to_owned(), Err(error));
        self
    }

    pub(super) fn without(mut self, path: &str) -> Self {
        self.files.remove(path);
        self.links.remove(path);
        self
    }

    pub(super) fn symlink(mut self, path: &str, target: &str) -> Self {
        self.links.insert(path.to_owned(), target.to_owned());
        self
    }

    pub(super) fn set(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the output of a command line. Single spaces separate the words of the command line.
    pub(super) fn prints(mut self, command: &str, output: &str) -> Self {
        let output = Ok(output.to_owned());
        self.programs.insert(command.to_owned(), output);
        self
    }

    pub(super) fn fails(mut self, command: &str, error: io::ErrorKind) -> Self {
        self.programs.insert(command.to_owned(), Err(error));
        self
    }

    /// Sets a value of the firmware by its name, or a value of the registry by its path.
    pub(super) fn with_value(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), Ok(value.to_owned()));
        self
    }

    pub(super) fn failing_value(mut self, name: &str, error: io::ErrorKind) -> Self {
        self.values.insert(name.to_owned(), Err(error));
        self
    }

    fn value(&self, name: &str) -> io::Result<String> {
        let value = self.values.get(name).cloned();
        value
            .unwrap_or(Err(io::ErrorKind::NotFound))
            .map_err(Into::into)
    }

    /// Adds a mount: `device root point - type source`.
    pub(super) fn mount(self, line: &str) -> Self {
        let before = self.files.get(MOUNTS).cloned();
        let before = before.and_then(Result::ok).unwrap_or_default();
        let (mounted, file_system) = line.split_once(" - ").unwrap();
        let line = format!("36 25 {mounted} rw,relatime shared:1 - {file_system} rw\n");
        self.file(MOUNTS, &format!("{before}{line}"))
    }
}

impl System for Simulated {
    fn platform(&self) -> Platform {
        self.platform
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = self.files.get(path.to_str().unwrap());
        let text = text.cloned().unwrap_or(Err(io::ErrorKind::NotFound));
        text.map_err(Into::into)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let prefix = format!("{}/", directory.to_str().unwrap());
        let paths = self.files.keys().chain(self.links.keys());
        let inside = paths.filter_map(|path| path.strip_prefix(&prefix));
        let mut names: Vec<String> = inside
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let target = self.links.get(path.to_str().unwrap());
        Ok(target.ok_or(io::ErrorKind::NotFound)?.into())
    }

    fn exists(&self, path: &Path) -> bool {
        let path = path.to_str().unwrap();
        let is_entry = self.files.contains_key(path) || self.links.contains_key(path);
        is_entry || self.list(Path::new(path)).is_ok()
    }

    fn last_write(&self, path: &Path) -> io::Result<DateTime<Utc>> {
        let at = self.writes.get(path.to_str().unwrap());
        at.copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn product_uuid(&self) -> io::Result<String> {
        match self.platform {
            Platform::Linux => self.read(Path::new("/sys/class/dmi/id/product_uuid")),
            _ => self.value(PRODUCT_UUID),
        }
    }

    fn product_serial_number(&self) -> io::Result<String> {
        self.value(SERIAL_NUMBER)
    }

    fn cpu_brand(&self) -> io::Result<String> {
        self.value(CPU_BRAND)
    }

    fn registry(&self, key: &str, name: &str) -> io::Result<String> {
        self.value(&format!(r"{key}\{name}"))
    }

    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        let command = format!("{program} {}", arguments.join(" "));
        let output = self.programs.get(&command);
        let output = output.cloned().unwrap_or(Err(io::ErrorKind::NotFound));
        output.map_err(Into::into)
    }
}
