//! Text that is as wide as the terminal, and no wider.

use console::Term;

/// Where there is no terminal to ask.
const COLUMNS: usize = 80;

/// How wide standard output is.
pub(super) fn columns() -> usize {
    Term::stdout().size_checked().map_or(COLUMNS, |(_, columns)| columns.into())
}

/// One paragraph, its words in lines of so many columns at most. A longer word has a line of its own.
pub(super) fn filled(text: &str, columns: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > columns {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines += word;
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole() {
        for (columns, expected) in [
            (80, "the quota was kept"),
            (18, "the quota was kept"),
            (17, "the quota was\nkept"),
            (9, "the quota\nwas kept"),
            (3, "the\nquota\nwas\nkept"),
            (1, "the\nquota\nwas\nkept"),
        ] {
            assert_eq!(filled("the quota was kept", columns), expected, "{columns}");
        }
        assert_eq!(filled("", 9), "");
    }
}
