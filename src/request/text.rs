//! A text with `{id}` in it, filled in as it is: a header's value, or a body. (A URL is more than a text: `template`.)

use super::template::PLACE;

/// Bytes with any number of places for an id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    /// What stands between the places, before the first and after the last. None at all: an empty text.
    pieces: Vec<Vec<u8>>,
}

impl Text {
    pub(crate) fn parse(text: &[u8]) -> Text {
        let place = PLACE.as_bytes();
        let (mut pieces, mut piece) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((&first, behind)) = rest.split_first() {
            match rest.strip_prefix(place) {
                Some(behind_it) => {
                    pieces.push(std::mem::take(&mut piece));
                    rest = behind_it;
                }
                None => {
                    piece.push(first);
                    rest = behind;
                }
            }
        }
        if !(pieces.is_empty() && piece.is_empty()) {
            pieces.push(piece);
        }
        Text { pieces }
    }

    /// Whether it is the same for every id.
    pub(crate) fn is_fixed(&self) -> bool {
        self.pieces.len() < 2
    }

    pub(crate) fn fill(&self, id: &str) -> Vec<u8> {
        self.pieces.join(id.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_filled_in_and_nothing_else() {
        for (text, filled) in [
            ("", ""),
            ("x", "x"),
            ("{id}", "7"),
            ("{id}{id}", "77"),
            (r#"{"id":"{id}","of":{}}"#, r#"{"id":"7","of":{}}"#),
            ("{{id}}", "{7}"),
            ("{i{id}", "{i7"),
            ("{id", "{id"),
        ] {
            let parsed = Text::parse(text.as_bytes());
            assert_eq!(parsed.fill("7"), filled.as_bytes(), "{text:?}");
            assert_eq!(parsed.is_fixed(), !text.contains("{id}"), "{text:?}");
        }
        assert_eq!(Text::parse(b"\xff{id}\0").fill("{id}"), b"\xff{id}\0");
    }
}
