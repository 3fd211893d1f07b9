//! For how long an input has been silent: what a thread that may be blocked in a read can tell of it.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Since when a read has been waiting, if one is. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silence(Arc<Mutex<Option<Instant>>>);

/// A reader that tells when it waits.
pub(super) struct Told<R> {
    reader: R,
    silence: Silence,
}

impl Silence {
    /// How long the read that is under way has been waiting. Nothing if there is none: before the first and behind the
    /// last, and while what has been read is not used up.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        self.0.lock().map(|since| since.elapsed())
    }

    pub(super) fn told_by<R>(&self, reader: R) -> Told<R> {
        Told { reader, silence: self.clone() }
    }
}

impl<R: Read> Read for Told<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        *self.silence.0.lock() = Some(Instant::now());
        let result = self.reader.read(buffer);
        *self.silence.0.lock() = None;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    use crossbeam_channel::{Receiver, bounded};

    /// Reads nothing, once it is let go.
    struct Silent(Receiver<()>);

    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }

    #[test]
    fn an_input_is_silent_while_a_read_waits() {
        let silence = Silence::default();
        let (end, ended) = bounded::<()>(0);
        let mut reader = silence.told_by(Silent(ended));
        assert_eq!(silence.lasts(), None);
        thread::scope(|scope| {
            let reading = scope.spawn(move || reader.read(&mut [0; 8]));
            while silence.lasts().is_none() {
                thread::yield_now();
            }
            drop(end);
            assert_eq!(reading.join().unwrap().unwrap(), 0);
        });
        assert_eq!(silence.lasts(), None);
    }
}
