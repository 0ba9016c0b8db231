//! Downloads: the page makes them with `fetch`, and this asks for them and takes what they bring.
//!
//! Invariant: a transfer that ends wakes its node, once, and from a task of the page's; one that is dropped is given up and wakes nobody. What the page's
//! half does is in `page/fetcher.js`.

use std::time::Duration;

use wasm_bindgen::prelude::*;
use windlass::WakeHandle;
use windlass_catchup_job::error::{Error, Fault};
use windlass_catchup_job::in_place::Fetch;
use windlass_catchup_job::layout::{ArchiveFile, ArchiveState};

/// The largest file accepted, compressed; real ones have a few megabytes.
const MOST_BYTES: u32 = 64 << 20;
/// The longest that nothing may arrive, in ms.
const SILENCE: u32 = 10_000;

#[wasm_bindgen]
extern "C" {
    /// What begins the page's downloads.
    #[derive(Debug)]
    pub type Fetcher;

    #[wasm_bindgen(method)]
    fn begin(this: &Fetcher, path: &str, most: u32, silence: u32, done: Done) -> Transfer;

    /// A download of the page's.
    #[derive(Debug)]
    pub type Transfer;

    /// How it ended: `here`, `status`, `large`, `silent`, `cut`, `broken`, `cancelled`; nothing while it is under way.
    #[wasm_bindgen(method, getter)]
    fn end(this: &Transfer) -> Option<String>;

    /// The HTTP status.
    #[wasm_bindgen(method, getter)]
    fn status(this: &Transfer) -> u16;

    /// What the browser said of the trouble.
    #[wasm_bindgen(method, getter)]
    fn trouble(this: &Transfer) -> Option<String>;

    /// Bytes announced.
    #[wasm_bindgen(method, getter)]
    fn announced(this: &Transfer) -> f64;

    /// Bytes that came.
    #[wasm_bindgen(method, getter)]
    fn arrived(this: &Transfer) -> f64;

    /// Hands out the bytes.
    #[wasm_bindgen(method)]
    fn take(this: &Transfer) -> Vec<u8>;

    #[wasm_bindgen(method)]
    fn cancel(this: &Transfer);

    /// Gives it up without a word.
    #[wasm_bindgen(method)]
    fn forget(this: &Transfer);
}

/// By which the page says that a download has ended.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Done(WakeHandle);

#[wasm_bindgen]
impl Done {
    /// Wakes the node that waits. Harmless if it does so no longer.
    pub fn wake(&self) {
        self.0.wake();
    }
}

/// The page, as the job sees it.
#[derive(Debug)]
pub(crate) struct Page {
    fetcher: Fetcher,
}

/// A transfer under way.
#[derive(Debug)]
pub(crate) struct Under {
    file: ArchiveFile,
    most: u32,
    transfer: Transfer,
}

impl Page {
    pub(crate) fn new(fetcher: Fetcher) -> Page {
        Page { fetcher }
    }
}

impl Fetch for Page {
    type Transfer = Under;

    fn begin(&mut self, file: ArchiveFile, done: WakeHandle) -> Under {
        let most = if file == ArchiveFile::State { ArchiveState::MAX_BYTES as u32 } else { MOST_BYTES };
        Under { file, most, transfer: self.fetcher.begin(&file.path(), most, SILENCE, Done(done)) }
    }

    fn look(&mut self, under: &mut Under) -> Option<Result<Vec<u8>, Error>> {
        let transfer = &under.transfer;
        let fault = match transfer.end()?.as_str() {
            "here" => return Some(Ok(transfer.take())),
            "cancelled" => Fault::Cancelled,
            "status" if transfer.status() == 404 => Fault::Missing { archive: "the page's server".into() },
            "status" => Fault::Status { code: transfer.status() },
            "large" => Fault::TooLarge { limit: under.most.into() },
            "silent" => Fault::TimedOut { limit: Duration::from_millis(SILENCE.into()) },
            "cut" => Fault::Cut { expected: transfer.announced() as u64, found: transfer.arrived() as u64 },
            _ => Fault::Network { reason: transfer.trouble().unwrap_or_default().into() },
        };
        Some(Err(Error::new(under.file, fault)))
    }

    fn cancel(&mut self, under: &mut Under) {
        under.transfer.cancel();
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        self.transfer.forget();
    }
}
