//! What an earlier run has fetched: `--resume` reads it out of that run's output, in one pass.
//!
//! The writer appends records whole, each with its newline at its end. So what stands behind the last newline is what a
//! crash has left of a record, and goes. Everything before it must be records: a file of something else would be spoilt
//! by records at its end, and worse, a file of one long line would be taken for a torn record. So even that has to
//! begin as a record does, or with the zeros that a power failure can leave.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ids::Fetched;

/// A line of no more than 1 MiB is read as a whole. Of a longer one, only the id is kept, while its body passes by.
const SHORT: u64 = 1024 * 1024;

/// How a record of ours begins.
const START: &[u8] = b"{\"id\":\"";

/// Why it cannot be gone on with.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It holds something else: the number of the line, 1 for the first.
    Foreign(u64),
    Io(io::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Foreign(line) => write!(
                f,
                "line {line} is no record of fanout's, nothing was changed (use another file, or --overwrite)"
            ),
            Unusable::Io(error) => write!(f, "cannot read it: {error}"),
        }
    }
}

/// Puts the ids that have a success into `fetched`, and tells how long the records are that are whole.
pub(crate) fn read(file: impl Read, fetched: &mut Fetched) -> Result<u64, Unusable> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let (mut whole, mut line) = (0, Vec::new());
    for number in 1.. {
        line.clear();
        reader.by_ref().take(SHORT).read_until(b'\n', &mut line).map_err(Unusable::Io)?;
        let (length, record) = if line.ends_with(b"\n") {
            (line.len() as u64, serde_json::from_slice::<Parts>(&line))
        } else {
            let mut rest = Rest { reader: &mut reader, length: 0, is_ended: false };
            let record = serde_json::from_reader::<_, Parts>(BufReader::new((&*line).chain(&mut rest)));
            rest.pass().map_err(Unusable::Io)?;
            if !rest.is_ended {
                return if may_be_torn(&line) { Ok(whole) } else { Err(Unusable::Foreign(number)) };
            }
            (line.len() as u64 + rest.length, record)
        };
        match record.ok().and_then(Parts::outcome) {
            Some((id, true)) => fetched.insert(&id),
            Some((_, false)) => {}
            None => return Err(Unusable::Foreign(number)),
        }
        whole += length;
    }
    Ok(whole)
}

/// Whether a record may have begun like this. What is zero from before the end of its beginning is zero throughout:
/// many a file of something else begins with one.
fn may_be_torn(tail: &[u8]) -> bool {
    let written = tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len());
    let is_start = tail[..written].iter().zip(START).all(|(byte, expected)| byte == expected);
    is_start && (written >= START.len() || tail[written..].iter().all(|byte| *byte == 0))
}

/// What tells a record, and a success from a failure. What else it may hold is read over.
#[derive(Deserialize)]
struct Parts {
    id: String,
    status: Option<u16>,
    body: Option<IgnoredAny>,
    body_base64: Option<IgnoredAny>,
    file: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

impl Parts {
    /// The id, and whether it was fetched.
    fn outcome(self) -> Option<(String, bool)> {
        let bodies = [&self.body, &self.body_base64, &self.file];
        match (self.error, bodies.iter().filter(|body| body.is_some()).count(), self.status) {
            (None, 1, Some(_)) => Some((self.id, true)),
            (Some(_), 0, _) => Some((self.id, false)),
            _ => None,
        }
    }
}

/// The rest of a line, with its newline.
struct Rest<'a, R> {
    reader: &'a mut R,
    length: u64,
    is_ended: bool,
}

