//! What a builder is told of the requests: method, headers and body, beside the URL or the closure that it begins with.

use std::sync::Arc;

use ureq::http::header::{AUTHORIZATION, HOST, USER_AGENT};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::error::BuildError;
use crate::request::{MakeRequest, RequestSource, RequestTemplate, Template, Text, check_header};
use crate::transport::HttpClient;

use super::Builder;

/// The requests.
impl Builder {
    /// The method of every request. Defaults to GET. Not for a client that begins with
    /// [`from_requests`](crate::FanOutClient::from_requests), whose closure sets it.
    pub fn method(mut self, method: Method) -> Builder {
        self.method = Some(method);
        self
    }

    /// A header of every request. `{id}` in its value is filled in as it is, if the URL is a template. A name may be
    /// given more than once; of `User-Agent` the last one stays, in place of [`user_agent`](Builder::user_agent). What
    /// frames a body (`Content-Length`, `Transfer-Encoding`) is refused.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Builder {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body of every request, in which `{id}` is filled in as it is: what an id must not hold there (a quote, in
    /// JSON) is for you to know. Other braces stand for themselves. No `Content-Type` goes with it unless it is set as
    /// a [`header`](Builder::header). Defaults to none. Not for a client that begins with
    /// [`from_requests`](crate::FanOutClient::from_requests), whose closure sets it.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Builder {
        self.body = Some(body.into());
        self
    }

    /// The `User-Agent` of every request. Defaults to `fanout/` and the version of this crate.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Builder {
        self.user_agent = user_agent.into();
        self
    }
}

/// Where the requests come from, before it is checked.
pub(super) enum Requests {
    Url(String),
    Closure(Arc<MakeRequest>),
}

/// What is made of it.
impl Builder {
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

pub(super) fn header_value(
    setting: &'static str,
    name: &str,
    value: &str,
) -> Result<HeaderValue, BuildError> {
    // The value may be a secret: it is not shown.
    HeaderValue::from_str(value).map_err(|_| {
        BuildError::new(
            setting,
            format!("a value of {name} with a control character"),
            "a value is one line of visible text",
        )
    })
}
