//! From settings to what works by them, or to what is wrong with them and what would be right.

use std::env;

use ureq::http::header::{AUTHORIZATION, HOST, USER_AGENT};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};
use ureq::tls::{PemItem, parse_pem};

use crate::error::BuildError;
#[cfg(feature = "redis")]
use crate::limiter::Rate;
use crate::limiter::{InvalidLimit, Limit, RateLimiter};
use crate::quota::{Quota, QuotaSettings};
use crate::request::{MAX_REQUEST_LINE, RequestSource, RequestTemplate, Template, Text, check_header};
use crate::transport::{HttpClient, HttpSettings, Pinned};

use super::{Builder, DEFAULT_RATE, MAX_IN_FLIGHT, Requests};

impl Builder {
    pub(super) fn quota(&self) -> Result<Quota, BuildError> {
        let settings = QuotaSettings {
            max_in_flight: self.checked_in_flight()?,
            cost: self.cost.clone(),
            obey_server: self.obey_server,
            reserve: self.reserve,
            max_wait: self.max_wait,
            adaptive: self.adaptive,
            clock: self.clock.clone(),
            #[cfg(feature = "redis")]
            shared: self.shared.clone(),
        };
        Ok(Quota::new(self.limiter()?, settings))
    }

    fn checked_in_flight(&self) -> Result<u32, BuildError> {
        match u32::try_from(self.max_in_flight) {
            Ok(max @ 1..) if self.max_in_flight <= MAX_IN_FLIGHT => Ok(max),
            _ => {
                let right = format!("it may be from 1 to {MAX_IN_FLIGHT}");
                Err(BuildError::new("max_in_flight", self.max_in_flight, right))
            }
        }
    }

    fn limiter(&self) -> Result<RateLimiter, BuildError> {
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared {
            return self.limiter_beside(shared);
        }
        let rate = self.rate.unwrap_or(DEFAULT_RATE);
        let burst = self.burst.unwrap_or_else(|| rate.default_burst());
        let first = Limit::new(rate, burst);
        first.checked().map_err(|invalid| match invalid {
            InvalidLimit::ZeroBurst => BuildError::new("burst", burst, "at least 1"),
            invalid => BuildError::new("rate", rate, invalid),
        })?;
        for limit in &self.limits {
            // One by one, to name the one at fault.
            limit.checked().map_err(|invalid| BuildError::new("limit", limit, invalid))?;
        }
        let all: Vec<Limit> = [first].into_iter().chain(self.limits.iter().copied()).collect();
        let too_many = |invalid| BuildError::new("limit", format!("one of {}", all.len()), invalid);
        RateLimiter::with_clock(&all, self.clock.clone()).map_err(too_many)
    }

    /// The client's own limiter, where the limits are elsewhere: it holds nobody up but in a pause, or for the
    /// controller, which begins with what the shared limit allows.
    #[cfg(feature = "redis")]
    fn limiter_beside(&self, shared: &crate::SharedQuota) -> Result<RateLimiter, BuildError> {
        let elsewhere = "the limits are those of the shared quota; set it there";
        if let Some(rate) = self.rate {
            return Err(BuildError::new("rate", rate, elsewhere));
        }
        if let Some(burst) = self.burst {
            return Err(BuildError::new("burst", burst, elsewhere));
        }
        if let Some(limit) = self.limits.first() {
            return Err(BuildError::new("limit", limit, elsewhere));
        }
        if !self.clock.is_real() {
            let right = "a shared quota is kept by the clock of its server";
            return Err(BuildError::new("virtual_clock", "set", right));
        }
        let least = self.timeout.saturating_mul(2);
        if shared.counts_permits() && least > shared.lease() {
            let right = format!(
                "a request may take half as long as the lease of the shared quota, {:?}, and no longer",
                shared.lease()
            );
            return Err(BuildError::new("timeout", format!("{:?}", self.timeout), right));
        }
        let own = shared.first_limit().filter(|_| self.adaptive).unwrap_or(Limit::new(Rate::UNLIMITED, 1));
        RateLimiter::with_clock(&[own], self.clock.clone())
            .map_err(|invalid| BuildError::new("limit", own, invalid))
    }

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

    pub(super) fn source(&self, http: &HttpClient) -> Result<RequestSource, BuildError> {
        let make = match &self.requests {
            Requests::Url(url) => return self.template(url, http).map(RequestSource::Template),
            Requests::Closure(make) => make.clone(),
        };
        let by_the_closure = "the closure of from_requests sets it";
        if let Some(method) = &self.method {
            return Err(BuildError::new("method", method, by_the_closure));
        }
        if self.body.is_some() {
            return Err(BuildError::new("body", "set", by_the_closure));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let (name, value) = header(name, value)?;
            add(&mut headers, name, value);
        }
        http.add_default_headers(&mut headers);
        Ok(RequestSource::Closure { make, headers })
    }

    fn template(&self, url: &str, http: &HttpClient) -> Result<RequestTemplate, BuildError> {
        let url = Template::parse(url)?;
        let method = self.method.clone().unwrap_or(Method::GET);
        if method == Method::CONNECT {
            return Err(BuildError::new("method", method, "CONNECT is not a request for a payload"));
        }
        let (mut headers, mut filled_headers) = (HeaderMap::new(), Vec::new());
        for (name, value) in &self.headers {
            let text = Text::parse(value.as_bytes());
            if text.is_fixed() {
                let (name, value) = header(name, value)?;
                add(&mut headers, name, value);
            } else {
                let (name, _) = header(name, &String::from_utf8_lossy(&text.fill("0")))?;
                filled_headers.push((name, text));
            }
        }
        let own = headers.clone();
        if let Some(authorization) = url.authorization() {
            headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        if let Some(host) = url.host() {
            headers.entry(HOST).or_insert_with(|| host.clone());
        }
        http.add_default_headers(&mut headers);
        for (name, _) in filled_headers.iter().filter(|(name, _)| !own.contains_key(name)) {
            headers.remove(name); // in place of a default
        }
        let body = Text::parse(self.body.as_deref().unwrap_or_default());
        Ok(RequestTemplate { url, method, headers, filled_headers, body })
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

    fn root_certificates(&self) -> Result<Option<Vec<ureq::tls::Certificate<'static>>>, BuildError> {
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

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), BuildError> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        let right = "a name has letters, digits and - only, and no space";
        BuildError::new("header", format!("{name:?}"), right)
    })?;
    check_header(name, value.len()).map_err(|why| BuildError::new("header", format!("{name:?}"), why))?;
    let mut value = header_value("header", name, value)?;
    // Which of them is a secret is not for us to guess.
    value.set_sensitive(true);
    Ok((parsed, value))
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    if name == USER_AGENT {
        headers.insert(name, value);
    } else {
        headers.append(name, value);
    }
}

fn header_value(setting: &'static str, name: &str, value: &str) -> Result<HeaderValue, BuildError> {
    // The value may be a secret: it is not shown.
    HeaderValue::from_str(value).map_err(|_| {
        BuildError::new(
            setting,
            format!("a value of {name} with a control character"),
            "a value is one line of visible text",
        )
    })
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
