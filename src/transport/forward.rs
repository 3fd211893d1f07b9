//! What goes to an http target through a proxy: the proxy is sent the request itself, with the whole URL in its first
//! line (RFC 9112, section 3.2.2).
//!
//! ureq writes the path alone, and nothing makes it write more. But it hands over a request's head from its
//! beginning, in one piece or several, and its first line is never torn: it fits the output buffer, which is made for
//! the longest. So what ureq hands over first is given the rest of the URL on its way out.

use ureq::Error;
use ureq::unversioned::transport::{NextTimeout, Transport};

use super::target::Endpoint;

/// Sends the first piece of a request, which is the first `amount` bytes of the output buffer, to a proxy.
pub(super) fn transmit_first(
    transport: &mut dyn Transport,
    amount: usize,
    target: &Endpoint,
    timeout: NextTimeout,
) -> Result<(), Error> {
    let piece = transport.buffers().output().get(..amount).unwrap_or_default();
    let piece = in_absolute_form(piece, target);
    transmit(transport, &piece, timeout)
}

/// Sends bytes that do not lie in the output buffer.
pub(super) fn transmit(
    transport: &mut dyn Transport,
    mut bytes: &[u8],
    timeout: NextTimeout,
) -> Result<(), Error> {
    while !bytes.is_empty() {
        let output = transport.buffers().output();
        let amount = output.len().min(bytes.len());
        let (piece, rest) = bytes.split_at(amount);
        output[..amount].copy_from_slice(piece);
        transport.transmit_output(amount, timeout)?;
        bytes = rest;
    }
    Ok(())
}

/// `GET /a HTTP/1.1…` becomes `GET http://host/a HTTP/1.1…`.
fn in_absolute_form(piece: &[u8], target: &Endpoint) -> Vec<u8> {
    let path = piece.iter().position(|byte| *byte == b' ').map_or(piece.len(), |space| space + 1);
    let (method, rest) = piece.split_at(path);
    [method, target.origin().as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_has_the_whole_url() {
        for (host, port, origin) in [
            ("h.example", 80, "http://h.example"),
            ("h.example", 8080, "http://h.example:8080"),
            ("::1", 80, "http://[::1]"),
            ("::1", 81, "http://[::1]:81"),
        ] {
            let target = Endpoint { tls: false, host: host.to_owned(), port };
            let piece = in_absolute_form(b"GET /a?b=/%20 HTTP/1.1\r\nx: /\r\n", &target);
            let expected = format!("GET {origin}/a?b=/%20 HTTP/1.1\r\nx: /\r\n");
            assert_eq!(String::from_utf8(piece).unwrap(), expected);
        }
    }
}
