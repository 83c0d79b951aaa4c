//! `allod unseal`: opening a sealed file.

use allod_guardian::sealed::{Decryptor, Error, FileKey, HEADER_MAX, Header, Lock, PROLOGUE, open_until};
use allod_ledger::beacon_message;
use allod_node::person::Home;
use allod_node::person::ledger::{Ledger, Word};
use allod_wire::Instant;
use serde_json::json;

use super::files::{Source, Target};
use super::{open, time};
use crate::cli::ledger::Unseal;
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(in super::super) async fn run(home: &Home, args: Unseal, screen: &Screen) -> Result<(), Failure> {
    let mut source = Source::open(&args.file, screen)?;
    let header = header_of(&mut source)?;
    let mut target = Target::create(&args.out, args.force, screen)?;
    let ledger = open(home, &args.through, screen).await?;
    if header.network != ledger.trust().network {
        return Err(Failure::new(Kind::Failed, "the file is sealed to the guardians of another network")
            .next(format!("open it from a home folder that knows the network {}", header.network)));
    }
    let waiting = Waiting::new(screen);
    waiting.say("asking the guardians");
    let found = match &header.lock {
        Lock::Until { round, .. } => until(&ledger, &header, *round).await.map(|key| (key, Vec::new())),
        Lock::Quorum { .. } => quorum(home, &ledger, &header).await,
    };
    waiting.end();
    let (key, liars) = found?;
    for liar in &liars {
        screen.warn(liar);
    }
    let mut decryptor = Decryptor::new(&header, key);
    let mut content = Vec::new();
    source.each(|sealed| {
        decryptor.write(sealed, &mut content).map_err(changed)?;
        target.write(&mut content)
    })?;
    decryptor.finish(&mut content).map_err(changed)?;
    target.write(&mut content)?;
    let size = target.finish()?;
    if args.out.as_os_str() != "-" {
        screen.result(
            &json!({ "file": args.out, "bytes": size, "liars": liars }),
            &format!("{size} bytes in {}.", args.out.display()),
        );
    }
    Ok(())
}

fn changed(why: Error) -> Failure {
    Failure::new(Kind::Failed, why.to_string())
}

/// What stands in front of the content.
fn header_of(source: &mut Source) -> Result<Header, Failure> {
    let mut prologue = [0; PROLOGUE];
    if !source.fill(&mut prologue)? {
        return Err(changed(Error::NotSealed));
    }
    let mut header = vec![0; Header::len_after(&prologue).map_err(changed)?.min(HEADER_MAX)];
    if !source.fill(&mut header)? {
        return Err(changed(Error::Cut));
    }
    Header::decode(&header).map_err(changed)
}

fn too_early(at: Instant) -> Failure {
    Failure::new(Kind::TooFewGuardians, format!("it is too early: the file opens on {}", time(at)))
        .next("try again then; the guardians do not open it for anybody before")
        .data(json!({ "opens": at.0 }))
}

async fn until(ledger: &Ledger, header: &Header, round: u64) -> Result<FileKey, Failure> {
    // What the file says of its time is for people to read; the round decides.
    let due = ledger.trust().due(round);
    let signature = match ledger.beacon(round).await? {
        Word::Said(signature) => signature,
        Word::TooEarly => return Err(too_early(due)),
        Word::Unknown(faults) => {
            let failure = Failure::new(Kind::TooFewGuardians, "the guardians' word could not be had");
            return Err(failure.with_details(faults).next("try again later, or ask others with --guardian"));
        }
    };
    let key = ledger.key()?;
    let message = beacon_message(&ledger.trust().network, round);
    open_until(header, key.public_key(), &message, &signature).map_err(changed)
}

async fn quorum(home: &Home, ledger: &Ledger, header: &Header) -> Result<(FileKey, Vec<String>), Failure> {
    let person = load(home)?;
    if let Lock::Quorum { policy, .. } = &header.lock
        && !policy.names(&person.log.state().did())
    {
        let openers = policy.openers().iter().map(ToString::to_string);
        return Err(Failure::new(Kind::Failed, "the file is not sealed for you; these can open it")
            .with_details(openers));
    }
    let opened = ledger.open(&person, header).await?;
    match opened.key {
        Some(key) => {
            let liars = opened.faults.iter().filter(|fault| fault.is_a_lie());
            Ok((key, liars.map(ToString::to_string).collect()))
        }
        None => match opened.not_before {
            Some(at) => Err(too_early(at)),
            None => {
                let failure = Failure::new(
                    Kind::TooFewGuardians,
                    format!("too few guardians helped: {} more are needed", opened.missing),
                );
                Err(failure
                    .with_details(opened.faults.iter().map(ToString::to_string))
                    .next("try again later"))
            }
        },
    }
}
