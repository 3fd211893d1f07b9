//! `curl --parallel` with a file of URLs. It throws the bodies away, for a file each would measure the file
//! system; so it can be asked for their number and length only, and not to keep them.

use std::fmt::Write;
use std::process::{self, Command};
use std::{env, fs};

use crate::Result;
use crate::harvest::{Harvest, Tally};
use crate::job::Job;

pub(crate) fn fetch(job: &Job) -> Result<Harvest> {
    let path = env::temp_dir().join(format!("fanout-peers-{}.curl", process::id()));
    let mut config = String::new();
    for id in 0..job.ids {
        writeln!(config, "url = {}/{id}\noutput = /dev/null", job.url)?;
    }
    fs::write(&path, config)?;
    let output = Command::new("curl")
        .args(["--no-progress-meter", "--fail", "--fail-early", "--parallel", "--parallel-immediate"])
        .args(["--parallel-max", &job.in_flight.to_string()])
        .args(["--max-time", &job.timeout().as_secs_f64().to_string()])
        .args(["--write-out", "%{http_code} %{size_download} %{url}\n"])
        .arg("--config")
        .arg(&path)
        .output();
    fs::remove_file(&path)?;
    let output = output?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let mut tally = Tally::new(job);
    let fetched = format!("200 {} {}/", job.body, job.url);
    for line in std::str::from_utf8(&output.stdout)?.lines() {
        tally.count(line.strip_prefix(&fetched).ok_or(line)?.parse()?);
    }
    Ok(Harvest::Dropped(tally))
}
