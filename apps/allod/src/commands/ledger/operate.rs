//! `allod guardian join` and what comes after it: an operator and the network.

use std::path::Path;

use allod_crypto::sign::SigningKey;
use allod_did::Signature;
use allod_ledger::Action;
use allod_ledger::asset::first_asset;
use allod_ledger::guardian::{Guardian, Terms, joining};
use allod_ledger::holding::Balance;
use allod_ledger::shared_key::{KeyName, KeySpec};
use allod_node::chain::operator::Operator;
use allod_node::chain::{ChainError, guardian_key};
use allod_node::guardian::Config;
use allod_node::person::ledger::{Asked, Author, Ledger, Listed};
use allod_node::person::{Home, Person};
use allod_threshold::GroupName;
use allod_wire::GuardianId;
use serde_json::json;

use super::who::find;
use super::{done, open, time};
use crate::cli::GuardianCommand;
use crate::cli::ledger::{Group, KeySpec as KeySpecArgs, Operate, Terms as TermsArgs, Through};
use crate::failure::{Failure, Kind};
use crate::progress::Waiting;
use crate::screen::Screen;

pub(in super::super) async fn run(
    home: &Home,
    command: GuardianCommand,
    screen: &Screen,
) -> Result<(), Failure> {
    match command {
        GuardianCommand::Operator { folder, through } => present(home, &folder, &through, screen).await,
        GuardianCommand::Join { bond, terms, operate } => {
            let with = With::new(home, &operate, true, screen).await?;
            let terms = terms_of(&with.config, terms).await?;
            let operator = with.author()?.did();
            let message = joining(&with.ledger.trust().network, &operator, &terms, bond);
            let consent = Signature::Ed25519(with.key.sign(&message));
            let action = Action::Join { guardian: with.guardian, terms, bond, consent };
            let text = format!(
                "It is a candidate now. The other guardians have to admit it, more than two thirds of them, \
                 each with:\nallod guardian admit {}",
                with.guardian
            );
            with.as_operator(action, &text, screen).await
        }
        GuardianCommand::Leave(operate) => {
            let with = With::new(home, &operate, false, screen).await?;
            let text =
                "It leaves at the end of this epoch. Keep it running until it holds no share any more.";
            with.as_operator(Action::Leave { guardian: with.guardian }, text, screen).await
        }
        GuardianCommand::Bond { amount, operate } => {
            let with = With::new(home, &operate, false, screen).await?;
            let action = Action::Bond { guardian: with.guardian, amount };
            with.as_operator(action, &format!("{amount} units were added to the bond."), screen).await
        }
        GuardianCommand::Unbond(operate) => {
            let with = With::new(home, &operate, false, screen).await?;
            let action = Action::Unbond { guardian: with.guardian };
            with.as_operator(action, "The bond is back with the operator.", screen).await
        }
        GuardianCommand::Restate { terms, operate } => {
            let with = With::new(home, &operate, false, screen).await?;
            let terms = terms_of(&with.config, terms).await?;
            with.as_guardian(Action::Restate { terms }, "The ledger has it.", screen).await
        }
        GuardianCommand::Approve { approve, operate } => {
            let with = With::new(home, &operate, false, screen).await?;
            let action = Action::Approve { spec: spec(&approve)? };
            let text = "The vote counts. More than two thirds of the guardians decide.";
            with.as_guardian(action, text, screen).await
        }
        GuardianCommand::Admit { who, operate } => {
            let with = With::new(home, &operate, false, screen).await?;
            match who {
                Some(who) => with.admit(&who, screen).await,
                None => candidates(&with.ledger, screen).await,
            }
        }
        _ => Ok(()),
    }
}

/// A guardian, who answers for it, and the way to the ledger.
struct With {
    config: Config,
    key: SigningKey,
    guardian: GuardianId,
    operator: Option<Operator>,
    person: Option<Person>,
    ledger: Ledger,
}

impl With {
    async fn new(home: &Home, args: &Operate, may_make: bool, screen: &Screen) -> Result<Self, Failure> {
        let config = Config::read(&args.config)?;
        let key = guardian_key(&config.state.join("chain")).map_err(chain)?;
        let operator = args.operator.as_deref().map(|path| operator(path, may_make)).transpose()?;
        let person = home.load()?;
        let ledger = open(home, &args.through, screen).await?;
        let guardian = GuardianId(key.verifying_key().0);
        Ok(Self { config, key, guardian, operator, person, ledger })
    }

    fn author(&self) -> Result<Author<'_>, Failure> {
        match (&self.operator, &self.person) {
            (Some(operator), _) => Ok(operator.into()),
            (None, Some(person)) => Ok(person.into()),
            (None, None) => Err(Failure::no_identity()),
        }
    }

    async fn as_operator(&self, action: Action, text: &str, screen: &Screen) -> Result<(), Failure> {
        let author = self.author()?;
        let waiting = Waiting::new(screen);
        waiting.say("waiting for the ledger");
        let asked = self.ledger.ask(author, action).await;
        waiting.end();
        let asked =
            asked.map_err(|why| Failure::from(why).with_details([format!("operator {}", author.did())]))?;
        self.done(&asked, text, screen);
        Ok(())
    }

    /// Votes for a candidate.
    async fn admit(&self, who: &str, screen: &Screen) -> Result<(), Failure> {
        let now = self.ledger.height().await?;
        let listed = find(&self.ledger, now, who, "candidate", Guardian::is_candidate)
            .await
            .map_err(|why| why.next("`allod guardian admit` without a name lists those who wait"))?;
        let text = format!(
            "The vote for {} counts. When more than two thirds of the guardians admit it, it is a guardian \
             from the next epoch on.",
            listed.record.terms.service
        );
        self.as_guardian(Action::Admit { guardian: listed.guardian }, &text, screen).await
    }

    async fn as_guardian(&self, action: Action, text: &str, screen: &Screen) -> Result<(), Failure> {
        let waiting = Waiting::new(screen);
        waiting.say("waiting for the ledger");
        let asked = self.ledger.ask_as_guardian(&self.key, action).await;
        waiting.end();
        self.done(&asked?, text, screen);
        Ok(())
    }

    fn done(&self, asked: &Asked, text: &str, screen: &Screen) {
        let operator = self.author().ok().map(|author| author.did().to_string());
        done(screen, asked, json!({ "guardian": self.guardian.to_string(), "operator": operator }), text);
    }
}

