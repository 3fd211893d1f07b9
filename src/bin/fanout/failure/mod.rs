//! What an error of a request says: on standard error after the id, and in a record, which has the id already.
//!
//! The library says what was being done and what came back. Here method and URL are added to a status, since they are
//! what most often turns out to be wrong with one. On standard error, where it is told once, there is also a hint to
//! what can be done about it.

mod first;
mod hint;

use std::error::Error as StdError;
use std::time::Duration;

use fanout::http::Method;
use fanout::{Error, ErrorKind, encode};

use crate::values::url::without_userinfo;
use hint::Asked;

pub(crate) use first::FirstFailure;
#[cfg(feature = "redis")]
pub(crate) use hint::{IS_IT_RUNNING, WANTS_A_PASSWORD};

/// So many characters of an id, or of a header of the server's, are shown.
const SHOWN: usize = 64;

/// What is asked for the ids, and where: the method, and the URL without what may be secret, its userinfo and its
/// query.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    method: Method,
    url: String,
    asked: Asked,
}

impl Endpoint {
    /// Of a URL that the library has taken.
    pub(crate) fn of(url: &str, method: Method) -> Endpoint {
        let (url, has_credentials) = without_userinfo(url.split(['?', '#']).next().unwrap_or_default());
        let asked = Asked { has_credentials, is_repeatable: method.is_idempotent(), max_wait: None };
        Endpoint { method, url, asked }
    }

    /// The same, where these names are among those of the requests' headers.
    pub(crate) fn with_headers<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Endpoint {
        for name in names {
            self.asked.has_credentials |= name.eq_ignore_ascii_case("authorization");
            self.asked.is_repeatable |= name.eq_ignore_ascii_case("idempotency-key");
        }
        self
    }

    /// The same, where no longer pause than this is waited for.
    pub(crate) fn with_max_wait(mut self, max_wait: Duration) -> Endpoint {
        self.asked.max_wait = Some(max_wait);
        self
    }

    /// `http://localhost/{id}`
    pub(crate) fn template(&self) -> &str {
        &self.url
    }

    /// `GET http://localhost/7`, which is where redirects, if there were some, began.
    fn request(&self, id: &str) -> String {
        format!("{} {}", self.method, self.url(id))
    }

    /// `GET`
    pub(crate) fn method(&self) -> &str {
        self.method.as_str()
    }

    /// `http://localhost/7`
    pub(crate) fn url(&self, id: &str) -> String {
        self.url.replace("{id}", &shortened(&encode(id)))
    }

    /// `id 7: the server answered 500 Internal Server Error (GET http://localhost/7; …)`, on one line that is not too
    /// long, with a hint if there is one.
    pub(crate) fn told(&self, error: &Error) -> String {
        let text = self.text(error, true);
        match error.id() {
            // Escaped, so that an id cannot write to a terminal what it likes.
            Some(id) => format!("id {}: {text}", shortened(&id.escape_debug().to_string())),
            None => text,
        }
    }

    /// The same without the id and the hint: for a record.
    pub(crate) fn cause(&self, error: &Error) -> String {
        self.text(error, false)
    }

    fn text(&self, error: &Error, with_hint: bool) -> String {
        let id = error.id().unwrap_or_default();
        let (mut text, given_up) = chain(error, id);
        let mut notes = Vec::new();
        if matches!(error.kind(), ErrorKind::Status | ErrorKind::Redirect) {
            notes.push(self.request(id));
        }
        if with_hint {
            notes.extend(hint::hint(error, &text, self.asked));
        }
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
        let told = error.to_string();
        // What lies at the bottom of a shared quota's failure is told at its top.
        if !text.ends_with(&told) {
            text += &format!(": {told}");
        }
        cause = error.source();
    }
    (text, given_up)
}

fn without_id<'a>(text: &'a str, id: &str) -> &'a str {
    text.strip_prefix(&format!("id {}: ", id.escape_debug())).unwrap_or(text)
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
    fn an_endpoint_holds_no_secret() {
        for (url, shown) in [
            ("http://h:8080/users/{id}/widgets", "http://h:8080/users/a%2Fb/widgets"),
            ("https://me:se@cret@h/{id}?token=secret#x", "https://h/a%2Fb"),
            ("https://h?id={id}", "https://h"),
            ("http://h/@me/{id}", "http://h/@me/a%2Fb"),
        ] {
            assert_eq!(Endpoint::of(url, Method::PUT).request("a/b"), format!("PUT {shown}"));
        }
    }

    #[test]
    fn what_is_too_long_is_shortened() {
        assert_eq!(shortened(&"ü".repeat(64)), "ü".repeat(64));
        assert_eq!(shortened(&"ü".repeat(65)), "ü".repeat(64) + "…");
    }

    #[test]
    fn the_id_is_taken_off_the_front_of_a_text() {
        assert_eq!(without_id("id 7: gone", "7"), "gone");
        assert_eq!(without_id("id a\\nb: gone", "a\nb"), "gone");
        assert_eq!(without_id("id 7: gone", "8"), "id 7: gone");
    }
}
