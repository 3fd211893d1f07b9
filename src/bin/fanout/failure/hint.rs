//! What can be done about a failure: an option of ours, a header, or a look at what is most often wrong. In a few
//! words, and only where there is something sensible to say.

use std::time::Duration;

use fanout::{Error, ErrorKind, GaveUp, Sent};

pub(crate) const IS_IT_RUNNING: &str = "is the server running, and the port right?";
pub(crate) const WANTS_A_PASSWORD: &str = "redis://:PASSWORD@HOST:6379, or FANOUT_REDIS_PASSWORD";

const MAX_WAIT: &str = "--max-wait sets how long";
const TRY_AGAIN: &str = "--retries would try it again";
const WAIT_AND_TRY_AGAIN: &str = "--retries with a longer --max-wait would try it again";
const PAUSE: &str = " asks for a pause of ";

/// What would not be over by the next try.
const LASTING: [&str; 3] = ["shaking hands (TLS)", "Too many open files", "for a tunnel to"];

/// What is known of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// They have credentials.
    pub(super) has_credentials: bool,
    /// Twice is not worse than once, or is taken to be so.
    pub(super) is_repeatable: bool,
    /// The longest pause that is waited for, if it is known.
    pub(super) max_wait: Option<Duration>,
}

/// The hint for an error of this text; nothing where there is none.
pub(super) fn hint(error: &Error, text: &str, asked: Asked) -> Option<String> {
    match error.gave_up() {
        Some(GaveUp::Unsafe) => Some("an Idempotency-Key header or --retry-unsafe would allow it".to_owned()),
        Some(GaveUp::Budget) => Some("--retry-budget sets it".to_owned()),
        Some(GaveUp::LongPause) => Some(MAX_WAIT.to_owned()),
        _ => {
            let status = error.status().map(|status| status.as_u16());
            let about = about(error.kind(), status, text, asked.has_credentials);
            let again = again(error, status, text, asked.max_wait)
                .filter(|_| asked.is_repeatable || error.sent() == Sent::Never);
            join([about, again])
        }
    }
}

/// `is the server running? --retries would try it again`, `--timeout sets how long, --retries would try it again`
fn join(hints: [Option<&str>; 2]) -> Option<String> {
    hints.into_iter().flatten().map(str::to_owned).reduce(|first, second| {
        let between = if first.ends_with('?') { " " } else { ", " };
        format!("{first}{between}{second}")
    })
}

/// What another try might mend, if there are none yet: see [`RetryPolicy`](fanout::RetryPolicy).
fn again(error: &Error, status: Option<u16>, text: &str, max_wait: Option<Duration>) -> Option<&'static str> {
    let is_too_long = pause(text).zip(max_wait).is_some_and(|(pause, most)| pause > most);
    match (error.kind(), status, error.gave_up()?) {
        (_, _, GaveUp::Tries(1)) if is_too_long => Some(WAIT_AND_TRY_AGAIN),
        (ErrorKind::Status, Some(500), GaveUp::NotRetryable) => Some("--retry-500 would try it again"),
        (ErrorKind::Status, Some(500), GaveUp::Tries(1)) => {
            Some("--retries with --retry-500 would try it again")
        }
        (ErrorKind::Status, Some(408 | 425 | 429 | 502 | 503 | 504), GaveUp::Tries(1)) => Some(TRY_AGAIN),
        (_, _, GaveUp::Tries(1)) if text.contains(PAUSE) => Some(TRY_AGAIN),
        (
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::TruncatedBody,
            _,
            GaveUp::Tries(1),
        ) => Some(TRY_AGAIN).filter(|_| !LASTING.iter().any(|sign| text.contains(sign))),
        _ => None,
    }
}

/// `… which asks for a pause of 3600 s (retry-after: 3600)`: as the library tells it.
fn pause(text: &str) -> Option<Duration> {
    let (_, told) = text.split_once(PAUSE)?;
    told.split_once(" s")?.0.parse().ok().map(Duration::from_secs)
}

