//! The controller against a model of a server, and what holds whatever a server does.

mod model;

use std::time::Duration;

use crate::limiter::Rate;
use crate::retry::Random;

use self::model::{Limit, MINUTES, Minute, Scene, Story, run};
use super::level::Level;
use super::{Adaptive, Change, Why, part_of};

const MS: Duration = Duration::from_millis(1);

/// 10/s are configured, with a burst of 20, for 8 workers; the server's limit is a rate.
fn scene(limits: [u32; 2], server_burst: u32) -> Scene {
    Scene {
        rate: Rate::per_second(10),
        burst: 20,
        workers: 8,
        limits: limits.map(|limit| Limit::Rate(Rate::per_second(limit))),
        server_burst,
        moody: None,
        way: MS * 50,
        jitter: if server_burst == 1 { Duration::ZERO } else { MS * 25 },
        service: [MS * 50, Duration::ZERO],
        adapts: true,
        seed: 42,
    }
}

/// So many requests at a time are configured, and the server's limit is another number of them.
fn crowd(workers: u32, limits: [u32; 2]) -> Scene {
    Scene {
        rate: Rate::UNLIMITED,
        workers,
        limits: limits.map(Limit::InFlight),
        service: [MS * 50, MS * 100],
        ..scene([1, 1], 20)
    }
}

/// In each minute, what the client of a rate could have got.
fn allowed(scene: Scene) -> [u64; MINUTES] {
    std::array::from_fn(|minute| match scene.limits[minute / 5] {
        Limit::Rate(limit) => {
            let (tokens, per) = limit.parts().unwrap();
            u64::try_from(u128::from(tokens) * 60_000_000_000 / per.as_nanos()).unwrap()
        }
        Limit::InFlight(_) => 0,
    })
}

/// In each minute, what a client gets that knows how many may be in flight.
fn known(scene: Scene) -> [u64; MINUTES] {
    let halves = scene.limits.map(|limit| {
        let Limit::InFlight(workers) = limit else { panic!("a limit of the rate") };
        run(Scene { workers, limits: [limit; 2], adapts: false, ..scene }).minutes
    });
    std::array::from_fn(|minute| halves[minute / 5][minute].admitted)
}

/// What is said of a story, in percent.
#[derive(Debug)]
struct Figures {
    used: f64,
    worst: f64,
    refused: f64,
}

fn figures(story: &Story, allowed: &[u64]) -> Figures {
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
    let (minutes, allowed) = (&story.minutes[1..], &allowed[1..]);
    let sum = |of: fn(&Minute) -> u64| minutes.iter().map(of).sum::<u64>();
    let (admitted, refused) = (sum(|minute| minute.admitted), sum(|minute| minute.refused));
    let each = minutes.iter().zip(allowed).map(|(minute, allowed)| percent(minute.admitted, *allowed));
    Figures {
        used: percent(admitted, allowed.iter().sum()),
        worst: each.fold(f64::INFINITY, f64::min),
        refused: percent(refused, admitted + refused),
    }
}

fn row(what: &[String], story: &Story, allowed: &[u64]) -> String {
    let Figures { used, worst, refused } = figures(story, allowed);
    let (first, cuts) = (story.minutes[0].refused, story.cuts);
    format!("//! | {} | {used:.1} % | {worst:.1} % | {refused:.2} % | {first} | {cuts} |", what.join(" | "))
}

/// Each row must stand in the module's documentation as it is; all of them are printed.
fn documented(rows: &[String]) {
    rows.iter().for_each(|row| println!("{row}"));
    for row in rows {
        assert!(include_str!("mod.rs").lines().any(|line| line == row), "not in the documentation: {row}");
    }
}

fn limits_text(limits: [u32; 2], unit: &str) -> String {
    match limits {
        [before, after] if before == after => format!("{before}{unit}"),
        [before, after] => format!("{before}{unit}, then {after}{unit}"),
    }
}

#[test]
fn the_table_of_rates_in_the_documentation_is_what_is_measured() {
    let mut rows = Vec::new();
    let mut measure = |configured: u32, workers: u32, limits: [u32; 2], burst: u32| {
        let scene = Scene { rate: Rate::per_second(configured), workers, ..scene(limits, burst) };
        let what = [format!("{configured}/s"), limits_text(limits, "/s"), burst.to_string()];
        rows.push(row(&what, &run(scene), &allowed(scene)));
    };
    for burst in [20, 1] {
        for limits in [[7, 7], [3, 3], [10, 10], [7, 3], [3, 7]] {
            measure(10, 8, limits, burst);
        }
    }
    for limits in [[70, 70], [30, 30], [30, 70]] {
        measure(100, 32, limits, 20);
    }
    documented(&rows);
}

