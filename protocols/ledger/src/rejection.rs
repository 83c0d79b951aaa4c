//! Why an operation was refused.

use core::fmt;

use allod_wire::{Instant, NetworkId};

/// The reason of a refusal. An operation that is refused changes nothing that it
/// was about. If a block held it and it was signed and paid for, its number and its
/// allowance are used: to ask again takes an operation of another number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The bytes are no operation.
    Malformed(allod_wire::Error),
    /// It is for another network.
    OtherNetwork(NetworkId),
    /// The time that its author set has passed.
    Over,
    /// Its number was used, or is too old to tell.
    NonceUsed,
    /// The signature is not the author's.
    BadSignature,
    /// Somebody else than the action asks for signed it.
    WrongAuthor,
    /// The identity is not on the ledger.
    NoIdentity,
    /// The identity is on the ledger already.
    IdentityPresent,
    /// The device does not belong to the identity.
    NoDevice,
    /// The identity has done all it may for now.
    AllowanceUsedUp,
    /// Work is asked, and there is none.
    StampNeeded {
        /// Zero bits that it must show.
        bits: u8,
    },
    /// The work was done for another epoch or does not show enough zero bits.
    BadStamp,
    /// The guardian may vouch for nobody more in this epoch.
    QuotaUsedUp,
    /// The guardian vouched in another epoch.
    SponsorshipOver,
    /// The identity's log does not take this operation.
    Log(allod_did::Error),
    /// A change by the root alone waits already.
    RecoveryUnderWay,
    /// No change by the root alone waits.
    NoRecovery,
    /// A device objected a short while ago.
    RecoveryVetoed,
    /// It would be good later.
    TooEarly {
        /// From when on.
        until: Instant,
    },
    /// It belongs to somebody else.
    NotYours,
    /// The recipient is not on the ledger.
    NoRecipient,
    /// No name: 3 to 63 of a-z, 0-9 and single hyphens inside.
    BadName,
    /// A time that the network does not allow.
    BadTerm,
    /// The name was not announced with this salt by this identity.
    NotCommitted,
    /// The same announcement was made, and is still good.
    CommitmentPresent,
    /// The announcement is too young: somebody could have seen the name since.
    CommitmentTooYoung,
    /// The announcement is too old.
    CommitmentOver,
    /// Somebody holds the name, or could still renew it.
    NameTaken,
    /// Nobody holds the name.
    NoName,
    /// The time of the name has passed.
    NameOver,
    /// What is set aside would be so beyond the name's end.
    OutlivesName {
        /// The name's end.
        until: Instant,
    },
    /// The name, the decimals or the supply of an asset are not allowed, or the
    /// label of a title.
    BadAsset,
    /// There is no such asset.
    NoAsset,
    /// More units than there may be.
    SupplyExceeded,
    /// Zero units.
    NoAmount,
    /// The identity holds fewer units.
    TooLittle {
        /// How many it holds.
        held: u64,
    },
    /// There is no such title.
    NoTitle,
    /// This maker has made a title to this content before.
    TitlePresent,
    /// There is no such lock.
    NoLock,
    /// The lock has expired.
    LockOver,
    /// The release is missing, or another.
    WrongRelease,
    /// There is no such offer.
    NoOffer,
    /// The offer has expired.
    OfferOver,
    /// The offer asks for another price.
    OtherPrice,
    /// There is no such guardian.
    NoGuardian,
    /// The guardian is here, or was.
    GuardianPresent,
    /// The guardian left, took its bond back or was evicted, or was not admitted yet.
    NotActive,
    /// The guardian is one of the network's, or waits to be: it has to leave first.
    NotLeft,
    /// The guardian does not wait to be admitted.
    NoCandidate,
    /// The guardian was evicted already.
    AlreadyEvicted,
    /// The last guardian cannot leave.
    LastGuardian,
    /// There is no place for another guardian.
    RosterFull,
    /// An address or a label is not allowed.
    BadTerms,
    /// The guardian has said something else of itself as often as it may in this epoch.
    RestatedTooOften,
    /// The bond is too small.
    BondTooSmall {
        /// The least.
        needed: u64,
    },
    /// The guardian still votes, or holds shares that count.
    StillNeeded,
    /// A shared key that cannot be: its name, size or threshold is not allowed.
    BadKey,
    /// There is no such shared key or sharing of it.
    NoKey,
    /// No key signs checkpoints yet.
    NoNetworkKey,
    /// It says nothing that is not here already.
    NothingNew,
    /// There is no such session any more, or yet.
    NoSession,
    /// The session is in another phase.
    OtherPhase,
    /// The guardian has no part in it.
    NotMember,
    /// No announcement: 96 bytes.
    BadAnnouncement,
    /// A dealing, complaint, proof or answer that is refused.
    Dealing(allod_threshold::Error),
    /// The dealer dealt right; the complaint is a lie.
    ComplaintRefuted,
    /// The key has been handed on since this sharing of it.
    OldShare,
    /// A share of one who holds this key was claimed, and the key has not been handed
    /// on since.
    ShareClaimed,
    /// The round is known, or a later one is.
    BeaconKnown,
    /// The beacon tells one round an epoch, and this is another.
    OtherRound {
        /// This epoch's.
        expected: u64,
    },
    /// The evidence does not show what it should.
    NoContradiction,
    /// The author has not declared that it issues credentials.
    NoIssuer,
    /// A list with this number or a higher one is here.
    OldList,
    /// A head with this number or a higher one is here.
    OldHead,
}

