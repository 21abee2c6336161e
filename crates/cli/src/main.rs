//! `eye`: see the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Eye::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::tell(&format!("error: {error:#}"));
            // As clap ends where it finds the fault.
            if error.is::<cli::WrongUse>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
