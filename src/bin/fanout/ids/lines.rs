//! One id a line, from a file or standard input: read as it comes, and never more of it than one line.

use std::io::{self, BufRead};

/// The longest line that is read, in bytes. A longer one is no id, and must not fill the memory.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// The ids of a text, line by line.
pub(crate) struct Lines<R> {
    reader: R,
    /// How people know it: `standard input`, `ids.txt`.
    name: String,
    /// Of the line that was read last; 1 for the first.
    number: u64,
    line: Vec<u8>,
    /// The rest of the line, which is too long, is still to come.
    in_long_line: bool,
}

/// Why there is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// This line is none. The next one may be.
    Line(String),
    /// Nothing more can be read.
    Reader(String),
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, name: impl Into<String>) -> Lines<R> {
        Lines { reader, name: name.into(), number: 0, line: Vec::new(), in_long_line: false }
    }

    /// The number of the line that was read last; 0 before the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next id, without the blanks round it, or nothing at the end. Blank lines are passed over.
    ///
    /// The error names the line, and does not keep the next one from being read.
    pub(crate) fn next_id(&mut self) -> Result<Option<String>, Trouble> {
        while self.read_line()? {
            let Ok(mut line) = std::str::from_utf8(&self.line) else {
                return Err(self.wrong("is not valid UTF-8"));
            };
            if self.number == 1 {
                line = line.strip_prefix('\u{feff}').unwrap_or(line);
            }
            // Also the carriage return of a CRLF. Nothing else: other control characters are refused, not
            // hidden.
            let id = line.trim_start_matches([' ', '\t']).trim_end_matches([' ', '\t', '\r']);
            if !id.is_empty() {
                return Ok(Some(id.to_owned()));
            }
        }
        Ok(None)
    }

    /// As [`next_id`](Lines::next_id); an id with a control character in it is an error too.
    pub(crate) fn next_checked(&mut self) -> Result<Option<String>, Trouble> {
        match self.next_id()? {
            Some(id) if id.contains(char::is_control) => Err(self.wrong("holds a control character")),
            id => Ok(id),
        }
    }

    /// Reads a line, without its end, into `self.line`; false at the end of the text.
    fn read_line(&mut self) -> Result<bool, Trouble> {
        self.line.clear();
        self.number += u64::from(!self.in_long_line);
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Trouble::Reader(format!("{}: cannot read it: {error}", self.name))),
                Ok([]) => return Ok(!self.line.is_empty()),
                Ok(chunk) => chunk,
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let is_long = self.line.len() + part.len() > MAX_LINE;
            if !self.in_long_line && !is_long {
                self.line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if self.in_long_line {
                // Told already; passed over, however long it is.
                if end.is_some() {
                    self.in_long_line = false;
                    self.number += 1;
                }
            } else if is_long {
                self.in_long_line = end.is_none();
                return Err(self.wrong(&format!("is longer than {MAX_LINE} bytes")));
            } else if end.is_some() {
                return Ok(true);
            }
        }
    }

    fn wrong(&self, what: &str) -> Trouble {
        Trouble::Line(format!("{}, line {}: {what}", self.name, self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: impl Into<Vec<u8>>) -> Lines<io::Cursor<Vec<u8>>> {
        Lines::new(io::Cursor::new(text.into()), "ids.txt")
    }

    fn ids(text: impl Into<Vec<u8>>) -> Result<Vec<String>, Trouble> {
        let mut lines = lines(text);
        std::iter::from_fn(|| lines.next_checked().transpose()).collect()
    }

    #[test]
    fn blanks_line_ends_and_a_byte_order_mark_are_taken_off() {
        let cases: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("\n\n  \n\t\r\n", &[]),
            ("a\nb\n", &["a", "b"]),
            ("a\nb", &["a", "b"]),
            ("a\r\n\r\nb\r\n", &["a", "b"]),
            ("\u{feff}a\nb\n", &["a", "b"]),
            ("  a b\t\n", &["a b"]),
            ("\u{a0}ü\n", &["\u{a0}ü"]),
        ];
        for (text, expected) in cases {
            assert_eq!(ids(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_id_is_named_by_its_line() {
        let cases: [(&[u8], &str); 5] = [
            (b"a\n\n\xff\n", "ids.txt, line 3: is not valid UTF-8"),
            (b"a\nb\0c\n", "ids.txt, line 2: holds a control character"),
            (b"a\rb\r", "ids.txt, line 1: holds a control character"),
            (b"\x0ba\n", "ids.txt, line 1: holds a control character"),
            ("a\u{85}b".as_bytes(), "ids.txt, line 1: holds a control character"),
        ];
        for (text, error) in cases {
            assert_eq!(ids(text), Err(Trouble::Line(error.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_an_error_and_not_a_load_on_memory() {
        let longest = "x".repeat(MAX_LINE);
        assert_eq!(ids(format!("1\n{longest}\n")).unwrap(), ["1", longest.as_str()]);
        let endless = io::BufReader::new(io::repeat(b'x'));
        let mut lines = Lines::new(endless, "standard input");
        let error = "standard input, line 1: is longer than 65536 bytes".to_owned();
        assert_eq!(lines.next_id(), Err(Trouble::Line(error)));
        assert!(lines.line.capacity() <= 2 * MAX_LINE);
    }

    #[test]
    fn what_is_no_id_does_not_hide_the_next_line() {
        for long in [MAX_LINE + 1, 3 * MAX_LINE] {
            let text = [b"\xff\n".to_vec(), vec![b'x'; long], b"\n\n1\n\xff".to_vec()].concat();
            let mut lines = lines(text);
            let mut next = || lines.next_id();
            let bad = |number, what| Err(Trouble::Line(format!("ids.txt, line {number}: {what}")));
            assert_eq!(next(), bad(1, "is not valid UTF-8"));
            assert_eq!(next(), bad(2, "is longer than 65536 bytes"));
            assert_eq!(next(), Ok(Some("1".to_owned())));
            assert_eq!(next(), bad(5, "is not valid UTF-8"));
            assert_eq!(next(), Ok(None));
        }
    }

    #[test]
    fn an_error_of_the_reader_is_told_with_the_name() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let mut lines = Lines::new(io::BufReader::new(Broken), "ids.txt");
        assert_eq!(
            lines.next_id(),
            Err(Trouble::Reader("ids.txt: cannot read it: the disk is gone".to_owned()))
        );
    }
}
