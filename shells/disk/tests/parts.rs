//! A vault in a folder of parts, used as one in a file is: trees in and out, and mounted.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use allod_crypto::Secret;
use allod_disk::{FileBlocks, MountError, Mounted, Users, Vault, Zstd, export, import};
use allod_vault::Geometry;
use allod_vault::files::{Files, Ino, Time};

fn root() -> Secret<32> {
    Secret::from([1; 32])
}

fn open(path: &Path) -> Vault {
    Files::open(FileBlocks::open(path).unwrap(), Zstd, &root()).unwrap()
}

#[test]
fn trees_go_in_and_come_out_and_a_mount_writes_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, image) = (folder.path().join("tree"), folder.path().join("vault"));
    fs::create_dir_all(tree.join("below")).unwrap();
    let mut noise = vec![0; 9_000_000];
    getrandom::fill(&mut noise).unwrap();
    fs::write(tree.join("below/noise"), &noise).unwrap();
    fs::write(tree.join("small"), b"small").unwrap();
    let blocks = FileBlocks::create_in_parts(&image, u64::from(Geometry::VAULT.segment_size)).unwrap();
    let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let files = Files::create(blocks, Zstd, &root(), Geometry::VAULT, (0, 0, Time::default()), rng);
    let mut files = files.unwrap();
    import(&mut files, &tree, (Ino::ROOT, b"tree"), 2, &mut |_| {}).unwrap();
    drop(files);

    let at = folder.path().join("mount");
    fs::create_dir(&at).unwrap();
    match Mounted::new(open(&image), &at, Users::Mounting) {
        Ok(mounted) => {
            assert_eq!(fs::read(at.join("tree/below/noise")).unwrap(), noise);
            fs::write(at.join("tree/through the mount"), &noise[..5_000_000]).unwrap();
            mounted.end().unwrap();
        }
        Err(MountError::System { source, .. })
            if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
        {
            eprintln!("not mounted: this system mounts nothing for us ({source})");
            fs::write(tree.join("through the mount"), &noise[..5_000_000]).unwrap();
            import(&mut open(&image), &tree, (Ino::ROOT, b"tree"), 2, &mut |_| {}).unwrap();
        }
        Err(why) => panic!("{why}"),
    }

    let mut files = open(&image);
    let (ino, out) = (files.read().lookup(Ino::ROOT, b"tree").unwrap().ino, folder.path().join("out"));
    let (_, damaged) = export(&mut files, None, ino, &out, 2, &mut |_| true).unwrap();
    assert!(damaged.is_empty());
    assert_eq!(fs::read(out.join("below/noise")).unwrap(), noise);
    assert_eq!(fs::read(out.join("small")).unwrap(), b"small");
    assert_eq!(fs::read(out.join("through the mount")).unwrap(), &noise[..5_000_000]);
    assert!(image.join("0000/0004").exists());
}
