//! What a server is to do: rules, asked in the order in which they stand, and limits before them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::clock::{Clock, VirtualClock};
use crate::limiter::Rate;

use super::answer::Answer;
use super::dialect::Dialect;
use super::place::Place;
use super::request::Request;

/// What a [`Server`](super::Server) is to do.
///
/// Rules are asked in the order in which they were added; the first one that takes a request answers it. A request
/// that no rule takes gets the answer of [`otherwise`](Script::otherwise), and where there is none, a 200 with its id
/// as the body, or a 404 if it has no id.
///
/// ```
/// use fanout::test_kit::{Answer, Server};
///
/// let server = Server::start(|script| {
///     script
///         .at("/users/{id}/widgets")
///         .for_id("7", [Answer::status(429).header("Retry-After", "2"), Answer::ok("seven")])
///         .for_id("9", Answer::hang_in_body())
///         .when(|request| request.method == "DELETE", Answer::status(405))
///         .otherwise(Answer::ok_with(|request| format!("widgets of {:?}", request.id)))
/// });
/// assert!(server.url().ends_with("/users/{id}/widgets"));
/// ```
#[must_use = "a script does nothing until it is returned to the server"]
pub struct Script {
    pub(super) place: Place,
    rules: Vec<Rule>,
    pub(super) quota: Option<(Rate, u32)>,
    pub(super) max_in_flight: usize,
    pub(super) dialect: Option<Dialect>,
    pub(super) clock: Clock,
    otherwise: Option<Answers>,
}

struct Rule {
    takes: Takes,
    answers: Answers,
}

enum Takes {
    Id(String),
    /// So many more.
    First(AtomicUsize),
    When(Box<dyn Fn(&Request) -> bool + Send + Sync>),
}

/// One answer or several, which are given in turn; the last one is repeated. Made from an [`Answer`], an array or a
/// `Vec` of them. None at all is no rule.
pub struct Answers {
    answers: Vec<Answer>,
    given: AtomicUsize,
}

impl Script {
    pub(super) fn new() -> Script {
        Script {
            place: Place::new("/{id}"),
            rules: Vec::new(),
            quota: None,
            max_in_flight: usize::MAX,
            dialect: None,
            clock: Clock::System,
            otherwise: None,
        }
    }

    /// The path and query of the server's [`url`](super::Server::url), with `{id}` in them. Defaults to `/{id}`.
    pub fn at(mut self, template: &str) -> Script {
        self.place = Place::new(template);
        self
    }

    /// Answers the requests for an id (the text of it, not percent-encoded).
    pub fn for_id(self, id: impl Into<String>, answers: impl Into<Answers>) -> Script {
        self.rule(Takes::Id(id.into()), answers)
    }

    /// Answers the requests of which this is true. It runs on the threads of the connections; the server's end waits
    /// for it.
    pub fn when(
        self,
        is_so: impl Fn(&Request) -> bool + Send + Sync + 'static,
        answers: impl Into<Answers>,
    ) -> Script {
        self.rule(Takes::When(Box::new(is_so)), answers)
    }

    /// Answers the first `count` requests, whatever they ask for, of those that no rule before it takes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::test_kit::{Answer, Dialect, Server};
    ///
    /// let server = Server::start(|script| {
    ///     script.first(3, Answer::refusal(Dialect::OpenAi, Duration::from_millis(20)))
    /// });
    /// ```
    pub fn first(self, count: usize, answers: impl Into<Answers>) -> Script {
        self.rule(Takes::First(AtomicUsize::new(count)), answers)
    }

    /// Answers what no rule takes.
    pub fn otherwise(mut self, answers: impl Into<Answers>) -> Script {
        self.otherwise = Some(answers.into());
        self
    }

