//! The waits that a server asks for outright: `Retry-After`, and what says the same under another name.

use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName};

use super::moment::Moment;
use super::{Wait, duration, told};

type Form = fn(&Moment, &str) -> Option<Duration>;

const MILLISECONDS: Form = |_, text| duration::milliseconds(text);

/// Each name, and the form of its value.
///
/// `Retry-After` is never read as an epoch: RFC 9110 makes it a number of seconds, however large.
const NAMES: [(&str, Form); 9] = [
    ("retry-after", Moment::wait),
    // OpenAI, Azure; Cosmos DB; AWS, where the name does not tell the unit.
    ("retry-after-ms", MILLISECONDS),
    ("x-ms-retry-after-ms", MILLISECONDS),
    ("x-amz-retry-after", MILLISECONDS),
    // MailerLite and others; Traefik, as a span; Akamai, as a date.
    ("x-retry-after", Moment::wait_or_epoch),
    ("x-ratelimit-retry-after", Moment::wait_or_epoch),
    ("x-rate-limit-retry-after", Moment::wait_or_epoch),
    ("x-retry-in", Moment::wait),
    ("x-ratelimit-next", Moment::wait_or_epoch),
];

/// The longest wait that is asked for. It may be zero: then no pause is needed, and the server said so.
pub(super) fn read(headers: &HeaderMap, moment: &Moment) -> Option<Wait> {
    let told = NAMES
        .iter()
        .flat_map(|(name, form)| told(headers, &HeaderName::from_static(name), |text| form(moment, text)));
    // Of equals the first, which is the better known.
    told.reduce(|longest, told| if told.length > longest.length { told } else { longest })
}
