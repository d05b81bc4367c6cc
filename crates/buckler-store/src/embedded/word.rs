//! How cells and claims are written in 128 bits.

use buckler_limits::rate::SET_BACK;
use buckler_limits::{Allowance, Moment, State};

/// Bits of a tag.
pub(super) const TAG_BITS: u32 = 47;
const GENERATION_BITS: u32 = 7;
const SCALE_BITS: u32 = 9;
const MANTISSA_BITS: u32 = 3;
const VERSION_BITS: u32 = 58;
const SLOT_BITS: u32 = 5;

const fn low(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// The two halves of a word.
#[expect(clippy::cast_possible_truncation, reason = "that is what halves are")]
pub(super) const fn halves(word: u128) -> (u64, u64) {
    ((word >> 64) as u64, word as u64)
}

pub(super) const fn joined(high: u64, low: u64) -> u128 {
    (high as u128) << 64 | low as u128
}

/// The most that a key can owe, rounded down to four significant bits: by an eighth of it at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale(u64);

impl Scale {
    pub(super) fn of(allowance: &Allowance) -> Self {
        let scale = allowance.scale().max(1);
        let exponent = scale.ilog2();
        let mantissa = (u128::from(scale) << MANTISSA_BITS >> exponent) & u128::from(low(MANTISSA_BITS));
        let (_, mantissa) = halves(mantissa);
        Self(u64::from(exponent) << MANTISSA_BITS | mantissa)
    }

    /// What it was before it was rounded, or a little less; at least one.
    pub(super) const fn least(self) -> u64 {
        let (exponent, mantissa) = (self.0 >> MANTISSA_BITS, self.0 & low(MANTISSA_BITS));
        let (_, scale) = halves(((1 << MANTISSA_BITS | mantissa) as u128) << exponent >> MANTISSA_BITS);
        scale
    }
}

/// How much of its limit one request of a key takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Less than half. Whoever is refused owes more than half.
    Small,
    /// Half or more, as where the burst is one. Whoever is refused may owe next to nothing.
    Large,
}

impl Step {
    #[inline]
    pub(super) fn of(allowance: &Allowance, cost: u32) -> Self {
        if u64::from(cost) * 2 >= allowance.capacity() { Self::Large } else { Self::Small }
    }
}

/// Whose a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head(u64);

impl Head {
    const LARGE: u64 = 1 << (GENERATION_BITS + SCALE_BITS);
    const GENERATION: u64 = low(GENERATION_BITS) << SCALE_BITS;

    /// `tag` has [`TAG_BITS`] and is not zero; of the version that claimed the cell the last bits are kept.
    pub(super) const fn new(tag: u64, version: Version, scale: Scale) -> Self {
        Self(tag << (64 - TAG_BITS) | (version.0 << SCALE_BITS) & Self::GENERATION | scale.0)
    }

    pub(super) const fn tag(self) -> u64 {
        self.0 >> (64 - TAG_BITS)
    }

    const fn scale(self) -> Scale {
        Scale(self.0 & low(SCALE_BITS))
    }

    const fn step(self) -> Step {
        if self.0 & Self::LARGE == 0 { Step::Small } else { Step::Large }
    }

    /// The same after a request of this step. Limits whose requests take now more, now less are counted as if all took
    /// more.
    #[inline]
    pub(super) const fn after(self, step: Step) -> Self {
        match step {
            Step::Small => self,
            Step::Large => Self(self.0 | Self::LARGE),
        }
    }

    /// Whether the same claim was carried out on both, or both had it pass them by.
    pub(super) const fn is_as_old_as(self, other: Self) -> bool {
        (self.0 ^ other.0) & Self::GENERATION == 0
    }

    const fn as_old_as(self, other: Self) -> Self {
        Self(self.0 & !Self::GENERATION | other.0 & Self::GENERATION)
    }
}

/// What is kept of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) head: Head,
    pub(super) state: State,
}

/// What is lost where a cell is given to another key, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    /// Nobody had it yet.
    Empty,
    /// It says nothing any more.
    Spent,
    /// It owes less than half of its limit, in parts of [`Part::ALL_BITS`]. Nothing, where its first charge is still to
    /// come.
    Little(Part),
    /// It owes half or more, or anything at all where one request takes as much; and is not to be forgotten.
    Much,
}

/// A part of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part(u64);

impl Part {
    /// All of it.
    const ALL_BITS: u32 = 16;
    /// What owes as much is kept. Less would leave fewer cells to newcomers, more would let a flood take back what an
    /// offender has used.
    const HALF: Self = Self(1 << (Self::ALL_BITS - 1));

    fn of(debt: u64, scale: u64) -> Self {
        let part = (u128::from(debt) << Self::ALL_BITS) / u128::from(scale.max(1));
        // Scales are rounded down, so it can be a little more than all.
        Self(u64::try_from(part).unwrap_or(u64::MAX).min(2 << Self::ALL_BITS))
    }
}

impl Cell {
    /// A word that no key has had.
    pub(super) const EMPTY: u128 = 0;

    pub(super) const fn read(word: u128) -> Self {
        let (head, state) = halves(word);
        Self { head: Head(head), state: State(state) }
    }

    pub(super) const fn word(self) -> u128 {
        joined(self.head.0, self.state.0)
    }

