//! What is known of each request afterwards, and whether that can be within the quota: pure.
//!
//! # What the network may do to the bound
//!
//! The bound holds by use: by the instant at which a process looks whether its grant is in time, right before it begins
//! the request. The server sees the request later, by what the network and the schedulers take, and so may see a burst
//! and a little more. How much later need not be guessed, for the process records how long each request took
//! (`latency_ms`), and the server knows how long it kept it: the rest went by before it came or after it was answered,
//! and so it was begun no earlier than `arrived - (latency - kept)`. Both are durations of the same monotonic clock.
//! The bound is broken for certain if in some window more must have been begun than it allows: if so many requests have
//! the whole of the time in which each may have been begun in that window. That is the only allowance.
//!
//! A request of which nobody tells, since its process was killed with it, may have been begun whenever its process ran.

/// A request, in microseconds since the test began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// It was not begun before,
    pub(crate) earliest: i64,
    /// and not after.
    pub(crate) arrived: i64,
    /// For so long it was under way for certain, by a permit that was good; `arrived` if nothing is certain.
    pub(crate) until: i64,
}

/// Millionths of a token.
const TOKEN: i64 = 1_000_000;

/// By how many millionths of a token the bound is broken, in the worst of all windows; less than zero if it is not.
///
/// For each end of a window, `count - rate · length` of all windows with that end: those that begin with the `earliest`
/// of a request. One more request counts in all windows that begin no later than it may have been begun.
pub(crate) fn excess(requests: &[Seen], per_second: u32, burst: u32) -> i64 {
    let rate = i64::from(per_second);
    let mut begins: Vec<i64> = requests.iter().map(|request| request.earliest).collect();
    begins.sort_unstable();
    let mut by_end = requests.to_vec();
    by_end.sort_unstable_by_key(|request| request.arrived);
    let (mut windows, mut begun, mut worst) = (Windows::new(begins.len()), 0, i64::MIN);
    for Seen { earliest, arrived, .. } in by_end {
        while begins.get(begun).is_some_and(|begin| *begin <= arrived) {
            windows.begin(begun, rate * begins[begun]);
            begun += 1;
        }
        windows.count(begins.partition_point(|begin| *begin <= earliest));
        worst = worst.max(windows.most() - rate * arrived - i64::from(burst) * TOKEN);
    }
    worst
}

/// The most requests that were under way at once for certain.
pub(crate) fn most_in_flight(requests: &[Seen]) -> usize {
    let mut changes: Vec<(i64, i32)> = Vec::new();
    for request in requests {
        changes.extend([(request.arrived, 1), (request.until, -1)]);
    }
    changes.sort_unstable(); // what ends in the same microsecond comes first
    let (mut now, mut most) = (0, 0);
    for (_, change) in changes {
        now += change;
        most = most.max(now);
    }
    usize::try_from(most).unwrap()
}

/// A tree over all windows by their beginnings: one more for all before some instant, and the most of all.
struct Windows {
    leaves: usize,
    /// Of each node, the most below it, and what is to be added for all below it, which is in its `most` already.
    nodes: Vec<(i64, i64)>,
}

impl Windows {
    fn new(number: usize) -> Windows {
        let leaves = number.next_power_of_two();
        Windows { leaves, nodes: vec![(i64::MIN / 2, 0); 2 * leaves] }
    }

    fn most(&self) -> i64 {
        self.nodes[1].0
    }

    /// From now on this one is there. Nothing was counted for it, or behind it, before.
    fn begin(&mut self, number: usize, value: i64) {
        let mut node = self.leaves + number;
        self.nodes[node] = (value, 0);
        while node > 1 {
            node /= 2;
            self.update(node);
        }
    }

    /// One request more in the first so many.
    fn count(&mut self, first: usize) {
        self.count_below(1, 0, self.leaves, first);
    }

    fn count_below(&mut self, node: usize, from: usize, to: usize, first: usize) {
        if first <= from {
            return;
        }
        if to <= first {
            let (most, add) = self.nodes[node];
            self.nodes[node] = (most + TOKEN, add + TOKEN);
            return;
        }
        let middle = from.midpoint(to);
        self.count_below(2 * node, from, middle, first);
        self.count_below(2 * node + 1, middle, to, first);
        self.update(node);
    }

    fn update(&mut self, node: usize) {
        let below = self.nodes[2 * node].0.max(self.nodes[2 * node + 1].0);
        self.nodes[node].0 = below + self.nodes[node].1;
    }
}

/// A request that came `later` microseconds after it was begun, and took 10 ms.
fn seen(earliest: i64, later: i64) -> Seen {
    let arrived = earliest + later;
    Seen { earliest, arrived, until: arrived + 10_000 }
}

#[test]
fn the_verdict_counts_what_must_have_been_begun_in_a_window() {
    let all = |times: &[i64]| times.iter().map(|at| seen(*at, 0)).collect::<Vec<_>>();
    // Ten at once, with a burst of ten, and one more when a token is there, after 5 ms at 200/s; or too early.
    let mut times = vec![0; 10];
    times.push(5_000);
    assert_eq!(excess(&all(&times), 200, 10), 0);
    times[10] = 4_999;
    assert_eq!(excess(&all(&times), 200, 10), 200);
    // It may have been begun in time, as far as anybody knows.
    let late: Vec<Seen> = (0..11).map(|nth| seen(nth * 5_000, 1_000_000 - nth * 5_000)).collect();
    assert!(excess(&late, 200, 1) <= 0);
    assert_eq!(most_in_flight(&late), 11);
    assert_eq!(most_in_flight(&all(&[0, 10_000, 20_000])), 1);
}

#[test]
fn the_verdict_is_that_of_all_pairs() {
    let mut random = super::storm::Random::new(7);
    for round in 0..50 {
        let many: Vec<Seen> = (0..=round)
            .map(|_| seen(random.below(200_000) as i64, (random.below(3) * random.below(50_000)) as i64))
            .collect();
        let mut worst = i64::MIN;
        for (begin, end) in many.iter().flat_map(|a| many.iter().map(move |b| (a.earliest, b.arrived))) {
            if begin <= end {
                let within = many.iter().filter(|seen| seen.earliest >= begin && seen.arrived <= end).count();
                worst = worst.max(within as i64 * TOKEN - 300 * (end - begin) - 5 * TOKEN);
            }
        }
        assert_eq!(excess(&many, 300, 5), worst, "{many:?}");
    }
}
