//! Applying a block: the ledger before it, its operations, the ledger after it.
//!
//! Roles: whoever orders operations hands in blocks, one height after another;
//! the shell keeps values and the tree's nodes.
//!
//! Flow: [`begin`] gives what a network begins with. [`apply`] takes a block and
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

use allod_crypto::sign::VerifyingKey;
use allod_did::{DeviceId, Did, PublicKey};
use allod_wire::{BlockId, GuardianId, Instant, NetworkId, OperationId};

use crate::account::{self, Account};
use crate::beacon::{self, Beacon};
use crate::chain::Chain;
use crate::draft::{Changes, Draft, Stop, Values};
use crate::genesis::{Genesis, Parameters};
use crate::guardian::{self, Guardian, Roster};
use crate::holding::{Asset, Units, give_units, take_units};
use crate::lock::Lock;
use crate::offer::Offer;
use crate::operation::{Claim, Operation, Stamp, id_of};
use crate::shared_key::{self, Keys};
use crate::{Action, Error, Rejection, asset, committee, evidence, issuer, lock, name, offer};

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

/// What the rules look at beside the ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) network: NetworkId,
    pub(crate) genesis: Instant,
    pub(crate) rules: Parameters,
    pub(crate) height: u64,
    pub(crate) at: Instant,
    pub(crate) epoch: u64,
    pub(crate) operation: OperationId,
}

/// Who was found to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// A person, through one of their devices.
    Person(Did),
    /// A guardian.
    Guardian(GuardianId),
    /// Nobody.
    Nobody,
}

impl Author {
    fn person(self) -> Result<Did, Rejection> {
        match self {
            Self::Person(did) => Ok(did),
            _ => Err(Rejection::WrongAuthor),
        }
    }

    fn guardian(self) -> Result<GuardianId, Rejection> {
        match self {
            Self::Guardian(id) => Ok(id),
            _ => Err(Rejection::WrongAuthor),
        }
    }
}

/// The values with which the network of `genesis` begins, at height 0.
///
/// # Errors
/// [`Error::BadGenesis`].
pub fn begin(genesis: &Genesis) -> Result<Changes, Error> {
    genesis.check()?;
    let nothing = Nothing;
    let mut draft = Draft::new(&nothing);
    match found(&mut draft, genesis) {
        Ok(()) => draft.into_changes(),
        Err(Stop::Rejected(_)) => Err(Error::BadGenesis { part: "an identity, a bond or a key" }),
        Err(Stop::Broken(error)) => Err(error),
    }
}

fn found(draft: &mut Draft<'_, Nothing>, genesis: &Genesis) -> Result<(), Stop> {
    let network = genesis.network();
    let rules = genesis.parameters;
    let block = BlockId(*network.as_bytes());
    let chain =
        Chain { network, genesis: genesis.at, height: 0, at: genesis.at, mark: block, mark_before: block };
    draft.put(&(), &chain);
    draft.put(&(), &rules);
    draft.put(&(), &Beacon { round: 0, randomness: genesis.seed });
    draft.put(&(), &Keys::default());

    let first = asset::first_asset(&network);
    let issued = genesis.endowments.iter().try_fold(0u64, |sum, endowment| sum.checked_add(endowment.amount));
    let issued = issued.ok_or(Rejection::SupplyExceeded)?;
    let name = genesis.asset.clone();
    draft.put(&first, &Asset { issuer: None, name, decimals: 0, supply_max: issued, issued, retired: 0 });
    let sponsor = genesis.founders.first().map(|founder| founder.guardian);
    for endowment in &genesis.endowments {
        let state = allod_did::State::found(&endowment.identity).map_err(Rejection::Log)?;
        let did = state.did();
        draft.put(&did, &Account::new(state, sponsor, genesis.at, &rules));
        draft.put(&(did, 0), &account::LogEntry(endowment.identity.clone()));
        give_units(draft, &Units { asset: first, amount: endowment.amount }, did)?;
    }
    let mut roster = Vec::new();
    for founder in &genesis.founders {
        founder.terms.check()?;
        if founder.bond < rules.bond_min {
            return Err(Rejection::BondTooSmall { needed: rules.bond_min }.into());
        }
        take_units(draft, &Units { asset: first, amount: founder.bond }, founder.operator)?;
        let guardian = Guardian::new(founder.operator, founder.terms.clone(), founder.bond, 0);
        draft.put(&founder.guardian, &guardian);
        roster.push(founder.guardian);
    }
    roster.sort_unstable();
    if roster.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Rejection::GuardianPresent.into());
    }
    draft.put(&(), &Roster(roster));
    for spec in &genesis.keys {
        spec.check()?;
        shared_key::establish(draft, spec, None)?;
    }
    committee::seat(draft, &rules, 0)?;
    Ok(())
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

