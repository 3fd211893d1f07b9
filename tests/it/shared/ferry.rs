//! What lies between a process and its Redis, and may hold what it carries, or lose it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::Redis;

/// Which way something goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    There,
    Back,
}

pub(crate) struct Ferry {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    holds: Option<Way>,
    /// Each with what has become of it, and whether it has something to carry that is held.
    connections: Vec<(TcpStream, Fate, bool)>,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    /// It carries nothing any more.
    Dead,
}

impl Ferry {
    pub(crate) fn to(redis: &Redis) -> Ferry {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, there) = (listener.local_addr().unwrap().port(), redis.port());
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let ferry = Ferry { port, shared: shared.clone() };
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if shared.state.lock().is_over {
                    return;
                }
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, there)) else { continue };
                let mut state = shared.state.lock();
                let number = state.connections.len();
                state.connections.push((client.try_clone().unwrap(), Fate::Good, false));
                drop(state);
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                for (from, to, way) in [(from, to, Way::There), (server, client, Way::Back)] {
                    let shared = shared.clone();
                    thread::spawn(move || shared.carry(from, to, way, number));
                }
            }
        });
        ferry
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// From now on nothing arrives that goes this way.
    pub(crate) fn hold(&self, way: Way) {
        self.shared.state.lock().holds = Some(way);
    }

    /// Whether there is something that is held.
    pub(crate) fn is_holding(&self) -> bool {
        self.shared.state.lock().connections.iter().any(|(_, _, is_held)| *is_held)
    }

    /// What was held arrives, and what comes.
    pub(crate) fn release(&self) {
        self.shared.state.lock().holds = None;
        self.shared.changed.notify_all();
    }

    /// What is held is lost, and so are the connections with it; the others go on.
    pub(crate) fn lose(&self) {
        let mut state = self.shared.state.lock();
        state.holds = None;
        for (connection, fate, _) in state.connections.iter_mut().filter(|(_, _, is_held)| *is_held) {
            *fate = Fate::Dead;
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
    }

    /// The connections that are there carry nothing any more, and do not say so; those that come are good.
    pub(crate) fn silence(&self) {
        self.shared.state.lock().connections.iter_mut().for_each(|(_, fate, _)| *fate = Fate::Dead);
    }

    /// How many there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state.lock().connections.len()
    }
}

impl Shared {
    fn carry(&self, mut from: TcpStream, mut to: TcpStream, way: Way, number: usize) {
        let mut some = [0; 4_096];
        while let Ok(n @ 1..) = from.read(&mut some) {
            let mut state = self.state.lock();
            if state.holds == Some(way) {
                state.connections[number].2 = true;
                self.changed.wait_while(&mut state, |state| {
                    state.holds == Some(way) && state.connections[number].1 == Fate::Good && !state.is_over
                });
                state.connections[number].2 = false;
            }
            let is_good = state.connections[number].1 == Fate::Good;
            drop(state);
            if is_good && to.write_all(&some[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

impl Drop for Ferry {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.is_over = true;
        state.connections.iter().for_each(|(connection, _, _)| _ = connection.shutdown(Shutdown::Both));
        drop(state);
        self.shared.changed.notify_all();
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}
