//! Using the links: contacts come and go, and what is for this device is taken out of the bag.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use allod_courier::bundle::BundleId;
use allod_courier::messenger::{News, Standing};
use allod_crypto::Secret;
use allod_links::Contact as LinkContact;
use allod_links::folder::Folder;
use allod_links::p2p::{Config, Event, P2p, RelayLimits};
use allod_post::{Carrier, Contact, Happened, PostError, Signal, meet};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::chosen::Chosen;
use super::notify::Notifier;
use super::side::Side;
use super::{serial, tcpcl};
use crate::commands::courier::{Office, carry, told};
use crate::commands::ending::Ending;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How often it is looked what other processes did.
const LOOK: Duration = Duration::from_millis(100);

/// How often folders are looked into.
const FOLDERS: Duration = Duration::from_secs(2);

/// How often keys and bundles that are too old are forgotten.
const FORGET: Duration = Duration::from_secs(3600);

/// How long is waited for more before what came is opened.
const MORE: Duration = Duration::from_millis(10);

/// Signals that a contact may be behind.
const SIGNALS: usize = 4096;

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A message, or something else of people.
    News(String),
    /// Something of links.
    Link(String),
    /// Something that went wrong.
    Warning(String),
}

/// Uses the links until a signal.
pub(super) async fn until_ended(
    office: Office,
    chosen: Chosen,
    until_stdin_closes: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let mut ending = Ending::new(until_stdin_closes)?;
    let (tell, mut told) = mpsc::channel(64);
    let work = tokio::spawn(work(Arc::new(office), chosen, tell));
    screen.note("end        Ctrl-C\n");
    loop {
        tokio::select! {
            one = told.recv() => match one {
                Some(Told::News(text) | Told::Link(text)) => screen.note(&text),
                Some(Told::Warning(text)) => screen.warn(&text),
                None => break,
            },
            () = ending.wait() => {
                work.abort();
                let _ = work.await;
                screen.note("Ended. What is carried stays.");
                return Ok(());
            }
        }
    }
    work.await.map_err(|why| Failure::new(Kind::Failed, format!("the links ended: {why}")))?
}

/// Uses the links of a home in which there is an identity, for as long as this is awaited.
pub(crate) async fn of_home(
    home: &allod_node::person::Home,
    tell: mpsc::Sender<Told>,
) -> Result<(), Failure> {
    let office = Office::open(home)?;
    let chosen = Chosen::load(&office.folder)?;
    work(Arc::new(office), chosen, tell).await
}

/// What all that is done beside each other works on.
struct Shared {
    office: Arc<Office>,
    carrier: Arc<Carrier>,
    tell: mpsc::Sender<Told>,
    /// Something for this device came.
    came: mpsc::Sender<()>,
    /// Bundles that contacts were told of.
    announced: BTreeSet<BundleId>,
    image: Option<SystemTime>,
    /// The bag's number when contacts were last told what is in it.
    number: Option<u64>,
    /// What went wrong last.
    wrong: Option<String>,
    notifier: Notifier,
}

/// Has the links for this process, until the result is dropped.
fn hold(office: &Office) -> Result<File, Failure> {
    let path = office.folder.join("using");
    let failed = |why: std::io::Error| Failure::new(Kind::Failed, format!("{}: {why}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(Kind::Failed, "another process uses the links")
            .next("`allod up` uses them as well, unless it was begun with --no-links")),
        Err(TryLockError::Error(why)) => Err(failed(why)),
    }
}

