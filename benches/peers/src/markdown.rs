//! Tables and numbers in Markdown.

use std::fmt::{self, Display, Write};

/// A table with a heading and a few words. Empty cells are written as a dash.
pub(crate) struct Table {
    pub(crate) heading: &'static str,
    pub(crate) words: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Nothing if it has no rows.
impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        write!(f, "\n## {}\n\n{}\n\n| {} |\n|", self.heading, self.words, self.head.join(" | "))?;
        for column in 0..self.head.len() {
            f.write_str(if column == 0 { " --- |" } else { " ---: |" })?;
        }
        f.write_char('\n')?;
        for row in &self.rows {
            let cells: Vec<&str> =
                row.iter().map(|cell| if cell.is_empty() { "–" } else { cell.as_str() }).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// With as many decimals as the size of the number deserves; nothing for nothing.
pub(crate) fn number(value: Option<f64>) -> String {
    match value.filter(|value| value.is_finite()) {
        None => String::new(),
        Some(value) if value.abs() < 10.0 => format!("{value:.2}"),
        Some(value) if value.abs() < 100.0 => format!("{value:.1}"),
        Some(value) => thousands(value.round() as i64),
    }
}

/// `12,345`
pub(crate) fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_decimals_that_they_deserve() {
        let cases = [(0.857, "0.86"), (12.34, "12.3"), (1_234.5, "1,235"), (1e6, "1,000,000")];
        for (value, text) in cases {
            assert_eq!(number(Some(value)), text);
        }
        assert_eq!((number(None), number(Some(f64::NAN))), (String::new(), String::new()));
    }
}
