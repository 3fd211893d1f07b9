//! What a request is sent to, and what a connection leads to: scheme, host and port.

use std::fmt;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

/// Where a request goes, as it stands in its URL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) tls: bool,
    pub(super) host: &'a str,
    pub(super) port: u16,
}

/// What a connection leads to: a [`Target`] that outlives its URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoint {
    pub(super) tls: bool,
    /// In lower case, without the brackets of an IPv6 literal.
    pub(super) host: String,
    pub(super) port: u16,
}

impl<'a> Target<'a> {
    /// Nothing unless it is an absolute http or https URL with a host.
    pub(super) fn of(uri: &'a Uri) -> Option<Target<'a>> {
        let scheme = uri.scheme()?;
        let tls = *scheme == Scheme::HTTPS;
        if !tls && *scheme != Scheme::HTTP {
            return None;
        }
        let host = uri.host()?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        (!host.is_empty()).then_some(Target { tls, host, port })
    }

    pub(super) fn to_endpoint(self) -> Endpoint {
        Endpoint { tls: self.tls, host: self.host.to_ascii_lowercase(), port: self.port }
    }

    pub(super) fn leads_to(self, endpoint: &Endpoint) -> bool {
        self.tls == endpoint.tls
            && self.port == endpoint.port
            && self.host.eq_ignore_ascii_case(&endpoint.host)
    }
}

impl Endpoint {
    /// What a URL begins with: `http://example.com:8080`, without the port that its scheme has anyway.
    pub(super) fn origin(&self) -> String {
        let Endpoint { tls, host, port } = self;
        let (scheme, own) = if *tls { ("https", 443) } else { ("http", 80) };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if *port == own { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
    }
}

/// `example.com:443`, `[::1]:80`. Neither the user, the path, nor the query, which may hold secrets.
impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.host, self.port);
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_targets() {
        let target = |url: &'static str| {
            Target::of(&Uri::from_static(url)).map(|target| (target.tls, target.host.to_owned(), target.port))
        };
        assert_eq!(target("http://a.example/x?y"), Some((false, "a.example".to_owned(), 80)));
        assert_eq!(target("https://u:p@a.example"), Some((true, "a.example".to_owned(), 443)));
        assert_eq!(target("http://[::1]:8080/"), Some((false, "::1".to_owned(), 8080)));
        assert_eq!(target("/x"), None);
        assert_eq!(target("ftp://a.example/"), None);
    }
}
