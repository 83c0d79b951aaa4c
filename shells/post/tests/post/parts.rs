//! Tests: files in parts, whole and harmed.

use std::fs;

use allod_courier::bundle::{Bundle, Lifetime};
use allod_courier::messenger::Reference;
use allod_post::PostError;
use allod_post::parts::{Parts, divide};
use allod_zstd::PureZstd;
use tempfile::TempDir;

use super::world::*;

/// So many bytes that cannot be compressed.
fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

struct Sent {
    folder: TempDir,
    content: Vec<u8>,
    reference: Reference,
    bundles: Vec<Bundle>,
}

fn sent(content: Vec<u8>, is_for_many: bool) -> Sent {
    let folder = folder();
    let path = folder.path().join("sent");
    fs::write(&path, &content).unwrap();
    let (mut bundles, mut begun) = (Vec::new(), 0);
    let leave = |bundle| {
        bundles.push(bundle);
        Ok(())
    };
    let reference =
        divide(&path, is_for_many, Lifetime::MESSAGE, &PureZstd, &mut rng(), leave, |size| begun = size)
            .unwrap();
    assert_eq!((begun, reference.size()), (content.len() as u64, content.len() as u64));
    assert_eq!(bundles.len() as u32, reference.parts());
    Sent { folder, content, reference, bundles }
}

impl Sent {
    fn parts(&self) -> Parts {
        Parts::new(self.folder.path().join("files"))
    }

    /// Keeps all parts but those for which there is other content.
    fn keep(&self, part: impl Fn(u32, &[u8]) -> Option<Vec<u8>>) -> Vec<bool> {
        let keep = |number: u32| {
            let bundle = self.bundles.iter().find(|bundle| bundle.tag == self.reference.tag(number)).unwrap();
            let bytes = part(number, &bundle.payload);
            bytes.is_some_and(|bytes| {
                self.parts().keep("one", &self.reference, number, &bytes, &PureZstd).unwrap()
            })
        };
        (0..self.reference.parts()).map(keep).collect()
    }

    fn bring_out(&self) -> Result<Vec<u8>, PostError> {
        let to = self.folder.path().join("out.bin");
        self.parts().bring_out("one", &self.reference, &to, &PureZstd, |_| ())?;
        Ok(fs::read(&to).unwrap())
    }

    /// Nothing is left of what was not brought out.
    fn is_clean(&self) -> bool {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.into_iter().all(|name| name == "sent" || name == "files")
    }
}

#[test]
fn files_of_any_size_come_out_as_they_were() {
    for size in [0, 1, 1000, 200_000, 3_000_000] {
        for is_for_many in [false, true] {
            for content in [noise(size), vec![7; size]] {
                let sent = sent(content, is_for_many);
                let chunks = sent.reference.chunks();
                assert!(match size {
                    0 => chunks == 0,
                    1 | 1000 => chunks == 1,
                    200_000 => chunks >= 1,
                    _ => chunks > 1,
                });
                assert!(sent.keep(|_, bytes| Some(bytes.to_vec())).into_iter().all(|kept| kept));
                assert!(sent.parts().is_whole("one", &sent.reference));
                assert!(sent.bring_out().unwrap() == sent.content);
                // Not over what is there.
                assert!(matches!(sent.bring_out(), Err(PostError::File { .. })));
                sent.parts().forget("one").unwrap();
                sent.parts().forget("one").unwrap();
                assert!(!sent.parts().is_whole("one", &sent.reference));
            }
        }
    }
}

#[test]
fn a_part_that_is_harmed_swapped_or_of_another_file_is_not_kept() {
    let one = sent(noise(2_500_000), false);
    let other = sent(noise(2_500_000), false);
    let payload = |sent: &Sent, number: u32| {
        sent.bundles.iter().find(|bundle| bundle.tag == sent.reference.tag(number)).unwrap().payload.clone()
    };
    let turned = one.keep(|number, bytes| {
        let mut bytes = bytes.to_vec();
        let at = (number as usize * 977) % bytes.len();
        bytes[at] ^= 1;
        Some(bytes)
    });
    assert!(!turned.into_iter().any(|kept| kept));
    let cut = one.keep(|_, bytes| Some(bytes[..bytes.len() - 1].to_vec()));
    assert!(!cut.into_iter().any(|kept| kept));
    assert!(!one.keep(|_, _| Some(Vec::new())).into_iter().any(|kept| kept));
    let foreign = one.keep(|_, _| Some(payload(&other, 0)));
    assert!(!foreign.into_iter().any(|kept| kept));
    // A list is none of the chunks.
    let last = one.reference.parts() - 1;
    assert!(
        !one.keep(|number, _| (number != last).then(|| payload(&one, last))).into_iter().any(|kept| kept)
    );
    assert!(one.is_clean());
}

#[test]
fn chunks_that_changed_places_or_are_missing_are_found_before_anything_is_brought_out() {
    let one = sent(noise(2_500_000), false);
    assert!(one.reference.chunks() >= 3);
    let payload = |number: u32| {
        one.bundles.iter().find(|bundle| bundle.tag == one.reference.tag(number)).unwrap().payload.clone()
    };
    // Both are chunks of this file.
    let kept = one.keep(|number, bytes| Some(if number < 2 { payload(1 - number) } else { bytes.to_vec() }));
    assert_eq!(kept.into_iter().filter(|kept| !kept).count(), 2);
    assert!(one.bring_out().is_err());
    assert!(one.is_clean());
    // On the disk, too.
    let path = |number: u32| one.folder.path().join("files/one").join(number.to_string());
    for number in 0..2 {
        fs::write(path(number), payload(1 - number)).unwrap();
    }
    assert!(matches!(one.bring_out(), Err(PostError::NotWhatWasSent(_))));
    // The right ones take their places.
    one.keep(|number, bytes| (number < 2).then(|| bytes.to_vec()));
    assert!(one.bring_out().unwrap() == one.content);
    fs::remove_file(one.folder.path().join("out.bin")).unwrap();
    for number in 0..one.reference.parts() {
        let path = path(number);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!one.parts().is_whole("one", &one.reference));
        assert!(one.bring_out().is_err());
        // What the disk has harmed.
        for at in [0, 20, 60, whole.len() - 1] {
            let mut harmed = whole.clone();
            harmed[at] ^= 0x80;
            fs::write(&path, harmed).unwrap();
            assert!(matches!(one.bring_out(), Err(PostError::NotWhatWasSent(_))));
        }
        fs::write(&path, whole).unwrap();
        assert!(one.is_clean());
    }
    assert!(one.bring_out().unwrap() == one.content);
}
