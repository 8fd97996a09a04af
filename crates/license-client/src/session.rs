//! Sessions: one user works on one project on this machine.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::LicenseId;
use license_core::session::{ProjectError, ProjectRoot, SessionId};
use license_core::usage_report::UsageCounts;

use crate::files::{create_private, create_private_file, inherit_owner, is_same_file, no_follow};
use crate::manager::{LicenseManager, UsageAccount};
use crate::project::find_project;

/// The name of the directory, inside the state directory, that contains a locked file for each open
/// session.
const DIRECTORY: &str = "sessions";

/// Ensures that each process removes the files of crashed sessions only once.
static SWEPT: Once = Once::new();

/// How often the file of a session is created again, if another process removes the file before it
/// is locked.
const ATTEMPTS: u32 = 16;

/// An open session.
///
/// A session ends when it is dropped or when the process ends, because the system then releases the
/// lock of the session. There is no timeout.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// # let project = scratch.path();
/// let session = client.session(project)?;
/// println!("{} on {}", session.id(), session.root().path().display());
/// // The session ends here.
/// drop(session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the session ends as soon as it is dropped"]
pub struct Session {
    id: SessionId,
    root: ProjectRoot,
    lock: Option<SessionLock>,
}

/// The locked file of a session. Each session has its own file, even if several sessions are open
/// on one project.
#[derive(Debug)]
struct SessionLock {
    file: File,
    path: PathBuf,
}

impl Session {
    /// Opens a session on the project that contains `path`, and counts it for usage reports.
    ///
    /// Without `user`, the session belongs to the system user of this process. `license` is the
    /// license in effect, if there is one. The session id depends on the license, the machine, the
    /// user and the project.
    ///
    /// A session also opens if the state directory cannot be written, but then
    /// [`Session::is_counted`] returns `false`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let project = machine.scratch.path();
    /// use license_client::Session;
    ///
    /// let session = Session::open(manager, None, Some("ann"), project)?;
    /// assert_eq!(Session::list_open(manager)?, [session.id().to_string()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ProjectError`] if no readable project is found.
    pub fn open(
        manager: &LicenseManager,
        license: Option<&LicenseId>,
        user: Option<&str>,
        path: &Path,
    ) -> Result<Self, ProjectError> {
        let mut session = Self::find(manager, license, user, path)?;
        // A session without a directory for its lock is not counted, but works.
        let dir = manager.state_dir().filter(|dir| dir.create().is_ok());
        let directory = dir.map(|dir| dir.path().join(DIRECTORY));
        let directory = directory.filter(|directory| is_not_a_link(directory));
        if let Some(directory) = &directory {
            // A killed process leaves its session file behind, and usually no other call removes
            // the file.
            SWEPT.call_once(|| drop(list_open(directory)));
        }
        session.lock =
            directory.and_then(|directory| SessionLock::acquire(&directory, session.id).ok());
        let system_user = user.is_none().then(user_of_this_process);
        let user = user.or(system_user.as_deref());
        let id = session.id.to_string();
        manager.count(UsageAccount { license, user }, UsageCounts::session(&id));
        manager.flush_if_free();
        Ok(session)
    }

    /// Finds the session of a project without opening it. Nothing is written.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let project = machine.scratch.path();
    /// use license_client::Session;
    ///
    /// let session = Session::find(manager, None, Some("ann"), project)?;
    /// println!("the session of this project is {}", session.id());
    /// assert!(!session.is_counted(), "it is not open");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Session::open`].
    pub fn find(
        manager: &LicenseManager,
        license: Option<&LicenseId>,
        user: Option<&str>,
        path: &Path,
    ) -> Result<Self, ProjectError> {
        let state = manager.state_dir().map(|dir| dir.path());
        let root = find_project(path, manager.product(), state)?;
        let system_user = || user_of_this_process();
        let user = user.map_or_else(system_user, str::to_owned);
        let id = SessionId::new(license, manager.digest(), &user, &root.name_bytes());
        Ok(Self {
            id,
            root,
            lock: None,
        })
    }

