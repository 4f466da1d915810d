//! How the service gets in: as a user of the ACL, and through TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use ultra_testenv::Stack;

use crate::harness::{QUESTION, Service, redis_at};

#[tokio::test]
async fn a_user_of_the_acl_that_may_use_our_keys_only_is_enough_and_a_wrong_password_is_named() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let mut redis = redis_at(stack.redis().url()).await;
    let rules = "on >a-long-password ~ultra:* +@read +@write +@connection +select +eval +dbsize +info +scan";
    let mut setuser = redis::cmd("ACL");
    setuser
        .arg("SETUSER")
        .arg("ultra")
        .arg(rules.split(' ').collect::<Vec<_>>());
    setuser.exec_async(&mut redis).await.unwrap();
    let url = |password: &str| {
        stack
            .redis()
            .url()
            .replace("redis://", &format!("redis://ultra:{password}@"))
    };

    let service = Service::start(&[("REDIS_URL", &url("a-long-password"))], None).await;
    assert_eq!(service.ask(QUESTION).await["cached"], false);
    assert_eq!(service.ask(QUESTION).await["cache"], "redis");
    service.dependency_is("cache", "up").await;

    let service = Service::start(&[("REDIS_URL", &url("another-password"))], None).await;
    let report = service.dependency_is("cache", "down").await;
    assert_eq!(
        report["dependencies"]["cache"]["error"], "authentication",
        "{report}"
    );
    assert_eq!(service.ask(QUESTION).await["cached"], false);
    assert_eq!(service.ask(QUESTION).await["cache"], "memory");
}

/// A port in front of Redis that speaks TLS, and the authority that vouches for it.
async fn encrypted(redis: &str) -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &ca)
        .unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let redis = redis
        .trim_start_matches("redis://")
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, redis) = (acceptor.clone(), redis.clone());
            tokio::spawn(async move {
                // A client that does not trust us goes away.
                let Ok(mut outside) = acceptor.accept(stream).await else {
                    return;
                };
                let mut inside = TcpStream::connect(redis).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    (port, ca.pem())
}

#[tokio::test]
async fn tls_is_taken_from_whom_the_given_authority_vouches_for_and_from_nobody_else() {
    // Whoever asks for TLS here takes the process's default, which the service installs when it is built.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stack = Stack::builder().redis().start().await.unwrap();
    let (port, ca) = encrypted(stack.redis().url()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ca).unwrap();
    let database = stack.redis().url().rsplit('/').next().unwrap();
    let url = |host: &str| format!("rediss://{host}:{port}/{database}");
    let trusting = ("ULTRA_CACHE_CA_FILE", file.to_str().unwrap());

    let service = Service::start(&[("REDIS_URL", &url("localhost")), trusting], None).await;
    assert_eq!(service.ask(QUESTION).await["cached"], false);
    assert_eq!(service.ask(QUESTION).await["cache"], "redis");

    // An authority that the system does not know, and a host that the certificate does not name.
    let untrusting: [&[(&str, &str)]; 2] = [
        &[("REDIS_URL", &url("localhost"))],
        &[("REDIS_URL", &url("127.0.0.1")), trusting],
    ];
    for vars in untrusting {
        let service = Service::start(vars, None).await;
        let report = service.dependency_is("cache", "down").await;
        assert_eq!(report["dependencies"]["cache"]["error"], "tls", "{report}");
        service.ask(QUESTION).await;
        assert_eq!(service.ask(QUESTION).await["cache"], "memory");
    }
}
