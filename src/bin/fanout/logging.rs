//! Log lines on standard error: warnings, or what `-v`, `-q` and `RUST_LOG` ask for.
//!
//! Only our own lines may say more than `info`, whatever `RUST_LOG` says: what other crates print at `debug`
//! and `trace` (ureq: paths, queries, headers) may hold secrets, and nobody here can vouch for it.
//!
//! The library logs no URLs, since it cannot know what is secret in them. At `debug`, a failed request is told with its
//! method and its URL all the same, without userinfo and query: see [`Endpoint`].

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use env_logger::fmt::Formatter;
use env_logger::fmt::style::Style;
use env_logger::{Builder, Logger, Target, WriteStyle};
use log::kv::{self, Key, Source, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::cli::TalkArgs;
use crate::failure::Endpoint;
use crate::screen::Screen;

/// The target of our own lines: library and tool have the same name.
const OURS: &str = "fanout";

/// Where requests go, once it is known.
static ENDPOINT: OnceLock<Endpoint> = OnceLock::new();

/// Starts the log. A flag says more than `RUST_LOG` about our own lines.
pub(crate) fn start(talk: TalkArgs, screen: &Screen) {
    let asked = env::var("RUST_LOG").ok().filter(|filters| !filters.is_empty());
    let mut builder = Builder::new();
    builder.parse_filters(asked.as_deref().unwrap_or("warn"));
    if let Some(level) = level(talk) {
        builder.filter_module(OURS, level);
    }
    builder.write_style(if is_colourful() { WriteStyle::Always } else { WriteStyle::Never });
    let style = if is_colourful() { Style::new().italic() } else { Style::new() };
    builder.format_key_values(move |line, fields| {
        fields.visit(&mut Fields { line, style }).map_err(io::Error::other)
    });
    builder.target(Target::Pipe(Box::new(screen.clone())));
    let logger = builder.build();
    log::set_max_level(logger.filter());
    // It fails only where a logger has been set before.
    let is_asked = asked.is_some() || level(talk).is_some();
    let _ = log::set_boxed_logger(Box::new(Capped { logger, is_asked }));
}

/// From now on, failed requests are told with their URL.
pub(crate) fn tell_urls(endpoint: &Endpoint) {
    // Set only here and once, so that it cannot be set already.
    let _ = ENDPOINT.set(endpoint.clone());
}

fn level(talk: TalkArgs) -> Option<LevelFilter> {
    match (talk.quiet, talk.verbose) {
        (true, _) => Some(LevelFilter::Error),
        (false, 0) => None,
        (false, 1) => Some(LevelFilter::Info),
        (false, _) => Some(LevelFilter::Debug),
    }
}

fn is_colourful() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal says that it can only print lines.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The fields of a line, as env_logger writes them, but escaped: ids and headers are texts of others, and cannot write
/// to a terminal what they like.
struct Fields<'a> {
    line: &'a mut Formatter,
    style: Style,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let Fields { line, style } = self;
        write!(line, " {style}{key}{style:#}={}", value.to_string().escape_debug())?;
        Ok(())
    }
}

struct Capped {
    logger: Logger,
    /// Whether somebody has asked for a level.
    is_asked: bool,
}

impl Log for Capped {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        may_pass(metadata) && self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !may_pass(record.metadata()) || !self.is_asked && is_on_the_screen(record) {
            return;
        }
        let is_debug = self.logger.enabled(&Metadata::builder().target(OURS).level(Level::Debug).build());
        match ENDPOINT.get().filter(|_| is_debug).and_then(|endpoint| Failed::of(record, endpoint)) {
            Some(failed) => self.logger.log(&record.to_builder().key_values(&failed).build()),
            None => self.logger.log(record),
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

/// The fields of a failed request, and where it went.
struct Failed<'a> {
    fields: &'a dyn Source,
    method: &'a str,
    url: String,
}

impl<'a> Failed<'a> {
    /// Nothing for what is no failed request: these alone have a `kind`.
    fn of(record: &'a Record<'a>, endpoint: &'a Endpoint) -> Option<Failed<'a>> {
        let fields = record.key_values();
        fields.get(Key::from_str("kind")).filter(|_| record.target() == OURS)?;
        let id = fields.get(Key::from_str("user_id"))?.to_string();
        Some(Failed { fields, method: endpoint.method(), url: endpoint.url(&id) })
    }
}

impl Source for Failed<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.fields.visit(visitor)?;
        visitor.visit_pair(Key::from_str("method"), Value::from(self.method))?;
        visitor.visit_pair(Key::from_str("url"), Value::from(self.url.as_str()))
    }
}

/// What a shared quota waits for is told there, for people: these alone have a `quota` and a `cause` or a `wait_ms`.
fn is_on_the_screen(record: &Record<'_>) -> bool {
    let has = |field| record.key_values().get(Key::from_str(field)).is_some();
    record.target() == OURS && has("quota") && (has("cause") || has("wait_ms"))
}

fn may_pass(metadata: &Metadata<'_>) -> bool {
    let ours = metadata.target() == OURS || metadata.target().starts_with("fanout::");
    ours || metadata.level() <= Level::Info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lines_say_more_than_info() {
        let cases = [
            ("fanout", Level::Trace, true),
            ("fanout::http", Level::Debug, true),
            ("fanout_of_others", Level::Debug, false),
            ("ureq", Level::Debug, false),
            ("ureq_proto::client", Level::Trace, false),
            ("rustls::client", Level::Debug, false),
            ("ureq", Level::Info, true),
            ("rustls", Level::Warn, true),
        ];
        for (target, level, expected) in cases {
            let metadata = Metadata::builder().target(target).level(level).build();
            assert_eq!(may_pass(&metadata), expected, "{target} {level}");
        }
    }
}
