//! What a builder is told of proxies, by settings and, if it is asked to look there, by the environment.
//!
//! A secret may stand in each of these texts: no error shows more of a URL than its scheme, host and port.

use std::ffi::OsString;
use std::sync::Arc;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use crate::error::BuildError;
use crate::request::{MAX_REQUEST_LINE, take_userinfo};
use crate::transport::{NoProxy, Proxies, Proxy};

use super::Builder;

/// Proxies.
impl Builder {
    /// Sends requests through this proxy: `http://HOST:PORT`, or `http://USER:PASSWORD@HOST:PORT`, user and password
    /// percent-encoded (`http://` may be left out, and so may the port if it is 80). Other schemes are refused: the
    /// proxy is spoken to in plain HTTP, whatever goes through it. An empty text is no proxy, whatever the environment
    /// says. Defaults to none.
    ///
    /// To an https target it is asked for a tunnel (`CONNECT`), which is TLS from end to end: the proxy sees host and
    /// port, and nothing of the request. To an http target it is handed the request, with all its headers. User and
    /// password go to the proxy alone, as `Proxy-Authorization: Basic`, and are in no error and no log.
    ///
    /// The proxy looks up the target's name: neither [`resolve`](Builder::resolve) nor [`lookup`](Builder::lookup) is
    /// asked for it, but for the proxy's. [`connect_timeout`](Builder::connect_timeout) covers the proxy's name, the
    /// connect to it, and the tunnel. A proxy that refuses a tunnel, or cannot open it, is an error of the kind
    /// [`Connect`](crate::ErrorKind::Connect), and nothing was [sent](crate::Error::sent). What it answers in place of
    /// an http target (a 502, say) cannot be told from the target's own answer; an error names both.
    pub fn proxy(mut self, url: impl Into<String>) -> Builder {
        self.proxy.url = Some(url.into());
        self
    }

    /// Reaches these hosts without the [`proxy`](Builder::proxy): a list, parted by commas or white space, as in curl.
    /// `example.com` and `.example.com` stand for that host and all below it, `10.1.2.3` and `::1` for an address,
    /// `10.0.0.0/8` for a network, `*` for all; `:8080` behind one restricts it to that port. An address stands for
    /// hosts that are written so, not for names that lead there. Defaults to none: `localhost` goes through the
    /// proxy, too, unless it is named.
    pub fn no_proxy(mut self, hosts: impl Into<String>) -> Builder {
        self.proxy.none_for = Some(hosts.into());
        self
    }

    /// Asks the environment, when the client is built, for what is not set here: for a [`proxy`](Builder::proxy)
    /// `http_proxy` and `HTTP_PROXY` for http targets, `https_proxy` and `HTTPS_PROXY` for https targets, `all_proxy`
    /// and `ALL_PROXY` for both; and `no_proxy` and `NO_PROXY` for [`no_proxy`](Builder::no_proxy). The first in this
    /// order that is not empty counts.
    ///
    /// A proxy that cannot be used is an error that names the variable. What means nothing in `NO_PROXY`, which is
    /// written for many programs, is left out. `HTTP_PROXY` is not looked at where there is a `REQUEST_METHOD`: in a
    /// CGI program whoever sends a request can set it ([httpoxy](https://httpoxy.org)). Unless this is called, the
    /// environment is not looked at.
    pub fn proxy_from_env(mut self) -> Builder {
        self.proxy.from_env = true;
        self
    }
}

/// What the setters were given.
#[derive(Default)]
pub(super) struct ProxySettings {
    pub(super) url: Option<String>,
    pub(super) none_for: Option<String>,
    pub(super) from_env: bool,
}

/// Those for one scheme, in the order in which they are looked at. An empty one is as good as none.
const FOR_HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const FOR_HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const NONE_FOR: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// What a line of a request leaves beside the header's name.
const LONGEST_AUTHORIZATION: usize = MAX_REQUEST_LINE - 64;

/// In a CGI program, `HTTP_PROXY` is what a client has sent as the header `Proxy`; this says that it is one.
const CGI: &str = "REQUEST_METHOD";

const RIGHT: &str =
    "a proxy is http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with both percent-encoded";

