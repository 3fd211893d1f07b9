//! From a host to its addresses: given, written in the host itself, remembered, or looked up.
//!
//! The system's look-up cannot be interrupted, so it runs on a [helper](helpers) thread. The worker waits for it,
//! tied to its tether as to a socket, and leaves at once when it is cut; a look-up that hangs stays with its helper.
//!
//! # Invariants
//!
//! 1. *One look-up for all who ask.* The first to ask makes the [`Question`], and those who come while it is open
//!    wait for the same one. A question lives as long as someone waits for it, or a helper works on it: the queue and
//!    the list of names hold it weakly. So what nobody waits for any more is not looked up, and can be asked anew.
//! 2. *Only answers are remembered*, for the life of the client, until no address of one can be connected to. Who
//!    remembers or forgets names the question, or the answer, that he means: coming late, he changes nothing that has
//!    been found out since.
//! 3. *No wake-up is lost.* A waiter looks at its own flag and at the answer, and waits, under the question's lock.
//!    `sever` raises the flag, and then takes that lock before it notifies. The flag is the waiter's own because it
//!    must not look at its tether there: `sever` comes with the tether locked.

mod helpers;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Condvar, Mutex};

use crate::cancel::{Line, Tether};

use super::failure::NotConnected;
use super::{Lookup, Pinned};

/// The addresses of one host, at least one.
pub(super) type Addresses = Arc<[SocketAddr]>;

/// How many names are remembered. With more, as redirects can bring, all are forgotten and learnt anew: no client
/// that talks to one API comes near it.
const MAX_NAMES: usize = 256;

/// See the module's documentation.
pub(super) struct Names {
    pinned: Vec<Pinned>,
    lookup: Lookup,
    known: Mutex<HashMap<(String, u16), Entry>>,
}

enum Entry {
    Asked(Weak<Question>),
    Known(Addresses),
}

/// A look-up that has been asked for, and its answer. This, and nothing of the client, is what a helper holds.
struct Question {
    host: String,
    port: u16,
    lookup: Lookup,
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

/// An error is shared by all who waited, so it is in parts.
type Answer = Result<Addresses, (io::ErrorKind, String)>;

/// One worker's wait for a question.
struct Waiter {
    question: Arc<Question>,
    severed: AtomicBool,
}

impl Names {
    pub(super) fn new(pinned: Vec<Pinned>, lookup: Option<Lookup>) -> Names {
        let lookup = lookup.unwrap_or_else(|| Arc::new(look_up_by_system));
        Names { pinned, lookup, known: Mutex::default() }
    }

    /// The addresses of `host`. Comes back at once when `tether` is cut.
    pub(super) fn look_up(&self, host: &str, port: u16, tether: &Tether) -> Result<Addresses, NotConnected> {
        let host = host.to_ascii_lowercase();
        if let Some(pinned) = self.pinned(&host, port) {
            return if pinned.is_empty() { Err(NotConnected::NoAddress) } else { Ok(pinned) };
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok([SocketAddr::new(ip, port)].into());
        }
        let key = (host, port);
        let question = match self.known_or_asked(&key) {
            Ok(known) => return Ok(known),
            Err(question) => question,
        };
        let answer = wait(&question, tether)?;
        self.note(key, &question, &answer);
        answer.map_err(|(kind, text)| NotConnected::LookUp(io::Error::new(kind, text)))
    }

    /// None of these addresses could be connected to: the next exchange looks the host up again.
    pub(super) fn forget(&self, host: &str, port: u16, addresses: &Addresses) {
        let key = (host.to_ascii_lowercase(), port);
        let mut known = self.known.lock();
        if matches!(known.get(&key), Some(Entry::Known(ours)) if Arc::ptr_eq(ours, addresses)) {
            known.remove(&key);
        }
    }

