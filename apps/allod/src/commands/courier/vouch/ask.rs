//! Who lost everything: asking for the pieces, and taking answers until there are enough. It needs
//! no identity; what is kept meanwhile is in the home, for its owner alone.
//!
//! ```text
//! asking/secret       whose card it is (32 bytes), and the secret of the request (32)
//! asking/answer-…     an answer that was right
//! ```

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use allod_courier::voucher::{ANSWER_MAX, Asking, Standing};
use allod_crypto::hash::tagged;
use allod_crypto::{Secret, SecretBytes, Zeroizing};
use allod_did::Did;
use allod_guardian::card::Code;
use allod_node::person::Home;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::sheet::{self, ANSWER, REQUEST};
use super::{did, refused};
use crate::card;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// What is kept of asking.
struct Kept {
    folder: PathBuf,
    did: Did,
    secret: Secret<32>,
}

impl Kept {
    fn folder(home: &Home) -> PathBuf {
        home.path().join("asking")
    }

    fn load(home: &Home) -> Result<Option<Self>, Failure> {
        let folder = Self::folder(home);
        let path = folder.join("secret");
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(refused(&path.display().to_string(), &why)),
        };
        let damaged = || refused(&path.display().to_string(), &"it is not whole");
        let (did, secret) = bytes.split_first_chunk::<32>().ok_or_else(damaged)?;
        let secret: [u8; 32] = secret.try_into().map_err(|_| damaged())?;
        Ok(Some(Self { folder, did: Did(*did), secret: Secret::from(secret) }))
    }

    fn begin(home: &Home, did: Did) -> Result<Self, Failure> {
        let folder = Self::folder(home);
        forget(&folder)?;
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&folder);
        made.map_err(|why| refused(&folder.display().to_string(), &why))?;
        let secret = Asking::new(did, &mut allod_node::entropy()).secret().clone();
        let bytes = Zeroizing::new([did.as_bytes().as_slice(), secret.expose()].concat());
        allod_node::replace(&folder.join("secret"), &bytes)?;
        Ok(Self { folder, did, secret })
    }

    /// With all answers that were right.
    fn asking(&self) -> Result<(Asking, Vec<Standing>), Failure> {
        let mut asking = Asking::from_secret(self.did, self.secret.clone());
        let mut standings = Vec::new();
        let failed = |why: std::io::Error| refused(&self.folder.display().to_string(), &why);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with("answer-") {
                files.push(entry.path());
            }
        }
        files.sort();
        for file in files {
            standings.extend(asking.add(&fs::read(&file).map_err(failed)?).ok());
        }
        Ok((asking, standings))
    }

    fn keep(&self, answer: &[u8]) -> Result<(), Failure> {
        let hash = tagged("allod 2026 vouch, name of an answer", &[answer]);
        let name = format!("answer-{}", HEXLOWER.encode(&hash[..8]));
        Ok(allod_node::replace(&self.folder.join(name), answer)?)
    }
}

fn forget(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(refused(&folder.display().to_string(), &why)),
        _ => Ok(()),
    }
}

pub(super) fn ask(
    home: &Home,
    typed: &str,
    out: Option<&Path>,
    qr: Option<&Path>,
    anew: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let did = did(typed)?;
    let kept = match Kept::load(home)?.filter(|_| !anew) {
        Some(kept) if kept.did == did => kept,
        Some(kept) => {
            return Err(Failure::usage(format!("pieces of the card of {} are being asked for", kept.did))
                .next("--anew gives that up, and asks for these; or name another home with --home"));
        }
        None => Kept::begin(home, did)?,
    };
    let request = Asking::from_secret(did, kept.secret.clone()).request();
    let (bytes, code) = (request.encode(), request.code().to_string());
    let written = sheet::write(REQUEST, &bytes, out, qr, screen)?;
    let link = sheet::text(REQUEST, &bytes);
    let way = format!(
        "The code of your request is\n\n    {code}\n\nShow the request to people who keep a piece of your card, and read \
         the code to each of them, face to face or in a call in which they know your voice. `allod vouch take` takes what \
         they answer."
    );
    let text = match written {
        Some(paths) => format!("Wrote {paths}. {way}"),
        None => {
            screen.note(&way);
            link.clone()
        }
    };
    screen.result(&json!({ "did": did.to_string(), "request": link, "code": code }), &text);
    Ok(())
}

