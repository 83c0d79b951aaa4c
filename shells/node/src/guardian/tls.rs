//! A guardian's certificate.

use std::path::Path;
use std::sync::Arc;

use allod_crypto::hash;
use data_encoding::BASE64URL_NOPAD;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{GuardianError, Tls};
use crate::files;

/// What a connection is accepted with, and the pin that clients put into the
/// guardian's address.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// Only for a certificate that no authority vouches for.
    pub(crate) pin: Option<String>,
}

/// Loads the certificate, or makes one in `state`. Nothing where TLS is off.
pub(crate) fn load(tls: &Tls, state: &Path) -> Result<Option<Identity>, GuardianError> {
    let (certificate, key, own) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { certificate, key } => (certificate.clone(), key.clone(), false),
        Tls::SelfSigned => {
            let (certificate, key) = (state.join("certificate.pem"), state.join("certificate.key"));
            if !(certificate.exists() && key.exists()) {
                make(&certificate, &key)?;
            }
            (certificate, key, true)
        }
    };
    let wrong = |e: &dyn std::fmt::Display| GuardianError::Tls(e.to_string());
    let chain = read(&certificate)?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|e| wrong(&format!("{}: {e}", key.display())))?;
    let pin = chain.first().filter(|_| own).map(|leaf| pin_of(leaf));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| wrong(&e))?;
    Ok(Some(Identity { config: Arc::new(config), pin }))
}

/// The pin that belongs behind a guardian's address: that of its own certificate,
/// which is made if it is not there. Nothing where an authority vouches for it, or
/// where TLS is off.
///
/// # Errors
/// [`GuardianError::Tls`], [`GuardianError::File`].
pub fn own_pin(config: &super::Config) -> Result<Option<String>, GuardianError> {
    files::private_folder(&config.state)?;
    Ok(load(&config.tls, &config.state)?.and_then(|identity| identity.pin))
}

/// The pin of the certificate that [`load`] takes, if it is there already.
/// Nothing where TLS is off.
pub(super) fn pin(tls: &Tls, state: &Path) -> Result<Option<String>, GuardianError> {
    let chain = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { certificate, .. } => read(certificate)?,
        Tls::SelfSigned => read(&state.join("certificate.pem"))?,
    };
    Ok(chain.first().map(|leaf| pin_of(leaf)))
}

fn read(certificate: &Path) -> Result<Vec<CertificateDer<'static>>, GuardianError> {
    CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|e| GuardianError::Tls(format!("{}: {e}", certificate.display())))
}

/// The pin of a certificate: the first 16 bytes of its SHA-256, in base64url.
/// Making another certificate with the same pin takes 2^128 tries.
pub fn pin_of(certificate: &[u8]) -> String {
    BASE64URL_NOPAD.encode(&hash::sha256(certificate)[..16])
}

/// A certificate that names nobody and does not end: clients know it by its pin.
fn make(certificate: &Path, key: &Path) -> Result<(), GuardianError> {
    let wrong = |e: rcgen::Error| GuardianError::Tls(e.to_string());
    let pair = rcgen::KeyPair::generate().map_err(wrong)?;
    let mut params = rcgen::CertificateParams::new(vec!["allod-guardian".to_owned()]).map_err(wrong)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let made = params.self_signed(&pair).map_err(wrong)?;
    files::replace(key, pair.serialize_pem().as_bytes())?;
    files::replace(certificate, made.pem().as_bytes())?;
    Ok(())
}