fn about(kind: ErrorKind, status: Option<u16>, text: &str, has_credentials: bool) -> Option<&'static str> {
    known(text).or(match kind {
        ErrorKind::LongPause => Some(MAX_WAIT),
        ErrorKind::NameLookup => Some("is the name right, and this machine online?"),
        ErrorKind::Timeout if text.contains(" took longer than ") => Some("--connect-timeout sets how long"),
        ErrorKind::Timeout if text.contains(" stalled: ") => Some("--stall-timeout sets how long"),
        ErrorKind::Timeout => Some("--timeout sets how long"),
        ErrorKind::BodyTooLarge => Some("--max-body sets how large"),
        ErrorKind::InvalidResponse if text.contains(" is not valid HTTP") => {
            Some("is this the port of a web server? if it speaks TLS: https://")
        }
        ErrorKind::Redirect | ErrorKind::Status if is_one_too_many(text) => {
            Some("--max-redirects sets how many")
        }
        ErrorKind::Thread => Some("use a lower --max-in-flight, or raise ulimit -u"),
        // A limit, and no matter of credentials.
        ErrorKind::Status if status == Some(403) && text.contains(PAUSE) => None,
        ErrorKind::Status => about_status(status?, has_credentials),
        _ => None,
    })
}

fn is_one_too_many(text: &str) -> bool {
    text.contains("one redirect more than") || text.contains("redirects are not followed")
}

fn about_status(status: u16, has_credentials: bool) -> Option<&'static str> {
    match status {
        401 if has_credentials => Some("the credentials in the request are not accepted"),
        401 => Some("it wants credentials, as in -H 'Authorization: Bearer …'"),
        403 if has_credentials => Some("the credentials in the request may not do this"),
        403 => Some("it may want credentials, as in -H 'Authorization: Bearer …'"),
        404 => Some("is {id} in the right place? --ok 200-299,404 would let it pass"),
        405 => Some("-X sets the method"),
        415 => Some("-H 'Content-Type: …' says what --data is"),
        429 => Some("--rate and --at-most set the pace"),
        _ => None,
    }
}

/// The texts are those of the system and of rustls, which have no better name for it once they have passed through
/// other hands.
fn known(text: &str) -> Option<&'static str> {
    const WHO: &str = "the proxy's URL can name a user and a password: http://USER:PASSWORD@HOST:PORT";
    const HINTS: [(&str, &str); 14] = [
        ("Connection refused", IS_IT_RUNNING),
        ("Network is unreachable", "is this machine online?"),
        ("No route to host", "is the server running, and this machine online?"),
        ("it wants a password", WANTS_A_PASSWORD),
        ("and a grant may be used for", "--use-by sets how long, for all"),
        ("Too many open files", "use a lower --max-in-flight, or raise ulimit -n"),
        ("UnknownIssuer", "the system's certificates are not used: name your CA's with --cacert"),
        ("answered 407 Proxy Authentication Required", WHO),
        // What tinyproxy says to a wrong password. (A server's answer is not an "it answered".)
        ("it answered 401 Unauthorized", WHO),
        ("CaUsedAsEndEntity", "the server shows a CA's certificate as its own: it needs one made for it"),
        ("certificate expired", "the server needs a new one, if the clock of this machine is right"),
        ("certificate not valid for name", "the URL must have a name that is in the certificate"),
        ("InvalidContentType", "is it TLS that this port speaks? if not: http://"),
        ("broke while shaking hands (TLS)", "is it TLS that this port speaks? if not: http://"),
    ];
    HINTS.iter().find(|(sign, _)| text.contains(sign)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_what_can_be_done() {
        let hint = |text| known(text).unwrap_or_default();
        assert!(hint("invalid peer certificate: UnknownIssuer").contains("--cacert"));
        assert!(hint("Other(OtherError(CaUsedAsEndEntity))").contains("made for it"));
        assert_eq!(hint("connection reset"), "");
    }

    #[test]
    fn a_pause_is_as_long_as_it_is_told() {
        let text = "429 Too Many Requests, which asks for a pause of 3600 s (retry-after: 3600)";
        assert_eq!(pause(text), Some(Duration::from_secs(3_600)));
        assert_eq!(pause("429 Too Many Requests"), None);
    }

    #[test]
    fn a_question_needs_no_comma() {
        assert_eq!(join([None, None]), None);
        assert_eq!(join([Some("is it?"), Some("do")]).unwrap(), "is it? do");
        assert_eq!(join([Some("it is"), Some("do")]).unwrap(), "it is, do");
    }

    #[test]
    fn credentials_that_are_there_are_not_asked_for() {
        for status in [401, 403] {
            let [without, with] = [false, true].map(|has| about_status(status, has).unwrap());
            assert!(without.contains("Authorization") && with.starts_with("the credentials in the request"));
        }
        assert_eq!(about_status(409, false), None);
    }
}
