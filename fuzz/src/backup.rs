//! What those send who keep a backup, and who is asked to keep one.

use allod_crypto::Secret;
use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::tagged;
use allod_vault::backup::shard::{self, ShardId, Shown};
use allod_vault::backup::{
    Account, Answer, Authorization, BackupKeys, Catalogue, Code, Erasure, Head, PackRecord, Packer, newest,
    plan, unpack,
};
use allod_vault::files::Roots;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

use crate::fixture::made;

/// The secret of the one backup.
const SECRET: [u8; 32] = [8; 32];

/// Where the one peer is reached.
pub const FIXTURE_PEER: &str = "peer.example";

/// The keys of the one backup.
pub fn fixture_backup() -> BackupKeys {
    BackupKeys::new(&Secret::from(SECRET))
}

/// The account of the one backup at the one peer.
pub fn fixture_account() -> Account {
    fixture_backup().account(FIXTURE_PEER)
}

/// A request to whoever keeps a backup.
pub fn backup_request(data: &[u8]) {
    if let Some(request) = Authorization::decode(data) {
        assert_eq!(request.encode(), data);
        let _ = request.check("PUT", "/shard");
        assert!(request.check("DELETE", "/all").is_err());
    }
}

/// A signed head with a sealed catalogue behind it.
pub fn backup_head(data: &[u8]) {
    let account = fixture_account();
    let bytes = data;
    let found = newest(&[Answer { account: &account, address: FIXTURE_PEER, bytes }]);
    let checked = Head::check(&account.id(), data);
    assert_eq!(found.answers.len(), 1);
    assert!(found.catalogue.is_none() || checked.is_ok());
    if let Ok((head, sealed)) = checked {
        assert_eq!(Head::sign(&account, head.generation, head.made, sealed), data);
    }
}

/// A catalogue, which the person seals and signs: reaches what only the person's own device could
/// get wrong.
pub fn backup_catalogue(data: &[u8]) {
    let Ok(catalogue) = minicbor::decode::<Catalogue>(data) else { return };
    let account = fixture_account();
    let Ok(sealed) = catalogue.seal(&account) else { return };
    let Ok(opened) = Catalogue::open(&account, &sealed) else { return };
    assert!(opened == catalogue, "it was sealed and is another");
    let bytes = Head::sign(&account, catalogue.generation, catalogue.made, &sealed);
    let answer = Answer { account: &account, address: FIXTURE_PEER, bytes: &bytes };
    let found = newest(&[answer, answer]);
    assert!(found.catalogue == Some(catalogue));
    for pack in &opened.packs {
        assert!(pack.shard_size() * usize::from(pack.code.needed()) >= pack.size as usize);
        assert!(pack.placed() <= pack.shards.len());
    }
    plan_anew(&opened.packs, &opened.peers.iter().map(|peer| peer.number).collect::<Vec<_>>());
    let of = |pack: &PackRecord| (pack.number, pack.size.into(), pack.size.into());
    let _ = plan::sparse(opened.packs.iter().map(of));
    let _ = Roots::decode(&opened.roots);
}

/// Every shard of which some good peer is left has a place, and no peer two of one pack.
fn plan_anew(packs: &[PackRecord], peers: &[u32]) {
    let is_good = |peer: u32, _: &ShardId| peer.is_multiple_of(2);
    for repair in plan::repair(packs, peers, is_good) {
        let Some(pack) = packs.iter().find(|pack| pack.number == repair.pack) else {
            panic!("a pack that there is not is to be made again");
        };
        let all = repair.good.len() + repair.make.len() + repair.homeless.len();
        assert!(
            all == pack.shards.len() || packs.iter().filter(|pack| pack.number == repair.pack).count() > 1
        );
        let _ = repair.is_whole(pack.code);
    }
    for pack in packs {
        assert_eq!(plan::place(pack.code, pack.number, peers).len(), usize::from(pack.code.all()));
    }
}

/// What is inside of a pack's seal.
pub fn backup_pack(data: &[u8]) {
    let key = SyntheticKey::new(&Secret::from(tagged("allod 2026 backup, packs", &[&SECRET])));
    let mut purpose = *b"allod vault pack........";
    purpose[16..].copy_from_slice(&1_u64.to_le_bytes());
    if let Ok(objects) = unpack(&fixture_backup(), 1, &key.seal(&purpose, data)) {
        let mut packer = Packer::new();
        if objects.iter().all(|object| packer.push(object.clone()).is_none()) {
            let again = unpack(&fixture_backup(), 1, &packer.seal(&fixture_backup(), 1));
            assert_eq!(again, Ok(objects));
        }
    }
}

/// A pack as a peer gives it back, whole.
pub fn backup_packed(data: &[u8]) {
    if let Ok(objects) = unpack(&fixture_backup(), 1, data) {
        let mut packer = Packer::new();
        assert!(objects.iter().all(|object| packer.push(object.clone()).is_none()));
        assert_eq!(packer.seal(&fixture_backup(), 1), data);
    }
}

