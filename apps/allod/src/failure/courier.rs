//! How something with messages ends when it does not end well.

use allod_courier::CourierError;
use allod_post::PostError;

use super::{Failure, Kind};

impl From<CourierError> for Failure {
    fn from(why: CourierError) -> Self {
        let failure = Self::new(Kind::Failed, why.to_string());
        match why {
            CourierError::Nobody(_) => failure.next("`allod contact list` shows whom you know"),
            CourierError::NoDevice(_) => failure.next(
                "nothing was sent: their devices have not been heard of yet. Ask them for an invitation, or wait for their answer",
            ),
            CourierError::Blocked(_) => failure.next("`allod contact block --undo` takes it back"),
            CourierError::Expired => failure.next("ask for a new one"),
            CourierError::Fork(_) => failure.next(
                "nothing of it was taken. Ask them, by another way: somebody else may have their root, or two of their devices do not know of each other",
            ),
            _ => failure,
        }
    }
}

impl From<PostError> for Failure {
    fn from(why: PostError) -> Self {
        match why {
            PostError::Courier(why) => why.into(),
            why => Self::new(Kind::Failed, why.to_string()),
        }
    }
}
