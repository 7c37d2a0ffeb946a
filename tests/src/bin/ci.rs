//! `cargo ci`: the one command that checks everything, on a fresh machine too. See [`tests::ci`].

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = tests::ci::Options::parse();
    tests::ci::run(&options)
}
