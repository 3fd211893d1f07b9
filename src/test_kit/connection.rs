//! One connection: requests in, answers out, and all the ways to let a client down.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::Method;

use super::answer::{Answer, Then};
use super::dialect::Dialect;
use super::gate::End;
use super::log::{InFlight, Log, Verdict};
use super::read::{Message, Unreadable, read};
use super::request::Request;
use super::script::Script;
use super::wire::Wire;

/// What the connections of a server share.
pub(super) struct Service {
    pub(super) script: Script,
    pub(super) log: Log,
    pub(super) end: End,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    Close,
    Reset,
}

/// A connection that is broken can only be closed.
impl From<io::Error> for Farewell {
    fn from(_: io::Error) -> Farewell {
        Farewell::Close
    }
}

impl Service {
    /// Answers what comes over a connection, until it ends.
    pub(super) fn converse(&self, stream: &TcpStream, connection: usize) -> Farewell {
        let mut reader = BufReader::new(stream);
        loop {
            let mut writer = stream;
            let go_on = || writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            let served = match read(&mut reader, go_on) {
                Ok(message) => self.serve(message, stream, connection),
                Err(Unreadable::Ended) => Err(Farewell::Close),
                Err(Unreadable::Wrong(status)) => refuse_to_read(status, stream),
            };
            if let Err(farewell) = served {
                return farewell;
            }
        }
    }

    /// Answers one request; or the connection ends with it, or before.
    fn serve(&self, message: Message, stream: &TcpStream, connection: usize) -> Result<(), Farewell> {
        let Message { method, target, headers, body, closes } = message;
        let id = self.script.place.id_in(&target);
        // The instant is the log's to set.
        let arrived = Instant::now();
        let mut request = Request { id, method, target, headers, body, arrived, connection };
        let (in_flight, verdict) = self.log.arrive(&mut request);
        let answer = self.answer(&request, verdict);
        if answer.gate.as_ref().is_some_and(|gate| !gate.pass(&self.end)) || !self.outlasts(answer.delay) {
            return Err(Farewell::Close);
        }
        let wire = answer.wire(&request.method, closes, SystemTime::now());
        // What has not been answered to the end is in flight until then.
        let _in_flight = self.send(&wire, stream, in_flight)?;
        match wire.then {
            Then::GoOn => Ok(()),
            Then::Hang => Err(until_gone(stream)),
            Then::Close => Err(Farewell::Close),
            Then::Reset => Err(Farewell::Reset),
        }
    }

    fn answer(&self, request: &Request, verdict: Verdict) -> Answer {
        let dialect = self.script.dialect.unwrap_or(Dialect::Plain);
        match verdict {
            Verdict::Refused(standing) => dialect.refusal(standing),
            Verdict::Crowded(standing, retry_in) => {
                dialect.too_many_at_once(standing.unwrap_or(dialect.usual()), retry_in)
            }
            Verdict::LetIn(standing) => {
                let answer = self.script.answer(request);
                match self.script.dialect {
                    Some(dialect) if answer.told.is_none() => {
                        answer.standing(dialect, standing.unwrap_or(dialect.usual()))
                    }
                    _ => answer,
                }
            }
        }
    }

    /// Waits, unless the end comes first; whether it did not.
    fn outlasts(&self, time: Duration) -> bool {
        time.is_zero() || self.end.outlasts(time)
    }

    /// Sends all pieces. The request is over before the last one goes out, unless it hangs then.
    fn send<'a>(
        &self,
        wire: &Wire,
        mut out: impl Write,
        in_flight: InFlight<'a>,
    ) -> Result<Option<InFlight<'a>>, Farewell> {
        let mut in_flight = Some(in_flight);
        let pieces = wire.pieces();
        for (index, piece) in pieces.iter().enumerate() {
            if index > 0 && !self.outlasts(wire.every) {
                return Err(Farewell::Close);
            }
            if index + 1 == pieces.len() && wire.then != Then::Hang {
                in_flight = None;
            }
            out.write_all(piece)?;
        }
        Ok(in_flight)
    }
}

/// Says what is wrong with what was sent, and ends the connection: the next request could not be found.
fn refuse_to_read(status: u16, mut stream: &TcpStream) -> Result<(), Farewell> {
    let wire = Answer::status(status).wire(&Method::GET, true, SystemTime::now());
    stream.write_all(&wire.bytes)?;
    Err(Farewell::Close)
}

/// Blocks until the client has gone, or the server ends and shuts the socket down.
fn until_gone(mut stream: &TcpStream) -> Farewell {
    let mut ignored = [0; 1024];
    loop {
        match stream.read(&mut ignored) {
            Ok(0) => return Farewell::Close,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Farewell::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::test_kit::place::Place;

    fn service() -> Service {
        // The end has come: no wait of these tests waits.
        let (_, end) = End::new();
        Service { script: Script::new(), log: Log::new(Clock::System, None, usize::MAX), end }
    }

    fn request() -> Request {
        let message = read(&mut b"GET /7 HTTP/1.1\r\n\r\n".as_slice(), || Ok(())).unwrap();
        let Message { method, target, headers, body, .. } = message;
        let id = Place::new("/{id}").id_in(&target);
        Request { id, method, target, headers, body, arrived: Instant::now(), connection: 1 }
    }

    /// Writes down how many requests are in flight at each write.
    struct Witness<'a>(&'a Log, Vec<usize>);

    impl Write for Witness<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.push(self.0.in_flight());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_request_is_over_before_the_last_piece_of_its_answer_goes_out() {
        let service = service();
        for (answer, at_each_write, behind) in [
            (Answer::ok("hi"), vec![0], 0),
            (Answer::ok("slow").dripping(2, Duration::ZERO), vec![1, 0], 0),
            (Answer::ok("x".repeat(100_000)), vec![1, 0], 0),
            (Answer::raw("hi"), vec![0], 0),
            (Answer::close_in_body(), vec![0], 0),
            (Answer::hang_in_body(), vec![1], 1),
            (Answer::close(), vec![], 1),
        ] {
            let mut witness = Witness(&service.log, Vec::new());
            let (in_flight, _) = service.log.arrive(&mut request());
            let wire = answer.wire(&Method::GET, false, SystemTime::now());
            let left = service.send(&wire, &mut witness, in_flight).unwrap();
            assert_eq!((witness.1, service.log.in_flight()), (at_each_write, behind), "{answer:?}");
            drop(left);
            assert_eq!(service.log.in_flight(), 0);
        }
    }

    #[test]
    fn a_drip_ends_with_the_server() {
        let service = service();
        let (in_flight, _) = service.log.arrive(&mut request());
        let wire = Answer::ok("slow").dripping(1, Duration::MAX).wire(&Method::GET, false, SystemTime::now());
        let mut sent = Vec::new();
        assert_eq!(service.send(&wire, &mut sent, in_flight).err(), Some(Farewell::Close));
        assert!(sent.ends_with(b"\r\n\r\ns"));
    }
}
