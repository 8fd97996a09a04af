//! How cost grows.
#![allow(missing_docs, reason = "a program, and no library")]

fn main() {}