async fn work(office: Arc<Office>, chosen: Chosen, tell: mpsc::Sender<Told>) -> Result<(), Failure> {
    let _held = hold(&office)?;
    let (signals, _) = broadcast::channel(SIGNALS);
    let desk = Arc::clone(&office.desk);
    let carrier = Arc::new(Carrier {
        bag: Arc::clone(&office.bag),
        key: office.carrier_key(),
        cover: office.cover(),
        wants: Box::new(move |tag| desk.wants(tag)),
        signals,
    });
    let (came, mut to_open) = mpsc::channel(1);
    let notifier = Notifier::new(chosen.notify);
    let mut shared = Shared {
        office,
        carrier,
        tell,
        came,
        announced: BTreeSet::new(),
        image: None,
        number: None,
        wrong: None,
        notifier,
    };
    shared.look(true)?;
    shared.open().await?;
    let (p2p, mut contacts) = shared.begin(&chosen)?;
    let _beside = shared.beside(&chosen);
    let mut events = p2p.events();
    let mut folders: Vec<Watched> = chosen.folders.iter().map(|path| Watched::new(path)).collect();
    let (mut look, mut look_at_folders, mut forget) = (interval(LOOK), interval(FOLDERS), interval(FORGET));
    for timer in [&mut look, &mut look_at_folders, &mut forget] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            contact = contacts.recv() => match contact {
                Some(contact) => shared.meet(contact),
                None => return Ok(()),
            },
            Some(()) = to_open.recv() => {
                tokio::time::sleep(MORE).await;
                let opened = shared.open().await;
                shared.warn(opened).await;
            }
            event = events.recv() => if let Ok(event) = event {
                shared.event(&event).await;
            },
            _ = look.tick() => {
                shared.notifier.show();
                let looked = shared.look_and_open().await;
                shared.warn(looked).await;
            }
            _ = look_at_folders.tick() => for folder in &mut folders {
                folder.look(&mut shared).await?;
            },
            _ = forget.tick() => {
                let forgotten = shared.office.desk.forget(allod_node::now(), &mut allod_node::entropy());
                shared.warn(forgotten.map_err(Failure::from)).await;
            }
        }
    }
}

impl Shared {
    fn begin(&self, chosen: &Chosen) -> Result<(P2p, mpsc::Receiver<LinkContact>), Failure> {
        let mut config = Config::new(Secret::from(*self.carrier.key.seed().expose()));
        if let Some(listen) = &chosen.listen {
            config.listen = listen.clone();
        }
        config.named = chosen.dial.clone();
        config.mdns = chosen.lan;
        config.relay = chosen.relay.then(RelayLimits::default);
        config.kad = chosen.directory;
        Ok(P2p::start(config, allod_node::entropy())?)
    }

    /// Uses links on which whole bundles come and go, until the result is dropped.
    fn beside(&self, chosen: &Chosen) -> JoinSet<()> {
        let side = Side {
            office: Arc::clone(&self.office),
            signals: self.carrier.signals.clone(),
            came: self.came.clone(),
            tell: self.tell.clone(),
        };
        let mut all = JoinSet::new();
        for line in &chosen.serial {
            all.spawn(serial::serve(line.clone(), side.clone()));
        }
        for node in &chosen.tcpcl {
            all.spawn(tcpcl::serve(node.clone(), side.clone()));
        }
        all
    }

    /// Meets somebody, beside all else.
    fn meet(&self, contact: LinkContact) {
        let (carrier, came, tell) = (Arc::clone(&self.carrier), self.came.clone(), self.tell.clone());
        let LinkContact { peer, address, link, send, receive, .. } = contact;
        let contact = Contact { known: Some(peer), link, send, receive };
        tokio::spawn(async move {
            let happened = |happened| {
                if matches!(happened, Happened::Came(_)) {
                    // One that waits already stands for this, too.
                    let _ = came.try_send(());
                }
            };
            let said = match meet(&carrier, contact, &mut allod_node::entropy(), happened).await {
                Ok(met) => match met.fault {
                    Some(fault) => Told::Warning(format!("{address}: {fault}; the contact was ended")),
                    None => return,
                },
                Err(why) => Told::Warning(format!("{address}: {why}")),
            };
            let _ = tell.send(said).await;
        });
    }

    async fn event(&self, event: &Event) {
        let _ = match event {
            Event::Failed { .. } | Event::Closed { .. } => {
                self.tell.send(Told::Warning(event.to_string())).await
            }
            _ => self.tell.send(Told::Link(event.to_string())).await,
        };
    }

    /// Says what went wrong, once as long as it stays the same; it is tried again.
    async fn warn(&mut self, done: Result<(), Failure>) {
        let why = done.err().map(|why| why.to_string());
        if why != self.wrong {
            self.wrong.clone_from(&why);
            if let Some(why) = why {
                let _ = self.tell.send(Told::Warning(why)).await;
            }
        }
    }

    async fn look_and_open(&mut self) -> Result<(), Failure> {
        if self.look(false)? { self.open().await } else { Ok(()) }
    }

