//! Applying a block: the ledger before it, its operations, the ledger after it.
//!
//! Roles: whoever orders operations hands in blocks, one height after another;
//! the shell keeps values and the tree's nodes.
//!
//! Flow: [`begin`](crate::begin) gives what a network begins with. [`apply`] takes a block and
//! gives every operation's outcome and every value that changed; nothing is
//! stored here. After the operations come the things that happen by themselves:
//! sessions go on, and the last block of an epoch says who votes next.
//!
//! Every guardian computes the same from the same: there is no clock here (a
//! block carries its time), no randomness (draws are seeded by the beacon), and
//! no order but the block's.
//!
//! What it never does: let an operation fail a block, charge for one that it
//! cannot read, or leave half of one behind. An operation that was signed, paid
//! for and then refused has used its number and its allowance, and nothing else.

use alloc::vec::Vec;

use allod_wire::{BlockId, Instant, OperationId};

use crate::authority::authorise;
use crate::context::{Author, Context};
use crate::draft::{Changes, Draft, Stop, Values};
use crate::lock::Lock;
use crate::offer::Offer;
use crate::operation::{Operation, id_of};
use crate::{Action, Chain, Error, Parameters, Rejection};
use crate::{
    account, asset, beacon, committee, evidence, head, issuer, lock, membership, name, offer, shared_key,
};

/// A block that was agreed on.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// One more than the block before.
    pub height: u64,
    /// Later than the block before.
    pub at: Instant,
    /// Its id.
    pub id: BlockId,
    /// The operations' bytes, in order.
    pub operations: &'a [Vec<u8>],
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which.
    pub operation: OperationId,
    /// Accepted, or why not.
    pub result: Result<(), Rejection>,
}

/// What a block did.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Values that changed.
    pub changes: Changes,
    /// One for each operation, in order.
    pub outcomes: Vec<Outcome>,
}

/// Applies `block` to the ledger that `values` has.
///
/// # Errors
/// [`Error::WrongHeight`], [`Error::TimeBackwards`], or the store's. The ledger
/// is as it was then.
pub fn apply<V: Values + ?Sized>(values: &V, block: &Block<'_>) -> Result<Applied, Error> {
    apply_checked(values, block, |_| false)
}

/// As [`apply`], by somebody who knows of some operations that their author's
/// signature is good: those that [`check`] found acceptable before, at whatever
/// height. The result is the same, and the signatures need not be looked at twice.
///
/// An operation's id covers its signature, and the claim, which names the key: a
/// device's id is a hash of its key, and a guardian's id is its key. So whether the
/// signature is good depends on nothing else. Whether the device is still the
/// person's, and whatever else may have changed since, is looked at here.
///
/// # Errors
/// As of [`apply`].
pub fn apply_checked<V: Values + ?Sized>(
    values: &V,
    block: &Block<'_>,
    is_checked: impl Fn(&OperationId) -> bool,
) -> Result<Applied, Error> {
    let mut draft = Draft::new(values);
    let mut chain: Chain = draft.expect(&())?;
    let rules: Parameters = draft.expect(&())?;
    let expected = chain.height.saturating_add(1);
    if block.height != expected {
        return Err(Error::WrongHeight { height: block.height, expected });
    }
    if block.at <= chain.at {
        return Err(Error::TimeBackwards { at: block.at, before: chain.at });
    }
    chain.follow(&rules, block.height, block.at, block.id);
    draft.put(&(), &chain);
    draft.keep();
    let mut context = Context {
        network: chain.network,
        genesis: chain.genesis,
        rules,
        height: block.height,
        at: block.at,
        epoch: block.height / rules.epoch_heights,
        round: chain.round,
        operation: OperationId([0; 32]),
    };

    let mut outcomes = Vec::with_capacity(block.operations.len());
    for bytes in block.operations {
        context.operation = id_of(bytes);
        let is_checked = is_checked(&context.operation);
        let result = match operate(&mut draft, &context, &chain, bytes, is_checked) {
            Ok(()) => Ok(()),
            Err(Stop::Rejected(rejection)) => Err(rejection),
            Err(Stop::Broken(error)) => return Err(error),
        };
        outcomes.push(Outcome { operation: context.operation, result });
    }

    let epoch_over = committee::ends_epoch(&context);
    match shared_key::advance(&mut draft, &context, epoch_over) {
        Ok(()) => {}
        Err(Stop::Broken(error)) => return Err(error),
        // Nobody asked for this, so nobody can be refused.
        Err(Stop::Rejected(_)) => return Err(Error::NoRecord { kind: "session that can go on" }),
    }
    if epoch_over {
        committee::seat(&mut draft, &rules, context.epoch + 1)?;
    }
    Ok(Applied { changes: draft.into_changes()?, outcomes })
}

/// Whether an operation would be accepted now, by the ledger that `values` has:
/// what a guardian asks before it passes one on. Other operations may come
/// between, so this promises nothing.
///
/// # Errors
/// The outer one if the store fails.
pub fn check<V: Values + ?Sized>(values: &V, bytes: &[u8]) -> Result<Result<(), Rejection>, Error> {
    let mut draft = Draft::new(values);
    let mut chain: Chain = draft.expect(&())?;
    let rules: Parameters = draft.expect(&())?;
    let height = chain.height.saturating_add(1);
    // The id of a block that is not there yet: nobody has done work for it.
    chain.follow(&rules, height, chain.at.plus_ms(1), BlockId([0; 32]));
    let context = Context {
        network: chain.network,
        genesis: chain.genesis,
        rules,
        height,
        at: chain.at,
        epoch: height / rules.epoch_heights,
        round: chain.round,
        operation: id_of(bytes),
    };
    match operate(&mut draft, &context, &chain, bytes, false) {
        Ok(()) => Ok(Ok(())),
        Err(Stop::Rejected(rejection)) => Ok(Err(rejection)),
        Err(Stop::Broken(error)) => Err(error),
    }
}

