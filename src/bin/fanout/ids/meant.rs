//! What was probably meant by a list of ids that is none.

/// `1..60` and `1 to 60` as `1-60`, `1 2;3` as `1,2,3`, without brackets round it.
pub(super) fn guess(text: &str) -> String {
    let text = text.to_lowercase();
    let text = text.trim_matches(|c: char| c.is_whitespace() || "[](){},;".contains(c));
    let mut plain =
        text.replace("...", "-").replace("..", "-").replace(['–', '—', ':'], "-").replace("to", "-");
    for blank in [" -", "- "] {
        while plain.contains(blank) {
            plain = plain.replace(blank, "-");
        }
    }
    let items = plain.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
    items.filter(|item| !item.is_empty()).collect::<Vec<_>>().join(",")
}

/// What would be right for an item that is no number and no range.
pub(super) fn instead(item: &str) -> String {
    let is_number = crate::values::digits;
    match item.split_once('-') {
        Some((first, "")) if is_number(first) => format!("the range has no end; use for instance {first}-60"),
        Some(("", last)) if is_number(last) => {
            format!("the range has no beginning; use 1-{last}; other ids go in a file: --input FILE")
        }
        _ if item.starts_with('@') || item.contains(['/', '.']) => {
            format!("a file of ids is named by --input {}", item.trim_start_matches('@').escape_debug())
        }
        _ => "use for instance 1-60,75; other ids go in a file: --input FILE".to_owned(),
    }
}

/// What is wrong with a line of a file, and what would be right.
pub(super) fn with_hint(error: String) -> String {
    const HINTS: [(&str, &str); 3] = [
        ("is not valid UTF-8", "use a text file of UTF-8, one id a line"),
        ("holds a control character", "use printable text, one id a line"),
        (" bytes", "use one id a line"),
    ];
    match HINTS.iter().find(|(end, _)| error.ends_with(end)) {
        Some((_, hint)) => format!("{error} ({hint})"),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_marks_between_numbers_are_guessed() {
        for (text, plain) in [
            ("1..60", "1-60"),
            ("1 - 60", "1-60"),
            ("1 to 60", "1-60"),
            ("1–60", "1-60"),
            ("{1..60}", "1-60"),
            ("[1-60]", "1-60"),
            ("1 2 3", "1,2,3"),
            ("1;2\n3,", "1,2,3"),
            ("1,,2", "1,2"),
        ] {
            assert_eq!(guess(text), plain, "{text}");
        }
    }

    #[test]
    fn what_would_be_right_depends_on_what_it_looks_like() {
        assert!(instead("1-").contains("no end; use for instance 1-60"));
        assert!(instead("-60").contains("no beginning; use 1-60"));
        assert!(instead("ids.txt").ends_with("--input ids.txt"));
        assert!(instead("@ids").ends_with("--input ids"));
        assert!(instead("a-z").starts_with("use for instance 1-60,75"));
    }
}
