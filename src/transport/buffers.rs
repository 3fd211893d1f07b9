//! A connection's buffers, which grow with what comes.
//!
//! Most answers are small, and a job may hold a thousand connections: so each begins with a page. Large bodies come
//! faster the fewer system calls they take: so a buffer that was filled to its brim is larger the next time, up to
//! [`LARGEST`]. Bytes are read through here, and not into the body's own memory, because that is fresh: the kernel
//! takes each of its pages by a fault while it copies, and this buffer is in the cache.

use ureq::unversioned::transport::Buffers;

use super::MAX_HEAD;

/// What a connection's input begins with, in bytes.
const FIRST: usize = 4 * 1024;

/// What it grows to at most, in bytes: 64 KiB and a head.
pub(super) const LARGEST: usize = 64 * 1024 + MAX_HEAD;

/// How much larger it is each time.
const GROWTH: usize = 4;

/// What ureq needs at least to send a body through, in bytes.
const SCRATCH: usize = 10 * 1024;

/// See the module's documentation. Nothing is allocated before it is needed.
pub(super) struct GrowingBuffers {
    input: Vec<u8>,
    /// What of the input lies here unread.
    from: usize,
    to: usize,
    /// The last read left no room.
    brimful: bool,
    /// Whether ureq has made use of what lay here, the last time it looked: if not, it needs more before it can.
    progress: bool,
    output: Vec<u8>,
    output_size: usize,
}

impl GrowingBuffers {
    pub(super) fn new(output_size: usize) -> GrowingBuffers {
        GrowingBuffers {
            input: Vec::new(),
            from: 0,
            to: 0,
            brimful: false,
            progress: false,
            output: Vec::new(),
            output_size,
        }
    }

    /// Room for what comes next, at the end of what lies here.
    fn make_room(&mut self) {
        self.input.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        if self.input.is_empty() {
            self.input.resize(FIRST, 0);
        } else if self.brimful {
            self.brimful = false;
            // The scratch of a request's body may have made it larger than that already.
            let larger = self.input.len().saturating_mul(GROWTH).min(LARGEST);
            self.input.resize(larger.max(self.input.len()), 0);
        }
    }
}

impl Buffers for GrowingBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.output.resize(self.output_size, 0);
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.from..self.to).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        self.input.get_mut(self.to..).unwrap_or_default()
    }

    fn input_appended(&mut self, amount: usize) {
        self.to = self.to.saturating_add(amount).min(self.input.len());
        self.brimful = amount > 0 && self.to == self.input.len();
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.from = self.from.saturating_add(amount).min(self.to);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room();
        if self.input.len() < self.to + SCRATCH {
            self.input.resize(self.to + SCRATCH, 0);
        }
        self.output.resize(self.output_size, 0);
        (self.input.get_mut(self.to..).unwrap_or_default(), &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.progress && self.from < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffers: &mut GrowingBuffers, bytes: &[u8]) -> usize {
        let room = buffers.input_append_buf();
        let amount = room.len().min(bytes.len());
        room[..amount].copy_from_slice(&bytes[..amount]);
        buffers.input_appended(amount);
        amount
    }

    #[test]
    fn bytes_come_out_in_the_order_in_which_they_came_whatever_the_sizes() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut buffers = GrowingBuffers::new(1);
        let (mut came, mut read) = (0, Vec::new());
        for step in (1..).step_by(977) {
            if read.len() == bytes.len() {
                break;
            }
            let end = bytes.len().min(came + step % 30_000);
            came += fill(&mut buffers, &bytes[came..end]);
            let amount = buffers.input().len().min(step % 25_001);
            read.extend_from_slice(&buffers.input()[..amount]);
            buffers.input_consume(amount);
        }
        assert_eq!(read, bytes);
    }

    #[test]
    fn it_grows_when_it_was_full_and_never_beyond_its_bound() {
        let mut buffers = GrowingBuffers::new(1);
        let mut sizes = Vec::new();
        for _ in 0..6 {
            let room = buffers.input_append_buf().len();
            sizes.push(room);
            buffers.input_appended(room);
            buffers.input_consume(room);
        }
        assert_eq!(sizes, [4_096, 16_384, 65_536, LARGEST, LARGEST, LARGEST]);
        assert_eq!(fill(&mut buffers, b"small"), 5);
        buffers.input_consume(5);
        assert_eq!(buffers.input_append_buf().len(), LARGEST);
    }

    #[test]
    fn what_is_unread_and_fills_it_makes_it_grow_and_at_last_leaves_no_room() {
        let mut buffers = GrowingBuffers::new(1);
        let mut in_all = 0;
        loop {
            let room = buffers.input_append_buf().len();
            if room == 0 {
                break;
            }
            buffers.input_appended(room);
            in_all += room;
        }
        assert_eq!((in_all, buffers.input().len()), (LARGEST, LARGEST));
    }

    #[test]
    fn what_ureq_could_not_use_is_not_offered_again_before_more_has_come() {
        let mut buffers = GrowingBuffers::new(1);
        fill(&mut buffers, b"HTTP/1.1 2");
        buffers.input_consume(0);
        assert!(!buffers.can_use_input());
        buffers.input_consume(4);
        assert!(buffers.can_use_input());
        buffers.input_consume(6);
        assert!(!buffers.can_use_input());
    }

    #[test]
    fn a_request_body_finds_room_beside_an_answer_that_came_early() {
        let mut buffers = GrowingBuffers::new(7);
        fill(&mut buffers, b"HTTP/1.1 413 ");
        let (scratch, output) = buffers.tmp_and_output();
        assert!(scratch.len() >= SCRATCH);
        assert_eq!(output.len(), 7);
        assert_eq!(buffers.input(), b"HTTP/1.1 413 ");
    }

    /// ureq does not read while it sends a body; but what it has not read yet is not ours to lose.
    #[test]
    fn room_made_beside_a_full_buffer_is_not_taken_away_from_what_was_read_into_it() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        let mut buffers = GrowingBuffers::new(1);
        let mut came = 0;
        while came < LARGEST {
            came += fill(&mut buffers, &bytes[came..LARGEST]);
        }
        buffers.tmp_and_output();
        while came < bytes.len() {
            match fill(&mut buffers, &bytes[came..]) {
                0 => break,
                amount => came += amount,
            }
        }
        assert!(buffers.input() == &bytes[..came], "{} of {came}", buffers.input().len());
    }
}
