//! `allod up`: a local network of guardians and the person's own node.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use allod_node::network::{Plan, State};
use allod_node::person::{Check, GuardianCheck, Heal, Home, PersonError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::courier::links::run::{self as links, Told};
use super::ending::Ending;
use super::ledger::waiting;
use super::local::{self, View};
use super::testnet::program;
use super::vault::backup::by_itself::{self, Found, Outcome};
use super::vault::open::VaultHome;
use crate::cli::Up;
use crate::failure::Failure;
use crate::screen::Screen;

/// How often the guardians are looked after.
const ROUND: Duration = Duration::from_secs(60);

/// How often it is looked what waits on the ledger. A network for trying lets a change
/// wait for a minute.
const LEDGER_ROUND: Duration = Duration::from_secs(15);

/// How often it is looked whether the vault changed and is to be backed up.
const BACKUP_ROUND: Duration = Duration::from_secs(10);

/// How long is waited after a backup or an audit that did not come about.
const BACKUP_AGAIN: Duration = Duration::from_secs(600);

/// How often it is looked at least whether an audit of the backup peers is due.
const AUDIT_LOOK: Duration = Duration::from_secs(3600);

/// Faults of one peer that an audit tells.
const FAULTS_TOLD: usize = 3;

/// How long is waited before links that failed are used again.
const LINKS_AGAIN: Duration = Duration::from_secs(10);

/// How often it is looked whether the identity changed.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(home: &Home, args: &Up, screen: &Screen) -> Result<(), Failure> {
    let mut ending = Ending::new(false)?;
    let folder = home.network();
    let plan = Plan {
        folder: folder.clone(),
        guardians: None,
        threshold: None,
        port_base: args.port_base,
        program: program()?,
        brisk: false,
    };
    let mut network = tokio::select! {
        network = local::start(plan) => network?,
        () = ending.wait() => return Ok(()),
    };
    local::introduce(&network, &folder, screen);
    screen.note(&format!("home       {}", home.path().display()));
    screen.warn(
        "guardians that all run on one's own machine are a demonstration: \
         losing this machine loses everything. For real protection name guardians of others: `allod init --guardian URL`",
    );
    if home.load()?.is_none() {
        screen.note(&format!("go on      in another terminal: allod --home {} init", home.path().display()));
    }
    screen.note("end        Ctrl-C\n");

    let view = View::new(&network, args.plain, screen);
    let (tell, mut told) = mpsc::channel(16);
    let back = Arc::new(Notify::new());
    let node = tokio::spawn(look_after(home.clone(), Arc::clone(&back), tell));
    let (tell_links, mut of_links) = mpsc::channel(64);
    let link_task = (!args.no_links).then(|| tokio::spawn(use_links(home.clone(), tell_links)));
    let mut running = vec![true; network.statuses().len()];
    loop {
        tokio::select! {
            status = network.change() => {
                view.show(&status);
                let runs = status.state == State::Running;
                if let Some(ran) = running.get_mut(status.guardian - 1)
                    && !std::mem::replace(ran, runs)
                    && runs
                {
                    back.notify_one();
                }
            }
            Some(news) = told.recv() => match news {
                News::Well(text) | News::Healed(text) => view.say("node", &text),
                News::Warning(text) => view.warn("node", &text),
            },
            Some(told) = of_links.recv() => match told {
                Told::News(text) => view.say("message", &text),
                Told::Link(text) => view.say("link", &text),
                Told::Warning(text) => view.warn("link", &text),
            },
            () = ending.wait() => break,
        }
    }
    if let Some(task) = link_task {
        task.abort();
        let _ = task.await;
    }
    node.abort();
    view.end();
    network.stop().await;
    screen.note("All guardians have ended. Their state and your identity are kept.");
    Ok(())
}

