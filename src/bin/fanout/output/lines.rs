//! Records as lines, to a file or to standard output.
//!
//! Many at once, but never a part of one: a write that comes to its end early is finished, and where that cannot be,
//! what there is of the last record is cut off again, if the file is ours. Without a buffer between: nothing is held
//! back while the input is silent, and two processes that append to one file do not mix their lines.

use std::fs::File;
use std::io::{self, Write};

use crate::record::Record;

/// So many bytes of records are written to a regular file at once: 256 KiB.
const TO_A_FILE: usize = 256 * 1024;

/// To anything else: what POSIX lets a pipe take only as a whole. So a process that ends while nobody reads knows what
/// is in the pipe and what is not.
const TO_A_PIPE: usize = 4096;

/// So many bytes of a longer record are written at once to anything else: what a pipe holds, on Linux. Each of them
/// shows that its reader goes on.
const PIECE: usize = 64 * 1024;

/// Where lines go.
pub(super) struct Lines {
    file: File,
    /// How people know it: `standard output`, `records.ndjson`.
    pub(super) name: String,
    /// So many bytes are written at once, if they are of several records.
    pub(super) at_once: usize,
    /// And no more of one record.
    piece: usize,
    /// The length before the next record, of a file that is ours alone.
    length: Option<u64>,
    /// What goes out together.
    batch: Vec<u8>,
}

/// Why writing came to its end, and how many records had been written by then.
pub(super) struct Broken {
    pub(super) written: usize,
    pub(super) error: io::Error,
}

impl Lines {
    /// `length` is that of a file that nobody else writes to.
    pub(super) fn new(file: File, name: impl Into<String>, is_regular: bool, length: Option<u64>) -> Lines {
        let (at_once, piece) = if is_regular { (TO_A_FILE, usize::MAX) } else { (TO_A_PIPE, PIECE) };
        Lines { file, name: name.into(), at_once, piece, length, batch: Vec::new() }
    }

    /// Writes the lines of these records. `goes_on` is called whenever some of it has been taken.
    pub(super) fn write(&mut self, records: &[Record], goes_on: &dyn Fn()) -> Result<(), Broken> {
        let mut batch = std::mem::take(&mut self.batch);
        let result = match records {
            // It may be large, and need not be copied.
            [record] => self.write_all(&record.line, goes_on),
            records => {
                batch.clear();
                records.iter().for_each(|record| batch.extend_from_slice(&record.line));
                self.write_all(&batch, goes_on)
            }
        };
        self.batch = batch;
        result.map_err(|(bytes, error)| {
            let (written, whole) = whole(records, bytes);
            self.cut_off(bytes, whole);
            Broken { written, error }
        })
    }

    /// The error comes with the number of bytes that had been written before.
    fn write_all(&mut self, bytes: &[u8], goes_on: &dyn Fn()) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            let left = &bytes[written..];
            match self.file.write(&left[..left.len().min(self.piece)]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(more) => {
                    written += more;
                    goes_on();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        if let Some(length) = &mut self.length {
            *length += written as u64;
        }
        Ok(())
    }

    /// Of the bytes that were written now, only so many shall stay. If that fails, it is the best that can be done:
    /// the error is told, and `--resume` cuts off what is left.
    fn cut_off(&mut self, written: usize, whole: usize) {
        let Some(length) = self.length else { return };
        let is_as_we_left_it =
            self.file.metadata().is_ok_and(|metadata| metadata.len() == length + written as u64);
        if written > whole && is_as_we_left_it {
            let _ = self.file.set_len(length + whole as u64);
        }
    }
}

/// How many records lie within so many bytes of their lines, and how many bytes they have.
fn whole(records: &[Record], bytes: usize) -> (usize, usize) {
    let mut end = 0;
    let ends = records.iter().map(|record| {
        end += record.line.len();
        end
    });
    ends.take_while(|end| *end <= bytes).fold((0, 0), |(count, _), end| (count + 1, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_part_does_not_count() {
        let records = ["a\n", "bcd\n", "e\n"].map(Record::of_line);
        for (bytes, expected) in
            [(0, (0, 0)), (1, (0, 0)), (2, (1, 2)), (5, (1, 2)), (6, (2, 6)), (7, (2, 6)), (8, (3, 8))]
        {
            assert_eq!(whole(&records, bytes), expected, "{bytes} bytes");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_long_record_is_told_of_piece_by_piece_where_somebody_reads_it() {
        use std::cell::Cell;
        use std::io::Read;
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixStream;

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            theirs.read_to_string(&mut text).unwrap();
            text
        });
        let long = "x".repeat(4 * PIECE) + "\n";
        let pieces = Cell::new(0);
        let mut lines = Lines::new(File::from(OwnedFd::from(ours)), "a socket", false, None);
        let written = lines.write(&[Record::of_line(long.clone())], &|| pieces.set(pieces.get() + 1));
        assert!(written.is_ok() && pieces.get() >= 5, "{} pieces", pieces.get());
        drop(lines);
        assert_eq!(reader.join().unwrap(), long);
    }
}
