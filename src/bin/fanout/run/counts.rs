//! What the progress shows of a run.

use std::sync::Arc;
use std::time::Instant;

use fanout::FanOutClient;

use super::LookElsewhere;
use super::tally::Tally;
use crate::ids::Silence;
use crate::outbox::Outbox;
use crate::progress::{Counts, Elsewhere};
use crate::traffic::Traffic;

/// How far a run has come, to be asked at any time.
pub(super) fn counts(
    client: &FanOutClient,
    tally: &Arc<Tally>,
    traffic: &Arc<Traffic>,
    outbox: &Arc<Outbox>,
    silence: Silence,
    elsewhere: Option<Arc<LookElsewhere>>,
) -> impl Fn() -> Counts + Send + 'static {
    let (client, tally, traffic, outbox) = (client.clone(), tally.clone(), traffic.clone(), outbox.clone());
    move || {
        let elsewhere = elsewhere.as_ref().map_or_else(Elsewhere::default, |look| look());
        let (now, failed) = (Instant::now(), tally.failed());
        Counts {
            done: tally.fetched() + failed,
            failed,
            requests: traffic.at_the_end(now).requests,
            in_flight: on_the_wire(&client).saturating_sub(elsewhere.waiting),
            waiting: client.limiter().waiting().saturating_add(elsewhere.waiting),
            lacks_permits: elsewhere.lacks_permits,
            to_retry: client.awaiting_retry(),
            paused: client.limiter().paused_until().map(|end| end.saturating_duration_since(now)),
            held_up: elsewhere.wait,
            is_output_full: outbox.is_full(),
            input_silent: silence.lasts(),
        }
    }
}

fn on_the_wire(client: &FanOutClient) -> usize {
    // Who waits for a token holds a place in flight already.
    client.in_flight().saturating_sub(client.limiter().waiting())
}
