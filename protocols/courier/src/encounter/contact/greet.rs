//! The beginning of a contact: who the other side is, and what it has.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Encounter, Stage};
use crate::bundle::{BundleId, Priority, Seconds};
use crate::carry::{Origin, Store};
use crate::encounter::error::EncounterError;
use crate::encounter::message::{Hello, Message, signed};
use crate::encounter::reconcile::{Answering, Asking};
use crate::encounter::{Event, MTU_MAX, MTU_MIN, Output};
use crate::ratchet::Tag;

impl Encounter {
    pub(super) fn hello(&mut self, hello: Hello, store: &Store) -> Result<(), EncounterError> {
        if hello.nonce == self.hello.nonce || (hello.key.is_some() && hello.key == self.hello.key) {
            return Err(EncounterError::Echo);
        }
        if !(MTU_MIN..=MTU_MAX).contains(&(hello.mtu as usize)) {
            return Err(EncounterError::Malformed);
        }
        if self.known.is_some() && hello.key.is_some() && self.known != hello.peer() {
            return Err(EncounterError::OtherPeer);
        }
        if let Some(key) = self.key.as_ref().filter(|_| hello.wants_proof) {
            let proof = Message::Proof(key.sign(&signed(&self.hello, &hello)));
            self.send(proof);
        }
        match (self.known, hello.key) {
            (Some(peer), _) => self.meet(&hello, Origin::Peer(peer), store),
            (None, None) => self.meet(&hello, Origin::Unknown, store),
            (None, Some(_)) => {
                self.stage = Stage::Proof(hello);
                Ok(())
            }
        }
    }

    pub(super) fn meet(&mut self, hello: &Hello, peer: Origin, store: &Store) -> Result<(), EncounterError> {
        let no_bulk = hello.no_bulk || self.hello.no_bulk;
        let mtu = self.link.mtu.min(hello.mtu as usize);
        self.giving.meet(mtu, no_bulk, self.hello.reach, hello.reach);
        self.taking.meet(peer, no_bulk);
        self.outputs.push_back(Output::Event(Event::Met { peer, reach: hello.reach }));
        if self.hello.nonce < hello.nonce {
            self.stage = Stage::Answering(None, BTreeSet::new());
            return Ok(());
        }
        let (asking, first) = Asking::new(items(store, no_bulk), mtu)?;
        self.stage = Stage::Asking(asking, tags(store, no_bulk));
        self.send(Message::Reconcile(first));
        Ok(())
    }

    pub(super) fn reconcile(&mut self, message: &[u8], store: &Store) -> Result<(), EncounterError> {
        let (mtu, no_bulk) = self.giving.limits();
        match &mut self.stage {
            Stage::Answering(answering, _) => {
                let (answering, _) = match answering {
                    Some(answering) => answering,
                    None => {
                        let ours = tags(store, no_bulk);
                        answering.insert((Answering::new(items(store, no_bulk), mtu)?, ours))
                    }
                };
                let answer = Message::Reconcile(answering.handle(message)?);
                self.send(answer);
            }
            Stage::Asking(asking, ours) => {
                if let Some(next) = asking.handle(message)? {
                    self.send(Message::Reconcile(next));
                    return Ok(());
                }
                let ours = core::mem::take(ours);
                let Stage::Asking(asking, _) = core::mem::replace(&mut self.stage, Stage::Open) else {
                    return Err(EncounterError::OutOfTurn);
                };
                let (have, need) = asking.differences();
                let mut batches = need.chunks(4096).peekable();
                if batches.peek().is_none() {
                    self.send(Message::Lacks(Vec::new(), true));
                }
                while let Some(batch) = batches.next() {
                    let ids = batch.iter().map(BundleId::short).collect();
                    self.send(Message::Lacks(ids, batches.peek().is_none()));
                }
                self.open(&ours, &have.into_iter().collect(), store);
            }
            _ => return Err(EncounterError::OutOfTurn),
        }
        Ok(())
    }

    /// The other side lacks these of what was here when reconciliation began.
    pub(super) fn open(&mut self, ours: &[(BundleId, Tag)], lacks: &BTreeSet<BundleId>, store: &Store) {
        for (id, tag) in ours {
            if lacks.contains(id) {
                self.giving.add(*id, store);
                continue;
            }
            self.giving.is_theirs(*tag);
            // It was delivered meanwhile.
            if let Some(token) = store.token(tag).and_then(|token| self.giving.deliver(token)) {
                self.send(token);
            }
        }
        self.stage = Stage::Open;
        self.giving.open();
    }
}

/// What is reconciled.
fn items(store: &Store, no_bulk: bool) -> impl Iterator<Item = (Seconds, BundleId)> + '_ {
    let all = store.iter().filter(move |(_, one)| !(no_bulk && one.terms.priority == Priority::Bulk));
    all.map(|(id, one)| (one.terms.created, *id))
}

fn tags(store: &Store, no_bulk: bool) -> Vec<(BundleId, Tag)> {
    let all = items(store, no_bulk).filter_map(|(_, id)| Some((id, store.get(&id)?.tag)));
    all.collect()
}
