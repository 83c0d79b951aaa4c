//! What was handed in to the ledger and may have to be handed in again.

use allod_wire::SessionId;

use super::view::{Phase, Session};

/// What tells one thing handed in from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    Announce(SessionId),
    Deal(SessionId),
    Complain(SessionId, u16),
    Ready(SessionId),
}

impl Posted {
    /// Whether the ledger does not show yet what was handed in, and could.
    pub(super) fn is_awaited(&self, session: &Session) -> bool {
        let (id, is_awaited) = match self {
            Self::Announce(id) => (id, session.phase == Phase::Announcing && !session.announced),
            Self::Deal(id) => (id, session.phase == Phase::Dealing && !session.dealt),
            Self::Complain(id, dealer) => {
                (id, session.dealings.iter().any(|(standing, _)| standing == dealer))
            }
            Self::Ready(id) => (id, session.phase == Phase::Verifying && !session.ready),
        };
        *id == session.id && is_awaited
    }
}
