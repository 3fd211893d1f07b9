//! `--proxy`, `--noproxy`, and what the environment says.

use super::support::*;
use crate::support::{Answer, Server, Tls, Tunnels};

type Variables<'a> = &'a [(&'a str, &'a str)];

const URL: &str = "http://api.invalid/{id}";

/// A proxy that answers for every host with what it was asked for.
fn proxy() -> Server {
    Server::answering(|asked| Answer::ok(format!("proxied {}", asked.target)))
}

fn with(variables: Variables<'_>, args: &[&str]) -> Done {
    let mut command = get_command(["--ids", "7"].iter().chain(args));
    Running::start(command.envs(variables.iter().copied())).done()
}

#[test]
fn the_option_says_which_and_the_environment_does_without_it() {
    let proxy = proxy();
    let url = format!("http://{}", proxy.addr);
    let nowhere = "http://127.0.0.1:1";
    let cases: &[(Variables<'_>, &[&str])] = &[
        (&[], &["--proxy", &url]),
        (&[("http_proxy", &url)], &[]),
        (&[("HTTP_PROXY", &url)], &[]),
        (&[("ALL_PROXY", &url)], &[]),
        (&[("http_proxy", &url), ("HTTP_PROXY", nowhere)], &[]),
        (&[("http_proxy", ""), ("HTTP_PROXY", &url)], &[]),
        (&[("http_proxy", nowhere)], &["--proxy", &url]),
        (&[("http_proxy", "socks5://h")], &["--proxy", &url]),
        (&[("http_proxy", &url), ("NO_PROXY", "invalid")], &["--noproxy", ""]),
        (&[("http_proxy", &url), ("NO_PROXY", "a*b,other.invalid")], &[]),
    ];
    for (variables, args) in cases {
        let done = with(variables, &[args, &[URL][..]].concat());
        assert_eq!(
            done.code(0).records()["7"]["body"],
            "proxied http://api.invalid/7",
            "{variables:?} {args:?}"
        );
    }
}

#[test]
fn a_host_may_be_reached_without_it() {
    let (api, proxy) = (Api::new(), proxy());
    let url = format!("http://{}", proxy.addr);
    let cases: &[(Variables<'_>, &[&str])] = &[
        (&[("http_proxy", &url)], &["--proxy", ""]),
        (&[("http_proxy", &url)], &["--noproxy", "*"]),
        (&[("http_proxy", &url), ("no_proxy", "h, 127.0.0.0/8")], &[]),
        (&[("http_proxy", &url), ("NO_PROXY", "127.0.0.1")], &[]),
        (&[("NO_PROXY", "127.0.0.1")], &["--proxy", &url]),
        (&[("https_proxy", &url)], &[]),
        (&[("HTTP_PROXY", &url), ("REQUEST_METHOD", "GET")], &[]),
    ];
    for (variables, args) in cases {
        let done = with(variables, &[args, &[api.url.as_str()][..]].concat());
        assert_eq!(done.code(0).records()["7"]["body"], "body of 7", "{variables:?} {args:?}");
    }
    assert_eq!(proxy.requests(), 0);
    let done = with(&[("http_proxy", &url)], &[&api.url]);
    assert!(done.code(0).records()["7"]["body"].as_str().unwrap().starts_with("proxied "), "not exempt");
}

#[test]
fn an_https_url_is_reached_through_a_tunnel() {
    let (tunnels, server, cacert) = (Tunnels::start(), Server::start_tls(), TempPath::new("proxy-ca"));
    std::fs::write(&cacert.0, &Tls::get().pem).unwrap();
    let url = format!("http://me:s3cret@{}", tunnels.addr);
    let mut command = get_command(["-vv", "--ids", "7", "--cacert", cacert.shown(), &server.url()]);
    command.env("HTTPS_PROXY", &url).env("RUST_LOG", "trace");
    let running = Running::start(&mut command);
    server.next().answer(200, "ok");
    let done = running.done();
    assert_eq!(done.code(0).records()["7"]["body"], "ok");
    assert!(tunnels.next().contains("Proxy-Authorization: Basic bWU6czNjcmV0\r\n"));
    assert!(!done.stderr.contains("s3cret") && !done.stderr.contains("bWU6"), "{}", done.stderr);
}

#[test]
fn a_refusal_names_the_proxy_and_not_its_password() {
    let proxy = Server::answering(|_| Answer::status(407));
    let (addr, url) = (proxy.addr, format!("http://me:s3cret@{}", proxy.addr));
    for (target, says) in [
        (
            "https://api.invalid/{id}",
            format!("asking the proxy {addr} for a tunnel to api.invalid:443 failed: it"),
        ),
        (URL, format!("the server, or the proxy {addr},")),
    ] {
        let mut command = get_command(["-vv", "--ids", "7", "--keep-going", "--proxy", &url, target]);
        let done = Running::start(command.env("RUST_LOG", "trace")).done();
        let record = &done.code(1).records()["7"];
        let error = record["error"].as_str().unwrap();
        assert!(error.starts_with(&(says + " answered 407 Proxy Authentication Required")), "{error}");
        let hint = "the proxy's URL can name a user and a password: http://USER:PASSWORD@HOST:PORT";
        assert!(done.stderr.contains(hint), "{}", done.stderr);
        for text in [&done.stdout, &done.stderr] {
            assert!(!text.contains("s3cret") && !text.contains("bWU6"), "{text}");
        }
    }
}

#[test]
fn what_names_no_proxy_is_refused_by_the_name_of_the_option_or_variable() {
    let (api, bad) = (Api::new(), "socks5://me:s3cret@h:1");
    let url = api.url.as_str();
    let cases: &[(Variables<'_>, &[&str], &str)] = &[
        (
            &[],
            &["--proxy", bad],
            "--proxy \"socks5://…@h:1\": proxies are spoken to in plain HTTP, and not in",
        ),
        (&[], &["--proxy", "h:x"], "--proxy \"h:x\": a proxy is http://HOST:PORT"),
        (&[], &["--noproxy", "10.0.0.0/33"], "--noproxy \"10.0.0.0/33\": a list has hosts"),
        (&[("https_proxy", bad)], &[], "https_proxy \"socks5://…@h:1\": proxies are spoken to in plain HTTP"),
        (&[("HTTP_PROXY", "h/x")], &[], "HTTP_PROXY \"h/x\": a proxy is http://HOST:PORT"),
        (&[("ALL_PROXY", bad)], &[], "ALL_PROXY \"socks5://…@h:1\": "),
    ];
    for (variables, args, says) in cases {
        let done = with(variables, &[args, &["-vv", url][..]].concat());
        let errors = done.code(2).errors();
        assert!(errors[0].starts_with(says), "{errors:?}");
        assert_eq!(errors[0].ends_with(" (--proxy '' goes without)"), args.is_empty(), "{errors:?}");
        assert!(!done.stderr.contains("s3cret"), "{errors:?}");
    }
    assert_eq!(api.ids_so_far(), [] as [&str; 0]);
}
