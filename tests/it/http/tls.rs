//! TLS: whom it trusts, and that it ends.

use super::*;

#[test]
fn a_tls_handshake_that_hangs_ends_with_a_timeout() {
    let silent = Server::start();
    let timeout = Duration::from_millis(300);
    let client = builder(format!("https://{}/{{id}}", silent.addr))
        .timeout(timeout)
        .connect_timeout(timeout)
        .build()
        .unwrap();
    let start = Instant::now();
    let (result, took) = fetch(&client, &CancelToken::new(), &["a"]).wait_since(start);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::Never), "{error}");
    assert!(timeout <= took && took < AT_ONCE, "{took:?}");
    until("its socket is closed", || silent.closed() == 1);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_an_error_before_anything_is_sent() {
    let server = Server::start_tls();
    let client = builder(server.url()).build().unwrap();
    let error = fetch_one(&client, "7").unwrap_err();
    assert_eq!((error.kind(), error.sent(), error.id()), (ErrorKind::Tls, Sent::Never, Some("7")), "{error}");
    assert!(error.to_string().starts_with("id 7: the TLS handshake with localhost:"), "{error}");
    assert!(error.source().is_some_and(|source| source.to_string().contains("certificate")), "{error:?}");
    // Good for localhost, and not for its address.
    let client = builder(format!("https://{}/{{id}}", server.addr))
        .root_certificates_pem(Tls::get().pem.clone())
        .build()
        .unwrap();
    assert_eq!(fetch_one(&client, "7").unwrap_err().kind(), ErrorKind::Tls);
    drop(client);
    assert_eq!(server.finish(), 0);
}

#[test]
fn tls_with_a_certificate_that_is_trusted_works_and_keeps_its_connections() {
    let server = Server::start_tls();
    let client = builder(server.url()).root_certificates_pem(Tls::get().pem.clone()).build().unwrap();
    for id in ["a", "b", "c"] {
        let call = fetch(&client, &CancelToken::new(), &[id]);
        let request = server.next();
        assert_eq!(request.connection, 1);
        request.answer(200, "safe");
        assert_eq!(call.wait().unwrap()[id], "safe");
    }
}
