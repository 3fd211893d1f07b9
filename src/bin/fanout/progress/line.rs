//! The last line of a terminal, as the bar draws it.
//!
//! indicatif leaves the cursor behind the bar. Here it goes back to the line's start, and whatever is drawn clears
//! from there on to the end of the screen. So a bar that a narrower terminal has folded into several lines goes
//! as a whole; what another program writes to the same terminal begins a line of its own, and the bar never clears
//! it; and the `^C` that a terminal shows does not push the bar up.

use std::io;

use console::Term;
use indicatif::TermLike;

use super::job;

/// Standard error, where it is a terminal. Nothing is drawn while another job has it.
#[derive(Debug)]
pub(crate) struct Line(Term);

impl Line {
    pub(crate) fn of_standard_error() -> Line {
        Line(Term::buffered_stderr())
    }

    fn in_front(&self, draw: impl FnOnce(&Term) -> io::Result<()>) -> io::Result<()> {
        if job::is_in_front() { draw(&self.0) } else { Ok(()) }
    }
}

/// How many columns the terminal has now.
pub(crate) fn columns() -> usize {
    Term::stderr().size().1.into()
}

impl TermLike for Line {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.in_front(|term| term.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.in_front(|term| term.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.in_front(|term| term.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.in_front(|term| term.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.in_front(|term| term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.in_front(|term| term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.in_front(|term| {
            term.clear_line()?;
            term.clear_to_end_of_screen()
        })
    }

    fn flush(&self) -> io::Result<()> {
        self.in_front(|term| {
            term.write_str("\r")?;
            term.flush()
        })
    }
}
