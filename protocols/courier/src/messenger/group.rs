//! Groups as a device sees them: changes are told to all members by who made them, chains are
//! begun when something is sent, and their keys handed to those who belong to the group then.
//!
//! Whoever makes a change tells it to everybody who is a member as they see it, also to those
//! whom they come to see as members later, and to whom it puts out. Whoever lets somebody in
//! gives them all changes there are. So all members come to have all changes, whatever was cut
//! off from what; what is missing all the same is asked for.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::{CryptoRng, SecretBytes};
use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::Messenger;
use super::content::{Content, Said};
use super::person::{Person, Standing};
use super::receive::{News, Received};
use super::record::Name;
use super::send::{Plain, Sending};
use super::tags::Tags;
use crate::CourierError;
use crate::bundle::BundleId;
use crate::contact::Invitation;
use crate::group::{
    Action, CHANGE_MAX, Change, ChangeId, Gathered, GroupId, Listener, MEMBERS_MAX, Membership, SenderChain,
    SenderKey, Taken,
};
use crate::ratchet::{STORED_MAX, Tag};

/// Bytes of others' cards that go along with changes.
const CARDS_MAX: usize = 1 << 20;

/// How often somebody is given changes that they ask for, in a day.
const ASKED_MAX: u32 = 64;

/// Keys of one person that are kept though they are not known to belong to the group, and of
/// all.
const EARLY_MAX: usize = 16;
const ALL_EARLY_MAX: usize = 4096;

/// After so long, another chain is begun, in milliseconds: whoever has the key of one reads
/// what is sent under it from then on.
const CHAIN_MS: u64 = 7 * 24 * 3600 * 1000;

/// Changes that are told in one message.
const CHANGES_AT_ONCE: usize = 256;

/// Changes that wait for the log of whoever made them.
const PENDING_MAX: usize = 1024;

/// Chains of one device that are kept, the newest first: older ones are for what is late.
const CHAINS_MAX: usize = 4;

/// Groups and devices whose chains are kept, at most.
const LISTENERS_MAX: usize = 20_000;

/// In groups of more members, authors are not told how far messages came.
const SMALL: usize = 32;

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    gathered: Gathered,
    membership: Membership,
    /// Whom changes name: who is or was a member is among them.
    named: BTreeSet<Did>,
    /// What this device sends under; none until it sends something.
    chain: Option<SenderChain>,
    /// Devices that have the chain's key.
    has_key: BTreeSet<[u8; 32]>,
    /// Members who could not be given it yet, with the key as it was for what they have missed.
    owed: BTreeMap<Did, SenderKey>,
    /// When the chain was begun.
    begun: Instant,
    /// How often each was given changes that they asked for, on which day.
    asked: BTreeMap<Did, (u64, u32)>,
    /// Changes of people whose log is not known yet.
    pending: Vec<Change>,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    founding: ByteVec,
    #[n(2)]
    chain: Option<SenderChain>,
    #[n(3)]
    has_key: BTreeSet<ByteVec>,
    #[n(4)]
    owed: BTreeMap<Did, SenderKey>,
    #[n(5)]
    begun: Instant,
}

impl Wire for Stored {
    const SIZE_MAX: usize = 16 << 20;
}

const VERSION: u8 = 1;

/// What people see of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Which one it is.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// Its members, the most senior first, and whether each may add and remove others.
    pub members: Vec<(Did, bool)>,
}

impl Group {
    fn new(founding: Change) -> Option<Self> {
        let gathered = Gathered::new(founding)?;
        let membership = gathered.membership();
        let named = gathered.changes().flat_map(named).collect();
        Some(Self {
            gathered,
            membership,
            named,
            chain: None,
            has_key: BTreeSet::new(),
            owed: BTreeMap::new(),
            begun: Instant(0),
            asked: BTreeMap::new(),
            pending: Vec::new(),
        })
    }

