//! Which requests go through a proxy, and how a request finds its way.
//!
//! A proxy is spoken to in plain HTTP. What goes to an https target goes through a tunnel (`tunnel`), in which the
//! proxy sees nothing but bytes. What goes to an http target is handed to the proxy, which reads it and passes it on
//! (`forward`): that is what proxies are for, and many allow tunnels to port 443 only.
//!
//! The way follows from the target alone, and does not change while the client lives. So a connection that leads to a
//! target has gone the target's way, and the pool need not look at proxies.

use std::fmt;
use std::sync::Arc;

use ureq::http::HeaderValue;

use super::no_proxy::NoProxy;
use super::target::Target;

/// A proxy that is spoken to in plain HTTP.
#[derive(PartialEq, Eq)]
pub(crate) struct Proxy {
    /// In lower case, without the brackets of an IPv6 literal.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`. It goes to this proxy, and nowhere else.
    pub(crate) authorization: Option<HeaderValue>,
}

/// The proxies of a client: one for each scheme of a target, if there is one, and who is reached without.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    pub(crate) http: Option<Arc<Proxy>>,
    pub(crate) https: Option<Arc<Proxy>>,
    pub(crate) none_for: NoProxy,
}

impl Proxies {
    /// The proxy on the way to a target.
    pub(super) fn on_the_way_to(&self, target: Target<'_>) -> Option<&Arc<Proxy>> {
        let proxy = if target.tls { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.none_for.names(target.host, target.port))
    }
}

/// Where a request goes, and through what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    pub(super) target: Target<'a>,
    pub(super) proxy: Option<&'a Proxy>,
}

impl<'a> Route<'a> {
    /// Whose name is looked up.
    pub(super) fn first_host(self) -> &'a str {
        self.proxy.map_or(self.target.host, |proxy| &proxy.host)
    }
}

/// `example.com:443`, and ` through the proxy proxy.example:3128` if it is so.
impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proxy {
            None => self.target.fmt(f),
            Some(proxy) => write!(f, "{} through the proxy {proxy}", self.target),
        }
    }
}

/// `proxy.example:3128`, without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Target { tls: false, host: &self.host, port: self.port }.fmt(f)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(host: &str) -> Arc<Proxy> {
        let authorization = Some(HeaderValue::from_static("Basic c2VjcmV0"));
        Arc::new(Proxy { host: host.to_owned(), port: 3128, authorization })
    }

    #[test]
    fn the_way_follows_from_scheme_host_and_port() {
        let proxies = Proxies {
            http: Some(proxy("plain.example")),
            https: Some(proxy("tls.example")),
            none_for: NoProxy::parse("near.example:8080").unwrap(),
        };
        let way = |tls, host, port| {
            let target = Target { tls, host, port };
            let proxy = proxies.on_the_way_to(target).map(|proxy| &**proxy);
            Route { target, proxy }.to_string()
        };
        assert_eq!(way(false, "h", 80), "h:80 through the proxy plain.example:3128");
        assert_eq!(way(true, "h", 443), "h:443 through the proxy tls.example:3128");
        assert_eq!(way(true, "near.example", 8080), "near.example:8080");
        assert_eq!(way(false, "near.example", 80), "near.example:80 through the proxy plain.example:3128");
    }

    #[test]
    fn nothing_that_is_shown_of_a_proxy_holds_its_secret() {
        assert_eq!(format!("{:?} {}", proxy("::1"), proxy("::1")), "Proxy([::1]:3128) [::1]:3128");
    }
}
