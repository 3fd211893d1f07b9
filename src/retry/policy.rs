//! What a user sets about retries.

use std::time::Duration;

use crate::error::BuildError;

/// Which failures are tried again, how often, and after what wait. Off by default: the first failure is the answer.
///
/// ```
/// use std::time::Duration;
/// use fanout::RetryPolicy;
///
/// let policy = RetryPolicy::new(4).on_500(true).max_backoff(Duration::from_secs(10));
/// assert_eq!(policy.retries(), 4);
/// assert_eq!(RetryPolicy::default(), RetryPolicy::none());
/// ```
///
/// A policy that cannot work (see the setters) can be written down but not used:
/// [`build`](crate::Builder::build) refuses it with an error that names the value.
///
/// # What is tried again
///
/// | failure | of a kind, or a status | backoff |
/// | --- | --- | --- |
/// | no answer | `NameLookup`¹ `Connect`⁵ `Timeout` `Disconnected`² | fault |
/// | half an answer | `TruncatedBody` | fault |
/// | the server has a fault | 408 425 500³ 502 503 504 | fault |
/// | the server wants less | 429, and 503 if it tells when to come back⁴ | throttling |
///
/// ¹ Unless the look-up says that there is no such name ([`NotFound`](std::io::ErrorKind::NotFound)), which only one
/// that is [given](crate::Builder::lookup) can: the system's tells a server that is down and a name that is wrong by
/// their texts alone. ² Also a kept connection that turns out to be dead, when it has been replayed once already.
/// ³ Only when [asked for](RetryPolicy::on_500). ⁴ Also any other refusal that speaks of a limit, as GitHub's 403 does.
/// ⁵ Unless a proxy forbids it, by a status from 400 to 499 that is none of 408, 425 and 429.
///
/// Nothing else: another try would end in the same way. A certificate that does not hold today, a body that is too
/// large, and a redirect to nowhere will be so in a second.
///
/// # Twice is not once
///
/// A request that may have reached the server is tried again only if doing it twice is the same as doing it once: if
/// its method is idempotent (RFC 9110, section 9.2.2: GET, HEAD, OPTIONS, TRACE, PUT, DELETE), if it has an
/// `Idempotency-Key` header, or if the caller [insists](RetryPolicy::even_unsafe). That holds for every failure, also
/// for a body that is cut off after the head of a success, and for a 429. A request of which certainly nothing was
/// sent ([`Sent::Never`](crate::Sent::Never)) may be tried again whatever it is.
///
/// # When
///
/// The wait is drawn evenly from nothing up to a bound ("full jitter"), which doubles with each try, up to a cap. The
/// bound begins longer for throttling, where coming back soon makes it worse.
///
/// | failed try | fault: wait at most | throttling: wait at most |
/// | --- | --- | --- |
/// | 1 | 200 ms | 1 s |
/// | 2 | 400 ms | 2 s |
/// | 3 | 800 ms | 4 s |
/// | 4 | 1.6 s | 8 s |
/// | 5 | 3.2 s | 16 s |
/// | 6 | 6.4 s | 30 s |
/// | 7 | 12.8 s | 30 s |
/// | 8 | 25.6 s | 30 s |
/// | 9 and more | 30 s | 30 s |
///
/// If the server tells an instant (`Retry-After`, for one), there is no try before it, nor in the very millisecond in
/// which everybody else comes back, but up to one base later: 200 ms or 1 s.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RetryPolicy {
    pub(super) retries: u32,
    pub(super) on_500: bool,
    pub(super) even_unsafe: bool,
    pub(super) fault_base: Duration,
    pub(super) throttling_base: Duration,
    pub(super) max_backoff: Duration,
}

impl RetryPolicy {
    /// The most retries of an id: 100.
    pub const MAX_RETRIES: u32 = 100;

    /// No retries.
    pub const fn none() -> RetryPolicy {
        RetryPolicy::new(0)
    }

    /// Up to so many tries of an id after the first, from 0 to [`MAX_RETRIES`](RetryPolicy::MAX_RETRIES).
    pub const fn new(retries: u32) -> RetryPolicy {
        RetryPolicy {
            retries,
            on_500: false,
            even_unsafe: false,
            fault_base: Duration::from_millis(200),
            throttling_base: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
        }
    }

