//! The settings of a client.

mod checked;
mod proxy;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Method;

use crate::client::FanOutClient;
use crate::clock::Clock;
use crate::error::BuildError;
use crate::exchange::Exchange;
use crate::fetch::{Fetcher, Observer};
use crate::limiter::{Cost, Limit, Rate};
use crate::quota::MakeCost;
use crate::request::{IntoRequest, MakeRequest};
use crate::retry::{RetryBudget, RetryPolicy};
use crate::transport::{HttpClient, Lookup};

use proxy::ProxySettings;

/// The settings of a [`FanOutClient`]. Nothing is checked before [`build`](Builder::build).
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    requests: Requests,
    rate: Option<Rate>,
    burst: Option<u32>,
    limits: Vec<Limit>,
    cost: Option<Arc<MakeCost>>,
    max_in_flight: usize,
    obey_server: bool,
    reserve: u64,
    max_wait: Duration,
    adaptive: bool,
    clock: Clock,
    #[cfg(feature = "redis")]
    shared: Option<crate::SharedQuota>,
    timeout: Duration,
    connect_timeout: Duration,
    stall_timeout: Option<Duration>,
    max_body: u64,
    max_redirects: u32,
    user_agent: String,
    headers: Vec<(String, String)>,
    method: Option<Method>,
    body: Option<Vec<u8>>,
    accept_status: Box<dyn Fn(u16) -> bool + Send + Sync>,
    keep_going: bool,
    retry: RetryPolicy,
    retry_budget: RetryBudget,
    observer: Option<Box<Observer>>,
    resolve: Vec<(String, Vec<SocketAddr>)>,
    lookup: Option<Lookup>,
    proxy: ProxySettings,
    root_certificates: Option<Vec<u8>>,
}

/// Where the requests come from, before it is checked.
enum Requests {
    Url(String),
    Closure(Arc<MakeRequest>),
}

const DEFAULT_RATE: Rate = Rate::per_second(10);

/// The largest cap on requests in flight, since each has a thread: 1,024.
pub const MAX_IN_FLIGHT: usize = 1_024;

/// How a client begins.
impl FanOutClient {
    /// Begins a client that requests `url` with `{id}` filled in, by GET unless a [`method`](Builder::method) is set.
    /// `{id}` may stand in the path or the query, more than once; an id is percent-encoded, and so one segment or one
    /// value, whatever it holds.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(Requests::Url(url.into()))
    }

    /// Begins a client whose requests are made by a closure, from the text of an id: any method, headers and body.
    /// The closure may return a request or the result of building one. It runs on the workers.
    ///
    /// The text is the id as it is: where it goes into a URL or a form, [`encode`](crate::encode) it. Headers set by
    /// [`header`](Builder::header) are added to those of the request, whose own win. The URL is checked like a
    /// template: http or https, a host, ASCII, no segment `.` or `..`.
    ///
    /// ```
    /// use fanout::{FanOutClient, encode, http};
    ///
    /// let client = FanOutClient::from_requests(|id| {
    ///     http::Request::post("https://api.example.com/lookup")
    ///         .header("Content-Type", "application/x-www-form-urlencoded")
    ///         .body(format!("id={}", encode(id)))
    /// })
    /// .build()?;
    /// # Ok::<(), fanout::BuildError>(())
    /// ```
    pub fn from_requests<R: IntoRequest>(make: impl Fn(&str) -> R + Send + Sync + 'static) -> Builder {
        Builder::new(Requests::Closure(Arc::new(move |id| make(id).into_request())))
    }
}

