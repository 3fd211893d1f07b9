//! Where the id stands in the target of a request.

use percent_encoding::percent_decode_str;

/// A path and query with `{id}` in it, such as `/users/{id}/widgets?of={id}`.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// What stands between the places of the id, before the first and after the last.
    pieces: Vec<String>,
}

impl Place {
    pub(super) fn new(template: &str) -> Place {
        let slash = if template.starts_with('/') { "" } else { "/" };
        Place { pieces: format!("{slash}{template}").split("{id}").map(str::to_owned).collect() }
    }

    /// The template, with a slash in front.
    pub(super) fn template(&self) -> String {
        self.pieces.join("{id}")
    }

    /// The id in a target, decoded; nothing if the target is no instance of the template.
    ///
    /// The id is the same at each of its places, and so its length follows from that of the target. This is what makes
    /// the answer exact whatever stands beside the places.
    pub(super) fn id_in(&self, target: &str) -> Option<String> {
        let places = self.pieces.len().checked_sub(1).filter(|places| *places > 0)?;
        let fixed: usize = self.pieces.iter().map(String::len).sum();
        let length = target.len().checked_sub(fixed)? / places;
        let start = self.pieces.first()?.len();
        let id = target.get(start..start.checked_add(length)?)?;
        let is_one = !id.is_empty() && !id.contains(['/', '?', '&', '#']);
        (is_one && self.pieces.join(id) == target)
            .then(|| percent_decode_str(id).decode_utf8_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_where_the_template_has_it() {
        for (template, target, id) in [
            ("/{id}", "/7", Some("7")),
            ("{id}", "/7", Some("7")),
            ("/users/{id}/widgets", "/users/7/widgets", Some("7")),
            ("/users/{id}/widgets", "/users/a%2Fb%20%C3%BC/widgets", Some("a/b ü")),
            ("/users/{id}/widgets?of={id}", "/users/7/widgets?of=7", Some("7")),
            ("/user-{id}-x", "/user-1-x-x", Some("1-x")),
            ("/x?id={id}&page=1", "/x?id=%3F&page=1", Some("?")),
            ("/{id}{id}", "/77", Some("7")),
            ("/{id}", "/%FF", Some("\u{fffd}")),
        ] {
            assert_eq!(Place::new(template).id_in(target).as_deref(), id, "{template} {target}");
        }
    }

    #[test]
    fn what_is_no_instance_of_the_template_has_no_id() {
        for (template, target) in [
            ("/{id}", "/"),
            ("/{id}", ""),
            ("/{id}", "*"),
            ("/{id}", "/7/8"),
            ("/{id}", "/7?x=1"),
            ("/users/{id}/widgets", "/users/7"),
            ("/users/{id}/widgets", "/users//widgets"),
            ("/{id}/{id}", "/7/8"),
            ("/{id}{id}", "/777"),
            ("/{id}", "/ü/ü"),
            ("/all", "/all"),
        ] {
            assert_eq!(Place::new(template).id_in(target), None, "{template} {target}");
        }
    }
}
