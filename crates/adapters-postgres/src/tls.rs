//! TLS to PostgreSQL, asked for as libpq does it (PostgreSQL's manual, section 34.19): by `sslmode`,
//! `sslrootcert`, `sslcert` and `sslkey` in the query of the URL.

use std::{fmt, sync::Arc};

use form_urlencoded::Serializer;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, WantsVerifier,
    client::{
        WantsClientCert, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use thiserror::Error as ThisError;
use tokio_postgres::config::SslMode;

/// Why TLS cannot be set up as a URL asks for it. No message repeats what is in a file.
#[derive(Debug, ThisError)]
pub enum InvalidTls {
    /// There is no such mode.
    #[error("has another sslmode than disable, prefer, require, verify-ca or verify-full")]
    Mode,
    /// A file cannot be read.
    #[error("names a file in {parameter} that {why}")]
    File {
        /// The parameter of the URL.
        parameter: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Half of what a client shows is missing.
    #[error("has one of sslcert and sslkey: give both, or neither")]
    HalfCertificate,
    /// The key does not belong to the certificate, or is none that TLS knows.
    #[error("names a certificate and a key that do not serve: {0}")]
    Certificate(Error),
}

/// The parameters of a URL that are about TLS.
#[derive(Default)]
struct Parameters {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Whom a client believes to be the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Whoever answers: what is sent is encrypted, perhaps for somebody in the middle.
    Anybody,
    /// Whoever has a certificate of an authority that is trusted.
    Certified,
    /// The same, and the certificate is for this host.
    CertifiedHost,
}

/// Whether a connection uses TLS, and how.
#[derive(Debug)]
pub(crate) struct Tls {
    /// `None` where the connection string is no URL, and so says it by itself.
    pub(crate) mode: Option<SslMode>,
    pub(crate) config: ClientConfig,
}

/// The URL without the parameters of TLS, and TLS as they ask for it.
pub(crate) fn split(url: &str) -> Result<(String, Tls), InvalidTls> {
    let (rest, parameters) = parameters(url);
    let (mode, trust) = match parameters.mode.as_deref() {
        None => (None, Trust::Anybody),
        Some("disable") => (Some(SslMode::Disable), Trust::Anybody),
        Some("prefer") => (Some(SslMode::Prefer), Trust::Anybody),
        // With a certificate to check, libpq checks it.
        Some("require") if parameters.root.is_some() => (Some(SslMode::Require), Trust::Certified),
        Some("require") => (Some(SslMode::Require), Trust::Anybody),
        Some("verify-ca") => (Some(SslMode::Require), Trust::Certified),
        Some("verify-full") => (Some(SslMode::Require), Trust::CertifiedHost),
        Some(_) => return Err(InvalidTls::Mode),
    };
    let config = config(trust, &parameters)?;
    Ok((rest, Tls { mode, config }))
}

fn parameters(url: &str) -> (String, Parameters) {
    let mut found = Parameters::default();
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), found);
    };
    let mut rest = Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let parameter = match &*name {
            "sslmode" => &mut found.mode,
            "sslrootcert" => &mut found.root,
            "sslcert" => &mut found.certificate,
            "sslkey" => &mut found.key,
            _ => {
                rest.append_pair(&name, &value);
                continue;
            }
        };
        *parameter = Some(value.into_owned());
    }
    // In the URLs of PostgreSQL a plus is a plus.
    (
        format!("{base}?{}", rest.finish().replace('+', "%20")),
        found,
    )
}

fn config(trust: Trust, parameters: &Parameters) -> Result<ClientConfig, InvalidTls> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(InvalidTls::Certificate)?;
    let root = parameters.root.as_deref();
    let builder = match trust {
        Trust::Anybody => verified_by(builder, None, provider),
        Trust::Certified => {
            let chain = WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots(root)?),
                Arc::clone(&provider),
            );
            let chain = chain
                .build()
                .map_err(|error| unreadable("sslrootcert", error))?;
            verified_by(builder, Some(chain), provider)
        }
        Trust::CertifiedHost => builder.with_root_certificates(roots(root)?),
    };
    match (&parameters.certificate, &parameters.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates("sslcert", certificate)?;
            let key =
                PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("sslkey", error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(InvalidTls::Certificate)
        }
        _ => Err(InvalidTls::HalfCertificate),
    }
}

/// The authorities in a file; of this machine, if there is no file or it is called `system`.
fn roots(file: Option<&str>) -> Result<RootCertStore, InvalidTls> {
    let mut roots = RootCertStore::empty();
    match file {
        None | Some("system") => {
            // What cannot be read or parsed is not trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            for certificate in certificates("sslrootcert", file)? {
                roots
                    .add(certificate)
                    .map_err(|error| unreadable("sslrootcert", error))?;
            }
        }
    }
    if roots.is_empty() {
        return Err(unreadable(
            "sslrootcert",
            "holds no certificate, and this machine has none",
        ));
    }
    Ok(roots)
}

fn certificates(
    parameter: &'static str,
    file: &str,
) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|error| unreadable(parameter, error))
}

fn unreadable(parameter: &'static str, why: impl fmt::Display) -> InvalidTls {
    let why = format!("cannot be read: {why}");
    InvalidTls::File { parameter, why }
}

fn verified_by(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyHost { chain, provider }))
}

/// Checks who certified the server, if anybody is trusted to; not for which host that was. That who
/// shows a certificate has its key is checked in any case.
#[derive(Debug)]
struct AnyHost {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The name is the last thing that is checked.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
