//! A text that is the whole result of a command, on standard output.

use std::io::{self, Write};

use crate::exit::Exit;
use crate::screen::Screen;
use crate::streams;

/// Prints it. A reader that has had enough (`| head -1`) does not want to hear about it.
pub(crate) fn print(text: &[u8], screen: &Screen) -> Exit {
    match streams::standard_output().and_then(|mut out| out.write_all(text)) {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Failure,
        Err(error) => {
            screen.say(format_args!("error: cannot write to standard output: {error}"));
            Exit::Failure
        }
    }
}
