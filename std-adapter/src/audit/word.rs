//! What the audit knows of one slot, in one word, and what a tag says of one queue element.
//!
//! The invariant: *a word is a whole state*. Everything that decides whether an event is legal (activation,
//! generation, state, holder) is read by one load and changed by one store or compare-and-swap. This file
//! encodes; it judges nothing.
//!
//! ```text
//! word          activation 24 | generation 16 | state 4 | flags 4 | holder 16
//! tag           illegal 1 | sequence 47                   | activation 16     queues with an owner
//! tag           illegal 1 | sequence 35 | producer 12     | activation 16     queues without
//! ```
//!
//! All three counters wrap, and are compared modulo their width. A sequence of 0 means that order is not judged.
//! The top bit of a tag marks an element whose enqueue was reported as illegal, so that its taking is not reported
//! a second time.

use std::fmt;

use super::{QueueId, Seat};

/// Everything but the activation.
const BELOW_ACTIVATION: u64 = (1 << ACTIVATION) - 1;
const ACTIVATION: u32 = 40;
const GENERATION: u32 = 24;
const STATE: u32 = 20;

/// The holder of a probe outside the pool has this bit.
const OUTSIDE: u16 = 1 << 15;

/// In whose hands an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Its slot was never used.
    Unused,
    /// Nobody's: not queued, not running.
    Idle,
    /// In a queue.
    Queued,
    /// Taken by somebody who has not started it yet.
    Held,
    /// Running.
    Running,
    /// Over; the slot waits for its next generation.
    Retired,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unused => "never used",
            Self::Idle => "idle",
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Running => "running",
            Self::Retired => "retired",
        })
    }
}

/// The word of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// Its last activation ended with the task: nothing need follow a wake.
    pub(super) const OVER: u64 = 1 << 16;
    /// What is wrong with it was reported; a later report says nothing more.
    pub(super) const REPORTED: u64 = 1 << 17;
    /// It was retired while it was in use, which was reported. It becomes retired when that use ends.
    pub(super) const LEAVING: u64 = 1 << 18;
    const FLAGS: u64 = 0b1111 << 16;

    /// A word of activation 0, without flags.
    #[inline]
    pub(super) const fn new(id: u64, state: State, holder: u16) -> Self {
        Self(((id >> 32) & 0xffff) << GENERATION | (state as u64) << STATE | holder as u64)
    }

    /// Whether this is `other`, whatever the activation.
    #[inline]
    pub(super) const fn is(self, other: Self) -> bool {
        self.0 & BELOW_ACTIVATION == other.0
    }

    /// `other`, with this one's activation.
    #[inline]
    pub(super) const fn becomes(self, other: Self) -> Self {
        Self(self.0 & !BELOW_ACTIVATION | other.0)
    }

    /// As [`Word::becomes`] `to`, for a word that is known to be `from`: what both have in common need not be
    /// written anew.
    #[inline]
    pub(super) const fn turns(self, from: Self, to: Self) -> Self {
        debug_assert!(self.is(from));
        Self(self.0.wrapping_sub(from.0).wrapping_add(to.0))
    }

    /// As [`Word::becomes`], and what is to be retired when its use ends stays so.
    pub(super) const fn passes_to(self, other: Self) -> Self {
        Self(self.becomes(other).0 | self.0 & Self::LEAVING)
    }

    /// Whether it says that this element is in this queue.
    pub(super) const fn is_queued(self, id: u64, tag: u64, queue: QueueId) -> bool {
        self.without_flags().is(Self::new(id, State::Queued, place(queue)))
            && self.activation() as u16 == tag::activation(tag)
    }

    #[inline]
    pub(super) const fn next_activation(self) -> Self {
        Self(self.0.wrapping_add(1 << ACTIVATION))
    }

    #[inline]
    pub(super) const fn without(self, flags: u64) -> Self {
        Self(self.0 & !flags)
    }

    pub(super) const fn without_flags(self) -> Self {
        self.without(Self::FLAGS)
    }

    #[inline]
    pub(super) const fn with(self, flag: u64) -> Self {
        Self(self.0 | flag)
    }

    #[inline]
    pub(super) const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(super) const fn activation(self) -> u32 {
        (self.0 >> ACTIVATION) as u32
    }

    pub(super) const fn generation(self) -> u16 {
        (self.0 >> GENERATION) as u16
    }

    pub(super) const fn holder(self) -> u16 {
        self.0 as u16
    }

    pub(super) const fn state(self) -> State {
        match (self.0 >> STATE) & 0xf {
            0 => State::Unused,
            1 => State::Idle,
            2 => State::Queued,
            3 => State::Held,
            4 => State::Running,
            _ => State::Retired,
        }
    }

    /// Which activation of which generation this is, for a wake that waits for the next. Never 0 for a word in use.
    pub(super) const fn key(self) -> u64 {
        self.0 >> GENERATION << 1 | 1
    }
}

