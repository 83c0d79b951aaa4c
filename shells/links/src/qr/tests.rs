//! Tests: what is shown as pictures is read by another reader, whatever of it is lost, repeated,
//! mixed or made up.

use proptest::prelude::*;

use super::fountain::TRANSFER_MAX;
use super::*;
use crate::narrow_error::NarrowError;

#[test]
fn the_examples_of_rfc_9285_come_out() {
    let examples =
        [("AB", "BB8"), ("Hello!!", "%69 VD92EX0"), ("base-45", "UJCLQE7W581"), ("ietf!", "QED8WEX0")];
    for (bytes, text) in examples {
        assert_eq!(base45::encode(bytes.as_bytes()), text);
        assert_eq!(base45::decode(text).as_deref(), Some(bytes.as_bytes()));
    }
    for wrong in ["GGW", "ZZ", ":::", "A", "BB8A", "ab8", "BBé"] {
        assert_eq!(base45::decode(wrong), None, "{wrong}");
    }
}

fn some(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place * place / 7 + place) as u8).collect()
}

/// A source of chance that is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

#[test]
fn twenty_kilobytes_are_read_from_pictures_of_which_a_third_is_lost() {
    let bytes = some(20_000);
    let frames = Frames::new(&bytes, Size::Medium).unwrap();
    let need = frames.needed();
    assert_eq!(need, 42);
    let (mut collector, mut chance, mut read) = (Collector::new(), Chance(1), 0);
    for (number, text) in frames.enumerate() {
        assert!(number < 90, "too many codes are needed");
        if chance.below(10) < 3 {
            continue;
        }
        let gray = Code::new(&text, Size::Medium).unwrap().to_gray(4);
        let file = if number % 2 == 0 { gray.to_png().unwrap() } else { gray.to_pgm() };
        assert_eq!(Gray::read(&file).unwrap(), gray);
        let codes = Gray::read(&file).unwrap().codes();
        assert_eq!(codes, [text]);
        read += 1;
        match collector.take(&codes[0]) {
            Seen::Done(all) => {
                assert_eq!(all, bytes);
                assert!(read <= need + 3, "{read} codes for {need} parts");
                return;
            }
            seen => assert_eq!(seen, Seen::New { have: read, need }),
        }
    }
}

#[test]
fn codes_may_come_in_any_order_twice_damaged_and_among_others() {
    for size in Size::ALL {
        for length in [0, 1, 100, 447, 448, 449, 5000] {
            let (bytes, others) = (some(length), some(3000));
            let mut texts: Vec<_> = Frames::new(&bytes, size).unwrap().skip(3).take(60).collect();
            texts.extend(Frames::new(&others, size).unwrap().take(2));
            texts.extend_from_within(..10);
            let mut damaged = texts[5].clone();
            damaged.replace_range(100..101, if damaged.as_bytes()[100] == b'0' { "1" } else { "0" });
            texts.extend([damaged, "https://example.org".into(), String::new(), "ALLOD::".into()]);
            let (mut chance, mut collector, mut done) = (Chance(length as u64), Collector::new(), false);
            while !done {
                let text = texts.swap_remove(chance.below(texts.len()));
                if let Seen::Done(all) = collector.take(&text) {
                    assert_eq!(all, bytes);
                    done = true;
                }
            }
        }
    }
}

/// Changes a frame and makes its check right again.
fn forged(text: &str, change: impl Fn(&mut Vec<u8>)) -> String {
    let mut frame = base45::decode(text.strip_prefix("ALLOD:").unwrap().strip_suffix(':').unwrap()).unwrap();
    frame.truncate(frame.len() - 4);
    change(&mut frame);
    let hash = allod_crypto::hash::tagged("allod 2026 links, check of a code", &[&frame]);
    frame.extend(&hash[..4]);
    format!("ALLOD:{}:", base45::encode(&frame))
}

#[test]
fn a_code_that_somebody_forged_spoils_one_try_and_not_the_next() {
    let bytes = some(3000);
    let mut frames = Frames::new(&bytes, Size::Medium).unwrap();
    let need = frames.needed();
    let mut collector = Collector::new();
    let liar = forged(&frames.next().unwrap(), |frame| frame[100] ^= 1);
    assert_eq!(collector.take(&liar), Seen::New { have: 1, need });
    let seen: Vec<_> = frames.by_ref().take(need - 1).map(|text| collector.take(&text)).collect();
    assert_eq!(seen.last(), Some(&Seen::Wrong));
    let again: Vec<_> = frames.take(need + 3).map(|text| collector.take(&text)).collect();
    assert!(again.contains(&Seen::Done(bytes)));
}

#[test]
fn what_codes_say_takes_no_more_memory_than_there_may_be() {
    let text = Frames::new(&some(3000), Size::Medium).unwrap().next().unwrap();
    let mut collector = Collector::new();
    let changes: [fn(&mut Vec<u8>); 6] = [
        |frame| frame[5..9].copy_from_slice(&u32::MAX.to_le_bytes()),
        |frame| frame[5..9].copy_from_slice(&((TRANSFER_MAX + 1) as u32).to_le_bytes()),
        |frame| frame[5..9].fill(0),
        |frame| frame[9..13].copy_from_slice(&(1_u32 << 24).to_le_bytes()),
        |frame| frame[0] = 2,
        |frame| frame.truncate(20),
    ];
    for change in changes {
        assert_eq!(collector.take(&forged(&text, change)), Seen::Damaged);
    }
    // Ever other transfers, each of the largest size.
    for number in 0..1000_u32 {
        let other = forged(&text, |frame| {
            frame[1..5].copy_from_slice(&number.to_le_bytes());
            frame[5..9].copy_from_slice(&(TRANSFER_MAX as u32).to_le_bytes());
        });
        assert!(matches!(collector.take(&other), Seen::New { have: 1, .. }));
    }
    let bytes = some(3000);
    let seen: Vec<_> =
        Frames::new(&bytes, Size::Medium).unwrap().take(10).map(|text| collector.take(&text)).collect();
    assert!(seen.contains(&Seen::Done(bytes)));
}

