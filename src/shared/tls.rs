//! TLS on the way to Redis: whom it trusts, and what cannot be mended by another try.
//!
//! As for HTTP: the roots that Mozilla trusts are built in, or those that are given are trusted alone.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use redis::{Client, ConnectionInfo, RedisError, TlsCertificates};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::SharedError;

const SETTING: &str = "root_certificates_pem";

/// A client that trusts these roots alone.
pub(super) fn client(info: ConnectionInfo, roots: &[u8]) -> Result<Client, SharedError> {
    let wrong = |right: String| SharedError::setting(SETTING, "not usable", right);
    if !matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
        return Err(wrong("redis:// goes without TLS; use rediss://".to_owned()));
    }
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(wrong(
            "it holds no certificate between BEGIN CERTIFICATE and END CERTIFICATE".to_owned(),
        ));
    }
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(roots.to_vec()) };
    Client::build_with_tls(info, certificates).map_err(|error| wrong(error.to_string()))
}

/// The crate `redis` takes the process's way to encrypt, and panics where there is none and it cannot tell which one is
/// meant. If the program has chosen one, that stays.
pub(super) fn choose_provider() {
    if CryptoProvider::get_default().is_none() {
        // Somebody else was faster, if it fails.
        let _ = ring::default_provider().install_default();
    }
}

/// Whether it has failed because of what the server is, or shows.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    type Shared = Arc<dyn StdError + Send + Sync>;
    let source = error.source().and_then(|source| source.downcast_ref::<Shared>());
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    tls.is_some()
}
