//! What comes over any link: bundles, invitations and greetings.

use std::sync::LazyLock;

use allod_courier::bundle::{Bundle, CANDIDATES_MAX, Reassembly, fragments, pad, unpad};
use allod_courier::contact::{Greeted, Invitation, InvitationSecret, Own, welcome};
use allod_courier::ratchet::OVERHEAD;
use allod_crypto::Secret;
use allod_wire::Instant;

use crate::fixture::{made, pieces};
use crate::guardian::{fixture_log, stream};
use crate::share::fixture_device;

/// The time of the fixtures.
pub const FIXTURE_TODAY: Instant = Instant(1_800_000_000_000);

/// A bundle in its compact form.
pub fn bundle_compact(data: &[u8]) {
    if let Ok(bundle) = Bundle::from_compact(data) {
        assert_eq!(bundle.to_compact(), data);
        assert_eq!(Bundle::from_full(&bundle.to_full()).as_ref(), Ok(&bundle));
        assert_eq!(bundle.message().is_some(), bundle.is_whole());
        let _ = bundle.terms.expires();
        if bundle.is_whole() {
            divide(bundle);
        }
    }
}

/// What a bundle is divided into is the bundle again.
fn divide(bundle: Bundle) {
    let size_max = 1 + usize::from(bundle.tag.0[0]);
    let Some(parts) = fragments(bundle.clone(), size_max) else { return };
    let mut reassembly = Reassembly::new(&parts[parts.len() / 2]);
    for part in &parts {
        assert_eq!(Bundle::from_compact(&part.to_compact()).as_ref(), Ok(part));
        assert!(reassembly.add(part).is_ok());
    }
    assert!(reassembly.whole().eq([bundle]));
}

/// A bundle of the Bundle Protocol, whoever made it.
pub fn bundle_full(data: &[u8]) {
    if let Ok(bundle) = Bundle::from_full(data) {
        assert_eq!(Bundle::from_full(&bundle.to_full()).as_ref(), Ok(&bundle));
        assert_eq!(Bundle::from_compact(&bundle.to_compact()).as_ref(), Ok(&bundle));
    }
}

/// Fragments that come in any order, in their compact form, joined.
pub fn bundle_fragments(data: &[u8]) {
    let mut came = pieces(data).filter_map(|piece| Bundle::from_compact(piece).ok());
    let Some(first) = came.next() else { return };
    let mut reassembly = Reassembly::new(&first);
    let mut missing = reassembly.missing();
    for fragment in came {
        let taken = reassembly.add(&fragment);
        let now = reassembly.missing();
        assert!(now <= missing && missing - now <= fragment.payload.len());
        assert!(taken.is_ok() || now == missing);
        missing = now;
    }
    assert!(reassembly.whole().count() <= CANDIDATES_MAX);
    for whole in reassembly.whole() {
        assert!(missing == 0 && whole.is_whole());
        assert_eq!(Bundle::from_compact(&whole.to_compact()).as_ref(), Ok(&whole));
    }
}

/// What was padded.
pub fn padding(data: &[u8]) {
    if let Some(plain) = unpad(data) {
        assert!(data.starts_with(plain));
        assert!(data[plain.len() + 1..].iter().all(|byte| *byte == 0));
    }
    assert_eq!(unpad(&pad(data, OVERHEAD)), Some(data));
}

/// An invitation.
pub fn invitation(data: &[u8]) {
    if let Ok(invitation) = Invitation::decode(data) {
        assert_eq!(invitation.encode(), data);
        assert!(invitation.identity().device().is_some());
    }
}

/// The device that invites, as it has itself.
pub fn fixture_own() -> Own {
    made(Own::new(&fixture_log(), &fixture_device()))
}

/// The secret of the invitation.
pub fn fixture_invitation_secret() -> InvitationSecret {
    InvitationSecret::from_bytes(Secret::from([6; 32]))
}

/// An invitation of the one person.
pub fn fixture_invitation() -> Invitation {
    Invitation::new(&fixture_own(), &fixture_invitation_secret(), Instant(FIXTURE_TODAY.0 + 1), false)
}

static INVITED: LazyLock<(Own, Invitation)> = LazyLock::new(|| (fixture_own(), fixture_invitation()));

/// The answer to an invitation.
pub fn greeting(data: &[u8]) {
    let (own, invitation) = &*INVITED;
    let greeted = welcome(own, invitation, &fixture_invitation_secret(), data, FIXTURE_TODAY);
    if let Ok(Greeted { identity, mut ratchet, .. }) = greeted {
        assert!(identity.device().is_some());
        assert!(ratchet.seal(b"welcome", &mut stream()).is_ok());
    }
}