impl Rejection {
    /// Whether the same can be accepted later, though nothing but time has passed or
    /// somebody else has done their part.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::AllowanceUsedUp
                | Self::QuotaUsedUp
                | Self::TooEarly { .. }
                | Self::CommitmentTooYoung
                | Self::NoIdentity
                | Self::NoRecipient
                | Self::StillNeeded
                | Self::RestatedTooOften
        )
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Malformed(reason) => return write!(f, "not an operation: {reason}"),
            Self::OtherNetwork(network) => return write!(f, "it is for the network {network}"),
            Self::StampNeeded { bits } => {
                return write!(f, "nobody vouches for this identity: {bits} bits of work are asked");
            }
            Self::Log(reason) => return write!(f, "the identity's log does not take it: {reason}"),
            Self::TooEarly { until } => return write!(f, "it is too early, until {} ms", until.0),
            Self::OutlivesName { until } => {
                return write!(f, "the name's own time ends before that, at {} ms", until.0);
            }
            Self::TooLittle { held } => return write!(f, "only {held} units are held"),
            Self::OtherRound { expected } => {
                return write!(f, "round {expected} of the beacon is this epoch's");
            }
            Self::BondTooSmall { needed } => return write!(f, "the least bond is {needed} units"),
            Self::Dealing(reason) => return write!(f, "{reason}"),
            Self::Over => "the time that its author set has passed",
            Self::NonceUsed => "its number was used before",
            Self::BadSignature => "the signature is not the author's",
            Self::WrongAuthor => "somebody else has to sign this",
            Self::NoIdentity => "the identity is not on the ledger",
            Self::IdentityPresent => "the identity is on the ledger already",
            Self::NoDevice => "the device does not belong to the identity",
            Self::AllowanceUsedUp => "the identity has done all it may for now",
            Self::BadStamp => "the work is not enough, or for another epoch",
            Self::QuotaUsedUp => "the guardian may vouch for nobody more in this epoch",
            Self::SponsorshipOver => "the guardian vouched for another epoch",
            Self::RecoveryUnderWay => "a change by the root alone waits already",
            Self::NoRecovery => "no change by the root alone waits",
            Self::RecoveryVetoed => "a device objected a short while ago",
            Self::NotYours => "it belongs to somebody else",
            Self::NoRecipient => "the recipient is not on the ledger",
            Self::BadName => "not a name: 3 to 63 of a-z, 0-9 and single hyphens inside",
            Self::BadTerm => "the network does not allow this time",
            Self::NotCommitted => "the name was not announced before",
            Self::CommitmentPresent => "the same announcement is still good",
            Self::CommitmentTooYoung => "the announcement is too young",
            Self::CommitmentOver => "the announcement is too old",
            Self::NameTaken => "the name is taken",
            Self::NoName => "nobody holds the name",
            Self::NameOver => "the time of the name has passed",
            Self::BadAsset => "a name, label, number of decimals or supply is not allowed",
            Self::NoAsset => "there is no such asset",
            Self::SupplyExceeded => "there may not be so many units",
            Self::NoAmount => "zero units",
            Self::NoTitle => "there is no such title",
            Self::TitlePresent => "the same maker made this title before",
            Self::NoLock => "there is no such lock",
            Self::LockOver => "the lock has expired",
            Self::WrongRelease => "the release is missing, or another",
            Self::NoOffer => "there is no such offer",
            Self::OfferOver => "the offer has expired",
            Self::OtherPrice => "the offer asks for another price",
            Self::NoGuardian => "there is no such guardian",
            Self::GuardianPresent => "the guardian is here, or was",
            Self::NotActive => "the guardian left, was evicted, or was not admitted yet",
            Self::NotLeft => "the guardian is active, or waits to be admitted: it has to leave first",
            Self::NoCandidate => "the guardian does not wait to be admitted",
            Self::AlreadyEvicted => "the guardian was evicted already",
            Self::LastGuardian => "the last guardian cannot leave",
            Self::RosterFull => "there is no place for another guardian",
            Self::BadTerms => "an address or a label is not allowed",
            Self::RestatedTooOften => "the guardian has restated as often as it may in this epoch",
            Self::StillNeeded => "the guardian still votes, or holds shares that count",
            Self::BadKey => "no shared key can be like this",
            Self::NoKey => "there is no such shared key",
            Self::NoNetworkKey => "the guardians have no common key yet",
            Self::NothingNew => "it says nothing new",
            Self::NoSession => "there is no such session",
            Self::OtherPhase => "the session is in another phase",
            Self::NotMember => "the guardian has no part in it",
            Self::BadAnnouncement => "not an announcement",
            Self::ComplaintRefuted => "the dealer dealt right",
            Self::OldShare => "the key has been handed on since",
            Self::ShareClaimed => "another share was claimed, and the key has to be handed on first",
            Self::BeaconKnown => "the beacon has said this or more",
            Self::NoContradiction => "the evidence shows no contradiction",
            Self::NoIssuer => "the author has not declared that it issues credentials",
            Self::OldList => "a newer list is here",
            Self::OldHead => "a newer state is here",
        };
        f.write_str(text)
    }
}

impl core::error::Error for Rejection {}
