//! How something with a backup ends when it does not end well.

use allod_node::backup::RunError;
use serde_json::json;

use super::{Failure, Kind};

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Vault(why) => why.into(),
            RunError::Address(_) | RunError::Unprotected(_) | RunError::NoSuchPeer(_) | RunError::Known(_) => {
                Self::usage(message)
            }
            RunError::NotTaken { account, why, .. } if why.is("not-listed") => {
                let next = format!("have its owner serve this account: {account}");
                Self::new(Kind::Failed, message).next(next).data(json!({ "account": account }))
            }
            RunError::NoPeers => Self::new(Kind::Failed, message)
                .next("`allod backup add-peer --guardians` asks your guardians, `allod backup add-peer URL` a friend"),
            RunError::TooFewPeers { .. } => Self::new(Kind::TooFewGuardians, message).next(
                "what is backed up stays so; try again when more of them are back, add others with `allod backup \
                 add-peer`, or trust one again that was caught: `allod backup forgive URL`",
            ),
            RunError::Newer { .. } => Self::new(Kind::Failed, message).next(
                "to have what they keep, move the vault away and run `allod backup restore`; to replace theirs by this \
                 one: `allod backup run --take-over`",
            ),
            RunError::Damaged(ids) => {
                let ids = ids.iter().take(20).map(|id| format!("object {id}"));
                Self::new(Kind::Failed, message).with_details(ids)
            }
            RunError::NothingFound(_) => Self::new(Kind::Failed, message)
                .next("name one of your backup peers with --from-peer URL"),
            RunError::Lost { .. } => Self::new(Kind::TooFewGuardians, message)
                .next("run it again when more of your peers are back; what came is not fetched again"),
            _ => Self::new(Kind::Failed, message),
        }
    }
}
