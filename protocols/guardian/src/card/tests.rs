//! Cards as people copy them: right, wrong, and nearly right.

use alloc::format;
use alloc::vec;

use allod_crypto::sign::VerifyingKey;
use allod_wire::Instant;
use proptest::prelude::*;

use super::*;

fn root(n: u8) -> Root {
    Root::from_bytes(Secret::from([n; 32]))
}

fn did(n: u8) -> Did {
    let key = SigningKey::from_seed(&Secret::from([0x55; 32])).verifying_key();
    let log = allod_did::Log::create(&root(n), key.into(), "phone", Instant::from_secs(9)).unwrap();
    log.state().did()
}

fn card(n: u8) -> Card {
    Card::new(&root(n), &did(n), 0)
}

fn code(n: u8) -> Code {
    Code {
        card: card(n),
        did: did(n),
        addresses: vec!["https://a.example".into(), "https://b.example#x".into()],
    }
}

#[test]
fn the_card_is_frozen() {
    assert_eq!(
        *card(1).words(),
        "cup method lamp memory olive talent program glue right tragic occur knock cash junk tone few confirm border add scheme wealth spy clay jeans"
    );
    assert_eq!(
        *code(1).to_text(),
        "ALLOD1:QNIDLMMF6NCXTI525L5R7OO43ZRT2WBA4I2PFOISVQXOGOAM4BPYHJUKROZPU6DW7KGPURX5IETGGUGBO3WYE4LIOR2HA4Z2F4XWCLTFPBQW24DMMVZWQ5DUOBZTULZPMIXGK6DBNVYGYZJDPALJFDUY"
    );
    assert_eq!(
        format!("{}", card(1).locator()),
        "ac1fdc9dccc4275d6c8de05c6f5d2179a949ee5777bb3397df8b2bc690d538a4"
    );
    assert_eq!(
        format!("{:?}", card(1).recover_key().verifying_key()),
        "e554a4f5f1f82c91e12b0e7f9ec14827e90df61973d7166de61a66b3ece5a026"
    );
}

#[test]
fn words_come_back_as_the_card_they_were() {
    for n in 0..20 {
        assert_eq!(Card::from_words(&card(n).words()), Ok(card(n)));
    }
}

#[test]
fn words_in_any_case_and_spacing_are_the_same_card() {
    let words = card(1).words();
    for text in
        [words.to_uppercase(), format!("\n {}\t", words.replace(' ', "  \n")), words.replace('a', "A")]
    {
        assert_eq!(Card::from_words(&text), Ok(card(1)));
    }
}

#[test]
fn another_number_of_words_is_refused_with_that_number() {
    let words = card(1).words();
    let list: Vec<&str> = words.split(' ').collect();
    assert_eq!(Card::from_words(""), Err(CardError::WordCount(0)));
    assert_eq!(Card::from_words(&list[..23].join(" ")), Err(CardError::WordCount(23)));
    assert_eq!(Card::from_words(&list[..12].join(" ")), Err(CardError::WordCount(12)));
    assert_eq!(Card::from_words(&format!("{} {}", &*words, list[0])), Err(CardError::WordCount(25)));
}

#[test]
fn an_unknown_word_is_refused_with_its_place() {
    let words = card(1).words();
    for place in 0..24 {
        for unknown in ["abandonn", "xyzzy", "été", "1234"] {
            let mut list: Vec<&str> = words.split(' ').collect();
            list[place] = unknown;
            assert_eq!(Card::from_words(&list.join(" ")), Err(CardError::UnknownWord(place + 1)));
        }
    }
    assert!(format!("{}", CardError::UnknownWord(3)).contains("word 3"));
}

#[test]
fn two_words_swapped_are_nearly_always_refused() {
    // The checksum has eight bits.
    let words = card(1).words();
    let list: Vec<&str> = words.split(' ').collect();
    let (mut pairs, mut refused) = (0, 0);
    for i in 0..24 {
        for j in i + 1..24 {
            let mut swapped = list.clone();
            swapped.swap(i, j);
            if swapped != list {
                pairs += 1;
                refused += usize::from(Card::from_words(&swapped.join(" ")) == Err(CardError::Checksum));
            }
        }
    }
    assert!(refused * 100 >= pairs * 97, "{refused} of {pairs}");
}

#[test]
fn another_generation_root_or_identity_is_another_card() {
    let renewed = Card::new(&root(1), &did(1), 1);
    assert_ne!(renewed.locator(), card(1).locator());
    assert_ne!(renewed.descriptor_key(), card(1).descriptor_key());
    assert_eq!(renewed.did_prefix(), card(1).did_prefix());
    assert_ne!(card(2).locator(), card(1).locator());
}

