//! Runs of numbers, cut every one or three characters.

/// What is known of the block before.
#[derive(Clone, Copy, Default)]
pub(super) struct Numbers {
    number: u64,
    starts: u64,
    /// First bytes of numbers.
    heads: u64,
    /// Some numbers have more than one byte.
    wide: bool,
}

impl Numbers {
    /// Where `\p{N}{1,digits}` starts, with `digits` 1 or 3; `rest` has the bytes of characters but their first.
    #[inline(always)]
    pub(super) fn starts(&mut self, number: u64, rest: u64, digits: usize) -> u64 {
        if number == 0 {
            *self = Self::default();
            return 0;
        }
        let heads = number & !rest;
        if digits == 1 {
            return heads;
        }
        let before = *self;
        let wide = number & rest != 0;
        let starts =
            if wide || before.wide { before.counted(number, heads) } else { before.of_one_byte(number) };
        *self = Self { number, starts, heads, wide };
        starts
    }

    #[inline(always)]
    fn of_one_byte(&self, number: u64) -> u64 {
        let back = |distance: u32| number << distance | self.number >> (64 - distance);
        let mut starts = number & !back(1);
        let fourth = number & back(1) & back(2) & back(3);
        if fourth != 0 {
            let mut found = starts << 3 & fourth | self.starts >> 61 & fourth;
            while found != 0 {
                starts |= found;
                found = found << 3 & fourth;
            }
        }
        starts
    }

    /// One by one. The last start in a run that goes on is at most three characters, of 12 bytes, ago.
    #[inline(never)]
    fn counted(&self, number: u64, mut heads: u64) -> u64 {
        let inside = self.number >> 63 != 0;
        let mut count = match self.starts.checked_ilog2() {
            Some(last) if inside => (self.heads >> last).count_ones(),
            _ => 0,
        };
        let before = number << 1 | u64::from(inside);
        let mut starts = 0;
        while heads != 0 {
            let head = heads & heads.wrapping_neg();
            heads &= heads - 1;
            if before & head == 0 || count == 3 {
                starts |= head;
                count = 0;
            }
            count += 1;
        }
        starts
    }
}
