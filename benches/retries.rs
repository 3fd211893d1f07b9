//! What becomes of 2,000 ids at a server that fails one request in twenty, and admits less than it is said to?
//!
//! A table and not a time, and a check: the server is `fanout serve`, in a process of its own, which counts what comes.
//! Each run must end with every id exactly once, with no more requests than ids and the budget, and with the quota
//! kept as the server sees it.
//!
//! `cargo bench --features cli -- retries`

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::Criterion;
use fanout::{CancelToken, Error, FanOutClient, Outcome, Rate, RetryBudget, RetryPolicy};

use crate::arguments;

const NAME: &str = "retries";

/// A second's worth is the client's burst; the server's is one more, since the network compresses.
const RATE: u32 = 1_000;
const BURST: u32 = 100;

struct Scene {
    name: &'static str,
    faults: &'static str,
    hidden: Option<&'static str>,
    adaptive: bool,
}

const SCENES: [Scene; 4] = [
    Scene { name: "nothing goes wrong", faults: "0", hidden: None, adaptive: false },
    Scene { name: "5 % faults", faults: "5", hidden: None, adaptive: false },
    Scene { name: "5 % faults, only 700/s admitted", faults: "5", hidden: Some("700/s"), adaptive: false },
    Scene { name: "the same, adapting", faults: "5", hidden: Some("700/s"), adaptive: true },
];

pub(crate) fn bench(_: &mut Criterion) {
    if !arguments::want(NAME) {
        return;
    }
    let Some(tool) = option_env!("CARGO_BIN_EXE_fanout") else {
        println!("{NAME}: needs the server of the tool (--features cli)");
        return;
    };
    let ids = if arguments::only_test() { 300 } else { 2_000 };
    let budget = RetryBudget::default();
    println!(
        "{NAME}: {ids} ids at {RATE}/s, burst {BURST}; at most {} requests beyond them\n",
        budget.after(ids)
    );
    println!(
        "| server | end | fetched | requests | refused | faults | fullest window, of a burst of {} | s |",
        BURST + 1
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for scene in &SCENES {
        run(scene, tool, ids, budget);
    }
    println!();
}

fn run(scene: &Scene, tool: &str, ids: u64, budget: RetryBudget) {
    let server = Server::start(tool, scene);
    let client = FanOutClient::builder(&server.url)
        .rate(Rate::per_second(RATE))
        .burst(BURST)
        .retries(
            RetryPolicy::new(8)
                .fault_base(Duration::from_millis(50))
                .throttling_base(Duration::from_millis(250)),
        )
        .retry_budget(budget)
        .adaptive(scene.adaptive)
        .build()
        .unwrap();
    let mut times = vec![0_u8; ids as usize];
    let began = Instant::now();
    let ended = client.fetch_each(&CancelToken::new(), 0..ids, |outcome: Outcome<u64>| {
        times[outcome.id as usize] += u8::from(outcome.result.is_ok());
        Ok::<(), Error>(())
    });
    let seconds = began.elapsed().as_secs_f64();
    let seen = server.stop();
    let fetched = times.iter().filter(|times| **times == 1).count();
    assert!(times.iter().all(|times| *times <= 1), "an id came twice");
    assert!(seen.requests <= ids + budget.after(ids), "more requests than the budget allows");
    assert!(seen.window <= f64::from(BURST + 1), "the quota was not kept");
    let end = match &ended {
        Ok(()) => "well",
        // Three in ten are refused: that is what the budget is there to stop.
        Err(error) if !scene.adaptive && scene.hidden.is_some() && error.gave_up().is_some() => {
            "budget spent"
        }
        Err(error) => panic!("{}: {error}", scene.name),
    };
    assert!(ended.is_err() || fetched as u64 == ids);
    let Seen { requests, refused, faults, window } = seen;
    let name = scene.name;
    println!("| {name} | {end} | {fetched} | {requests} | {refused} | {faults} | {window} | {seconds:.2} |");
}

struct Server {
    process: Child,
    url: String,
}

/// What it said at its end.
struct Seen {
    requests: u64,
    refused: u64,
    faults: u64,
    window: f64,
}

impl Server {
    fn start(tool: &str, scene: &Scene) -> Server {
        let (rate, burst) = (format!("{RATE}/s"), (BURST + 1).to_string());
        let mut command = Command::new(tool);
        command.args(["serve", "--rate", &rate, "--burst", &burst, "--fault-percent", scene.faults]);
        if let Some(hidden) = scene.hidden {
            command.args(["--hidden-rate", hidden]);
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Server { process, url }
    }

    fn stop(mut self) -> Seen {
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        self.process.wait().unwrap();
        let after = |words: &str| -> f64 {
            let rest = said.split(words).nth(1);
            rest.and_then(|rest| rest.trim_start().split([' ', ',', '\n']).next()?.parse().ok())
                .unwrap_or(0.0)
        };
        Seen {
            requests: after("saw ") as u64,
            refused: after("refused ") as u64,
            faults: after("answered ") as u64,
            window: after("fullest window took "),
        }
    }
}
