//! Writes what the vault's decoders read into `corpus/`, for the fuzzers to begin from.

use std::error::Error;
use std::fs;
use std::path::Path;

use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::tagged;
use allod_crypto::{CryptoRng, Secret};
use allod_fuzz::{
    FIXTURE_SPACE, fixture_account, fixture_backup, fixture_catalogue, fixture_device, fixture_granted,
    fixture_items, fixture_log, fixture_ring, fixture_roster, fixture_shard, fixture_told, fixture_writer,
    joined, stream,
};
use allod_vault::backup::{Authorization, Head, Packer, shard};
use allod_vault::files::Time;
use allod_vault::object::{Kind, ObjectId};
use allod_vault::share::{Grant, Hello, Request};
use allod_vault::sync::batch::{BatchId, Device, Signed};
use allod_vault::sync::log::Log;
use allod_vault::sync::operation::{
    Content, Data, Id, ListList, Operation, Part, PartBytes, PartList, Parts, Target,
};
use allod_vault::sync::reconcile::{Answering, Asking, MESSAGE_MIN};
use allod_vault::{Compress, Uncompressed};
use allod_wire::Instant;
use allod_zstd::PureZstd;
use minicbor::bytes::ByteVec;

type Done = Result<(), Box<dyn Error>>;

fn put(name: &str, number: usize, bytes: impl AsRef<[u8]>) -> Done {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{number}")), bytes)?)
}

