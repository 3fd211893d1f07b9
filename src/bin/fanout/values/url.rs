//! A URL as it was given: what was probably meant by one that cannot work, and what of one that works may be shown.

/// How other tools and frameworks write the place of an id.
const ELSEWHERE: [&str; 10] =
    ["${id}", "{{id}}", "%7Bid%7D", "%7bid%7d", "<id>", "[id]", "$id", ":id", "%s", "{}"];

/// The URL as it would work, if `works` says so. Nothing of one with a password: it would be shown.
pub(crate) fn meant(url: &str, works: impl Fn(&str) -> bool) -> Option<String> {
    let guesses = [with_place(url), url.replace(' ', "%20"), with_scheme(url), with_scheme(&with_place(url))];
    if url.contains('@') {
        return None;
    }
    if let Some((ids, guess)) = without_glob(url).filter(|(_, guess)| works(guess)) {
        return Some(format!("--ids {ids} '{guess}'"));
    }
    guesses.into_iter().find(|guess| guess != url && works(guess)).map(|guess| format!("'{guess}'"))
}

/// A URL that the library has taken, without its userinfo, which may be secret; and whether it had one.
pub(crate) fn without_userinfo(url: &str) -> (String, bool) {
    let start = url.find("://").map_or(0, |end| end + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |length| start + length);
    match url[start..end].rfind('@') {
        Some(at) => (format!("{}{}", &url[..start], &url[start + at + 1..]), true),
        None => (url.to_owned(), false),
    }
}

/// `{id}` in the place of `{ID}`, `:id` and the like.
fn with_place(url: &str) -> String {
    if let Some(open) = url.strip_suffix("{id") {
        return format!("{open}{{id}}");
    }
    let written = ELSEWHERE.iter().copied().find(|place| url.contains(place));
    let braces = || {
        let start = url
            .match_indices('{')
            .map(|(place, _)| place)
            .find(|place| !url[*place..].starts_with("{id}"))?;
        let length = url[start..].find('}')?;
        url.get(start..=start + length)
    };
    written.or_else(braces).map_or(url.to_owned(), |place| url.replace(place, "{id}"))
}

/// As a browser would have it; without TLS on the machine itself.
fn with_scheme(url: &str) -> String {
    let is_a_path = url.starts_with('/') && !url.starts_with("//");
    if is_a_path || url.contains("://") {
        return url.to_owned();
    }
    let bare = url.strip_prefix("https:").or_else(|| url.strip_prefix("http:")).unwrap_or(url);
    let bare = bare.trim_start_matches('/');
    let is_here = ["localhost", "127.", "[::1]"].iter().any(|host| bare.starts_with(host));
    format!("{}://{bare}", if is_here { "http" } else { "https" })
}

/// As curl has it: `http://h/[1-60]`.
fn without_glob(url: &str) -> Option<(&str, String)> {
    let (before, rest) = url.split_once('[')?;
    let (ids, behind) = rest.split_once(']')?;
    let (first, last) = ids.split_once('-')?;
    let is_range = super::digits(first) && super::digits(last);
    is_range.then(|| (ids, format!("{before}{{id}}{behind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_not_shown() {
        for (url, shown) in [
            ("https://me:se@cret@h/{id}?q=a@b", ("https://h/{id}?q=a@b", true)),
            ("http://h:8080/@me/{id}", ("http://h:8080/@me/{id}", false)),
            ("http://h?q=a@b", ("http://h?q=a@b", false)),
            ("http://me@h", ("http://h", true)),
        ] {
            assert_eq!(without_userinfo(url), (shown.0.to_owned(), shown.1));
        }
    }

    fn works(url: &str) -> bool {
        fanout::FanOutClient::builder(url).build().is_ok()
    }

    #[test]
    fn a_place_a_scheme_and_a_range_are_guessed() {
        let cases = [
            ("http://h/{ID}", Some("'http://h/{id}'")),
            ("http://h/{user_id}/w", Some("'http://h/{id}/w'")),
            ("http://h/{id}/{ID}", Some("'http://h/{id}/{id}'")),
            ("http://h/{{id}}", Some("'http://h/{id}'")),
            ("http://h/:id?x=:id", Some("'http://h/{id}?x={id}'")),
            ("http://h/%7Bid%7D", Some("'http://h/{id}'")),
            ("http://h/{}", Some("'http://h/{id}'")),
            ("http://h/a b/{id}", Some("'http://h/a%20b/{id}'")),
            ("api.example.com/{id}", Some("'https://api.example.com/{id}'")),
            ("//api.example.com/{ID}", Some("'https://api.example.com/{id}'")),
            ("https:/h/{id}", Some("'https://h/{id}'")),
            ("localhost:8080/{id}", Some("'http://localhost:8080/{id}'")),
            ("http://h/[001-100]", Some("--ids 001-100 'http://h/{id}'")),
            ("http://h/{a}/{b}", None),
            ("http://h/{id", Some("'http://h/{id}'")),
            ("/users/{id}", None),
            ("http://h/", None),
            ("ftp://h/{id}", None),
            ("{id}", None),
            ("http://me:secret@h/{ID}", None),
            ("", None),
        ];
        for (url, guess) in cases {
            assert_eq!(meant(url, works).as_deref(), guess, "{url}");
        }
    }
}