    pub(super) fn loss(self, now: Moment) -> Loss {
        if self.word() == Self::EMPTY {
            return Loss::Empty;
        }
        if self.state == State::EMPTY {
            return Loss::Little(Part(0));
        }
        let (debt, scale) = (self.state.debt(now), self.head.scale().least());
        // More than anybody can owe: a clock was set back since, or nobody of us wrote it.
        let most = u128::from(scale) * 2 + SET_BACK.as_nanos();
        if debt == 0 || u128::from(debt) > most {
            return Loss::Spent;
        }
        if self.head.step() == Step::Large {
            return Loss::Much;
        }
        let part = Part::of(debt, scale);
        if part < Part::HALF { Loss::Little(part) } else { Loss::Much }
    }
}

/// What the claim of a bucket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing is to be done, and so many keys have come in.
    Idle(Version),
    /// A key is to be given a cell.
    Pending(Pending),
}

/// How many keys have come into a bucket; after 2⁵⁸ it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(pub(super) u64);

impl Version {
    const fn next(self) -> Self {
        Self((self.0 + 1) & low(VERSION_BITS))
    }
}

/// A key that is to be given a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) head: Head,
    /// Which cell.
    pub(super) slot: usize,
    pub(super) version: Version,
}

impl Pending {
    const BIT: u64 = 1 << 63;

    /// What the cell is to hold in place of `before`: nothing yet of the new key, or, where the one before it has used much
    /// since the claim was written, what it held, and that this claim has passed it by.
    pub(super) fn cell(self, before: Cell, now: Moment) -> Cell {
        match before.loss(now) {
            Loss::Much => Cell { head: before.head.as_old_as(self.head), state: before.state },
            Loss::Empty | Loss::Spent | Loss::Little(_) => Cell { head: self.head, state: State::EMPTY },
        }
    }

    pub(super) const fn done(self) -> Claim {
        Claim::Idle(self.version.next())
    }
}

impl Claim {
    pub(super) fn read(word: u128) -> Self {
        let (head, rest) = halves(word);
        let version = Version(rest & low(VERSION_BITS));
        if rest & Pending::BIT == 0 {
            return Self::Idle(version);
        }
        let slot = rest >> VERSION_BITS & low(SLOT_BITS);
        // Five bits are an index anywhere.
        Self::Pending(Pending { head: Head(head), slot: usize::try_from(slot).unwrap_or_default(), version })
    }

    pub(super) fn word(self) -> u128 {
        match self {
            Self::Idle(version) => joined(0, version.0),
            Self::Pending(Pending { head, slot, version }) => {
                let slot = u64::try_from(slot).unwrap_or_default() & low(SLOT_BITS);
                joined(head.0, Pending::BIT | slot << VERSION_BITS | version.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::quota::MOST_COUNT;
    use buckler_limits::rate::MOST_TOLERANCE;
    use buckler_limits::{Quota, Rate, Window};

    use super::*;

    #[test]
    fn scales_are_rounded_down_by_an_eighth_at_most() {
        let quotas = [1, 2, 3, 7, 8, 9, 15, 16, 17, 1000, MOST_COUNT];
        let quotas = quotas.into_iter().filter_map(|count| Quota::new(count, Window::Day)).map(Allowance::Quota);
        let rates = [Rate::new(1, MOST_TOLERANCE, 1), Rate::new(7, Duration::from_millis(1), 3)];
        for allowance in quotas.chain(rates.into_iter().flatten().map(Allowance::Rate)) {
            let (scale, least) = (allowance.scale(), Scale::of(&allowance).least());
            assert!(least >= 1 && least <= scale && scale - least <= scale / 8, "{allowance:?}: {least}");
            assert!(Scale::of(&allowance).0 < 1 << SCALE_BITS);
        }
        // Any nine bits are a scale: a file may hold them.
        assert!((0..1 << SCALE_BITS).all(|bits| Scale(bits).least() < u64::MAX));
    }

    #[test]
    fn words_read_back() {
        let (most, scale) = (low(TAG_BITS), Scale(low(SCALE_BITS)));
        for (tag, version, slot) in [(1, 0, 0), (most, low(VERSION_BITS), 31), (9, 8, 7)] {
            let version = Version(version);
            let head = Head::new(tag, version, scale);
            let large = head.after(Step::Large);
            assert_eq!((head.tag(), head.scale(), head.step()), (tag, scale, Step::Small));
            assert_eq!((large.tag(), large.scale(), large.step()), (tag, scale, Step::Large));
            assert_eq!(large.after(Step::Small), large);
            let next = Head::new(1, version.next(), scale);
            assert!(head.is_as_old_as(large) && !head.is_as_old_as(next));
            assert_eq!(large.as_old_as(next).as_old_as(head), large);
            assert!(large.as_old_as(next).is_as_old_as(next));
            let claim = Claim::Pending(Pending { head, slot, version });
            assert_eq!(Claim::read(claim.word()), claim);
            let idle = Claim::Idle(version);
            assert_eq!(Claim::read(idle.word()), idle);
            let cell = Cell { head, state: State(u64::MAX) };
            assert_eq!(Cell::read(cell.word()), cell);
        }
        assert_eq!(Claim::read(0), Claim::Idle(Version(0)));
        assert_eq!(Cell::read(Cell::EMPTY).loss(Moment(0)), Loss::Empty);
    }

    #[test]
    fn any_word_has_a_loss() {
        let mut word = 1_u128;
        for _ in 0..10_000 {
            word = word.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            let cell = Cell::read(word.rotate_left(64));
            for now in [Moment(0), Moment(1_763_208_000_000_000), Moment(u64::MAX)] {
                assert_ne!(cell.loss(now), Loss::Empty);
            }
        }
    }
}
