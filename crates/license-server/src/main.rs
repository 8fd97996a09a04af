//! The program `license-server`.

fn main() {}