pub(super) fn take(
    home: &Home,
    files: &[PathBuf],
    target: Option<&Path>,
    screen: &Screen,
) -> Result<(), Failure> {
    let target = target.map(|path| screen.path(path));
    target.as_deref().map(card::check_target).transpose()?;
    let kept = Kept::load(home)?.ok_or_else(|| {
        Failure::new(Kind::Failed, "no pieces are being asked for here").next("begin with `allod vouch ask`")
    })?;
    let (mut asking, mut standings) = kept.asking()?;
    let mut wrong: Vec<(String, String)> = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let answer = sheet::read(ANSWER, file, ANSWER_MAX, screen);
        let added = answer.map_err(|why| why.to_string()).and_then(|answer| {
            asking.add(&answer).map(|standing| (standing, answer)).map_err(|why| why.to_string())
        });
        match added {
            Ok((standing, answer)) => {
                kept.keep(&answer)?;
                standings.push(standing);
            }
            Err(why) => wrong.push((name, why)),
        }
    }
    wrong.iter().for_each(|(name, why)| screen.warn(&format!("{name}: {why}")));
    let right = asking.released().into_iter().find(|released| is_of(&released.card, &kept.did));
    let wrong_rows: Vec<Value> =
        wrong.iter().map(|(name, why)| json!({ "answer": name, "why": why })).collect();
    let Some(released) = right else {
        return waits(&asking, &standings, wrong_rows, screen);
    };
    let left_out: Vec<String> = released.left_out.iter().map(ToString::to_string).collect();
    if !left_out.is_empty() {
        screen
            .warn(&format!("these answered with pieces of another card or dealing: {}", left_out.join(", ")));
    }
    let mut data = json!({ "is_complete": true, "left_out": left_out, "wrong": wrong_rows });
    let Some(path) = target else {
        screen.result(&data, "There are enough. Once more with --card FILE writes the card.");
        return Ok(());
    };
    let mut text = Zeroizing::new(released.card.expose().to_vec());
    text.push(b'\n');
    allod_node::write_private(&path, &text)?;
    // Whoever has the answers and the secret has the card.
    forget(&kept.folder)?;
    data["card"] = json!(path);
    let said = format!(
        "The card is in {}. Go on with it and your PIN: allod recover --card {}\nThen renew it: allod card --renew",
        path.display(),
        path.display()
    );
    screen.result(&data, &said);
    Ok(())
}

/// There are too few right ones yet.
fn waits(asking: &Asking, standings: &[Standing], wrong: Vec<Value>, screen: &Screen) -> Result<(), Failure> {
    let newest = standings.iter().max_by_key(|standing| (standing.generation, standing.have)).copied();
    let (have, needed) = newest.map_or((0, None), |newest| (newest.have, Some(newest.needed)));
    let data = json!({ "is_complete": false, "have": have, "needed": needed, "wrong": wrong });
    // As many as are needed agreed on something that is not this person's card.
    if !asking.released().is_empty() {
        return Err(Failure::new(
            Kind::Failed,
            "the answers together give something that is no card of this person",
        )
        .next("ask others, too: the right ones count whatever these say")
        .data(data));
    }
    if !wrong.is_empty() && newest.is_none() {
        return Err(Failure::new(Kind::Failed, "none of these answers is right")
            .with_details(wrong.iter().map(|row| format!("{}: {}", row["answer"], row["why"])))
            .next("ask those people again, and compare the code once more")
            .data(data));
    }
    let text = match needed {
        Some(needed) => format!("{have} of {needed} answers are here. The others can be taken at any time."),
        None => "No answer is here yet.".into(),
    };
    screen.result(&data, &text);
    Ok(())
}

/// Whether these bytes are this person's card.
fn is_of(card: &SecretBytes, did: &Did) -> bool {
    let text = std::str::from_utf8(card.expose()).ok();
    text.and_then(|text| Code::from_text(text).ok()).is_some_and(|code| code.did == *did)
}
