//! The `thrust` program: parse, build, run, exit code.

fn main() {}
