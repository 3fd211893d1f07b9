//! The way to Redis: one connection, with a timeout on everything, and errors that name the server and no password.
//!
//! A connection that has failed is never used again: a reply that is late would be taken for that of the next command.

use std::time::Duration;

use redis::{Client, Connection, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, ServerErrorKind};

use super::error::{SharedError, SharedErrorKind};
#[cfg(feature = "redis-tls")]
use super::tls;

/// How long connecting may take, and then how long an answer: 500 ms each.
pub(super) const REPLY_TIMEOUT: Duration = Duration::from_millis(500);

/// Where it is, and how it lets us in.
pub(super) struct Server {
    client: Client,
    /// Without what is secret.
    pub(super) name: String,
}

impl Server {
    /// Reads a URL as `redis://user:password@host:6379/0`; a password that is given beside it wins.
    /// `roots`, if there are some, are trusted alone.
    pub(super) fn parse(
        url: &str,
        password: Option<&str>,
        #[cfg(feature = "redis-tls")] roots: Option<&[u8]>,
    ) -> Result<Server, SharedError> {
        // The URL may hold a password, and is not shown.
        let wrong = |why: &str| {
            let right = "use redis://host:6379, or rediss:// for TLS";
            SharedError::setting("redis", "not a URL of Redis", format!("{why}; {right}"))
        };
        let mut info = url.into_connection_info().map_err(|error| wrong(error.category()))?;
        if let Some(password) = password {
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        let name = match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port} (TLS)"),
            other => other.to_string(),
        };
        #[cfg(feature = "redis-tls")]
        if let Some(roots) = roots {
            return Ok(Server { client: tls::client(info, roots)?, name });
        }
        let client = Client::open(info).map_err(|error| wrong(error.category()))?;
        Ok(Server { client, name })
    }

    /// Connects and logs in.
    pub(super) fn connect(&self) -> Result<Connection, SharedError> {
        #[cfg(feature = "redis-tls")]
        tls::choose_provider();
        let connect = || {
            let connection = self.client.get_connection_with_timeout(REPLY_TIMEOUT)?;
            connection.set_read_timeout(Some(REPLY_TIMEOUT))?;
            connection.set_write_timeout(Some(REPLY_TIMEOUT))?;
            Ok(connection)
        };
        connect().map_err(|error| self.failed("connecting", error))
    }

    /// What went wrong, and whether to wait could help.
    pub(super) fn failed(&self, what: &str, error: RedisError) -> SharedError {
        let kind = match is_final(&error) {
            true => SharedErrorKind::Refused,
            false => SharedErrorKind::Unreachable,
        };
        let why = match error.detail() {
            _ if error.is_timeout() => format!("no answer within {REPLY_TIMEOUT:?}"),
            _ if error.kind() == ErrorKind::Parse => "what answers there is no Redis".to_owned(),
            Some(detail) if wants_a_password(&error) => format!("it wants a password ({detail})"),
            Some(detail) => format!("{} {detail}", error.code().unwrap_or_default()).trim().to_owned(),
            None => error.to_string(),
        };
        SharedError::caused_by(kind, format!("{what} failed at Redis {}: {why}", self.name), error)
    }
}

/// What has so many arguments as the script is refused in other words than a small command, which is told NOAUTH.
fn wants_a_password(error: &RedisError) -> bool {
    error.code() == Some("NOAUTH")
        || error.detail().is_some_and(|detail| detail.contains("unauthenticated multibulk length"))
}

/// Whether the next try would end in the same way.
fn is_final(error: &RedisError) -> bool {
    #[cfg(feature = "redis-tls")]
    if tls::is_refusal(error) {
        return true;
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => true,
        ErrorKind::Server(ServerErrorKind::NoPerm) => true,
        ErrorKind::Extension => {
            matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "WRONGTYPE"))
        }
        // A mistake of the script's, or a server that lacks what it needs; but what a full memory says is an error of
        // the script's, too, where it stops in it.
        ErrorKind::Server(ServerErrorKind::ResponseError) => {
            if wants_a_password(error) {
                return true;
            }
            let detail = error.detail().unwrap_or_default();
            let is_of_the_script =
                detail.contains("user_script") || detail.contains("not allowed from script");
            is_of_the_script
                && !["OOM", "READONLY", "MISCONF", "NOREPLICAS"].iter().any(|word| detail.contains(word))
        }
        _ => false,
    }
}
