//! What the page "Talking to …" says, on a clock that jumps: the settings are the page's, the answers the servers'.
//!
//! The answers have a `Date` of long ago, and tell their epochs and dates by it: our own clock is as wrong as can be.

use std::sync::Arc;
use std::time::Duration;

use fanout::http::Method;
use fanout::{
    Builder, CancelToken, Cost, Error, ErrorKind, FanOutClient, GaveUp, Limit, Rate, RetryPolicy,
    VirtualClock,
};
use parking_lot::Mutex;

use crate::support::{Answer, Server, patient};

/// 1,711,483,200 as an epoch.
const DATE: &str = "Tue, 26 Mar 2024 20:00:00 GMT";
const IN_40_MINUTES: &str = "1711485600";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A server with a script, and when its requests came, by the client's clock.
struct Scripted {
    server: Server,
    clock: VirtualClock,
    came: Arc<Mutex<Vec<Duration>>>,
    keys: Arc<Mutex<Vec<Option<String>>>>,
}

/// A server that answers its first requests with these, in turn, and all others with their ids.
fn scripted(answers: impl Into<Vec<Answer>>) -> Scripted {
    let answers = answers.into();
    let clock = VirtualClock::new();
    let (came, keys): (Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>) = Default::default();
    let server = Server::answering({
        let (clock, came, keys) = (clock.clone(), came.clone(), keys.clone());
        move |asked| {
            let mut came = came.lock();
            came.push(clock.elapsed());
            keys.lock().push(asked.header("idempotency-key").map(str::to_owned));
            answers.get(came.len() - 1).cloned().unwrap_or_else(|| Answer::ok(asked.id()))
        }
    });
    Scripted { server, clock, came, keys }
}

impl Scripted {
    /// A client of it, one request at a time, so that the order is known.
    fn client(&self, with: impl Fn(Builder) -> Builder) -> FanOutClient {
        let builder = with(patient(FanOutClient::builder(self.server.url())).burst(20));
        builder.max_in_flight(1).virtual_clock(&self.clock).build().unwrap()
    }

    /// When the requests of two ids came.
    #[track_caller]
    fn fetch_two(&self, with: impl Fn(Builder) -> Builder) -> Vec<Duration> {
        let bodies = self.client(with).fetch_all(&CancelToken::new(), 0..2).unwrap();
        assert_eq!(bodies.len(), 2);
        self.came.lock().clone()
    }

    /// Why two ids were not fetched.
    #[track_caller]
    fn fail(&self, with: impl Fn(Builder) -> Builder) -> Error {
        self.client(with).fetch_all(&CancelToken::new(), 0..2).unwrap_err()
    }
}