#[test]
fn what_is_too_long_is_refused_and_the_longest_is_not() {
    let most = some(TRANSFER_MAX - 32);
    assert!(matches!(Frames::new(&some(TRANSFER_MAX), Size::Large), Err(NarrowError::TooLong(_))));
    let mut collector = Collector::new();
    let frames = Frames::new(&most, Size::Large).unwrap();
    let (need, mut done) = (frames.needed(), false);
    // Every tenth is lost.
    let read = (0..need * 2).zip(frames).filter(|(number, _)| number % 10 > 0);
    for (_, text) in read {
        if let Seen::Done(all) = collector.take(&text) {
            assert_eq!(all, most);
            done = true;
            break;
        }
    }
    assert!(done);
}

#[test]
fn every_size_is_drawn_and_read_on_light_and_dark_terminals() {
    for size in Size::ALL {
        let text = Frames::new(&some(5000), size).unwrap().next().unwrap();
        let code = Code::new(&text, size).unwrap();
        for ink in [Ink::Light, Ink::Dark] {
            let drawn = code.to_text(ink);
            let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
            assert_eq!(lines.len(), code.side().div_ceil(2));
            assert!(lines.iter().all(|line| line.len() == code.side()));
            // As such a terminal shows it, four pixels for half a character.
            let (width, height) = (code.side() * 4, lines.len() * 8);
            let shade = |place: usize| {
                let (x, y) = (place % width / 4, place / width / 4);
                let inked = match lines[y / 2][x] {
                    '█' => true,
                    '▀' => y % 2 == 0,
                    '▄' => y % 2 == 1,
                    _ => false,
                };
                if inked == (ink == Ink::Light) { 255 } else { 0 }
            };
            let pixels = (0..width * height).map(shade).collect();
            assert_eq!(Gray { width, height, pixels }.codes(), std::slice::from_ref(&text));
        }
        assert!(code.to_svg().contains("<svg"));
        let (side, rows) = (code.side(), code.side().div_ceil(2));
        assert_eq!(Code::fits(side, rows), Some(size));
        assert_ne!(Code::fits(side - 1, rows), Some(size));
        assert_ne!(Code::fits(side, rows - 1), Some(size));
    }
    assert_eq!(Code::fits(80, 24), None);
}

#[test]
fn pictures_that_are_none_or_too_large_are_refused() {
    let gray = Gray { width: 2, height: 2, pixels: vec![0, 80, 160, 255] };
    let (png, pgm) = (gray.to_png().unwrap(), gray.to_pgm());
    assert_eq!(Gray::read(b"P5 # a film\n2 2 # wide\n255\n\x00\x50\xA0\xFF").unwrap(), gray);
    for file in [&png, &pgm] {
        for end in 0..file.len().min(40) {
            assert!(matches!(Gray::read(&file[..end]), Err(NarrowError::Picture(_)) | Ok(_)));
        }
    }
    for bad in
        [&pgm[..pgm.len() - 1], b"", b"P5", b"P5 99999999 99999999 255\n", b"P5 1 1 65535\n\0\0", &png[..30]]
    {
        assert!(matches!(Gray::read(bad), Err(NarrowError::Picture(_))));
    }
    // A picture of colours, and one that says that it is huge.
    let mut colours = Vec::new();
    let mut encoder = png::Encoder::new(&mut colours, 1, 2);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&[255, 255, 255, 9, 0, 0, 0, 9]).unwrap();
    assert_eq!(Gray::read(&colours).unwrap().pixels, [255, 0]);
    let mut huge = Vec::new();
    let mut writer = png::Encoder::new(&mut huge, 100_000, 100_000).write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &[0; 100]).unwrap();
    drop(writer);
    assert!(matches!(Gray::read(&huge), Err(NarrowError::Picture("a picture that is too large"))));
    assert!(Gray { width: 3, height: 2, pixels: vec![0; 5] }.codes().is_empty());
    assert!(gray.codes().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_bytes_go_through_text(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(base45::decode(&base45::encode(&bytes)), Some(bytes));
    }

    #[test]
    fn no_text_and_no_picture_panics(text in "[0-9A-Z $%*+./:-]{0,80}", noise in prop::collection::vec(any::<u8>(), 4096)) {
        let mut collector = Collector::new();
        collector.take(&text);
        collector.take(&format!("ALLOD:{text}:"));
        let _ = Gray::read(&noise);
        Gray { width: 64, height: 64, pixels: noise }.codes();
    }
}

#[test]
fn bytes_with_runs_of_zeros_fit_into_codes_of_every_size() {
    let mut chance = Chance(2);
    let bytes: Vec<u8> =
        (0..4000).map(|place| if place / 5 % 2 == 0 { 0 } else { chance.below(256) as u8 }).collect();
    for size in Size::ALL {
        let mut collector = Collector::new();
        let done = Frames::new(&bytes, size).unwrap().take(40).find_map(|text| {
            let codes = Code::new(&text, size).unwrap().to_gray(4).codes();
            assert_eq!(codes, [text]);
            match collector.take(&codes[0]) {
                Seen::Done(all) => Some(all),
                _ => None,
            }
        });
        assert_eq!(done.as_deref(), Some(&bytes[..]));
    }
}
