//! The settings of a shared quota.

use std::sync::Arc;
use std::time::Duration;

use crate::limiter::{Limit, MAX_LIMITS};

use super::connection::Server;
use super::error::{SharedError, SharedErrorKind};
use super::keys::Keys;
use super::quota::{Parts, SharedQuota};
use super::status::{self, SharedStatus};
use super::terms::Terms;

/// The settings of a [`SharedQuota`]. Nothing is checked, and nothing sent, before [`connect`](Self::connect).
///
/// What is marked *the same for all* is a part of the quota: a process that names it with another value is refused.
#[must_use = "a builder does nothing until it connects"]
#[derive(Clone)]
pub struct SharedQuotaBuilder {
    url: String,
    name: String,
    password: Option<String>,
    limits: Vec<Limit>,
    max_in_flight: Option<u32>,
    lease: Duration,
    use_by: Duration,
    redis_wait: Duration,
    run: Option<String>,
    is_idle: bool,
    #[cfg(feature = "redis-tls")]
    root_certificates: Option<Vec<u8>>,
}

impl SharedQuota {
    /// Begins the quota `name` in the Redis or Valkey at `url`, as `redis://user:password@host:6379/0`; `rediss://` for
    /// TLS, with the feature `redis-tls`. A name has from 1 to 128 letters, digits and characters of `-_.:/@`; it is
    /// best that of the API key whose quota this is.
    pub fn builder(url: impl Into<String>, name: impl Into<String>) -> SharedQuotaBuilder {
        SharedQuotaBuilder {
            url: url.into(),
            name: name.into(),
            password: None,
            limits: Vec::new(),
            max_in_flight: None,
            lease: Duration::from_secs(30),
            use_by: Duration::from_millis(5),
            redis_wait: Duration::from_secs(10),
            run: None,
            is_idle: false,
            #[cfg(feature = "redis-tls")]
            root_certificates: None,
        }
    }
}

impl SharedQuotaBuilder {
    /// A limit, over all processes; *the same for all*. May be called again, for up to [`MAX_LIMITS`], which are
    /// numbered from 0. There must be one, or a cap. Its burst must leave room for
    /// [the margin](SharedQuota#the-margin).
    pub fn limit(mut self, limit: Limit) -> SharedQuotaBuilder {
        self.limits.push(limit);
        self
    }

    /// How many requests may be in flight, over all processes; *the same for all*. Defaults to any number: then nobody
    /// counts, and only the cap of each [client](crate::Builder::max_in_flight) holds.
    pub fn max_in_flight(mut self, requests: u32) -> SharedQuotaBuilder {
        self.max_in_flight = Some(requests);
        self
    }

    /// For how long a process that is not heard of keeps its permits; *the same for all*. At least twice as long as any
    /// request may take ([`timeout`](crate::Builder::timeout)); a request that is done in time needs no more. After a
    /// loss of state nobody gets a permit for so long. From 1 s to 1 h. Defaults to 30 s.
    pub fn lease(mut self, lease: Duration) -> SharedQuotaBuilder {
        self.lease = lease;
        self
    }

    /// How old a grant may be when its request is begun, from when Redis was asked for it; an older one is thrown away.
    /// Must be longer than a round trip to Redis. What it costs is [the margin](SharedQuota#the-margin). *The same for
    /// all.* From 1 ms to 1 s. Defaults to 5 ms.
    pub fn use_by(mut self, use_by: Duration) -> SharedQuotaBuilder {
        self.use_by = use_by;
        self
    }

    /// How long those who wait go on waiting while Redis cannot be asked; then they fail with what was the matter.
    /// Nothing is granted meanwhile. It may take a second more, for the timeouts of the last try. Time in which the
    /// process was stopped in the middle of a call does not count. Defaults to 10 s.
    pub fn redis_wait(mut self, wait: Duration) -> SharedQuotaBuilder {
        self.redis_wait = wait;
        self
    }

    /// The run that this process is a part of: the first [failure](SharedQuota::fail) in any process that names the
    /// same run and quota ends all of them. A run that has failed has done so for a day, or longer where the quota is
    /// remembered for longer: name the next one differently. Defaults to none.
    pub fn run(mut self, run: impl Into<String>) -> SharedQuotaBuilder {
        self.run = Some(run.into());
        self
    }

    /// The password, in place of the URL's.
    pub fn password(mut self, password: impl Into<String>) -> SharedQuotaBuilder {
        self.password = Some(password.into());
        self
    }

