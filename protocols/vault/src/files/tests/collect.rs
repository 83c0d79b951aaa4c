//! Room is made in steps, while the files are used.

use super::*;
use crate::object::Kind;

fn unlink(name: &str) -> Operation {
    let (parent, name) = (Ino::ROOT, name.as_bytes().to_vec());
    Operation::Unlink { parent, name, directory: false, open: false, now: at(3) }
}

#[test]
fn files_are_changed_synced_and_committed_between_any_two_steps() {
    // After each of these many steps the power fails.
    for ends in [1, 2, 4, 7, usize::MAX] {
        let disk = Disk::new(CAPACITY);
        let mut files = create(&disk);
        for number in 0..30 {
            let ino = files.apply(&make(Ino::ROOT, &alloc::format!("{number}"), FileKind::File)).unwrap();
            files.apply(&write(ino.unwrap(), 0, &crate::tests::noise(number, 900_000))).unwrap();
        }
        files.snapshot(b"s", at(1)).unwrap();
        let then = see(&mut files.read());
        for number in 10..30 {
            files.apply(&unlink(&alloc::format!("{number}"))).unwrap();
        }
        files.remove_snapshot(b"s").unwrap();
        files.snapshot(b"t", at(1)).unwrap();
        let mut collecting = files.begin_collecting(95).unwrap();
        let mut steps = 0;
        while collecting.goes_on() && steps < ends {
            files.collect_step(&mut collecting).unwrap();
            steps += 1;
            let name = alloc::format!("new {steps}");
            let ino = files.apply(&make(Ino::ROOT, &name, FileKind::File)).unwrap().unwrap();
            // Half of it has been there before.
            let content = crate::tests::noise(10 + steps as u64 % 40, 900_000);
            files.apply(&write(ino, 0, &content)).unwrap();
            match steps % 4 {
                0 => files.commit().unwrap(),
                1 => files.sync().unwrap(),
                2 => files.snapshot(alloc::format!("{steps}").as_bytes(), at(1)).unwrap(),
                _ => files.apply(&unlink(&name)).map(drop).unwrap(),
            }
        }
        assert!(ends < usize::MAX || collecting.stage() == Stage::Done, "{collecting:?}");
        assert!(steps > 7 || ends <= 7);
        assert!(ends < usize::MAX || collecting.cleaned().removed > 0, "{collecting:?}");
        files.sync().unwrap();
        let now = see(&mut files.read());
        drop(files);
        let mut files = open(&disk);
        assert_eq!(see(&mut files.read()), now);
        for name in ["0", "9"] {
            assert_eq!(now[&alloc::format!("/{name}")], then[&alloc::format!("/{name}")]);
        }
        let mut findings = Vec::new();
        files.check_files(&Default::default(), &mut |finding| findings.push(finding)).unwrap();
        assert_eq!(findings, []);
    }
}

#[test]
fn what_was_to_go_stays_when_somebody_asks_for_it_meanwhile() {
    let mut files = create(&Disk::new(CAPACITY));
    let objects: Vec<_> = (0..8)
        .map(|number| {
            let content = crate::tests::noise(number, 500_000);
            files.ring().newest().seal(Kind::Data, &content, &Uncompressed)
        })
        .collect();
    let ino = files.apply(&make(Ino::ROOT, "f", FileKind::File)).unwrap().unwrap();
    let parts: Vec<_> = objects.iter().map(|object| (object.id, 500_000)).collect();
    objects.iter().for_each(|object| files.put(object).unwrap());
    files.set_content(ino, &parts, at(1)).unwrap();
    files.apply(&unlink("f")).unwrap();
    let mut collecting = files.begin_collecting(100).unwrap();
    while matches!(collecting.stage(), Stage::Marking { .. }) {
        files.collect_step(&mut collecting).unwrap();
    }
    assert!(files.has(&objects[3].id).unwrap());
    while collecting.goes_on() {
        files.collect_step(&mut collecting).unwrap();
    }
    let here: Vec<bool> = objects.iter().map(|object| files.has(&object.id).unwrap()).collect();
    assert!(here[3] && here.iter().any(|here| !here), "{here:?}");
}

#[test]
fn the_one_that_began_last_makes_room_and_the_other_stops() {
    let mut files = create(&Disk::new(CAPACITY));
    let mut first = files.begin_collecting(90).unwrap();
    let mut second = files.begin_collecting(90).unwrap();
    files.collect_step(&mut first).unwrap();
    assert_eq!(first.stage(), Stage::Overtaken);
    while second.goes_on() {
        files.collect_step(&mut second).unwrap();
    }
    assert_eq!(second.stage(), Stage::Done);
}