    fn pinned(&self, host: &str, port: u16) -> Option<Addresses> {
        let ours = |pinned: &&Pinned| pinned.host == host && pinned.port.is_none_or(|only| only == port);
        let pinned = self.pinned.iter().find(ours)?;
        let complete = |addr: &SocketAddr| match addr.port() {
            0 => SocketAddr::new(addr.ip(), port),
            _ => *addr,
        };
        Some(pinned.addrs.iter().map(complete).collect())
    }

    /// What is known, or a question that is open: somebody else's, or a new one.
    fn known_or_asked(&self, key: &(String, u16)) -> Result<Addresses, Arc<Question>> {
        let mut known = self.known.lock();
        let question = match known.get(key) {
            Some(Entry::Known(addresses)) => return Ok(addresses.clone()),
            Some(Entry::Asked(question)) => question.upgrade(),
            None => None,
        };
        if let Some(question) = question {
            return Err(question);
        }
        let (host, port) = key.clone();
        let lookup = self.lookup.clone();
        let question =
            Arc::new(Question { host, port, lookup, answer: Mutex::default(), answered: Condvar::new() });
        if known.len() >= MAX_NAMES {
            known.clear(); // who waits for a question holds it, and is answered
        }
        known.insert(key.clone(), Entry::Asked(Arc::downgrade(&question)));
        drop(known);
        helpers::ask(&question);
        Err(question)
    }

    /// Remembers an answer, or that a question has none. Invariant 2.
    fn note(&self, key: (String, u16), question: &Arc<Question>, answer: &Answer) {
        let mut known = self.known.lock();
        if !matches!(known.get(&key), Some(Entry::Asked(ours)) if ours.as_ptr() == Arc::as_ptr(question)) {
            return;
        }
        match answer {
            Ok(addresses) => known.insert(key, Entry::Known(addresses.clone())),
            Err(_) => known.remove(&key),
        };
    }
}

fn wait(question: &Arc<Question>, tether: &Tether) -> Result<Answer, NotConnected> {
    let waiter = Arc::new(Waiter { question: question.clone(), severed: AtomicBool::new(false) });
    tether.tie(waiter.clone()).map_err(|_| NotConnected::Cut)?;
    let mut answer = question.answer.lock();
    while answer.is_none() && !waiter.severed.load(Ordering::Relaxed) {
        question.answered.wait(&mut answer);
    }
    let answered = answer.clone();
    drop(answer);
    tether.untie().map_err(|_| NotConnected::Cut)?;
    answered.ok_or(NotConnected::Cut)
}

impl Line for Waiter {
    fn sever(&self) {
        // ORDERING: the lock that follows, and the waiter's, order it.
        self.severed.store(true, Ordering::Relaxed);
        drop(self.question.answer.lock());
        self.question.answered.notify_all();
    }
}

impl Question {
    /// Looks up. Blocks for as long as that takes; may run foreign code, which may panic.
    fn find_out(&self) -> Answer {
        match (self.lookup)(&self.host, self.port) {
            Ok(addresses) if addresses.is_empty() => {
                Err((io::ErrorKind::NotFound, "the name has no address".to_owned()))
            }
            Ok(addresses) => Ok(addresses.into()),
            Err(error) => Err((error.kind(), error.to_string())),
        }
    }

