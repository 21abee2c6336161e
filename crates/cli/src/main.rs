//! `eye`: see the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Eye::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", cli::harmless(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
