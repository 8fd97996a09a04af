//! A session: one project of one user on this machine, for as long as somebody works on it.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::LicenseId;
use license_core::session::{ProjectError, ProjectRoot, SessionId};
use license_core::usage_report::Counts;

use crate::files::{create_private, create_private_file, is_same_file, keep_owner, never_followed};
use crate::host::{Account, Host};
use crate::project::find_project;

/// The folder of the state directory in which open sessions hold a lock each.
const FOLDER: &str = "sessions";

/// Whether this process has cleared away what others had left when they were killed.
static SWEPT: Once = Once::new();

/// How often a file is made anew that somebody has removed before it was locked.
const ATTEMPTS: u32 = 16;

/// An open session. It ends when it is dropped, and with the process at the latest, however that ends: the system gives up its lock, and no
/// timer has to run out.
#[derive(Debug)]
#[must_use = "the session ends as soon as it is dropped"]
pub struct Session {
    id: SessionId,
    root: ProjectRoot,
    guard: Option<Guard>,
}

/// The lock on a file of the session. Several windows on one project have one each.
#[derive(Debug)]
struct Guard {
    file: File,
    path: PathBuf,
}

impl Session {
    /// Opens a session on the project that the path belongs to, for a user; none is the system's user who runs this process. It is counted
    /// for usage reports.
    ///
    /// # Errors
    /// [`ProjectError`] if the path leads to no project that can be read.
    pub fn open(
        host: &Host,
        license: Option<&LicenseId>,
        user: Option<&str>,
        path: &Path,
    ) -> Result<Self, ProjectError> {
        let mut session = Self::find(host, license, user, path)?;
        // Without a place for its lock a session is not counted, and works all the same.
        let dir = host.state_dir().filter(|dir| dir.create().is_ok());
        let folder = dir.map(|dir| dir.path().join(FOLDER));
        let folder = folder.filter(|folder| is_no_link(folder));
        if let Some(folder) = &folder {
            // Who is killed leaves a file, and else nobody might ever ask.
            SWEPT.call_once(|| drop(open_in(folder)));
        }
        session.guard = folder.and_then(|folder| Guard::take(&folder, session.id).ok());
        let by_system = user.is_none().then(user_of_this_process);
        let user = user.or(by_system.as_deref());
        let id = session.id.to_string();
        host.count(Account { license, user }, Counts::session(&id));
        host.flush_if_free();
        Ok(session)
    }

    /// Finds the session of a project without opening it: nothing is written.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn find(
        host: &Host,
        license: Option<&LicenseId>,
        user: Option<&str>,
        path: &Path,
    ) -> Result<Self, ProjectError> {
        let state = host.state_dir().map(|dir| dir.path());
        let root = find_project(path, host.product(), state)?;
        let system_user = || user_of_this_process();
        let user = user.map_or_else(system_user, str::to_owned);
        let id = SessionId::new(license, host.digest(), &user, &root.name_bytes());
        Ok(Self {
            id,
            root,
            guard: None,
        })
    }

    /// The sessions of this user that are open on this machine now, in this process and others.
    ///
    /// # Errors
    /// If the state directory can't be read.
    pub fn open_on(host: &Host) -> io::Result<Vec<String>> {
        match host.state_dir() {
            Some(dir) => open_in(&dir.path().join(FOLDER)),
            None => Ok(Vec::new()),
        }
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The project.
    pub fn root(&self) -> &ProjectRoot {
        &self.root
    }

    /// Whether others can see that it is open.
    pub fn is_counted(&self) -> bool {
        self.guard.is_some()
    }
}

/// A link in its place may lead root, who comes by, to a folder that is none of this user's.
fn is_no_link(folder: &Path) -> bool {
    !fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink())
}

/// The sessions whose files somebody holds. The files of others are removed. Behind a link nobody holds any.
fn open_in(folder: &Path) -> io::Result<Vec<String>> {
    if !is_no_link(folder) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut open = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = session_of(&name) else {
            continue;
        };
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_held(&entry.path()) && !open.iter().any(|known| known == id) {
            open.push(id.to_owned());
        }
    }
    open.sort();
    Ok(open)
}

/// The session that a file in the folder is of; none if it is no session's, and none of ours to remove.
fn session_of(name: &OsStr) -> Option<&str> {
    let (id, rest) = name.to_str()?.split_once('.')?;
    let (process, number) = rest.split_once('-')?;
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    let digits = id.strip_prefix("sess_")?;
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && is_number(process) && is_number(number)).then_some(id)
}

/// Counts the sessions of this process, to tell their files apart.
static OPENED: AtomicU64 = AtomicU64::new(0);

