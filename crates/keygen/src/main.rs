//! To come.
#[cfg(test)]
#[allow(dead_code, reason = "the commands that use it are to come")]
mod passphrase;
#[cfg(test)]
#[allow(dead_code, reason = "the commands that use it are to come")]
mod sealed;
fn main() {}
