//! `--method M`, `--data S|@FILE`, `--header 'Name: value'` and `--resolve HOST:PORT:ADDR`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use fanout::http::Method;

use super::whole;

/// What --data names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

/// A method. One that everybody knows must stand in capitals, since servers do not know `post`.
pub(crate) fn method(text: &str) -> Result<Method, String> {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    let Ok(method) = Method::from_bytes(text.as_bytes()) else {
        return Err("not a method (use for instance GET, POST, PUT or DELETE)".to_owned());
    };
    match KNOWN.iter().find(|known| known.eq_ignore_ascii_case(text)) {
        Some(known) if *known != text => Err(format!("methods are written in capitals (use {known})")),
        _ => Ok(method),
    }
}

/// A body as it is, or the file that holds it.
pub(crate) fn data(text: &str) -> Result<Data<'_>, String> {
    match text.strip_prefix('@') {
        Some("") => Err("no file behind the @ (use @FILE)".to_owned()),
        Some("-") => Err("standard input is for the ids (use @FILE)".to_owned()),
        Some(path) => Ok(Data::File(Path::new(path))),
        None => Ok(Data::Bytes(text.as_bytes())),
    }
}

/// A header's name and value. No error repeats the value: it may be a secret.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("no colon (use 'Name: value')".to_owned());
    };
    if !is_name(name) {
        return Err(format!("'{}' is no header name (use 'Name: value')", name.escape_debug()));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(format!("the value of {name} holds a control character (use printable text)"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Whether a header may be called so.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token)
}

/// The characters of a header's name: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// As in curl: the host and port that are asked for, and the addresses to connect to instead.
pub(crate) fn resolve(text: &str) -> Result<(String, Vec<SocketAddr>), String> {
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("not of three parts (use HOST:PORT:ADDR, as in example.com:443:127.0.0.1)".to_owned());
    };
    if host == "*" {
        return Err("'*' for every host is not supported (name the host, once for each)".to_owned());
    }
    if host.is_empty() {
        return Err("no host (use HOST:PORT:ADDR, as in example.com:443:127.0.0.1)".to_owned());
    }
    let port = whole(port, 1..=u16::MAX)
        .map_err(|error| format!("'{}' is no port ({error})", port.escape_debug()))?;
    let addresses = addresses.split(',').map(|address| {
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Ok(SocketAddr::new(ip, port)),
            Err(_) => Err(format!("'{}' is no IP address (use 127.0.0.1 or [::1])", address.escape_debug())),
        }
    });
    Ok((format!("{host}:{port}"), addresses.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_a_word_in_capitals_unless_it_is_nobody_elses() {
        for text in ["GET", "POST", "PATCH", "CONNECT", "PROPFIND", "purge"] {
            assert_eq!(method(text).unwrap().as_str(), text);
        }
        let cases = [
            ("post", "methods are written in capitals (use POST)"),
            ("Delete", "methods are written in capitals (use DELETE)"),
            ("", "not a method (use for instance GET, POST, PUT or DELETE)"),
            ("GET /", "not a method"),
            ("GET\r\n", "not a method"),
            ("GÉT", "not a method"),
        ];
        for (text, start) in cases {
            let error = method(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn a_body_stands_there_or_in_a_file() {
        assert_eq!(data("a=@b"), Ok(Data::Bytes(b"a=@b")));
        assert_eq!(data(""), Ok(Data::Bytes(b"")));
        assert_eq!(data("@-x"), Ok(Data::File(Path::new("-x"))));
        assert_eq!(data("@"), Err("no file behind the @ (use @FILE)".to_owned()));
        assert_eq!(data("@-"), Err("standard input is for the ids (use @FILE)".to_owned()));
    }

    #[test]
    fn headers_are_a_name_and_a_value() {
        let cases = [
            ("Accept: text/plain", ("Accept", "text/plain")),
            ("Accept:text/plain", ("Accept", "text/plain")),
            ("X-Time: 12:30 ", ("X-Time", "12:30")),
            ("X-Empty:", ("X-Empty", "")),
        ];
        for (text, (name, value)) in cases {
            assert_eq!(header(text), Ok((name.to_owned(), value.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_bad_header_is_refused_without_its_value() {
        let cases = [
            ("Authorization", "no colon (use 'Name: value')"),
            (": secret", "'' is no header name"),
            ("Bad Name: secret", "'Bad Name' is no header name"),
            ("Bad\nName: secret", "'Bad\\nName' is no header name"),
            ("Cookie: secret\r\nX: y", "the value of Cookie holds a control character"),
            ("Cookie: secret\0", "the value of Cookie holds a control character"),
        ];
        for (text, start) in cases {
            let error = header(text).unwrap_err();
            assert!(error.starts_with(start) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn resolve_names_where_to_connect() {
        let cases = [
            ("example.com:443:127.0.0.1", "example.com:443", vec!["127.0.0.1:443"]),
            ("example.com:80:[::1]", "example.com:80", vec!["[::1]:80"]),
            ("example.com:80:::1", "example.com:80", vec!["[::1]:80"]),
            ("a.test:8080:127.0.0.1,[::1]", "a.test:8080", vec!["127.0.0.1:8080", "[::1]:8080"]),
        ];
        for (text, host, addresses) in cases {
            let addresses = addresses.into_iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(resolve(text), Ok((host.to_owned(), addresses)), "{text}");
        }
        let cases = [
            ("example.com", "not of three parts"),
            ("example.com:443", "not of three parts"),
            (":443:127.0.0.1", "no host"),
            ("*:443:127.0.0.1", "'*' for every host is not supported"),
            ("example.com:https:127.0.0.1", "'https' is no port (use a whole number from 1 to 65535)"),
            ("example.com:0:127.0.0.1", "'0' is no port"),
            ("example.com:443:localhost", "'localhost' is no IP address (use 127.0.0.1 or [::1])"),
            ("example.com:443:", "'' is no IP address"),
        ];
        for (text, start) in cases {
            let error = resolve(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
