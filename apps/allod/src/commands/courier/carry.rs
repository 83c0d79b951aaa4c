//! `allod carry`: what is carried for oneself and for others, and ways that take files.

use std::fs;
use std::io::Read;
use std::path::Path;

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::{Carried, Giving, Origin, PeerId, Refused, giving};
use allod_links::NarrowError;
use allod_links::folder::{Arrived, Folder, Given, Taken};
use allod_links::parcel::{Entry, Head, Reader, Record, Writer};
use allod_node::person::Home;
use allod_post::PostError;
use allod_post::bag::Open;
use serde_json::json;

use super::{Office, codes, told};
use crate::cli::courier::{Carry, CarryCommand};
use crate::commands::vault::meter::{amount, count};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(crate) async fn run(home: &Home, args: Carry, screen: &Screen) -> Result<(), Failure> {
    let office = Office::open(home)?;
    match args.command.unwrap_or(CarryCommand::Status) {
        CarryCommand::Status => status(&office, screen),
        CarryCommand::Out { file, qr, screen: is_shown, at_most } => {
            let pictures = qr.map(|folder| screen.path(&folder));
            out(&office, &screen.path(&file), pictures.as_deref(), is_shown, at_most, screen).await
        }
        CarryCommand::In { file, qr } => take_in(&office, &screen.path(&file), qr, screen),
        CarryCommand::Folder { folder } => once(&office, &screen.path(&folder), screen),
        CarryCommand::Empty => empty(&office, screen),
    }
}

fn status(office: &Office, screen: &Screen) -> Result<(), Failure> {
    let (own, others, delivered, limits, peers, refused) = office.desk.bag().with(|bag| {
        let sum = |bag: &mut Open<'_>, is_own: bool| {
            let of = bag.store().iter().filter(|(_, carried)| (carried.origin == Origin::Own) == is_own);
            of.fold((0_u64, 0_u64), |(count, bytes), (_, carried)| {
                (count + 1, bytes + u64::from(carried.size))
            })
        };
        let (own, others) = (sum(bag, true), sum(bag, false));
        let delivered = bag.store().delivered().count();
        let refused = bag.counts()?.named();
        Ok::<_, PostError>((own, others, delivered, bag.limits(), bag.peers().count(), refused))
    })?;
    let refused: Vec<_> = refused.into_iter().filter(|(_, count)| *count > 0).collect();
    let refused_data: serde_json::Map<_, _> =
        refused.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect();
    let data = json!({
        "own": { "bundles": own.0, "bytes": own.1 },
        "of_others": { "bundles": others.0, "bytes": others.1 },
        "delivered_remembered": delivered, "bytes_max": limits.bytes, "met": peers,
        "refused": refused_data,
    });
    let mut text = format!(
        "of your own   {}, {}\nof others     {}, {}\nat most       {}\nmet           {}",
        count(own.0, "bundle", "bundles"),
        amount(own.1),
        count(others.0, "bundle", "bundles"),
        amount(others.1),
        amount(limits.bytes),
        count(peers as u64, "carrier", "carriers"),
    );
    for (at, (why, count)) in refused.iter().enumerate() {
        let label = if at == 0 { "refused" } else { "" };
        text.push_str(&format!("\n{label:13} {count}: {why}"));
    }
    screen.result(&data, &text);
    Ok(())
}

/// The copies that go along to somebody of whom nothing is known, and how many fewer stay here: none
/// of what is copied to everybody.
pub(super) fn copies(carried: &Carried) -> (u8, u8) {
    match giving(&carried.terms, carried.size as usize, 1, 1) {
        Giving::Copies(given, left) => (given, carried.terms.copies.saturating_sub(left)),
        Giving::Nothing => (0, 0),
    }
}

/// Whether a bundle is given to a way of which nobody knows who takes it.
pub(super) fn is_given(carried: &Carried) -> bool {
    !carried.is_wanted && (carried.origin == Origin::Own || carried.terms.copies > 0)
}