    pub(super) fn has(&self, did: &Did) -> bool {
        self.membership.has(did)
    }

    /// Whether somebody who was an admin left.
    fn left_by_themselves(&self, did: &Did) -> bool {
        let changes = || self.gathered.changes();
        let has_left = |change: &Change| change.author() == *did && *change.action() == Action::Leave;
        let was_admin = |change: &Change| match change.action() {
            Action::Appoint(appointed) => appointed == did,
            Action::Found { .. } => change.author() == *did,
            _ => false,
        };
        let was_removed = |change: &Change| *change.action() == Action::Remove(*did);
        changes().any(has_left) && changes().any(was_admin) && !changes().any(was_removed)
    }

    /// Whether authors are told how far their messages came.
    pub(super) fn is_small(&self) -> bool {
        self.membership.members().len() <= SMALL
    }

    pub(super) fn seal(&mut self, plain: &Plain) -> Result<Vec<u8>, CourierError> {
        self.chain.as_mut().ok_or(CourierError::NotBegun)?.seal(plain)
    }

    /// Begins another chain with the next message.
    fn end_chain(&mut self) {
        self.chain = None;
        self.has_key.clear();
        self.owed.clear();
    }

    /// Works out the membership anew, after changes were loaded.
    pub(super) fn settle(&mut self) {
        self.membership = self.gathered.membership();
        self.named = self.gathered.changes().flat_map(named).collect();
    }

    fn find(&self, id: &ChangeId) -> Option<&Change> {
        self.gathered.get(id)
    }

    pub(super) fn store(&self) -> SecretBytes {
        let founding = self.find(&ChangeId(self.gathered.id().0)).map(Change::encode).unwrap_or_default();
        SecretBytes::from(allod_wire::encode(&Stored {
            version: VERSION,
            founding: founding.into(),
            chain: self.chain.clone(),
            has_key: self.has_key.iter().map(|key| ByteVec::from(key.to_vec())).collect(),
            owed: self.owed.clone(),
            begun: self.begun,
        }))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let malformed = CourierError::Malformed;
        let stored: Stored = allod_wire::decode(bytes.expose()).map_err(|_| malformed.clone())?;
        if stored.version != VERSION {
            return Err(malformed);
        }
        let mut group = Self::new(Change::decode(&stored.founding)?).ok_or(malformed.clone())?;
        for key in stored.has_key {
            group.has_key.insert(key.as_slice().try_into().map_err(|_| malformed.clone())?);
        }
        (group.chain, group.owed, group.begun) = (stored.chain, stored.owed, stored.begun);
        Ok(group)
    }

    pub(super) fn store_change(&self, id: &ChangeId) -> Option<SecretBytes> {
        let pending = || self.pending.iter().find(|change| change.id() == *id);
        self.find(id).or_else(pending).map(|change| SecretBytes::from(change.encode()))
    }

    /// Takes a change that somebody brought and whose author is known by their log, or keeps it until they are. Whether it
    /// is to be kept.
    fn take(&mut self, change: Change, from: Did, people: &BTreeMap<Did, Person>) -> bool {
        match people.get(&change.author()) {
            Some(person) if person.had(&change.device().0) => {
                matches!(self.gathered.add(change, from), Taken::Yes(_) | Taken::Waits)
            }
            // Their log may be older than the change.
            _ if self.pending.len() < PENDING_MAX => {
                self.pending.push(change);
                true
            }
            _ => false,
        }
    }

