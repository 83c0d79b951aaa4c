//! Everything that can be asked of the ledger.

use alloc::string::String;
use alloc::vec::Vec;

use allod_did::{Did, Operation as DidOperation};
use allod_wire::{GuardianId, Instant, LockId, OfferId, SessionId};
use minicbor::{Decode, Encode};

use crate::account::Sponsorship;
use crate::evidence::Evidence;
use crate::guardian::Terms;
use crate::holding::{Holding, Units};
use crate::issuer::{IssuerTerms, RevocationList};
use crate::name::Name;
use crate::shared_key::KeySpec;

/// What is asked. In brackets: who may ask.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Action {
    /// Brings an identity to the ledger (nobody: the genesis of a log is signed
    /// by its own root).
    #[n(0)]
    Found {
        /// The first operation of the identity's log.
        #[n(0)]
        genesis: DidOperation,
        /// A guardian's word for it. Without one, work is asked.
        #[n(1)]
        sponsorship: Option<Sponsorship>,
    },
    /// Brings the next operation of an identity's log. With the signature of one
    /// of its devices it counts at once; with the root's alone (nobody), only
    /// when the time to object has passed.
    #[n(1)]
    Log {
        /// The operation.
        #[n(0)]
        operation: DidOperation,
    },
    /// Objects to what the root did alone (a device of that identity).
    #[n(2)]
    Veto,
    /// Puts into effect what nobody objected to (nobody).
    #[n(3)]
    Complete {
        /// The identity.
        #[n(0)]
        did: Did,
    },

    /// Announces, without telling it, that a name will be registered (a device).
    #[n(10)]
    CommitName {
        /// [`crate::name::commitment`] of the name, the owner and a salt.
        #[cbor(n(0), with = "minicbor::bytes")]
        commitment: [u8; 32],
    },
    /// Registers a free name that was announced (a device).
    #[n(11)]
    RegisterName {
        /// The name.
        #[n(0)]
        name: Name,
        /// The salt of the announcement.
        #[cbor(n(1), with = "minicbor::bytes")]
        salt: [u8; 32],
        /// Until when.
        #[n(2)]
        until: Instant,
    },
    /// Holds a name for longer (a device of its owner).
    #[n(12)]
    RenewName {
        /// The name.
        #[n(0)]
        name: Name,
        /// Until when.
        #[n(1)]
        until: Instant,
    },

    /// Defines an asset of equal units (a device; its owner may issue units).
    #[n(20)]
    DefineAsset {
        /// What people call it: 1 to 32 bytes of text. Not unique.
        #[n(0)]
        name: String,
        /// How many decimal places a unit is shown with: at most 18.
        #[n(1)]
        decimals: u8,
        /// Units that there may ever be.
        #[n(2)]
        supply_max: u64,
    },
    /// Issues units of an asset (a device of its issuer).
    #[n(21)]
    Issue {
        /// How many of what.
        #[n(0)]
        units: Units,
        /// To whom.
        #[n(1)]
        to: Did,
    },
    /// Destroys what the author holds (a device).
    #[n(22)]
    Retire {
        /// What.
        #[n(0)]
        what: Holding,
    },
    /// Makes a title to a content of any size, told by its hash (a device).
    #[n(23)]
    Entitle {
        /// BLAKE3 of the content.
        #[cbor(n(0), with = "minicbor::bytes")]
        content: [u8; 32],
        /// Bytes of the content.
        #[n(1)]
        size: u64,
        /// What people call it: 1 to 64 bytes of text.
        #[n(2)]
        label: String,
    },
    /// Gives what the author holds to somebody else (a device).
    #[n(24)]
    Transfer {
        /// What.
        #[n(0)]
        what: Holding,
        /// To whom.
        #[n(1)]
        to: Did,
    },

    /// Sets something aside for one recipient (a device). Until it expires only
    /// the recipient can have it; after that only the author.
    #[n(30)]
    Lock {
        /// What.
        #[n(0)]
        what: Holding,
        /// For whom.
        #[n(1)]
        recipient: Did,
        /// Until when the recipient may claim it; for a name not beyond its own time.
        #[n(2)]
        expires: Instant,
        /// SHA-256 of 32 bytes without which the recipient cannot claim it: they
        /// are handed over when, and if, the deal is struck.
        #[cbor(n(3), with = "minicbor::bytes")]
        release: Option<[u8; 32]>,
    },
    /// Takes what was set aside (a device of the recipient).
    #[n(31)]
    Claim {
        /// The lock.
        #[n(0)]
        lock: LockId,
        /// The 32 bytes, where the lock asks for them.
        #[cbor(n(1), with = "minicbor::bytes")]
        release: Option<[u8; 32]>,
    },
    /// Takes back what was set aside in vain (a device of who locked it), or
    /// gives it back before its time (a device of the recipient).
    #[n(32)]
    Unlock {
        /// The lock.
        #[n(0)]
        lock: LockId,
    },
    /// Offers something for a price (a device). It is set aside meanwhile.
    #[n(33)]
    Offer {
        /// What.
        #[n(0)]
        what: Holding,
        /// The price.
        #[n(1)]
        price: Units,
        /// The only one who may buy, or anybody.
        #[n(2)]
        buyer: Option<Did>,
        /// Until when; for a name not beyond its own time.
        #[n(3)]
        expires: Instant,
    },
    /// Buys what is offered: the price and the thing change hands together (a
    /// device).
    #[n(34)]
    Accept {
        /// The offer.
        #[n(0)]
        offer: OfferId,
        /// The price as the buyer knows it.
        #[n(1)]
        price: Units,
    },
    /// Takes an offer back (a device of who made it).
    #[n(35)]
    Withdraw {
        /// The offer.
        #[n(0)]
        offer: OfferId,
    },

    /// Puts up a bond and becomes a candidate, a guardian as soon as the others
    /// [admit](Action::Admit) it (a device of the operator).
    #[n(40)]
    Join {
        /// The guardian's key.
        #[n(0)]
        guardian: GuardianId,
        /// Where it is and what it says of itself.
        #[n(1)]
        terms: Terms,
        /// The bond.
        #[n(2)]
        bond: u64,
        /// The guardian's signature on [`crate::guardian::joining`]: nobody is
        /// made a guardian without knowing.
        #[n(3)]
        consent: allod_did::Signature,
    },
    /// Moves, or says something else of itself (the guardian, and a candidate too; so
    /// often in an epoch: [`crate::guardian::RESTATEMENTS_MAX`]).
    #[n(41)]
    Restate {
        /// Where it is and what it says of itself.
        #[n(0)]
        terms: Terms,
    },
    /// Puts up more (a device of the operator).
    #[n(42)]
    Bond {
        /// The guardian.
        #[n(0)]
        guardian: GuardianId,
        /// How much more.
        #[n(1)]
        amount: u64,
    },
    /// Stops being a guardian after this epoch, or a candidate at once (a device of
    /// the operator).
    #[n(43)]
    Leave {
        /// The guardian.
        #[n(0)]
        guardian: GuardianId,
    },
    /// Takes the bond back when its time has come (a device of the operator).
    #[n(44)]
    Unbond {
        /// The guardian.
        #[n(0)]
        guardian: GuardianId,
    },
    /// Votes for a new shared key, or for another size, threshold or limit of
    /// one (the guardian). More than two thirds decide. A guardian has one such vote:
    /// another takes its place.
    #[n(45)]
    Approve {
        /// What is voted for.
        #[n(0)]
        spec: KeySpec,
    },
    /// Votes for a candidate to be a guardian from the next epoch on (the guardian).
    /// More than two thirds decide. A guardian has one such vote: another takes its
    /// place.
    #[n(46)]
    Admit {
        /// The candidate.
        #[n(0)]
        guardian: GuardianId,
    },

    /// Tells the key to which this session's shares are encrypted (the guardian).
    #[n(50)]
    Announce {
        /// The session.
        #[n(0)]
        session: SessionId,
        /// An [`allod_threshold::dealing`] encryption key with its proof.
        #[cbor(n(1), with = "minicbor::bytes")]
        key: Vec<u8>,
    },
    /// Deals (the guardian).
    #[n(51)]
    Deal {
        /// The session.
        #[n(0)]
        session: SessionId,
        /// An [`allod_threshold::dealing::Dealing`].
        #[cbor(n(1), with = "minicbor::bytes")]
        dealing: Vec<u8>,
    },
    /// Complains about a dealing, with proof (nobody).
    #[n(52)]
    Complain {
        /// The session.
        #[n(0)]
        session: SessionId,
        /// An [`allod_threshold::dealing::Complaint`].
        #[cbor(n(1), with = "minicbor::bytes")]
        complaint: Vec<u8>,
    },
    /// Says that all dealings that count could be opened, and that what is needed
    /// for it is on disk (the guardian).
    #[n(53)]
    Ready {
        /// The session.
        #[n(0)]
        session: SessionId,
    },
    /// Tells what the beacon says (nobody: the network's key signed it).
    #[n(54)]
    Beacon {
        /// The round.
        #[n(0)]
        round: u64,
        /// The signature, 48 bytes.
        #[cbor(n(1), with = "minicbor::bytes")]
        signature: Vec<u8>,
    },

    /// Shows that a guardian lied (nobody). It pays nobody: who sees evidence on its
    /// way could hand it in as their own, the guardian itself too.
    #[n(60)]
    Accuse {
        /// What shows it.
        #[n(0)]
        evidence: Evidence,
    },
    /// Shows that the share of a guardian is known to somebody else (nobody: the
    /// proof names who claims).
    #[n(61)]
    ClaimBounty {
        /// The key.
        #[n(0)]
        key: crate::shared_key::KeyName,
        /// Which sharing of it: the one in force.
        #[n(1)]
        generation: u32,
        /// Whose share.
        #[n(2)]
        guardian: GuardianId,
        /// Who claims.
        #[n(3)]
        claimant: Did,
        /// An [`allod_threshold::knowledge`] proof bound to all of that.
        #[cbor(n(4), with = "minicbor::bytes")]
        proof: Vec<u8>,
    },

    /// Declares that the author issues credentials, or how (a device).
    #[n(70)]
    DeclareIssuer {
        /// What is issued, and with which key.
        #[n(0)]
        terms: IssuerTerms,
    },
    /// Says which credentials are revoked (a device of the issuer).
    #[n(71)]
    Revoke {
        /// The list as of now.
        #[n(0)]
        list: RevocationList,
    },

    /// Tells the newest state of something that is kept elsewhere (a device).
    #[n(80)]
    Tell {
        /// What it is the state of, as the author names it.
        #[cbor(n(0), with = "minicbor::bytes")]
        of: [u8; 32],
        /// The number of the state, higher than the one before.
        #[n(1)]
        number: u64,
        /// The state's hash.
        #[cbor(n(2), with = "minicbor::bytes")]
        hash: [u8; 32],
    },
}