#[test]
fn what_a_card_gives_is_apart() {
    let (card, owner) = (card(1), SigningKey::from_seed(&Secret::from([2; 32])));
    assert_ne!(card.recover_key().seed(), card.descriptor_key());
    let account = card.account(&owner);
    let recover: VerifyingKey = card.recover_key().verifying_key();
    assert_eq!((account.recover, account.owner), (recover, owner.verifying_key()));
    assert_eq!(account.locator(), card.locator());
}

#[test]
fn a_card_is_never_printed() {
    let seed = card(1).seed;
    let text = format!("{:?}", card(1));
    assert!(text.contains("Secret<16>") && !text.contains(&format!("{:?}", seed.expose())), "{text}");
}

#[test]
fn a_code_comes_back_in_any_case_with_spaces_anywhere() {
    let text = code(1).to_text();
    let spaced: String = text.chars().flat_map(|c| [c, ' ']).collect();
    for text in [text.to_string(), text.to_lowercase(), spaced, format!("\n{}\r\n", &*text)] {
        assert_eq!(Code::from_text(&text), Ok(code(1)));
    }
    assert!(text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ':'));
}

#[test]
fn a_code_without_its_beginning_cut_short_or_too_long_is_refused() {
    let text = code(1).to_text();
    assert_eq!(Code::from_text(&text[7..]), Err(CardError::Code));
    assert_eq!(Code::from_text(&text.replace("ALLOD1", "ALLOD2")), Err(CardError::Code));
    for end in 0..text.len() {
        assert_eq!(Code::from_text(&text[..end]), Err(CardError::Code), "cut at {end}");
    }
    assert_eq!(Code::from_text(&format!("{}A", &*text)), Err(CardError::Code));
    assert_eq!(Code::from_text(&format!("{}{}", &*text, " ".repeat(9_000))), Err(CardError::Code));
}

#[test]
fn a_code_with_the_same_body_and_no_checksum_is_refused() {
    let body = CodeBody { seed: [1; 16], did: [2; 32], addresses: vec![] };
    let text = format!("{CODE_PREFIX}{}", BASE32_NOPAD.encode(&allod_wire::encode(&body)));
    assert_eq!(Code::from_text(&text), Err(CardError::Code));
}

#[test]
fn the_addresses_that_are_said_to_fit_do() {
    let lists = [
        vec![String::new(); 2_000],
        vec!["https://guardian.example".into(); 60],
        vec!["a".repeat(limits::ADDRESS_MAX); 9],
        vec!["short".into(), "a".repeat(limits::ADDRESS_MAX + 1), "short".into()],
        vec!["a".repeat(100_000)],
        vec![],
    ];
    for addresses in lists {
        let fit = addresses_that_fit(&addresses);
        let printed = Code { addresses: addresses[..fit].to_vec(), ..code(1) };
        assert_eq!(Code::from_text(&printed.to_text()), Ok(printed), "{fit} of {}", addresses.len());
    }
    assert_eq!(addresses_that_fit(&vec!["https://guardian.example:8443".into(); 9]), 9);
}

proptest! {
    #[test]
    fn one_changed_character_is_always_refused(at in 0usize..1_000, other in "[A-Z2-7]") {
        let text = code(1).to_text();
        let at = CODE_PREFIX.len() + at % (text.len() - CODE_PREFIX.len());
        let mut changed = text.to_string();
        changed.replace_range(at..=at, &other);
        if changed != *text {
            prop_assert_eq!(Code::from_text(&changed), Err(CardError::Code));
        }
    }

    #[test]
    fn whatever_is_typed_nothing_panics(text in "\\PC{0,200}", words in "([a-z]{3,8} ){20,26}") {
        let _ = (Code::from_text(&text), Card::from_words(&text), Card::from_words(&words));
        let _ = Code::from_text(&format!("{CODE_PREFIX}{text}"));
    }

    #[test]
    fn every_seed_and_identity_round_trips(seed: [u8; 16], did: [u8; 32]) {
        let did = Did(did);
        let card = Card { seed: Secret::from(seed), did_prefix: did.prefix() };
        prop_assert_eq!(Card::from_words(&card.words()), Ok(card.clone()));
        let code = Code { card, did, addresses: vec![] };
        prop_assert_eq!(Code::from_text(&code.to_text()), Ok(code));
    }
}
