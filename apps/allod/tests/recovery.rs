//! A person's whole story with real processes: created, lost, and back again,
//! with guardians that die, forget and are exchanged.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use allod_node::guardian::Tls;
use process::{At, Ended, Guardian, folder, guardians};
use serde_json::Value;

const PIN: &str = "314159";

/// A person, five guardians with certificates of their own, and a card.
struct Story {
    guardians: Vec<Guardian>,
    folder: tempfile::TempDir,
}

impl Story {
    fn begin() -> Self {
        let folder = folder();
        let mut guardians = guardians(folder.path(), 5, &Tls::SelfSigned);
        guardians[0].back_up();
        let story = Self { guardians, folder };
        let card = story.card("card.txt");
        let mut args = vec!["--json", "init", "--card", &card, "--guesses", "4", "--pin-fd", "3"];
        args.extend(["--device", "laptop"]);
        for guardian in &story.guardians {
            args.extend(["--guardian", guardian.address()]);
        }
        let told = story.person(PIN).run(&args).done().json();
        assert_eq!((told["guardians"].as_u64(), told["threshold"].as_u64()), (Some(5), Some(3)));
        story
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn person<'a>(&'a self, pin: &'a str) -> Person<'a> {
        Person { home: self.home(), pin, story: std::marker::PhantomData }
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.person(PIN).run(args)
    }

    fn card(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The device forgets its person.
    fn forget(&self) {
        fs::remove_dir_all(self.home().join("person")).unwrap();
    }

    /// What comes from the root and must be the same ever after.
    fn keys(&self) -> [String; 4] {
        let did: Value = serde_json::from_str(&self.run(&["key", "did"]).done().out).unwrap();
        [
            did["id"].as_str().unwrap().to_owned(),
            self.run(&["key", "ssh"]).done().out,
            self.run(&["key", "age"]).done().out,
            self.run(&["key", "ssh", "--index", "7"]).done().out,
        ]
    }

    fn recover(&self, card: &str) -> Ended {
        self.run(&["--json", "recover", "--card", card, "--guesses", "4", "--pin-fd", "3"])
    }

    /// Which guardians hold their part, in the list's order.
    fn good(&self) -> Vec<bool> {
        let list = self.run(&["--json", "guardians", "list"]).done().json();
        list["guardians"].as_array().unwrap().iter().map(|row| row["good"].as_bool().unwrap()).collect()
    }

    /// The guardian whose address stands in the list under this number.
    fn listed(&self, number: usize) -> String {
        let list = self.run(&["--json", "guardians", "list"]).done().json();
        list["guardians"][number - 1]["address"].as_str().unwrap().to_owned()
    }

    fn at(&mut self, address: &str) -> &mut Guardian {
        self.guardians.iter_mut().find(|guardian| guardian.address() == address).unwrap()
    }
}

struct Person<'a> {
    home: PathBuf,
    pin: &'a str,
    story: std::marker::PhantomData<&'a Story>,
}

impl Person<'_> {
    fn run(&self, args: &[&str]) -> Ended {
        At { home: &self.home, pin: self.pin }.run(args)
    }

    fn run_with(&self, args: &[&str], input: &str) -> Ended {
        At { home: &self.home, pin: self.pin }.run_with(args, input)
    }
}

