//! From addresses to a connected socket, in a way that can be cut.
//!
//! A connect that gets no answer blocks until its time is over. On Linux it can be woken: the socket exists, and is
//! tied, before it connects, and shutting it down ends the connect. Elsewhere nothing ends it, so a thread connects
//! and the worker waits for it. Both ways are tested on Linux.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::cancel::{Cut, Tether};
use crate::clock::Clock;

use super::failure::NotConnected;

/// Connects to one address within the given time, or less if the tether is cut. Nothing is tied any more when it
/// returns.
pub(super) type Dial = fn(SocketAddr, Duration, &Tether) -> io::Result<TcpStream>;

/// The way of this system.
#[cfg(target_os = "linux")]
pub(super) const DIAL: Dial = super::linux::dial;
/// The way of this system.
#[cfg(not(target_os = "linux"))]
pub(super) const DIAL: Dial = super::portable::dial;

/// The other way, for tests.
#[cfg(all(test, target_os = "linux"))]
pub(super) const DIAL_BY_HELPER: Dial = super::portable::dial;

/// How long one address may take if nothing says so.
const LONGEST: Duration = Duration::from_secs(3600);

/// The least that an address may take: none is tried in no time at all.
const SHORTEST: Duration = Duration::from_millis(1);

/// Tries one address after the other, in order. Each may use its share of what time is left, so that a silent one
/// leaves the others theirs. The error of the last is the one that is reported.
pub(super) fn connect(
    addresses: &[SocketAddr],
    by: Option<Instant>,
    tether: &Tether,
    dial: Dial,
) -> Result<TcpStream, NotConnected> {
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        let share = share(by, Clock::default().now(), addresses.len() - tried);
        match dial(*address, share, tether) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
        match tether.check() {
            Ok(()) => {}
            Err(Cut::ConnectTimedOut) => return Err(NotConnected::ConnectTimedOut),
            Err(_) => return Err(NotConnected::Cut),
        }
    }
    match last {
        None => Err(NotConnected::NoAddress),
        // With a number it is the kernel's: it has given up by itself.
        Some(error) if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() => {
            Err(NotConnected::ConnectTimedOut)
        }
        Some(error) => Err(NotConnected::Connect { error, tried: addresses.len() }),
    }
}

/// What one of `left` addresses may use of the time until `by`.
fn share(by: Option<Instant>, now: Instant, left: usize) -> Duration {
    let until = by.map_or(LONGEST, |by| by.saturating_duration_since(now));
    let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
    (until / left).clamp(SHORTEST, LONGEST)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::tests::server::{Full, refusing};
    use super::*;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    const WAYS: [Dial; 2] = [DIAL, DIAL_BY_HELPER];

    /// Far longer than any test waits.
    const HANGS: Duration = Duration::from_secs(30);

    #[test]
    fn the_time_is_shared_among_those_that_are_left() {
        let now = Instant::now();
        let by = now.checked_add(Duration::from_secs(5));
        assert_eq!(share(by, now, 5), Duration::from_secs(1));
        assert_eq!(share(by, now, 1), Duration::from_secs(5));
        assert_eq!(share(by, now + Duration::from_secs(6), 1), SHORTEST);
        assert_eq!(share(None, now, 1), LONGEST);
    }

    #[test]
    fn a_cut_ends_a_connect_that_hangs() {
        for dial in WAYS {
            let (full, tether) = (Full::new(), Tether::new());
            let begun = Instant::now();
            thread::scope(|scope| {
                let dialled = scope.spawn(|| dial(full.address(), HANGS, &tether));
                full.wait_for_connect();
                tether.cut(Cut::Cancelled);
                assert!(dialled.join().unwrap().is_err());
            });
            assert!(begun.elapsed() < HANGS / 3);
        }
    }

    /// The windows before and after the tie, and before and after the system call, all of them.
    #[test]
    fn a_cut_that_races_a_connect_is_never_lost() {
        for dial in WAYS {
            let full = Full::new();
            let begun = Instant::now();
            for round in 0..300_u32 {
                let tether = Tether::new();
                thread::scope(|scope| {
                    let cutter = tether.clone();
                    scope.spawn(move || {
                        (0..round * 4).for_each(|_| std::hint::spin_loop());
                        cutter.cut(Cut::Cancelled);
                    });
                    assert!(dial(full.address(), HANGS, &tether).is_err());
                });
            }
            assert!(begun.elapsed() < HANGS / 3);
        }
    }

    #[test]
    fn the_next_address_is_tried_and_the_last_error_reported() {
        for dial in WAYS {
            let (full, tether) = (Full::new(), Tether::new());
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let good = listener.local_addr().unwrap();
            let refuses = refusing();
            let soon = Instant::now().checked_add(Duration::from_millis(600));
            assert!(connect(&[full.address(), refuses, good], soon, &tether, dial).is_ok());
            match connect(&[refuses, refuses], None, &tether, dial) {
                Err(NotConnected::Connect { error, tried: 2 }) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                }
                other => panic!("{other:?}"),
            }
            let soon = Instant::now().checked_add(Duration::from_millis(50));
            let silent = connect(&[full.address()], soon, &tether, dial);
            assert!(matches!(silent, Err(NotConnected::ConnectTimedOut)), "{silent:?}");
            let tether: Arc<Tether> = tether;
            assert_eq!(tether.end(), Ok(()));
        }
    }
}
