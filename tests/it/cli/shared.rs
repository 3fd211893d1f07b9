//! A quota that several runs of the tool share, in a Redis of the test's own.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use fanout::{CancelToken, Limit, Rate, SharedQuota};
use serde_json::Value;

use super::serve::serve;
use super::support::*;
use crate::shared::Redis;
use crate::support::until;

/// As [`QUOTA`].
const LIMIT: Limit = Limit::new(Rate::per_second(200), 20);

/// The name, and what all who use it must give.
const QUOTA: [&str; 8] = ["--quota", "key-7", "--rate", "200/s", "--burst", "20", "--max-in-flight", "4"];

/// The library's handle of the same quota, which says that nobody has a request under way: nobody need wait.
fn handle(redis: &Redis) -> SharedQuota {
    let quota = SharedQuota::builder(redis.url(), "key-7").limit(LIMIT).max_in_flight(4).is_idle(true);
    quota.connect().unwrap()
}

fn args<'a>(redis: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--redis", redis][..], &QUOTA, more].concat()
}

/// The server refuses what is over the quota, but for what the network compresses: two runs that did not know of each
/// other would be at twice the rate.
#[test]
fn two_runs_keep_one_quota_and_one_cap() {
    let Some(redis) = Redis::start() else { return };
    drop(handle(&redis));
    let judge = ["--rate", "200/s", "--burst", "30", "--max-in-flight", "4", "--latency", "10ms"];
    let (_running, url) = serve(&judge);
    let place = redis.url();
    let start = Instant::now();
    let runs =
        ["1-150", "151-300"].map(|ids| Running::start(&mut get_command(args(&place, &["--ids", ids, &url]))));
    let done = runs.map(Running::done);
    assert!(start.elapsed() >= Duration::from_millis(1_400), "300 requests at 200/s, of which 20 at once");
    for done in &done {
        assert_eq!(done.code(0).records().len(), 150);
        assert!(!done.stderr.contains("waiting") && !done.stderr.contains("is new"), "{}", done.stderr);
    }
}

#[test]
fn a_password_is_told_to_nobody() {
    let Some(redis) = Redis::start() else { return };
    drop(handle(&redis));
    redis.command("ACL SETUSER fanout on >sesame ~* &* +@all");
    let (api, report) = (Api::new(), TempPath::new("shared-password.html"));
    let place = |user: &str| format!("redis://{user}@127.0.0.1:{}/0", redis.port());
    let run = |user: &str, password: &str| {
        let place = place(user);
        let more = ["--ids", "1-3", "-vv", "--report", report.shown(), "--summary-json", "-", &api.url];
        let output = TempPath::new("shared-password.ndjson");
        let mut command = get_command(args(&place, &more));
        command.args(["--output", output.shown(), "--overwrite"]);
        command.env("RUST_LOG", "trace").env("FANOUT_REDIS_PASSWORD", password);
        Running::start(&mut command).done()
    };
    let assert_silent = |done: &Done, page: &str| {
        for text in [&done.stdout, &done.stderr, page] {
            assert!(!text.contains("sesame") && !text.contains("hunter2"), "{text}");
        }
    };
    for (user, password) in [("fanout:sesame", ""), ("fanout", "sesame"), ("fanout:sesame", "hunter2")] {
        let done = run(user, password);
        let page = report.text();
        assert_silent(done.code(0), &page);
        assert!(page.contains("quota shared as") && page.contains("key-7"));
        assert!(page.contains(&format!("redis://127.0.0.1:{}/0", redis.port())), "{page}");
        assert!(page.contains("waits for Redis, at most") && page.contains("permits of a lost process kept"));
        let figures: Value = serde_json::from_str(done.stdout.trim()).unwrap();
        assert_eq!(figures["shared_quota"], "key-7");
    }
    let url_is_right = "(is the password in the URL right, and percent-encoded?; nothing was sent)";
    let of_variable = "(the password is that of FANOUT_REDIS_PASSWORD; nothing was sent)";
    for (user, password, hint) in [
        ("fanout:hunter2", "", url_is_right),
        ("fanout", "hunter2", of_variable),
        ("fanout:hunter2", "sesame", url_is_right),
    ] {
        let done = run(user, password);
        assert_silent(done.code(1), "");
        let start = format!("--redis redis://127.0.0.1:{}/0: ", redis.port());
        assert!(done.errors()[0].starts_with(&start) && done.errors()[0].ends_with(hint), "{}", done.stderr);
    }
    let user = place("fanout:hunter2");
    let done = Running::start(&mut fanout(["status", "--redis", &user, "--quota", "key-7"])).done();
    assert_silent(done.code(1), "");
    assert_eq!(api.ids_so_far().len(), 9);
}

