//! Whoever remembers the files of a moment is told what of that is no longer so.

use super::*;

#[test]
fn what_changed_since_a_moment_is_shown_and_nothing_else() {
    let mut files = create(&Disk::new(CAPACITY));
    let directory = files.apply(&make(Ino::ROOT, "d", FileKind::Directory)).unwrap().unwrap();
    let file = files.apply(&make(directory, "f", FileKind::File)).unwrap().unwrap();
    let other = files.apply(&make(directory, "o", FileKind::File)).unwrap().unwrap();
    let still = files.apply(&make(directory, "s", FileKind::File)).unwrap().unwrap();
    files.apply(&write(still, 0, b"as it was")).unwrap();
    let moment = files.moment().unwrap();
    let seen = |files: &mut Vault| {
        let mut seen = Vec::new();
        files.changed_since(&moment, &mut |difference| seen.push(difference)).unwrap();
        seen.dedup();
        seen
    };
    assert_eq!(seen(&mut files), []);
    files.apply(&write(file, 0, &[7; 10_000])).unwrap();
    let (name, new_name) = (b"o".to_vec(), b"p".to_vec());
    let existing = Existing::Keep;
    let rename = Operation::Rename {
        from: directory,
        name,
        to: Ino::ROOT,
        new_name,
        existing,
        open: false,
        now: at(9),
    };
    files.apply(&rename).unwrap();
    let entry = Some(Entry { ino: other, kind: FileKind::File });
    let expected = [
        Difference::File(Ino::ROOT),
        Difference::Name { directory: Ino::ROOT, name: b"p".to_vec(), was: None },
        Difference::File(directory),
        Difference::Name { directory, name: b"o".to_vec(), was: entry },
        Difference::File(file),
        Difference::File(other),
    ];
    assert_eq!(seen(&mut files), expected);
}
