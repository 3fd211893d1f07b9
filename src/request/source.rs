//! Where requests come from: a URL template, or a closure of the user's.

use std::borrow::Cow;
use std::sync::Arc;

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::error::{Error, ErrorKind};

use super::template::{LONGEST_URL, check_id, check_uri};
use super::{MAX_REQUEST_LINE, Template, Text, take_userinfo};

/// A request that may be sent, more than once if it must be.
#[derive(Clone, Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// What the user set; nothing that the client adds by itself.
    pub(crate) headers: Cow<'a, HeaderMap>,
    pub(crate) body: Vec<u8>,
}

/// Who a request goes to: scheme, host and port. Secrets of one origin are none of another's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    pub(crate) fn of(uri: &Uri) -> Origin {
        let https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Origin { https, host: uri.host().unwrap_or_default().to_ascii_lowercase(), port }
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }
}

pub(crate) type MakeRequest = dyn Fn(&str) -> Result<Request<Vec<u8>>, http::Error> + Send + Sync;

/// Makes the request for an id.
pub(crate) enum RequestSource {
    Template(RequestTemplate),
    Closure { make: Arc<MakeRequest>, headers: HeaderMap },
}

/// A request with `{id}` in its URL, and perhaps elsewhere.
pub(crate) struct RequestTemplate {
    pub(crate) url: Template,
    pub(crate) method: Method,
    /// Those that are the same for every id.
    pub(crate) headers: HeaderMap,
    /// Those that are not.
    pub(crate) filled_headers: Vec<(HeaderName, Text)>,
    pub(crate) body: Text,
}

impl RequestSource {
    /// The request for an id, or an error of the kind `InvalidId` or `InvalidRequest`.
    pub(crate) fn request(&self, id: &str) -> Result<Prepared<'_>, Error> {
        match self {
            RequestSource::Template(template) => template.fill(id).map_err(invalid_id),
            RequestSource::Closure { make, headers } => {
                // Whether it is in a path, only the URL will tell.
                check_id(id, false).map_err(invalid_id)?;
                let made = make(id).map_err(|error| {
                    let text = "its request could not be made";
                    Error::new(ErrorKind::InvalidRequest, text).caused_by(Some(Box::new(error)))
                })?;
                check(made, headers).map_err(|why| {
                    Error::new(ErrorKind::InvalidRequest, format!("its request cannot be sent: {why}"))
                })
            }
        }
    }
}

impl RequestTemplate {
    fn fill(&self, id: &str) -> Result<Prepared<'_>, String> {
        let uri = self.url.url(id)?;
        let mut headers = Cow::Borrowed(&self.headers);
        for (name, text) in &self.filled_headers {
            let value = text.fill(id);
            check_header(name.as_str(), value.len())?;
            let mut value = HeaderValue::from_bytes(&value)
                .map_err(|_| format!("it cannot stand in the header {name}"))?;
            value.set_sensitive(true);
            headers.to_mut().append(name, value);
        }
        Ok(Prepared { method: self.method.clone(), uri, headers, body: self.body.fill(id) })
    }
}

fn invalid_id(why: String) -> Error {
    Error::new(ErrorKind::InvalidId, format!("it cannot be fetched: {why}"))
}

/// The user's request with the client's headers below its own, or why it cannot be sent.
fn check(request: Request<Vec<u8>>, common: &HeaderMap) -> Result<Prepared<'static>, String> {
    let (parts, body) = request.into_parts();
    check_uri(&parts.uri)?;
    let url = parts.uri.to_string();
    if !url.is_ascii() {
        return Err(
            "its URL has characters that are not ASCII; percent-encode them (fanout::encode)".to_owned()
        );
    }
    if parts.uri.path().split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("its path has a segment . or .., which servers resolve".to_owned());
    }
    if parts.method == Method::CONNECT {
        return Err("CONNECT is not a request for a payload".to_owned());
    }
    if url.len() > LONGEST_URL {
        return Err(format!("its URL is longer than {LONGEST_URL} bytes"));
    }
    let (uri, authorization) = take_userinfo(parts.uri).map_err(|error| error.to_string())?;
    let mut headers = parts.headers;
    for name in headers.keys() {
        check_header(name.as_str(), headers[name].len())?;
    }
    if let Some(authorization) = authorization {
        headers.entry(AUTHORIZATION).or_insert(authorization);
    }
    for name in common.keys() {
        if !headers.contains_key(name) {
            let values = common.get_all(name).iter().cloned();
            values.for_each(|value| _ = headers.append(name, value));
        }
    }
    Ok(Prepared { method: parts.method, uri, headers: Cow::Owned(headers), body })
}