/// To a call of many arguments Redis says it in other words than to others; and at once it must be told, and not after
/// --redis-wait.
#[test]
fn a_password_that_is_missing_is_asked_for_at_once() {
    let Some(redis) = Redis::start() else { return };
    redis.command("CONFIG SET requirepass sesame");
    let api = Api::new();
    let place = redis.url();
    for done in [
        get(args(&place, &["--ids", "1", "--redis-wait", "1h", &api.url])),
        Running::start(&mut fanout(["status", "--redis", &place, "--quota", "key-7"])).done(),
    ] {
        let error = done.code(1).errors()[0];
        assert!(
            error.contains("it wants a password (") && error.contains("FANOUT_REDIS_PASSWORD"),
            "{error}"
        );
    }
}

#[test]
fn a_redis_that_goes_away_ends_the_run_and_so_it_does_with_keep_going() {
    for more in [&[][..], &["--keep-going", "-v", "--progress", "always"]] {
        let Some(redis) = Redis::start() else { return };
        drop(handle(&redis));
        let (api, place) = (Api::new(), redis.url());
        let address = format!("127.0.0.1:{}", redis.port());
        let more = [&["--ids", "1-100000", "--redis-wait", "2500ms", &api.url], more].concat();
        let run = Running::start(&mut get_command(args(&place, &more)));
        api.request();
        drop(redis);
        let done = run.done();
        let errors = done.code(1).errors();
        assert!(errors.len() == 1 && errors[0].contains(&address), "{}", done.stderr);
        assert!(errors[0].contains("no grant for "), "{}", done.stderr);
        assert_eq!(errors[0].matches("(os error ").count(), 1, "{}", done.stderr);
        let waits: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("waiting for ")).collect();
        assert!(waits.len() == 1 && waits[0].contains("2.5s at most"), "{}", done.stderr);
        assert!(done.stderr.contains(", 0 failed"), "{}", done.stderr);
        // That line is enough for who has not asked for more.
        assert_eq!(done.stderr.contains("quota out of reach"), more.contains(&"-v"), "{}", done.stderr);
        let shown = |line: &str| {
            line.split_once("waiting for Redis, ").is_some_and(|(before, left)| {
                !before.contains(" left, ") && ["3s", "2s", "1s"].iter().any(|most| left.starts_with(most))
            })
        };
        assert_eq!(done.stderr.lines().any(shown), more.contains(&"always"), "{}", done.stderr);
        // The first one was taken from the list above.
        assert_eq!(done.records().len(), api.ids_so_far().len() + 1);
    }
}

