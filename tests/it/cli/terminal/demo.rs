//! The demo's picture, which is as wide as the terminal.

use super::screen::{Terminal, command};

#[test]
fn the_picture_fits_the_terminal() {
    for (columns, sign) in [(40, "(# for each 3)"), (80, "(#)")] {
        let terminal = Terminal::start(columns, command(env!("CARGO_BIN_EXE_fanout"), ["demo"]));
        let (status, picture, _) = terminal.ends();
        assert_eq!(status.code(), Some(0));
        assert!(picture.rows.join(" ").contains(&format!("had seen {sign}, and")), "{picture:#?}");
        // A row that is too long would go on in the next one, and end there.
        let is_of_picture = |row: &&String| row.contains(".25 s ") || row.contains(".50 s ");
        let rows: Vec<_> = picture.rows.iter().filter(is_of_picture).collect();
        assert!(rows.len() >= 8, "{picture:#?}");
        assert!(rows.iter().all(|row| row.contains('#') && row.ends_with('|')), "{picture:#?}");
    }
}