/// The part of an id that a word keeps.
#[inline]
pub(super) const fn generation(id: u64) -> u16 {
    (id >> 32) as u16
}

/// The id that had the slot before, if each generation was used.
#[inline]
pub(super) const fn predecessor(id: u64) -> u64 {
    id.wrapping_sub(1 << 32)
}

#[inline]
pub(super) const fn slot(id: u64) -> usize {
    (id & 0xffff_ffff) as usize
}

/// A seat in 16 bits. `Outside` has 15 of them: seats 32,767 and beyond share a number.
pub(super) fn holder(seat: Seat) -> u16 {
    match seat {
        Seat::Worker(worker) => worker & !OUTSIDE,
        Seat::Outside(outside) => outside.min(OUTSIDE - 1) | OUTSIDE,
    }
}

pub(super) fn seat(holder: u16) -> Seat {
    if holder & OUTSIDE == 0 { Seat::Worker(holder) } else { Seat::Outside(holder & !OUTSIDE) }
}

/// A tag, taken apart and put together.
pub(super) mod tag {
    /// The enqueue was reported as illegal.
    pub(in super::super) const ILLEGAL: u64 = 1 << 63;
    const OWNED: u32 = 47;
    const SHARED: u32 = 35;
    /// Producers that are told apart.
    pub(in super::super) const PRODUCERS: u16 = 1 << 12;

    /// The tag with the sequence after this one's, in a queue with an owner.
    #[inline]
    pub(in super::super) const fn next(tag: u64, activation: u32) -> u64 {
        let next = (tag | 0xffff) + 1;
        // Never 0, which means that order is not judged.
        let next = if next < ILLEGAL { next } else { owned(1, 0) };
        next | activation as u64 & 0xffff
    }

    /// The sequence after this one of a producer.
    #[inline]
    pub(in super::super) const fn after_shared(sequence: u64) -> u64 {
        if sequence >= (1 << SHARED) - 1 { 1 } else { sequence + 1 }
    }

    #[inline]
    pub(in super::super) const fn owned(sequence: u64, activation: u32) -> u64 {
        (sequence & ((1 << OWNED) - 1)) << 16 | activation as u64 & 0xffff
    }

    #[inline]
    pub(in super::super) const fn shared(sequence: u64, producer: u16, activation: u32) -> u64 {
        (sequence & ((1 << SHARED) - 1)) << 28 | (producer as u64) << 16 | activation as u64 & 0xffff
    }

    #[inline]
    pub(in super::super) const fn activation(tag: u64) -> u16 {
        tag as u16
    }

    /// The push sequence in a queue with an owner; 0 if its order is not judged.
    #[inline]
    pub(in super::super) const fn sequence(tag: u64) -> u64 {
        (tag >> 16) & ((1 << OWNED) - 1)
    }

    /// Producer and sequence in a queue without an owner; sequence 0 if its order is not judged.
    #[inline]
    pub(in super::super) const fn produced(tag: u64) -> (usize, u64) {
        ((tag >> 16) as usize & (PRODUCERS as usize - 1), (tag >> 28) & ((1 << SHARED) - 1))
    }

    /// The one that was pushed later, modulo the width; 0 stands for none.
    #[inline]
    pub(in super::super) const fn newer(one: u64, other: u64) -> u64 {
        if one == 0 || not_after(one, other) { other } else { one }
    }

    /// Whether a sequence was pushed no later than another, modulo the width. The other is 0 as long as there is
    /// none.
    #[inline]
    pub(in super::super) const fn not_after(sequence: u64, other: u64) -> bool {
        other != 0 && other.wrapping_sub(sequence) & ((1 << OWNED) - 1) < 1 << (OWNED - 1)
    }

