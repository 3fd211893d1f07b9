//! What is the same for every contestant in Rust: the clock, the proof, and the line that it prints.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::contestants::{self, Fetch};
use crate::harvest::Harvest;
use crate::job::{Job, Question};

/// The line of JSON that a contestant prints. Times and CPU are those of the batch, without the process's
/// beginning and end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) fetched: u32,
    pub(crate) checksum: u64,
    pub(crate) seconds: f64,
    /// User and system, of this process and of those that it started.
    pub(crate) cpu_seconds: f64,
    /// The most memory that was resident at any time.
    pub(crate) peak_kib: u64,
    /// [`Question::Stop`]: when each run returned, in nanoseconds of the system's clock.
    pub(crate) returned_at: Vec<u64>,
    /// [`Question::Lateness`]: for each run.
    pub(crate) late_ms: Vec<f64>,
}

/// No further run is begun after this time: some need five seconds for one.
const BUDGET: Duration = Duration::from_secs(12);

pub(crate) fn run(name: &str, job: &str) -> Result<()> {
    let job: Job = serde_json::from_str(job)?;
    let report = play(contestants::fetch(name)?, &job)?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn play(fetch: Fetch, job: &Job) -> Result<Report> {
    let mut report = Report::default();
    let (began, cpu_before) = (Instant::now(), cpu_seconds()?);
    match job.question {
        Question::Speed | Question::Tokens => {
            let harvest = fetch(job)?;
            report.seconds = began.elapsed().as_secs_f64();
            report.cpu_seconds = cpu_seconds()? - cpu_before;
            let tally = harvest.tally(job)?;
            (report.fetched, report.checksum) = (tally.fetched, tally.checksum);
        }
        Question::Stop => {
            while report.returned_at.len() < job.runs as usize && began.elapsed() < BUDGET {
                must_fail(fetch(job))?;
                report.returned_at.push(unix_nanos());
            }
        }
        Question::Lateness => {
            for _ in 0..job.runs {
                let began = Instant::now();
                must_fail(fetch(job))?;
                let late = began.elapsed().as_secs_f64() - job.timeout().as_secs_f64();
                if late < -0.01 {
                    return Err(format!("gave up {late} s before the timeout").into());
                }
                report.late_ms.push(late * 1e3);
            }
        }
    }
    report.peak_kib = peak_kib()?;
    Ok(report)
}

fn must_fail(fetched: Result<Harvest>) -> Result<()> {
    match fetched {
        Ok(_) => Err("succeeded where it could not".into()),
        Err(_) => Ok(()),
    }
}

fn cpu_seconds() -> Result<f64> {
    let mut seconds = 0.0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        for time in [usage.user_time(), usage.system_time()] {
            seconds += time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        }
    }
    Ok(seconds)
}

/// This process's, or that of the largest process that it started, if that is larger.
fn peak_kib() -> Result<u64> {
    // Not from `getrusage`, which goes on with what the process was before its `exec`.
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let own: u64 =
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).ok_or("no VmHWM")?;
    Ok(own.max(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as u64))
}

/// A moment that can be compared with one of another process.
pub(crate) fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