#[test]
fn without_redis_nothing_is_sent_and_nothing_is_emptied() {
    let Some(redis) = Redis::start() else { return };
    let place = redis.url();
    let stopped = redis.stop();
    let api = Api::new();
    let output = TempPath::with("shared-start.ndjson", "kept\n");
    let more = ["--ids", "1", "--output", output.shown(), "--overwrite", "--redis-wait", "300ms", &api.url];
    let done = get(args(&place, &more));
    let errors = done.code(1).errors();
    assert!(errors.len() == 1 && errors[0].ends_with("; nothing was sent)"), "{}", done.stderr);
    assert!(errors[0].contains(&format!("127.0.0.1:{}", stopped.port())), "{}", done.stderr);
    assert_eq!(done.stderr.lines().filter(|line| line.starts_with("waiting for ")).count(), 1);
    assert_eq!(get(args(&place, &more).iter().chain(&["-q"])).code(1).stderr.lines().count(), 1);
    assert_eq!(output.text(), "kept\n");
    // What a run leaves it leaves however it ends.
    let [failed, figures] = ["shared-start.failed", "shared-start.json"].map(TempPath::new);
    let files = ["--failed", failed.shown(), "--summary-json", figures.shown()];
    let done = get(args(&place, &more).iter().copied().chain(files));
    assert_eq!(done.code(1).errors().len(), 1, "{}", done.stderr);
    assert_eq!((failed.text().as_str(), output.text().as_str()), ("1\n", "kept\n"));
    let figures: serde_json::Value = serde_json::from_str(&figures.text()).unwrap();
    assert_eq!((&figures["exit"]["reason"], &figures["ids"]["left"]), (&"quota".into(), &1.into()));
    // A plan asks nobody.
    let done = get(args(&place, &["--ids", "1", "--dry-run", &api.url]));
    assert!(done.code(0).stdout.contains("\nshared    as key-7 in redis://127.0.0.1:"), "{}", done.stdout);
    let first = "if it knows no such quota, nothing is sent for 30s first (--quota-lease)\n";
    let first = format!(", which was not asked\n{:10}{first}", "");
    assert!(done.stdout.contains(&first), "{}", done.stdout);
    for (more, first) in [(&["--quota-lease", "2m"][..], Some("for 2m first")), (&["--quota-idle"], None)] {
        let more = [&["--ids", "1", "--dry-run", &api.url], more].concat();
        let told = get(args(&place, &more)).code(0).stdout.clone();
        assert_eq!(told.contains("if it knows no such quota"), first.is_some(), "{told}");
        assert!(first.is_none_or(|first| told.contains(first)), "{told}");
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
    // It is waited for.
    let redis = {
        let mut run = Running::start(&mut get_command(args(&place, &["--ids", "1", &api.url])));
        let mut line = String::new();
        BufReader::new(run.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("waiting for "), "{line}");
        let redis = stopped.start();
        // The first to come: this test, or the tool, which waits for a lease then, and is killed.
        until("the quota is known", || redis.command("EXISTS {fanout:key-7}") == redis::Value::Int(1));
        redis
    };
    drop(redis);
}

#[test]
fn other_limits_are_refused_with_both_and_nothing_is_sent() {
    let Some(redis) = Redis::start() else { return };
    let _other = handle(&redis);
    let (api, place) = (Api::new(), redis.url());
    let done = get(["--redis", &place, "--quota", "key-7", "--ids", "1", "--rate", "300/s", &api.url]);
    let error = done.code(2).errors()[0];
    for words in ["--quota key-7: ", "200/s, burst 20", "300/s, burst 20", "at most 4 in", "at most 8 in"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

#[test]
fn a_new_quota_says_why_it_waits_and_how_long_and_a_signal_ends_the_wait() {
    let Some(redis) = Redis::start() else { return };
    let (api, place) = (Api::new(), redis.url());
    let mut run = Running::start(&mut get_command(args(&place, &["--ids", "1", &api.url])));
    let mut line = String::new();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("the quota key-7 is new in redis://127.0.0.1:"), "{line}");
    assert!(line.contains("nothing is sent for 30s"), "{line}");
    let status = Running::start(&mut fanout(["status", "--redis", &place, "--quota", "key-7"])).done();
    assert!(status.code(0).stdout.contains("\nwaits       "), "{}", status.stdout);
    run.kill(&["INT"]);
    assert!(!run.status().success());
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

/// As after a kill of the one who held them, for a lease: there are tokens, and nobody gets them.
#[test]
fn who_waits_for_slots_of_others_says_so() {
    let Some(redis) = Redis::start() else { return };
    let quota = handle(&redis);
    let _held = [(); 4].map(|()| quota.acquire(&CancelToken::new()).unwrap());
    let (api, place) = (Api::new(), redis.url());
    let more = ["--ids", "1-12", "--progress", "always", "--deadline", "3500ms", &api.url];
    let done = get(args(&place, &more));
    // The first may come before Redis has been asked.
    let says_so = |line: &str| {
        line.starts_with("0/12 done, waiting for slots held by others, 0.0 of 200/s, 0 of 4 in flight, ")
    };
    assert!(done.stderr.lines().any(says_so), "{}", done.stderr);
    let error = "the run's deadline comes before a place in flight for it";
    assert!(done.code(1).errors().iter().any(|line| line.contains(error)), "{}", done.stderr);
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}

/// And what has been granted may be used for longer, if all say so.
#[test]
fn a_new_quota_that_is_idle_begins_at_once() {
    let Some(redis) = Redis::start() else { return };
    let (api, place) = (Api::new(), redis.url());
    let use_by = |use_by| ["--quota-idle", "--use-by", use_by, "--ids", "1-3", &api.url];
    let done = get(args(&place, &use_by("50ms")));
    assert_eq!(done.code(0).records().len(), 3);
    assert!(!done.stderr.contains("is new"), "{}", done.stderr);
    let done = get(args(&place, &use_by("40ms")));
    let error = done.code(2).errors()[0];
    assert!(error.contains("use by 50ms") && error.contains("use by 40ms"), "{error}");
    assert_eq!(api.ids_so_far().len(), 3);
}

#[cfg(feature = "redis-tls")]
#[test]
fn a_redis_by_tls_is_used_where_it_is_trusted_and_told_nothing_where_it_is_not() {
    use crate::support::Tls;
    let Some((redis, port)) = crate::shared::tls::start() else { return };
    redis.command("ACL SETUSER default >sesame");
    let api = Api::new();
    let (place, shown) = (format!("rediss://:sesame@localhost:{port}"), format!("rediss://localhost:{port}"));
    let trusted = TempPath::with("shared-redis-ca.pem", &Tls::get().pem);
    let broken = TempPath::with("shared-redis-broken.pem", "no certificate");
    let run = |place: &str, more: &[&str]| {
        let done = get(args(place, &[&["--quota-idle", "--ids", "1-3", &api.url], more].concat()));
        assert!(!done.stderr.contains("sesame"), "{}", done.stderr);
        done
    };
    let status = |more: &[&str]| {
        let args = [&["status", "--redis", &place, "--quota", "key-7"], more].concat();
        Running::start(&mut fanout(args)).done()
    };
    // At once, and not after --redis-wait.
    let done = run(&place, &["--redis-wait", "1h"]);
    let error = done.code(1).errors()[0];
    assert!(error.starts_with(&format!("--redis {shown}: ")) && error.contains("UnknownIssuer"), "{error}");
    assert!(error.ends_with("(name its CA's certificate with --redis-cacert; nothing was sent)"), "{error}");
    assert!(status(&[]).code(1).errors()[0].ends_with(" with --redis-cacert)"));
    let cacert = ["--redis-cacert", trusted.shown()];
    let none = format!(
        "--redis-cacert {}: it holds no certificate between BEGIN CERTIFICATE and END CERTIFICATE",
        broken.shown()
    );
    assert_eq!(run(&place, &["--redis-cacert", broken.shown()]).code(2).errors(), [none]);
    let plain = run("redis://localhost:1", &cacert);
    assert!(plain.code(2).errors()[0].ends_with(": redis:// goes without TLS; use rediss://"));
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
    assert_eq!(run(&place, &cacert).code(0).records().len(), 3);
    status(&cacert).code(0);
}

#[test]
fn the_status_is_a_text_or_json_and_says_whether_there_is_such_a_quota() {
    let Some(redis) = Redis::start() else { return };
    let place = redis.url();
    let status = |more: &[&str]| {
        let args = [&["status", "--redis", &place, "--quota", "key-7"], more].concat();
        Running::start(&mut fanout(args)).done()
    };
    assert!(status(&[]).code(1).errors()[0].ends_with(" knows no such quota"));
    let json = |done: &Done| serde_json::from_str::<Value>(&done.stdout).unwrap();
    let unknown = json(status(&["--json"]).code(1));
    assert_eq!(unknown["known"], false);
    let quota = handle(&redis);
    let held = quota.acquire(&CancelToken::new()).unwrap();
    until("it is known that a permit is held", || json(status(&["--json"]).code(0))["in_flight"] == 1);
    let text = status(&[]).code(0).stdout.clone();
    for line in ["quota       key-7 in redis://", "limit       200/s, burst 20: ", "in flight   1 of 4\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.contains("processes   1\n") && text.contains("  1 in flight, heard "), "{text}");
    let told = json(&status(&["--json"]));
    assert_eq!((&told["known"], &told["max_in_flight"]), (&Value::from(true), &Value::from(4)));
    assert_eq!(told["limits"][0]["text"], "200/s, burst 20");
    assert!(told["limits"][0]["tokens_left"].as_u64().unwrap() <= 19, "{told}");
    assert_eq!((told["processes"].as_array().unwrap().len(), &told["held_up"]), (1, &Value::Null));
    assert!(told["processes"][0]["heard_ms_ago"].is_number(), "{told}");
    drop((held, quota));
    assert!(status(&[]).code(0).stdout.contains("processes   0\n"));
    redis.command("DEL {fanout:key-7}");
    assert!(status(&[]).code(0).stdout.contains("none for some minutes"));
    let idle = json(status(&["--json"]).code(0));
    assert_eq!(idle["known"], true);
    // The members are always the same, and null where nothing is known.
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for other in [&unknown, &idle] {
        assert_eq!(names(other), names(&told));
        let is_told = |name: &&String| ["known", "quota", "redis"].contains(&name.as_str());
        let rest: Vec<String> = names(other).into_iter().filter(|name| !is_told(&name)).collect();
        assert!(rest.len() == 6 && rest.iter().all(|name| other[name].is_null()), "{other}");
    }
}

/// Of a quota that has all of them: somebody holds a permit in a pause.
#[test]
fn the_help_of_the_status_has_every_member_of_its_json() {
    let Some(redis) = Redis::start() else { return };
    let quota = handle(&redis);
    let _held = quota.acquire(&CancelToken::new()).unwrap();
    quota.pause_until(Instant::now() + Duration::from_secs(600), "retry-after: 600");
    let place = redis.url();
    let ask = || {
        let done =
            Running::start(&mut fanout(["status", "--redis", &place, "--quota", "key-7", "--json"])).done();
        serde_json::from_str::<Value>(&done.code(0).stdout).unwrap()
    };
    until("it is known that it pauses", || ask()["held_up"]["why"] == "pause");
    let help = Running::start(&mut fanout(["status", "--help"])).done().stdout;
    let (_, help) = help.split_once("  --json\n").unwrap();
    let words: Vec<&str> = help.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let (mut values, mut members) = (vec![ask()], 0);
    while let Some(value) = values.pop() {
        for (name, value) in value.as_object().into_iter().flatten() {
            assert!(words.contains(&name.as_str()), "{name} is not in the help");
            members += 1;
            values.push(value.clone());
        }
        values.extend(value.as_array().into_iter().flatten().cloned());
    }
    assert_eq!(members, 9 + 5 + 3 + 4);
}

#[test]
fn a_quota_without_a_rate_is_unlimited() {
    let Some(redis) = Redis::start() else { return };
    let _quota = SharedQuota::builder(redis.url(), "key-7").max_in_flight(4).is_idle(true).connect().unwrap();
    let done = Running::start(&mut fanout(["status", "--redis", &redis.url(), "--quota", "key-7"])).done();
    assert!(done.code(0).stdout.contains("\nlimit       unlimited\nin flight   0 of 4\n"), "{}", done.stdout);
}

#[test]
fn what_cannot_be_shared_is_refused_before_anybody_is_asked() {
    const NOWHERE: &str = "redis://127.0.0.1:1";
    let api = Api::new();
    for (more, error) in [
        (
            &["--redis", NOWHERE][..],
            "--redis: no quota to share (name it: --quota NAME, best after the API's key)",
        ),
        (&["--quota", "k"], "--quota k: no Redis to share it in (name it: --redis redis://127.0.0.1:6379)"),
        (
            &["--redis-wait", "1s"],
            "--redis-wait 1s: there is no Redis to wait for (name it: --redis redis://127.0.0.1:6379)",
        ),
        (
            &["--redis", "http://me:secret@h", "--quota", "k"],
            "--redis: not a URL of Redis (use redis://HOST:6379, or rediss://HOST:6379 for TLS; a password \
             in it is percent-encoded, or comes from FANOUT_REDIS_PASSWORD)",
        ),
        (
            &["--redis", NOWHERE, "--quota", "two words"],
            "--quota two words: a name has from 1 to 128 letters, digits and characters of -_.:/@",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--redis-wait", "2d"],
            "--redis-wait 2d: it may be from 1ms to 1d",
        ),
        (
            &["--quota-lease", "9m"],
            "--quota-lease 9m: there is no Redis that keeps permits (name it: \
             --redis redis://127.0.0.1:6379)",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--quota-lease", "2h"],
            "--quota-lease 2h: it may be from 1s to 1h",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--quota-lease", "15s"],
            "--quota-lease 15s: shorter than twice the --timeout, which is 10s (at least 20s)",
        ),
        (
            &["--quota-idle"],
            "--quota-idle: there is no Redis that shares a quota (name it: --redis redis://127.0.0.1:6379)",
        ),
        (
            &["--redis-cacert", "a.crt"],
            "--redis-cacert a.crt: there is no Redis to trust (name it: --redis redis://127.0.0.1:6379)",
        ),
        #[cfg(feature = "redis-tls")]
        (
            &["--redis", "rediss://127.0.0.1:1", "--quota", "k", "--redis-cacert", "/nowhere/ca.pem"],
            "--redis-cacert /nowhere/ca.pem: cannot read it: No such file or directory",
        ),
        (
            &["--use-by", "5ms"],
            "--use-by 5ms: there is no Redis that grants anything (name it: --redis redis://127.0.0.1:6379)",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--use-by", "2s"],
            "--use-by 2s: it may be from 1ms to 1s, and must be longer than a round trip to Redis",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--timeout", "31m"],
            "--timeout 31m: longer than --quota can keep permits for (at most 30m)",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--use-by", "0ms"],
            "--use-by 0ms: it may be from 1ms to 1s, and must be longer than a round trip to Redis",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--redis-wait", "0s"],
            "--redis-wait 0s: it may be from 1ms to 1d",
        ),
        (
            &["--redis", NOWHERE, "--quota", "k", "--use-by", "5"],
            "--use-by 5: '5' has no unit (use for instance 5s or 5ms)",
        ),
        #[cfg(not(feature = "redis-tls"))]
        (
            &["--redis", "rediss://:secret@127.0.0.1:1", "--quota", "k"],
            "--redis rediss://: this fanout was built without TLS for Redis (build it with the feature \
             redis-tls, or use redis:// where the way there is safe)",
        ),
    ] {
        let done = get(["--ids", "1", &api.url].iter().chain(more));
        assert_eq!(done.code(2).errors(), [error]);
    }
    let tight =
        ["--redis", NOWHERE, "--quota", "k", "--rate", "200/s", "--burst", "1", "--ids", "1", &api.url];
    let done = get(tight);
    let error = done.code(2).errors()[0];
    assert!(error.starts_with("--quota k: cannot keep 200/s, burst 1: "), "{error}");
    assert!(error.ends_with("; use a burst of at least 2, or a shorter --use-by"), "{error}");
    for more in [&[][..], &["--redis", NOWHERE]] {
        Running::start(&mut fanout(["status"].iter().chain(more))).done().code(2);
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}