/// Bundles that go along, each with the copies that are fewer here once it is really there.
#[derive(Default)]
struct Going(Vec<(BundleId, u8)>);

impl Going {
    /// A bundle with the copies that go along.
    fn load(&mut self, bag: &mut Open<'_>, id: &BundleId) -> Option<Bundle> {
        let mut bundle = bag.load(id).ok().flatten()?;
        let (given, spent) = copies(bag.store().get(id)?);
        bundle.terms.copies = given;
        self.0.push((*id, spent));
        Some(bundle)
    }

    /// They are there.
    fn went(self, bag: &mut Open<'_>) -> Result<(), PostError> {
        self.0.iter().try_for_each(|(id, spent)| {
            bag.store().gave(id, *spent, false);
            bag.update(id)
        })
    }
}

async fn out(
    office: &Office,
    path: &Path,
    pictures: Option<&Path>,
    is_shown: bool,
    at_most: Option<u64>,
    screen: &Screen,
) -> Result<(), Failure> {
    if is_shown {
        codes::check_screen(screen)?;
    }
    pictures.map(codes::check_folder).transpose()?;
    let at_most = match is_shown || pictures.is_some() {
        true => Some(at_most.unwrap_or(codes::SHOWN).min(codes::SHOWN_MAX)),
        false => at_most,
    };
    let head = write(office, path, at_most)?;
    let mut data =
        json!({ "file": path, "bundles": head.bundles, "bytes": head.length, "delivered": head.tokens });
    let mut text = format!(
        "Wrote {}: {}, {}. Whoever takes it in learns sizes, times and urgency, and nothing else that is not theirs.",
        path.display(),
        count(head.bundles.into(), "bundle", "bundles"),
        amount(head.length),
    );
    let read =
        || fs::read(path).map_err(|why| Failure::new(Kind::Failed, format!("{}: {why}", path.display())));
    if let Some(folder) = pictures {
        let drawn = codes::draw(&read()?, folder)?;
        data["codes"] = json!(drawn);
        text.push_str(&format!(
            "\nDrew {} into {}: two of three are enough.",
            count(drawn as u64, "code", "codes"),
            folder.display()
        ));
    }
    if is_shown {
        codes::show(&read()?).await?;
    }
    screen.result(&data, &text);
    Ok(())
}

/// Writes a parcel of what may be given.
fn write(office: &Office, path: &Path, at_most: Option<u64>) -> Result<Head, Failure> {
    let (now, key) = (allod_node::now(), office.carrier_key());
    office.desk.bag().with(|bag| {
        bag.expire(now)?;
        let (mut writer, mut going) = (Writer::create(path, &key, now)?, Going::default());
        let tokens: Vec<_> = bag.store().delivered().collect();
        tokens.into_iter().try_for_each(|(token, until)| writer.delivered(token, until))?;
        let ids: Vec<_> =
            bag.store().in_order().into_iter().filter(|(_, carried)| is_given(carried)).collect();
        for (id, carried) in ids {
            if at_most.is_some_and(|most| writer.size() + u64::from(carried.size) > most) {
                continue;
            }
            if let Some(bundle) = going.load(bag, &id) {
                writer.add(&bundle)?;
            }
        }
        let head = writer.finish()?;
        going.went(bag)?;
        Ok::<_, Failure>(head)
    })
}

/// What came of something that was taken in.
#[derive(Default)]
pub(super) struct TakenIn {
    pub(super) wanted: u64,
    pub(super) carried: u64,
    pub(super) known: u64,
    pub(super) delivered: u64,
    pub(super) refused: Vec<(&'static str, u64)>,
}

impl TakenIn {
    fn refuse(&mut self, why: &'static str) {
        match self.refused.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => self.refused.push((why, 1)),
        }
    }

