//! All scenarios, in one place: what the server does, what is asked, and of whom.

use crate::job::{Job, Question, Quota};
use crate::serve::Manner;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) manner: Manner,
    /// What each entry is asked, but for the server's address and for what its [`Variant`] changes.
    pub(crate) job: Job,
    pub(crate) entries: Vec<Entry>,
    /// Who drops bodies, even if the job is to keep them.
    pub(crate) droppers: &'static [&'static str],
    /// How many rounds say enough, if fewer than asked for: memory hardly varies, moments are measured many
    /// times in one run.
    pub(crate) enough_rounds: usize,
}

/// A contestant, in one of the ways in which it takes part in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) contestant: &'static str,
    pub(crate) variant: Variant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    Plain,
    /// With a limiter in the way that never makes anybody wait.
    Limited,
    /// With a line logged for each request.
    Logged,
    Ids(u32),
    InFlight(usize),
    Waiters(usize),
}

pub(crate) const SMALL: &str = "small";
pub(crate) const LARGE_DROPPED: &str = "large-dropped";
pub(crate) const LARGE_KEPT: &str = "large-kept";
pub(crate) const MANY_KEPT: &str = "many-kept";
pub(crate) const MANY_DROPPED: &str = "many-dropped";
pub(crate) const IN_FLIGHT: &str = "in-flight";
pub(crate) const ERROR_HUNG: &str = "error-hung";
pub(crate) const ERROR_QUEUED: &str = "error-queued";
pub(crate) const TIMEOUT: &str = "timeout";
pub(crate) const WAITERS: &str = "waiters";

/// The latency of the server of [`IN_FLIGHT`].
pub(crate) const LATENCY_MS: u64 = 20;

/// What those of [`WAITERS`] wait for.
pub(crate) const WAITED_FOR: Quota = Quota { requests: 20_000, seconds: 1, burst: 20 };

const EVERYBODY: [&str; 9] =
    ["bare", "fanout", "async", "async1", "go", "curl", "blocking", "careful", "plain"];
/// curl cannot keep bodies but in files.
const KEEPERS: [&str; 8] = ["bare", "fanout", "async", "async1", "go", "blocking", "careful", "plain"];
/// Those whose growth is worth the time that it takes.
const GROWERS: [&str; 5] = ["bare", "fanout", "async", "async1", "go"];
/// Bare sockets and curl have no limiter to wait at; who writes ureq plainly sleeps until its token comes, an
/// hour.
const QUEUERS: [&str; 6] = ["fanout", "async", "async1", "go", "blocking", "careful"];

