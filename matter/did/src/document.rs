//! An identity as a W3C DID document (DID Core 1.0; Controlled Identifiers 1.0
//! for `Multikey`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::{Device, PublicKey, State};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "@context")]
    context: [&'static str; 2],
    id: String,
    verification_method: Vec<VerificationMethod>,
    // DID Core wants a relationship to be absent rather than empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authentication: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assertion_method: Vec<String>,
    capability_invocation: [String; 1],
    capability_delegation: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMethod {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    controller: String,
    public_key_multibase: String,
}

/// The document of `state`: the root's key first, then the devices' in the order
/// they were added. A key's fragment is its multibase text.
pub(crate) fn document(state: &State) -> String {
    let did = format!("{}", state.did());
    let url = |key: &PublicKey| format!("{did}#{}", key.to_multibase());
    let method = |key: &PublicKey| VerificationMethod {
        id: url(key),
        kind: "Multikey",
        controller: did.clone(),
        public_key_multibase: key.to_multibase(),
    };
    let keys = || state.devices().iter().map(Device::key);
    let document = Document {
        context: ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        id: did.clone(),
        verification_method: core::iter::once(state.root()).chain(keys()).map(method).collect(),
        authentication: keys().map(url).collect(),
        assertion_method: keys().map(url).collect(),
        capability_invocation: [url(state.root())],
        capability_delegation: [url(state.root())],
    };
    match serde_json::to_string(&document) {
        Ok(text) => text,
        Err(_) => unreachable!("text keys and text values are always JSON"),
    }
}
