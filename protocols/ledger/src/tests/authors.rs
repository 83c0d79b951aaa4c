//! Who has to ask for what: nobody else can.

use super::*;
use crate::{Action, Claim, Operation, Rejection};

/// Who has to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Device,
    Guardian,
    Nobody,
}

/// As the actions' descriptions have it.
fn asks(action: &Action) -> Asks {
    match action {
        Action::Veto
        | Action::CommitName { .. }
        | Action::RegisterName { .. }
        | Action::RenewName { .. }
        | Action::DefineAsset { .. }
        | Action::Issue { .. }
        | Action::Retire { .. }
        | Action::Entitle { .. }
        | Action::Transfer { .. }
        | Action::Lock { .. }
        | Action::Claim { .. }
        | Action::Unlock { .. }
        | Action::Offer { .. }
        | Action::Accept { .. }
        | Action::Withdraw { .. }
        | Action::Join { .. }
        | Action::Bond { .. }
        | Action::Leave { .. }
        | Action::Unbond { .. }
        | Action::DeclareIssuer { .. }
        | Action::Revoke { .. }
        | Action::Tell { .. } => Asks::Device,
        Action::Restate { .. }
        | Action::Approve { .. }
        | Action::Admit { .. }
        | Action::Announce { .. }
        | Action::Deal { .. }
        | Action::Ready { .. } => Asks::Guardian,
        Action::Found { .. }
        | Action::Log { .. }
        | Action::Complete { .. }
        | Action::Complain { .. }
        | Action::Beacon { .. }
        | Action::Accuse { .. }
        | Action::ClaimBounty { .. } => Asks::Nobody,
    }
}

#[test]
fn what_a_device_or_a_guardian_has_to_ask_for_nobody_else_can() {
    let story = story::tell();
    for bytes in frozen::samples(&story.world.blocks).values() {
        let operation: Operation = allod_wire::decode(bytes).unwrap();
        let action = operation.body.action;
        let asks = asks(&action);
        let signed_by = match operation.body.claim {
            Claim::Device { .. } => Asks::Device,
            Claim::Guardian { .. } => Asks::Guardian,
            Claim::Itself => Asks::Nobody,
        };
        // A change of an identity's log can be signed by a device as well.
        assert!(asks == signed_by || matches!(action, Action::Log { .. }), "{action:?}");
        let world = World::with(5, |_| {});
        let by = [
            (Asks::Device, world.by(ANN, action.clone())),
            (Asks::Guardian, world.by_guardian(0, action.clone())),
            (Asks::Nobody, world.by_itself(action.clone())),
        ];
        for (who, operation) in by {
            let judged = crate::check(&world.values, &allod_wire::encode(&operation)).unwrap();
            if asks != Asks::Nobody {
                assert_eq!(judged == Err(Rejection::WrongAuthor), who != asks, "{who:?} {operation:?}");
            }
        }
    }
}