impl Builder {
    fn new(requests: Requests) -> Builder {
        Builder {
            requests,
            rate: None,
            burst: None,
            limits: Vec::new(),
            cost: None,
            max_in_flight: 8,
            obey_server: true,
            reserve: 0,
            max_wait: Duration::from_secs(120),
            adaptive: false,
            clock: Clock::default(),
            #[cfg(feature = "redis")]
            shared: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: None,
            max_body: 10 * 1024 * 1024,
            max_redirects: 5,
            user_agent: concat!("fanout/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: Vec::new(),
            method: None,
            body: None,
            accept_status: Box::new(|status| (200..=299).contains(&status)),
            keep_going: false,
            retry: RetryPolicy::none(),
            retry_budget: RetryBudget::default(),
            observer: None,
            resolve: Vec::new(),
            lookup: None,
            proxy: ProxySettings::default(),
            root_certificates: None,
        }
    }

    /// How many requests in how much time, all calls on all clones of the client together. Every request on the wire
    /// counts: redirects and replays, too. Defaults to 10 a second.
    pub fn rate(mut self, rate: Rate) -> Builder {
        self.rate = Some(rate);
        self
    }

    /// How many requests may be made up for at once after a quieter time; at least 1. In every window of length `w`
    /// at most `burst + rate · w` requests are sent. Defaults to [`Rate::default_burst`]: what two seconds bring,
    /// from 1 to 20.
    ///
    /// A server that enforces the very same numbers can still see one too many, when the first request of a burst
    /// takes longer to reach it than those behind it. Where it forgives none, set the burst one below its own.
    pub fn burst(mut self, burst: u32) -> Builder {
        self.burst = Some(burst);
        self
    }

    /// One more limit, beside that of [`rate`](Builder::rate) and [`burst`](Builder::burst): all of them hold at once,
    /// each with its own exact bound. May be called again, for up to [`MAX_LIMITS`](crate::MAX_LIMITS) in all; they are
    /// numbered in order, and that of `rate` is number 0. Each can be changed while requests are sent, by
    /// [`set_limit`](crate::RateLimiter::set_limit).
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanout::{FanOutClient, Limit};
    ///
    /// // 10 a second with a burst of 20, and never more than 5,000 in any hour.
    /// let client = FanOutClient::builder("https://api.example.com/users/{id}")
    ///     .limit(Limit::at_most(5_000, Duration::from_secs(3_600)))
    ///     .build()?;
    /// # Ok::<(), fanout::BuildError>(())
    /// ```
    pub fn limit(mut self, limit: Limit) -> Builder {
        self.limits.push(limit);
        self
    }

    /// What each request of an id costs, by the text of the id: so many tokens of each limit. An id that costs more
    /// than a burst is refused before anything is sent for it. Where a cost is known only afterwards, tell the rest to
    /// [`settle`](crate::RateLimiter::settle). Defaults to one of each.
    pub fn cost(mut self, cost: impl Fn(&str) -> Cost + Send + Sync + 'static) -> Builder {
        self.cost = Some(Arc::new(cost));
        self
    }

    /// Whether to do what the server tells about its own limits: to pause when it asks for it (`Retry-After` and its
    /// kin), and before it must (when what is left of a window has come down to what is on the wire). Nothing that a
    /// server says makes anything faster than it is set here. Defaults to true.
    pub fn obey_server(mut self, obey: bool) -> Builder {
        self.obey_server = obey;
        self
    }

    /// How much of the server's windows is left to others that use the same key: when no more than that remains, the
    /// client pauses until the window begins anew. Defaults to 0.
    pub fn reserve(mut self, requests: u64) -> Builder {
        self.reserve = requests;
        self
    }

    /// The longest pause that is waited for. At a longer one nobody waits: those who would have to fail at once, with
    /// an error of the kind [`LongPause`](crate::ErrorKind::LongPause) that tells the server's words. The id whose
    /// request was refused fails with its status, and says the same. A pause of your own, by
    /// [`pause_until`](crate::RateLimiter::pause_until), counts as well. Defaults to 2 min.
    pub fn max_wait(mut self, max_wait: Duration) -> Builder {
        self.max_wait = max_wait;
        self
    }

    /// Whether to find out what the server allows where that is less than what is set here: its refusals lower the rate
    /// (of the first limit), or the number of requests in flight, and its acceptance raises them again, never above
    /// what is set (a rate that is [set](crate::RateLimiter::set_rate) meanwhile is the most from then on). Meant for
    /// servers that do not tell; goes well with [`retries`](Builder::retries). Defaults to false.
    pub fn adaptive(mut self, adaptive: bool) -> Builder {
        self.adaptive = adaptive;
        self
    }

    /// Keeps limits, pauses and retries by a clock that does not wait: see [`VirtualClock`](crate::VirtualClock).
    #[cfg(feature = "test-kit")]
    pub fn virtual_clock(mut self, clock: &crate::VirtualClock) -> Builder {
        self.clock = Clock::Virtual(clock.clone());
        self
    }

    /// Takes its permits and tokens from a quota that is shared with other processes: see
    /// [`SharedQuota`](crate::SharedQuota), whose limits stand in place of [`rate`](Builder::rate),
    /// [`burst`](Builder::burst) and [`limit`](Builder::limit), which are refused beside it. Its cap comes on top of
    /// the client's own [`max_in_flight`](Builder::max_in_flight), by which the client has its threads. What
    /// [`adaptive`](Builder::adaptive) finds out stays with this client, below the shared limits.
    #[cfg(feature = "redis")]
    pub fn shared(mut self, quota: &crate::SharedQuota) -> Builder {
        self.shared = Some(quota.clone());
        self
    }

    /// How many requests may be under way at the same time, all calls on all clones of the client together, from 1 to
    /// [`MAX_IN_FLIGHT`]. It is also how many workers one call may have. Defaults to 8.
    pub fn max_in_flight(mut self, max_in_flight: usize) -> Builder {
        self.max_in_flight = max_in_flight;
        self
    }

    /// How long one request may take in all: name, connect, TLS, request, answer, to the last byte of the body. Each
    /// redirect is a request of its own; waiting for the quota does not count. Must be more than 0. Defaults to 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Builder {
        self.timeout = timeout;
        self
    }

