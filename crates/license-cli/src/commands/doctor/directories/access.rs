//! The access of other users to the files of the administrator.

use license_client::Store;

use crate::commands::doctor::Fault;

/// Returns a warning if other users cannot read the files for all users. Only root, who can correct
/// the permissions, gets the warning. The files of a read-only mount are those of a container.
#[cfg(unix)]
pub(super) fn for_other_users(system: &Store) -> Option<Fault> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use license_cli_support::show_path;
    use license_client::StateFile;

    const ROOT: u32 = 0;
    const FILES: [StateFile; 5] = [
        StateFile::License,
        StateFile::Key,
        StateFile::Trust,
        StateFile::TrustStatements,
        StateFile::Revocations,
    ];
    let dir = system.dir();
    let is_root = dir.try_writing().is_ok_and(|found| found.uid() == ROOT);
    let closed = |path: &Path, needed: u32| {
        let mode = fs::metadata(path).ok()?.mode() & 0o7777;
        let shown = show_path(path);
        (mode & needed != needed).then(|| (format!("{shown} (mode {mode:04o})"), shown))
    };
    let directory = closed(dir.path(), 0o005);
    let files: Vec<_> = FILES
        .iter()
        .filter_map(|file| closed(&dir.file(*file), 0o004))
        .collect();
    let commands: Vec<String> = [
        ("755", directory.iter().collect::<Vec<_>>()),
        ("644", files.iter().collect()),
    ]
    .into_iter()
    .filter(|(_, closed)| !closed.is_empty())
    .map(|(mode, closed)| {
        let paths: Vec<_> = closed.iter().map(|(_, path)| path.as_str()).collect();
        format!("`chmod {mode} {}`", paths.join(" "))
    })
    .collect();
    if !is_root || commands.is_empty() {
        return None;
    }
    let all = directory.iter().chain(&files);
    let all: Vec<_> = all.map(|(described, _)| described.as_str()).collect();
    Some(Fault::warning(
        format!(
            "other users cannot read {}, so the license does not apply to them",
            all.join(", ")
        ),
        format!("run {}", commands.join(" and ")),
    ))
}

/// Returns `None`, because the access rules of Windows are those that its administrator set.
#[cfg(not(unix))]
pub(super) fn for_other_users(_: &Store) -> Option<Fault> {
    None
}
