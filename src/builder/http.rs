//! What a builder is told of HTTP: how long, how large, and where a name leads.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::USER_AGENT;
use ureq::tls::{Certificate, PemItem, parse_pem};

use crate::error::BuildError;
use crate::request::{MAX_REQUEST_LINE, check_header};
use crate::transport::{HttpSettings, Pinned};

use super::Builder;
use super::requests::header_value;

/// HTTP.
impl Builder {
    /// How long one request may take in all: name, connect, TLS, request, answer, to the last byte of the body. Each
    /// redirect is a request of its own; waiting for the quota does not count. Must be more than 0. Defaults to 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Builder {
        self.timeout = timeout;
        self
    }

    /// How long looking up the name and connecting may take, a proxy's tunnel included. Every address of the name is
    /// tried; a silent one gets its share of the time, and not all of it. Must be more than 0. Defaults to 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Builder {
        self.connect_timeout = timeout;
        self
    }

    /// Ends a request when no byte has come or gone for so long, however much of its [`timeout`](Builder::timeout) is
    /// left. It is a timeout of the socket, which the kernel may let run over by some percent. Must be more than 0.
    /// Defaults to none.
    pub fn stall_timeout(mut self, timeout: Option<Duration>) -> Builder {
        self.stall_timeout = timeout;
        self
    }

    /// The largest body, in bytes, after decoding. A larger one is an error. Defaults to 10 MiB.
    pub fn max_body(mut self, bytes: u64) -> Builder {
        self.max_body = bytes;
        self
    }

    /// How many redirects are followed for one id. Each costs a token. To another origin (scheme, host, port) none of
    /// the headers set here goes along, and from https to http nothing does. Defaults to 5.
    pub fn max_redirects(mut self, max_redirects: u32) -> Builder {
        self.max_redirects = max_redirects;
        self
    }

    /// Uses these addresses for a host, in place of a look-up. The host may have a port (`"example.com:443"`), and is
    /// then meant on that port only; the ports of the addresses are the ones connected to, unless they are 0. What is
    /// reached through a [`proxy`](Builder::proxy) is not looked up; the proxy itself is.
    pub fn resolve(
        mut self,
        host: impl Into<String>,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Builder {
        self.resolve.push((host.into(), addresses.into_iter().collect()));
        self
    }

    /// Looks names up with this function of host and port, in place of the system's. It may block: it runs on one of
    /// at most four helper threads of the process, and is left to it when a run ends before it does.
    pub fn lookup(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Builder {
        self.lookup = Some(Arc::new(lookup));
        self
    }

    /// Trusts the certificates in this PEM text and no others. Defaults to Mozilla's, as built into `webpki-roots`.
    pub fn root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> Builder {
        self.root_certificates = Some(pem.into());
        self
    }
}

/// What is made of it.
impl Builder {
    pub(super) fn http_settings(&self) -> Result<HttpSettings, BuildError> {
        let stall = self.stall_timeout.map(|timeout| ("stall_timeout", timeout));
        for (setting, timeout) in
            [("timeout", self.timeout), ("connect_timeout", self.connect_timeout)].into_iter().chain(stall)
        {
            if timeout.is_zero() {
                return Err(BuildError::new(setting, "0", "it must be longer, say 10 s"));
            }
        }
        check_header(USER_AGENT.as_str(), self.user_agent.len())
            .map_err(|why| BuildError::new("user_agent", "too long", why))?;
        Ok(HttpSettings {
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            stall_timeout: self.stall_timeout,
            max_body: self.max_body,
            // Room for every worker at two hosts: an API that redirects to a store keeps both busy.
            max_idle: self.max_in_flight.saturating_mul(2),
            user_agent: header_value("user_agent", "User-Agent", &self.user_agent)?,
            root_certificates: self.root_certificates()?,
            pinned: self.pinned()?,
            lookup: self.lookup.clone(),
            proxies: self.proxy.checked(|name| env::var_os(name))?,
            longest_line: MAX_REQUEST_LINE,
        })
    }

    fn pinned(&self) -> Result<Vec<Pinned>, BuildError> {
        let wrong = |host: &str, right: &str| BuildError::new("resolve", format!("{host:?}"), right);
        let mut pinned = Vec::new();
        for (host, addresses) in &self.resolve {
            if addresses.is_empty() {
                return Err(wrong(host, "it needs at least one address"));
            }
            let is_bare_v6 = host.matches(':').count() > 1 && !host.starts_with('[');
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if !is_bare_v6 && !host.ends_with(']') => {
                    let port = port.parse().ok().filter(|port| *port != 0);
                    (
                        name,
                        Some(port.ok_or_else(|| wrong(host, "the port must be a number from 1 to 65535"))?),
                    )
                }
                _ => (host.as_str(), None),
            };
            if name.is_empty() {
                return Err(wrong(host, "it names no host"));
            }
            let name = name.trim_start_matches('[').trim_end_matches(']');
            pinned.push(Pinned { host: name.to_ascii_lowercase(), port, addrs: addresses.clone() });
        }
        Ok(pinned)
    }

    fn root_certificates(&self) -> Result<Option<Vec<Certificate<'static>>>, BuildError> {
        let Some(pem) = &self.root_certificates else {
            return Ok(None);
        };
        let wrong = |right: String| BuildError::new("root_certificates_pem", "not usable", right);
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(wrong(
                "it holds no certificate between BEGIN CERTIFICATE and END CERTIFICATE".to_owned(),
            ));
        }
        Ok(Some(certificates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FanOutClient;

    #[test]
    fn a_header_that_no_request_could_carry_is_refused() {
        let long = "x".repeat(MAX_REQUEST_LINE);
        let built = FanOutClient::builder("http://h/{id}").user_agent(&long).build();
        assert_eq!(built.unwrap_err().setting(), "user_agent");
        let built = FanOutClient::builder("http://h/{id}").header("x", &long).build();
        assert_eq!(built.unwrap_err().setting(), "header");
    }
}