/// An answer with a date, and headers as `name: value` in lines.
fn answer(status: u16, headers: &str) -> Answer {
    let headers = headers.lines().filter_map(|line| line.trim().split_once(": "));
    headers
        .fold(Answer::status(status).header("Date", DATE), |answer, (name, value)| answer.header(name, value))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The first request came at once, and the others when the pause was over: the first of them not much later, for it is
/// either the other id, or the first one's next try, which waits for up to one base more.
#[track_caller]
fn paused(came: &[Duration], pause: Duration, base: Duration) {
    assert!(came.len() >= 2 && came[0].is_zero(), "{came:?}");
    assert!(came[1..].iter().all(|at| *at >= pause), "{came:?}");
    assert!(came[1] <= pause + base, "{came:?}");
}

/// The first id was tried again, before long, and nothing kept the second one waiting for longer than that.
#[track_caller]
fn backed_off(came: &[Duration], most: Duration) {
    assert!(came.len() == 3 && came[0].is_zero(), "{came:?}");
    assert!(came[2] > Duration::ZERO && came[2] <= most, "{came:?}");
}

fn github(builder: Builder) -> Builder {
    let builder =
        builder.rate(Rate::per_second(10)).burst(20).limit(Limit::at_most(5_000, HOUR)).reserve(100);
    let retries = RetryPolicy::new(4).throttling_base(MINUTE).max_backoff(10 * MINUTE);
    builder.max_in_flight(4).retries(retries).max_wait(HOUR + MINUTE)
}

fn github_by_default(builder: Builder) -> Builder {
    github(builder).max_wait(seconds(120))
}

/// An answer of GitHub's that counts.
fn counted(status: u16, left: &str) -> Answer {
    let answer = answer(status, "x-github-request-id: CC37:2605\nx-ratelimit-limit: 5000");
    answer.header("x-ratelimit-remaining", left).header("x-ratelimit-reset", IN_40_MINUTES)
}

#[test]
fn github_is_waited_for_until_its_hour_is_over() {
    for status in [403, 429] {
        let came = scripted([counted(status, "0")]).fetch_two(github);
        paused(&came, seconds(2_400), MINUTE);
        assert_eq!(came.len(), 3);
        assert!(came[2] <= seconds(2_400) + MINUTE, "{came:?}");
    }
}

#[test]
fn github_is_not_waited_for_beyond_max_wait_and_the_error_has_the_header() {
    let refusing = scripted([counted(403, "0")]);
    let error = refusing.fail(github_by_default);
    assert_eq!((error.kind(), error.gave_up()), (ErrorKind::Status, Some(GaveUp::LongPause)), "{error}");
    assert_eq!(error.headers().unwrap()["x-ratelimit-reset"], IN_40_MINUTES);
    assert_eq!((refusing.server.requests(), refusing.clock.elapsed()), (1, Duration::ZERO));

    let counting = scripted([counted(200, "100")]);
    let error = counting.fail(github_by_default);
    assert_eq!((error.kind(), counting.server.requests()), (ErrorKind::LongPause, 1), "{error}");
    let text = error.to_string();
    assert!(text.contains("x-ratelimit-reset: 1711485600") && text.contains("120s"), "{text}");
}

#[test]
fn github_is_left_what_is_in_reserve_before_it_refuses() {
    assert_eq!(scripted([counted(200, "101")]).fetch_two(github), [Duration::ZERO; 2]);
    paused(&scripted([counted(200, "100")]).fetch_two(github), seconds(2_400), MINUTE);
}

#[test]
fn githubs_secondary_limit_is_waited_for_by_its_word_and_else_for_a_minute() {
    let told = counted(403, "4000").header("Retry-After", "90");
    paused(&scripted([told]).fetch_two(github), seconds(90), MINUTE);
    paused(&scripted([counted(429, "4000")]).fetch_two(github), MINUTE, MINUTE);
    let named = counted(403, "4000").header("gh-limited-by", "search-elapsed-time-shared-grouped");
    paused(&scripted([named]).fetch_two(github), MINUTE, MINUTE);
}

#[test]
fn githubs_secondary_limit_is_waited_for_longer_and_longer_and_not_for_ever() {
    let refusing = scripted(vec![counted(429, "4000"); 5]);
    let error = refusing.client(github).fetch_all(&CancelToken::new(), 0..1).unwrap_err();
    assert_eq!((error.attempt(), error.gave_up()), (5, Some(GaveUp::Tries(5))), "{error}");
    let came = refusing.came.lock().clone();
    let bounds = [120, 120, 240, 480].map(seconds);
    for (pair, most) in came.windows(2).zip(bounds) {
        let gap = pair[1] - pair[0];
        assert!(gap >= MINUTE && gap <= most, "{gap:?} of at most {most:?}");
    }
}

#[test]
fn a_403_of_githubs_that_speaks_in_its_body_only_is_heard_as_well() {
    let said = counted(403, "4000").body("You have exceeded a secondary rate limit.");
    paused(&scripted([said]).fetch_two(github), MINUTE, MINUTE);
    let of_rights = counted(403, "4000").body("Resource not accessible by integration");
    assert_eq!(scripted([of_rights]).fail(github).gave_up(), Some(GaveUp::NotRetryable));
}

fn gitlab(builder: Builder) -> Builder {
    builder.rate(Rate::per_second(10)).burst(20).limit(Limit::at_most(400, MINUTE)).retries(5)
}

#[test]
fn gitlab_is_obeyed_and_its_reset_is_an_epoch() {
    const COUNTS: &str = "RateLimit-Limit: 400
        RateLimit-Observed: 401
        RateLimit-Remaining: 0
        RateLimit-Reset: 1711483242";
    paused(&scripted([answer(429, COUNTS)]).fetch_two(gitlab), seconds(42), seconds(1));
    let told = answer(429, COUNTS).header("Retry-After", "30");
    paused(&scripted([told]).fetch_two(gitlab), seconds(30), seconds(1));
    paused(&scripted([answer(200, COUNTS)]).fetch_two(gitlab), seconds(42), seconds(1));
}

#[test]
fn gitlab_without_a_word_is_backed_off_from() {
    let bare = answer(429, "Content-Type: text/plain").body("Retry later");
    backed_off(&scripted([bare]).fetch_two(gitlab), seconds(1));
}

fn stripe_without_key(builder: Builder) -> Builder {
    let builder = builder.method(Method::POST).body("metadata[seen]=yes").adaptive(true);
    builder.rate(Rate::per_second(20)).burst(5).retries(RetryPolicy::new(5))
}

fn stripe(builder: Builder) -> Builder {
    stripe_without_key(builder).header("Idempotency-Key", "job-{id}")
}

#[test]
fn stripe_lowers_the_rate_or_only_what_is_in_flight_by_its_reason() {
    for (reason, lowers) in [
        ("Stripe-Rate-Limited-Reason: global-rate", true),
        ("Stripe-Rate-Limited-Reason: endpoint-rate", true),
        ("", true),
        ("Stripe-Rate-Limited-Reason: global-concurrency", false),
        ("Stripe-Rate-Limited-Reason: endpoint-concurrency", false),
    ] {
        let refusing = scripted([answer(429, reason)]);
        let client = refusing.client(stripe);
        client.fetch_all(&CancelToken::new(), 0..2).unwrap();
        backed_off(&refusing.came.lock(), seconds(1));
        assert_eq!(client.limiter().rate() != Rate::per_second(20), lowers, "{reason}");
    }
}

#[test]
fn stripe_gets_the_same_key_on_each_try_and_no_second_try_without_one() {
    let refusal = answer(429, "Stripe-Rate-Limited-Reason: endpoint-rate");
    let refusing = scripted([refusal.clone(), refusal.clone()]);
    refusing.client(stripe).fetch_all(&CancelToken::new(), 7..8).unwrap();
    assert_eq!(*refusing.keys.lock(), vec![Some("job-7".to_owned()); 3]);

    let refusing = scripted([refusal]);
    let error = refusing.fail(stripe_without_key);
    assert_eq!((error.gave_up(), refusing.server.requests()), (Some(GaveUp::Unsafe), 1), "{error}");
    assert_eq!(scripted([answer(500, "")]).fail(stripe).gave_up(), Some(GaveUp::NotRetryable));
}

fn openai(builder: Builder) -> Builder {
    let builder = builder.rate(Rate::new(492, MINUTE)).burst(8).method(Method::POST);
    let builder = builder.limit(Limit::at_most(30_000, MINUTE).burst(4_000));
    let builder = builder.cost(|_| Cost::ONE.with(1, 1_000)).max_wait(10 * MINUTE);
    builder.retries(RetryPolicy::new(5).even_unsafe(true))
}

const OPENAI_SPENT: &str = "x-ratelimit-remaining-requests: 0
    x-ratelimit-remaining-tokens: 29000
    x-ratelimit-reset-requests: 6m0s
    x-ratelimit-reset-tokens: 8ms";

#[test]
fn openai_is_waited_for_by_the_span_of_what_is_spent_before_and_after_it_refuses() {
    for status in [429, 200] {
        paused(&scripted([answer(status, OPENAI_SPENT)]).fetch_two(openai), seconds(360), seconds(1));
    }
    let tokens = "x-ratelimit-remaining-requests: 499
        x-ratelimit-remaining-tokens: 0
        x-ratelimit-reset-requests: 120ms
        x-ratelimit-reset-tokens: 1m30s";
    paused(&scripted([answer(200, tokens)]).fetch_two(openai), seconds(90), seconds(1));
    let told = answer(429, OPENAI_SPENT).header("retry-after-ms", "1275").header("retry-after", "1");
    paused(&scripted([told]).fetch_two(openai), Duration::from_millis(1_275), seconds(1));
    let error = scripted([answer(429, OPENAI_SPENT)]).fail(|builder| openai(builder).max_wait(seconds(120)));
    assert_eq!(error.gave_up(), Some(GaveUp::LongPause), "{error}");
}

#[test]
fn a_reserve_is_held_against_every_count() {
    let counts = "x-ratelimit-remaining-requests: 499\nx-ratelimit-reset-requests: 120ms";
    let counting = || scripted([answer(200, counts)]);
    assert_eq!(counting().fetch_two(openai), [Duration::ZERO; 2]);
    let came = counting().fetch_two(|builder| openai(builder).reserve(2_000));
    paused(&came, Duration::from_millis(120), seconds(1));
}

#[test]
fn a_429_without_a_word_is_tried_as_often_as_is_allowed() {
    let error = scripted(vec![answer(429, ""); 20]).client(openai);
    let error = error.fetch_all(&CancelToken::new(), 0..1).unwrap_err();
    assert_eq!(error.gave_up(), Some(GaveUp::Tries(6)), "{error}");
}

/// A bucket of 4,000 tokens, which fills by 26,000 a minute.
#[test]
fn what_a_request_has_cost_above_its_estimate_delays_the_next_ones() {
    let server = scripted([]);
    let client = server.client(openai);
    for id in 0..3 {
        client.fetch_all(&CancelToken::new(), id..=id).unwrap();
        client.limiter().settle(1, 3_000 - 1_000).unwrap();
    }
    let came = server.came.lock().clone();
    assert_eq!(came[..2], [Duration::ZERO; 2]);
    assert_eq!(came[2].as_millis(), 3_000 * 60_000 / 26_000);
}

fn anthropic(builder: Builder) -> Builder {
    let builder = builder.rate(Rate::new(980, MINUTE)).burst(20).method(Method::POST);
    let builder = builder.limit(Limit::at_most(80_000, MINUTE)).limit(Limit::at_most(16_000, MINUTE));
    let builder = builder.cost(|_| Cost::ONE.with(1, 2_000).with(2, 1_000));
    builder.retries(RetryPolicy::new(5).even_unsafe(true))
}

#[test]
fn anthropic_is_waited_for_by_date_before_it_refuses_and_by_its_word_after() {
    let counts = "anthropic-ratelimit-requests-remaining: 999
        anthropic-ratelimit-requests-reset: 2024-03-26T20:00:00Z
        anthropic-ratelimit-output-tokens-remaining: 0
        anthropic-ratelimit-output-tokens-reset: 2024-03-26T20:00:30Z";
    paused(&scripted([answer(200, counts)]).fetch_two(anthropic), seconds(30), seconds(1));
    for status in [429, 529] {
        paused(&scripted([answer(status, "retry-after: 20")]).fetch_two(anthropic), seconds(20), seconds(1));
    }
    assert_eq!(scripted([answer(529, "")]).fail(anthropic).gave_up(), Some(GaveUp::NotRetryable));
}

fn nginx(builder: Builder) -> Builder {
    builder.rate(Rate::per_second(10)).burst(20).retries(5).adaptive(true)
}

#[test]
fn a_bare_429_is_throttling_and_a_bare_503_a_fault() {
    for (status, most, lowers) in [(429, 1_000, true), (503, 200, false)] {
        let refusing = scripted([answer(status, "Server: nginx")]);
        let client = refusing.client(nginx);
        client.fetch_all(&CancelToken::new(), 0..2).unwrap();
        backed_off(&refusing.came.lock(), Duration::from_millis(most));
        assert_eq!(client.limiter().rate() != Rate::per_second(10), lowers, "{status}");
    }
}

#[test]
fn a_503_that_tells_is_obeyed_unless_it_shall_not_be() {
    let refusing = || scripted([answer(503, "Server: nginx\nRetry-After: 5")]);
    paused(&refusing().fetch_two(nginx), seconds(5), seconds(1));
    let deaf = refusing().fetch_two(|builder| nginx(builder).obey_server(false));
    backed_off(&deaf, seconds(1));
}