    /// Takes a bundle that somebody brought. Whether it is done with.
    fn bundle(
        &mut self,
        office: &Office,
        bag: &mut Open<'_>,
        from: PeerId,
        bundle: &Bundle,
    ) -> Result<bool, PostError> {
        let is_wanted = office.desk.wants(&bundle.tag);
        match bag.put(bundle, Origin::Peer(from), is_wanted, allod_node::now()) {
            Ok(()) if is_wanted => self.wanted += 1,
            Ok(()) => self.carried += 1,
            Err(PostError::Refused(Refused::Known | Refused::Delivered)) => self.known += 1,
            Err(PostError::Refused(why)) => {
                self.refuse(because(why));
                return Ok(!matches!(why, Refused::NoRoom | Refused::OverQuota));
            }
            Err(why) => return Err(why),
        }
        Ok(true)
    }

    fn told(&self) -> (serde_json::Value, String) {
        let refused: serde_json::Map<_, _> =
            self.refused.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect();
        let data = json!({
            "for_you": self.wanted, "for_others": self.carried, "known": self.known,
            "delivered": self.delivered, "refused": refused,
        });
        let mut text = format!("{} for you, {} for others", self.wanted, self.carried);
        if self.known > 0 {
            text.push_str(&format!(", {} known already", self.known));
        }
        for (why, count) in &self.refused {
            text.push_str(&format!(", {count} refused ({why})"));
        }
        (data, text)
    }
}

fn because(why: Refused) -> &'static str {
    match why {
        Refused::Expired => "expired",
        Refused::Ahead => "from the future",
        Refused::Known => "known",
        Refused::Delivered => "delivered",
        Refused::NoRoom => "no room",
        Refused::OverQuota => "too much from one carrier",
    }
}

fn take_in(office: &Office, path: &Path, are_pictures: bool, screen: &Screen) -> Result<(), Failure> {
    office.desk.refresh()?;
    let (mut taken, mut damage) = (TakenIn::default(), None);
    if are_pictures {
        for parcel in codes::read(path)? {
            let found = take_parcel(office, Reader::new(&parcel[..])?, path, &mut taken, screen)?;
            damage = damage.or(found);
        }
    } else {
        damage = take_parcel(office, Reader::open(path)?, path, &mut taken, screen)?;
    }
    let news = office.sweep()?;
    let (data, text) = taken.told();
    say_news(office, &news.news, screen)?;
    match damage {
        None => {
            screen.result(&data, &format!("Took in {text}."));
            Ok(())
        }
        Some(why) => Err(Failure::new(
            Kind::Failed,
            format!("{}: {why}; what was whole was taken in: {text}", path.display()),
        )
        .next("have it brought again: what is here already is not taken twice")
        .data(data)),
    }
}

