//! The URL with `{id}` in it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::uri::Scheme;
use ureq::http::{HeaderValue, Uri};

use crate::error::BuildError;

use super::{MAX_REQUEST_LINE, take_userinfo};

pub(super) const PLACE: &str = "{id}";

/// Everything but RFC 3986's unreserved characters, so that an id is one path segment or one query value and nothing
/// else, whatever it holds.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL with at least one `{id}` in its path or query.
#[derive(Debug)]
pub(crate) struct Template {
    /// What stands between the places, before the first and after the last.
    pieces: Vec<String>,
    /// Whether a place is in the path, where `.` and `..` would be taken for something else.
    in_path: bool,
    host: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

impl Template {
    pub(crate) fn parse(url: &str) -> Result<Template, BuildError> {
        parse(url).map_err(|right| BuildError::new("url", format!("{:?}", without_userinfo(url)), right))
    }

    /// The header `Host` of each request: it is the same for all, and ureq would write it anew for each.
    pub(crate) fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }

    /// The header that the userinfo of the URL stands for.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The URL for an id, or why it cannot have one.
    pub(crate) fn url(&self, id: &str) -> Result<Uri, String> {
        check_id(id, self.in_path)?;
        let mut url = String::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                url.extend(utf8_percent_encode(id, RESERVED));
            }
            url.push_str(piece);
        }
        if url.len() > LONGEST_URL {
            return Err(format!("its URL would be {} bytes long; {LONGEST_URL} is the most", url.len()));
        }
        Uri::try_from(url).map_err(|error| format!("it makes no URL: {error}"))
    }
}

/// A template, or what would be right.
fn parse(url: &str) -> Result<Template, String> {
    if let Some(odd) = url.chars().find(|c| c.is_control() || *c == ' ' || !c.is_ascii()) {
        return Err(format!("{odd:?} cannot stand in a URL; percent-encode it"));
    }
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (scheme, rest) = url.split_once("://").ok_or("it must begin with http:// or https://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(format!("the scheme {scheme} is not supported; use http or https"));
    }
    if rest.replace(PLACE, "").contains(['{', '}']) {
        return Err("only {id} is filled in; a brace that is meant is written %7B or %7D".to_owned());
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() {
        return Err("it names no host".to_owned());
    }
    if authority.contains(PLACE) {
        return Err("{id} may stand in the path or the query, not in the host".to_owned());
    }
    let example: Uri = url.replace(PLACE, "0").parse().map_err(|error| format!("not a URL: {error}"))?;
    check_uri(&example)?;
    if !rest.contains(PLACE) {
        let hint = if fragment.contains(PLACE) { " (what follows # is never sent)" } else { "" };
        return Err(format!("it must hold {{id}} at least once, in the path or the query{hint}"));
    }
    let (example, authorization) = take_userinfo(example).map_err(|error| format!("not a URL: {error}"))?;
    let named = host_of(&example);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let slash = if rest.starts_with('/') { "" } else { "/" };
    let clean = format!("{scheme}://{host}{slash}{rest}");
    if clean.len() > LONGEST_URL {
        return Err(format!("it may be {LONGEST_URL} bytes long"));
    }
    let in_path = rest.split('?').next().is_some_and(|path| path.contains(PLACE));
    let pieces = clean.split(PLACE).map(str::to_owned).collect();
    Ok(Template { pieces, in_path, host: named, authorization })
}

/// The host, and the port unless it is the scheme's own.
fn host_of(uri: &Uri) -> Option<HeaderValue> {
    let host = uri.host()?;
    let own = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    match uri.port_u16().filter(|port| *port != own) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")).ok(),
        None => HeaderValue::try_from(host).ok(),
    }
}

/// The longest URL: what a request's first line leaves beside the method, the version and the white space.
pub(crate) const LONGEST_URL: usize = MAX_REQUEST_LINE - 64;

/// An id as one segment of a path, or one value of a query, whatever it holds: everything but letters, digits, `-`,
/// `.`, `_` and `~` is percent-encoded. This is what is done to `{id}` in a URL; use it where you make the URL of a
/// request yourself.
///
/// ```
/// assert_eq!(fanout::encode("a/b ü"), "a%2Fb%20%C3%BC");
/// ```
#[must_use]
pub fn encode(id: &str) -> String {
    utf8_percent_encode(id, RESERVED).to_string()
}

/// Why an id cannot stand in a URL.
pub(super) fn check_id(id: &str, in_path: bool) -> Result<(), String> {
    if id.is_empty() {
        return Err("an empty id names nothing".to_owned());
    }
    if let Some(control) = id.chars().find(|c| c.is_control()) {
        return Err(format!("an id may not hold a control character ({control:?})"));
    }
    if in_path && matches!(id, "." | "..") {
        return Err("as a path segment it means another folder, and servers resolve it".to_owned());
    }
    Ok(())
}

