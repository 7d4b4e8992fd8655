//! TLS to PostgreSQL, asked for as libpq does it (PostgreSQL's manual, section 34.19): by `sslmode`,
//! `sslrootcert`, `sslcert` and `sslkey` in the query of the URL.

use std::{fmt, sync::Arc};

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
    /// It trusts whoever has a certificate, which everybody can get for a host of their own.
    #[error(
        "needs sslmode=verify-full, or the file of an authority in sslrootcert: public authorities \
         certify everybody"
    )]
    Weak,
    /// A file cannot be read.
    #[error("names a file in {parameter} that cannot be read: {why}")]
    File {
        /// The parameter of the URL.
        parameter: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is nobody who could have certified the server.
    #[error(
        "trusts no authority: sslrootcert names a file without certificates, or this machine has none"
    )]
    NoAuthority,
    /// Half of what a client shows is missing.
    #[error("has one of sslcert and sslkey: give both, or neither")]
    HalfCertificate,
    /// The key does not belong to the certificate, or is none that TLS knows.
    #[error("names a certificate and a key that do not serve: {0}")]
    Certificate(Error),
}

/// The parameters of a URL that are about TLS.
#[derive(Default)]
pub(crate) struct Parameters {
    pub(crate) mode: Option<String>,
    pub(crate) root: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
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

/// The authorities that a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    None,
    /// Those that this machine trusts.
    System,
    File,
}

/// Whether a connection uses TLS, and how.
#[derive(Debug)]
pub(crate) struct Tls {
    /// `None` where the connection string is no URL, and so says it by itself.
    pub(crate) mode: Option<SslMode>,
    pub(crate) config: ClientConfig,
}

/// The URL without the parameters of TLS, and TLS as they ask for it. Another connection string is left
/// as it is.
pub(crate) fn split(url: &str) -> Result<(String, Tls), InvalidTls> {
    let (rest, parameters) = parameters(url);
    let root = match parameters.root.as_deref() {
        None => Root::None,
        Some("system") => Root::System,
        Some(_) => Root::File,
    };
    let (mode, trust) = match (parameters.mode.as_deref(), root) {
        (None, Root::None) => (None, Trust::Anybody),
        (Some("disable"), _) => (Some(SslMode::Disable), Trust::Anybody),
        (Some("prefer"), Root::None) => (Some(SslMode::Prefer), Trust::Anybody),
        (Some("require"), Root::None) => (Some(SslMode::Require), Trust::Anybody),
        // Where there is an authority to ask, it is asked.
        (None | Some("prefer"), Root::File) => (Some(SslMode::Prefer), Trust::Certified),
        (Some("require" | "verify-ca"), Root::File) => (Some(SslMode::Require), Trust::Certified),
        (None, Root::System) | (Some("verify-full"), _) => {
            (Some(SslMode::Require), Trust::CertifiedHost)
        }
        (Some("prefer" | "require" | "verify-ca"), _) => return Err(InvalidTls::Weak),
        (Some(_), _) => return Err(InvalidTls::Mode),
    };
    let config = config(trust, &parameters)?;
    Ok((rest, Tls { mode, config }))
}

/// The URL without its parameters of TLS, and those.
pub(crate) fn parameters(url: &str) -> (String, Parameters) {
    let mut found = Parameters::default();
    let Some((base, query)) = base_and_query(url) else {
        return (url.to_owned(), found);
    };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let parameter = match name {
            "sslmode" => &mut found.mode,
            "sslrootcert" => &mut found.root,
            "sslcert" => &mut found.certificate,
            "sslkey" => &mut found.key,
            _ => {
                rest.push(pair);
                continue;
            }
        };
        *parameter = Some(decoded(value));
    }
    let rest = match rest.join("&") {
        none if none.is_empty() => base.to_owned(),
        rest => format!("{base}?{rest}"),
    };
    (rest, found)
}

/// The parts of a URL around the question mark of its query: the first one behind the credentials, which
/// may hold others.
fn base_and_query(url: &str) -> Option<(&str, &str)> {
    let scheme = ["postgres://", "postgresql://"];
    let scheme = scheme.into_iter().find(|scheme| url.starts_with(scheme))?;
    let start = url.find('@').unwrap_or(scheme.len());
    let mark = start + url.get(start..)?.find('?')?;
    Some((url.get(..mark)?, url.get(mark + 1..)?))
}

/// A value without its percent signs (RFC 3986, section 2.1). In the URLs of PostgreSQL a plus is a plus.
fn decoded(value: &str) -> String {
    let value = value.replace('+', "%2B");
    form_urlencoded::parse(value.as_bytes())
        .next()
        .map_or_else(String::new, |(value, _)| value.into_owned())
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
    let mut config = match (&parameters.certificate, &parameters.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates("sslcert", certificate)?;
            let key =
                PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("sslkey", error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(InvalidTls::Certificate)?
        }
        _ => return Err(InvalidTls::HalfCertificate),
    };
    // What a server that is spoken to in TLS at once must hear (sslnegotiation=direct).
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
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
        return Err(InvalidTls::NoAuthority);
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
    InvalidTls::File {
        parameter,
        why: why.to_string(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(url: &str) -> String {
        parameters(url).0
    }

    #[test]
    fn what_is_not_about_tls_is_left_as_it_is() {
        for url in [
            "postgres://balcao@localhost/balcao",
            "postgres://balcao:pa?ss@localhost/balcao",
            "postgres://h/db?options=-c%20timezone%3DUTC+3&application_name=a+b",
            "postgresql://one,two:5433/db?target_session_attrs=read-write",
            "host=localhost password=a?sslmode=b",
        ] {
            assert_eq!(rest(url), url);
        }
    }

    #[test]
    fn the_parameters_of_tls_are_taken_out_wherever_they_stand() {
        let url = "postgres://balcao:a?b@h/db?connect_timeout=3&sslmode=require&sslkey=%2Fa+b%20c";
        let (rest, found) = parameters(url);
        assert_eq!(rest, "postgres://balcao:a?b@h/db?connect_timeout=3");
        assert_eq!(found.mode.as_deref(), Some("require"));
        assert_eq!(found.key.as_deref(), Some("/a+b c"));
        assert_eq!(
            super::parameters("postgres://h/db?sslmode=disable").0,
            "postgres://h/db"
        );
    }

    #[test]
    fn nobody_is_trusted_for_a_certificate_that_everybody_can_get() {
        for query in [
            "sslmode=prefer&sslrootcert=system",
            "sslmode=require&sslrootcert=system",
            "sslmode=verify-ca&sslrootcert=system",
            "sslmode=verify-ca",
        ] {
            let told = split(&format!("postgres://h/db?{query}"));
            assert!(matches!(told, Err(InvalidTls::Weak)), "{query}");
        }
    }
}