impl Guard {
    /// Makes a file of this session's own and locks it: one that holds its lock alone can be told from one that only asks.
    fn take(folder: &Path, id: SessionId) -> io::Result<Self> {
        match create_private(folder) {
            Ok(()) => {
                // What root makes for a user is the user's, unless they have put something else of root's in its place.
                if let (Some(state), Ok(made)) = (folder.parent(), opened(folder))
                    && made.metadata().is_ok_and(|made| made.is_dir())
                {
                    keep_owner(state, &made);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        for _ in 0..ATTEMPTS {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{id}.{}-{number}", std::process::id()));
            let file = match create_private_file(&path) {
                // One that a process of this number left behind.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            // Whoever asks may have taken it for one that was left behind, and removed it.
            if file.try_lock().is_ok() && is_there(&file, &path) {
                keep_owner(folder, &file);
                return Ok(Self { file, path });
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn opened(path: &Path) -> io::Result<File> {
    never_followed(File::options().read(true)).open(path)
}

/// Returns whether the path still leads to the opened file.
fn is_there(file: &File, path: &Path) -> bool {
    let (opened, there) = (file.metadata(), fs::symlink_metadata(path));
    matches!((opened, there), (Ok(opened), Ok(there)) if is_same_file(&opened, &there))
}

/// Whether somebody holds it; what nobody holds was left behind, and is removed. A link is held by nobody, and left.
fn is_held(path: &Path) -> bool {
    let Ok(file) = opened(path) else {
        return false;
    };
    // Shared, so that two who ask at once don't take each other for a session.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => {
            let _ = fs::remove_file(path);
            false
        }
        // Where nothing can be locked nothing is known.
        Err(TryLockError::Error(_)) => false,
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// The user by number where the system has numbers, for a name in the environment can be anybody's.
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
    fn what_is_no_sessions_file_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let id = "sess_00112233445566778899aabbccddeeff";
        let ours = format!("{id}.4711-0");
        let others = [
            "passwd",
            "sess_0011.4711-0",
            &format!("{id}.4711"),
            &format!("{id}.conf-d"),
            id,
        ];
        for name in others.iter().chain([&ours.as_str()]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(open_in(folder.path()).unwrap(), [""; 0]);
        assert!(!folder.path().join(&ours).exists(), "nobody holds it");
        for name in others {
            assert!(folder.path().join(name).exists(), "{name}");
        }
        let held = Guard::take(folder.path(), open_id()).unwrap();
        assert_eq!(open_in(folder.path()).unwrap(), [open_id().to_string()]);
        drop(held);
        assert_eq!(open_in(folder.path()).unwrap(), [""; 0]);
    }

    /// A state directory, and beside it a folder with a session's file that nobody holds.
    #[cfg(unix)]
    fn beside() -> (tempfile::TempDir, Host, std::path::PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let (state, other) = (scratch.path().join("state"), scratch.path().join("other"));
        for folder in [&state, &other] {
            create_private(folder).unwrap();
        }
        let theirs = other.join("sess_00112233445566778899aabbccddeeff.4711-0");
        fs::write(&theirs, "theirs").unwrap();
        let product = license_core::Matrix::built_in().product();
        let host = Host::at(product, crate::paths::StateDir::at(state));
        (scratch, host, theirs)
    }

    #[test]
    #[cfg(unix)]
    fn behind_a_link_no_session_is_looked_for_and_none_removed() {
        let (scratch, host, theirs) = beside();
        let folder = scratch.path().join("state").join(FOLDER);
        std::os::unix::fs::symlink(scratch.path().join("other"), folder).unwrap();
        assert_eq!(Session::open_on(&host).unwrap(), [""; 0]);
        assert!(theirs.exists());
        let session = Session::open(&host, None, None, scratch.path()).unwrap();
        assert!(!session.is_counted());
        assert_eq!(
            fs::read_dir(scratch.path().join("other")).unwrap().count(),
            1
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_is_a_link_is_no_session_whoever_holds_what_it_leads_to() {
        let (scratch, host, theirs) = beside();
        let folder = scratch.path().join("state").join(FOLDER);
        create_private(&folder).unwrap();
        let link = folder.join(theirs.file_name().unwrap());
        std::os::unix::fs::symlink(&theirs, &link).unwrap();
        let held = File::open(&theirs).unwrap();
        held.lock().unwrap();
        assert!(
            !is_held(&link),
            "also if it became one after it was looked at"
        );
        assert_eq!(Session::open_on(&host).unwrap(), [""; 0]);
        drop(held);
        assert!(!is_held(&link));
        assert!(theirs.exists() && link.is_symlink());
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_given_to_the_user_is_no_link() {
        let (scratch, _, theirs) = beside();
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(theirs.parent().unwrap(), &link).unwrap();
        assert!(opened(&link).is_err());
        assert!(opened(theirs.parent().unwrap()).is_ok());
    }

    fn open_id() -> SessionId {
        SessionId::new(None, None, "ann", b"/p")
    }
}