/// Who asks, if they may ask at all, and whether they showed work. The signature
/// is not looked at where it was checked before.
fn authorise<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    chain: &Chain,
    operation: &Operation,
    is_checked: bool,
) -> Result<(Author, bool), Stop> {
    let body = &operation.body;
    if body.network != context.network {
        return Err(Rejection::OtherNetwork(body.network).into());
    }
    if context.at > body.until {
        return Err(Rejection::Over.into());
    }
    let stamped = check_stamp(context, chain, operation)?;
    let signed_by = |key: &PublicKey| {
        let signature = operation.signature.as_ref().ok_or(Rejection::BadSignature)?;
        if is_checked {
            return Ok(());
        }
        let signed = body.signed_message(operation.stamp.as_ref());
        key.verify(&signed, signature).map_err(|_| Rejection::BadSignature)
    };
    match &body.claim {
        Claim::Device { did, device, nonce } => {
            let mut account: Account = draft.find(did)?.ok_or(Rejection::NoIdentity)?;
            signed_by(account.state.device(device).ok_or(Rejection::NoDevice)?.key())?;
            spend(context, &mut account, device, *nonce, stamped)?;
            draft.put(did, &account);
            Ok((Author::Person(*did), stamped))
        }
        Claim::Guardian { guardian, nonce } => {
            let mut record: Guardian = draft.find(guardian)?.ok_or(Rejection::NoGuardian)?;
            if !record.has_a_say() {
                return Err(Rejection::NotActive.into());
            }
            signed_by(&VerifyingKey(*guardian.as_bytes()).into())?;
            if !record.take_nonce(*nonce) {
                return Err(Rejection::NonceUsed.into());
            }
            draft.put(guardian, &record);
            Ok((Author::Guardian(*guardian), stamped))
        }
        Claim::Itself if operation.signature.is_none() => Ok((Author::Nobody, stamped)),
        Claim::Itself => Err(Rejection::WrongAuthor.into()),
    }
}

/// Uses a device's number, and pays with work where the identity is new, with
/// its allowance otherwise.
fn spend(
    context: &Context,
    account: &mut Account,
    device: &DeviceId,
    nonce: u64,
    stamped: bool,
) -> Result<(), Rejection> {
    if !account.take_nonce(device, nonce) {
        return Err(Rejection::NonceUsed);
    }
    if stamped {
        return Ok(());
    }
    if account.is_new(context.at, &context.rules) {
        return Err(Rejection::StampNeeded { bits: context.rules.stamp_bits });
    }
    if account.pay(context.at, &context.rules) { Ok(()) } else { Err(Rejection::AllowanceUsedUp) }
}

fn check_stamp(context: &Context, chain: &Chain, operation: &Operation) -> Result<bool, Rejection> {
    let Some(stamp) = &operation.stamp else {
        return Ok(false);
    };
    let mark = if stamp.epoch == context.epoch {
        chain.mark
    } else if stamp.epoch.checked_add(1) == Some(context.epoch) {
        chain.mark_before
    } else {
        return Err(Rejection::BadStamp);
    };
    let work = stamp.work(&mark, &operation.body.message());
    let enough = Stamp::zero_bits(&work) >= u32::from(context.rules.stamp_bits);
    if enough { Ok(true) } else { Err(Rejection::BadStamp) }
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
            guardian::join(draft, context, author.person()?, guardian, terms, *bond, consent)
        }
        Action::Restate { terms } => guardian::restate(draft, &author.guardian()?, terms),
        Action::Bond { guardian, amount } => {
            guardian::bond(draft, context, author.person()?, guardian, *amount)
        }
        Action::Leave { guardian } => guardian::leave(draft, context, author.person()?, guardian),
        Action::Unbond { guardian } => guardian::unbond(draft, context, author.person()?, guardian),
        Action::Approve { spec } => {
            let id = author.guardian()?;
            if !draft.expect::<Guardian>(&id)?.is_active() {
                return Err(Rejection::NotActive.into());
            }
            shared_key::approve(draft, id, spec)
        }

        Action::Announce { session, key } => shared_key::announce(draft, author.guardian()?, session, key),
        Action::Deal { session, dealing } => shared_key::deal(draft, author.guardian()?, session, dealing),
        Action::Complain { session, complaint } => shared_key::complain(draft, session, complaint),
        Action::Ready { session } => shared_key::ready(draft, author.guardian()?, session),
        Action::Beacon { round, signature } => beacon::tell(draft, context, *round, signature),

        Action::Accuse { evidence, reporter } => evidence::accuse(draft, context, evidence, *reporter),
        Action::ClaimBounty { key, generation, guardian, claimant, proof } => {
            evidence::claim_bounty(draft, context, key, *generation, guardian, *claimant, proof)
        }

        Action::DeclareIssuer { terms } => issuer::declare(draft, context, author.person()?, terms),
        Action::Revoke { list } => issuer::revoke(draft, context, author.person()?, list),
    }
}

/// The ledger before there is one.
struct Nothing;

impl Values for Nothing {
    fn value(&self, _: &crate::jellyfish::KeyHash) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
}