fn words_on(card: &str) -> String {
    let text = fs::read_to_string(card).unwrap();
    let numbered = text.split_whitespace().collect::<Vec<_>>();
    (1..=24)
        .map(|number| {
            let place = numbered.iter().position(|word| *word == format!("{number}.")).unwrap();
            numbered[place + 1]
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn code_on(card: &str) -> String {
    let text = fs::read_to_string(card).unwrap();
    text.lines().find(|line| line.starts_with("ALLOD1:")).unwrap().to_owned()
}

#[test]
fn everything_comes_back_with_the_card_the_pin_and_three_of_five_guardians() {
    let mut story = Story::begin();
    let keys = story.keys();
    story.forget();
    assert_eq!(story.run(&["status"]).code, 6);
    story.guardians[1].kill();
    story.guardians[3].kill();

    let told = story.recover(&story.card("card.txt")).done().json();
    assert_eq!(told["did"], keys[0].as_str());
    assert_eq!(story.keys(), keys);
    // Into a home that has an identity, nothing is recovered.
    let again = story.recover(&story.card("card.txt"));
    assert_eq!(again.code, 6, "{again:?}");

    // The device registers afresh when enough guardians are back.
    story.guardians[1].run();
    story.guardians[3].run();
    story.run(&["guardians", "heal"]).done();
    assert_eq!(story.good(), [true; 5]);
    // Both devices belong to the identity now.
    let devices = story.run(&["--json", "devices"]).done().json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2);

    // The same by words, the addresses of which the person knows.
    story.forget();
    let words = words_on(&story.card("card.txt"));
    let address = story.guardians[0].address().to_owned();
    let args = ["--json", "recover", "--words", "--guardian", &address, "--pin-fd", "3"];
    let told = story.person(PIN).run_with(&args, &format!("{}\n", words.to_uppercase())).done().json();
    assert_eq!(told["did"], keys[0].as_str());
    assert_eq!(story.keys(), keys);
}

#[test]
fn a_wrong_pin_and_too_few_guardians_are_told_apart() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    story.forget();
    let args = ["--json", "recover", "--card", &card, "--pin-fd", "3"];
    for left in [3, 2] {
        let wrong = story.person("000000").run(&args);
        assert_eq!((wrong.code, wrong.json()["guesses_left"].as_u64()), (3, Some(left)), "{wrong:?}");
    }
    let wrong = story.person("000000").run(&args[1..]);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.err.contains("1 guesses left") || wrong.err.contains("1 guess left"), "{wrong:?}");

    for place in [0, 2, 4] {
        story.guardians[place].kill();
    }
    let few = story.recover(&card);
    assert_eq!(few.code, 5, "{few:?}");
    for guardian in &mut story.guardians {
        guardian.kill();
    }
    let none = story.recover(&card);
    assert_eq!(none.code, 5, "{none:?}");
    assert!(!story.home().join("person/identity").exists());

    // Neither cost a guess: the last one is still there.
    story.guardians.iter_mut().for_each(Guardian::run);
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
}

#[test]
fn guardians_that_forgot_are_healed_and_those_that_left_are_replaced() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");

    // One lost its part, and is given it again.
    story.guardians[0].restore();
    assert_eq!(story.good().iter().filter(|good| **good).count(), 4);
    story.run(&["guardians", "heal"]).done();
    assert_eq!(story.good(), [true; 5]);

    // One comes back with an empty store: it has another realm then, so it is
    // another guardian, and is exchanged for itself.
    let deleted = story.listed(2);
    story.at(&deleted).lose_state();
    story.at(&deleted).run();
    assert_eq!(story.good().iter().filter(|good| **good).count(), 4);
    story.run(&["guardians", "replace", "2", &deleted]).done();
    assert_eq!(story.good(), [true; 5]);

    // Two at once leave for good; each is replaced in turn.
    let new: Vec<Guardian> = (5..7)
        .map(|i| Guardian::start(&story.folder.path().join(format!("guardian-{i}")), Tls::SelfSigned))
        .collect();
    let addresses: Vec<String> = new.iter().map(|guardian| guardian.address().to_owned()).collect();
    story.guardians.extend(new);
    let leaving = story.listed(1);
    story.at(&leaving).kill();
    story.run(&["guardians", "replace", &leaving, &addresses[0]]).done();
    let leaving = story.listed(5);
    story.run(&["guardians", "replace", "5", &addresses[1]]).done();
    story.at(&leaving).kill();
    assert_eq!(story.good(), [true; 5]);

    // The old card still leads here: what it lists is old, what it finds is not.
    story.forget();
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
    assert_eq!(story.good(), [true; 5]);
}

#[test]
fn a_guardian_that_missed_an_exchange_does_not_count_until_it_is_healed() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    let new = Guardian::start(&story.folder.path().join("guardian-5"), Tls::SelfSigned);
    let (missing, leaving) = (story.listed(1), story.listed(4));
    story.at(&missing).kill();
    story.run(&["guardians", "replace", &leaving, new.address()]).done();
    story.guardians.push(new);
    // It holds a share of the old dealing, which fits none of the new one.
    story.at(&missing).run();
    let stale = story.good().iter().filter(|good| !**good).count();
    assert_eq!(stale, 1, "a share of an old dealing is no share");
    story.run(&["guardians", "heal"]).done();
    assert_eq!(story.good(), [true; 5]);

    // Healed, it is as good as any: the three that are left include it.
    story.forget();
    let mut stopped = 0;
    for guardian in &mut story.guardians {
        if guardian.address() != missing && guardian.address() != leaving && stopped < 2 {
            guardian.kill();
            stopped += 1;
        }
    }
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
}

