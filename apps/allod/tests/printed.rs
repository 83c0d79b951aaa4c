//! What the command gives to other programs: keys that OpenSSH and age take, and
//! a card whose code any reader of QR codes reads.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;
mod story;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use story::{PIN, Story, code_on};

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
    assert_eq!(mode(&story.home.join("person")), 0);
    assert_eq!(mode(&story.home.join("person/identity")), 0);
    assert_eq!(mode(Path::new(&story.card("card.txt"))), 0);
    for guardian in &story.guardians {
        assert_eq!(mode(&guardian.state()), 0);
    }
    // The PIN stands nowhere.
    let mut identity = Vec::new();
    fs::File::open(story.home.join("person/identity")).unwrap().read_to_end(&mut identity).unwrap();
    assert!(!identity.windows(PIN.len()).any(|window| window == PIN.as_bytes()));
}
