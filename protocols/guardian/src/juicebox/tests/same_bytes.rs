//! Every message, byte for byte as serde and ciborium write it, in both
//! directions, and frozen.

use allod_crypto::hash;
use allod_wire::limits;
use data_encoding::HEXLOWER;

use super::mirror::{SecretsRequest, SecretsResponse, from_slice, to_vec};
use super::{requests, responses};
use crate::juicebox::{Request, Response};

#[test]
fn every_request_is_what_the_sdk_sends() {
    for request in requests() {
        let theirs = to_vec(&SecretsRequest::from(&request));
        assert_eq!(*request.encode(), theirs, "{}", request.name());
        assert_eq!(Request::decode(&theirs), Ok(request));
    }
}

#[test]
fn every_request_of_ours_is_read_by_the_sdk_as_what_it_was() {
    for request in requests() {
        let read: SecretsRequest = from_slice(&request.encode());
        assert_eq!(read, SecretsRequest::from(&request));
    }
}

#[test]
fn every_response_is_what_a_realm_of_juicebox_sends() {
    for response in responses() {
        let theirs = to_vec(&SecretsResponse::from(&response));
        assert_eq!(*response.encode(), theirs, "{response:?}");
        assert_eq!(Response::decode(&theirs), Ok(response));
    }
}

#[test]
fn every_response_of_ours_is_read_by_the_sdk_as_what_it_was() {
    for response in responses() {
        let read: SecretsResponse = from_slice(&response.encode());
        assert_eq!(read, SecretsResponse::from(&response));
    }
}

#[test]
fn the_largest_request_and_response_stay_within_their_limits() {
    let request = requests().iter().map(|request| request.encode().len()).max();
    assert!(request.is_some_and(|size| size <= limits::REALM_REQUEST_MAX), "{request:?}");
    let response = responses().iter().map(|response| response.encode().len()).max();
    // What a padded response of Juicebox holds.
    assert!(response.is_some_and(|size| size <= 436), "{response:?}");
}

#[test]
fn the_messages_are_frozen() {
    let requests: alloc::vec::Vec<u8> = requests().iter().flat_map(|r| r.encode().to_vec()).collect();
    let responses: alloc::vec::Vec<u8> = responses().iter().flat_map(|r| r.encode().to_vec()).collect();
    assert_eq!(
        HEXLOWER.encode(&hash::sha256(&requests)),
        "d72c75352d58446306fb1631355cfe899d7193c5706e5865a78717e24e2d8c74"
    );
    assert_eq!(
        HEXLOWER.encode(&hash::sha256(&responses)),
        "02bb07e1a8b993ad59df97b1b5b9a7ed5c21fe24baa4f69ae8a2965f7f63888a"
    );
}

#[test]
fn no_share_is_printed_with_a_message() {
    for request in requests() {
        let text = alloc::format!("{request:?}");
        assert!(!text.contains("oprf_private_key: [") && !text.contains("tag: ["), "{text}");
    }
    for response in responses() {
        assert!(!alloc::format!("{response:?}").contains("share: ["));
    }
}