    /// Returns the ids of the sessions of this user that are open on this machine, in all
    /// processes. Also removes the files of sessions whose process has crashed.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::Session;
    ///
    /// println!("{} open sessions", Session::list_open(manager)?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the state directory cannot be read.
    pub fn list_open(manager: &LicenseManager) -> io::Result<Vec<String>> {
        match manager.state_dir() {
            Some(dir) => list_open(&dir.path().join(DIRECTORY)),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the session id.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// # let project = scratch.path();
    /// let (first, second) = (client.session(project)?, client.session(project)?);
    /// assert_eq!(first.id(), second.id(), "same user, same project");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the root of the project.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// # let project = scratch.path();
    /// let session = client.session(project)?;
    /// println!("{} because of {:?}", session.root().path().display(), session.root().reason());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root(&self) -> &ProjectRoot {
        &self.root
    }

    /// Returns whether other processes can see that the session is open.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// # let project = scratch.path();
    /// let session = client.session(project)?;
    /// if !session.is_counted() {
    ///     eprintln!("the state directory is not writable");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_counted(&self) -> bool {
        self.lock.is_some()
    }
}

/// Returns whether the path is not a symbolic link. A link could lead a process of root to a
/// directory of another user.
fn is_not_a_link(directory: &Path) -> bool {
    !fs::symlink_metadata(directory).is_ok_and(|found| found.is_symlink())
}

/// Returns the ids of the sessions whose files are locked, and removes the other session files.
/// Does not follow a symbolic link.
fn list_open(directory: &Path) -> io::Result<Vec<String>> {
    if !is_not_a_link(directory) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut open = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = id_in_name(&name) else {
            continue;
        };
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_locked(&entry.path()) && !open.iter().any(|known| known == id) {
            open.push(id.to_owned());
        }
    }
    open.sort();
    Ok(open)
}

/// Returns the session id in the name of a session file. Returns `None` for any other file, which
/// must not be removed.
fn id_in_name(name: &OsStr) -> Option<&str> {
    let (id, rest) = name.to_str()?.split_once('.')?;
    let (process, number) = rest.split_once('-')?;
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    let digits = id.strip_prefix("sess_")?;
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && is_number(process) && is_number(number)).then_some(id)
}

/// Number of sessions that this process has opened. The number makes the names of the session files
/// unique.
static OPENED: AtomicU64 = AtomicU64::new(0);

