//! The board: simulated flash, link, battery and button behind one real interrupt.
//!
//! Invariant: what the interrupt and the works share lies in [`SHARED`] and is looked at in a critical section. The timer's interrupt raises that
//! interrupt when a frame has arrived or the button is pressed; only that interrupt wakes works.

use core::cell::RefCell;
use core::time::Duration;

use critical_section::Mutex;
use windlass::{Instant, WakeHandle};
use windlass_update_job::sim::{Battery, Cells, Flash, Image, Link};
use windlass_update_job::{Bank, Board, Frame, PAGE, PAGES, Page, Part};

/// The first image that the board has.
const FIRST: Image = Image::new(1, PAGES);

static SHARED: Mutex<RefCell<Shared>> = Mutex::new(RefCell::new(Shared {
    link: Link::new(FIRST, 0),
    press_at: Instant::MAX,
    pressed: false,
    listener: None,
}));

/// What the interrupt sees of the board.
struct Shared {
    link: Link,
    /// When somebody will press the button.
    press_at: Instant,
    pressed: bool,
    listener: Option<WakeHandle>,
}

/// The board, as the works see it.
#[derive(Debug)]
pub struct Devkit {
    flash: Flash<&'static mut Cells>,
    battery: Battery,
}

/// What the surroundings have in mind for a board.
#[derive(Debug)]
pub(crate) struct Weather {
    pub link: Link,
    pub charged_at: Instant,
    pub press_at: Instant,
}

/// Whether a frame has arrived, or the button is pressed: then the timer's interrupt raises the board's.
#[must_use]
pub fn is_interrupt_due(now: Instant) -> bool {
    with_shared(|shared| shared.press_at <= now || shared.link.has_arrived(now))
}

/// The interrupt of link and button: wakes who waits for them.
pub fn on_interrupt(now: Instant) {
    with_shared(|shared| {
        shared.link.arrive(now);
        if shared.press_at <= now {
            (shared.press_at, shared.pressed) = (Instant::MAX, true);
            if let Some(listener) = shared.listener.filter(|_| !cfg!(feature = "doctored")) {
                listener.wake();
            }
        }
    });
}

impl Devkit {
    /// A new board, whose flash is this memory.
    #[must_use]
    pub fn new(cells: &'static mut Cells) -> Self {
        Self { flash: Flash::with_image(cells, FIRST), battery: Battery::default() }
    }

    /// Whether nothing is left in a bank, neither a seal nor an image.
    pub(crate) fn is_blank(&self, bank: Bank) -> bool {
        bank.pages().chain([bank.seal()]).all(|page| self.flash.read(page).iter().all(|byte| *byte == 0xff))
    }

    pub(crate) fn expose(&mut self, weather: Weather) {
        self.battery.charged_at = weather.charged_at;
        with_shared(|shared| {
            *shared =
                Shared { link: weather.link, press_at: weather.press_at, pressed: false, listener: None };
        });
    }
}

impl Board for Devkit {
    fn request(&mut self, part: Part, now: Instant, done: WakeHandle) {
        with_shared(|shared| shared.link.request(part, now, done));
    }

    fn receive(&mut self, part: Part) -> Option<Frame> {
        with_shared(|shared| shared.link.receive(part))
    }

    fn cancel(&mut self, part: Part) {
        with_shared(|shared| shared.link.cancel(part));
    }

    fn erase(&mut self, page: Page, now: Instant) {
        self.flash.erase(page, now);
    }

    fn program(&mut self, page: Page, bytes: &[u8; PAGE], now: Instant) {
        self.flash.program(page, bytes, now);
    }

    fn busy(&self, now: Instant) -> Option<Duration> {
        self.flash.busy(now)
    }

    fn read(&self, page: Page) -> &[u8; PAGE] {
        self.flash.read(page)
    }

    fn millivolts(&self, now: Instant) -> u16 {
        self.battery.millivolts(now)
    }

    fn listen(&mut self, listener: WakeHandle) {
        with_shared(|shared| shared.listener = Some(listener));
    }

    fn pressed(&mut self) -> bool {
        with_shared(|shared| core::mem::take(&mut shared.pressed))
    }
}

fn with_shared<R>(look: impl FnOnce(&mut Shared) -> R) -> R {
    critical_section::with(|cs| look(&mut SHARED.borrow_ref_mut(cs)))
}