fn random(size: usize, rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut bytes = vec![0; size];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn share() -> Done {
    let (log, device, ring, roster) = (fixture_log(), fixture_device(), fixture_ring(), fixture_roster());
    let request = Request::new(&log, &device)?;
    put("share_request", 0, request.encode())?;
    put("share_roster", 0, roster.encode())?;
    put("share_roster", 1, roster.next(&[], &[], &Default::default(), &device)?.encode())?;
    put("share_hello", 0, Hello::to_join(None, &log, &device)?.encode())?;
    put("share_hello", 1, Hello::to_join(Some(FIXTURE_SPACE), &log, &device)?.encode())?;
    let secrets = ring.secrets();
    put("ring", 0, secrets.expose())?;
    put("ring", 1, [secrets.expose(), &[1, 0, 0, 0], &[6; 32]].concat())?;
    put("share_granted", 0, [&[0][..], &fixture_granted(secrets.expose(), &roster.encode())].concat())?;
    put("share_granted", 1, [&[1][..], secrets.expose(), &[1, 0, 0, 0], &[6; 32]].concat())?;
    put("share_grant", 0, Grant { ring, roster }.seal(&request, &device, &mut stream())?)
}

fn backup() -> Done {
    let (keys, account, rng) = (fixture_backup(), fixture_account(), &mut stream());
    let request = Authorization::sign(&account, "PUT", "/shard", b"bytes", Instant(5), rng);
    put("backup_request", 0, request.encode())?;
    let catalogue = fixture_catalogue();
    put("backup_catalogue", 0, allod_wire::encode(&catalogue))?;
    put("backup_head", 0, Head::sign(&account, 3, 1_767_225_600_000, &catalogue.seal(&account)?))?;
    let mut packer = Packer::new();
    for number in 0..3_u8 {
        let object = fixture_ring().newest().seal(Kind::Data, &[number; 50], &Uncompressed);
        assert!(packer.push(object).is_none());
    }
    let sealed = packer.seal(&keys, 1);
    put("backup_packed", 0, &sealed)?;
    let pack = SyntheticKey::new(&Secret::from(tagged("allod 2026 backup, packs", &[&[8; 32]])));
    let purpose = [&b"allod vault pack"[..], &1_u64.to_le_bytes()].concat();
    let plain = pack.open(&purpose, &sealed).map_err(|_| "the pack does not open")?;
    put("backup_pack", 0, plain.expose().get(..600).ok_or("a small pack")?)?;
    for leaf in [0, 3, 10] {
        let shown = shard::show(&fixture_shard(), u64::from(leaf)).ok_or("no such leaf")?;
        put("backup_shown", leaf.into(), [&[leaf][..], &allod_wire::encode(&shown)].concat())?;
    }
    for (number, head) in
        [[2, 3, 0, 0, 2], [2, 3, 1, 0, 2], [5, 8, 4, 2, 5], [1, 1, 0, 1, 1]].iter().enumerate()
    {
        put("backup_shards", number, [&head[..], &random(100 + 2000 * number, rng)].concat())?;
    }
    let mut roots = minicbor::Encoder::new(Vec::new());
    roots.array(5)?.bytes(&FIXTURE_SPACE.0)?.bytes(&[1; 32])?.u64(7)?.null()?.bytes(&[2; 32])?;
    put("backup_roots", 0, roots.into_writer())
}

fn disk() -> Done {
    let rng = &mut stream();
    let text = b"what people write again and again, and again what they write. ".repeat(60);
    let skewed = random(6000, rng).iter().map(|byte| byte.leading_zeros() as u8 * 7).collect::<Vec<_>>();
    let contents = [text, skewed, vec![0; 70_000], random(300, rng), Vec::new()];
    for (number, content) in contents.iter().enumerate() {
        let frame = PureZstd.compress(content).ok_or("not worth it")?;
        let size = (content.len() as u32).to_le_bytes();
        put("zstd_frame", number, [&size[..], &frame].concat())?;
        put("object_opened", number, [&[1][..], &size, &frame].concat())?;
    }
    put("object_opened", contents.len(), b"\0as it is")?;
    let object = fixture_ring().newest().seal(Kind::Data, b"of other keys", &PureZstd);
    put("object_sealed", 0, object.bytes)?;
    for number in 0..24 {
        let mut harms = random(8 * (1 + number % 4), rng);
        // The first ones are where the checkpoints are.
        for harm in harms.as_chunks_mut::<8>().0.iter_mut().filter(|_| number < 12) {
            (harm[3], harm[4]) = (harm[3] % 32, 0);
        }
        put("vault_image", number, harms)?;
    }
    put("vault_image", 24, [])
}

fn place(entry: Id, parent: Id, name: &[u8], target: Target, instead: Vec<Id>) -> Operation {
    Operation::Place { entry, parent, name: name.to_vec(), target, instead }
}

/// What stands for the id of an operation.
fn id(number: u8) -> Id {
    Id([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}

const OWN: Id = Id([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);

fn content(data: Data, instead: Vec<Id>) -> Operation {
    let modified = Time { seconds: 5, nanoseconds: 0 };
    Operation::Content { file: OWN, content: Content { data, modified }, instead }
}

fn file(size: u64, parts: Parts) -> Operation {
    content(Data::File { size, parts }, Vec::new())
}

fn object(start: u64, number: u8, size: u32) -> Part {
    let mut id = [0; 32];
    id[31] = number;
    Part { start, bytes: PartBytes::Object { id: ObjectId(id), from: 0, size } }
}

/// How operations are said, the operations, and contents that they name.
type Said = (u8, Vec<Operation>, Vec<ByteVec>);

/// Operations of which each that is not new names those before it by their place: the fixtures'
/// image has some before, and they are counted from the last one on.
fn said() -> Vec<Vec<Said>> {
    let here = |bytes: &[u8]| Part { start: 0, bytes: PartBytes::Here(bytes.to_vec()) };
    let list = |parts: Vec<Part>| ByteVec::from(allod_wire::encode(&PartList(parts)));
    let top = || place(OWN, Id::TOP, b"a", Target::Directory, Vec::new());
    let mut all = vec![
        vec![(
            0,
            vec![file(3, Parts::Here(vec![here(b"one")])), content(Data::Symlink(b"b".to_vec()), vec![])],
            vec![],
        )],
        vec![(0, vec![top(), top(), Operation::Name { name: "liar".into() }], vec![])],
        vec![(
            0,
            vec![file(9000, Parts::Here(vec![object(0, 0, 9000)]))],
            vec![ByteVec::from(vec![7; 9000])],
        )],
        vec![(
            1,
            vec![file(9000, Parts::Listed(vec![ObjectId([0; 32])])), top()],
            vec![list(vec![object(0, 0, 9000)]), list(vec![object(0, 0, 9000)])],
        )],
        vec![(
            1,
            vec![file(9000, Parts::Deep(vec![ObjectId([0; 32])]))],
            vec![ByteVec::from(allod_wire::encode(&ListList(vec![ObjectId([0; 32])])))],
        )],
        vec![(0, vec![Operation::Vouch { last: vec![BatchId([1; 32])] }], vec![])],
    ];
    // Of everything that there may be before, something is done to each.
    for number in 1..24 {
        let (target, value) = (Target::File(id(number)), Some(b"value".to_vec()));
        let (name, places) = (b"user.kind".to_vec(), vec![id(number)]);
        all.push(vec![
            (0, vec![top(), place(OWN, Id::TOP, b"link", target, vec![])], vec![]),
            (
                1,
                vec![place(id(number), id(number + 1), b"moved", Target::Directory, vec![id(number)])],
                vec![],
            ),
            (
                2,
                vec![place(id(number + 1), id(number), b"moved", Target::Directory, vec![id(number + 1)])],
                vec![],
            ),
            (3, vec![Operation::Attribute { of: id(number), name, value }], vec![]),
            (0, vec![Operation::Permit { of: id(number), permissions: 0o4755 }], vec![]),
            (
                1,
                vec![Operation::Remove { entry: id(number), places, contents: vec![id(number - 1)] }],
                vec![],
            ),
        ]);
    }
    all
}

fn sync() -> Done {
    for (number, told) in (0..).zip(fixture_told()) {
        for kind in [number, number + 2] {
            put("sync_session", usize::from(kind), [&[kind][..], &joined(&told)].concat())?;
        }
    }
    for (number, said) in said().iter().enumerate() {
        let bytes: Vec<Vec<u8>> = said.iter().map(allod_wire::encode).collect();
        put("sync_merged", number, bytes.concat())?;
    }
    let device = Device::of(&fixture_writer(0));
    let operations = said().into_iter().flatten().flat_map(|said| said.1).take(10).collect();
    let time = Time { seconds: 5, nanoseconds: 0 };
    let batch = Log::default().next(FIXTURE_SPACE, device, Vec::new(), (time, [1; 16]), operations);
    put("sync_written", 0, allod_wire::encode(&batch))?;
    put("sync_batch", 0, Signed::new(batch, &fixture_writer(0))?.bytes())?;
    let mut answering = Answering::new(fixture_items(50), MESSAGE_MIN)?;
    let (mut asking, first) = Asking::new(fixture_items(0), MESSAGE_MIN)?;
    let (mut asked, mut answers, mut next) = (Vec::new(), Vec::new(), Some(first));
    while let Some(message) = next {
        let answer = answering.handle(&message)?;
        next = asking.handle(&answer)?;
        asked.push(message);
        answers.push(answer);
    }
    put("reconcile_asked", 0, joined(&asked))?;
    put("reconcile_answered", 0, joined(&answers))
}

fn main() -> Done {
    share()?;
    backup()?;
    disk()?;
    sync()
}