impl SessionLock {
    /// Creates a file for one session and locks it exclusively. A process that lists sessions uses
    /// a shared lock.
    fn acquire(directory: &Path, id: SessionId) -> io::Result<Self> {
        match create_private(directory) {
            Ok(()) => {
                // If root created the directory, the user becomes its owner. A symbolic link that
                // has replaced the directory in the meantime is not followed.
                if let (Some(state), Ok(created)) = (directory.parent(), open_no_follow(directory))
                    && created.metadata().is_ok_and(|created| created.is_dir())
                {
                    inherit_owner(state, &created);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        for _ in 0..ATTEMPTS {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{id}.{}-{number}", std::process::id()));
            let file = match create_private_file(&path) {
                // An earlier process with the same process id left this file.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            // A process that lists sessions may have removed the file before it was locked.
            if file.try_lock().is_ok() && is_still_at(&file, &path) {
                inherit_owner(directory, &file);
                return Ok(Self { file, path });
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn open_no_follow(path: &Path) -> io::Result<File> {
    no_follow(File::options().read(true)).open(path)
}

/// Returns whether the path still leads to the opened file.
fn is_still_at(file: &File, path: &Path) -> bool {
    let (opened, at_path) = (file.metadata(), fs::symlink_metadata(path));
    matches!((opened, at_path), (Ok(opened), Ok(at_path)) if is_same_file(&opened, &at_path))
}

/// Returns whether a process has locked the file. Removes a file that is not locked, and ignores a
/// symbolic link.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = open_no_follow(path) else {
        return false;
    };
    // The lock is shared, so that two processes that list sessions do not mistake each other for a
    // session.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => {
            let _ = fs::remove_file(path);
            false
        }
        // If the file system does not support locks, no session is known to be open.
        Err(TryLockError::Error(_)) => false,
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Returns the user id of this process. A user name from the environment is not reliable.
#[cfg(unix)]
fn user_of_this_process() -> String {
    format!("uid:{}", rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn user_of_this_process() -> String {
    std::env::var("USERNAME").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_session_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let id = "sess_00112233445566778899aabbccddeeff";
        let unlocked = format!("{id}.4711-0");
        let others = [
            "passwd",
            "sess_0011.4711-0",
            &format!("{id}.4711"),
            &format!("{id}.conf-d"),
            id,
        ];
        for name in others.iter().chain([&unlocked.as_str()]) {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(list_open(directory.path()).unwrap(), [""; 0]);
        assert!(
            !directory.path().join(&unlocked).exists(),
            "{unlocked} must be removed"
        );
        for name in others {
            assert!(directory.path().join(name).exists(), "{name}");
        }
        let lock = SessionLock::acquire(directory.path(), open_id()).unwrap();
        assert_eq!(
            list_open(directory.path()).unwrap(),
            [open_id().to_string()]
        );
        drop(lock);
        assert_eq!(list_open(directory.path()).unwrap(), [""; 0]);
    }

    /// Returns the manager of an empty state directory, and the path of an unlocked session file in
    /// another directory.
    #[cfg(unix)]
    fn with_other_directory() -> (tempfile::TempDir, LicenseManager, std::path::PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let (state, other) = (scratch.path().join("state"), scratch.path().join("other"));
        for directory in [&state, &other] {
            create_private(directory).unwrap();
        }
        let session_file = other.join("sess_00112233445566778899aabbccddeeff.4711-0");
        fs::write(&session_file, "content").unwrap();
        let product = license_core::FeatureMatrix::built_in().product();
        let manager = LicenseManager::at(product, crate::state_dir::StateDir::at(state));
        (scratch, manager, session_file)
    }

    #[test]
    #[cfg(unix)]
    fn sessions_behind_a_symbolic_link_are_neither_listed_nor_removed() {
        let (scratch, manager, session_file) = with_other_directory();
        let sessions = scratch.path().join("state").join(DIRECTORY);
        std::os::unix::fs::symlink(scratch.path().join("other"), sessions).unwrap();
        assert_eq!(Session::list_open(&manager).unwrap(), [""; 0]);
        assert!(session_file.exists());
        let session = Session::open(&manager, None, None, scratch.path()).unwrap();
        assert!(!session.is_counted());
        assert_eq!(
            fs::read_dir(scratch.path().join("other")).unwrap().count(),
            1
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_symbolic_link_is_not_a_session_even_if_its_target_is_locked() {
        let (scratch, manager, session_file) = with_other_directory();
        let sessions = scratch.path().join("state").join(DIRECTORY);
        create_private(&sessions).unwrap();
        let link = sessions.join(session_file.file_name().unwrap());
        std::os::unix::fs::symlink(&session_file, &link).unwrap();
        let locked = File::open(&session_file).unwrap();
        locked.lock().unwrap();
        assert!(
            !is_locked(&link),
            "a link is ignored even if it replaced the file after a check"
        );
        assert_eq!(Session::list_open(&manager).unwrap(), [""; 0]);
        drop(locked);
        assert!(!is_locked(&link));
        assert!(session_file.exists() && link.is_symlink());
        assert_eq!(fs::read(&session_file).unwrap(), b"content");
    }

    #[test]
    #[cfg(unix)]
    fn opening_for_a_change_of_owner_does_not_follow_a_symbolic_link() {
        let (scratch, _, session_file) = with_other_directory();
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(session_file.parent().unwrap(), &link).unwrap();
        assert!(open_no_follow(&link).is_err());
        assert!(open_no_follow(session_file.parent().unwrap()).is_ok());
    }

    fn open_id() -> SessionId {
        SessionId::new(None, None, "ann", b"/p")
    }
}
