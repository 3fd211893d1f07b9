//! `user:password@` in a URL becomes an `Authorization` header, so that no URL carries a secret from there on.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use ureq::http::uri::{Authority, PathAndQuery};
use ureq::http::{HeaderValue, Uri, uri};

/// Takes the userinfo out of `uri`: the rest of it, and the header that stands for what was taken.
pub(crate) fn take_userinfo(uri: Uri) -> Result<(Uri, Option<HeaderValue>), uri::InvalidUriParts> {
    let Some((userinfo, host)) = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@'))
    else {
        return Ok((uri, None));
    };
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let mut secret: Vec<u8> = percent_decode_str(user).collect();
    secret.push(b':');
    secret.extend(percent_decode_str(password));
    let header =
        HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(secret))).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
    let host: Option<Authority> = host.parse().ok();
    let mut parts = uri.into_parts();
    parts.authority = host;
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    Ok((Uri::from_parts(parts)?, header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_moves_from_the_url_into_a_header() {
        let (uri, header) = take_userinfo("http://me:p%40ss@host:81/a?b".parse().unwrap()).unwrap();
        assert_eq!(uri, "http://host:81/a?b");
        assert_eq!(header.unwrap(), "Basic bWU6cEBzcw==");
        let (uri, header) = take_userinfo("http://token@host".parse().unwrap()).unwrap();
        assert_eq!(
            (uri.to_string().as_str(), header.unwrap().as_bytes()),
            ("http://host/", &b"Basic dG9rZW46"[..])
        );
        assert_eq!(take_userinfo("http://host/a@b".parse().unwrap()).unwrap().1, None);
    }
}