/// Why requests cannot be sent to a URL, with what would be right.
pub(crate) fn check_uri(uri: &Uri) -> Result<(), String> {
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {}
        Some(scheme) => return Err(format!("the scheme {scheme} is not supported; use http or https")),
        None => return Err("it must begin with http:// or https://".to_owned()),
    }
    match uri.host() {
        None | Some("") => Err("it names no host".to_owned()),
        Some(_) if uri.authority().is_some_and(|authority| has_bad_port(authority.as_str())) => {
            Err("the port must be a number from 1 to 65535".to_owned())
        }
        Some(_) => Ok(()),
    }
}

fn has_bad_port(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after_host = host.rfind(']').map_or(host, |end| &host[end + 1..]);
    after_host.split_once(':').is_some_and(|(_, port)| !matches!(port.parse::<u16>(), Ok(1..)))
}

/// The URL as an error may show it: all that stands before the last `@` is taken for a secret. It need not end with
/// the authority. A `/`, `?` or `#` that was not encoded in a password is just what makes a URL wrong.
fn without_userinfo(url: &str) -> String {
    let start = url.find("://").map_or(0, |end| end + 3);
    match url[start..].rfind('@') {
        Some(at) => format!("{}…{}", &url[..start], &url[start + at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(template: &str, id: &str) -> String {
        Template::parse(template).unwrap().url(id).unwrap().to_string()
    }

    #[test]
    fn an_id_is_one_segment_or_one_value_whatever_it_holds() {
        let cases = [
            ("7", "7"),
            ("a/b", "a%2Fb"),
            ("ü", "%C3%BC"),
            ("a b", "a%20b"),
            ("?", "%3F"),
            ("#", "%23"),
            ("%", "%25"),
            ("a&b=c+d", "a%26b%3Dc%2Bd"),
            ("A-z_0.9~", "A-z_0.9~"),
            ("..a", "..a"),
            ("{id}", "%7Bid%7D"),
        ];
        for (id, encoded) in cases {
            assert_eq!(url("http://h/u/{id}/w?x={id}", id), format!("http://h/u/{encoded}/w?x={encoded}"));
        }
    }

    #[test]
    fn what_no_url_can_carry_is_refused_by_value() {
        let path = Template::parse("http://h/{id}").unwrap();
        let query = Template::parse("http://h/?q={id}").unwrap();
        for id in ["", "\n", "a\0b", "\u{7f}", "\u{85}"] {
            assert!(path.url(id).is_err() && query.url(id).is_err(), "{id:?}");
        }
        for id in [".", ".."] {
            assert!(path.url(id).is_err());
            assert_eq!(query.url(id).unwrap(), *format!("http://h/?q={id}"));
        }
        assert!(path.url(&"x".repeat(MAX_REQUEST_LINE)).unwrap_err().contains("8128"));
    }

    #[test]
    fn a_template_that_cannot_work_says_what_would() {
        let cases = [
            ("http://h/users", "{id} at least once"),
            ("http://h/users#{id}", "never sent"),
            ("http://{id}.h/", "not in the host"),
            ("http://{id}/x/{id}", "not in the host"),
            ("ftp://h/{id}", "use http or https"),
            ("h/{id}", "begin with http"),
            ("/users/{id}", "begin with http"),
            ("http://h/{ID}/{id}", "only {id} is filled in"),
            ("http://h/{id}?q={x}", "only {id} is filled in"),
            ("http://h/{{id}}", "only {id} is filled in"),
            ("http:///{id}", "names no host"),
            ("http://h:0/{id}", "from 1 to 65535"),
            ("http://h:99999/{id}", "from 1 to 65535"),
            ("http://h/a b/{id}", "percent-encode"),
            ("http://bücher/{id}", "percent-encode"),
            ("http://h/{id}\r\nX: y", "percent-encode"),
            ("", "begin with http"),
            (&format!("http://h/{}{{id}}", "x".repeat(MAX_REQUEST_LINE)), "8128 bytes"),
        ];
        for (template, says) in cases {
            let error = Template::parse(template).unwrap_err();
            assert_eq!(error.setting(), "url");
            assert!(error.to_string().contains(says), "{template:?}: {error}");
        }
    }

    #[test]
    fn userinfo_leaves_the_url_and_its_errors() {
        let template = Template::parse("https://me:secret@h:8443?u={id}").unwrap();
        assert_eq!(template.url("7").unwrap(), "https://h:8443/?u=7");
        assert_eq!(template.host().unwrap(), "h:8443");
        assert_eq!(template.authorization().unwrap(), "Basic bWU6c2VjcmV0");
        let error = Template::parse("https://me:secret@h/").unwrap_err().to_string();
        assert!(!error.contains("secret") && error.contains("https://…@h/"), "{error}");
        for url in [
            "https://me:sec/ret@h/{id}",
            "https://me:sec?ret@h/{id}",
            "https://me:sec#ret@h/{id}",
            "//me:secret@h/{id}",
            "https:/me:secret@h/{id}",
        ] {
            let error = Template::parse(url).unwrap_err().to_string();
            assert!(!error.contains("sec") && !error.contains("ret"), "{error}");
        }
    }
}