    /// Trusts these authorities alone on the way to Redis, in the format PEM; needs `rediss://`. Defaults to the roots
    /// that Mozilla trusts; the system's store is not read. (Feature `redis-tls`.)
    #[cfg(feature = "redis-tls")]
    pub fn root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> SharedQuotaBuilder {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Says that, if Redis knows nothing of this quota, that is because it is new, and nobody has a request in flight.
    /// Otherwise the first process waits for a [`lease`](Self::lease), since Redis may as well have lost what it knew.
    /// Makes no difference where permits are not counted. Defaults to false.
    pub fn is_idle(mut self, is_idle: bool) -> SharedQuotaBuilder {
        self.is_idle = is_idle;
        self
    }

    /// Connects, and makes sure that the limits are those of the others. Starts one thread, and a second one if there
    /// is a cap or a run; they end when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// A setting that cannot work; Redis out of reach (it is tried once: nothing has begun yet), or not as it must be;
    /// other limits under the same name; a run that has failed already.
    pub fn connect(self) -> Result<SharedQuota, SharedError> {
        let terms = self.terms()?;
        let (keys, server) = self.place()?;
        SharedQuota::start(Parts {
            name: self.name,
            server: Arc::new(server),
            keys,
            terms,
            redis_wait: self.redis_wait,
            has_run: self.run.is_some(),
            is_idle: self.is_idle,
        })
    }

    /// Checks the settings, and asks nobody.
    ///
    /// # Errors
    ///
    /// A setting that cannot work; the text names it, its value, and what would be right.
    pub fn check(&self) -> Result<(), SharedError> {
        self.terms()?;
        self.place().map(drop)
    }

    /// What Redis knows of the quota. Changes nothing, starts nothing, and needs neither limits nor a cap to be set.
    ///
    /// # Errors
    ///
    /// Redis out of reach (it is tried once, and has 500 ms to connect and as long to answer), or not as it must be.
    pub fn status(&self) -> Result<SharedStatus, SharedError> {
        let (keys, server) = self.place()?;
        let read = status::read(&keys, &mut server.connect()?);
        read.map_err(|error| server.failed("reading the status", error))?.ok_or_else(|| {
            let text = format!("what is at {} is of a version that is not known here", server.name);
            SharedError::new(SharedErrorKind::Refused, text)
        })
    }

    fn place(&self) -> Result<(Keys, Server), SharedError> {
        let keys = Keys::new(&self.name, self.run.as_deref())?;
        let server = Server::parse(
            &self.url,
            self.password.as_deref(),
            #[cfg(feature = "redis-tls")]
            self.root_certificates.as_deref(),
        )?;
        Ok((keys, server))
    }

    fn terms(&self) -> Result<Terms, SharedError> {
        if self.limits.is_empty() && self.max_in_flight.is_none() {
            return Err(SharedError::setting("limit", "not set", "a quota needs a limit or a cap"));
        }
        if self.limits.len() > MAX_LIMITS {
            let right = format!("at most {MAX_LIMITS}");
            return Err(SharedError::setting("limit", format!("one of {}", self.limits.len()), right));
        }
        for limit in &self.limits {
            limit.checked().map_err(|invalid| SharedError::setting("limit", limit, invalid))?;
        }
        if self.max_in_flight == Some(0) {
            return Err(SharedError::setting("max_in_flight", 0, "at least 1"));
        }
        let within = |setting, value: Duration, least: Duration, most: Duration| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let right = format!("it may be from {least:?} to {most:?}");
            Err(SharedError::setting(setting, format!("{value:?}"), right))
        };
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        within("lease", self.lease, second, second * 3_600)?;
        within("use_by", self.use_by, millisecond, second)?;
        within("redis_wait", self.redis_wait, millisecond, second * 86_400)?;
        let terms = Terms {
            limits: self.limits.clone(),
            max_in_flight: self.max_in_flight,
            lease: self.lease,
            use_by: self.use_by,
        };
        if terms.measures().is_none() {
            return Err(too_large(&terms.limits));
        }
        if let Some((limit, burst)) = terms.too_tight() {
            let right = format!(
                "a grant may be used {:?} late, and with so small a burst the bound would only hold at \
                 a much lower rate; use a burst of at least {burst}, or a shorter use_by",
                terms.use_by
            );
            return Err(SharedError::setting("limit", limit, right));
        }
        Ok(terms)
    }
}

/// Of a limit that the script cannot count.
pub(super) fn too_large(limits: &[Limit]) -> SharedError {
    let all: Vec<String> = limits.iter().map(Limit::to_string).collect();
    let right = "a burst that takes as long as that to fill cannot be counted exactly; use a rounder rate, \
                 or a smaller burst";
    SharedError::new(SharedErrorKind::InvalidSetting, format!("limit is {}: {right}", all.join(" and ")))
}

impl std::fmt::Debug for SharedQuotaBuilder {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedQuotaBuilder")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .field("max_in_flight", &self.max_in_flight)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