    /// Refuses, before any rule is asked, what goes beyond a quota of this rate and burst, and counts it
    /// ([`refused`](super::Server::refused)). In every window of length `w`, at most `burst + rate · w` requests are
    /// let in, exactly, at the instants of their arrival. What a refusal looks like is the
    /// [`dialect`](Script::dialect)'s.
    ///
    /// So a test can assert that a client kept its bound. Requests arrive later than they were begun, some more than
    /// others: up to as many as the client has in flight can arrive together with those behind them. A quota with
    /// the client's rate, and with a burst of the client's plus its
    /// [`max_in_flight`](crate::Builder::max_in_flight), therefore refuses nothing to a client that keeps its bound,
    /// on however slow a machine; with less it may. (Requests that the client has cut off may still arrive, later.)
    /// On a [virtual clock](Script::virtual_clock) they arrive when they were begun, and the client's own burst does.
    ///
    /// ```
    /// use fanout::test_kit::Server;
    /// use fanout::{CancelToken, FanOutClient, Rate};
    ///
    /// let rate = Rate::per_second(1_000);
    /// let server = Server::start(|script| script.quota(rate, 5 + 2));
    /// let client = FanOutClient::builder(server.url()).rate(rate).burst(5).max_in_flight(2).build()?;
    /// client.fetch_all(&CancelToken::new(), 1..=20)?;
    /// assert_eq!((server.count(), server.refused()), (20, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A rate of 0 and a burst of 0 are refused by [`Server::start`](super::Server::start).
    pub fn quota(mut self, rate: Rate, burst: u32) -> Script {
        self.quota = Some((rate, burst));
        self
    }

    /// Refuses, before any rule is asked, what arrives while so many requests wait for their answers, and counts it
    /// ([`refused`](super::Server::refused)). Such a request costs nothing of the quota. Defaults to no limit.
    pub fn max_in_flight(mut self, max_in_flight: usize) -> Script {
        self.max_in_flight = max_in_flight;
        self
    }

    /// Speaks like this server: in the refusals of [`quota`](Script::quota) and
    /// [`max_in_flight`](Script::max_in_flight), and in the headers of all other answers that do not have a
    /// [`standing`](Answer::standing) of their own. Without a quota they tell of one that is hardly used. Defaults
    /// to [`Plain`](Dialect::Plain).
    pub fn dialect(mut self, dialect: Dialect) -> Script {
        self.dialect = Some(dialect);
        self
    }

    /// Tells the time by a clock that does not wait: the instants of arrivals, and the [`quota`](Script::quota). Of a
    /// client that keeps its limits [by the same clock](crate::Builder::virtual_clock), a request arrives at the very
    /// instant at which it was begun. Waits of the server's own, and the dates that a [`Dialect`] tells, are in real
    /// time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::test_kit::Server;
    /// use fanout::{CancelToken, FanOutClient, Rate, VirtualClock};
    ///
    /// let (clock, rate) = (VirtualClock::new(), Rate::per_second(10));
    /// let server = Server::start(|script| script.quota(rate, 20).virtual_clock(&clock));
    /// let client = FanOutClient::builder(server.url()).rate(rate).burst(20).virtual_clock(&clock).build()?;
    /// client.fetch_all(&CancelToken::new(), 1..=60)?;
    /// assert_eq!((server.count(), server.refused()), (60, 0));
    /// assert_eq!(clock.elapsed(), Duration::from_secs(4)); // and it took some milliseconds
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn virtual_clock(mut self, clock: &VirtualClock) -> Script {
        self.clock = Clock::Virtual(clock.clone());
        self
    }

    fn rule(mut self, takes: Takes, answers: impl Into<Answers>) -> Script {
        let answers = answers.into();
        if !answers.answers.is_empty() {
            self.rules.push(Rule { takes, answers });
        }
        self
    }

    /// The answer to a request, with its body made. A panic of the user's code is an answer, too.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        // What it can leave half done is the user's.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let rule = self.rules.iter().find(|rule| rule.takes.this(request));
            let answers = rule.map(|rule| &rule.answers).or(self.otherwise.as_ref());
            let answer = answers.and_then(Answers::next).unwrap_or_else(|| unscripted(request));
            answer.with_body_for(request)
        }));
        answered.unwrap_or_else(|_| Answer::status(500).body("the script panicked"))
    }
}

fn unscripted(request: &Request) -> Answer {
    match &request.id {
        Some(id) => Answer::ok(id.as_str()),
        None => Answer::status(404).body("no rule takes this request, and it has no id"),
    }
}

