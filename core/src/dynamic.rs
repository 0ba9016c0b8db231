//! Works of different types in one scheduler, on the heap.

use alloc::boxed::Box;
use core::fmt;

use crate::cx::Cx;
use crate::work::{AbortStep, Check, Generated, Outcome, Work};

macro_rules! dynamic {
    ($(#[$doc:meta])* $name:ident, $($bound:tt)*) => {
        $(#[$doc])*
        pub struct $name<A: ?Sized = ()>(Box<dyn Work<$name<A>, A> $($bound)*>);

        impl<A: ?Sized> $name<A> {
            /// Boxes a work.
            pub fn new(work: impl Work<Self, A> $($bound)* + 'static) -> Self {
                Self(Box::new(work))
            }
        }

        impl<A: ?Sized> fmt::Debug for $name<A> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl<A: ?Sized> Work<Self, A> for $name<A> {
            fn on_run(&mut self, cx: &mut Cx<'_, Self, A>) -> Outcome {
                self.0.on_run(cx)
            }

            fn on_abort(&mut self, cx: &mut Cx<'_, Self, A>) -> AbortStep {
                self.0.on_abort(cx)
            }

            fn on_reset(&mut self, cx: &mut Cx<'_, Self, A>) {
                self.0.on_reset(cx);
            }

            fn on_success(&mut self, cx: &mut Cx<'_, Self, A>) {
                self.0.on_success(cx);
            }

            fn on_failure_retry(&mut self, cx: &mut Cx<'_, Self, A>) {
                self.0.on_failure_retry(cx);
            }

            fn on_failure_raise(&mut self, cx: &mut Cx<'_, Self, A>) {
                self.0.on_failure_raise(cx);
            }

            fn rewinds(&self) -> bool {
                self.0.rewinds()
            }

            fn on_next(&mut self, cx: &mut Cx<'_, Self, A>) -> Generated {
                self.0.on_next(cx)
            }

            fn on_check(&mut self, cx: &mut Cx<'_, Self, A>) -> Check {
                self.0.on_check(cx)
            }

            fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(f)
            }
        }
    };
}

dynamic! {
    /// Any work at all, boxed: works of different types side by side, each able to add children of any other type.
    ///
    /// ```
    /// use windlass::{Boxed, Cx, DynWork, Instant, Next, Outcome, Scheduler, Spec, Work};
    ///
    /// struct Leaf(u32);
    /// impl<W> Work<W, ()> for Leaf {
    ///     fn on_run(&mut self, _: &mut Cx<'_, W>) -> Outcome {
    ///         self.0 -= 1;
    ///         if self.0 == 0 { Outcome::Success } else { Outcome::Running }
    ///     }
    /// }
    ///
    /// struct Tree { planted: bool }
    /// impl Work<DynWork, ()> for Tree {
    ///     fn on_run(&mut self, cx: &mut Cx<'_, DynWork>) -> Outcome {
    ///         if !std::mem::replace(&mut self.planted, true) {
    ///             for steps in 1..=3 {
    ///                 cx.add_child(Spec::work("leaf", DynWork::new(Leaf(steps)))).unwrap();
    ///             }
    ///         }
    ///         cx.children().outcome()
    ///     }
    /// }
    ///
    /// let mut s: Scheduler<Boxed<DynWork>> = Scheduler::with_capacity(8);
    /// s.add(Spec::work("tree", DynWork::new(Tree { planted: false }))).unwrap();
    /// assert_eq!(s.poll_work(Instant::ZERO), Next::Done);
    /// ```
    DynWork,
}

dynamic! {
    /// As [`DynWork`], for works that may move to another thread.
    SendWork, + Send
}