impl ProxySettings {
    /// Checks them. What is not set is asked of the environment, if it may be.
    pub(super) fn checked(
        &self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Proxies, BuildError> {
        let variable = |name: &str| environment(name).filter(|value| self.from_env && !value.is_empty());
        let is_cgi = variable(CGI).is_some();
        let first = |names: &[&'static str]| {
            let mut names = names.iter().filter(|name| !(is_cgi && **name == "HTTP_PROXY"));
            names.find_map(|name| variable(name).map(|value| (*name, value)))
        };
        let proxy = |names: &[&'static str]| match (&self.url, first(names)) {
            (Some(url), _) => parse("proxy", url),
            (None, Some((name, value))) => match value.to_str() {
                Some(url) => parse(name, url),
                None => Err(BuildError::new(name, "not UTF-8", RIGHT)),
            },
            (None, None) => Ok(None),
        };
        Ok(Proxies {
            http: proxy(&FOR_HTTP)?,
            https: proxy(&FOR_HTTPS)?,
            none_for: match (&self.none_for, first(&NONE_FOR)) {
                (Some(list), _) => no_proxy(list)?,
                (None, Some((_, list))) => NoProxy::parse_what_can_be(&list.to_string_lossy()),
                (None, None) => NoProxy::default(),
            },
        })
    }
}

fn no_proxy(list: &str) -> Result<NoProxy, BuildError> {
    NoProxy::parse(list).map_err(|entry| {
        let right =
            "a list has hosts, addresses and networks (10.0.0.0/8), each with a port if need be, or *";
        BuildError::new("no_proxy", format!("{:?}", shown(entry)), right)
    })
}

/// The proxy that a text names; an empty one names none.
fn parse(setting: &'static str, text: &str) -> Result<Option<Arc<Proxy>>, BuildError> {
    let wrong = |right: &str| BuildError::new(setting, format!("{:?}", shown(text)), right);
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let (scheme, _) = url.split_once("://").unwrap_or_default();
    if ["https", "socks", "socks4", "socks4a", "socks5", "socks5h"].contains(&&*scheme.to_ascii_lowercase()) {
        let right = format!("proxies are spoken to in plain HTTP, and not in {scheme}; {RIGHT}");
        return Err(wrong(&right));
    }
    let uri: Uri = url.parse().map_err(|_| wrong(RIGHT))?;
    if uri.scheme() != Some(&Scheme::HTTP) || uri.path() != "/" || uri.query().is_some() {
        return Err(wrong(RIGHT));
    }
    let (uri, authorization) = take_userinfo(uri).map_err(|_| wrong(RIGHT))?;
    let host = uri.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // `h:` and `h:99999` are URLs, though none with a port.
    let port = match uri.authority().map(|authority| authority.as_str().rsplit_once(':')) {
        Some(Some((_, port))) if !port.ends_with(']') => port.parse().ok().filter(|port| *port != 0),
        _ => Some(80),
    };
    let (Some(port), false) = (port, host.is_empty()) else {
        return Err(wrong(RIGHT));
    };
    let length = authorization.as_ref().map_or(0, |value| value.len());
    if length > LONGEST_AUTHORIZATION {
        return Err(wrong("its user and password are too long: a line of a request has 8 KiB"));
    }
    Ok(Some(Arc::new(Proxy { host: host.to_ascii_lowercase(), port, authorization })))
}

/// A URL without what may be a user and a password, or a query, however broken it is.
fn shown(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{}", without_query(host)),
        None => format!("{scheme}{}", without_query(rest)),
    }
}

