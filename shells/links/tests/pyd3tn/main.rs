//! Bundles with an implementation in Python that has nothing in common with ours, pyD3TN as it comes
//! from the Python registry: it reads ours, and we read what it makes, whole and in fragments.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use allod_courier::bundle::{Bundle, Lifetime, Priority, Reassembly, Seconds, Terms, fragments};
use serde_json::{Value, json};

/// Seconds from 1970 to 2000.
const EPOCH: u64 = 946_684_800;

/// The interpreter of an environment in which pyD3TN is installed, once for a build folder.
fn python() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pyd3tn");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pyd3tn");
    fs::create_dir_all(&folder).unwrap();
    // Tests may run in several processes at once.
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read(source.join("requirements.txt")).unwrap();
    let (stamp, python) = (folder.join("installed"), folder.join("env/bin/python"));
    if python.exists() && fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("env")));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r"]);
    run(pip.arg(source.join("requirements.txt")));
    fs::write(&stamp, wanted).unwrap();
    python
}

fn run(command: &mut Command) {
    let output =
        command.output().expect("this test needs python3 with venv (on Debian: apt install python3-venv)");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "pyD3TN could not be installed; that needs python3 with venv (on Debian: apt install python3-venv) and \
         a package registry within reach: {complaint}"
    );
}

/// What the program answers to each line.
fn ask(lines: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pyd3tn/codec.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pyD3TN refused something: {complaint}");
    writing.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), lines.len(), "{complaint}");
    answers
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &Value) -> Vec<u8> {
    let (pairs, _) = digits.as_str().unwrap().as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn endpoint(bytes: &[u8]) -> String {
    format!("dtn://allod-{}/", hex(bytes))
}

fn whole(number: u8, size: usize) -> Bundle {
    let terms = Terms {
        created: Seconds(800_000_000 + u32::from(number) * 77_777),
        sequence: u16::from(number) * 263,
        lifetime: Lifetime::from_code(number % 12).unwrap(),
        priority: Priority::from_code(number % 3).unwrap(),
        copies: number,
        custody: number.is_multiple_of(2),
    };
    let payload: Vec<u8> = (0..size).map(|at| (at as u8).wrapping_mul(number | 1)).collect();
    Bundle::new(&[&[number; 8][..], &payload].concat(), terms).unwrap()
}

/// Bundles of many kinds, whole and in fragments.
fn all() -> Vec<Bundle> {
    let mut all = Vec::new();
    for (number, size) in [0, 1, 23, 24, 255, 256, 1500, 70_000].into_iter().enumerate() {
        let one = whole(number as u8 + 1, size);
        all.push(one.clone());
        if size > 20 {
            all.extend(fragments(one.clone(), size.div_ceil(3)).unwrap());
            all.extend(fragments(one, size - 1).unwrap());
        }
    }
    all
}

#[test]
fn pyd3tn_reads_our_bundles_whole_and_in_fragments() {
    let all = all();
    assert!(all.iter().filter(|bundle| !bundle.is_whole()).count() > 20);
    let asked: Vec<Value> = all.iter().map(|bundle| json!({ "read": hex(&bundle.to_full()) })).collect();
    for (bundle, read) in all.iter().zip(ask(&asked)) {
        assert_eq!(read["source"], endpoint(&bundle.source().0));
        assert_eq!(read["destination"], endpoint(&bundle.tag.0));
        assert_eq!(read["report_to"], "dtn:none");
        assert_eq!(read["time"], u64::from(bundle.terms.created.0) * 1000);
        assert_eq!(read["sequence"], bundle.terms.sequence);
        assert_eq!(read["lifetime"], bundle.terms.lifetime.seconds() * 1000);
        assert_eq!(read["is_fragment"], !bundle.is_whole());
        if !bundle.is_whole() {
            assert_eq!(read["offset"], bundle.part.offset);
            assert_eq!(read["total"], bundle.part.total);
        }
        assert_eq!(read["blocks"], json!([193]));
        assert_eq!(unhex(&read["payload"]), bundle.payload);
        // And what it writes of it is the same bundle here.
        assert_eq!(Bundle::from_full(&unhex(&read["again"])).as_ref(), Ok(bundle));
    }
}

#[test]
fn we_read_what_pyd3tn_makes_whole_and_in_fragments() {
    let mut expected = Vec::new();
    let mut asked = Vec::new();
    for (at, bundle) in all().into_iter().enumerate() {
        let is_whole = bundle.is_whole();
        asked.push(json!({ "make": {
            "source": endpoint(&bundle.source().0),
            "destination": endpoint(&bundle.tag.0),
            "payload": hex(&bundle.payload),
            "time": u64::from(bundle.terms.created.0) + EPOCH,
            "sequence": bundle.terms.sequence,
            "lifetime": bundle.terms.lifetime.seconds(),
            "offset": (!is_whole).then_some(bundle.part.offset),
            "total": (!is_whole).then_some(bundle.part.total),
            // Its primary block always has a check sum, of either kind.
            "crc": 1 + at % 2,
            // With a block that is none of ours, too.
            "hop_limit": at.is_multiple_of(3).then_some(30),
        }}));
        // Without our own block it is a normal one.
        let terms = Terms { priority: Priority::Normal, copies: 1, custody: false, ..bundle.terms };
        // Which priority it has is not in the source.
        expected.push(Bundle { terms, ..bundle });
    }
    let mut pieces: Vec<Bundle> = Vec::new();
    for (expected, made) in expected.into_iter().zip(ask(&asked)) {
        let read = Bundle::from_full(&unhex(&made["bundle"]));
        assert_eq!(read.as_ref(), Ok(&expected));
        pieces.extend(read);
    }
    // Its fragments come together here.
    let large: Vec<Bundle> =
        pieces.into_iter().filter(|one| one.part.total == 70_000 && !one.is_whole()).collect();
    let mut together = Reassembly::new(&large[0]);
    assert!(large.iter().all(|one| together.add(one).is_ok()));
    let payloads: Vec<Vec<u8>> = together.whole().map(|bundle| bundle.payload).collect();
    assert_eq!(payloads, [whole(8, 70_000).payload]);
}
