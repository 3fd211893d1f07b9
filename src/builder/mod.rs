//! The settings of a client: each file has the setters of one subject, and below them what is made of them, or what is
//! wrong with them and what would be right.

// In the order in which the documentation shows the setters.
mod quota;
mod requests;

mod http;
mod proxy;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Method;

use crate::client::FanOutClient;
use crate::clock::Clock;
use crate::error::BuildError;
use crate::exchange::Exchange;
use crate::fetch::{Fetcher, Observer};
use crate::limiter::{Limit, Rate};
use crate::quota::MakeCost;
use crate::request::IntoRequest;
use crate::retry::{RetryBudget, RetryPolicy};
use crate::transport::{HttpClient, Lookup};

use proxy::ProxySettings;
use quota::DEFAULT_RATE;
use requests::Requests;

pub use quota::MAX_IN_FLIGHT;

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
