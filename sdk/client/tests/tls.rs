//! HTTPS: a certificate that is trusted is talked to, any other is not.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "what the test sets up itself must work")]

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use sillage_sdk::Client;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Answers each batch as a collector does, over TLS.
fn serve(key: &CertifiedKey<KeyPair>) -> SocketAddr {
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                // Who does not trust us hangs up, which is what one of the tests is about.
                answer(&acceptor, stream).await;
            }
        });
    });
    address
}

async fn answer(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut request = vec![0; 16 * 1_024];
    let len = stream.read(&mut request).await.ok()?;
    let request = String::from_utf8_lossy(&request[..len]).into_owned();
    let batch_id = request.split_once("\"batchId\":\"")?.1.split('"').next()?;
    let body = format!(
        r#"{{"success":true,"batchId":"{batch_id}","accepted":1,"duplicates":0,"rejected":[]}}"#
    );
    let len = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await.ok()
}

#[test]
fn only_a_trusted_certificate_is_talked_to() {
    let key = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let endpoint = format!("https://localhost:{}", serve(&key).port());
    let tracked = |trusted: bool| {
        let builder = Client::builder("wk", &endpoint);
        let builder = if trusted { builder.trust(key.cert.der().to_vec()) } else { builder };
        let client = builder.start().unwrap();
        client.track("Product Viewed", &[]);
        client
    };
    let client = tracked(true);
    assert_eq!(client.flush_blocking(Duration::from_secs(20)).pending, 0);
    assert_eq!(client.ledger().acknowledged, 1);
    let client = tracked(false);
    assert_eq!(client.flush_blocking(Duration::from_secs(2)).pending, 1);
}
