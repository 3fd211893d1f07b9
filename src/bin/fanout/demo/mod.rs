//! `fanout demo`: the tool against its own server, at the default quota, with a picture of what the server
//! saw.

mod fill;
mod picture;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use fanout::http::Method;
use fanout::{CancelToken, FanOutClient, Rate};

use crate::cli::DemoArgs;
use crate::end::summary;
use crate::exit::{Exit, UsageError};
use crate::failure::Endpoint;
use crate::fullest::fullest_window;
use crate::ids::{Ids, Ranges};
use crate::outbox::{Outbox, UnderWay};
use crate::progress::Style;
use crate::quota::Quota;
use crate::run::{Ended, Run, Surroundings};
use crate::screen::Screen;
use crate::serve::{Seen, Server, Settings};
use crate::streams;
use crate::traffic::Traffic;
use fill::{columns, filled};
use picture::picture;

const IDS: &str = "1-60";
const MAX_IN_FLIGHT: usize = 8;

/// So long that several requests are under way at the same time.
const LATENCY: Duration = Duration::from_millis(120);

/// Runs it and shows the picture.
pub(crate) fn demo(args: &DemoArgs, screen: &Screen) -> Result<Exit, UsageError> {
    let quota = Quota::new(Rate::per_second(10), None);
    let cannot = |error: io::Error| UsageError::new(format!("cannot start the demo: {error}"));
    // The network does not keep distances: see the help of `fanout serve`.
    let settings = Settings { latency: LATENCY, ..Settings::new(quota.forgiving_one()) };
    let server = Server::start(settings).map_err(cannot)?;
    screen.say(format_args!(
        "60 ids from {} at {quota}, at most {MAX_IN_FLIGHT} in flight: about four seconds",
        server.url()
    ));
    let traffic = Arc::new(Traffic::default());
    let client = FanOutClient::builder(server.url())
        .rate(quota.rate)
        .burst(quota.burst)
        .max_in_flight(MAX_IN_FLIGHT)
        .observe({
            let traffic = traffic.clone();
            move |exchange| traffic.note(exchange)
        })
        .build()
        .map_err(|error| UsageError::new(error.to_string()))?;
    let run = Run {
        client,
        traffic,
        ids: Ids::from_ranges(Ranges::parse(IDS).map_err(UsageError::new)?, true),
        limits: quota.into(),
        max_in_flight: MAX_IN_FLIGHT,
        keep_going: false,
        endpoint: Endpoint::of(&server.url(), Method::GET),
        begins: true,
    };
    let surroundings = Surroundings {
        cancel: &CancelToken::new(),
        outbox: &Arc::new(Outbox::new(UnderWay::new(MAX_IN_FLIGHT, false))),
        screen,
        progress: Style::choose(args.progress, false),
        ledger: None,
        elsewhere: None,
    };
    let (ended, _) = run.go(surroundings, |_, _| None).map_err(cannot)?;
    Ok(tell(args, &ended, &server.stop(), quota, screen))
}

fn tell(args: &DemoArgs, ended: &Ended, seen: &Seen, quota: Quota, screen: &Screen) -> Exit {
    let signal = ended.caught.signal();
    if !args.talk.quiet {
        for line in summary(ended, signal) {
            screen.say(line);
        }
    }
    screen.finish();
    if let Some(signal) = ended.caught.signal() {
        return Exit::Signal(signal);
    }
    if let Some(failure) = &ended.failure {
        screen.say(format_args!("error: {failure}"));
    }
    match streams::standard_output().and_then(|mut out| out.write_all(shown(seen, quota).as_bytes())) {
        Ok(()) if ended.result.is_ok() => return Exit::Success,
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            screen.say(format_args!("error: cannot write to standard output: {error}"));
        }
        _ => {}
    }
    Exit::Failure
}

fn shown(seen: &Seen, quota: Quota) -> String {
    let fullest = fullest_window(&seen.arrivals, quota);
    let was_kept = seen.refused == 0 && fullest <= f64::from(quota.burst) + 1.0;
    let verdict = if was_kept { "the quota was kept" } else { "the quota was NOT kept" };
    let columns = columns();
    let (picture, each) = picture(&seen.arrivals, quota, columns);
    let sign = if each > 1 { format!("# for each {each}") } else { "#".to_owned() };
    let caption = format!(
        "Requests that the server had seen ({sign}), and the most that the quota admits by then (|):"
    );
    let counted = format!(
        "As it counted, {verdict}: of a burst of {burst} (and one for the network), the fullest window took \
         {fullest:.1}.",
        burst = quota.burst,
    );
    let [caption, seen, counted] =
        [caption, format!("The server {seen}."), counted].map(|text| filled(&text, columns));
    format!("\n{caption}\n\n{picture}\n{seen}\n{counted}\n")
}
