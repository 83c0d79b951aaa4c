//! Mounts a new vault for programs that try a tree of files: `mount IMAGE POINT`. Says `mounted`
//! when it is there, and unmounts when its standard input ends. The image is opened where there
//! is one. Everybody may use it, with a key that is no secret.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use allod_crypto::Secret;
use allod_disk::{FileBlocks, Mounted, Users, Zstd};
use allod_vault::Geometry;
use allod_vault::files::{Files, Time};

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(image), Some(point)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: mount IMAGE POINT");
        std::process::exit(2);
    };
    let root = Secret::from([1; 32]);
    let files = if image.exists() {
        Files::open(FileBlocks::open(&image).unwrap(), Zstd, &root).unwrap()
    } else {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now = Time { seconds: now.as_secs() as i64, nanoseconds: now.subsec_nanos() };
        let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let blocks = FileBlocks::create(&image).unwrap();
        Files::create(blocks, Zstd, &root, Geometry::VAULT, (0, 0, now), rng).unwrap()
    };
    let mounted = Mounted::new(files, &point, Users::All).unwrap();
    println!("mounted");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    mounted.end().unwrap();
}
