//! One line of output for each id: JSON, whole, with its newline:
//! `{"id":"7","status":200,"attempt":1,"latency_ms":12.3,"body":"..."}` or
//! `{"id":"7","status":500,"attempt":1,"latency_ms":4.5,"sent":"yes","error":"..."}`.
//!
//! The members are written one by one, which keeps their order and does not hold a large body once more.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fanout::http::{HeaderMap, HeaderValue};

/// What every record says.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) id: &'a str,
    pub(super) attempt: u32,
    pub(super) latency: Duration,
}

/// Where a body is to be found.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    Inline(&'a [u8]),
    /// In a file of this name.
    File(&'a str),
}

/// Who was fetched.
pub(super) fn success(about: About<'_>, status: u16, headers: Option<&HeaderMap>, body: Body<'_>) -> Vec<u8> {
    let more = match body {
        Body::Inline(body) => body.len() + body.len() / 8,
        Body::File(name) => name.len(),
    };
    let mut line = start(about, Some(status), more);
    if let Some(headers) = headers {
        self::headers(&mut line, headers);
    }
    match body {
        Body::File(name) => member(&mut line, "file", name),
        Body::Inline(body) => match std::str::from_utf8(body) {
            Ok(text) => member(&mut line, "body", text),
            Err(_) => member(&mut line, "body_base64", &BASE64_STANDARD.encode(body)),
        },
    }
    line.extend(b"}\n");
    line
}

/// Who was not.
pub(super) fn failure(about: About<'_>, status: Option<u16>, sent: &str, error: &str) -> Vec<u8> {
    let mut line = start(about, status, error.len());
    member(&mut line, "sent", sent);
    member(&mut line, "error", error);
    line.extend(b"}\n");
    line
}

/// `"headers":{"set-cookie":["a=1","b=2"]}`: a list for each name, also where there is one value, since a name may
/// come again, and what reads it should not have to ask.
fn headers(line: &mut Vec<u8>, headers: &HeaderMap) {
    line.extend(b",\"headers\":{");
    for (place, name) in headers.keys().enumerate() {
        line.extend(if place == 0 { &b""[..] } else { b"," });
        string(line, name.as_str());
        line.extend(b":[");
        for (place, value) in headers.get_all(name).iter().enumerate() {
            line.extend(if place == 0 { &b""[..] } else { b"," });
            string(line, &text(value));
        }
        line.push(b']');
    }
    line.push(b'}');
}

/// UTF-8, or else ISO 8859-1, in which every byte is a character: what HTTP was made for, and nothing is lost.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn start(about: About<'_>, status: Option<u16>, more: usize) -> Vec<u8> {
    let About { id, attempt, latency } = about;
    // Whole microseconds.
    let millis = latency.as_micros() as f64 / 1_000.0;
    let mut line = Vec::with_capacity(id.len() + 96 + more);
    line.extend(b"{\"id\":");
    string(&mut line, id);
    // Into memory: these cannot fail.
    let _ = match status {
        Some(status) => write!(line, ",\"status\":{status}"),
        None => write!(line, ",\"status\":null"),
    };
    let _ = write!(line, ",\"attempt\":{attempt},\"latency_ms\":{millis}");
    line
}

fn member(line: &mut Vec<u8>, name: &str, text: &str) {
    for part in [",\"", name, "\":"] {
        line.extend(part.as_bytes());
    }
    string(line, text);
}

fn string(line: &mut Vec<u8>, text: &str) {
    // A text into memory: this cannot fail.
    let _ = serde_json::to_writer(line, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About { id: "7", attempt: 1, latency: Duration::from_micros(12_300) };

    fn shown(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_success_holds_its_body() {
        assert_eq!(
            shown(success(ABOUT, 200, None, Body::Inline(b"{\"a\":\n1}"))),
            "{\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":12.3,\"body\":\"{\\\"a\\\":\\n1}\"}\n"
        );
        assert!(
            shown(success(ABOUT, 200, None, Body::Inline(b"\xff\xfe")))
                .ends_with(",\"body_base64\":\"//4=\"}\n")
        );
        assert!(shown(success(ABOUT, 204, None, Body::Inline(b""))).ends_with(",\"body\":\"\"}\n"));
    }

    #[test]
    fn a_failure_holds_its_cause() {
        assert_eq!(
            shown(failure(ABOUT, Some(500), "yes", "the server answered 500")),
            "{\"id\":\"7\",\"status\":500,\"attempt\":1,\"latency_ms\":12.3,\"sent\":\"yes\",\
             \"error\":\"the server answered 500\"}\n"
        );
        let never = shown(failure(ABOUT, None, "never", "cannot connect"));
        assert!(never.contains("\"status\":null") && never.contains("\"sent\":\"never\""), "{never}");
    }

    #[test]
    fn ids_and_bodies_of_any_text_make_one_line_of_json() {
        for id in ["\"quoted\"", "back\\slash", "tab\there", "ü\u{2028}", "{id}"] {
            let line = shown(success(About { id, ..ABOUT }, 200, None, Body::Inline(id.as_bytes())));
            assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!((value["id"].as_str(), value["body"].as_str()), (Some(id), Some(id)));
        }
    }

    #[test]
    fn latencies_are_milliseconds_to_the_microsecond() {
        for (nanos, expected) in [(4_567_899, "4.567,"), (1_000_000, "1,"), (0, "0,")] {
            let latency = Duration::from_nanos(nanos);
            let line = shown(success(About { latency, ..ABOUT }, 200, None, Body::Inline(b"")));
            assert!(line.contains(&format!("\"latency_ms\":{expected}")), "{line}");
        }
    }

    #[test]
    fn headers_stand_before_the_body_by_name_each_with_all_its_values() {
        let mut map = HeaderMap::new();
        for (name, value) in [("a", &b"1"[..]), ("b", b"\"\xfc\""), ("a", "ü".as_bytes())] {
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let line = shown(success(ABOUT, 200, Some(&map), Body::Inline(b"")));
        let end = ",\"headers\":{\"a\":[\"1\",\"ü\"],\"b\":[\"\\\"ü\\\"\"]},\"body\":\"\"}\n";
        assert!(line.ends_with(end), "{line}");
        let line = shown(success(ABOUT, 200, Some(&HeaderMap::new()), Body::File("a%2Fb")));
        assert!(line.ends_with(",\"headers\":{},\"file\":\"a%2Fb\"}\n"), "{line}");
    }
}