/// Uses the links, as soon as there is an identity. What goes wrong with them is told once, and
/// tried again: it ends nothing else.
async fn use_links(home: Home, tell: mpsc::Sender<Told>) {
    let identity = home.folder().join("identity");
    let mut said = String::new();
    loop {
        if identity.exists() {
            let why = match links::of_home(&home, tell.clone()).await {
                Ok(()) => "they ended".to_owned(),
                Err(why) => why.to_string(),
            };
            if why != said {
                let text = format!("the links are not used now: {why}; it is tried again");
                if tell.send(Told::Warning(text)).await.is_err() {
                    return;
                }
                said = why;
            }
            sleep(LINKS_AGAIN).await;
        }
        sleep(LOOK).await;
    }
}

/// What the node has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
enum News {
    Well(String),
    Healed(String),
    Warning(String),
}

/// The person's node: every round, when the identity changed, and when a guardian
/// of the local network is back, it sees what the guardians hold and gives back what is missing.
/// More often it looks what waits on the ledger, and whether the vault is to be backed up.
async fn look_after(home: Home, back: Arc<Notify>, tell: mpsc::Sender<News>) {
    let identity = home.folder().join("identity");
    let changed = || std::fs::metadata(&identity).and_then(|about: Metadata| about.modified()).ok();
    let mut seen: Option<SystemTime> = None;
    let mut due = Instant::now();
    let mut said: Vec<News> = Vec::new();
    let (mut ledger_due, mut waits) = (Instant::now(), None);
    let (mut backup_due, mut backed_up) = (Instant::now(), BTreeMap::new());
    let mut audit_due = Instant::now();
    loop {
        let now = changed();
        if now.is_some() && Instant::now() >= ledger_due {
            if let Some(warning) = objectionable(&home).await.filter(|found| Some(found) != waits.as_ref()) {
                waits = Some(warning.clone());
                if tell.send(News::Warning(warning)).await.is_err() {
                    return;
                }
            }
            ledger_due = Instant::now() + LEDGER_ROUND;
        }
        if now.is_some() && Instant::now() >= backup_due {
            backup_due = Instant::now() + BACKUP_ROUND;
            for vault in by_itself::vaults(&home) {
                let (which, image) = (vault.space().map(|space| space.id), by_itself::changed(&vault));
                if image.is_none() || backed_up.get(&which) == Some(&image) {
                    continue;
                }
                let (news, is_done) = backup(&vault).await;
                match is_done {
                    // Its own writing is no news to it.
                    true => {
                        backed_up.insert(which, by_itself::changed(&vault));
                    }
                    false if !news.is_empty() => backup_due = Instant::now() + BACKUP_AGAIN,
                    false => {}
                }
                for item in news {
                    if tell.send(item).await.is_err() {
                        return;
                    }
                }
            }
        }
        if now.is_some() && Instant::now() >= audit_due {
            let (news, wait) = audit(&home).await;
            audit_due = Instant::now() + wait;
            for item in news {
                if tell.send(item).await.is_err() {
                    return;
                }
            }
        }
        if now.is_some() && (now != seen || Instant::now() >= due) {
            let news = round(&home).await;
            // Its own writing is no news to it.
            (seen, due) = (changed(), Instant::now() + ROUND);
            // What stays as it was is told once.
            for item in news.iter().filter(|item| !said.contains(item)) {
                if tell.send(item.clone()).await.is_err() {
                    return;
                }
            }
            said = news.into_iter().filter(|item| !matches!(item, News::Healed(_))).collect();
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = back.notified() => due = Instant::now(),
        }
    }
}

/// What a vault is called in news.
fn called(vault: &VaultHome) -> String {
    vault.space().map_or_else(|| "your vault".to_owned(), |space| format!("the folder {}", space.name))
}

/// A backup of what changed, in words, and whether there is nothing left to do.
async fn backup(vault: &VaultHome) -> (Vec<News>, bool) {
    let name = called(vault);
    match by_itself::back_up(vault).await {
        Outcome::Nothing => (Vec::new(), true),
        Outcome::Later => (Vec::new(), false),
        Outcome::Done(report) => {
            let (count, all) = report.acknowledged;
            let known = format!("{name}: {count} of {all} peers know of backup {}", report.generation);
            let mut news = vec![News::Well(known)];
            if report.has_repaired {
                news.push(News::Healed(format!("{name}: lost parts of its backup are kept again")));
            }
            (news, true)
        }
        Outcome::Failed(why) => (vec![News::Warning(format!("{name} could not be backed up: {why}"))], false),
    }
}