    /// Whether a 500 is tried again, too. Many servers answer so to a request that they will never be able to serve.
    /// Defaults to false.
    pub const fn on_500(mut self, on_500: bool) -> RetryPolicy {
        self.on_500 = on_500;
        self
    }

    /// Whether a request is tried again even if the server may have acted on it and doing it twice is not the same as
    /// doing it once: a POST, for instance. Defaults to false.
    pub const fn even_unsafe(mut self, even_unsafe: bool) -> RetryPolicy {
        self.even_unsafe = even_unsafe;
        self
    }

    /// The most that is waited after a first try that ended in a fault. Must be more than 0. Defaults to 200 ms.
    pub const fn fault_base(mut self, base: Duration) -> RetryPolicy {
        self.fault_base = base;
        self
    }

    /// The most that is waited after a first try that was throttled, if the server does not tell for how long. Must
    /// be more than 0. Defaults to 1 s.
    pub const fn throttling_base(mut self, base: Duration) -> RetryPolicy {
        self.throttling_base = base;
        self
    }

    /// The most that is waited after any try, but for what the server tells. Must not be less than either base.
    /// Defaults to 30 s.
    pub const fn max_backoff(mut self, cap: Duration) -> RetryPolicy {
        self.max_backoff = cap;
        self
    }

    /// How many tries there may be after the first.
    #[must_use]
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    /// Whether it can be used, or which of its settings cannot.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        if self.retries > RetryPolicy::MAX_RETRIES {
            let right = format!("it may be from 0 to {}", RetryPolicy::MAX_RETRIES);
            return Err(BuildError::new("retries", self.retries, right));
        }
        let bases =
            [("fault_base", self.fault_base, "200 ms"), ("throttling_base", self.throttling_base, "1 s")];
        for (setting, base, usual) in bases {
            if base.is_zero() {
                return Err(BuildError::new(setting, "0", format!("it must be longer, say {usual}")));
            }
            if self.max_backoff < base {
                let right = format!("it must not be less than {setting}, which is {base:?}");
                return Err(BuildError::new("max_backoff", format!("{:?}", self.max_backoff), right));
            }
        }
        Ok(())
    }
}

/// So many further tries.
impl From<u32> for RetryPolicy {
    fn from(retries: u32) -> RetryPolicy {
        RetryPolicy::new(retries)
    }
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_work_is_refused_by_the_name_of_what_is_wrong() {
        let ms = Duration::from_millis;
        let cases = [
            (RetryPolicy::new(101), "retries", "retries is 101: it may be from 0 to 100"),
            (
                RetryPolicy::new(1).fault_base(Duration::ZERO),
                "fault_base",
                "fault_base is 0: it must be longer, say 200 ms",
            ),
            (
                RetryPolicy::new(1).throttling_base(Duration::ZERO),
                "throttling_base",
                "throttling_base is 0: it must be longer, say 1 s",
            ),
            (
                RetryPolicy::new(1).max_backoff(ms(999)),
                "max_backoff",
                "max_backoff is 999ms: it must not be less than throttling_base, which is 1s",
            ),
            (
                RetryPolicy::new(1).fault_base(ms(31_000)),
                "max_backoff",
                "max_backoff is 30s: it must not be less than fault_base, which is 31s",
            ),
        ];
        for (policy, setting, text) in cases {
            let error = policy.check().unwrap_err();
            assert_eq!((error.setting(), error.to_string().as_str()), (setting, text));
        }
    }

    #[test]
    fn what_is_just_within_the_bounds_can_be_used() {
        let second = Duration::from_secs(1);
        let nano = Duration::from_nanos(1);
        let policies = [
            RetryPolicy::none(),
            RetryPolicy::new(RetryPolicy::MAX_RETRIES),
            RetryPolicy::new(1).max_backoff(second),
            RetryPolicy::new(1).fault_base(nano).throttling_base(nano).max_backoff(nano),
            RetryPolicy::new(1).max_backoff(Duration::MAX),
        ];
        for policy in policies {
            assert_eq!(policy.check(), Ok(()), "{policy:?}");
        }
    }
}