    /// The same between the sequences of one producer. Only the last 2^28 count as before: a consumer that sees
    /// nothing of a producer for 2^34 of its pushes must not take the next for an old one.
    #[inline]
    pub(in super::super) const fn not_after_shared(sequence: u64, other: u64) -> bool {
        other != 0 && other.wrapping_sub(sequence) & ((1 << SHARED) - 1) < 1 << 28
    }
}

/// A queue in 16 bits.
#[inline]
pub(super) const fn place(queue: QueueId) -> u16 {
    queue.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_parts_apart() {
        let id = 0xabcd_1234_0000_0007;
        let word = Word::new(id, State::Held, 0xfffe).with(Word::OVER);
        let word = (0..5).fold(word, |word, _| word.next_activation());
        assert_eq!(word.activation(), 5);
        assert_eq!(word.generation(), 0x1234);
        assert_eq!(word.state(), State::Held);
        assert_eq!(word.holder(), 0xfffe);
        assert!(word.has(Word::OVER) && !word.has(Word::REPORTED));
        assert!(word.without_flags().is(Word::new(id, State::Held, 0xfffe)));
        assert_eq!(word.becomes(Word::new(id, State::Idle, 0)).activation(), 5);
        for state in [State::Unused, State::Idle, State::Queued, State::Running, State::Retired] {
            assert_eq!(Word::new(id, state, 0).state(), state);
        }
    }

    #[test]
    fn an_activation_wraps_into_nothing_else() {
        let word = Word::new(3 << 32, State::Running, 9);
        let last = Word(word.0 | 0xff_ffff << ACTIVATION);
        assert_eq!(last.next_activation(), word);
    }

    #[test]
    fn a_seat_survives_its_number() {
        for one in [Seat::Worker(0), Seat::Worker(32_767), Seat::Outside(0), Seat::Outside(32_766)] {
            assert_eq!(seat(holder(one)), one);
        }
        assert_eq!(seat(holder(Seat::Outside(60_000))), Seat::Outside(32_767));
    }

    #[test]
    fn a_tag_keeps_its_parts_apart() {
        let one = tag::owned(77, 0x1_2345);
        assert_eq!((tag::sequence(one), tag::activation(one)), (77, 0x2345));
        let one = tag::shared(77, 4_095, 0x1_2345) | tag::ILLEGAL;
        assert_eq!((tag::produced(one), tag::activation(one)), ((4_095, 77), 0x2345));
    }

    #[test]
    fn a_sequence_wraps_without_being_nothing() {
        assert_eq!(tag::next(0, 7), tag::owned(1, 7));
        assert_eq!(tag::next(tag::owned(1, 0xffff), 0x1_0008), tag::owned(2, 8));
        assert_eq!(tag::next(tag::owned((1 << 47) - 2, 7), 8), tag::owned((1 << 47) - 1, 8));
        assert_eq!(tag::next(tag::owned((1 << 47) - 1, 7), 8), tag::owned(1, 8));
        assert_eq!((tag::after_shared(0), tag::after_shared((1 << 35) - 2)), (1, (1 << 35) - 1));
        assert_eq!(tag::after_shared((1 << 35) - 1), 1);
    }

    #[test]
    fn sequences_are_compared_modulo_their_width() {
        assert!(!tag::not_after(1, 0), "nothing was there yet");
        assert!(tag::not_after(5, 5) && tag::not_after(4, 5) && !tag::not_after(6, 5));
        assert!(!tag::not_after(1, (1 << 47) - 1) && tag::not_after((1 << 47) - 1, 1));
        assert_eq!((tag::newer(0, 0), tag::newer(0, 1 << 46), tag::newer(1 << 46, 0)), (0, 1 << 46, 1 << 46));
        assert_eq!((tag::newer(4, 5), tag::newer(5, 4), tag::newer((1 << 47) - 1, 1)), (5, 5, 1));
        assert!(tag::not_after_shared(4, 5) && !tag::not_after_shared(6, 5));
        assert!(!tag::not_after_shared(1, (1 << 35) - 1) && tag::not_after_shared((1 << 35) - 1, 1));
    }
}
