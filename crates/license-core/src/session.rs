//! Sessions: the project that a path belongs to, and the id of a session in that project.
//!
//! One project of one user on one machine uses one seat, even if the user opens the project through
//! different paths. [`ProjectRoot::find`] therefore resolves symbolic links with a [`FileSystem`],
//! which the caller provides, and [`SessionId`] is a hash over the result.

mod error;
mod file_system;
mod id;
mod name;
mod resolve;
mod root;

pub use error::{ProjectError, UnreadablePath};
pub use file_system::{FileId, FileKind, FileSystem, FileSystemEntry, NameRules};
pub use id::SessionId;
pub use resolve::{FollowedLink, MAX_LINKS};
pub use root::{ProductState, ProjectRoot, RootReason};

// The file trees of the tests have paths with slashes, which are not absolute on Windows.
#[cfg(all(test, unix))]
mod tests;
