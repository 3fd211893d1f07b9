//! A quota that is shared with other processes: how it is come by, and what it says while nobody gets anything of it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, after, bounded};
use fanout::{HeldUp, SharedError, SharedErrorKind, SharedQuota};

use crate::exit::Exit;
use crate::options::{self, GetOptions, Shared};
use crate::progress::{Elsewhere, Wait};
use crate::run::LookElsewhere;
use crate::screen::Screen;
use crate::values::duration;

/// How often the watch looks: 250 ms.
const LOOK: Duration = Duration::from_millis(250);

/// A Redis that is away for a shorter time is not worth a line: 1 s.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Between two tries to connect before a run: 200 ms.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// A run's part of a shared quota.
#[derive(Clone)]
pub(crate) struct Joined {
    quota: SharedQuota,
    /// Where it is, for people.
    redis: String,
    redis_wait: Duration,
}

/// Joins the quota that the options name, if they name one; then it is by this that the run keeps its client. Nothing
/// was opened or sent before.
pub(crate) fn join(options: &mut GetOptions, screen: &Screen) -> Result<Option<Joined>, Exit> {
    let Some((shared, make)) = options.shared.take() else { return Ok(None) };
    let Shared { place, redis_wait, .. } = &shared;
    let wait = options.deadline.map_or(*redis_wait, |deadline| deadline.min(*redis_wait));
    let quota = connect(&shared, wait, options.talk.quiet, screen).map_err(|error| {
        let exit = exit_of(&error);
        let hint = place.hint(&error).map_or(String::new(), |hint| format!("{hint}; "));
        let text = match error.kind() {
            SharedErrorKind::InvalidSetting => options::in_our_words(&error, place).to_string(),
            SharedErrorKind::Unreachable => {
                format!(
                    "--redis {}: for {}: {error} ({hint}nothing was sent)",
                    place.redis,
                    duration::shown(wait)
                )
            }
            SharedErrorKind::Differs => format!("--quota {}: {error} ({hint}nothing was sent)", place.name),
            _ => format!("--redis {}: {error} ({hint}nothing was sent)", place.redis),
        };
        screen.say(format_args!("error: {text}"));
        exit
    })?;
    options.run.client = make(&quota).map_err(|error| {
        screen.say(format_args!("error: {error}"));
        Exit::Usage
    })?;
    Ok(Some(Joined { quota, redis: place.redis.clone(), redis_wait: *redis_wait }))
}

/// What is wrong with the command line, and what with the rest of the world.
fn exit_of(error: &SharedError) -> Exit {
    match error.kind() {
        SharedErrorKind::InvalidSetting | SharedErrorKind::Differs => Exit::Usage,
        _ => Exit::Failure,
    }
}

/// Tries until it is there, or for so long.
fn connect(
    shared: &Shared,
    wait: Duration,
    quiet: bool,
    screen: &Screen,
) -> Result<SharedQuota, SharedError> {
    let began = Instant::now();
    let mut is_told = quiet;
    loop {
        let error = match shared.builder.clone().connect() {
            Ok(quota) => return Ok(quota),
            Err(error) => error,
        };
        let left = wait.saturating_sub(began.elapsed());
        if error.kind() != SharedErrorKind::Unreachable || left.is_zero() {
            return Err(error);
        }
        if !is_told {
            is_told = true;
            let (redis, wait) = (&shared.place.redis, duration::shown(wait));
            screen.say(format_args!("waiting for {redis}, {wait} at most: {error}"));
        }
        // No signal is caught yet: one ends the process.
        let _ = after(BETWEEN_TRIES.min(left)).recv();
    }
}

/// Says on the screen what the quota waits for, for as long as it is not dropped.
pub(crate) struct Watch(Option<(Sender<()>, JoinHandle<()>)>);

impl Joined {
    /// What the progress shows of it.
    pub(crate) fn looker(&self) -> Arc<LookElsewhere> {
        let (quota, redis_wait) = (self.quota.clone(), self.redis_wait);
        Arc::new(move || Elsewhere {
            waiting: quota.waiting(),
            lacks_permits: quota.waits_for_permits(),
            wait: quota.held_up().map(|held_up| wait_of(&held_up, redis_wait)),
        })
    }

    /// One line for each wait, when it begins. A run can do without the thread.
    pub(crate) fn watch(&self, quiet: bool, screen: &Screen) -> Watch {
        if quiet {
            return Watch(None);
        }
        let (stop, stopped) = bounded::<()>(0);
        let (joined, screen) = (self.clone(), screen.clone());
        let look = move || {
            let mut told = None;
            loop {
                let line = joined.quota.held_up().and_then(|held_up| joined.told(&held_up));
                let kind = line.as_ref().map(|(kind, _)| *kind);
                if let Some((_, line)) = line.filter(|_| kind != told) {
                    screen.say(line);
                }
                told = kind;
                if stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("quota-watch".to_owned()).spawn(look);
        Watch(thread.ok().map(|thread| (stop, thread)))
    }

    /// Which kind of wait it is, and the line. A pause is the API's, and is told as ever.
    fn told(&self, held_up: &HeldUp) -> Option<(u8, String)> {
        let Joined { quota, redis, redis_wait } = self;
        match held_up {
            HeldUp::Unknown(until) => {
                let left = whole_seconds(until.saturating_duration_since(Instant::now()));
                let name = quota.name();
                let line = format!(
                    "the quota {name} is new in {redis}, or was lost there: it begins empty, and nothing is \
                     sent for {left}, until what may be under way is over"
                );
                Some((1, line))
            }
            HeldUp::Unreachable(since, error) if since.elapsed() >= WORTH_TELLING => {
                let most = duration::shown(*redis_wait);
                Some((
                    2,
                    format!("waiting for {redis}, {most} at most, and nothing is sent meanwhile: {error}"),
                ))
            }
            _ => None,
        }
    }
}

impl Drop for Watch {
    /// Its thread must not be the last one to hold the quota: nobody would say goodbye.
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn wait_of(held_up: &HeldUp, redis_wait: Duration) -> Wait {
    match held_up {
        HeldUp::Unknown(until) => Wait::NewQuota(until.saturating_duration_since(Instant::now())),
        HeldUp::Paused(until, _) => Wait::Pause(until.saturating_duration_since(Instant::now())),
        HeldUp::Unreachable(since, _) => Wait::Redis(redis_wait.saturating_sub(since.elapsed())),
        _ => Wait::Redis(Duration::ZERO),
    }
}

/// Rounded up.
fn whole_seconds(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    duration::shown(Duration::from_secs(seconds))
}
