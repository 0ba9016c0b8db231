// A host on virtual time: the clock stands still until nothing more can happen at this time, and then jumps to the timer.

export class VirtualHost {
  time = 1000;
  timer = undefined;
  yields = [];
  /** How often each thing was asked for. */
  counts = { timers: 0, yields: 0 };
  delays = [];
  visible = new Set();

  now = () => this.time;

  setTimer = (go, ms) => {
    if (this.timer) throw new Error('more than one timer');
    if (!(ms >= 0 && ms <= 2 ** 31 - 1)) throw new Error(`a delay of ${ms} ms`);
    this.counts.timers += 1;
    this.delays.push(ms);
    this.timer = { go, at: this.time + ms };
    return this.timer;
  };

  clearTimer = (timer) => {
    if (this.timer !== timer) throw new Error('a timer that is not there');
    this.timer = undefined;
  };

  yield = (go) => {
    this.counts.yields += 1;
    this.yields.push(go);
  };

  onVisible = (go) => {
    this.visible.add(go);
    return () => this.visible.delete(go);
  };

  /** Lets everything happen that can happen at this time. */
  async settle() {
    for (let rounds = 0; rounds < 10_000; rounds += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.yields.length === 0) return;
      for (const go of this.yields.splice(0)) go();
    }
    throw new Error('no end in sight');
  }

  fire() {
    const { go, at } = this.timer;
    this.timer = undefined;
    this.time = Math.max(this.time, at);
    go();
  }

  /** Lets time pass. */
  async advance(ms) {
    const end = this.time + ms;
    await this.settle();
    for (let rounds = 0; this.timer && this.timer.at <= end; rounds += 1) {
      if (rounds > 10_000) throw new Error('no end in sight');
      this.fire();
      await this.settle();
    }
    this.time = end;
  }

  /** Lets time pass until the promise is settled, and gives its outcome. */
  async until(promise) {
    let outcome;
    promise.then(
      (value) => (outcome = { value }),
      (error) => (outcome = { error }),
    );
    await this.settle();
    for (let rounds = 0; !outcome; rounds += 1) {
      if (!this.timer || rounds > 10_000) throw new Error('it waits for ever');
      this.fire();
      await this.settle();
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }
}