fn without_query(text: &str) -> String {
    text.split_once('?').map_or_else(|| text.to_owned(), |(text, _)| format!("{text}?…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn from(variables: Variables<'_>) -> Result<Proxies, BuildError> {
        asking(ProxySettings { from_env: true, ..ProxySettings::default() }, variables)
    }

    fn asking(settings: ProxySettings, variables: Variables<'_>) -> Result<Proxies, BuildError> {
        settings.checked(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    /// The proxies for http and https targets, as they are shown.
    fn shown_of(proxies: &Proxies) -> [Option<String>; 2] {
        [&proxies.http, &proxies.https].map(|proxy| proxy.as_ref().map(ToString::to_string))
    }

    #[test]
    fn a_url_names_a_proxy_and_its_secret() {
        let cases = [
            ("http://p.example:3128", "p.example:3128", None),
            ("HTTP://P.Example:3128/", "p.example:3128", None),
            ("p.example:3128", "p.example:3128", None),
            ("  p.example ", "p.example:80", None),
            ("http://[::1]:3128", "[::1]:3128", None),
            ("[::1]", "[::1]:80", None),
            ("http://me:p%40%3ass@p:1", "p:1", Some("Basic bWU6cEA6c3M=")),
            ("me:p@ss@p:1", "p:1", Some("Basic bWU6cEBzcw==")),
            ("http://me@p:1", "p:1", Some("Basic bWU6")),
        ];
        for (text, shown, authorization) in cases {
            let proxy = parse("proxy", text).unwrap().unwrap();
            assert_eq!(proxy.to_string(), shown, "{text:?}");
            let found = proxy.authorization.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(found, authorization, "{text:?}");
            assert!(proxy.authorization.as_ref().is_none_or(|value| value.is_sensitive()));
        }
        assert_eq!(parse("proxy", "").unwrap(), None);
    }

    #[test]
    fn what_names_no_proxy_is_refused_without_its_secret() {
        let cases = [
            (
                "socks5://me:secret@h:1080",
                r#"proxy is "socks5://…@h:1080": proxies are spoken to in plain HTTP"#,
            ),
            ("https://me:secret@h", r#"proxy is "https://…@h": proxies are spoken to in plain HTTP"#),
            ("ftp://h:1", r#"proxy is "ftp://h:1": a proxy is http://HOST:PORT"#),
            ("http://me:sec/ret@h:1", r#"proxy is "http://…@h:1": a proxy is http://HOST:PORT"#),
            ("http://me:secret@h:x", r#"proxy is "http://…@h:x": a proxy is http://HOST:PORT"#),
            ("me:secret@", r#"proxy is "…@": a proxy is http://HOST:PORT"#),
            ("http://h:99999", r#"proxy is "http://h:99999": a proxy is"#),
            ("http://h:0", r#"proxy is "http://h:0": a proxy is"#),
            ("http://h:", r#"proxy is "http://h:": a proxy is"#),
            ("http://", r#"proxy is "http://": a proxy is"#),
            ("http://h/proxy.pac", r#"proxy is "http://h/proxy.pac": a proxy is"#),
            ("http://h:1/?token=secret", r#"proxy is "http://h:1/?…": a proxy is"#),
            ("http://me:secret@h?a=secret", r#"proxy is "http://…@h?…": a proxy is"#),
            ("h\u{7}:1", r#"proxy is "h\u{7}:1": a proxy is"#),
        ];
        for (text, says) in cases {
            let error = parse("proxy", text).unwrap_err();
            assert!(error.to_string().starts_with(says), "{text:?}: {error}");
            assert!(!error.to_string().contains("sec"), "{error}");
        }
        let long = format!("http://{}@h:1", "x".repeat(8 * 1024));
        assert!(parse("proxy", &long).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn the_environment_is_asked_only_if_it_may_be() {
        let variables = [("http_proxy", "a:1"), ("https_proxy", "b:2"), ("no_proxy", "c")];
        let proxies = from(&variables).unwrap();
        assert_eq!(shown_of(&proxies), [Some("a:1".to_owned()), Some("b:2".to_owned())]);
        assert_eq!(proxies.none_for, NoProxy::parse("c").unwrap());
        assert_eq!(asking(ProxySettings::default(), &variables).unwrap(), Proxies::default());
    }

    #[test]
    fn of_the_variables_the_lower_case_comes_first_and_an_empty_one_is_none() {
        let cases: &[(Variables<'_>, [Option<&str>; 2])] = &[
            (&[("HTTP_PROXY", "a:1")], [Some("a:1"), None]),
            (&[("HTTPS_PROXY", "a:1")], [None, Some("a:1")]),
            (&[("HTTP_PROXY", "a:1"), ("http_proxy", "b:2")], [Some("b:2"), None]),
            (&[("HTTP_PROXY", "a:1"), ("http_proxy", "")], [Some("a:1"), None]),
            (&[("ALL_PROXY", "a:1"), ("https_proxy", "b:2")], [Some("a:1"), Some("b:2")]),
            (
                &[("ALL_PROXY", "socks5://a:1"), ("http_proxy", "b:2"), ("https_proxy", "b:2")],
                [Some("b:2"); 2],
            ),
            (&[("HTTP_PROXY", "a:1"), ("REQUEST_METHOD", "GET")], [None, None]),
            (&[("http_proxy", "a:1"), ("REQUEST_METHOD", "GET")], [Some("a:1"), None]),
            (&[("HTTP_PROXY", " ")], [None, None]),
        ];
        for (variables, expected) in cases {
            let expected = expected.map(|proxy| proxy.map(str::to_owned));
            assert_eq!(shown_of(&from(variables).unwrap()), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_variable_at_fault_is_named() {
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            let error = from(&[(name, "socks5://me:secret@h:1")]).unwrap_err();
            assert_eq!(error.setting(), name);
            assert!(error.to_string().starts_with(&format!("{name} is \"socks5://…@h:1\": ")), "{error}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt;
            let settings = ProxySettings { from_env: true, ..ProxySettings::default() };
            let bytes = |name: &str| (name == "HTTPS_PROXY").then(|| OsString::from_vec(vec![0xff]));
            assert!(
                settings.checked(bytes).unwrap_err().to_string().starts_with("HTTPS_PROXY is not UTF-8: ")
            );
        }
    }

    #[test]
    fn a_setting_goes_before_the_environment_each_for_itself() {
        let variables = [("http_proxy", "bad://"), ("https_proxy", "bad://"), ("no_proxy", "h, a*b")];
        let settings = |url: &str, list: Option<&str>| ProxySettings {
            url: Some(url.to_owned()),
            none_for: list.map(str::to_owned),
            from_env: true,
        };
        let proxies = asking(settings("", None), &variables).unwrap();
        assert_eq!(shown_of(&proxies), [None, None]);
        let proxies = asking(settings("p:1", None), &variables).unwrap();
        assert_eq!(shown_of(&proxies), [(); 2].map(|()| Some("p:1".to_owned())));
        assert_eq!(proxies.none_for, NoProxy::parse("h").unwrap(), "what means nothing here is left out");
        let proxies = asking(settings("p:1", Some("")), &variables).unwrap();
        assert_eq!(proxies.none_for, NoProxy::default());
        let error = asking(settings("p:1", Some("h,http://me:secret@h:1")), &variables).unwrap_err();
        assert!(error.to_string().starts_with("no_proxy is \"http://…@h:1\": "), "{error}");
        let error = asking(settings("p:1", Some("h,a*b")), &variables).unwrap_err();
        assert!(error.to_string().starts_with("no_proxy is \"a*b\": a list has hosts"), "{error}");
    }
}
