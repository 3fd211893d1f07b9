//! What an error of a request says: on standard error after the id, and in a record, which has the id already.
//!
//! The library says what was being done and what came back. Here method and URL are added to a status, since they are
//! what most often turns out to be wrong with one, and a hint to what the tool's options can do about it.

use std::error::Error as StdError;

use fanout::http::Method;
use fanout::{Error, ErrorKind, GaveUp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// As in the library: everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// So many characters of an id, or of a header of the server's, are shown.
const SHOWN: usize = 64;

/// What is asked for the ids, and where: the method, and the URL without what may be secret, its userinfo and its
/// query.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    method: Method,
    url: String,
}

impl Place {
    /// Of a URL that the library has taken.
    pub(crate) fn of(url: &str, method: Method) -> Place {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        Place { method, url: format!("{scheme}://{host}{path}") }
    }

    /// `GET http://localhost/7`, which is where redirects, if there were some, began.
    fn request(&self, id: &str) -> String {
        let id = shortened(&utf8_percent_encode(id, RESERVED).to_string());
        format!("{} {}", self.method, self.url.replace("{id}", &id))
    }

    /// `id 7: the server answered 404 Not Found (GET http://localhost/7)`, on one line that is not too long.
    pub(crate) fn told(&self, error: &Error) -> String {
        match error.id() {
            // Escaped, so that an id cannot write to a terminal what it likes.
            Some(id) => {
                format!("id {}: {}", shortened(&id.escape_debug().to_string()), self.cause(error))
            }
            None => self.cause(error),
        }
    }

    /// The same without the id.
    pub(crate) fn cause(&self, error: &Error) -> String {
        let id = error.id().unwrap_or_default();
        let (mut text, given_up) = chain(error, id);
        let mut notes = Vec::new();
        if matches!(error.kind(), ErrorKind::Status | ErrorKind::Redirect) {
            notes.push(self.request(id));
        }
        notes.extend(hint(error, &text).map(str::to_owned));
        text += &given_up;
        if !notes.is_empty() {
            text += &format!(" ({})", notes.join("; "));
        }
        text
    }
}

/// What happened and what lies behind it, on one line and without the id; and why it was given up, which the library
/// says before the causes, and people after them: `, after 4 tries`.
fn chain(error: &Error, id: &str) -> (String, String) {
    let text = error.to_string();
    let text = without_id(&text, id);
    let given_up = error.gave_up().map_or_else(String::new, |why| format!(", {why}"));
    let (text, given_up) = match text.strip_suffix(&given_up) {
        Some(text) => (text, given_up),
        None => (text, String::new()), // not worth telling
    };
    let mut text = text.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    (text, given_up)
}

fn without_id<'a>(text: &'a str, id: &str) -> &'a str {
    text.strip_prefix(&format!("id {}: ", id.escape_debug())).unwrap_or(text)
}

/// What can be done about it with an option of ours, or in the shell.
fn hint(error: &Error, text: &str) -> Option<&'static str> {
    match error.gave_up() {
        Some(GaveUp::Unsafe) => Some("an Idempotency-Key header or --retry-unsafe would allow it"),
        Some(GaveUp::Budget) => Some("--retry-budget sets it"),
        Some(GaveUp::LongPause) => Some("--max-wait sets how long"),
        Some(GaveUp::Tries(1)) if text.contains(" asks for a pause of ") => {
            Some("--retries would try it again")
        }
        _ if error.kind() == ErrorKind::LongPause => Some("--max-wait sets how long"),
        _ => known(text),
    }
}

/// The texts are those of the system and of rustls, which have no better name for it once they have passed through
/// other hands.
fn known(text: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 3] = [
        ("Too many open files", "use a lower --max-in-flight, or raise ulimit -n"),
        ("UnknownIssuer", "the system's certificates are not used: name your CA's with --cacert"),
        ("CaUsedAsEndEntity", "the server shows a CA's certificate as its own: it needs one made for it"),
    ];
    HINTS.iter().find(|(sign, _)| text.contains(sign)).map(|(_, hint)| *hint)
}

/// The first characters, if there are too many.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_no_secret() {
        for (url, shown) in [
            ("http://h:8080/users/{id}/widgets", "http://h:8080/users/a%2Fb/widgets"),
            ("https://me:se@cret@h/{id}?token=secret#x", "https://h/a%2Fb"),
            ("https://h?id={id}", "https://h"),
            ("http://h/@me/{id}", "http://h/@me/a%2Fb"),
        ] {
            assert_eq!(Place::of(url, Method::PUT).request("a/b"), format!("PUT {shown}"));
        }
    }

    #[test]
    fn what_is_too_long_is_shortened() {
        assert_eq!(shortened(&"ü".repeat(64)), "ü".repeat(64));
        assert_eq!(shortened(&"ü".repeat(65)), "ü".repeat(64) + "…");
    }

    #[test]
    fn a_hint_names_what_can_be_done() {
        let hint = |text| known(text).unwrap_or_default();
        assert!(hint("invalid peer certificate: UnknownIssuer").contains("--cacert"));
        assert!(hint("Other(OtherError(CaUsedAsEndEntity))").contains("made for it"));
        assert_eq!(hint("connection refused"), "");
    }

    #[test]
    fn the_id_is_taken_off_the_front_of_a_text() {
        assert_eq!(without_id("id 7: gone", "7"), "gone");
        assert_eq!(without_id("id a\\nb: gone", "a\nb"), "gone");
        assert_eq!(without_id("id 7: gone", "8"), "id 7: gone");
    }
}
