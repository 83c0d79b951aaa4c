//! Conversations, as the records have them.

use std::collections::{BTreeMap, BTreeSet};

use allod_courier::bundle::BundleId;
use allod_courier::messenger::{Body, Kept, MessageId, Reached, Whom, reached_of};
use allod_did::Did;

use super::Office;
use crate::failure::Failure;

/// Everything that was said, in its order.
pub(super) struct Said {
    /// All messages, what was written first first.
    pub(super) messages: Vec<Kept>,
    unread: BTreeSet<Vec<u8>>,
    reached: BTreeMap<(MessageId, Did), Reached>,
    given: BTreeMap<BundleId, u16>,
}

/// How far a message of one's own has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is here.
    Written,
    /// So many others carry it.
    Carried(u16),
    /// So many people have it, of so many that are known to.
    Delivered(usize),
    /// So many people have read it.
    Read(usize),
}

impl Said {
    /// What this device has.
    pub(super) fn load(office: &Office) -> Result<Self, Failure> {
        let (mut messages, mut unread, mut reached) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        for (name, record) in office.desk.records()? {
            if Kept::is_name(&name) {
                messages.push(Kept::decode(&record)?);
            } else if let Some(message) = Kept::name_of_unread(&name) {
                unread.insert(message);
            } else if let Some((id, did, state)) = reached_of(&name) {
                let known = reached.entry((id, did)).or_insert(state);
                *known = (*known).max(state);
            }
        }
        messages.sort_by_key(|kept| (kept.at, kept.came, kept.id));
        let given = office.desk.bag().with(|bag| {
            let given = bag.store().iter().map(|(id, carried)| (*id, carried.given)).collect();
            Ok::<_, allod_post::PostError>(given)
        })?;
        Ok(Self { messages, unread, reached, given })
    }

    /// Whether a message of somebody else was not read yet.
    pub(super) fn is_unread(&self, kept: &Kept) -> bool {
        self.unread.contains(&kept.name())
    }

    /// With whom a message belongs.
    pub(super) fn with(kept: &Kept, own: &Did) -> Whom {
        match kept.to {
            Whom::Person(to) if to == *own => Whom::Person(kept.from),
            to => to,
        }
    }

    /// How far a message of one's own has come.
    pub(super) fn state(&self, kept: &Kept) -> State {
        let at = |least: Reached| {
            let range = (kept.id, Did([0; 32]))..=(kept.id, Did([255; 32]));
            self.reached.range(range).filter(|(_, reached)| **reached >= least).count()
        };
        match (at(Reached::Read), at(Reached::Delivered)) {
            (0, 0) => match kept.bundles.iter().filter_map(|id| self.given.get(id)).max() {
                Some(0) | None => State::Written,
                Some(carried) => State::Carried(*carried),
            },
            (0, delivered) => State::Delivered(delivered),
            (read, _) => State::Read(read),
        }
    }
}

impl State {
    /// In words.
    pub(super) fn words(self, many: bool) -> String {
        match self {
            Self::Written => "written".into(),
            Self::Carried(count) => format!("carried by {count}"),
            Self::Delivered(count) if many => format!("delivered to {count}"),
            Self::Read(count) if many => format!("read by {count}"),
            Self::Delivered(_) => "delivered".into(),
            Self::Read(_) => "read".into(),
        }
    }

    /// For programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Carried(_) => "carried",
            Self::Delivered(_) => "delivered",
            Self::Read(_) => "read",
        }
    }
}

/// What a message says, in one line.
pub(super) fn one_line(body: &Body) -> String {
    let text = match body {
        Body::Text(text) => text.clone(),
        Body::File { name, note, .. } if note.is_empty() => format!("[file] {name}"),
        Body::File { name, note, .. } => format!("[file] {name}: {note}"),
    };
    super::told::printable(&text.replace('\n', " "))
}