    /// Opens what came, says so, and lets contacts know what leaves.
    async fn open(&mut self) -> Result<(), Failure> {
        let (office, image) = (Arc::clone(&self.office), self.image_changed());
        let swept = tokio::task::spawn_blocking(move || office.sweep()).await;
        let swept =
            swept.map_err(|why| Failure::new(Kind::Failed, format!("opening what came: {why}")))??;
        for signal in swept.signals.into_iter().chain([Signal::Wanted]) {
            let _ = self.carrier.signals.send(signal);
        }
        self.announce()?;
        let lines: Vec<(bool, String)> = self.office.look(|messenger| {
            let line = |one: &News| Some((is_for_people(one), told::news(messenger, one)?));
            swept.news.iter().filter_map(line).collect()
        })?;
        self.notifier.add(lines.iter().filter(|(is_shown, _)| *is_shown).map(|(_, line)| line.clone()));
        for (_, line) in lines {
            let _ = self.tell.send(Told::News(line)).await;
        }
        // What is written meanwhile, by whomever, is looked at once more.
        self.image = image;
        Ok(())
    }

    /// Sees what other processes did. Whether there may be something to open.
    fn look(&mut self, is_first: bool) -> Result<bool, Failure> {
        let image = self.image_changed();
        let has_changed = is_first || image != self.image;
        if has_changed {
            self.image = image;
            if self.office.desk.refresh()? {
                let _ = self.carrier.signals.send(Signal::Wanted);
            }
        }
        // Also what a contact saw first.
        let number = self.office.desk.bag().number()?;
        let is_behind = self.number != Some(number);
        if is_behind {
            self.announce()?;
            self.number = Some(number);
        }
        Ok(has_changed || is_behind)
    }

    fn image_changed(&self) -> Option<SystemTime> {
        std::fs::metadata(self.office.folder.join("image")).and_then(|about| about.modified()).ok()
    }

    /// Tells contacts of bundles that they were not told of.
    fn announce(&mut self) -> Result<(), Failure> {
        let ids: BTreeSet<BundleId> = self
            .office
            .desk
            .bag()
            .with(|bag| Ok::<_, PostError>(bag.store().iter().map(|(id, _)| *id).collect()))?;
        for id in ids.difference(&self.announced) {
            let _ = self.carrier.signals.send(Signal::New(*id));
        }
        self.announced = ids;
        Ok(())
    }
}

/// Whether it is worth interrupting somebody for.
fn is_for_people(news: &News) -> bool {
    let is_asking = |standing: &Standing| *standing == Standing::Asking;
    match news {
        News::Came(_) | News::Piece { .. } | News::Fork { .. } => true,
        News::Met { standing, .. } => is_asking(standing),
        _ => false,
    }
}

/// A folder that is looked into now and then.
struct Watched {
    path: std::path::PathBuf,
    folder: Option<Folder>,
    /// The bag's number when something was last left there.
    left: Option<u64>,
    /// When it was last said that something is wrong.
    said: Option<Instant>,
}

impl Watched {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), folder: None, left: None, said: None }
    }

    async fn look(&mut self, shared: &mut Shared) -> Result<(), Failure> {
        let done = self.exchange(shared).await;
        match done {
            Ok(()) => self.said = None,
            // A stick that is not there comes again.
            Err(why) => {
                self.folder = None;
                if self.said.is_none() {
                    self.said = Some(Instant::now());
                    let _ = shared.tell.send(Told::Warning(format!("{}: {why}", self.path.display()))).await;
                }
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, shared: &mut Shared) -> Result<(), Failure> {
        let folder = match &mut self.folder {
            Some(folder) => folder,
            none => none.insert(Folder::open(&self.path, &shared.carrier.key)?),
        };
        let number = shared.office.desk.bag().number()?;
        let has_changed = folder.has_changed()?;
        if !has_changed && self.left == Some(number) {
            return Ok(());
        }
        let (taken, _) = carry::take_from(&shared.office, folder)?;
        if taken.wanted > 0 {
            shared.open().await?;
        }
        carry::give_to(&shared.office, folder)?;
        folder.has_changed()?;
        shared.announce()?;
        self.left = Some(shared.office.desk.bag().number()?);
        Ok(())
    }
}
