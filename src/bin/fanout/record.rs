//! One line of output for each id: JSON, whole, with its newline.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fanout::Outcome;

use crate::failure::Place;

/// The record of an outcome:
/// `{"id":"7","status":200,"attempt":1,"latency_ms":12.3,"body":"..."}` or
/// `{"id":"7","status":500,"attempt":1,"latency_ms":4.5,"sent":"yes","error":"..."}`.
///
/// The members are written one by one, which keeps their order and does not hold a large body once more.
pub(crate) fn record(outcome: &Outcome<String>, place: &Place) -> Vec<u8> {
    let about = About { id: &outcome.id, attempt: outcome.attempt, latency: outcome.times.latency };
    match &outcome.result {
        Ok(response) => success(about, response.status.as_u16(), &response.body),
        Err(error) => {
            let status = error.status().map(|status| status.as_u16());
            failure(about, status, &error.sent().to_string(), &place.cause(error))
        }
    }
}

/// What every record says.
#[derive(Clone, Copy)]
struct About<'a> {
    id: &'a str,
    attempt: u32,
    latency: Duration,
}

fn success(about: About<'_>, status: u16, body: &[u8]) -> Vec<u8> {
    let mut line = start(about, Some(status), body.len() + body.len() / 8);
    match std::str::from_utf8(body) {
        Ok(text) => member(&mut line, "body", text),
        Err(_) => member(&mut line, "body_base64", &BASE64_STANDARD.encode(body)),
    }
    line.extend(b"}\n");
    line
}

fn failure(about: About<'_>, status: Option<u16>, sent: &str, error: &str) -> Vec<u8> {
    let mut line = start(about, status, error.len());
    member(&mut line, "sent", sent);
    member(&mut line, "error", error);
    line.extend(b"}\n");
    line
}

fn start(about: About<'_>, status: Option<u16>, more: usize) -> Vec<u8> {
    let status = status.map_or("null".to_owned(), |status| status.to_string());
    let About { id, attempt, latency } = about;
    // Whole microseconds.
    let millis = latency.as_micros() as f64 / 1_000.0;
    let mut line = Vec::with_capacity(id.len() + 96 + more);
    line.extend(b"{\"id\":");
    string(&mut line, id);
    line.extend(format!(",\"status\":{status},\"attempt\":{attempt},\"latency_ms\":{millis}").as_bytes());
    line
}

fn member(line: &mut Vec<u8>, name: &str, text: &str) {
    line.extend(format!(",\"{name}\":").as_bytes());
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

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_success_holds_its_body() {
        assert_eq!(
            text(success(ABOUT, 200, b"{\"a\":\n1}")),
            "{\"id\":\"7\",\"status\":200,\"attempt\":1,\"latency_ms\":12.3,\"body\":\"{\\\"a\\\":\\n1}\"}\n"
        );
        assert!(text(success(ABOUT, 200, b"\xff\xfe")).ends_with(",\"body_base64\":\"//4=\"}\n"));
        assert!(text(success(ABOUT, 204, b"")).ends_with(",\"body\":\"\"}\n"));
    }

    #[test]
    fn a_failure_holds_its_cause() {
        assert_eq!(
            text(failure(ABOUT, Some(500), "yes", "the server answered 500")),
            "{\"id\":\"7\",\"status\":500,\"attempt\":1,\"latency_ms\":12.3,\"sent\":\"yes\",\
             \"error\":\"the server answered 500\"}\n"
        );
        let never = text(failure(ABOUT, None, "never", "cannot connect"));
        assert!(never.contains("\"status\":null") && never.contains("\"sent\":\"never\""), "{never}");
    }

    #[test]
    fn ids_and_bodies_of_any_text_make_one_line_of_json() {
        for id in ["\"quoted\"", "back\\slash", "tab\there", "ü\u{2028}", "{id}"] {
            let line = text(success(About { id, ..ABOUT }, 200, id.as_bytes()));
            assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!((value["id"].as_str(), value["body"].as_str()), (Some(id), Some(id)));
        }
    }

    #[test]
    fn latencies_are_milliseconds_to_the_microsecond() {
        for (nanos, expected) in [(4_567_899, "4.567,"), (1_000_000, "1,"), (0, "0,")] {
            let latency = Duration::from_nanos(nanos);
            let line = text(success(About { latency, ..ABOUT }, 200, b""));
            assert!(line.contains(&format!("\"latency_ms\":{expected}")), "{line}");
        }
    }
}