#[test]
fn the_table_of_requests_in_flight_in_the_documentation_is_what_is_measured() {
    let mut rows = Vec::new();
    for (workers, limits) in [(8, [5, 5]), (8, [2, 2]), (8, [8, 8]), (8, [6, 2]), (8, [2, 6]), (32, [22, 22])]
    {
        let scene = crowd(workers, limits);
        let what = [workers.to_string(), limits_text(limits, "")];
        rows.push(row(&what, &run(scene), &known(scene)));
    }
    documented(&rows);
}

#[test]
fn a_client_that_does_not_adapt_is_refused_three_times_in_ten() {
    let scene = Scene { adapts: false, ..scene([7, 7], 20) };
    let Figures { refused, .. } = figures(&run(scene), &allowed(scene));
    assert!((29.0..31.0).contains(&refused), "{refused}");
}

#[test]
fn a_server_in_a_mood_is_forgiven_once_in_a_thousand_and_believed_once_in_twenty() {
    let scene = scene([10, 10], 20);
    let used = |moody| figures(&run(Scene { moody, ..scene }), &allowed(scene)).used;
    assert!(used(Some(1_000)) > 95.0, "{}", used(Some(1_000)));
    assert_eq!(run(Scene { moody: Some(20), ..scene }).rate, part_of(scene.rate, 50_000));
}

/// The promise, for limits, bursts, ways and numbers of workers that nobody has chosen.
#[test]
fn after_a_minute_nine_tenths_of_a_hidden_limit_are_used_and_less_than_one_in_a_hundred_is_refused() {
    let random = Random::seeded(30);
    let below = |bound: u64| random.draw() % bound;
    for _ in 0..60 {
        let configured = u32::try_from(2 + below(60)).unwrap();
        let percent = u32::try_from(20 + below(80)).unwrap();
        let hidden = Rate::new(configured * percent, Duration::from_secs(100));
        let way = MS * u32::try_from(10 + below(400)).unwrap();
        let server_burst = u32::try_from(1 + below(30)).unwrap();
        let scene = Scene {
            rate: Rate::per_second(configured),
            burst: Rate::per_second(configured).default_burst(),
            // Twice as many as are in flight at the configured rate, so that it is the rate that matters.
            workers: 4 + 2 * configured * u32::try_from((way + MS * 50).as_millis()).unwrap() / 1_000,
            limits: [Limit::Rate(hidden); 2],
            server_burst,
            way,
            // No more than the server's burst can bear.
            jitter: (way / 4).min(Duration::from_secs(1) * (server_burst - 1) / configured / 4),
            seed: random.draw(),
            ..scene([1, 1], 1)
        };
        let figures = figures(&run(scene), &allowed(scene));
        assert!(figures.used >= 90.0 && figures.refused < 1.0, "{figures:?}: {scene:?}");
    }
}

#[test]
fn after_a_minute_nine_tenths_of_a_hidden_cap_are_used_and_less_than_one_in_a_hundred_is_refused() {
    let random = Random::seeded(31);
    let below = |bound: u64| u32::try_from(random.draw() % bound).unwrap();
    for _ in 0..30 {
        let workers = 2 + below(30);
        let hidden = 1 + below(u64::from(workers));
        let way = MS * (2 + below(100));
        let scene = Scene { way, jitter: way / 4, seed: random.draw(), ..crowd(workers, [hidden; 2]) };
        let figures = figures(&run(scene), &known(scene));
        assert!(figures.used >= 90.0 && figures.refused < 1.0, "{figures:?}: {scene:?}");
    }
}

/// Sends and admits so many, one after the other, each held back by rate and cap.
fn admit(client: &mut Adaptive, requests: u32) {
    for _ in 0..requests {
        let others: Vec<_> = (1..client.max_in_flight()).map(|_| client.sent(true)).collect();
        let last = client.sent(true);
        let _ = client.admitted(last);
        others.into_iter().for_each(|other| client.unanswered(other));
    }
}

#[test]
fn what_is_refused_at_one_time_is_cut_once() {
    let mut client = Adaptive::new(Rate::per_second(100), 64);
    let flight: Vec<_> = (0..64).map(|_| client.sent(true)).collect();
    let changes = flight.into_iter().map(|request| client.refused(request, Why::Rate));
    let cuts: Vec<_> = changes.filter(|change| *change != Change::default()).collect();
    assert_eq!(cuts, [Change { rate: Some(client.rate()), max_in_flight: None }]);
    assert_eq!(client.rate(), part_of(Rate::per_second(100), 800_000));
}

