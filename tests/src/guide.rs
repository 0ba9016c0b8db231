//! The programs of the guide, `docs/guide`, as doc tests.
//!
//! The invariant: each chapter with Rust stands here (a test of xtask checks that), and each Rust block in it is a whole program. This file knows nothing of
//! what they show. The JavaScript of `browsers.md` is run by `browsers.test.mjs` beside it.

#[doc = include_str!("../../docs/guide/README.md")]
pub struct Contents;

#[doc = include_str!("../../docs/guide/first-tree.md")]
pub struct FirstTree;

#[doc = include_str!("../../docs/guide/retries.md")]
pub struct Retries;

#[doc = include_str!("../../docs/guide/abort.md")]
pub struct Abort;

#[doc = include_str!("../../docs/guide/gates-and-graphs.md")]
pub struct GatesAndGraphs;

#[doc = include_str!("../../docs/guide/testing.md")]
pub struct Testing;

#[doc = include_str!("../../docs/guide/hosts.md")]
pub struct Hosts;

#[doc = include_str!("../../docs/guide/futures.md")]
pub struct Futures;

#[doc = include_str!("../../docs/guide/devices.md")]
pub struct Devices;
