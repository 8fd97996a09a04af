//! The container file agrees with the program, with the chart and with the workspace.

use std::collections::BTreeMap;
use std::fs;

use license_tests::server::license_server;
use license_tests::{Scratch, programs};

/// Returns the instructions of the container file: their names and arguments, in order.
fn instructions() -> Vec<(String, String)> {
    let path = programs::workspace().join("deploy/Containerfile");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut instructions: Vec<(String, String)> = Vec::new();
    let mut is_continued = false;
    for line in lines {
        let content = line.trim_end_matches('\\').trim();
        if is_continued {
            let (_, arguments) = instructions.last_mut().unwrap();
            arguments.push(' ');
            arguments.push_str(content);
        } else {
            let (name, arguments) = content.split_once(' ').unwrap();
            instructions.push((name.to_owned(), arguments.to_owned()));
        }
        is_continued = line.ends_with('\\');
    }
    instructions
}

#[test]
fn the_image_has_the_settings_the_paths_and_the_user_of_the_chart() {
    let all = instructions();
    let all_of = |name: &str| {
        let found = all.iter().filter(|(found, _)| found == name);
        found
            .map(|(_, arguments)| arguments.as_str())
            .collect::<Vec<_>>()
    };
    let one = |name: &str| {
        let found = all_of(name);
        assert_eq!(found.len(), 1, "{name}");
        found[0]
    };
    let variables = one("ENV").split_whitespace();
    let variables: BTreeMap<&str, &str> = variables
        .map(|variable| variable.split_once('=').unwrap())
        .collect();

    // Each variable is a setting.
    let scratch = Scratch::new();
    let run = license_server(&scratch).args(["check-config", "--json"]);
    let settings = variables
        .iter()
        .filter(|(name, _)| name.starts_with("LICENSE_SERVER_"));
    let run = settings
        .clone()
        .fold(run, |run, (name, value)| run.env(name, *value));
    let config = run.run().expect_code(0).json();
    assert_eq!(config["unknown_variables"], serde_json::json!([]));
    let setting = |name: &str| {
        let found = &config["settings"][name];
        assert_eq!(found["source"], "variable", "{name}");
        found["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(settings.count(), 2);
    let (_, port) = setting("listen")
        .rsplit_once(':')
        .map(|(ip, port)| (ip.to_owned(), port.to_owned()))
        .unwrap();
    assert_eq!(port, one("EXPOSE"));
    // A directory that is copied into the image is open to all users, so it cannot be private.
    let directory = setting("data_dir");
    let directory = directory.strip_prefix(one("VOLUME")).unwrap();
    let directory = directory.strip_prefix('/').unwrap();

    // The chart uses the same port, directory and user.
    let chart = |name: &str| {
        let path = programs::workspace()
            .join("deploy/helm/enterprise")
            .join(name);
        fs::read_to_string(path).unwrap()
    };
    let helpers = chart("templates/_helpers.tpl");
    let mount = format!("mountPath: {}\n", one("VOLUME"));
    assert!(helpers.contains(&mount), "{mount}");
    assert!(
        helpers.contains(&format!("containerPort: {port}\n")),
        "{port}"
    );
    let (user, group) = one("USER").split_once(':').unwrap();
    assert_eq!(user, group);
    let values = chart("values.yaml");
    assert!(values.contains(&format!("\nuser: {user}\n")));
    assert!(values.contains(&format!("\n  directory: {directory}\n")));
    let owner = format!("--chown={user}:{group} ");
    assert!(all_of("COPY").iter().any(|copy| copy.contains(&owner)));

    // The program is on the `PATH`, and the image has nothing else.
    let entry: Vec<String> = serde_json::from_str(one("ENTRYPOINT")).unwrap();
    let program = format!("/image{}/{}", variables["PATH"], entry[0]);
    let build = all_of("RUN").join(" ");
    assert!(build.contains(&program), "{program}");
    assert_eq!(*all_of("FROM").last().unwrap(), "scratch");
    let package = programs::workspace().join("crates").join(&entry[0]);
    assert!(package.join("Cargo.toml").exists());
    assert!(build.contains(&format!("--package {} ", entry[0])));

    // The arguments of the build are the variables of the build script.
    let script = package.join("build.rs");
    let mut sources = fs::read_to_string(script).unwrap();
    for module in fs::read_dir(package.join("build")).unwrap() {
        sources.push_str(&fs::read_to_string(module.unwrap().path()).unwrap());
    }
    for argument in all_of("ARG") {
        let name = argument.trim_end_matches('=');
        assert!(sources.contains(&format!("\"{name}\"")), "{name}");
        assert!(build.contains(name), "{name}");
    }
}
