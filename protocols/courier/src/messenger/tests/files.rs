//! Tests of files: their parts come on their own, in any order, before the message or after it.

use super::*;
use crate::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};

fn part_of(reference: &Reference, number: u32) -> Bundle {
    let terms = Terms {
        created: Seconds::at(NOW),
        sequence: number as u16,
        lifetime: Lifetime::MESSAGE,
        priority: Priority::Bulk,
        copies: 64,
        custody: false,
    };
    Bundle::new(&[&reference.tag(number).0[..], &[number as u8; 50]].concat(), terms).unwrap()
}

fn send_file(from: &mut Device, to: Whom, reference: &Reference) -> Vec<Bundle> {
    let body = Body::File { name: "photo.jpg".into(), note: "look".into(), reference: reference.clone() };
    let (id, out) = from.act(|m| m.send(to, body, Sending::default(), NOW, &mut rng()));
    id.unwrap();
    out
}

#[test]
fn parts_are_wanted_until_each_is_here_and_then_told_to_carriers() {
    let ((_, mut a), (bob, mut b)) = acquainted();
    let reference = Reference::new(Secret::random(&mut rng()), [9; 32], 1_000_000, 5, false);
    assert_eq!((reference.pieces(), reference.parts()), (1, 6));
    let out = send_file(&mut a, Whom::Person(bob.did()), &reference);
    assert!(!b.load().wants(&reference.tag(0)));
    bring(&mut [&mut a, &mut b], out, NOW);
    for number in [3, 0, 5, 1, 4] {
        let bundle = part_of(&reference, number);
        assert!(b.load().wants(&bundle.tag));
        let ((), _) = b.act(|m| {
            let part = m.receive(&bundle, NOW, &mut rng()).unwrap().part.unwrap();
            assert_eq!((part.number, part.bytes.len()), (number, 50));
            assert_eq!(m.part_is_here(&part), reference.token(number));
        });
        assert!(!b.load().wants(&bundle.tag));
        assert_eq!(reference.token(number).unwrap().tag(), bundle.tag);
    }
    let coming: Vec<_> = b.load().files_coming().map(|(_, _, missing, all)| (missing, all)).collect();
    assert_eq!(coming, [(1, 6)]);
    let last = part_of(&reference, 2);
    b.act(|m| {
        let part = m.receive(&last, NOW, &mut rng()).unwrap().part.unwrap();
        m.part_is_here(&part).unwrap();
    });
    assert_eq!(b.load().files_coming().count(), 0);
}

#[test]
fn carriers_cannot_be_made_to_drop_parts_that_are_for_many() {
    let reference = Reference::new(Secret::from([1; 32]), [9; 32], 1_000_000, 5, true);
    assert!((0..6).all(|part| reference.token(part).is_none()));
    let tags: BTreeSet<Tag> = (0..6).map(|part| reference.tag(part)).collect();
    assert_eq!(tags.len(), 6);
}

#[test]
fn a_large_file_has_its_list_in_pieces() {
    let of = |chunks| Reference::new(Secret::from([1; 32]), [9; 32], 1, chunks, true).pieces();
    assert_eq!([of(0), of(1), of(LIST_MAX), of(LIST_MAX + 1)], [1, 1, 1, 2]);
}