#[test]
fn rate_and_cap_fall_and_climb_apart() {
    let configured = Rate::per_second(10);
    let mut client = Adaptive::new(configured, 10);
    let request = client.sent(true);
    assert_eq!(client.refused(request, Why::InFlight), Change { rate: None, max_in_flight: Some(8) });
    assert_eq!((client.rate(), client.max_in_flight()), (configured, 8));
    let request = client.sent(true);
    let slower = part_of(configured, 800_000);
    assert_eq!(client.refused(request, Why::Rate), Change { rate: Some(slower), max_in_flight: None });
    assert_eq!((client.rate(), client.max_in_flight()), (slower, 8));
    // Held back by the rate, and never near the cap.
    for _ in 0..2_000 {
        let request = client.sent(true);
        assert_eq!(client.admitted(request).max_in_flight, None);
    }
    assert_eq!((client.rate(), client.max_in_flight()), (configured, 8));
}

#[test]
fn a_cap_falls_by_one_request_at_least() {
    for workers in 2..=8 {
        let mut client = Adaptive::new(Rate::UNLIMITED, workers);
        admit(&mut client, 10_000);
        let request = client.sent(true);
        assert_eq!(client.refused(request, Why::InFlight).max_in_flight, Some(workers - 1));
    }
}

#[test]
fn who_sends_less_than_he_may_proves_nothing() {
    let mut client = Adaptive::new(Rate::per_second(10), 10);
    for why in [Why::Rate, Why::InFlight] {
        let request = client.sent(true);
        let _ = client.refused(request, why);
    }
    let (rate, cap) = (client.rate(), client.max_in_flight());
    for _ in 0..10_000 {
        let request = client.sent(false);
        assert_eq!(client.admitted(request), Change::default());
    }
    assert_eq!((client.rate(), client.max_in_flight()), (rate, cap));
    admit(&mut client, 5_000);
    assert_eq!((client.rate(), client.max_in_flight()), (Rate::per_second(10), 10));
}

#[test]
fn without_a_rate_to_lower_the_cap_is_lowered() {
    let mut client = Adaptive::new(Rate::UNLIMITED, 10);
    let request = client.sent(true);
    assert_eq!(client.refused(request, Why::Rate), Change { rate: None, max_in_flight: Some(8) });
    assert_eq!(client.rate(), Rate::UNLIMITED);
}

#[test]
fn a_server_that_admits_nothing_at_all_is_not_taken_for_one_that_wants_less() {
    let mut client = Adaptive::new(Rate::per_second(1_000), 8);
    let mut cuts_at = Vec::new();
    for number in 1..=300 {
        let request = client.sent(true);
        if client.refused(request, Why::Rate) != Change::default() {
            cuts_at.push(number);
        }
    }
    assert_eq!(cuts_at, [1, 9, 25, 57, 121, 249]);
    let request = client.sent(true);
    let _ = client.admitted(request);
    let request = client.sent(true);
    assert_ne!(client.refused(request, Why::Rate), Change::default(), "patient with those alone");
}

#[test]
fn more_is_cut_where_more_is_refused() {
    let after = |admitted: u32| {
        let mut level = Level::new(1_000_000, 1, 1);
        for _ in 0..admitted {
            level.admit(level.mark(), true);
        }
        level.refuse(level.mark());
        level.get()
    };
    assert_eq!(
        [0, 14, 29, 59, 99, 10_000].map(after),
        [800_000, 800_000, 900_000, 950_000, 970_000, 970_000]
    );
}

#[test]
fn the_way_back_is_paid_and_the_way_beyond_begins_slowly() {
    let mut level = Level::new(1_000_000, 1, 1);
    level.refuse(level.mark());
    let heights: Vec<u64> = (0..600)
        .map(|_| {
            level.admit(level.mark(), true);
            level.get() / 1_000
        })
        .collect();
    let after = |admitted: usize| heights[admitted - 1];
    // Of the curve, steps of 1 % are in force.
    assert_eq!([1, 50, 100, 200].map(after), [800, 893, 941, 961]);
    assert_eq!([250, 290, 320].map(after), [970, 1_000, 1_000]);
}

