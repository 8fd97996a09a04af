//! Tests of the detection of the usage type.

use super::*;
use crate::project::find_project;

/// A temporary project root.
struct Project {
    directory: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn with_file(name: &str) -> Self {
        let project = Self::new();
        fs::write(project.path(name), "").unwrap();
        project
    }

    fn with_project_file(project_file: impl AsRef<[u8]>) -> Self {
        let project = Self::new();
        fs::create_dir(project.path(".coditect")).unwrap();
        fs::write(project.path(".coditect/project.toml"), project_file).unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn root(&self, state: Option<&Path>) -> ProjectRoot {
        let product = ProductCode::parse("CODITECT").unwrap();
        find_project(self.directory.path(), product, state).unwrap()
    }

    fn usage(&self, surroundings: &ProcessEnvironment) -> Result<DetectedUsage, UsageTypeError> {
        detect_usage(&self.root(None), surroundings)
    }

    /// Returns the names of the usage type and of its reason.
    fn names(&self, surroundings: &ProcessEnvironment) -> (&'static str, &'static str) {
        let usage = self.usage(surroundings).unwrap();
        (usage.usage_type.as_str(), usage.reason.as_str())
    }

    fn error(&self) -> UsageTypeError {
        self.usage(&deployed()).unwrap_err()
    }
}

/// Returns the environment of a container without a terminal.
fn deployed() -> ProcessEnvironment {
    ProcessEnvironment {
        in_container: true,
        ..ProcessEnvironment::default()
    }
}

fn with_variable(value: impl Into<OsString>) -> ProcessEnvironment {
    ProcessEnvironment {
        variable: Some(value.into()),
        ..ProcessEnvironment::default()
    }
}

#[test]
fn the_default_is_builder() {
    let surroundings = ProcessEnvironment::default();
    assert_eq!(Project::new().names(&surroundings), ("builder", "default"));
}

#[test]
fn a_container_without_a_terminal_and_without_sources_is_a_runtime() {
    let project = Project::with_file("server.bin");
    assert_eq!(project.names(&deployed()), ("runtime", "container"));
    let reason = project.usage(&deployed()).unwrap().reason.to_string();
    let root = project.root(None).path().display().to_string();
    assert!(reason.ends_with(&root), "{reason}");
}

#[test]
fn a_runtime_needs_a_container_no_terminal_and_no_sources() {
    let on_terminal = ProcessEnvironment {
        on_terminal: true,
        ..deployed()
    };
    let no_container = ProcessEnvironment::default();
    for (project, surroundings, reason) in [
        (Project::new(), on_terminal, "terminal"),
        (Project::new(), no_container, "default"),
        (Project::with_file("Makefile"), deployed(), "sources"),
    ] {
        assert_eq!(project.names(&surroundings), ("builder", reason));
    }
}

#[test]
fn sources_are_detected_by_manifests_and_markers() {
    let more = ["Shop.sln", "shop.csproj", ".git", ".coditect"];
    for name in MANIFESTS.iter().chain(&more) {
        let project = Project::with_file(name);
        assert_eq!(project.names(&deployed()), ("builder", "sources"), "{name}");
    }
    for name in ["sln", ".sln", "Cargo.toml.bak", "cargo", "app.jar"] {
        let project = Project::with_file(name);
        assert_eq!(
            project.names(&deployed()),
            ("runtime", "container"),
            "{name}"
        );
    }
}

#[test]
fn a_manifest_below_the_root_is_ignored() {
    let project = Project::new();
    fs::create_dir(project.path("vendor")).unwrap();
    fs::write(project.path("vendor/package.json"), "{}").unwrap();
    assert_eq!(project.names(&deployed()), ("runtime", "container"));
}

#[test]
fn the_order_of_precedence_is_variable_file_environment() {
    let project = Project::with_project_file("usage_type = \"runtime\"");
    assert_eq!(
        project.names(&with_variable("builder")),
        ("builder", "variable")
    );
    let surroundings = ProcessEnvironment::default();
    assert_eq!(project.names(&surroundings), ("runtime", "project_file"));
    let project = Project::with_project_file("usage_type = \"builder\"");
    assert_eq!(project.names(&deployed()), ("builder", "project_file"));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let project = Project::with_project_file("usage_type = \"runtime\"");
    assert_eq!(
        project.names(&with_variable("")),
        ("runtime", "project_file")
    );
}

#[test]
fn an_unknown_value_of_the_variable_is_rejected_with_the_expected_values() {
    let error = Project::new().usage(&with_variable("server")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CODITECT_USAGE_TYPE: expected `builder` or `runtime`, found \"server\""
    );
    for near in ["Runtime", " runtime", "runtime\n", "1"] {
        assert!(
            Project::new().usage(&with_variable(near)).is_err(),
            "{near:?}"
        );
    }
}

#[test]
fn a_long_value_is_truncated_in_the_error() {
    let found = |length: usize| match Project::new().usage(&with_variable("é".repeat(length))) {
        Err(UsageTypeError::BadVariable { found, .. }) => found.chars().count(),
        other => panic!("{other:?}"),
    };
    assert_eq!((found(31), found(32), found(33)), (31, 32, 32));
}

#[test]
fn the_variable_is_named_after_the_product() {
    let product = ProductCode::parse("ACME2").unwrap();
    assert_eq!(usage_variable(product), "ACME2_USAGE_TYPE");
}

#[test]
fn other_members_of_the_project_file_are_ignored() {
    let project = Project::with_project_file("name = \"shop\"\n[nested]\nusage_type = 7\n");
    assert_eq!(project.names(&deployed()), ("builder", "sources"));
}

#[test]
fn an_unknown_value_in_the_project_file_is_rejected_with_the_path_of_the_file() {
    let wrong_name = Project::with_project_file("usage_type = \"server\"").error();
    assert!(
        matches!(&wrong_name, UsageTypeError::BadProjectFile { found, .. } if found == "server"),
        "{wrong_name:?}"
    );
    let wrong_type = Project::with_project_file("usage_type = [\"runtime\"]").error();
    assert!(
        matches!(&wrong_type, UsageTypeError::NotText { found: "array", path } if path.ends_with(".coditect/project.toml")),
        "{wrong_type:?}"
    );
}

#[test]
fn invalid_toml_in_the_project_file_is_rejected_with_the_line() {
    for (text, wrong_line) in [
        (&b"# shop\nusage_type runtime\n"[..], Some(2)),
        (
            b"usage_type = \"runtime\"\nusage_type = \"builder\"",
            Some(2),
        ),
        (b"name = \"\xFF\"", None),
    ] {
        match Project::with_project_file(text).error() {
            UsageTypeError::NotToml { line, .. } => assert_eq!(line, wrong_line),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_project_file_at_the_size_limit_is_read_and_a_larger_one_is_rejected() {
    let text = "usage_type = \"runtime\" #";
    let exact = text.to_owned() + &"x".repeat(MAX_PROJECT_FILE - text.len());
    let project = Project::with_project_file(&exact);
    assert_eq!(project.names(&deployed()), ("runtime", "project_file"));
    let error = Project::with_project_file(exact + "x").error();
    assert!(matches!(error, UsageTypeError::TooLarge { cap: 65536, .. }));
}

#[test]
fn a_directory_instead_of_the_project_file_is_rejected() {
    let project = Project::new();
    fs::create_dir_all(project.path(".coditect/project.toml")).unwrap();
    assert!(matches!(project.error(), UsageTypeError::NotAFile { .. }));
}

#[test]
fn the_state_directory_counts_neither_as_sources_nor_as_a_project_entry() {
    let project = Project::with_project_file("usage_type = \"server\"");
    let state = project.path(".coditect");
    let usage = detect_usage(&project.root(Some(&state)), &deployed()).unwrap();
    assert_eq!(usage.usage_type, UsageType::Runtime);
}

#[test]
fn a_removed_root_is_an_error_with_its_cause() {
    let project = Project::new();
    let root = project.root(None);
    drop(project);
    let error = detect_usage(&root, &deployed()).unwrap_err();
    assert!(
        matches!(&error, UsageTypeError::Unreadable(unreadable) if unreadable.path == root.path())
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(unix)]
#[test]
fn a_named_pipe_does_not_hang_the_reader() {
    let project = Project::new();
    fs::create_dir(project.path(".coditect")).unwrap();
    let pipe = project.path(".coditect/project.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert!(matches!(project.error(), UsageTypeError::NotAFile { .. }));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_rejected() {
    use std::os::unix::ffi::OsStrExt;
    let value = OsStr::from_bytes(b"runtime\xFF");
    let error = Project::new().usage(&with_variable(value)).unwrap_err();
    assert!(matches!(error, UsageTypeError::BadVariable { .. }));
}
