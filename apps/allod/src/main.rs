//! The command `allod`.
//!
//! It reads what a person typed, calls the shell below, and says what came of
//! it. It decides nothing about protocols, keys or files.
#![forbid(unsafe_code)]

mod caller;
mod card;
mod cli;
mod commands;
mod failure;
mod pin;
mod progress;
mod screen;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let screen = screen::Screen::new(cli.json);
    match commands::run(cli, &screen) {
        Ok(code) => code,
        Err(failure) => {
            screen.failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}