#[test]
fn late_refusals_are_paid_for_or_forgiven_after_a_hundred_rounds() {
    let back = |requests_a_round: usize| {
        let mut level = Level::new(1_000_000, 1, 1);
        let sent = level.mark();
        (0..10).for_each(|_| _ = level.refuse(sent));
        let mut admitted = 0;
        while level.get() < 970_000 {
            let mark = level.mark();
            for _ in 0..requests_a_round {
                level.admit(mark, true);
                admitted += 1;
            }
        }
        admitted
    };
    // Nine came late. In a round of one request each, as at a low rate, they are forgiven as soon as those 200 are
    // paid that the cut costs; in one of 10, after 100 rounds; in one of 100, all ten are paid for, with 2,000,
    // and the next step of 1 % comes 11 rounds beyond.
    assert_eq!([1, 10, 100].map(back), [200, 1_000, 3_100]);
}

/// Anything may be admitted and refused, in any order, from any time.
#[test]
fn a_level_stays_between_floor_and_ceiling_whatever_happens() {
    let random = Random::seeded(5);
    let below = |bound: u64| random.draw() % bound;
    for (ceiling, floor, quantum) in [(1_000_000, 50_000, 1), (8_000, 1_000, 1_000), (1_000, 1_000, 1_000)] {
        for refusals in [2, 20, 1_000] {
            let mut level = Level::new(ceiling, floor, quantum);
            let mut marks = vec![level.mark()];
            for _ in 0..50_000 {
                let mark = marks.swap_remove(usize::try_from(below(marks.len() as u64)).unwrap());
                let before = level.get();
                let changed = if below(refusals) == 0 {
                    let changed = level.refuse(mark);
                    assert!(level.get() <= before);
                    assert!(!changed || level.get() < before);
                    changed
                } else {
                    level.admit(mark, below(4) > 0)
                };
                assert_eq!(changed, level.get() != before);
                assert!((floor..=ceiling).contains(&level.get()));
                assert_eq!(level.get() % quantum, 0);
                while marks.len() < 1 + usize::try_from(below(20)).unwrap() {
                    marks.push(level.mark());
                }
            }
        }
    }
}

#[test]
fn the_extremes_neither_overflow_nor_panic() {
    for ceiling in [1, u64::from(u32::MAX) * 1_000, u64::MAX / 1_000] {
        let mut level = Level::new(ceiling, 1, 1);
        let old = level.mark();
        for round in 0..10_000_u32 {
            level.refuse(if round % 3 == 0 { level.mark() } else { old });
            level.admit(level.mark(), true);
        }
        for _ in 0..10_000 {
            level.admit(level.mark(), true);
        }
        assert!((1..=ceiling).contains(&level.get()));
    }
    for workers in [0, 1, u32::MAX] {
        let mut client = Adaptive::new(Rate::per_second(1), workers);
        assert_eq!(client.max_in_flight(), workers.max(1));
        let request = client.sent(true);
        let _ = client.refused(request, Why::InFlight);
        assert!(client.max_in_flight() >= 1);
    }
}

#[test]
fn a_part_of_a_rate_is_a_little_less_and_never_more() {
    let rates = [
        (1, Duration::from_nanos(1)),
        (3, Duration::from_nanos(7)),
        (10, Duration::from_secs(1)),
        (5_000, Duration::from_secs(3_600)),
        (999_999, Duration::from_millis(1)),
        (1_000_000, Duration::from_nanos(1)),
        (u32::MAX, Duration::from_secs(1)),
        (1, Duration::from_secs(86_400 * 365)),
    ];
    for (tokens, per) in rates {
        let whole = Rate::new(tokens, per);
        assert_eq!(part_of(whole, 1_000_000), whole);
        for share in [1_u64, 50_000, 333_333, 700_000, 999_999] {
            let (fewer, longer) = part_of(whole, share).parts().unwrap();
            // fewer / longer against tokens · share / (per · 1,000,000)
            let ours = u128::from(fewer) * per.as_nanos() * 1_000_000;
            let wanted = u128::from(tokens) * longer.as_nanos() * u128::from(share);
            assert!(ours <= wanted || longer == Rate::LONGEST, "{whole}: {share}");
            assert!(share < 50_000 || ours >= wanted - wanted / 900, "{whole}: {share}");
        }
    }
    assert_eq!(part_of(Rate::UNLIMITED, 1), Rate::UNLIMITED);
    assert_eq!(part_of(Rate::new(1, Rate::LONGEST), 500_000), Rate::new(1, Rate::LONGEST));
    assert_eq!(part_of(Rate::per_second(10), 500_000), Rate::new(10, Duration::from_secs(2)));
}
