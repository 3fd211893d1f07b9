//! `--dry-run`: what a run would do, from the same checked values that it would do it with. Nothing is sent, and no
//! file is made, emptied or written to.
//!
//! What a run would refuse is refused. Standard input is read to its end: what its lines make of the run is what a plan
//! is asked for, and a program at the other end of the pipe can finish its work.

mod memory;
mod time;

use crate::exit::{Exit, UsageError};
use crate::ids::{LONGEST_NUMBER, MAX_LINE, Survey};
use crate::options::{self, GetOptions};
use crate::output::Opening;
use crate::print::print;
use crate::run::Run;
use crate::screen::Screen;
use crate::template::Template;
use crate::values::{duration, size};
use memory::Settings;

/// As large as most bodies are.
const SMALL_BODY: u64 = 10 * 1024;

/// Prints what the run would be.
pub(crate) fn plan(options: GetOptions, output: &Opening, screen: &Screen) -> Result<Exit, UsageError> {
    let (places, format) = (output.preview()?, output.format());
    let files = files(&options);
    // Every URL has the same host.
    let GetOptions { run, bounds, template, .. } = options;
    let proxy = run.client.proxy_for(&run.endpoint.url("0")).unwrap_or_else(|| "none".to_owned());
    let Run { ids, limits, max_in_flight, .. } = run;
    let survey = ids.survey(run.keep_going)?;
    if let Some(deadline) = options.deadline {
        options::refuse_what_cannot_be_met(deadline, survey.total, &limits)?;
    }
    let id = if survey.are_lines { MAX_LINE } else { LONGEST_NUMBER };
    let settings = Settings {
        ids: survey.total,
        max_in_flight,
        retries: bounds.retries,
        max_body: bounds.max_body,
        id,
        request_body: template.body_length(id),
        inline: format.lines && !format.files,
        headers: format.headers,
        ordered: options.ordered,
        account: options.failed.is_some(),
        remembered: if survey.remembers { survey.total } else { 0 },
        fetched: survey.fetched_bytes,
    };
    let mut text = String::new();
    let mut add = |word: &str, lines: Vec<String>| {
        for (place, line) in lines.iter().enumerate() {
            text += &format!("{:<10}{line}\n", if place == 0 { word } else { "" });
        }
    };
    add("ids", vec![format!("{} from {}", survey.total, survey.from)]);
    add("time", vec![time::least(survey.total, &limits, max_in_flight)]);
    #[cfg(feature = "redis")]
    if let Some((shared, _)) = &options.shared {
        add("shared", shared.planned());
    }
    add("retries", vec![time::retries(survey.total, &limits, bounds.retries, bounds.retry_budget)]);
    add("deadline", vec![options.deadline.map_or("none".to_owned(), duration::shown)]);
    add("memory", memory(&settings));
    add("output", places);
    add("files", files);
    add("proxy", vec![proxy]);
    add("headers", vec![template.headers().join(", ")]);
    add("requests", requests(&survey, &template));
    text += "\nThis was a dry run: nothing was sent, and nothing was written.\n";
    Ok(print(text.as_bytes(), screen))
}

/// `ids.txt, by --failed`: what a run would leave beside its records.
fn files(options: &GetOptions) -> Vec<String> {
    let failed = options.failed.as_ref().map(|file| (file.name(), "--failed"));
    let figures = options.figures.as_ref().map(|figures| (figures.name(), "--summary-json"));
    let report = options.report.as_ref().map(|report| (report.name(), "--report"));
    let named = [failed, figures, report].into_iter().flatten();
    named.map(|(name, option)| format!("{name}, by {option}")).collect()
}

fn memory(settings: &Settings) -> Vec<String> {
    let parts = memory::parts(settings, u64::MAX);
    let small = memory::sum(&memory::parts(settings, SMALL_BODY));
    let first = format!(
        "at most {} beside the program itself, or {} if no body is larger than {}:",
        size::shown(memory::sum(&parts)),
        size::shown(small),
        size::shown(u128::from(SMALL_BODY))
    );
    [first].into_iter().chain(parts.iter().map(|part| part.to_string())).collect()
}

fn requests(survey: &Survey, template: &Template) -> Vec<String> {
    let first = survey.first.iter().map(|id| match template.body_length(id.len()) {
        0 => template.request(id),
        length => format!("{}, {length} bytes of body", template.request(id)),
    });
    let mut lines: Vec<String> = first.collect();
    match survey.total.saturating_sub(lines.len() as u128) {
        0 if lines.is_empty() => lines.push("none".to_owned()),
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}
