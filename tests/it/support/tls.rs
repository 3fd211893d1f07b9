//! A certificate for `localhost` that nobody trusts until told to.

use std::sync::{Arc, LazyLock};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};

/// A server's certificate and key, and the certificate as the client wants it.
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    /// For `root_certificates_pem`.
    pub(crate) pem: String,
    /// For a server that is another program.
    #[cfg(feature = "redis-tls")]
    pub(crate) key_pem: String,
}

/// One for all tests: making keys takes time.
static TLS: LazyLock<Tls> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    Tls {
        config: Arc::new(config),
        pem: made.cert.pem(),
        #[cfg(feature = "redis-tls")]
        key_pem: made.signing_key.serialize_pem(),
    }
});

impl Tls {
    pub(crate) fn get() -> &'static Tls {
        &TLS
    }

    pub(super) fn accept(&self) -> ServerConnection {
        ServerConnection::new(self.config.clone()).unwrap()
    }
}