    fn answer(&self, answer: Answer) {
        *self.answer.lock() = Some(answer);
        self.answered.notify_all();
    }
}

fn look_up_by_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cut;
    use std::sync::atomic::AtomicUsize;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 80))
    }

    /// Names whose n-th look-up yields 127.0.0.n, or fails if n is 0 modulo `failing`; and how many there were.
    fn counting(failing: usize) -> (Names, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let lookup: Lookup = Arc::new(move |host, port| {
            assert_eq!((host, port), ("a.example", 80));
            let n = counted.fetch_add(1, Ordering::SeqCst) + 1;
            if n % failing == 0 {
                return Err(io::Error::other("no such host"));
            }
            Ok(vec![address(u8::try_from(n).unwrap())])
        });
        (Names::new(Vec::new(), Some(lookup)), count)
    }

    #[test]
    fn an_answer_is_remembered_until_it_is_forgotten() {
        let (names, count) = counting(usize::MAX);
        let tether = Tether::new();
        let first = names.look_up("a.example", 80, &tether).unwrap();
        assert_eq!(*names.look_up("A.Example", 80, &tether).unwrap(), [address(1)]);
        assert_eq!(count.load(Ordering::SeqCst), 1);
        names.forget("A.EXAMPLE", 80, &first);
        assert_eq!(*names.look_up("a.example", 80, &tether).unwrap(), [address(2)]);
        names.forget("a.example", 80, &first); // late: means the first answer
        assert_eq!(*names.look_up("a.example", 80, &tether).unwrap(), [address(2)]);
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn no_more_names_are_remembered_than_may_be() {
        let lookup: Lookup = Arc::new(|_, _| Ok(vec![address(1)]));
        let (names, tether) = (Names::new(Vec::new(), Some(lookup)), Tether::new());
        for number in 0..3 * MAX_NAMES {
            names.look_up(&format!("{number}.example"), 80, &tether).unwrap();
            assert!(names.known.lock().len() <= MAX_NAMES);
        }
    }

    #[test]
    fn a_failed_look_up_is_not_remembered() {
        let (names, count) = counting(1);
        let tether = Tether::new();
        for _ in 0..2 {
            match names.look_up("a.example", 80, &tether) {
                Err(NotConnected::LookUp(error)) => assert_eq!(error.to_string(), "no such host"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_look_up_that_panics_or_finds_nothing_fails() {
        let tether = Tether::new();
        let panics: Lookup = Arc::new(|_, _| panic!("this panic belongs to a test"));
        let empty: Lookup = Arc::new(|_, _| Ok(Vec::new()));
        for lookup in [panics, empty] {
            let looked = Names::new(Vec::new(), Some(lookup)).look_up("a.example", 80, &tether);
            assert!(matches!(looked, Err(NotConnected::LookUp(_))), "{looked:?}");
        }
    }

    #[test]
    fn literals_and_pinned_hosts_are_not_looked_up() {
        let lookup: Lookup = Arc::new(|_, _| Err(io::Error::other("looked up")));
        let elsewhere = SocketAddr::from(([127, 0, 0, 9], 9));
        let pinned = [
            Pinned { host: "p.example".into(), port: Some(81), addrs: vec![address(3)] },
            Pinned {
                host: "p.example".into(),
                port: None,
                addrs: vec!["[::1]:0".parse().unwrap(), elsewhere],
            },
            Pinned { host: "127.0.0.1".into(), port: None, addrs: vec![elsewhere] },
        ];
        let (names, tether) = (Names::new(pinned.into(), Some(lookup)), Tether::new());
        assert_eq!(*names.look_up("P.Example", 81, &tether).unwrap(), [address(3)]);
        assert_eq!(
            *names.look_up("p.example", 82, &tether).unwrap(),
            ["[::1]:82".parse().unwrap(), elsewhere]
        );
        assert_eq!(*names.look_up("127.0.0.1", 80, &tether).unwrap(), [elsewhere]);
        assert_eq!(*names.look_up("127.0.0.2", 80, &tether).unwrap(), [address(2)]);
        assert_eq!(*names.look_up("::1", 80, &tether).unwrap(), ["[::1]:80".parse().unwrap()]);
    }

    #[test]
    fn a_cut_worker_does_not_begin_to_wait() {
        let (names, count) = counting(usize::MAX);
        let tether = Tether::new();
        tether.cut(Cut::Cancelled);
        assert!(matches!(names.look_up("a.example", 80, &tether), Err(NotConnected::Cut)));
        assert!(count.load(Ordering::SeqCst) <= 1);
    }
}
