//! TLS before a PostgreSQL or a Redis that speaks without it, and the certificates for that.

use std::{env, fs, path::PathBuf, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use crate::{TestDatabase, proxy::server_of, variable};

/// An authority that certifies, and a folder for what clients read; it is gone with this value.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate, and its key.
struct Certified {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = env::temp_dir().join(format!("balcao-tls-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("root.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }
}

impl Authority {
    /// The path of its own certificate.
    #[must_use]
    pub fn root(&self) -> String {
        self.path("root.pem")
    }

    /// The paths of a client's certificate and of its key.
    #[must_use]
    pub fn client(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.folder.join("client.pem"), certificate.pem()).unwrap();
        fs::write(self.folder.join("client.key"), key.serialize_pem()).unwrap();
        (self.path("client.pem"), self.path("client.key"))
    }

    fn path(&self, file: &str) -> String {
        self.folder.join(file).to_str().unwrap().to_owned()
    }

    fn certify(&self, host: &str) -> Certified {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    /// What a server of this host says to its clients; whether they have to show certificates, too.
    fn server(&self, host: &str, asks_clients: bool) -> TlsAcceptor {
        let Certified { chain, key } = self.certify(host);
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ServerConfig::builder();
        let builder = if asks_clients {
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What comes before the handshake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A client of PostgreSQL asks whether it may (its manual, section 55.2.10).
    SslRequest,
}

/// A server that speaks TLS alone. The host of its certificate is chosen.
pub struct TlsProxy {
    port: u16,
}

impl TlsProxy {
    /// Before the server of a database.
    pub async fn to_database(
        database: &TestDatabase,
        authority: &Authority,
        host: &str,
        asks_clients: bool,
    ) -> Self {
        let acceptor = authority.server(host, asks_clients);
        Self::to(server_of(&database.url()), acceptor, Before::SslRequest).await
    }

    /// Before the Redis of these tests.
    pub async fn to_redis(authority: &Authority) -> Self {
        let url = variable("TEST_REDIS_URL");
        let target = url.trim_start_matches("redis://").to_owned();
        let acceptor = authority.server("localhost", false);
        Self::to(target, acceptor, Before::Nothing).await
    }

    async fn to(target: String, acceptor: TlsAcceptor, before: Before) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass_on(near, target.clone(), acceptor.clone(), before));
            }
        });
        Self { port }
    }

    /// The URL of a database through this, with these parameters.
    #[must_use]
    pub fn database_url(&self, database: &TestDatabase, parameters: &str) -> String {
        let url = database.url();
        let url = url.replace(&server_of(&url), &format!("localhost:{}", self.port));
        format!("{url}?{parameters}")
    }

    /// The URL of Redis through this.
    #[must_use]
    pub fn redis_url(&self) -> String {
        format!("rediss://localhost:{}", self.port)
    }
}

/// A client that does not speak TLS, or does not like the certificate, is hung up on.
async fn pass_on(mut near: TcpStream, target: String, acceptor: TlsAcceptor, before: Before) {
    if before == Before::SslRequest {
        let mut request = [0; 8];
        let asked = near.read_exact(&mut request).await.is_ok();
        if !asked || request[4..] != 80_877_103_u32.to_be_bytes() {
            return;
        }
        near.write_all(b"S").await.unwrap();
    }
    if let Ok(mut near) = acceptor.accept(near).await {
        let mut far = TcpStream::connect(target).await.unwrap();
        let _ = copy_bidirectional(&mut near, &mut far).await;
    }
}
