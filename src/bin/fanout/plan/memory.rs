//! The most memory that a run can take: each thing that is bounded, and its bound.
//!
//! The bounds are those of the library's documentation and of the outbox. They are met when every body is as large as
//! it may be, and nobody takes the records; so the plan also says what becomes of it when bodies are small.

use std::fmt;

use fanout::Room;

use crate::ledger::LOOK_AGAIN;
use crate::outbox::{ROOM, UnderWay, WINDOW};
use crate::values::size;

const KIB: u128 = 1024;

/// The library keeps up to so many bytes of bodies for the tool, or one body that is larger; in order, until they are
/// made a record of, and otherwise until that is written.
const LIBRARY_ROOM: u128 = Room::TOTAL as u128;

/// And beside them up to 64 small ones, of up to so many bytes each.
const SMALL: u128 = Room::SMALL as u128;
const SMALL_BODIES: u128 = 64 * SMALL;

/// A connection's buffers, at most.
const BUFFERS: u128 = 88 * KIB;

/// The head of a response, at most.
const HEAD: u128 = fanout::MAX_HEAD as u128;

/// A character of a body may become `\u0001` in a record.
const LONGEST_ESCAPE: u128 = 6;

/// Of each id that waits to be tried again, the library keeps four for each request in flight.
const PARKED: u128 = 4;

/// A fingerprint of an id, at most.
pub(super) const FINGERPRINT: u128 = 32;

/// An id in the account of --failed, at most, besides its text.
const ACCOUNT: u128 = 128;

/// What the bounds follow from.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) ids: u128,
    pub(super) max_in_flight: usize,
    pub(super) retries: u32,
    pub(super) max_body: u64,
    /// The longest id.
    pub(super) id: usize,
    /// The body of a request for such an id.
    pub(super) request_body: usize,
    /// Whether a record is a line that holds the body, and the headers.
    pub(super) inline: bool,
    pub(super) headers: bool,
    pub(super) ordered: bool,
    /// Whether it is kept account of the ids that have no success.
    pub(super) account: bool,
    /// Ids that are remembered, to be dropped when they come again.
    pub(super) remembered: u128,
    /// What the ids of an earlier run take.
    pub(super) fetched: usize,
}

/// One thing that takes memory.
pub(super) struct Part {
    pub(super) bytes: u128,
    pub(super) what: String,
}

/// All of them, for bodies of no more than `body` bytes.
pub(super) fn parts(settings: &Settings, body: u64) -> Vec<Part> {
    let body = u128::from(body.min(settings.max_body));
    let few = |many: usize| (many as u128).min(settings.ids);
    let in_flight = few(settings.max_in_flight);
    let id = settings.id as u128;
    let has_retries = settings.retries > 0;
    let under_way = match settings.ordered {
        true => UnderWay::in_order(settings.max_in_flight, has_retries),
        false => UnderWay::new(settings.max_in_flight, has_retries),
    };
    let under_way = few(under_way.most());
    let begun = (in_flight + if has_retries { PARKED * in_flight } else { 0 }).min(settings.ids);
    let shown = size::shown;
    let mut parts = vec![
        part(
            in_flight.saturating_mul(body.saturating_add(HEAD + BUFFERS)),
            format!("{in_flight} in flight: a body, {} of head, {} of buffers", shown(HEAD), shown(BUFFERS)),
        ),
        part(2 * in_flight * BUFFERS, format!("{} idle connections: buffers", 2 * in_flight)),
        part(
            body.max(LIBRARY_ROOM) + SMALL_BODIES.min(64 * body),
            format!("bodies that have come: {}, or one that is larger", shown(LIBRARY_ROOM)),
        ),
        records(settings, body, in_flight, under_way),
        part(
            under_way.saturating_mul(2 * id).saturating_add(begun * settings.request_body as u128),
            format!(
                "{} under way, and {} of {}",
                many(under_way, "id"),
                if begun == 1 { "the body" } else { "the bodies" },
                many(begun, "request")
            ),
        ),
    ];
    if has_retries {
        let tries = u128::from(settings.retries);
        parts.push(part(
            begun * tries * HEAD,
            format!("earlier tries of {}: {} each", many(begun, "id"), many(tries, "head")),
        ));
    }
    if settings.ordered {
        parts.push(part(u128::from(WINDOW) * 64, format!("a window of {WINDOW} ids")));
    }
    if settings.account {
        parts.push(account(id, under_way, settings.ids));
    }
    if settings.remembered > 0 {
        let bytes = settings.remembered.saturating_mul(FINGERPRINT);
        parts.push(part(bytes, format!("a fingerprint of {FINGERPRINT} bytes for each id")));
    }
    if settings.fetched > 0 {
        parts.push(part(settings.fetched as u128, "the ids that were fetched before".to_owned()));
    }
    parts
}

