//! What goes out for one id: a line, a file that holds the body, or both.

pub(crate) mod file_name;
mod line;

use fanout::{Outcome, Room};

use crate::failure::Endpoint;
use crate::ids::Numbered;
use line::{About, Body};

/// What goes out for one id.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// One line of JSON, whole, with its newline; or nothing.
    pub(crate) line: Vec<u8>,
    pub(crate) file: Option<BodyFile>,
    /// How long its id is: somebody may keep that until it is written.
    id: usize,
    /// What the library has lent to its body.
    #[expect(dead_code, reason = "it is given back when the record is gone")]
    room: Option<Room>,
}

/// A file that holds a body.
#[derive(Debug)]
pub(crate) struct BodyFile {
    /// Without a folder.
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
}

/// What the records of a run are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Format {
    /// There are lines.
    pub(crate) lines: bool,
    /// Each body goes into a file of its own.
    pub(crate) files: bool,
    /// A line of a success holds the headers of the response.
    pub(crate) headers: bool,
}

impl Record {
    #[cfg(test)]
    pub(crate) fn of_line(text: impl Into<Vec<u8>>) -> Record {
        Record { line: text.into(), ..Record::default() }
    }

    /// Gives the room back that the library has lent it.
    pub(crate) fn without_room(self) -> Record {
        Record { room: None, ..self }
    }

    /// What it takes of the memory, nearly: a queue that has grown has twice the places that it needs.
    pub(crate) fn bytes(&self) -> usize {
        2 * size_of::<Record>() + self.id + self.length()
    }

    /// How much there is to write.
    pub(crate) fn length(&self) -> usize {
        self.line.len() + self.file.as_ref().map_or(0, |file| file.name.len() + file.body.len())
    }
}

impl Format {
    /// The record of an outcome; nothing for a failure where there are no lines.
    pub(crate) fn record(self, mut outcome: Outcome<Numbered>, endpoint: &Endpoint) -> Option<Record> {
        let room = Some(outcome.keep_room());
        let Outcome { id, attempt, result, times, .. } = outcome;
        let about = About { id: &id, attempt, latency: times.latency };
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let status = error.status().map(|status| status.as_u16());
                let line =
                    || line::failure(about, status, &error.sent().to_string(), &endpoint.cause(&error));
                return self.lines.then(|| Record { line: line(), file: None, id: id.len(), room: None });
            }
        };
        let (status, headers) = (response.status.as_u16(), self.headers.then_some(&response.headers));
        if !self.files {
            let line = line::success(about, status, headers, Body::Inline(&response.body));
            return Some(Record { line, file: None, id: id.len(), room });
        }
        let name = file_name::of(&id).into_owned();
        let line = match self.lines {
            true => line::success(about, status, headers, Body::File(&name)),
            false => Vec::new(),
        };
        let file = Some(BodyFile { name, body: response.body });
        Some(Record { line, file, id: id.len(), room })
    }
}
