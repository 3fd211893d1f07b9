//! Where the records go: lines to standard output or a file, bodies to files of their own, through a thread that does
//! nothing but write them.

mod folder;
mod lines;
mod opening;

use std::io;
use std::sync::Arc;
use std::thread;

use crate::on_panic::OnPanic;
use crate::outbox::{Outbox, WriteFailure};
use crate::record::{Format, Record};
use folder::Folder;
use lines::{Broken, Lines};

pub(crate) use opening::Opening;

/// An open output.
#[derive(Default)]
pub(crate) struct Output {
    /// How people know it: `standard output`, `records.ndjson`.
    pub(crate) name: String,
    /// What is to be written of each outcome.
    pub(crate) format: Format,
    /// Regular files, which take what they are given: it is worth waiting for them, however long it takes.
    pub(crate) is_regular: bool,
    /// A terminal, which a progress bar would have to share with the records.
    pub(crate) is_terminal: bool,
    /// Standard output seems to be closed: a run will do, but nobody will ever see its records.
    pub(crate) is_lost: bool,
    sink: Sink,
}

/// One of them at least.
#[derive(Default)]
struct Sink {
    folder: Option<Folder>,
    lines: Option<Lines>,
}

impl Output {
    /// Starts the thread that writes what comes into `outbox`. `on_failure` is called, on that thread, when
    /// it cannot go on, and `goes_on` whenever something got out: a disk may be slow. Nobody ever waits for the thread
    /// itself, since it may be blocked for good.
    pub(crate) fn start(
        self,
        outbox: Arc<Outbox>,
        goes_on: impl Fn() + Send + 'static,
        on_failure: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        let Output { name, mut sink, .. } = self;
        survive_the_limit_of_files();
        let writer = move || {
            let at_once = sink.at_once();
            let part_is_out = || {
                outbox.goes_on();
                goes_on();
            };
            let write = |batch: &[Record]| sink.write(batch, &part_is_out);
            write_out(&outbox, at_once, write, &name, on_failure);
        };
        thread::Builder::new().name("output".to_owned()).spawn(writer).map(drop)
    }
}

/// Writes what comes into `outbox` until no more will, or until that fails. A panic is a failure, too: the run waits
/// for what is written, and would wait for ever.
fn write_out(
    outbox: &Outbox,
    at_once: usize,
    mut write: impl FnMut(&[Record]) -> Result<(), WriteFailure>,
    name: &str,
    on_failure: impl Fn(),
) {
    let _told = OnPanic(|| {
        let error = io::Error::other("its thread has panicked");
        outbox.failed(WriteFailure { written: 0, name: name.to_owned(), error });
        on_failure();
    });
    let mut batch = Vec::new();
    while outbox.take(at_once, &mut batch) {
        if let Err(failure) = write(&batch) {
            outbox.failed(failure);
            return on_failure();
        }
        outbox.written();
        batch.clear();
    }
}

/// A file that outgrows `ulimit -f` is an error of the write, as a full disk is, and not the end of the process. Where
/// it cannot be had, it is that.
fn survive_the_limit_of_files() {
    #[cfg(unix)]
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()));
}

impl Sink {
    fn at_once(&self) -> usize {
        // A file of a body is a write of its own in any case.
        self.lines.as_ref().map_or(1, |lines| lines.at_once)
    }

    /// The file first, and then the line that tells of it.
    fn write(&mut self, records: &[Record], goes_on: &dyn Fn()) -> Result<(), WriteFailure> {
        let (written, failure) = self.write_files(records, goes_on);
        if let Some(lines) = &mut self.lines {
            let written = lines.write(&records[..written], goes_on);
            written.map_err(|Broken { written, error }| WriteFailure {
                written,
                name: lines.name.clone(),
                error,
            })?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// How many records have their files, if they are to have some; and why not the others.
    fn write_files(&self, records: &[Record], goes_on: &dyn Fn()) -> (usize, Option<WriteFailure>) {
        for (written, record) in records.iter().enumerate() {
            if let (Some(folder), Some(file)) = (&self.folder, &record.file) {
                if let Err(error) = folder.write(file) {
                    return (written, Some(WriteFailure { written, name: folder.name_of(file), error }));
                }
                goes_on();
            }
        }
        (records.len(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Patience, UnderWay};
    use crate::record::BodyFile;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_panic_is_a_failed_write_for_whoever_waits_for_it() {
        let outbox = Outbox::new(UnderWay::new(4, false));
        for line in ["a\n", "b\n"] {
            outbox.settle(outbox.admit(), Some(Record::of_line(line)));
        }
        let failures = AtomicUsize::new(0);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let write = |_: &[Record]| panic!("as it should be, in this test");
                write_out(&outbox, 1, write, "a disk", || _ = failures.fetch_add(1, Ordering::SeqCst));
            });
            let delivery = outbox.finish(Patience::Endless);
            let failure = delivery.failure.map(|failure| failure.to_string());
            assert_eq!(failure.as_deref(), Some("cannot write to a disk: its thread has panicked"));
            assert_eq!(delivery.unwritten, 2);
            assert!(writer.join().is_err());
        });
        assert_eq!(failures.load(Ordering::SeqCst), 1);
    }

    /// Bodies alone, and lines: after a signal, whoever waits for a slow disk waits as long as it goes on.
    #[test]
    fn whatever_gets_out_is_told_of_at_once() {
        let path = std::env::temp_dir().join(format!("fanout-goes-on-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        let folder = folder::Found::look(&path, None).unwrap().open(false).unwrap();
        let file = std::fs::File::create(path.join("lines")).unwrap();
        let body = |name: &str| {
            let mut record = Record::of_line(format!("{name}\n"));
            record.file = Some(BodyFile { name: name.to_owned(), body: b"x".to_vec() });
            record
        };
        let records = [body("1"), body("2")];
        let times = AtomicUsize::new(0);
        let count = || _ = times.fetch_add(1, Ordering::SeqCst);
        let mut sink = Sink { folder: Some(folder), lines: None };
        sink.write(&records, &count).unwrap();
        assert_eq!(times.swap(0, Ordering::SeqCst), 2);
        sink = Sink { folder: None, lines: Some(Lines::new(file, "lines", true, Some(0))) };
        sink.write(&records, &count).unwrap();
        assert_eq!(times.load(Ordering::SeqCst), 1);
        std::fs::remove_dir_all(path).unwrap();
    }
}