/// Brings an operator's identity to the ledger, so that it can be given the units of a
/// bond.
async fn present(home: &Home, folder: &Path, through: &Through, screen: &Screen) -> Result<(), Failure> {
    let operator = operator(folder, true)?;
    let ledger = open(home, through, screen).await?;
    let did = Author::from(&operator).did();
    let waiting = Waiting::new(screen);
    waiting.say("waiting for the ledger");
    let anchored = ledger.anchor(&operator).await;
    waiting.end();
    anchored?;
    let asset = first_asset(&ledger.trust().network);
    let (_, shown) = ledger.prove_now::<Balance>(&(asset, did)).await?;
    let amount = shown.record.unwrap_or_default().amount;
    let needed = ledger.rules().await?.bond_min;
    let mut text = format!(
        "The operator is {did}.\nIt held {amount} units, at height {}, {}; the least bond is {needed}.",
        shown.height,
        time(shown.at)
    );
    if amount < needed {
        text += &format!(
            "\nWho has units gives it some with\nallod asset transfer {asset} {} --to {did}",
            needed - amount
        );
    }
    screen.result(
        &json!({
            "did": did.to_string(),
            "asset": asset.to_string(),
            "amount": amount,
            "bond_min": needed,
            "height": shown.height,
            "at": shown.at.0,
        }),
        &text,
    );
    Ok(())
}

/// Shows who put up a bond and waits to be admitted.
async fn candidates(ledger: &Ledger, screen: &Screen) -> Result<(), Failure> {
    let mut waiting = ledger.roster(ledger.height().await?).await?;
    waiting.retain(|listed| listed.record.is_candidate());
    let value = |listed: &Listed| {
        let Guardian { terms, bond, .. } = &listed.record;
        json!({
            "guardian": listed.guardian.to_string(),
            "address": terms.service,
            "operator": terms.operator,
            "jurisdiction": terms.jurisdiction,
            "bond": bond,
        })
    };
    let line = |listed: &Listed| {
        let Guardian { terms, bond, .. } = &listed.record;
        format!(
            "{}\n  at {}, of {:?} under the law of {:?}, bond {bond}",
            listed.guardian, terms.service, terms.operator, terms.jurisdiction
        )
    };
    let text = match waiting.as_slice() {
        [] => "Nobody waits to be admitted.".into(),
        waiting => waiting.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    screen.result(&json!({ "candidates": waiting.iter().map(value).collect::<Vec<_>>() }), &text);
    Ok(())
}

/// The operator's file, or the folder that has it.
pub(super) fn operator(path: &Path, may_make: bool) -> Result<Operator, Failure> {
    let (folder, file) = if path.is_dir() || path.file_name().is_none_or(|name| name != "operator") {
        (path, path.join("operator"))
    } else {
        (path.parent().unwrap_or(Path::new(".")), path.to_owned())
    };
    if !may_make && !file.exists() {
        return Err(Failure::new(
            Kind::Identity,
            format!("there is no operator's file at {}", file.display()),
        ));
    }
    Operator::load(folder, allod_node::now()).map_err(chain)
}

async fn terms_of(config: &Config, args: TermsArgs) -> Result<Terms, Failure> {
    let unknown = |what: &str, how: &str| Failure::usage(format!("{what} is not known; say {how}"));
    let peers = match (args.peers, &config.chain) {
        (Some(peers), _) => peers,
        (None, Some(section)) if !section.listen.ip().is_unspecified() => section.listen.to_string(),
        (None, _) => return Err(unknown("where other guardians reach it", "--peers HOST:PORT")),
    };
    let service = match args.service {
        Some(service) => service,
        None if config.listen.ip().is_unspecified() => {
            return Err(unknown("where people reach it", "--service URL"));
        }
        None => {
            let health = allod_node::guardian::health(config).await;
            health
                .map_err(|_| unknown("where people reach it", "--service URL, or start the guardian"))?
                .address
        }
    };
    Ok(Terms { peers, service, operator: args.operator_label, jurisdiction: args.jurisdiction })
}

fn spec(args: &KeySpecArgs) -> Result<KeySpec, Failure> {
    let name = |text: &str| KeyName::new(text).map_err(|why| Failure::usage(format!("{text:?}: {why}")));
    Ok(KeySpec {
        name: name(&args.name)?,
        group: match args.group {
            Group::Ristretto255 => GroupName::Ristretto255,
            Group::Bls12381G2 => GroupName::Bls12381G2,
            Group::BabyJubJub => GroupName::BabyJubJub,
        },
        size: args.size,
        threshold: args.threshold,
        per_operator: args.per_operator,
        per_jurisdiction: args.per_jurisdiction,
        apart_from: args.apart_from.as_deref().map(name).transpose()?,
    })
}

fn chain(why: ChainError) -> Failure {
    Failure::new(Kind::Failed, why.to_string())
}
