//! What has come of a try that failed, in words: the error of its id.

use std::error::Error as StdError;
use std::time::{Duration, Instant};

use crate::cancel::Stopped;
use crate::error::{Error, ErrorKind, Sent};
use crate::quota::Denied;
use crate::request::RedirectError;
use crate::transport::{Failure, Reply};

/// It was stopped while it waited for `what`.
pub(super) fn stopped(stopped: Stopped, what: &str) -> Error {
    match stopped {
        Stopped::Cancelled => Error::new(ErrorKind::Cancelled, format!("cancelled while waiting for {what}")),
        Stopped::DeadlineExceeded => {
            let text = format!("the run's deadline comes before {what} for it");
            Error::new(ErrorKind::DeadlineExceeded, text)
        }
    }
}

/// It was denied a token, at `now`; a pause is waited for if it is no longer than `max_wait`.
pub(super) fn denied(denied: Denied, now: Instant, max_wait: Duration) -> Error {
    match denied {
        Denied::Stopped(why) => stopped(why, "a token"),
        Denied::ExceedsBurst(exceeds) => {
            let text = format!("it costs more than can be had at once: {exceeds}");
            Error::new(ErrorKind::InvalidId, text)
        }
        Denied::LongPause(told) => {
            let asked = told.in_words(now);
            let text = format!("the server asks for {asked}, and at most {max_wait:?} is waited for");
            Error::new(ErrorKind::LongPause, text)
        }
        #[cfg(feature = "redis")]
        Denied::NoPermitInTime => stopped(Stopped::DeadlineExceeded, "a place in flight"),
        #[cfg(feature = "redis")]
        Denied::Shared(error) => error.into_error(),
    }
}

/// Its request failed.
pub(super) fn exchange(failure: Failure) -> Error {
    let source: Option<Box<dyn StdError + Send + Sync>> = failure.source;
    Error::new(failure.kind, failure.text)
        .sent_as(failure.sent)
        .answered(failure.head.map(|head| *head))
        .caused_by(source)
}

/// Its answer has a status that is no success.
pub(super) fn status(reply: Reply, what_else: &str) -> Error {
    let text = format!("{} answered {}{what_else}", reply.answerer(), reply.status);
    answered(ErrorKind::Status, text, reply)
}

/// Its answer is one redirect more than the `max` that are followed.
pub(super) fn too_many_redirects(reply: Reply, max: u32) -> Error {
    match max {
        0 => status(reply, ", and redirects are not followed"),
        _ => refused(reply, &format!("which is one redirect more than the {max} that are followed")),
    }
}

/// Its answer is a redirect that cannot be followed.
pub(super) fn redirect(reply: Reply, why: RedirectError) -> Error {
    let why = match why {
        RedirectError::NoLocation => "a redirect without a Location".to_owned(),
        RedirectError::BadLocation(location, why) => format!("a redirect to {:?}: {why}", shown(&location)),
        RedirectError::Downgrade(location) => {
            format!("a redirect from https to {:?}, which is not followed", shown(&location))
        }
    };
    refused(reply, &why)
}

fn refused(reply: Reply, why: &str) -> Error {
    let text = format!("{} answered {}, {why}", reply.answerer(), reply.status);
    answered(ErrorKind::Redirect, text, reply)
}

fn answered(kind: ErrorKind, text: String, reply: Reply) -> Error {
    Error::new(kind, text).sent_as(Sent::Yes).answered(Some((reply.status, reply.headers)))
}

/// A location as an error may show it: without a query, which can hold a secret, and without userinfo.
fn shown(location: &str) -> &str {
    let location = location.split('?').next().unwrap_or_default();
    let start = location.find("//").map_or(location.len(), |slashes| slashes + 2);
    match location[start..].rfind('@') {
        Some(at) => &location[start + at + 1..],
        None => location,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_location_is_shown_without_what_may_be_secret() {
        for (location, shown) in [
            ("https://h/a?token=secret", "https://h/a"),
            ("https://me:secret@h/a", "h/a"),
            ("//me:sec@ret@h/a", "h/a"),
            ("/a@b", "/a@b"),
        ] {
            assert_eq!(super::shown(location), shown);
        }
    }
}