/// Why a header of the user's cannot be sent.
pub(crate) fn check_header(name: &str, value_len: usize) -> Result<(), String> {
    if [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|own| own.as_str().eq_ignore_ascii_case(name)) {
        return Err(format!("{name} is set by the client, from the body"));
    }
    if PROXY_AUTHORIZATION.as_str().eq_ignore_ascii_case(name) {
        // Sent with the request, it would go on to the target.
        return Err(format!("{name} is set by the client, from the user and password in the proxy's URL"));
    }
    if name.len() + value_len + 4 > MAX_REQUEST_LINE {
        return Err(format!("the header {name} is longer than {MAX_REQUEST_LINE} bytes"));
    }
    if HOST.as_str().eq_ignore_ascii_case(name) && value_len == 0 {
        return Err("the header Host is empty".to_owned());
    }
    Ok(())
}

/// What a closure may return as a request: one, or the result of building one with [`http::request::Builder`].
pub trait IntoRequest {
    /// The request, with its body as bytes.
    ///
    /// # Errors
    ///
    /// What the builder has to say.
    fn into_request(self) -> Result<Request<Vec<u8>>, http::Error>;
}

impl<B: IntoBody> IntoRequest for Request<B> {
    fn into_request(self) -> Result<Request<Vec<u8>>, http::Error> {
        Ok(self.map(IntoBody::into_body))
    }
}

impl<B: IntoBody> IntoRequest for Result<Request<B>, http::Error> {
    fn into_request(self) -> Result<Request<Vec<u8>>, http::Error> {
        self.map(|request| request.map(IntoBody::into_body))
    }
}

/// What can be the body of a request: bytes, text, or `()` for none. It is kept in memory, since a redirect or a
/// replay may send it again.
pub trait IntoBody {
    /// The bytes.
    fn into_body(self) -> Vec<u8>;
}

impl IntoBody for () {
    fn into_body(self) -> Vec<u8> {
        Vec::new()
    }
}

impl IntoBody for Vec<u8> {
    fn into_body(self) -> Vec<u8> {
        self
    }
}

impl IntoBody for &[u8] {
    fn into_body(self) -> Vec<u8> {
        self.to_vec()
    }
}

impl IntoBody for String {
    fn into_body(self) -> Vec<u8> {
        self.into_bytes()
    }
}

impl IntoBody for &str {
    fn into_body(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source<R: IntoRequest>(make: impl Fn(&str) -> R + Send + Sync + 'static) -> RequestSource {
        let headers = HeaderMap::from_iter([(http::header::ACCEPT, "text/plain".parse().unwrap())]);
        RequestSource::Closure { make: Arc::new(move |id| make(id).into_request()), headers }
    }

    #[test]
    fn a_closure_makes_any_request_over_the_common_headers() {
        let source = source(|id| {
            Request::post(format!("http://u:p@h/{id}"))
                .header("accept", "a/b")
                .header("x", "y")
                .body("payload")
        });
        let request = source.request("7").unwrap();
        assert_eq!((request.method.as_str(), request.uri.to_string().as_str()), ("POST", "http://h/7"));
        assert_eq!(request.headers["accept"], "a/b");
        assert_eq!(request.headers["authorization"], "Basic dTpw");
        assert_eq!(request.body, b"payload");
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_refused_with_the_reason() {
        let long = "x".repeat(MAX_REQUEST_LINE);
        let cases: Vec<(RequestSource, &str)> = vec![
            (source(|_| Request::get("/relative").body(())), "begin with http"),
            (source(|_| Request::get("ftp://h/").body(())), "use http or https"),
            (source(|_| Request::connect("http://h/").body(())), "CONNECT"),
            (source(|_| Request::get("http://h/a/../b").body(())), "servers resolve"),
            (source(|_| Request::get("http://h/ü").body(())), "not ASCII"),
            (
                source(|_| Request::get("http://h/").header("content-length", "7").body(())),
                "set by the client",
            ),
            (source(move |_| Request::get("http://h/").header("x", &long).body(())), "longer than 8192"),
            (source(|_| Request::get("http://h/").header("x", "a\nb").body(())), "could not be made"),
        ];
        for (source, says) in cases {
            let error = source.request("7").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