    /// How long looking up the name and connecting may take, a proxy's tunnel included. Every address of the name is
    /// tried; a silent one gets its share of the time, and not all of it. Must be more than 0. Defaults to 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Builder {
        self.connect_timeout = timeout;
        self
    }

    /// Ends a request when no byte has come or gone for so long, however much of its [`timeout`](Builder::timeout) is
    /// left. It is a timeout of the socket, which the kernel may let run over by some percent. Must be more than 0.
    /// Defaults to none.
    pub fn stall_timeout(mut self, timeout: Option<Duration>) -> Builder {
        self.stall_timeout = timeout;
        self
    }

    /// The largest body, in bytes, after decoding. A larger one is an error. Defaults to 10 MiB.
    pub fn max_body(mut self, bytes: u64) -> Builder {
        self.max_body = bytes;
        self
    }

    /// How many redirects are followed for one id. Each costs a token. To another origin (scheme, host, port) none of
    /// the headers set here goes along, and from https to http nothing does. Defaults to 5.
    pub fn max_redirects(mut self, max_redirects: u32) -> Builder {
        self.max_redirects = max_redirects;
        self
    }

    /// A header of every request. `{id}` in its value is filled in as it is, if the URL is a template. A name may be
    /// given more than once; of `User-Agent` the last one stays, in place of [`user_agent`](Builder::user_agent). What
    /// frames a body (`Content-Length`, `Transfer-Encoding`) is refused.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Builder {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The method of every request. Defaults to GET. Not for a client that begins with
    /// [`from_requests`](FanOutClient::from_requests), whose closure sets it.
    pub fn method(mut self, method: Method) -> Builder {
        self.method = Some(method);
        self
    }

    /// The body of every request, in which `{id}` is filled in as it is: what an id must not hold there (a quote, in
    /// JSON) is for you to know. Other braces stand for themselves. No `Content-Type` goes with it unless it is set as
    /// a [`header`](Builder::header). Defaults to none. Not for a client that begins with
    /// [`from_requests`](FanOutClient::from_requests), whose closure sets it.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Builder {
        self.body = Some(body.into());
        self
    }

    /// The `User-Agent` of every request. Defaults to `fanout/` and the version of this crate.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Builder {
        self.user_agent = user_agent.into();
        self
    }

    /// Which statuses are a success, whose body is read. Defaults to 200 to 299.
    ///
    /// Where a missing thing is a result like any other: `.accept_status(|status| status == 200 || status == 404)`.
    pub fn accept_status(mut self, accept: impl Fn(u16) -> bool + Send + Sync + 'static) -> Builder {
        self.accept_status = Box::new(accept);
        self
    }

    /// Whether a failed id is handed to the closure of [`fetch_each`](FanOutClient::fetch_each) like a fetched one,
    /// instead of ending the run. Defaults to false.
    pub fn keep_going(mut self, keep_going: bool) -> Builder {
        self.keep_going = keep_going;
        self
    }

    /// Which failures are tried again, and how often: a number of further tries, or a [`RetryPolicy`]. Each try costs a
    /// token, and waits for it behind all who wait already; while an id waits for its time, it holds neither a permit
    /// nor a thread, and other ids go on: up to four for each that may be in flight wait so, and beyond that no new
    /// id is taken. Defaults to none.
    ///
    /// The request is made once: it is the same on every try, with whatever a closure put into its `Idempotency-Key`.
    pub fn retries(mut self, retries: impl Into<RetryPolicy>) -> Builder {
        self.retry = retries.into();
        self
    }

    /// How many tries a call may make in all beyond the first of each id. Defaults to 100 and a tenth of the ids
    /// started.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Builder {
        self.retry_budget = budget;
        self
    }

    /// Shows each request on the wire to this closure, as it ended: first tries, retries, hops of redirects and
    /// replays, once for each that had its token. Those that the end of the run cut off are among them; an id that
    /// waited in vain for a token is not, nor is a request at whose answer another closure panicked. Defaults to none.
    ///
    /// It runs on the worker that made the request, on several workers at a time, and with nothing locked. It holds up
    /// its worker, and so the outcome that is about to be handed over, or the end of the run; if a hop or a replay
    /// follows, also the id's permit. So be quick: count, or send to a channel that has room. A panic ends the run, as
    /// one in any other closure.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use fanout::FanOutClient;
    ///
    /// static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    /// let client = FanOutClient::builder("https://api.example.com/users/{id}")
    ///     .observe(|exchange| {
    ///         CONNECTIONS.fetch_add(u64::from(!exchange.is_kept_alive), Ordering::Relaxed);
    ///     })
    ///     .build()?;
    /// # Ok::<(), fanout::BuildError>(())
    /// ```
    pub fn observe(mut self, observer: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Builder {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Uses these addresses for a host, in place of a look-up. The host may have a port (`"example.com:443"`), and is
    /// then meant on that port only; the ports of the addresses are the ones connected to, unless they are 0. What is
    /// reached through a [`proxy`](Builder::proxy) is not looked up; the proxy itself is.
    pub fn resolve(
        mut self,
        host: impl Into<String>,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Builder {
        self.resolve.push((host.into(), addresses.into_iter().collect()));
        self
    }

    /// Looks names up with this function of host and port, in place of the system's. It may block: it runs on one of
    /// at most four helper threads of the process, and is left to it when a run ends before it does.
    pub fn lookup(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Builder {
        self.lookup = Some(Arc::new(lookup));
        self
    }

    /// Trusts the certificates in this PEM text and no others. Defaults to Mozilla's, as built into `webpki-roots`.
    pub fn root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> Builder {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Checks everything, and makes the client. Opens no connection and starts no thread.
    ///
    /// # Errors
    ///
    /// A setting that cannot work; the text names it, its value, and what would be right.
    pub fn build(self) -> Result<FanOutClient, BuildError> {
        let quota = self.quota()?;
        self.retry.check()?;
        let http = HttpClient::new(self.http_settings()?);
        let source = self.source(&http)?;
        let fetcher = Fetcher {
            source,
            accept_status: self.accept_status,
            max_redirects: self.max_redirects,
            retry: self.retry,
            retry_budget: self.retry_budget,
            observer: self.observer,
            quota,
            http,
        };
        Ok(FanOutClient::new(fetcher, self.max_in_flight, self.keep_going))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("rate", &self.rate.unwrap_or(DEFAULT_RATE))
            .field("burst", &self.burst)
            .field("max_in_flight", &self.max_in_flight)
            .field("keep_going", &self.keep_going)
            .finish_non_exhaustive()
    }
}
