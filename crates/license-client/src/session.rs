//! Sessions: one user works on one project on this machine.

mod lock;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Once;

use license_core::LicenseId;
use license_core::session::{ProjectError, ProjectRoot, SessionId};
use license_core::usage::UsageCounts;

use self::lock::{SessionLock, is_locked};
use crate::directory::{Directory, Missing, WritableDirectory};
use crate::manager::{LicenseManager, UsageAccount};
use crate::project::find_project;
use crate::state_dir::StateDir;

/// The name of the directory, inside the state directory, that contains a locked file for each open
/// session.
const DIRECTORY: &str = "sessions";

/// Ensures that each process removes the files of crashed sessions only once.
static SWEPT: Once = Once::new();

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
        let state = manager
            .state_dir()
            .and_then(|dir| dir.open(Missing::Create).ok());
        let directory = state.and_then(|state| state.open_or_create_directory(DIRECTORY).ok());
        if let Some(directory) = &directory {
            // A killed process leaves its session file behind, and usually no other call removes
            // the file.
            SWEPT.call_once(|| drop(list_and_remove(directory)));
        }
        session.lock =
            directory.and_then(|directory| SessionLock::acquire(directory, session.id).ok());
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
            Some(dir) => list_open(dir),
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

/// Returns the ids of the open sessions. Removes the files of other sessions, if this process may
/// change the directory. Does not follow a symbolic link.
fn list_open(dir: &StateDir) -> io::Result<Vec<String>> {
    let writable = dir
        .open(Missing::Fail)
        .and_then(|state| state.open_writable_directory(DIRECTORY));
    let listed = match writable {
        Ok(directory) => list_and_remove(&directory),
        Err(_) => Directory::open(dir.path())
            .and_then(|state| state.open_directory(DIRECTORY))
            .and_then(|directory| list(&directory, |_| {})),
    };
    match listed {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        listed => listed,
    }
}

fn list_and_remove(directory: &WritableDirectory) -> io::Result<Vec<String>> {
    list(directory, |name| {
        let _ = directory.remove_file(name);
    })
}

/// Returns the ids of the sessions whose files are locked, and calls `remove` with the names of the
/// other session files.
fn list(directory: &Directory, remove: impl Fn(&str)) -> io::Result<Vec<String>> {
    let mut open = Vec::new();
    for name in directory.names()? {
        let Some(id) = id_in_name(&name) else {
            continue;
        };
        if is_locked(directory, &name, &remove) && !open.iter().any(|known| known == id) {
            open.push(id.to_owned());
        }
    }
    open.sort();
    Ok(open)
}

/// Returns the session id in the name of a session file. Returns `None` for any other file, which
/// must not be removed.
fn id_in_name(name: &str) -> Option<&str> {
    let (id, rest) = name.split_once('.')?;
    let (process, number) = rest.split_once('-')?;
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    let digits = id.strip_prefix("sess_")?;
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && is_number(process) && is_number(number)).then_some(id)
}

/// Returns the user id of this process. A user name from the environment is not reliable.
#[cfg(unix)]
pub(crate) fn user_of_this_process() -> String {
    format!("uid:{}", rustix::process::geteuid().as_raw())
}

/// Returns the name of the user of this process for people: the name of the account, or else the
/// user id. It identifies nothing, because the name of an account can change.
#[cfg(all(unix, feature = "online"))]
pub(crate) fn name_of_this_user() -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = account(&users, rustix::process::geteuid().as_raw());
    account.map_or_else(user_of_this_process, str::to_owned)
}

/// Returns the name of an account in the text of `/etc/passwd` (`man 5 passwd`).
#[cfg(all(unix, any(feature = "online", test)))]
fn account(users: &str, uid: u32) -> Option<&str> {
    let mut users = users.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then_some(name)
    })
}

#[cfg(all(not(unix), feature = "online"))]
pub(crate) fn name_of_this_user() -> String {
    user_of_this_process()
}

#[cfg(not(unix))]
pub(crate) fn user_of_this_process() -> String {
    std::env::var("USERNAME").unwrap_or_default()
}

#[cfg(test)]
mod tests;