/// Takes what is in a parcel. What is wrong with it, if something is.
fn take_parcel<R: Read>(
    office: &Office,
    mut reader: Reader<R>,
    path: &Path,
    taken: &mut TakenIn,
    screen: &Screen,
) -> Result<Option<NarrowError>, Failure> {
    let head = *reader.head();
    screen.note(&format!(
        "{}: {}, {}, written {}",
        path.display(),
        count(head.bundles.into(), "bundle", "bundles"),
        amount(head.length),
        told::time(head.made),
    ));
    let damage = office.desk.bag().with(|bag| {
        loop {
            match reader.read() {
                Ok(Some(Record::Bundle(bundle))) => drop(taken.bundle(office, bag, head.carrier, &bundle)?),
                Ok(Some(Record::Delivered(token, _))) => {
                    let gone = bag.store().deliver(token, allod_node::now());
                    taken.delivered += gone.len() as u64;
                    bag.erase(&gone)?;
                    bag.has_tokens();
                }
                Ok(Some(Record::Refused(why))) => {
                    bag.refuse(why);
                    taken.refuse("no bundle");
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok::<_, PostError>(None),
                // What came before it was signed, and stays.
                Err(why) => return Ok(Some(why)),
            }
        }
    })?;
    Ok(damage)
}

fn once(office: &Office, path: &Path, screen: &Screen) -> Result<(), Failure> {
    office.desk.refresh()?;
    let mut folder = Folder::open(path, &office.carrier_key())?;
    let (taken, report) = take_from(office, &mut folder)?;
    let news = office.sweep()?;
    // Answers to what came go along.
    let given = give_to(office, &mut folder)?;
    say_news(office, &news.news, screen)?;
    for (why, times) in &report.skipped {
        screen.warn(&format!("{}: skipped {why} ({times})", path.display()));
    }
    let (mut data, text) = taken.told();
    data["left_there"] = json!(given.bundles);
    data["lies_there"] = json!(given.there);
    let state = match (given.is_read_only, given.is_full) {
        (true, _) => "; nothing can be written there, so nothing was left",
        (_, true) => "; it is full, so not all could be left",
        _ => "",
    };
    let left = count(given.bundles as u64, "bundle", "bundles");
    screen.result(&data, &format!("Took {text}. Left {left} for others{state}."));
    Ok(())
}

/// Takes what others left in a folder.
pub(super) fn take_from(office: &Office, folder: &mut Folder) -> Result<(TakenIn, Taken), Failure> {
    let mut taken = TakenIn::default();
    let mut failed = None;
    let report = office.desk.bag().with(|bag| {
        let known: std::collections::BTreeSet<_> = bag.store().iter().map(|(id, _)| *id).collect();
        let mut sink = |arrived| match arrived {
            Arrived::Bundle(from, bundle) => match taken.bundle(office, bag, from, &bundle) {
                Ok(is_done) => is_done,
                Err(why) => {
                    failed.get_or_insert(why);
                    false
                }
            },
            Arrived::Delivered(_, token, _) => {
                let gone = bag.store().deliver(token, allod_node::now());
                taken.delivered += gone.len() as u64;
                bag.has_tokens();
                bag.erase(&gone).is_ok()
            }
        };
        Ok::<_, Failure>(folder.take(&|id| known.contains(id), &mut sink, allod_node::now())?)
    })?;
    match failed {
        Some(why) => Err(why.into()),
        None => Ok((taken, report)),
    }
}

/// Leaves in a folder what others may carry on or get.
pub(super) fn give_to(office: &Office, folder: &mut Folder) -> Result<Given, Failure> {
    let now = allod_node::now();
    office.desk.bag().with(|bag| {
        bag.expire(now)?;
        let all = bag.store().in_order().into_iter().filter(|(_, carried)| is_given(carried));
        let entries: Vec<Entry> = all
            .map(|(id, carried)| Entry { id, size: carried.size, expires: carried.terms.expires() })
            .collect();
        let tokens: Vec<_> = bag.store().delivered().collect();
        let mut going = Going::default();
        let given = folder.give(&entries, &mut |id| going.load(bag, id), &tokens, now)?;
        // Of a full one it is not known which of them are there.
        if !given.is_full && !given.is_read_only {
            going.went(bag)?;
        }
        Ok(given)
    })
}

fn empty(office: &Office, screen: &Screen) -> Result<(), Failure> {
    let gone = office.desk.bag().with(|bag| {
        let of_others = bag.store().iter().filter(|(_, carried)| !carried.is_kept());
        let ids: Vec<_> = of_others.map(|(id, _)| *id).collect();
        bag.erase(&ids).map(|()| ids.len())
    })?;
    let text = format!("Carrying {} less; your own stay.", count(gone as u64, "bundle", "bundles"));
    screen.result(&json!({ "dropped": gone }), &text);
    Ok(())
}

/// Says what came.
pub(super) fn say_news(
    office: &Office,
    news: &[allod_courier::messenger::News],
    screen: &Screen,
) -> Result<(), Failure> {
    let lines: Vec<String> =
        office.look(|messenger| news.iter().filter_map(|one| told::news(messenger, one)).collect())?;
    lines.iter().for_each(|line| screen.note(line));
    Ok(())
}