/// The shard of which leaves are asked for.
pub fn fixture_shard() -> Vec<u8> {
    (0..10_300_u32).map(|number| (number / 7) as u8).collect()
}

/// The answer to who asks for a leaf of a shard. The first byte says which one.
pub fn backup_shown(data: &[u8]) {
    let Some((leaf, data)) = data.split_first() else { return };
    let Ok(shown) = minicbor::decode::<Shown>(data) else { return };
    let (whole, leaf) = (fixture_shard(), u64::from(*leaf));
    if shard::is_shown(&ShardId::of(&whole), whole.len() as u64, leaf, &shown) {
        assert_eq!(shard::show(&whole, leaf), Some(shown));
    } else {
        assert_ne!(shard::show(&whole, leaf), Some(shown));
    }
}

/// What the shards of a pack come to: a code, the size that the pack should have, and shards, each
/// of which is the one that was made or another.
pub fn backup_shards(data: &[u8]) {
    let Some(([needed, all, size @ .., count], data)) = data.split_first_chunk::<5>() else { return };
    let Ok(code) = Code::new(*needed, *all) else { return };
    let pack = data;
    let Ok(made) = code.encode(pack, &ReedSolomon) else {
        assert!(pack.is_empty() || code.needed() == 0, "a pack that cannot be divided");
        return;
    };
    assert_eq!(made.len(), usize::from(*all));
    // Those that are there, in an order of their own, and one of them twice or of another size.
    let first = usize::from(size[0]) % made.len();
    let order = (0..made.len()).cycle().skip(first).take(usize::from(*count) % (made.len() + 2));
    let mut given: Vec<(u8, &[u8])> = order.map(|number| (number as u8, made[number].as_slice())).collect();
    let is_right = size[1].is_multiple_of(2);
    if !is_right && let Some((number, shard)) = given.last_mut() {
        (*number, *shard) = (size[1], &shard[..shard.len() - usize::from(size[0]).min(shard.len())]);
    }
    let came = code.decode(pack.len(), &given, &ReedSolomon);
    let is_enough = given.len() >= usize::from(*needed) && given.len() <= made.len();
    match came {
        Ok(came) if is_right => assert_eq!(came, pack),
        Ok(_) => assert!(is_enough),
        Err(why) => assert!(!is_right || !is_enough, "shards that are right: {why}"),
    }
    // What a catalogue says of the size may be wrong, too.
    let wrong = usize::from(u16::from_le_bytes(*size));
    let _ = code.decode(wrong, &given, &ReedSolomon);
}

/// The roots of a space's trees.
pub fn backup_roots(data: &[u8]) {
    if let Some(roots) = Roots::decode(data) {
        assert_eq!(Roots::decode(&roots.encode()), Some(roots));
    }
}

/// The same code as that of shells.
struct ReedSolomon;

impl Erasure for ReedSolomon {
    fn more(&self, originals: &[Vec<u8>], count: usize) -> Option<Vec<Vec<u8>>> {
        let mut encoder = ReedSolomonEncoder::new(originals.len(), count, originals.first()?.len()).ok()?;
        originals.iter().try_for_each(|shard| encoder.add_original_shard(shard)).ok()?;
        Some(encoder.encode().ok()?.recovery_iter().map(<[u8]>::to_vec).collect())
    }

    fn missing(
        &self,
        (needed, count): (usize, usize),
        originals: &[(usize, &[u8])],
        others: &[(usize, &[u8])],
    ) -> Option<Vec<(usize, Vec<u8>)>> {
        let size = originals.first().or(others.first())?.1.len();
        let mut decoder = ReedSolomonDecoder::new(needed, count, size).ok()?;
        originals.iter().try_for_each(|(at, shard)| decoder.add_original_shard(*at, shard)).ok()?;
        others.iter().try_for_each(|(at, shard)| decoder.add_recovery_shard(*at, shard)).ok()?;
        let restored = decoder.decode().ok()?;
        Some(restored.restored_original_iter().map(|(at, shard)| (at, shard.to_vec())).collect())
    }
}

/// A catalogue of one pack, with its shards at the one peer.
pub fn fixture_catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new(3, 1_767_225_600_000, [4; 16], vec![5; 36], vec![0x80]);
    catalogue.peers = vec![allod_vault::backup::PeerRecord::new(1, FIXTURE_PEER.into())];
    let id = |number| ShardId([number; 32]);
    let shards = [Some(1), None, None].into_iter().zip(1..);
    let shards = shards.map(|(peer, number)| allod_vault::backup::ShardRecord { id: id(number), peer });
    let code = made(Code::new(2, 3));
    catalogue.packs = vec![PackRecord { number: 1, size: 70_000, code, shards: shards.collect() }];
    catalogue
}