/// The counts are tiny if only results are to be checked.
pub(crate) fn all(quick: bool) -> Vec<Scenario> {
    let count = |full, tiny| if quick { tiny } else { full };
    let small = Job {
        question: Question::Speed,
        url: String::new(),
        ids: count(40_000, 200),
        body: 200,
        in_flight: 8,
        keep: true,
        quota: None,
        log: false,
        timeout_ms: 10_000,
        runs: 1,
    };
    let large = Job { ids: count(5_000, 40), body: 64 << 10, ..small.clone() };
    let error = Job {
        question: Question::Stop,
        ids: 8,
        keep: false,
        runs: count(50, 2),
        timeout_ms: if quick { 300 } else { 5_000 },
        ..small.clone()
    };
    let an_hour_each = Some(Quota { requests: 1, seconds: 3_600, burst: 1 });
    let variants = [Variant::Limited, Variant::Logged].map(|variant| Entry { contestant: "fanout", variant });
    let others = ["async", "go"].map(|contestant| Entry { contestant, variant: Variant::Limited });
    let ids = [10_000, 100_000, 1_000_000].map(|full| Variant::Ids(count(full, full / 1_000)));
    let in_flight = if quick { &[1, 8][..] } else { &[1, 8, 64, 256, 1_000] };
    let in_flight: Vec<_> = in_flight.iter().map(|in_flight| Variant::InFlight(*in_flight)).collect();
    let waiters = if quick { &[1, 8][..] } else { &[1, 8, 64, 256, 1_000] };
    let waiters: Vec<_> = waiters.iter().map(|waiters| Variant::Waiters(*waiters)).collect();

    vec![
        Scenario {
            entries: [plain(&EVERYBODY), variants.to_vec(), others.to_vec()].concat(),
            droppers: &["bare", "curl"],
            ..Scenario::new(SMALL, small.clone())
        },
        Scenario::new(LARGE_DROPPED, Job { keep: false, ..large.clone() }),
        Scenario { entries: plain(&KEEPERS), ..Scenario::new(LARGE_KEPT, large) },
        Scenario {
            entries: plain(&GROWERS),
            enough_rounds: 3,
            ..Scenario::new(MANY_KEPT, Job { ids: count(200_000, 400), ..small.clone() })
        },
        Scenario {
            entries: varied(&GROWERS, &ids),
            enough_rounds: 3,
            ..Scenario::new(MANY_DROPPED, Job { keep: false, ..small.clone() })
        },
        Scenario {
            manner: Manner::Answer { bytes: small.body, after_ms: LATENCY_MS },
            entries: varied(&["bare", "fanout", "async", "async1", "go", "curl", "careful"], &in_flight),
            enough_rounds: 5,
            ..Scenario::new(IN_FLIGHT, Job { keep: false, ids: count(100, 10), ..small.clone() })
        },
        Scenario {
            manner: Manner::Fail { beside_hung: 7 },
            enough_rounds: 1,
            ..Scenario::new(ERROR_HUNG, error.clone())
        },
        Scenario {
            manner: Manner::Fail { beside_hung: 0 },
            entries: plain(&QUEUERS),
            enough_rounds: 1,
            ..Scenario::new(ERROR_QUEUED, Job { ids: 1_000, quota: an_hour_each, ..error.clone() })
        },
        Scenario {
            manner: Manner::Hang,
            enough_rounds: 1,
            ..Scenario::new(
                TIMEOUT,
                Job {
                    question: Question::Lateness,
                    ids: 1,
                    in_flight: 1,
                    timeout_ms: 500,
                    runs: count(10, 1),
                    ..error
                },
            )
        },
        Scenario {
            manner: Manner::Hang,
            entries: varied(&["fanout", "async", "async1", "go", "careful"], &waiters),
            enough_rounds: 5,
            ..Scenario::new(
                WAITERS,
                Job {
                    question: Question::Tokens,
                    ids: count(40_000, 200),
                    body: 0,
                    keep: false,
                    quota: Some(WAITED_FOR),
                    ..small
                },
            )
        },
    ]
}

impl Scenario {
    /// Everybody, as often as asked for, against a server that answers at once.
    fn new(name: &'static str, job: Job) -> Scenario {
        let manner = Manner::Answer { bytes: job.body, after_ms: 0 };
        Scenario { name, manner, job, entries: plain(&EVERYBODY), droppers: &[], enough_rounds: usize::MAX }
    }

    /// What this entry is asked.
    pub(crate) fn job(&self, entry: Entry, url: &str) -> Job {
        let keep = self.job.keep && !self.droppers.contains(&entry.contestant);
        let job = Job { url: url.to_owned(), keep, ..self.job.clone() };
        match entry.variant {
            Variant::Plain => job,
            Variant::Limited => {
                let never_waits = Quota { requests: 1_000_000_000, seconds: 1, burst: 1_000_000 };
                Job { quota: Some(never_waits), ..job }
            }
            Variant::Logged => Job { log: true, ..job },
            Variant::Ids(ids) => Job { ids, ..job },
            // Each connection as often: two seconds, if the latency is all that takes time.
            Variant::InFlight(in_flight) => Job { in_flight, ids: in_flight as u32 * job.ids, ..job },
            Variant::Waiters(in_flight) => Job { in_flight, ..job },
        }
    }
}

impl Entry {
    pub(crate) fn plain(contestant: &'static str) -> Entry {
        Entry { contestant, variant: Variant::Plain }
    }

    /// Whether the tool can do this at all.
    fn is_possible(&self) -> bool {
        // curl refuses more than 300 in parallel.
        !(self.contestant == "curl" && matches!(self.variant, Variant::InFlight(301..)))
    }
}

fn plain(contestants: &[&'static str]) -> Vec<Entry> {
    contestants.iter().map(|contestant| Entry::plain(contestant)).collect()
}

fn varied(contestants: &[&'static str], variants: &[Variant]) -> Vec<Entry> {
    let of_variant = |variant: &Variant| {
        contestants.iter().map(|contestant| Entry { contestant, variant: *variant }).collect()
    };
    let entries: Vec<Vec<Entry>> = variants.iter().map(of_variant).collect();
    entries.into_iter().flatten().filter(Entry::is_possible).collect()
}