#[test]
fn an_exchange_that_finds_too_few_guardians_leaves_everything_as_it_was() {
    let mut story = Story::begin();
    let keys = story.keys();
    let card = story.card("card.txt");
    let new = Guardian::start(&story.folder.path().join("guardian-5"), Tls::SelfSigned);
    let (leaving, first, second) = (story.listed(1), story.listed(2), story.listed(3));
    story.at(&first).kill();
    story.at(&second).kill();
    let few = story.run(&["guardians", "replace", &leaving, new.address()]);
    assert_eq!(few.code, 5, "{few:?}");
    story.at(&first).run();
    story.at(&second).run();
    story.guardians.push(new);
    // Whatever the device does now, it must not spoil what the guardians hold.
    story.run(&["guardians", "heal"]).done();
    story.forget();
    story.recover(&card).done();
    assert_eq!(story.keys(), keys);
}

#[test]
fn a_renewed_card_works_and_the_old_one_finds_nothing() {
    let story = Story::begin();
    let keys = story.keys();
    let (old, new) = (story.card("card.txt"), story.card("new.html"));
    story.run(&["card", "--renew", "--out", &new]).done();
    assert_eq!(story.keys(), keys);
    assert_eq!(story.good(), [true; 5]);
    story.forget();
    let nothing = story.recover(&old);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert!(
        nothing.json()["error"].as_str().unwrap().contains("keeps anything for this card"),
        "{nothing:?}"
    );
    let told = story.recover(&new).done().json();
    assert_eq!(told["did"], keys[0].as_str());
    assert_eq!(story.keys(), keys);
    // Who guessed with the old card took nothing from the new one.
    let printed = story.card("again.txt");
    story.run(&["card", "--out", &printed]).done();
    assert_ne!(words_on(&printed), words_on(&old));
}

#[test]
fn devices_come_and_go() {
    let story = Story::begin();
    let devices = |ended: Ended| ended.done().json()["devices"].as_array().unwrap().clone();
    let before = devices(story.run(&["--json", "devices", "list"]));
    assert_eq!((before.len(), &before[0]["name"], &before[0]["this"]), (1, &"laptop".into(), &true.into()));

    let phone = allod_crypto::sign::SigningKey::from_seed(&allod_crypto::Secret::from([7; 32]));
    let key = allod_did::PublicKey::Ed25519(phone.verifying_key()).to_did_key();
    let after = devices(story.run(&["--json", "devices", "add", &key, "--name", "phone"]));
    assert_eq!(after.len(), 2);
    let added = after.iter().find(|device| device["name"] == "phone").unwrap();
    assert_eq!(added["key"], key.as_str());
    // The same device is not added twice, and what is no key is none.
    assert_ne!(story.run(&["devices", "add", &key, "--name", "again"]).code, 0);
    assert_eq!(story.run(&["devices", "add", "did:key:nonsense", "--name", "x"]).code, 2);

    // What was added stays with the identity when it comes back.
    story.forget();
    story.recover(&story.card("card.txt")).done();
    let back = devices(story.run(&["--json", "devices"]));
    assert_eq!(back.len(), 3);
    assert!(back.iter().any(|device| device["key"] == key.as_str()));

    let id = added["id"].as_str().unwrap();
    let left = devices(story.run(&["--json", "devices", "remove", &id[..12]]));
    assert!(left.len() == 2 && left.iter().all(|device| device["key"] != key.as_str()));
    assert_eq!(story.run(&["devices", "remove", id]).code, 2);
}

#[test]
fn openssh_takes_the_ssh_key() {
    let story = Story::begin();
    let (private, public) =
        (story.run(&["key", "ssh"]).done().out, story.run(&["key", "ssh", "--public"]).done().out);
    let file = story.folder.path().join("id_allod");
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(&file).unwrap().write_all(private.as_bytes()).unwrap();
    let output = Command::new("ssh-keygen")
        .args(["-y", "-f"])
        .arg(&file)
        .output()
        .expect("this test asks OpenSSH's ssh-keygen: install openssh-client");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), public.trim());
    assert!(public.starts_with("ssh-ed25519 "));
    // Another index is another key.
    assert_ne!(story.run(&["key", "ssh", "--index", "1"]).done().out, private);
}

