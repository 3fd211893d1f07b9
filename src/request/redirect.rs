//! Where a redirect leads, and with what.
//!
//! ureq would follow redirects inside one call, past the limiter. So it is told not to, and each hop is a request of
//! its own that pays its token.
//!
//! The URL is joined here (RFC 3986, section 5.2): forty lines, with the RFC's own table as their test. The crates
//! that join URLs bring from 7 (fluent-uri) to more than 20 others (url) into a build that needs nothing else of
//! them.

use std::borrow::Cow;

use ureq::http::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, LOCATION};
use ureq::http::{HeaderMap, Method, StatusCode, Uri};

use super::template::check_uri;
use super::{Origin, Prepared, take_userinfo};

/// Whether a response with this status is followed: 301, 302, 303, 307 and 308 are, if they name a location.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RedirectError {
    NoLocation,
    /// The location, and why nothing can be fetched from there.
    BadLocation(String, String),
    /// From https to http: what was protected must not go out in the clear.
    Downgrade(String),
}

/// The request that a redirect asks for.
///
/// * 303, and 301 or 302 of a POST, become a GET without a body (RFC 9110, section 15.4); a HEAD stays a HEAD. 307
///   and 308 keep method and body.
/// * At another origin all headers that the user set are dropped; which of them are secret is not for us to guess.
pub(crate) fn follow<'a>(
    request: &Prepared<'a>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Prepared<'a>, RedirectError> {
    let location = headers.get(LOCATION).ok_or(RedirectError::NoLocation)?;
    let location = sanitized(location.as_bytes());
    let bad = |why: String| RedirectError::BadLocation(location.clone(), why);
    let target: Uri =
        join(&request.uri, &location).parse().map_err(|error| bad(format!("not a URL: {error}")))?;
    check_uri(&target).map_err(bad)?;
    let (uri, _) = take_userinfo(target).map_err(|error| bad(error.to_string()))?;
    let (from, to) = (Origin::of(&request.uri), Origin::of(&uri));
    if from.is_https() && !to.is_https() {
        return Err(RedirectError::Downgrade(location));
    }
    let mut next = Prepared { uri, ..request.clone() };
    if from != to {
        next.headers = Cow::Owned(HeaderMap::new());
    }
    let becomes_get = match status.as_u16() {
        303 => request.method != Method::HEAD,
        301 | 302 => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        next.method = Method::GET;
        next.body.clear();
        for of_the_body in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION] {
            next.headers.to_mut().remove(of_the_body);
        }
    }
    Ok(next)
}

/// The location with everything that may not stand in a URL percent-encoded, as browsers do, and without its
/// fragment.
fn sanitized(location: &[u8]) -> String {
    let is_hex = |index: usize| location.get(index).is_some_and(u8::is_ascii_hexdigit);
    let mut clean = String::with_capacity(location.len());
    for (index, &byte) in location.iter().enumerate() {
        match byte {
            b'#' => break,
            b'%' if is_hex(index + 1) && is_hex(index + 2) => clean.push('%'),
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'%' | 0..=b' ' | 127.. => {
                clean.push_str(&format!("%{byte:02X}"));
            }
            _ => clean.push(char::from(byte)),
        }
    }
    clean
}

/// RFC 3986, section 5.2.2. `base` has a scheme and an authority; the reference has no fragment.
fn join(base: &Uri, reference: &str) -> String {
    let scheme = base.scheme_str().unwrap_or("http");
    let authority = base.authority().map_or("", |authority| authority.as_str());
    if has_scheme(reference) {
        return reference.to_owned();
    }
    if let Some(other) = reference.strip_prefix("//") {
        return format!("{scheme}://{other}");
    }
    let (path, query) =
        reference.split_once('?').map_or((reference, None), |(path, query)| (path, Some(query)));
    let (path, query) = if path.is_empty() {
        (base.path().to_owned(), query.or(base.query()))
    } else if path.starts_with('/') {
        (without_dots(path), query)
    } else {
        let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
        (without_dots(&format!("{folder}{path}")), query)
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}{path}{query}")
}

fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// RFC 3986, section 5.2.4, for a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986, sections 5.4.1 and 5.4.2, without the fragments, which are never sent.
    #[test]
    fn joins_as_the_tables_of_the_rfc_say() {
        let base: Uri = "http://a/b/c/d;p?q".parse().unwrap();
        let table = [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x", "http://a/b/c/g;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ];
        for (reference, joined) in table {
            assert_eq!(join(&base, reference), joined, "{reference:?}");
        }
    }

    #[test]
    fn a_location_as_servers_send_it_becomes_a_url() {
        let cases: [(&[u8], &str); 5] = [
            (b"/a b?c=\xc3\xbc", "/a%20b?c=%C3%BC"),
            (b"/100%?x=%41", "/100%25?x=%41"),
            (b"/a#fragment", "/a"),
            (b"/{x}|y", "/%7Bx%7D%7Cy"),
            (b"/%", "/%25"),
        ];
        for (location, clean) in cases {
            assert_eq!(sanitized(location), clean);
        }
    }

    fn redirected(
        method: Method,
        from: &str,
        status: u16,
        location: &str,
    ) -> Result<Prepared<'static>, RedirectError> {
        let request = Prepared {
            method,
            uri: from.parse().unwrap(),
            headers: Cow::Owned(HeaderMap::from_iter([
                ("authorization".parse().unwrap(), "secret".parse().unwrap()),
                (CONTENT_TYPE, "text/plain".parse().unwrap()),
            ])),
            body: b"payload".to_vec(),
        };
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
        follow(&request, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn method_and_body_are_kept_or_dropped_by_the_status() {
        use Method as M;
        let table = [
            (301, M::POST, M::GET),
            (302, M::POST, M::GET),
            (303, M::POST, M::GET),
            (303, M::PUT, M::GET),
            (303, M::HEAD, M::HEAD),
            (301, M::PUT, M::PUT),
            (302, M::DELETE, M::DELETE),
            (307, M::POST, M::POST),
            (308, M::POST, M::POST),
            (301, M::GET, M::GET),
        ];
        for (status, before, after) in table {
            let next = redirected(before.clone(), "http://h/a", status, "/b").unwrap();
            let kept = before == after;
            assert_eq!((next.method, next.body.is_empty()), (after, !kept), "{status} {before}");
            assert_eq!(next.headers.contains_key(CONTENT_TYPE), kept);
            assert!(next.headers.contains_key("authorization"), "the same origin");
        }
    }

    #[test]
    fn another_origin_gets_none_of_the_users_headers() {
        for (location, same) in [
            ("http://h/b", true),
            ("http://H:80/b", true),
            ("//h/b", true),
            ("http://h:81/b", false),
            ("http://other/b", false),
            ("https://h/b", false),
            ("http://user:pw@h/b", true),
        ] {
            let next = redirected(Method::GET, "http://h/a", 302, location).unwrap();
            assert_eq!(!next.headers.is_empty(), same, "{location}");
            assert!(!next.uri.to_string().contains("pw"));
        }
    }

    #[test]
    fn https_never_goes_to_http_and_nonsense_goes_nowhere() {
        let downgrade = redirected(Method::GET, "https://h/a", 302, "http://h/a").unwrap_err();
        assert_eq!(downgrade, RedirectError::Downgrade("http://h/a".to_owned()));
        for location in ["ftp://h/a", "javascript:alert(1)", "http://", "http://h:0/", "//"] {
            let error = redirected(Method::GET, "http://h/a", 302, location).unwrap_err();
            assert!(matches!(error, RedirectError::BadLocation(..)), "{location}: {error:?}");
        }
        assert!(is_redirect(StatusCode::FOUND) && !is_redirect(StatusCode::NOT_MODIFIED));
        assert!(!is_redirect(StatusCode::MULTIPLE_CHOICES) && !is_redirect(StatusCode::USE_PROXY));
    }
}
