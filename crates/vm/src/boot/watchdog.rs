//! When to stop a boot: it is done, it is hopeless, it is silent, or it takes
//! too long.

use std::time::{Duration, Instant};

use super::watch::Watch;
use crate::boot::BootRequest;
use crate::check::outcome::BootEnd;
use crate::machine::qemu::Clock;

/// After the last check the machine runs on for so long: a late oops counts.
const GRACE: Duration = Duration::from_millis(500);

/// After a panic or an oops so much time is left to print all of it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A console or an agent that writes more writes without end.
const VOLUME_LIMIT: u64 = 16 << 20;

/// A file system that can't free parts of a file keeps no more of a capture.
const CAPTURE_LIMIT: u64 = 1 << 30;

/// So long a board that is started by hand may take to say its first word.
const BOARD_WAIT: Duration = Duration::from_secs(600);

/// A system that was told to leave takes no longer to restart.
const LEAVE_LIMIT: Duration = Duration::from_secs(60);

/// Under `-icount` a guest is so much slower at most.
const COUNTING_FACTOR: u32 = 4;

/// How long a board may take to say its first word.
pub(super) fn board_wait(request: &BootRequest<'_>) -> Duration {
    match &request.board {
        Some(lines) if lines.start_by_themselves() => request.timeout,
        _ => BOARD_WAIT,
    }
}

/// When to stop a boot.
pub(super) struct Watchdog {
    clock: Clock,
    leave: Option<Duration>,
    started: Instant,
    last_sign: Instant,
    /// The longest time between two signs of life.
    pub longest_silence: Duration,
    timeout: Duration,
    silence: Duration,
    done: Option<Instant>,
    hopeless: Option<Instant>,
    /// Whether it is a board that has not said anything yet.
    board: bool,
    board_wait: Duration,
    /// Whether firmware boots it from a medium.
    medium: bool,
}

impl Watchdog {
    /// Begins now.
    pub(super) fn new(request: &BootRequest<'_>, clock: Clock, leave: Option<Duration>) -> Self {
        let factor = match clock {
            Clock::Host => 1,
            Clock::Instructions => COUNTING_FACTOR,
        };
        Watchdog {
            clock,
            leave,
            started: Instant::now(),
            last_sign: Instant::now(),
            longest_silence: Duration::ZERO,
            timeout: request.timeout * factor,
            silence: request.silence * factor,
            done: None,
            hopeless: None,
            board: request.board.is_some(),
            board_wait: board_wait(request),
            medium: request.machine.medium.is_some(),
        }
    }

    /// The machine gave a sign of life.
    pub(super) fn sign(&mut self) {
        self.longest_silence = self.longest_silence.max(self.last_sign.elapsed());
        self.last_sign = Instant::now();
    }

    /// Why there is nothing more to wait for, if so.
    pub(super) fn reason_to_stop(&mut self, watch: &Watch<'_>) -> Option<BootEnd> {
        let passed_since = |since: Option<Instant>, time: Duration| {
            since.is_some_and(|since| since.elapsed() >= time)
        };
        if watch.waits_for_board() {
            // Somebody has to walk to the switch first.
            if self.started.elapsed() < self.board_wait {
                return None;
            }
        } else if self.board {
            self.board = false;
            self.started = Instant::now();
        }
        if watch.hopeless() {
            self.hopeless.get_or_insert_with(Instant::now);
        }
        if watch.done() {
            self.done.get_or_insert_with(Instant::now);
        }
        let counted = self.clock == Clock::Instructions && watch.first_pass().is_some();
        if passed_since(self.hopeless, LAST_WORDS) {
            return Some(BootEnd::Hopeless);
        }
        if let Some(idle) = self.leave {
            let limit = LEAVE_LIMIT + idle;
            if passed_since(self.done, limit) {
                return Some(BootEnd::Stayed(limit));
            }
        }
        let finished =
            self.leave.is_none() && self.hopeless.is_none() && passed_since(self.done, GRACE);
        if counted || finished {
            return Some(BootEnd::Finished);
        }
        if self.started.elapsed() >= self.timeout && !(self.leave.is_some() && self.done.is_some())
        {
            return Some(BootEnd::WallLimit(self.timeout));
        }
        // The guest's clock may run slower than the host's.
        let silence = self.silence + watch.running_limit().unwrap_or_default() * 2;
        // Firmware and a boot loader print nothing to the serial console.
        let loading = self.medium && watch.volume().0 == 0;
        if self.last_sign.elapsed() >= silence && self.done.is_none() && !loading {
            return Some(BootEnd::Silent(silence));
        }
        let (printed, said) = watch.volume();
        if watch.excess() > CAPTURE_LIMIT {
            return Some(BootEnd::Flooded(watch.excess()));
        }
        (printed.max(said) > VOLUME_LIMIT).then_some(BootEnd::Flooded(printed.max(said)))
    }
}