#[test]
fn age_takes_the_age_key() {
    let story = Story::begin();
    let identity = story.run(&["key", "age"]).done().out;
    let recipient = story.run(&["key", "age", "--public"]).done().out;
    let identity = age::x25519::Identity::from_str(identity.trim()).unwrap();
    assert_eq!(identity.to_public().to_string(), recipient.trim());
    let recipient = age::x25519::Recipient::from_str(recipient.trim()).unwrap();
    let sealed = age::encrypt(&recipient, b"for the owner alone").unwrap();
    assert_eq!(age::decrypt(&identity, &sealed).unwrap(), b"for the owner alone");
}

#[test]
fn the_cards_qr_code_is_read_back_by_another_decoder() {
    let story = Story::begin();
    let (text, page) = (story.card("card.txt"), story.card("card.html"));
    story.run(&["card", "--out", &page]).done();
    let code = code_on(&text);
    assert_eq!(read_qr(&pixels_of_text(&text)), code);
    assert_eq!(read_qr(&pixels_of_page(&page)), code);
    // A file that is there already is not replaced.
    assert_eq!(story.run(&["card", "--out", &page]).code, 2);
    // The page is a card, too.
    assert!(fs::read_to_string(&page).unwrap().contains(&code));
}

/// Rows of pixels; true is dark.
type Pixels = Vec<Vec<bool>>;

/// The half blocks of a terminal, two rows of pixels each.
fn pixels_of_text(card: &str) -> Pixels {
    let text = fs::read_to_string(card).unwrap();
    let blocks = |line: &&str| line.chars().count() > 20 && line.chars().all(|c| " █▀▄".contains(c));
    let mut rows = Vec::new();
    for line in text.lines().filter(blocks) {
        rows.push(line.chars().map(|c| "█▀".contains(c)).collect());
        rows.push(line.chars().map(|c| "█▄".contains(c)).collect());
    }
    rows
}

/// The squares of the page's image.
fn pixels_of_page(card: &str) -> Pixels {
    let page = fs::read_to_string(card).unwrap();
    let image = page.split_once("<svg").unwrap().1.split_once("</svg>").unwrap().0;
    let size = |name: &str| -> usize {
        let rest = image.split_once(&format!(" {name}=\"")).unwrap().1;
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    let mut pixels = vec![vec![false; size("width")]; size("height")];
    // The dark modules are one path of squares: M x y h w v h H x V y.
    let path = image.rsplit_once(" d=\"").unwrap().1.split_once('"').unwrap().0;
    for square in path.split('M').skip(1) {
        let numbers: Vec<usize> = square
            .split(|c: char| !c.is_ascii_digit())
            .filter(|number| !number.is_empty())
            .map(|number| number.parse().unwrap())
            .collect();
        let (x, y, width, height) = (numbers[0], numbers[1], numbers[2], numbers[3]);
        for row in &mut pixels[y..y + height] {
            row[x..x + width].fill(true);
        }
    }
    pixels
}

fn read_qr(pixels: &Pixels) -> String {
    // A decoder of photographs wants more than one pixel a module.
    const SCALE: usize = 4;
    assert!(!pixels.is_empty(), "nothing is drawn");
    let (width, height) = (pixels[0].len() * SCALE, pixels.len() * SCALE);
    let grey = |x: usize, y: usize| if pixels[y / SCALE][x / SCALE] { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code is drawn");
    grids[0].decode().unwrap().1
}

/// Nothing that a person has is readable by others of the machine.
#[test]
fn what_is_kept_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let story = Story::begin();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&story.home().join("person")), 0);
    assert_eq!(mode(&story.home().join("person/identity")), 0);
    assert_eq!(mode(Path::new(&story.card("card.txt"))), 0);
    for guardian in &story.guardians {
        assert_eq!(mode(&guardian.state()), 0);
    }
    // The PIN stands nowhere.
    let mut identity = Vec::new();
    fs::File::open(story.home().join("person/identity")).unwrap().read_to_end(&mut identity).unwrap();
    assert!(!identity.windows(PIN.len()).any(|window| window == PIN.as_bytes()));
}
