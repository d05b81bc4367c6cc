use std::time::Duration;

use proptest::prelude::*;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const MAX_BLOCK: usize = 64 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, 1]);
    bytes.extend(payload);
    bytes
}

fn connected() -> Inbound {
    let mut inbound = Inbound::new(MAX_BLOCK);
    inbound.feed(PREFACE, Duration::ZERO).unwrap();
    inbound
}

/// How many of the same frame are taken at one moment.
fn taken(frame: &[u8]) -> (usize, Option<Flood>) {
    let mut inbound = connected();
    for count in 0..5_000 {
        if let Err(flood) = inbound.feed(frame, Duration::ZERO) {
            return (count, Some(flood));
        }
    }
    (5_000, None)
}

#[test]
fn each_flood_ends_at_its_bound_and_has_its_name() {
    // R08: CVE-2023-44487, CVE-2019-9512, -9513, -9515, -9518, CVE-2024-27316
    let burst = BURST as usize;
    let cases = [
        (frame(RST_STREAM, 0, &[0; 4]), burst / 10, Flood::Resets),
        (frame(SETTINGS, 0, &[]), burst / 20, Flood::Settings),
        (frame(PING, 0, &[0; 8]), burst / 4, Flood::Pings),
        (frame(PING, ACK, &[0; 8]), burst, Flood::Pings),
        (frame(SETTINGS, ACK, &[]), burst, Flood::Settings),
        (frame(PRIORITY, 0, &[0; 5]), burst, Flood::Priorities),
        (frame(WINDOW_UPDATE, 0, &[0, 0, 0, 1]), burst, Flood::WindowUpdates),
        (frame(DATA, 0, &[]), burst / 2, Flood::EmptyData),
        (frame(CONTINUATION, 0, &[]), burst / 10, Flood::Continuations),
        (frame(GOAWAY, 0, &[0; 8]), burst / 10, Flood::Others),
        (frame(0xfa, 0, &[0; 3]), burst, Flood::Others),
    ];
    for (frame, count, flood) in cases {
        assert_eq!(taken(&frame), (count, Some(flood)), "{flood}");
    }
}

#[test]
fn requests_and_data_are_no_flood() {
    for frame in [
        frame(HEADERS, END_HEADERS | END, b"head"),
        frame(DATA, 0, b"x"),
        frame(DATA, END, b""),
        frame(DATA, 0, &[0; 16 * 1024]),
    ] {
        assert_eq!(taken(&frame).1, None);
    }
}

#[test]
fn a_block_of_fields_has_one_bound_however_it_is_cut() {
    // R08
    let mut inbound = connected();
    inbound.feed(&frame(HEADERS, 0, &[0; 16 * 1024]), Duration::ZERO).unwrap();
    assert!(inbound.is_reading_head());
    let more = frame(CONTINUATION, 0, &[0; 16 * 1024]);
    let flood = (0..9).find_map(|_| inbound.feed(&more, Duration::ZERO).err());
    assert_eq!(flood, Some(Flood::HeaderBlock));

    let mut inbound = connected();
    for _ in 0..1000 {
        inbound.feed(&frame(HEADERS, 0, &[0; 16 * 1024]), Duration::ZERO).unwrap();
        inbound.feed(&frame(CONTINUATION, END_HEADERS, b"x"), Duration::ZERO).unwrap();
        assert!(!inbound.is_reading_head());
        inbound.answered(&Sent { earned: 10, code: None });
    }
}

#[test]
fn a_head_is_being_read_until_its_last_byte() {
    let mut inbound = Inbound::new(MAX_BLOCK);
    assert!(!inbound.is_reading_head(), "nothing has come");
    inbound.feed(b"PRI", Duration::ZERO).unwrap();
    assert!(inbound.is_reading_head());
    inbound.feed(&PREFACE[3..], Duration::ZERO).unwrap();
    assert!(!inbound.is_reading_head());
    let head = frame(HEADERS, END_HEADERS | END, b"a block of some length");
    for (index, byte) in head.iter().enumerate() {
        inbound.feed(&[*byte], Duration::ZERO).unwrap();
        let begun = index >= 8 && index + 1 < head.len();
        assert_eq!(inbound.is_reading_head(), begun, "after byte {index}");
    }
}

#[test]
fn time_and_answers_give_back_what_was_spent() {
    let reset = frame(RST_STREAM, 0, &[0; 4]);
    let mut inbound = connected();
    for _ in 0..BURST / 10 {
        inbound.feed(&reset, Duration::ZERO).unwrap();
    }
    inbound.feed(&reset, Duration::from_millis(10)).unwrap_err();

    // Twenty a second, for an hour.
    let mut inbound = connected();
    for tick in 0..20 * 3600 {
        inbound.feed(&reset, Duration::from_millis(50 * tick)).unwrap();
    }
    // Each beside an answered request, at once.
    let mut inbound = connected();
    let mut outbound = Outbound::new();
    let answer = frame(HEADERS, END_HEADERS, b"head");
    for _ in 0..10_000 {
        inbound.feed(&reset, Duration::ZERO).unwrap();
        outbound.feed(&answer, |sent| inbound.answered(&sent));
    }
    // A download whose client opens its windows for each frame.
    let mut inbound = connected();
    let window = frame(WINDOW_UPDATE, 0, &[0, 0, 1, 0]);
    let data = frame(DATA, 0, b"event");
    for _ in 0..10_000 {
        inbound.feed(&window, Duration::ZERO).unwrap();
        inbound.feed(&window, Duration::ZERO).unwrap();
        outbound.feed(&data, |sent| inbound.answered(&sent));
    }
}

#[test]
fn what_goes_out_tells_the_codes() {
    let mut bytes = frame(SETTINGS, 0, &[0; 6]);
    bytes.extend(frame(RST_STREAM, 0, &[0, 0, 0, 7]));
    bytes.extend(frame(DATA, END, &[9; 700]));
    bytes.extend(frame(GOAWAY, 0, &[0, 0, 0, 5, 0, 0, 0, 11, b'b', b'y', b'e']));
    for size in [1, 2, 7, 9, 1000] {
        let mut codes = Vec::new();
        let mut outbound = Outbound::new();
        for piece in bytes.chunks(size) {
            outbound.feed(piece, |sent| codes.extend(sent.code));
        }
        assert_eq!(codes, [7, 11], "in pieces of {size}");
    }
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        frames in prop::collection::vec((0..12_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..400),
        size in 1..50_usize,
    ) {
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, payload)));
        let whole = Inbound::new(256).feed(&bytes, Duration::ZERO);
        let mut inbound = Inbound::new(256);
        let cut = bytes.chunks(size).find_map(|piece| inbound.feed(piece, Duration::ZERO).err());
        prop_assert_eq!(whole.err(), cut);
    }
}
