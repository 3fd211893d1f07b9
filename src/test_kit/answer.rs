//! What a server answers, as a value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::request::IntoBody;

use super::dialect::{Dialect, Standing};
use super::gate::Gate;
use super::limit_headers::{Case, LimitHeaders};
use super::request::Request;

/// One answer of a [`Server`](super::Server): status, headers and body, and how they go over the wire, or do not.
///
/// An answer is made by one of the functions below, and then changed: `Answer::status(404).body("no such widget")`.
/// When its turn comes it first waits at its gate ([`held_by`](Answer::held_by)), then for its time
/// ([`after`](Answer::after)); then it goes out. The end of the server ends each of these waits.
///
/// The length or the chunks of a body, and `Connection: close` where the connection ends, are written by the server;
/// an answer to `HEAD`, and one with the status 204 or 304, has no body. Nothing else is added, and nothing is
/// checked: a status of 999 and a header with a line break go out as they are.
#[derive(Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) told: Option<LimitHeaders>,
    pub(super) body: Body,
    pub(super) framing: Framing,
    pub(super) closes: bool,
    pub(super) gate: Option<Gate>,
    pub(super) delay: Duration,
    pub(super) drip: Option<(usize, Duration)>,
    pub(super) course: Course,
}

#[derive(Clone)]
pub(super) enum Body {
    Same(Arc<[u8]>),
    Made(Arc<MakeBody>),
}

type MakeBody = dyn Fn(&Request) -> Vec<u8> + Send + Sync;

/// How a reader knows the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// How much of an answer goes out, and what comes then.
#[derive(Clone, Debug)]
pub(super) enum Course {
    Whole,
    /// Nothing of it.
    None(Then),
    /// The head, and the first half of the body.
    Half(Then),
    /// These bytes, whatever they are.
    Raw(Arc<[u8]>),
}

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It waits for the next request.
    GoOn,
    /// It stays open, and silent.
    Hang,
    Close,
    Reset,
}

/// Whole answers.
impl Answer {
    /// A 200 with this body: text or bytes.
    #[must_use]
    pub fn ok(body: impl IntoBody) -> Answer {
        Answer::status(200).body(body)
    }

    /// A 200 with a body that is made from the request. It runs on the thread of the connection; the server's end
    /// waits for it.
    ///
    /// If it panics, the answer is a 500 that says so.
    #[must_use]
    pub fn ok_with<B: IntoBody>(body: impl Fn(&Request) -> B + Send + Sync + 'static) -> Answer {
        Answer { body: Body::Made(Arc::new(move |request| body(request).into_body())), ..Answer::status(200) }
    }

    /// An answer with this status and no body.
    #[must_use]
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            told: None,
            body: Body::Same(Arc::default()),
            framing: Framing::Length,
            closes: false,
            gate: None,
            delay: Duration::ZERO,
            drip: None,
            course: Course::Whole,
        }
    }
}

/// Answers that go wrong.
impl Answer {
    /// No answer, on a connection that stays open: until the client closes it, or the server ends.
    #[must_use]
    pub fn hang() -> Answer {
        Answer { course: Course::None(Then::Hang), ..Answer::status(200) }
    }

    /// The head of a 200 and the first half of its body; then nothing, on a connection that stays open.
    #[must_use]
    pub fn hang_in_body() -> Answer {
        Answer { course: Course::Half(Then::Hang), ..Answer::ok(SOME_BODY) }
    }

    /// No answer: the connection is closed.
    #[must_use]
    pub fn close() -> Answer {
        Answer { course: Course::None(Then::Close), ..Answer::status(200) }
    }

    /// The head of a 200 and the first half of its body; then the connection is closed.
    #[must_use]
    pub fn close_in_body() -> Answer {
        Answer { course: Course::Half(Then::Close), ..Answer::ok(SOME_BODY) }
    }

    /// No answer: the connection is reset.
    #[must_use]
    pub fn reset() -> Answer {
        Answer { course: Course::None(Then::Reset), ..Answer::status(200) }
    }

    /// The head of a 200 and the first half of its body; then the connection is reset. What was sent before may get
    /// lost on its way.
    #[must_use]
    pub fn reset_in_body() -> Answer {
        Answer { course: Course::Half(Then::Reset), ..Answer::ok(SOME_BODY) }
    }

    /// These bytes as they are; then the connection is closed. For whatever no other answer can say.
    #[must_use]
    pub fn raw(bytes: impl IntoBody) -> Answer {
        Answer { course: Course::Raw(bytes.into_body().into()), ..Answer::status(200) }
    }

    /// Some bytes that are no HTTP; then the connection is closed.
    #[must_use]
    pub fn garbage() -> Answer {
        Answer::raw("220 mail.example.com ESMTP: this is not the server you are looking for\r\n\r\n")
    }
}

/// What half of is sent where nothing else was asked for.
const SOME_BODY: &str = "The first half of this is sent, and the second half never comes.";

/// What can be changed.
impl Answer {
    /// The body: text or bytes.
    #[must_use]
    pub fn body(mut self, body: impl IntoBody) -> Answer {
        self.body = Body::Same(body.into_body().into());
        self
    }

    /// A header more. It stands in place of those of the same name that a [`Dialect`] says.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The headers in which such a server says how much of its quota is left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::test_kit::{Answer, Dialect, Standing};
    ///
    /// let soon_over = Standing { limit: 5_000, remaining: 1, reset_in: Duration::from_secs(60) };
    /// let answer = Answer::ok("seven").standing(Dialect::GitHub, soon_over);
    /// # let _ = answer;
    /// ```
    #[must_use]
    pub fn standing(mut self, dialect: Dialect, standing: Standing) -> Answer {
        let case = self.told.map_or(Case::Answered, |told| told.case);
        self.told = Some(LimitHeaders { dialect, standing, case });
        self
    }

    /// The body in chunks, without a length.
    #[must_use]
    pub fn chunked(mut self) -> Answer {
        self.framing = Framing::Chunked;
        self
    }

    /// The body without a length: it ends with the connection.
    #[must_use]
    pub fn until_close(mut self) -> Answer {
        self.framing = Framing::UntilClose;
        self
    }

    /// Says `Connection: close`, and closes the connection behind the answer.
    #[must_use]
    pub fn closing(mut self) -> Answer {
        self.closes = true;
        self
    }

    /// Waits at a gate of the test's, so that the test knows what is under way. A request whose client has gone
    /// stands at its gate all the same.
    #[must_use]
    pub fn held_by(mut self, gate: &Gate) -> Answer {
        self.gate = Some(gate.clone());
        self
    }

    /// Waits so long, in real time. A test that can do with a [gate](Answer::held_by) is faster, and never wrong by
    /// being slow.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }

    /// Sends the body slowly: so many bytes at a time (at least 1), and between two of them a wait, in real time.
    #[must_use]
    pub fn dripping(mut self, bytes: usize, every: Duration) -> Answer {
        self.drip = Some((bytes.max(1), every));
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("course", &self.course)
            .finish_non_exhaustive()
    }
}