impl Takes {
    fn this(&self, request: &Request) -> bool {
        match self {
            Takes::Id(id) => request.id.as_ref() == Some(id),
            Takes::First(left) => left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok(),
            Takes::When(is_so) => is_so(request),
        }
    }
}

impl Answers {
    /// Nothing if there are none.
    fn next(&self) -> Option<Answer> {
        let last = self.answers.len().checked_sub(1)?;
        let given = self.given.fetch_update(Relaxed, Relaxed, |given| Some(given.saturating_add(1)));
        self.answers.get(given.unwrap_or(last).min(last)).cloned()
    }
}

impl From<Vec<Answer>> for Answers {
    fn from(answers: Vec<Answer>) -> Answers {
        Answers { answers, given: AtomicUsize::new(0) }
    }
}

impl<const N: usize> From<[Answer; N]> for Answers {
    fn from(answers: [Answer; N]) -> Answers {
        Answers::from(Vec::from(answers))
    }
}

impl From<Answer> for Answers {
    fn from(answer: Answer) -> Answers {
        Answers::from(vec![answer])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use ureq::http::{HeaderMap, Method};

    use super::*;

    fn request(method: Method, target: &str) -> Request {
        let id = Place::new("/{id}").id_in(target);
        let (target, headers, body) = (target.to_owned(), HeaderMap::new(), b"sent".to_vec());
        Request { id, method, target, headers, body, arrived: Instant::now(), connection: 1 }
    }

    /// The statuses of the answers to these targets, in turn.
    fn statuses(script: &Script, targets: &[&str]) -> Vec<u16> {
        targets.iter().map(|target| script.answer(&request(Method::GET, target)).status).collect()
    }

    #[test]
    fn answers_are_given_in_turn_and_the_last_one_is_repeated() {
        let script = Script::new().for_id("7", [Answer::status(201), Answer::status(202)]);
        assert_eq!(statuses(&script, &["/7", "/7", "/8", "/7"]), [201, 202, 200, 202]);
        let several = Answers { answers: vec![Answer::status(201)], given: AtomicUsize::new(usize::MAX) };
        assert_eq!(several.next().map(|answer| answer.status), Some(201));
    }

    #[test]
    fn the_first_rule_that_takes_a_request_answers_it() {
        let script = Script::new()
            .for_id("7", Answer::status(207))
            .first(2, [Answer::status(501), Answer::status(502)])
            .when(|request| request.method == Method::PUT, Answer::status(405))
            .for_id("7", Answer::status(299))
            .otherwise(Answer::status(404));
        assert_eq!(statuses(&script, &["/7", "/8", "/7", "/9", "/9", "/"]), [207, 501, 207, 502, 404, 404]);
        assert_eq!(script.answer(&request(Method::PUT, "/9")).status, 405);
    }

    #[test]
    fn an_empty_list_is_no_rule() {
        let script = Script::new().for_id("7", []).first(9, Vec::new()).otherwise(Answer::status(404));
        assert_eq!(statuses(&script, &["/7"]), [404]);
        assert_eq!(statuses(&Script::new().otherwise([]), &["/7", "/"]), [200, 404]);
    }

    #[test]
    fn a_body_can_be_made_from_the_request() {
        let script = Script::new().otherwise(Answer::ok_with(|request| request.text() + " back"));
        let wire =
            script.answer(&request(Method::GET, "/7")).wire(&Method::GET, false, std::time::UNIX_EPOCH);
        assert!(wire.bytes.ends_with(b"\r\n\r\nsent back"));
    }

    #[test]
    fn a_script_that_panics_answers_500() {
        let broken = Script::new().when(|_| panic!("on purpose"), Answer::ok(""));
        assert_eq!(statuses(&broken, &["/7", "/7"]), [500, 500]);
        let broken = Script::new().otherwise(Answer::ok_with(|_| -> Vec<u8> { panic!("on purpose") }));
        assert_eq!(statuses(&broken, &["/7"]), [500]);
    }
}
