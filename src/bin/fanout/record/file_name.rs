//! The name of the file that holds the body of an id: the percent-encoded id, wherever that is a name.
//!
//! A name is made of ASCII letters, digits, `-`, `_`, `~`, `%` and dots, none of which is the first or the last
//! character. So it leads nowhere, and is never one of the names of [`part`](crate::output), which begin with a dot.
//! Different ids have different names: each can be decoded, but for those that were too long. These end with `=` and a
//! hash, and no other name holds a `=`.

use std::borrow::Cow;

use ring::digest::{SHA256, digest};

/// What file systems allow, in bytes.
const LONGEST: usize = 255;

/// So many bytes of the hash stand in a name: enough for nobody to find two ids that share them.
const HASH: usize = 16;

/// The name for an id.
pub(crate) fn of(id: &str) -> Cow<'_, str> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_plain && !is_taken_by_windows(id) && id.len() <= LONGEST {
        return Cow::Borrowed(id);
    }
    let mut name = fanout::encode(id);
    if is_taken_by_windows(&name) {
        encode_at(&mut name, 0);
    }
    if name.ends_with('.') {
        // Windows drops it.
        let last = name.len() - 1;
        encode_at(&mut name, last);
    }
    if name.starts_with('.') {
        encode_at(&mut name, 0);
    }
    if name.len() > LONGEST {
        name.truncate(whole_characters(&name, LONGEST - 1 - 2 * HASH));
        name.push('=');
        for byte in &digest(&SHA256, id.as_bytes()).as_ref()[..HASH] {
            name += &format!("{byte:02x}");
        }
    }
    Cow::Owned(name)
}

/// Encodes the ASCII character that stands there.
fn encode_at(name: &mut String, place: usize) {
    let code = format!("%{:02X}", name.as_bytes()[place]);
    name.replace_range(place..=place, &code);
}

/// At most so many bytes that no `%2F` is cut up.
fn whole_characters(name: &str, most: usize) -> usize {
    match name[..most].rfind('%') {
        Some(place) if place + 3 > most => place,
        _ => most,
    }
}

/// Devices, whatever follows behind a dot: a folder with such a file in it could not be copied there.
fn is_taken_by_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let digits = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || digits.is_some_and(|digits| matches!(digits.as_bytes(), [b'0'..=b'9']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_encoded_id_and_leads_nowhere() {
        let cases = [
            ("7", "7"),
            ("a-b_c~d", "a-b_c~d"),
            ("report.json", "report.json"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("a/b", "a%2Fb"),
            ("a\\b:c", "a%5Cb%3Ac"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            (".htaccess", "%2Ehtaccess"),
            ("a.", "a%2E"),
            ("a b%", "a%20b%25"),
            ("😀", "%F0%9F%98%80"),
            ("CON", "%43ON"),
            ("con.txt", "%63on.txt"),
            ("LPT1", "%4CPT1"),
            ("COM10", "COM10"),
            ("CONTENT", "CONTENT"),
            ("", ""),
        ];
        for (id, name) in cases {
            assert_eq!(of(id), name);
        }
    }

    #[test]
    fn a_long_name_is_shortened_and_stays_its_own() {
        assert_eq!(of(&"x".repeat(255)), "x".repeat(255));
        let long = "x".repeat(255) + "1";
        let name = of(&long);
        // In every version, so that what is there is found again.
        assert_eq!(name, "x".repeat(222) + "=750e154db0ba5f2ab03552fe694e8a1c");
        assert_ne!(name, of(&("x".repeat(255) + "2")));
        for letters in 0..3 {
            // No code is cut up.
            let name = of(&("x".repeat(letters) + &"/".repeat(100))).into_owned();
            let codes = (LONGEST - 33 - letters) / 3;
            assert!(name.starts_with(&("x".repeat(letters) + &"%2F".repeat(codes) + "=")), "{name}");
            assert!(name.len() <= LONGEST);
        }
    }
}
