//! Hosts that are reached without a proxy: the list that is known as `NO_PROXY`. No I/O.
//!
//! There is no standard for it. This reads it as curl does, and a port besides, as Go does: a name stands for itself
//! and all below it, with a dot before it or not; an address for itself; a network (`10.0.0.0/8`) for the addresses
//! in it, not for names that lead there, since with a proxy no name is looked up.

use std::net::IpAddr;

/// What is reached without a proxy. Nothing, by default: not even this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Host,
    /// None: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// In lower case, without a dot at either end.
    Name(String),
    /// The addresses that have so many leading bits in common with this one.
    Network(IpAddr, u8),
}

impl NoProxy {
    /// A list, its entries parted by commas or white space; or the first entry that means nothing.
    pub(crate) fn parse(list: &str) -> Result<NoProxy, &str> {
        let entries = parts(list).map(|part| Entry::parse(part).ok_or(part));
        Ok(NoProxy { entries: entries.collect::<Result<_, _>>()? })
    }

    /// A list that was written for others, too: what means nothing here is left out.
    pub(crate) fn parse_what_can_be(list: &str) -> NoProxy {
        NoProxy { entries: parts(list).filter_map(Entry::parse).collect() }
    }

    /// Whether a host, without the brackets of an IPv6 literal, is to be reached without a proxy.
    pub(super) fn names(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address: Option<IpAddr> = host.parse().ok();
        let here = |entry: &&Entry| entry.port.is_none_or(|only| only == port);
        self.entries.iter().filter(here).any(|entry| match (&entry.host, address) {
            (Host::Any, _) => true,
            (Host::Network(network, bits), Some(address)) => have_in_common(*network, address, *bits),
            (Host::Name(name), None) => is_below(host, name),
            _ => false,
        })
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty())
}

impl Entry {
    fn parse(text: &str) -> Option<Entry> {
        // `::1` has colons, and no port.
        if let Some(host) = Host::parse(text) {
            return Some(Entry { host, port: None });
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some(Entry { host: Host::parse(host)?, port: Some(port) })
    }
}

impl Host {
    fn parse(text: &str) -> Option<Host> {
        if text == "*" {
            return Some(Host::Any);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            return Some(Host::Network(address, bits));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Some(Host::Network(address, width(address)));
        }
        // `*.example.com` is not curl's, but many write it so.
        let name = text.strip_prefix("*.").or(text.strip_prefix('.')).unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_name = !name.is_empty() && !name.contains([':', '/', '*', '[', ']', '@']);
        is_name.then(|| Host::Name(name.to_ascii_lowercase()))
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn have_in_common(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits.into()
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits.into()
        }
        _ => false,
    }
}

/// Whether `host` is `name`, or ends in it behind a dot.
fn is_below(host: &str, name: &str) -> bool {
    let Some(start) = host.len().checked_sub(name.len()) else {
        return false;
    };
    let (before, end) = (host.as_bytes().get(..start), host.as_bytes().get(start..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
        && before.is_some_and(|before| before.is_empty() || before.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_what_it_names_and_nothing_else() {
        type Hosts = &'static [(&'static str, u16)];
        let cases: &[(&str, Hosts, Hosts)] = &[
            ("", &[], &[("localhost", 80), ("127.0.0.1", 80), ("::1", 80)]),
            ("*", &[("example.com", 443), ("10.0.0.1", 80), ("::1", 1)], &[]),
            (
                "example.com",
                &[("example.com", 80), ("EXAMPLE.com.", 443), ("a.b.Example.COM", 80)],
                &[("badexample.com", 80), ("example.com.org", 80), ("com", 80), ("10.0.0.1", 80)],
            ),
            (".example.com", &[("example.com", 80), ("a.example.com", 80)], &[("aexample.com", 80)]),
            ("*.Example.com.", &[("example.com", 80), ("a.example.com", 80)], &[("aexample.com", 80)]),
            ("example.com:8080", &[("a.example.com", 8080)], &[("example.com", 80)]),
            ("*:8080", &[("h", 8080), ("::1", 8080)], &[("h", 80)]),
            ("127.0.0.1", &[("127.0.0.1", 80)], &[("127.0.0.2", 80), ("localhost", 80), ("a.127.0.0.1", 80)]),
            ("1", &[("a.1", 80)], &[("10.0.0.1", 80)]),
            ("10.1.2.3/8", &[("10.255.0.1", 80)], &[("11.0.0.1", 80), ("::a00:1", 80), ("10.example", 80)]),
            ("10.0.0.0/32", &[("10.0.0.0", 80)], &[("10.0.0.1", 80)]),
            ("0.0.0.0/0", &[("192.0.2.1", 80)], &[("::1", 80), ("h", 80)]),
            ("10.0.0.0/8:81", &[("10.0.0.1", 81)], &[("10.0.0.1", 80)]),
            ("::1", &[("::1", 80), ("0:0:0:0:0:0:0:1", 80)], &[("::2", 80)]),
            ("[::1]", &[("::1", 80)], &[("::2", 80)]),
            ("[::1]:81", &[("::1", 81)], &[("::1", 80)]),
            ("fd00::/8", &[("fd12::1", 80)], &[("fe80::1", 80), ("10.0.0.1", 80)]),
            (" a, b ,,c\td", &[("a", 80), ("b", 80), ("c", 80), ("x.d", 80)], &[("e", 80)]),
        ];
        for (list, named, others) in cases {
            let no_proxy = NoProxy::parse(list).unwrap();
            for (host, port) in *named {
                assert!(no_proxy.names(host, *port), "{list:?} names {host}:{port}");
            }
            for (host, port) in *others {
                assert!(!no_proxy.names(host, *port), "{list:?} does not name {host}:{port}");
            }
        }
    }

    #[test]
    fn what_means_nothing_is_named_or_left_out() {
        let nothings = [
            "10.0.0.0/33",
            "fd00::/129",
            "a/8",
            "h:0",
            "h:65536",
            "h:x",
            "http://h",
            "a*.b",
            "**",
            ".",
            "u@h",
        ];
        for nothing in nothings {
            let list = format!("a,{nothing},b");
            assert_eq!(NoProxy::parse(&list), Err(nothing));
            assert_eq!(NoProxy::parse_what_can_be(&list), NoProxy::parse("a,b").unwrap());
        }
    }
}