    /// Takes all changes that were kept, each after those that it had seen.
    pub(super) fn load_changes(
        &mut self,
        records: &[&SecretBytes],
        people: &BTreeMap<Did, Person>,
    ) -> Result<(), CourierError> {
        let mut left = BTreeMap::new();
        for record in records {
            let change = Change::decode(record.expose())?;
            left.insert(change.id(), change);
        }
        let mut after: BTreeMap<ChangeId, Vec<ChangeId>> = BTreeMap::new();
        let mut missing = BTreeMap::new();
        let mut ready = VecDeque::new();
        for (id, change) in &left {
            let waits = change.parents().iter().filter(|parent| left.contains_key(parent));
            let count = waits.inspect(|parent| after.entry(**parent).or_default().push(*id)).count();
            if count == 0 {
                ready.push_back(*id);
            }
            missing.insert(*id, count);
        }
        while let Some(id) = ready.pop_front() {
            if let Some(change) = left.remove(&id) {
                let author = change.author();
                self.take(change, author, people);
            }
            for later in after.remove(&id).unwrap_or_default() {
                let count = missing.entry(later).or_insert(1);
                *count -= 1;
                if *count == 0 {
                    ready.push_back(later);
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// Whether somebody belongs to it, or may have once.
    pub(super) fn had(&self, did: &Did) -> bool {
        self.named.contains(did)
    }
}

/// The chains of one device in one group.
#[derive(Clone, Debug)]
pub(super) struct Listeners {
    did: Did,
    chains: Vec<(Listener, Tags)>,
}

#[derive(Encode, Decode)]
struct StoredListeners {
    #[n(0)]
    version: u8,
    #[n(1)]
    did: Did,
    #[n(2)]
    chains: Vec<Listener>,
}

impl Wire for StoredListeners {
    const SIZE_MAX: usize = 256 + CHAINS_MAX * STORED_MAX;
}

impl Listeners {
    /// Whose device it is.
    pub(super) fn did(&self) -> Did {
        self.did
    }

    pub(super) fn expecting(&self, tag: &Tag) -> Option<usize> {
        self.chains.iter().position(|(chain, tags)| tags.have(tag, || chain.expected()))
    }

    pub(super) fn expected_next(&self, each: usize) -> impl Iterator<Item = Tag> + '_ {
        self.chains.iter().flat_map(move |(chain, _)| chain.expected_next(each))
    }

    pub(super) fn open(
        &mut self,
        at: usize,
        message: &[u8],
        now: Instant,
    ) -> Result<SecretBytes, CourierError> {
        let (chain, tags) = self.chains.get_mut(at).ok_or(CourierError::NotExpected)?;
        let plain = chain.open(message, now)?;
        if let Some(tag) = message.first_chunk() {
            tags.remove(&Tag(*tag));
        }
        Ok(plain)
    }

    fn add(&mut self, chain: Listener) {
        self.chains.insert(0, (chain, Tags::default()));
        self.chains.truncate(CHAINS_MAX);
    }

    /// Whether there was something that could be forgotten.
    pub(super) fn forget(&mut self, before: Instant) -> bool {
        for (chain, tags) in &mut self.chains {
            chain.forget(before);
            tags.change();
        }
        !self.chains.is_empty()
    }

    pub(super) fn store(&self) -> SecretBytes {
        let chains = self.chains.iter().map(|(chain, _)| chain.clone()).collect();
        SecretBytes::from(allod_wire::encode(&StoredListeners { version: VERSION, did: self.did, chains }))
    }

    pub(super) fn load(bytes: &SecretBytes) -> Result<Self, CourierError> {
        let stored: StoredListeners =
            allod_wire::decode(bytes.expose()).map_err(|_| CourierError::Malformed)?;
        if stored.version != VERSION || stored.chains.len() > CHAINS_MAX {
            return Err(CourierError::Malformed);
        }
        let chains = stored.chains.into_iter().map(|chain| (chain, Tags::default())).collect();
        Ok(Self { did: stored.did, chains })
    }
}

impl Messenger {
    /// Groups that this device knows of.
    pub fn groups(&self) -> impl Iterator<Item = GroupView> + '_ {
        self.groups.keys().filter_map(|id| self.group(id))
    }

    /// A group.
    pub fn group(&self, id: &GroupId) -> Option<GroupView> {
        let membership = &self.groups.get(id)?.membership;
        let members = membership.members().into_iter().map(|did| (did, membership.is_admin(&did))).collect();
        Some(GroupView { id: *id, name: membership.name().into(), members })
    }

    /// Founds a group, with this device's person as its only member.
    ///
    /// # Errors
    /// [`CourierError::TooLarge`] for a name that is too long.
    pub fn found_group(&mut self, name: &str, rng: &mut impl CryptoRng) -> Result<GroupId, CourierError> {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let founding =
            Change::new(Vec::new(), self.did(), Action::Found { name: name.into(), salt }, self.own.key())?;
        let group = Group::new(founding).ok_or(CourierError::Malformed)?;
        let id = group.gathered.id();
        self.groups.insert(id, group);
        self.dirty.insert(Name::Group(id));
        Ok(id)
    }

    /// Changes a group and tells its members.
    ///
    /// # Errors
    /// [`CourierError::NotAMember`], [`CourierError::NotAllowed`] where it would not count,
    /// [`CourierError::Nobody`] for somebody to be added who is not known.
    pub fn change_group(
        &mut self,
        id: GroupId,
        action: Action,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let did = self.did();
        if let Action::Add(new) = &action
            && !self.people.contains_key(new)
        {
            return Err(CourierError::Nobody(*new));
        }
        let key = self.own.key().clone();
        let group = self.groups.get_mut(&id).ok_or(CourierError::NotAMember)?;
        if !group.has(&did) {
            return Err(CourierError::NotAMember);
        }
        let change = Change::new(group.membership.heads().to_vec(), did, action.clone(), &key)?;
        let change_id = change.id();
        let before = group.gathered.clone();
        let was: BTreeSet<Did> = group.membership.members().into_iter().collect();
        let is_taken = matches!(group.gathered.add(change, did), Taken::Yes(_));
        group.settle();
        if !is_taken || group.membership.is_void(&change_id) {
            group.gathered = before;
            group.settle();
            return Err(CourierError::NotAllowed);
        }
        self.dirty.insert(Name::Change(id, change_id));
        self.dirty.insert(Name::Group(id));
        let group = self.groups.get(&id).map(|group| group.membership.members()).unwrap_or_default();
        let is: BTreeSet<Did> = group.into_iter().collect();
        // Whoever is out is told, too.
        for one in is.union(&was).filter(|one| !matches!(&action, Action::Add(new) if *one == new)) {
            self.tell_changes(id, *one, &[change_id], now, rng)?;
        }
        if let Action::Add(new) = action {
            self.introduce(id, new, now, rng)?;
        }
        self.settle_group(id, &was, now, rng)?;
        Ok(())
    }

    /// Gives somebody who was let in all changes, and cards of all members.
    fn introduce(
        &mut self,
        id: GroupId,
        new: Did,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let Some(group) = self.groups.get_mut(&id) else { return Ok(()) };
        let changes: Vec<ChangeId> = group.gathered.changes().map(Change::id).collect();
        for some in changes.chunks(CHANGES_AT_ONCE) {
            self.tell_changes(id, new, some, now, rng)?;
        }
        Ok(())
    }

    /// Whether somebody is a member of a group of this device's person.
    pub(super) fn shares_group(&self, did: &Did) -> bool {
        let own = self.did();
        self.groups.values().any(|group| group.has(did) && group.has(&own))
    }

    /// Gives another device of one's own all changes of all groups.
    pub(super) fn tell_groups(
        &mut self,
        key: [u8; 32],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let own = self.did();
        let of = |(id, group): (&GroupId, &Group)| {
            (*id, group.gathered.changes().map(Change::id).collect::<Vec<ChangeId>>())
        };
        for (id, changes) in self.groups.iter().map(of).collect::<Vec<_>>() {
            for some in changes.chunks(CHANGES_AT_ONCE) {
                if let Some(content) = self.content_of(id, some, now, rng) {
                    self.say(own, key, &content, Sending::lasting(), now, rng)?;
                }
            }
        }
        Ok(())
    }

    /// Says changes to all devices of somebody, with cards of those whom they name.
    fn tell_changes(
        &mut self,
        id: GroupId,
        to: Did,
        ids: &[ChangeId],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let Some(content) = self.content_of(id, ids, now, rng) else { return Ok(()) };
        match self.say_to_all(to, &content, Sending::lasting(), now, rng) {
            Err(CourierError::Nobody(_)) => Ok(()),
            said => said.map(|_| ()),
        }
    }

    fn content_of(
        &mut self,
        id: GroupId,
        ids: &[ChangeId],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Option<Content> {
        let group = self.groups.get(&id)?;
        // With the founding, so that it does not matter which message comes first.
        let founding = ChangeId(id.0);
        let others = ids.iter().filter(|id| **id != founding);
        let changes: Vec<&Change> =
            core::iter::once(&founding).chain(others).filter_map(|id| group.find(id)).collect();
        let mut named: BTreeSet<Did> = changes.iter().flat_map(|change| named(change)).collect();
        let changes = changes.iter().map(|change| ByteVec::from(change.encode())).collect();
        let own = self.did();
        let mut cards = match named.remove(&own) {
            true => self.own_cards(now, rng),
            false => Vec::new(),
        };
        let mut room = CARDS_MAX;
        for card in named.iter().filter_map(|did| self.people.get(did)).flat_map(|person| person.cards()) {
            room = room.saturating_sub(card.len());
            if room > 0 {
                cards.push(card);
            }
        }
        Some(Content::Group { group: id, changes, cards })
    }

    /// After changes: begins another chain if somebody is out, and tells own changes to whoever
    /// is in and has not been told. With who came in and who is out.
    fn settle_group(
        &mut self,
        id: GroupId,
        was: &BTreeSet<Did>,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<Did>, Vec<Did>), CourierError> {
        let own = self.did();
        let Some(group) = self.groups.get_mut(&id) else { return Ok(Default::default()) };
        let is: BTreeSet<Did> = group.membership.members().into_iter().collect();
        let left: Vec<Did> = was.difference(&is).copied().collect();
        let joined: Vec<Did> = is.difference(was).copied().collect();
        if !left.is_empty() {
            group.end_chain();
        }
        self.dirty.insert(Name::Group(id));
        if !is.contains(&own) {
            return Ok((joined, left));
        }
        // Whoever let them in knew all but what this device did beside it.
        let own_changes: Vec<ChangeId> =
            group.gathered.changes().filter(|change| change.author() == own).map(Change::id).collect();
        let is_admin = group.membership.is_admin(&own);
        let leavers: Vec<Did> = left.iter().filter(|did| group.left_by_themselves(did)).copied().collect();
        for did in joined.iter().filter(|did| **did != own) {
            if let Some(person) = self.people.get_mut(did)
                && person.standing == Standing::Asking
                && person.asked == 0
            {
                // They greeted before it was known that they belong to the group.
                person.standing = Standing::Known;
                self.dirty.insert(Name::Person(*did));
            }
            for some in own_changes.chunks(CHANGES_AT_ONCE) {
                self.tell_changes(id, *did, some, now, rng)?;
            }
        }
        // An admin who left could do something beside their leaving, unless they are put out, too.
        for did in leavers.into_iter().filter(|did| is_admin && *did != own) {
            match self.change_group(id, Action::Remove(did), now, rng) {
                Ok(()) | Err(CourierError::NotAllowed) => {}
                Err(why) => return Err(why),
            }
        }
        Ok((joined, left))
    }

    /// Changes that a device brings.
    #[expect(clippy::too_many_arguments, reason = "what came, from whom, and the shell's three")]
    pub(super) fn take_changes(
        &mut self,
        (from, key): (Did, [u8; 32]),
        id: GroupId,
        changes: &[ByteVec],
        cards: &[ByteVec],
        now: Instant,
        rng: &mut impl CryptoRng,
        received: &mut Received,
    ) -> Result<(), CourierError> {
        let mut new = Vec::new();
        for change in changes.iter().take(CHANGES_AT_ONCE + 1) {
            new.push(Change::decode(change)?);
        }
        let standing = self.people.get(&from).map(|person| person.standing);
        let is_contact = from == self.did() || standing == Some(Standing::Contact);
        if let Some(group) = self.groups.get(&id) {
            if !is_contact && !group.had(&from) {
                return Err(CourierError::NotAMember);
            }
        } else {
            let Some(founding) = new.iter().find(|change| change.id().0 == id.0).filter(|_| is_contact)
            else {
                return Err(CourierError::NotAMember);
            };
            let group = Group::new(founding.clone()).ok_or(CourierError::Malformed)?;
            self.groups.insert(id, group);
            self.dirty.insert(Name::Group(id));
        }
        let names: BTreeSet<Did> = new.iter().flat_map(named).collect();
        for card in cards.iter().take(MEMBERS_MAX) {
            let card = Invitation::decode(card)?;
            let did = card.identity().did();
            if !names.contains(&did) {
                continue;
            }
            if !self.people.contains_key(&did) {
                self.meet(&card.identity().log().clone(), None, Standing::Known)?;
            }
            self.take_card(card)?;
        }
        let Some(group) = self.groups.get_mut(&id) else { return Ok(()) };
        let was: BTreeSet<Did> = group.membership.members().into_iter().collect();
        new.append(&mut group.pending);
        for change in new {
            let change_id = change.id();
            if group.take(change, from, &self.people) {
                self.dirty.insert(Name::Change(id, change_id));
            }
        }
        group.settle();
        let missing: Vec<ChangeId> = group.gathered.missing().into_iter().take(CHANGES_AT_ONCE).collect();
        let (joined, left) = self.settle_group(id, &was, now, rng)?;
        if !joined.is_empty() || !left.is_empty() {
            received.news.push(News::Group { group: id, joined, left });
        }
        if !missing.is_empty() {
            self.say(from, key, &Content::GroupMissing(id, missing), Sending::default(), now, rng)?;
        }
        Ok(())
    }

    /// A member asks for changes.
    pub(super) fn give_changes(
        &mut self,
        (from, key): (Did, [u8; 32]),
        id: GroupId,
        ids: &[ChangeId],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let group = self.groups.get_mut(&id).filter(|group| group.has(&from));
        let group = group.ok_or(CourierError::NotAMember)?;
        let (day, count) = group.asked.entry(from).or_default();
        let today = now.0 / (24 * 3600 * 1000);
        (*day, *count) = if *day == today { (today, *count + 1) } else { (today, 1) };
        if *count > ASKED_MAX {
            return Err(CourierError::TooMany);
        }
        let some = &ids[..ids.len().min(CHANGES_AT_ONCE)];
        let Some(content) = self.content_of(id, some, now, rng) else { return Ok(()) };
        self.say(from, key, &content, Sending::default(), now, rng).map(|_| ())
    }

    /// A device gives the key of its chain. It may come before the group is known.
    pub(super) fn take_group_key(&mut self, (did, key): (Did, [u8; 32]), group: GroupId, sender: SenderKey) {
        // A key may come before what says that its owner belongs to the group, or that there is one.
        let is_early = |(group, _): &(GroupId, [u8; 32]), did: &Did| {
            self.groups.get(group).is_none_or(|group| !group.had(did))
        };
        if is_early(&(group, key), &did) {
            let early = || self.listeners.iter().filter(|(id, listeners)| is_early(id, &listeners.did()));
            let of_them = early().filter(|(_, listeners)| listeners.did() == did).count();
            if of_them >= EARLY_MAX || early().count() >= ALL_EARLY_MAX {
                return;
            }
        }
        if self.listeners.len() >= LISTENERS_MAX && !self.listeners.contains_key(&(group, key)) {
            return;
        }
        let device = (did, allod_crypto::sign::VerifyingKey(key));
        let listeners = self.listeners.entry((group, key));
        let listeners = listeners.or_insert_with(|| Listeners { did, chains: Vec::new() });
        listeners.add(Listener::new(group, device, sender));
        self.dirty.insert(Name::Listeners(group, key));
    }

    /// Seals for a group, after its key was given to all devices of its members.
    pub(super) fn send_to_group(
        &mut self,
        id: GroupId,
        said: &Said,
        sending: Sending,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<BundleId>, CourierError> {
        let (own, here) = (self.did(), self.own.identity().key());
        let group = self.groups.get_mut(&id).ok_or(CourierError::NotAMember)?;
        if !group.has(&own) {
            return Err(CourierError::NotAMember);
        }
        let is_old = now.0.saturating_sub(group.begun.0) > CHAIN_MS;
        if is_old || group.chain.as_ref().is_none_or(SenderChain::is_over) {
            group.end_chain();
            group.chain = Some(SenderChain::new(id, (own, here), rng));
            group.begun = now;
        }
        self.give_group_key(id, now, rng)?;
        let content = Content::Said(said.clone());
        Ok(alloc::vec![self.say_to_group(id, &content, sending, now, rng)?])
    }

    /// Gives the key of this device's chain to devices of members that do not have it.
    fn give_group_key(
        &mut self,
        id: GroupId,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CourierError> {
        let here = self.own.identity().key().0;
        let Some(group) = self.groups.get(&id) else { return Ok(()) };
        let Some(key) = group.chain.as_ref().map(SenderChain::key) else { return Ok(()) };
        for did in group.membership.members() {
            let reachable = self.people.get(&did).map(|person| person.reachable().collect::<Vec<_>>());
            let devices: Vec<[u8; 32]> =
                reachable.into_iter().flatten().filter(|device| *device != here).collect();
            let Some(group) = self.groups.get_mut(&id) else { return Ok(()) };
            if devices.is_empty() && did != self.own.identity().did() {
                // What they miss until then is theirs to read too.
                group.owed.entry(did).or_insert_with(|| key.clone());
                continue;
            }
            let owed = group.owed.remove(&did).unwrap_or_else(|| key.clone());
            for device in devices {
                let Some(group) = self.groups.get_mut(&id) else { return Ok(()) };
                if group.has_key.insert(device) {
                    self.say(
                        did,
                        device,
                        &Content::GroupKey(id, owed.clone()),
                        Sending::default(),
                        now,
                        rng,
                    )?;
                }
            }
        }
        self.dirty.insert(Name::Group(id));
        Ok(())
    }

    /// Devices were removed that have keys of chains.
    pub(super) fn end_chains_known_to(&mut self, gone: &[[u8; 32]]) {
        for (id, group) in &mut self.groups {
            if gone.iter().any(|key| group.has_key.contains(key)) {
                group.end_chain();
                self.dirty.insert(Name::Group(*id));
            }
        }
        let over: Vec<_> = self.listeners.keys().filter(|(_, key)| gone.contains(key)).copied().collect();
        for (group, key) in over {
            self.listeners.remove(&(group, key));
            self.dirty.insert(Name::Listeners(group, key));
        }
    }
}

/// Whom a change is by and about.
fn named(change: &Change) -> Vec<Did> {
    let mut named = alloc::vec![change.author()];
    match change.action() {
        Action::Add(did) | Action::Remove(did) | Action::Appoint(did) => named.push(*did),
        Action::Found { .. } | Action::Leave | Action::Rename(_) => {}
    }
    named
}

const _: () = assert!(CHANGES_AT_ONCE * CHANGE_MAX <= 1 << 20);
