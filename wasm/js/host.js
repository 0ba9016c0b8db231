// What the driver needs of the place it runs in: a clock, one timer, a way to let others run, and word of a tab that is shown again.
// The invariant: time is always asked of the clock. A timer that comes early, late or not at all costs only the delay.

/** The longest delay that timers take; beyond, they fire at once. */
export const LONGEST = 2 ** 31 - 1;

/** Runs `go` in a task of its own, soon. */
function later() {
  if (typeof globalThis.scheduler?.yield === 'function') {
    return (go) => void globalThis.scheduler.yield().then(go);
  }
  // Node's own, which a message port would keep from ending.
  if (typeof setImmediate === 'function') return (go) => void setImmediate(go);
  if (typeof MessageChannel === 'function') {
    let channel;
    return (go) => {
      channel ??= new MessageChannel();
      channel.port1.onmessage = go;
      channel.port2.postMessage(0);
    };
  }
  return (go) => void setTimeout(go);
}

/** The host of the page, the worker or the process that this runs in. */
export function systemHost() {
  const yieldTo = later();
  return {
    now: () => performance.now(),
    // A quarter of the price in Chromium, and a millisecond is close enough for a budget of some.
    tick: () => Date.now(),
    setTimer: (go, ms) => setTimeout(go, Math.min(ms, LONGEST)),
    clearTimer: (timer) => clearTimeout(timer),
    yield: (go) => yieldTo(() => go()),
    onVisible(go) {
      const page = globalThis.document;
      if (typeof page?.addEventListener !== 'function') return () => {};
      const look = () => page.visibilityState === 'hidden' || go();
      page.addEventListener('visibilitychange', look);
      return () => page.removeEventListener('visibilitychange', look);
    },
  };
}
