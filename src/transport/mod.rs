//! One request on the wire. ureq is put to work here and nowhere else, and whatever of it is `unversioned` is named
//! here alone. Elsewhere it only lends its types: those of the crate `http`, and certificates.
//!
//! There is one [`ureq::Agent`] for the whole client. It writes and parses HTTP; where the bytes go is ours: ureq is
//! given a connector below which names, connects, sockets and idle connections are made for being cut loose.
//!
//! From the top:
//!
//! | file | what it is |
//! | --- | --- |
//! | `exchange` | runs one request: deadlines, the connection, ureq, the body |
//! | `failure` | says what went wrong: kind, text, source |
//! | `current` | what the exchange and the transport beneath ureq tell each other |
//! | `progress` | how far an exchange has come |
//! | `stopwatch` | how long an exchange is at what, for those who want to know |
//! | `connector` | the outermost transport: looks for a cut after each read and write, keeps what may be used again |
//! | `idle` | connections that wait for their next request |
//! | `proxy` | which proxy is on the way to a target, if any; `no_proxy`: who is reached without |
//! | `tunnel`, `forward` | through a proxy to an https target, and to an http target |
//! | `socket` | the innermost transport, and the connector that opens it |
//! | `buffers` | a connection's buffers, which grow with what comes |
//! | `dial` | from addresses to a connected socket, interruptibly |
//! | `linux`, `portable` | what of it depends on the system |
//! | `names` | from a host to addresses, interruptibly, once |
//! | `target` | scheme, host and port: of a request, and of a connection |

mod buffers;
mod connector;
mod current;
mod dial;
mod exchange;
mod failure;
mod forward;
mod idle;
#[cfg(target_os = "linux")]
mod linux;
mod names;
mod no_proxy;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod progress;
mod proxy;
mod socket;
mod stopwatch;
mod target;
#[cfg(test)]
mod tests;
mod tunnel;

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector, RustlsConnector};

use crate::cancel::{Tether, Watchdog};
use crate::clock::Clock;

use self::connector::{LendingConnector, NoResolver};
use self::dial::{DIAL, Dial};
pub(crate) use self::failure::Failure;
use self::idle::Idle;
use self::names::Names;
pub(crate) use self::no_proxy::NoProxy;
pub(crate) use self::proxy::{Proxies, Proxy};
use self::socket::SocketConnector;
pub(crate) use self::stopwatch::Measured;
use self::target::Target;
use self::tunnel::TunnelConnector;

/// The largest head of a response that is read, in bytes: 16 KiB.
pub const MAX_HEAD: usize = 16 * 1024;

/// The smallest output buffer of a connection, in bytes. A request's head goes out in one piece if it fits.
const OUTPUT_BUFFER: usize = 4 * 1024;

/// How much longer a single read or write may take than the whole exchange: the sockets' own timeouts are a backstop
/// behind the watchdog, and are not to come before it even if its thread is not given the processor for a while.
const BACKSTOP_MARGIN: Duration = Duration::from_secs(1);

/// Finds the addresses of a host.
pub(crate) type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// What an [`HttpClient`] is made from.
pub(crate) struct HttpSettings {
    /// How long one exchange may take in all.
    pub(crate) timeout: Duration,
    /// How long the name look-up, the TCP connect and a proxy's tunnel may take together.
    pub(crate) connect_timeout: Duration,
    /// How long a single read or write may take.
    pub(crate) stall_timeout: Option<Duration>,
    /// The largest body, decoded, in bytes.
    pub(crate) max_body: u64,
    /// How many connections are kept for later.
    pub(crate) max_idle: usize,
    pub(crate) user_agent: HeaderValue,
    /// None: those of Mozilla. Some: these and no others.
    pub(crate) root_certificates: Option<Vec<Certificate<'static>>>,
    pub(crate) pinned: Vec<Pinned>,
    /// None: the system's.
    pub(crate) lookup: Option<Lookup>,
    pub(crate) proxies: Proxies,
    /// The longest request line or header line that will be sent: the output buffer must hold it. 4 KiB always fit.
    pub(crate) longest_line: usize,
}

/// A host whose addresses are given: it is never looked up. An address with port 0 takes the port of the URL.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    /// In lower case, without the brackets of an IPv6 literal.
    pub(crate) host: String,
    /// None: every port.
    pub(crate) port: Option<u16>,
    pub(crate) addrs: Vec<SocketAddr>,
}

/// Sends requests, one at a time for each worker, over connections that all workers share.
pub(crate) struct HttpClient {
    agent: Agent,
    idle: Idle,
    proxies: Proxies,
    clock: Clock,
    timeout: Duration,
    connect_timeout: Duration,
    stall_timeout: Option<Duration>,
    max_body: u64,
    user_agent: HeaderValue,
    longest_line: usize,
}

