//! `fanout` beside its peers and beside bare sockets: the same work, in interleaved rounds, on this machine,
//! now.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --rounds 9 --markdown peers.md --figures .
//! ```
//!
//! Two cores that are shared, warm up and throttle make an absolute figure worth little. So every round runs
//! each contestant once, A B C … A B C …, each in a process of its own, and what is reported beside a figure
//! is its ratio to bare sockets *of the same round*; of all rounds, the median. A figure counts only if the
//! contestant has shown, by a count and a checksum taken from the bodies, that it fetched exactly every id.
//!
//! This program is all of it: the referee (no argument needed), the server (`serve`), and every contestant in
//! Rust (`contest`). The one in Go is built when Go and its two packages are there, and left out when not; so
//! is curl.

mod chart;
mod contest;
mod contestants;
mod figures;
mod harvest;
mod job;
mod markdown;
mod options;
mod referee;
mod report;
mod results;
mod scenarios;
mod serve;
mod server;
mod tables;
mod targets;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use options::Options;

/// Whatever goes wrong here ends the bench with one line; nothing looks into it.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["serve", manner] => serve::run(manner),
        ["contest", name, job] => contest::run(name, job),
        _ => Options::parse(&arguments).and_then(|options| compare(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<()> {
    let results = referee::run(options)?;
    let report = report::report(&results, options);
    if options.quick {
        println!("\nAll fetched exactly what they were asked for. Too little for its time to mean anything.");
    } else {
        println!("\n{report}");
    }
    if let Some(path) = &options.markdown {
        std::fs::write(path, report)?;
    }
    if let Some(folder) = &options.figures {
        figures::write(&results, folder)?;
    }
    Ok(())
}
