//! The data directory: the database, the keys, the certificate and the trust set of a server.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use license_cli_support::{Exit, Failure, show_path};

/// The mode of the directory: only its owner has access.
const MODE: u32 = 0o700;

/// The data directory of a server. Only its owner has access to it.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Creates the directory if it is missing. Returns whether this call created it.
    ///
    /// Its parent directory must exist: a missing one is a typing error, or a disk that is not
    /// mounted.
    ///
    /// # Errors
    ///
    /// Returns `IO` if the directory cannot be created, and the errors of [`open`](Self::open).
    pub(crate) fn create(path: &Path) -> Result<(Self, bool), Failure> {
        let existed = path.exists();
        match DirBuilder::new().mode(MODE).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(not_created(path, &error));
            }
            _ => {}
        }
        Self::open(path).map(|directory| (directory, !existed))
    }

    /// Opens an existing directory.
    ///
    /// # Errors
    ///
    /// Returns `NOT_INITIALIZED` if the directory is missing, and `INSECURE_DIRECTORY` if another
    /// user has access to it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let found = match path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing(path)),
            found => found.map_err(|error| Failure::io("open", path, &error))?,
        };
        if !found.is_dir() {
            let message = format!("expected a directory, found a file: {}", show_path(path));
            return Err(Failure::usage(message).hint("choose another directory with --data-dir"));
        }
        let own = rustix::process::geteuid().as_raw();
        if found.uid() != own {
            let (owner, user) = (user_name(found.uid()), user_name(own));
            let directory = show_path(path);
            let hint = format!(
                "run the command as user {owner}: `sudo -u {owner} license-server …`; or, if the \
                 directory is to belong to user {user}: `chown -R {user} {directory}`"
            );
            let found = format!("user {owner} as the owner");
            return Err(insecure(path, &found, &hint));
        }
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            let hint = format!("run `chmod 700 {}`", show_path(path));
            return Err(insecure(path, &format!("mode {mode:03o}"), &hint));
        }
        let path = path.to_owned();
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the server's private key.
    pub(crate) fn key(&self) -> PathBuf {
        self.path.join("server.key")
    }

    /// Returns the path of the key for secrets of accounts, which a server with a key in an HSM
    /// has.
    pub(crate) fn account_key(&self) -> PathBuf {
        self.path.join("accounts.key")
    }

    /// Returns the paths of the server's earlier private keys, in the order of their names.
    ///
    /// # Errors
    ///
    /// Returns `IO` if the directory cannot be read.
    pub(crate) fn earlier_keys(&self) -> Result<Vec<PathBuf>, Failure> {
        let failed = |error| Failure::io("read", &self.path, &error);
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_str().unwrap_or_default();
            let is_key = |name: &str| name.strip_prefix("server-")?.strip_suffix(".key").map(drop);
            if is_key(name).is_some() {
                keys.push(self.path.join(name));
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// Returns the path of a new key before it replaces the current one.
    pub(crate) fn next_key(&self) -> PathBuf {
        self.path.join("server.key.new")
    }

    /// Returns the path of a key that is copied from another place, before it becomes the key of
    /// the server.
    pub(crate) fn imported_key(&self) -> PathBuf {
        self.path.join("server.key.imported")
    }

    /// Returns the path under which a key stays when a new key replaces it.
    pub(crate) fn earlier_key(&self, id: &str) -> PathBuf {
        self.path.join(format!("server-{id}.key"))
    }

    /// Returns the path of the request that the operator sends to the vendor.
    pub(crate) fn request(&self) -> PathBuf {
        self.path.join("server.request")
    }

    /// Returns the paths of the certificate that the server creates, and of its private key.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.path.join("tls.crt"), self.path.join("tls.key"))
    }

    /// Returns the path of the vendor's public keys.
    pub(crate) fn trust(&self) -> PathBuf {
        self.path.join("trust.jwks")
    }

    /// Returns the path of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("server.db")
    }
}

/// Returns the name of a user, or the number if the user has no name in `/etc/passwd`.
fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, uid).map_or_else(|| uid.to_string(), str::to_owned)
}

/// Returns the name of a user in the text of `/etc/passwd` (`man 5 passwd`).
fn name_of(users: &str, uid: u32) -> Option<&str> {
    let mut users = users.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then_some(name)
    })
}

fn not_created(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::io("create", path, error);
    match path.parent() {
        Some(parent) if error.kind() == ErrorKind::NotFound => failure.hint(format!(
            "create {} or mount its file system; or choose another directory with --data-dir",
            show_path(parent)
        )),
        _ => failure.hint("choose another directory with --data-dir"),
    }
}

fn missing(path: &Path) -> Failure {
    let message = format!("there is no server in {}", show_path(path));
    Failure::new(Exit::System, "NOT_INITIALIZED", message).hint(
        "name the directory with --data-dir, or the settings of the server with --config; for a \
             new server, create it with `license-server init`",
    )
}

fn insecure(path: &Path, found: &str, hint: &str) -> Failure {
    let message = format!(
        "{}: expected a directory of yours with mode 700, found {found}",
        show_path(path)
    );
    Failure::new(Exit::Usage, "INSECURE_DIRECTORY", message).hint(hint)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_directory_belongs_to_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let (directory, is_new) = DataDir::create(&path).unwrap();
        let mode = directory.path().metadata().unwrap().mode();
        assert_eq!((mode & 0o777, is_new), (0o700, true));
        let (_, is_new) = DataDir::create(&path).unwrap();
        assert!(!is_new);
    }

    #[test]
    fn a_parent_directory_is_never_created() {
        let parent = tempfile::tempdir().unwrap();
        let missing = parent.path().join("not-mounted");
        let failure = DataDir::create(&missing.join("data")).unwrap_err();
        assert_eq!(failure.code(), "IO");
        assert!(failure.advice().unwrap().contains("not-mounted"));
        assert!(!missing.exists());
    }

    #[test]
    fn users_have_names() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_of(users, 1000), Some("ann"));
        assert_eq!(name_of(users, 1001), None);
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        fs::create_dir(&path).unwrap();
        for (mode, code) in [(0o755, "INSECURE_DIRECTORY"), (0o770, "INSECURE_DIRECTORY")] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(DataDir::open(&path).unwrap_err().code(), code);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(DataDir::open(&path).is_ok());
    }

    #[test]
    fn a_missing_directory_and_a_file_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let missing = DataDir::open(&parent.path().join("none")).unwrap_err();
        assert_eq!(missing.code(), "NOT_INITIALIZED");
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(DataDir::open(&file).unwrap_err().code(), "USAGE");
        assert_eq!(DataDir::create(&file).unwrap_err().code(), "USAGE");
    }
}