/// `1 id`, `16 ids`
fn many(count: u128, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn part(bytes: u128, what: String) -> Part {
    Part { bytes, what }
}

/// Those that wait for the writer, and one for each id under way. Where they keep the room of their bodies, there are
/// as many large ones as there is room for, and if the run ends early, one more from each worker.
fn records(settings: &Settings, body: u128, in_flight: u128, under_way: u128) -> Part {
    let escaped = |bytes: u128| bytes.saturating_mul(LONGEST_ESCAPE);
    let headers = if settings.headers { escaped(HEAD) } else { 0 };
    let all = under_way.saturating_mul(body);
    let large = body.max(LIBRARY_ROOM).saturating_add(in_flight.saturating_mul(body));
    let bodies = match settings.ordered {
        true => all,
        false => all.min(large.saturating_add(under_way * SMALL)),
    };
    let bodies = if settings.inline { escaped(bodies) } else { bodies };
    let beside_bodies = under_way.saturating_mul(escaped(settings.id as u128) + headers + KIB);
    part(
        (ROOM as u128).saturating_add(bodies).saturating_add(beside_bodies),
        format!("records to be written: {}, and of {}", size::shown(ROOM as u128), many(under_way, "id")),
    )
}

/// The ids of records that may not have got out: no more than twice as many as there are such records, which count with
/// their ids, or as many as are kept before it is looked; and the ids under way.
fn account(id: u128, under_way: u128, ids: u128) -> Part {
    let each = id.saturating_add(ACCOUNT);
    let many = (LOOK_AGAIN as u128).saturating_add(3 * under_way).saturating_mul(each);
    let bytes = many.saturating_add(2 * ROOM as u128).min(ids.saturating_mul(each));
    part(bytes, "the account of --failed: ids whose records may not have got out".to_owned())
}

/// The sum.
pub(super) fn sum(parts: &[Part]) -> u128 {
    parts.iter().fold(0, |sum, part| part.bytes.saturating_add(sum))
}

/// `  80.8 MiB  8 in flight: …`
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9}  {}", size::shown(self.bytes), self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u128 = 1024 * KIB;

    fn settings() -> Settings {
        Settings {
            ids: 1_000,
            max_in_flight: 8,
            retries: 0,
            max_body: 10 * 1024 * 1024,
            id: 20,
            request_body: 0,
            inline: true,
            headers: false,
            ordered: false,
            account: false,
            remembered: 0,
            fetched: 0,
        }
    }

    #[test]
    fn each_bound_is_counted_once() {
        let parts = parts(&settings(), u64::MAX);
        let [in_flight, idle, come, records, ids] = &parts[..] else { panic!("five parts") };
        assert_eq!(in_flight.bytes, 8 * (10 * MIB + 16 * KIB + 88 * KIB));
        assert_eq!(idle.bytes, 16 * 88 * KIB);
        assert_eq!(come.bytes, 10 * MIB + 64 * 4 * KIB);
        let bodies = 10 * MIB + 8 * 10 * MIB + 144 * 4 * KIB;
        assert_eq!(records.bytes, 4 * MIB + 6 * bodies + 144 * (6 * 20 + KIB));
        assert_eq!(ids.bytes, 144 * 40);
        assert_eq!(sum(&parts), parts.iter().map(|part| part.bytes).sum());
    }

    #[test]
    fn records_are_as_many_as_there_is_room_for_or_as_many_as_ids() {
        let records =
            |settings: &Settings, body| parts(settings, body)[3].bytes - 4 * MIB - 144 * (6 * 20 + KIB);
        assert_eq!(records(&settings(), 10_000), 144 * 60_000);
        assert_eq!(records(&settings(), 50_000), 6 * (4 * MIB + 8 * 50_000 + 144 * 4 * KIB));
        let in_files = Settings { inline: false, ..settings() };
        assert_eq!(records(&in_files, 50_000), 4 * MIB + 8 * 50_000 + 144 * 4 * KIB);
        let ordered = parts(&Settings { ordered: true, ..settings() }, u64::MAX);
        assert_eq!(ordered[3].bytes, 4 * MIB + 16 * (60 * MIB + 6 * 20 + KIB));
    }

    #[test]
    fn what_is_asked_for_is_counted_too() {
        let all = Settings {
            retries: 4,
            ordered: true,
            headers: true,
            account: true,
            remembered: 1_000_000,
            fetched: 48,
            request_body: 1_000,
            ..settings()
        };
        let bytes: Vec<u128> = parts(&all, 0).iter().skip(2).map(|part| part.bytes).collect();
        let records = 4 * MIB + 48 * (6 * 20 + 6 * 16 * KIB + KIB);
        let account = 1_000 * (20 + 128); // of 1,000 ids
        let ids = 48 * 40 + 40_000;
        let expected = [4 * MIB, records, ids, 40 * 4 * 16 * KIB, 640_000, account, 32_000_000, 48];
        assert_eq!(bytes, expected);
        let many = Settings { account: true, ids: 1_000_000, ..settings() };
        assert_eq!(parts(&many, 0)[5].bytes, 8 * MIB + (1_024 + 3 * 144) * 148);
    }

    #[test]
    fn a_few_ids_take_no_more_than_they_can() {
        let parts = parts(&Settings { ids: 2, retries: 4, ..settings() }, 0);
        let bytes: Vec<u128> = parts.iter().map(|part| part.bytes).collect();
        let buffers = [2 * (16 * KIB + 88 * KIB), 4 * 88 * KIB];
        let records = 4 * MIB + 2 * (6 * 20 + KIB);
        assert_eq!(bytes, [buffers[0], buffers[1], 4 * MIB, records, 2 * 40, 2 * 4 * 16 * KIB]);
    }

    #[test]
    fn bounds_beyond_all_measure_do_not_overflow() {
        let all = Settings { max_body: u64::MAX, ids: u128::MAX, remembered: u128::MAX, ..settings() };
        assert_eq!(sum(&parts(&all, u64::MAX)), u128::MAX);
    }
}