/// A request, borrowed: what is sent again after a failure need not be copied first.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The worker's side of an exchange.
pub(crate) struct Wire<'a> {
    pub(crate) tether: &'a Arc<Tether>,
    pub(crate) watchdog: &'a Watchdog,
    pub(crate) call_deadline: Option<Instant>,
    /// Whether the body is to be read, given the status.
    pub(crate) wanted: &'a dyn Fn(StatusCode) -> bool,
    /// Takes no idle connection, for a replay after one that was [stale](Failure::stale).
    pub(crate) fresh: bool,
    /// Where to put down how long it was at what, if anybody wants to know.
    pub(crate) measured: Option<&'a Cell<Measured>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Without `Content-Encoding` and `Content-Length` if the body was decoded.
    pub(crate) headers: HeaderMap,
    /// There if it was wanted.
    pub(crate) body: Option<Vec<u8>>,
    /// What had come of it together with the head if it was not, up to [`MAX_HEAD`]. Often all of it.
    pub(crate) excerpt: Vec<u8>,
    /// The proxy that was handed the request. What it answers in place of the server looks like the server's.
    forwarder: Option<Arc<Proxy>>,
}

impl Reply {
    /// Whose it is, or may be: `the server`, `the server, or the proxy proxy.example:3128,`.
    pub(crate) fn answerer(&self) -> Cow<'static, str> {
        match &self.forwarder {
            None => "the server".into(),
            Some(proxy) => format!("the server, or the proxy {proxy},").into(),
        }
    }
}

impl HttpClient {
    pub(crate) fn new(settings: HttpSettings) -> HttpClient {
        HttpClient::with_dial(settings, DIAL)
    }

    fn with_dial(settings: HttpSettings, dial: Dial) -> HttpClient {
        let names = Names::new(settings.pinned, settings.lookup);
        let io_timeout =
            settings.stall_timeout.unwrap_or_else(|| settings.timeout.saturating_add(BACKSTOP_MARGIN));
        let chain = SocketConnector::new(names, dial, io_timeout)
            .chain(TunnelConnector)
            .chain(RustlsConnector::default());
        let connector = LendingConnector::new(chain);
        let longest_line = settings.longest_line.max(OUTPUT_BUFFER);
        let config = config(settings.root_certificates, longest_line);
        HttpClient {
            agent: Agent::with_parts(config, connector, NoResolver),
            idle: Idle::new(settings.max_idle),
            proxies: settings.proxies,
            clock: Clock::default(),
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            stall_timeout: settings.stall_timeout,
            max_body: settings.max_body,
            user_agent: settings.user_agent,
            longest_line,
        }
    }

    /// The proxy on the way there, without user and password.
    pub(crate) fn proxy_for(&self, uri: &Uri) -> Option<String> {
        self.proxies.on_the_way_to(Target::of(uri)?).map(|proxy| proxy.to_string())
    }

    /// How many connections are idle.
    #[cfg(test)]
    fn idle_connections(&self) -> usize {
        self.idle.len()
    }
}

impl<'a> From<&'a Request<Vec<u8>>> for Outgoing<'a> {
    fn from(request: &'a Request<Vec<u8>>) -> Outgoing<'a> {
        Outgoing {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            body: request.body(),
        }
    }
}

fn config(root_certificates: Option<Vec<Certificate<'static>>>, longest_line: usize) -> Config {
    let roots = root_certificates.map_or(RootCerts::WebPki, RootCerts::from);
    Agent::config_builder()
        .http_status_as_error(false) // a status is an answer; as an error it would have no headers
        .max_redirects(0) // each hop costs a token, so the engine follows them
        .max_redirects_will_error(false)
        .proxy(None) // those are ours, too
        .allow_non_standard_methods(true)
        .timeout_await_100(Some(Duration::ZERO)) // an `Expect: 100-continue` is sent, and not waited for
        .max_idle_connections(0) // the idle connections are ours
        .max_idle_connections_per_host(0)
        .user_agent(AutoHeaderValue::None) // `add_default_headers`: ureq would make the values anew each time
        .accept(AutoHeaderValue::None)
        .accept_encoding(AutoHeaderValue::None)
        .max_response_header_size(MAX_HEAD)
        // One more than the largest head: a buffer that is full of an unfinished head would read nothing, and that
        // would look as if the peer had closed.
        .input_buffer_size(MAX_HEAD + 1)
        .output_buffer_size(longest_line.next_multiple_of(OUTPUT_BUFFER))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build()
}
