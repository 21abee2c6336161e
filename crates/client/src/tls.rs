//! HTTPS: rustls with ring, and the certificates that the system trusts.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::StartError;

/// Settings of our own: a library must not choose the process's provider.
pub(crate) fn settings() -> Result<ClientConfig, StartError> {
    let http = |error: rustls::Error| StartError::Http(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(http)?;
    Ok(builder.with_platform_verifier().map_err(http)?.with_no_client_auth())
}