/// Finds out who asks, and does what they ask.
fn operate<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    chain: &Chain,
    bytes: &[u8],
    is_checked: bool,
) -> Result<(), Stop> {
    let operation: Operation = allod_wire::decode(bytes).map_err(Rejection::Malformed)?;
    let authorised = authorise(draft, context, chain, &operation, is_checked);
    let (author, stamped) = match authorised {
        Ok(authorised) => authorised,
        Err(stop) => {
            draft.drop_written();
            return Err(stop);
        }
    };
    // From here on the number is used and the allowance spent.
    draft.keep();
    let done = act(draft, context, author, &operation.body.action, stamped);
    match done {
        Ok(()) => draft.keep(),
        Err(_) => draft.drop_written(),
    }
    done
}

/// Does what was asked.
fn act<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: Author,
    action: &Action,
    stamped: bool,
) -> Result<(), Stop> {
    match action {
        Action::Found { genesis, sponsorship } => {
            account::found(draft, context, genesis, sponsorship.as_ref(), stamped)
        }
        Action::Log { operation } => account::log(draft, context, author, operation),
        Action::Veto => account::veto(draft, context, author.person()?),
        Action::Complete { did } => account::complete(draft, context, *did),

        Action::CommitName { commitment } => {
            author.person()?;
            name::commit(draft, context, commitment)
        }
        Action::RegisterName { name, salt, until } => {
            name::register(draft, context, author.person()?, name, salt, *until)
        }
        Action::RenewName { name, until } => name::renew(draft, context, author.person()?, name, *until),

        Action::DefineAsset { name, decimals, supply_max } => {
            asset::define(draft, context, author.person()?, name, *decimals, *supply_max)
        }
        Action::Issue { units, to } => asset::issue(draft, author.person()?, units, *to),
        Action::Retire { what } => asset::retire(draft, context, author.person()?, what),
        Action::Entitle { content, size, label } => {
            asset::entitle(draft, context, author.person()?, content, *size, label)
        }
        Action::Transfer { what, to } => asset::transfer(draft, context, author.person()?, what, *to),

        Action::Lock { what, recipient, expires, release } => {
            let owner = author.person()?;
            let (what, recipient, expires, release) = (what.clone(), *recipient, *expires, *release);
            lock::lock(draft, context, &Lock { what, owner, recipient, expires, release })
        }
        Action::Claim { lock, release } => {
            lock::claim(draft, context, author.person()?, lock, release.as_ref())
        }
        Action::Unlock { lock } => lock::unlock(draft, context, author.person()?, lock),
        Action::Offer { what, price, buyer, expires } => {
            let seller = author.person()?;
            let (what, price, buyer, expires) = (what.clone(), *price, *buyer, *expires);
            offer::offer(draft, context, &Offer { what, seller, price, buyer, expires })
        }
        Action::Accept { offer, price } => offer::accept(draft, context, author.person()?, offer, price),
        Action::Withdraw { offer } => offer::withdraw(draft, author.person()?, offer),

        Action::Join { guardian, terms, bond, consent } => {
            membership::join(draft, context, author.person()?, guardian, terms, *bond, consent)
        }
        Action::Restate { terms } => membership::restate(draft, context, &author.guardian()?, terms),
        Action::Bond { guardian, amount } => {
            membership::bond(draft, context, author.person()?, guardian, *amount)
        }
        Action::Leave { guardian } => membership::leave(draft, context, author.person()?, guardian),
        Action::Unbond { guardian } => membership::unbond(draft, context, author.person()?, guardian),
        Action::Approve { spec } => shared_key::approve(draft, context, author.guardian()?, spec),
        Action::Admit { guardian } => membership::admit(draft, context, &author.guardian()?, guardian),

        Action::Announce { session, key } => shared_key::announce(draft, author.guardian()?, session, key),
        Action::Deal { session, dealing } => shared_key::deal(draft, author.guardian()?, session, dealing),
        Action::Complain { session, complaint } => shared_key::complain(draft, session, complaint),
        Action::Ready { session } => shared_key::ready(draft, author.guardian()?, session),
        Action::Beacon { round, signature } => {
            let key = shared_key::network_key(draft)?;
            beacon::tell(draft, context, key.as_ref(), *round, signature)
        }

        Action::Accuse { evidence } => evidence::accuse(draft, context, evidence),
        Action::ClaimBounty { key, generation, guardian, claimant, proof } => {
            evidence::claim_bounty(draft, context, key, *generation, guardian, *claimant, proof)
        }

        Action::DeclareIssuer { terms } => issuer::declare(draft, context, author.person()?, terms),
        Action::Revoke { list } => issuer::revoke(draft, context, author.person()?, list),

        Action::Tell { of, number, hash } => head::tell(draft, context, author.person()?, of, *number, hash),
    }
}