impl<R: BufRead> Rest<'_, R> {
    /// Reads on to the end of the line.
    fn pass(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl<R: BufRead> Read for Rest<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_ended || into.is_empty() {
            return Ok(0);
        }
        let chunk = self.reader.fill_buf()?;
        let chunk = &chunk[..chunk.len().min(into.len())];
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(chunk.len(), |end| end + 1);
        into[..length].copy_from_slice(&chunk[..length]);
        self.reader.consume(length);
        self.length += length as u64;
        self.is_ended = end.is_some();
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "{\"id\":\"1\",\"status\":200,\"attempt\":1,\"latency_ms\":1,\"body\":\"\"}\n";
    const FAILED: &str = "{\"id\":\"2\",\"status\":null,\"attempt\":1,\"sent\":\"no\",\"error\":\"\"}\n";

    fn read_text(text: impl AsRef<[u8]>) -> Result<(u64, Fetched), String> {
        let mut fetched = Fetched::new(None, None);
        let whole = read(text.as_ref(), &mut fetched).map_err(|error| error.to_string())?;
        Ok((whole, fetched))
    }

    #[test]
    fn successes_are_there_and_failures_are_not() {
        let success_after_failure = ONE.replace("\"1\"", "\"2\"");
        let (whole, fetched) = read_text(format!("{ONE}{FAILED}")).unwrap();
        assert_eq!(whole as usize, ONE.len() + FAILED.len());
        assert!(fetched.contains("1") && !fetched.contains("2") && !fetched.is_empty());
        let (_, fetched) = read_text(format!("{FAILED}{success_after_failure}")).unwrap();
        assert!(fetched.contains("2"));
        let (whole, fetched) = read_text("").unwrap();
        assert!(whole == 0 && fetched.is_empty());
    }

    #[test]
    fn ids_are_read_as_they_were_given() {
        for id in ["a\"b", "back\\slash", "ü", "\u{2028}", "😀"] {
            let record =
                format!("{{\"id\":{},\"status\":200,\"body_base64\":\"\"}}\n", serde_json::json!(id));
            assert!(read_text(record).unwrap().1.contains(id), "{id}");
        }
        let escaped = "{\"id\":\"\\u00fc\\ud83d\\ude00\",\"status\":200,\"file\":\"x\",\"more\":[{}]}\n";
        assert!(read_text(escaped).unwrap().1.contains("ü😀"));
    }

    #[test]
    fn a_torn_tail_of_any_length_is_not_counted() {
        for length in 0..ONE.len() {
            let text = format!("{ONE}{}", &ONE.replace("\"1\"", "\"3\"")[..length]);
            let (whole, fetched) = read_text(&text).unwrap();
            assert_eq!(whole as usize, ONE.len(), "{text}");
            assert!(!fetched.contains("3"));
            let zeros = [text.as_bytes(), &[0; 5_000]].concat();
            assert_eq!(read_text(zeros).unwrap().0 as usize, ONE.len());
        }
    }

    #[test]
    fn a_file_that_only_begins_with_zeros_is_no_record() {
        for text in ["\0\0\u{1}\0\u{1}\0\u{10}\u{10}", "\0{\"id\":\"", "{\"id\0\0:\"7"] {
            let error = read_text(text).err().unwrap();
            assert!(error.starts_with("line 1 is no record"), "{error}");
        }
        assert_eq!(read_text("{\"id\":\"7\0\u{1}").unwrap().0, 0);
    }

    #[test]
    fn a_long_record_is_read_over_and_may_be_torn_as_well() {
        let long = ONE.replace("\"body\":\"", &format!("\"body\":\"{}", "x\\n".repeat(SHORT as usize)));
        let text = format!("{long}{FAILED}{long}");
        let (whole, fetched) = read_text(&text).unwrap();
        assert!(whole as usize == text.len() && fetched.contains("1"));
        let (whole, _) = read_text(&text[..text.len() - 1]).unwrap();
        assert_eq!(whole as usize, long.len() + FAILED.len());
    }

    #[test]
    fn what_is_no_record_is_named_by_its_line() {
        let long = "x".repeat(3 * SHORT as usize);
        let twice = ONE.replace("\"status\"", "\"id\":\"2\",\"status\"");
        for (text, line) in [
            (format!("{ONE}1\n"), 2),
            (format!("{ONE}{ONE}\n{ONE}"), 3),
            ("name,age\n".to_owned(), 1),
            ("{\"name\":\"fanout\"}".to_owned(), 1),
            ("no newline".to_owned(), 1),
            (format!("{ONE}no newline"), 2),
            (format!("{ONE}{long}"), 2),
            (format!("{long}\n{ONE}"), 1),
            (format!("{ONE}\0\0\0\n"), 2),
            ("{\"id\":7,\"status\":200,\"body\":\"\"}\n".to_owned(), 1),
            ("{\"id\":\"7\",\"status\":200}\n".to_owned(), 1),
            ("{\"id\":\"7\",\"status\":200,\"body\":\"\",\"error\":\"\"}\n".to_owned(), 1),
            ("[]\n".to_owned(), 1),
            (twice, 1),
        ] {
            let error = read_text(&text).err().unwrap();
            assert!(error.starts_with(&format!("line {line} is no record")), "{error}");
        }
    }
}
