//! What is asked for an id, as far as it may be shown: a plan tells it, and sends nothing.

use fanout::encode;
use fanout::http::Method;

use crate::values::url::without_userinfo;

/// The place of an id.
const PLACE: &str = "{id}";

/// A request with places for an id, of which only what is no secret can be shown.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    method: Method,
    /// Without the userinfo.
    url: String,
    /// Names only.
    headers: Vec<String>,
    /// Its length without the places, and how many of them there are.
    body: (usize, usize),
}

impl Template {
    /// Of settings that the library has taken; `headers` are names.
    pub(crate) fn new(
        method: Method,
        url: &str,
        headers: impl IntoIterator<Item = String>,
        body: Option<&[u8]>,
    ) -> Template {
        let (url, has_userinfo) = without_userinfo(url.split('#').next().unwrap_or_default());
        let mut names = vec!["Host".to_owned()];
        let body_expected = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
        let own = [
            ("User-Agent", true),
            ("Accept", true),
            ("Accept-Encoding", true),
            ("Authorization", has_userinfo),
            ("Content-Length", body.is_some_and(|body| !body.is_empty()) || body_expected),
        ];
        let own = own.into_iter().filter(|(_, is_sent)| *is_sent).map(|(name, _)| name.to_owned());
        for name in headers.into_iter().chain(own) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
        let body = body.unwrap_or_default();
        let places = body.windows(PLACE.len()).filter(|part| *part == PLACE.as_bytes()).count();
        Template { method, url, headers: names, body: (body.len() - places * PLACE.len(), places) }
    }

    /// `GET http://localhost/7`
    pub(crate) fn request(&self, id: &str) -> String {
        format!("{} {}", self.method, self.url.replace(PLACE, &encode(id)))
    }

    /// The names of all headers that are sent.
    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// How many bytes the body for an id of `length` bytes has.
    pub(crate) fn body_length(&self, length: usize) -> usize {
        let (fixed, places) = self.body;
        fixed.saturating_add(places.saturating_mul(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_without_its_secrets() {
        let headers = ["Cookie".to_owned(), "accept".to_owned()];
        let template = Template::new(Method::GET, "https://me:s@cret@h/{id}?q={id}#x", headers, None);
        assert_eq!(template.request("a b"), "GET https://h/a%20b?q=a%20b");
        let expected = ["Host", "Cookie", "accept", "User-Agent", "Accept-Encoding", "Authorization"];
        assert_eq!(template.headers(), expected);
        assert_eq!(template.body_length(7), 0);
    }

    #[test]
    fn a_body_is_as_long_as_it_is_with_the_id_in_it() {
        let template =
            Template::new(Method::POST, "http://h/{id}", [], Some(b"{\"id\":{id},\"as\":\"{id}\"}"));
        assert_eq!(template.body_length(3), r#"{"id":123,"as":"123"}"#.len());
        assert!(template.headers().contains(&"Content-Length".to_owned()));
    }
}
