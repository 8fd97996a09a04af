//! The command lines of the activation guide work in the order of the guide.

use std::fs;

use license_core::time;

use super::super::guide::{commands, words};
use super::*;

/// Returns the lines of a section that call `keygen`.
fn section(heading: &str) -> Vec<String> {
    let path = programs::workspace().join("docs").join("vendor.md");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("## "));
    commands(lines)
}

#[test]
fn the_commands_of_the_activation_guide_work() {
    let workstation = Vendor::shared().workstation();
    let lines = section("## Activation");
    assert!(lines.len() >= 6, "{lines:?}");
    let mut license = String::new();
    for line in lines {
        let mut words = words(&line);
        match words[1].as_str() {
            "activate" => {
                license = entries(&workstation, "license")[0]["subject"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                write(
                    &workstation,
                    "request.lic",
                    MachineRequest::Activation(request(&license, 1, 1)),
                );
            }
            "release" if words[2] == "receipt.lic" => {
                write(
                    &workstation,
                    "receipt.lic",
                    MachineRequest::Deactivation(receipt(&license, 1, 1)),
                );
            }
            "release" => {
                let report = activate(&workstation, &license, 2, &["--json"])
                    .expect_code(0)
                    .json();
                words[2] = report["activation_id"].as_str().unwrap().to_owned();
            }
            "clock-repair" => {
                let clock = license_core::requests::ClockRequest {
                    product: product(),
                    machine: machine(1),
                    nonce: Nonce::from_random([9; 16]),
                    mark: time::parse_instant("2099-01-01").unwrap(),
                    made_at: time::parse_instant("2026-11-23").unwrap(),
                };
                write(&workstation, "clock.lic", MachineRequest::Clock(clock));
            }
            "bundle" => {
                let list = [
                    "revocations",
                    "--key",
                    "vendor.key",
                    "--out",
                    "revocations.lic",
                ];
                let _ = keygen(&workstation, &list).expect_code(0);
            }
            _ => {}
        }
        let _ = Run::keygen(&workstation)
            .args(&words[1..])
            .run()
            .expect_code(0);
    }
}
