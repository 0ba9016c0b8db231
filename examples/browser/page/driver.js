// When the job is polled: after something has happened, when its deadline comes, and never else.
// The invariants: one timer at most; no turn longer than the budget, but for a single poll; nothing at all while idle. Time is always asked of the clock, so a
// timer that comes early or late costs only the delay.

const [NOW, ON_WAKE, DONE] = [-1, -2, -3];
/** The longest delay that timers take; beyond, they fire at once. */
const LONGEST = 2 ** 31 - 1;

export class Driver {
  #budget;
  #now;
  #poll;
  #over;
  #channel = new MessageChannel();
  #isRunning = true;
  /** A turn is to come, in a task of its own. */
  #isDue = false;
  #timer = undefined;
  #onVisible = () => this.stir();

  /** `poll()` gives the time of its next call, on the clock `now`, or one of the three numbers that are no time; `over()` is called after the last. */
  constructor({ budget, now, poll, over }) {
    this.#budget = budget;
    this.#now = now;
    this.#poll = poll;
    this.#over = over;
    this.#channel.port1.onmessage = () => this.#turn();
    // A page that was hidden had its timers slowed down.
    document.addEventListener('visibilitychange', this.#onVisible);
    this.stir();
  }

  /** Something has happened: a turn, soon. */
  stir() {
    if (!this.#isRunning || this.#isDue) return;
    this.#isDue = true;
    this.#channel.port2.postMessage(0);
  }

  stop() {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    this.#channel.port1.close();
    document.removeEventListener('visibilitychange', this.#onVisible);
  }

  #turn() {
    if (!this.#isRunning) return;
    this.#isDue = false;
    clearTimeout(this.#timer);
    const end = performance.now() + this.#budget;
    let next = NOW;
    while (next === NOW && performance.now() < end) next = this.#poll();
    if (next === NOW) this.stir();
    else if (next === DONE) {
      this.stop();
      this.#over();
    } else if (next !== ON_WAKE) {
      const delay = Math.min(Math.max(Math.ceil(next - this.#now()), 0), LONGEST);
      this.#timer = setTimeout(() => this.stir(), delay);
    }
  }
}