/// An audit of the peers of all vaults of which it is due, in words, and when to look again. What
/// is lost is made again by the next backup, which an audit is followed by.
async fn audit(home: &Home) -> (Vec<News>, Duration) {
    let (mut news, mut next) = (Vec::new(), Duration::MAX);
    for vault in by_itself::vaults(home) {
        let (done, wait) = by_itself::audit(&vault, allod_node::now().0).await;
        let wait = match &done {
            Outcome::Later => BACKUP_AGAIN,
            Outcome::Failed(_) => AUDIT_LOOK,
            _ => wait,
        };
        next = next.min(wait);
        let name = called(&vault);
        match done {
            Outcome::Nothing | Outcome::Later => {}
            Outcome::Failed(why) => {
                news.push(News::Warning(format!("the backup of {name} could not be audited: {why}")));
            }
            Outcome::Done(audited) => news.extend(found(&name, &audited)),
        }
    }
    // Peers may be taken up at any time.
    (news, next.min(AUDIT_LOOK))
}

/// What an audit found, in words.
fn found(name: &str, found: &Found) -> Vec<News> {
    let faults = found.faults.iter().take(FAULTS_TOLD);
    let warnings: Vec<News> = faults
        .map(|(address, why)| News::Warning(format!("the backup of {name}: your peer {address} {why}")))
        .collect();
    match (warnings.is_empty(), found.peers) {
        (true, 1) => vec![News::Well(format!("the backup of {name}: its peer showed what it was asked for"))],
        (true, all) => {
            vec![News::Well(format!("the backup of {name}: all {all} peers showed what they were asked for"))]
        }
        _ => warnings,
    }
}

/// What waits on the ledger and can be objected to here, in words.
async fn objectionable(home: &Home) -> Option<String> {
    let person = home.load().ok()??;
    // The view is told, and nobody else.
    let anchored = waiting::look(home, &person, &Screen::new(true)).await?;
    waiting::warning(&person, Some(&anchored))
}

/// One round, in words.
async fn round(home: &Home) -> Vec<News> {
    match heal(home).await {
        Ok(healed) => {
            let given =
                healed.healed.iter().map(|address| News::Healed(format!("{address} has its part again")));
            let found = healed.checks.iter().filter_map(|found| {
                let healed = healed.healed.contains(&found.address);
                match &found.check {
                    Check::NoGuesses => Some(News::Warning(format!(
                        "SOMEBODY HAS YOUR CARD: the guesses at {} were used up, so its share is destroyed. \
                         Make the card useless now: allod card --renew",
                        found.address
                    ))),
                    Check::Fault(fault) if !healed => {
                        Some(News::Warning(format!("your guardian {} {fault}", found.address)))
                    }
                    _ => None,
                }
            });
            let holds =
                |found: &&GuardianCheck| found.check.holds() || healed.healed.contains(&found.address);
            let (good, all) = (healed.checks.iter().filter(holds).count(), healed.checks.len());
            let sum = News::Well(format!("your identity: {good} of {all} guardians hold their part"));
            found.chain(given).chain((all > 0).then_some(sum)).collect()
        }
        Err(error) => vec![News::Warning(format!("your guardians could not be looked after: {error}"))],
    }
}

async fn heal(home: &Home) -> Result<Heal, PersonError> {
    let _lock = lock(home).await?;
    let Some(mut person) = home.load()? else { return Ok(Heal::default()) };
    if person.configuration().is_none() && person.retired.is_empty() {
        return Ok(Heal::default());
    }
    person.heal(home).await
}

/// Waits for the identity on a thread of its own, which does not keep the
/// process from ending.
async fn lock(home: &Home) -> Result<File, PersonError> {
    let (give, lock) = oneshot::channel();
    let home = home.clone();
    std::thread::spawn(move || {
        let _ = give.send(home.lock());
    });
    match lock.await {
        Ok(locked) => locked,
        // The thread sends before it ends.
        Err(_) => std::future::pending().await,
    }
}
