// The bar of the time line that is looked at: the one under the pointer, or the one that arrow keys have come to.
// The invariant: it is a bar of the run that is shown, or none; keys reach every bar.

export class Cursor {
  bar = undefined;
  #bars;
  #moved;

  /** `bars()` gives all there are, `at(left, top)` the one at a point of the element, if any; `moved()` is called when another one is looked at. */
  constructor(element, { bars, at, moved }) {
    this.#bars = bars;
    this.#moved = moved;
    const point = ({ clientX, clientY }) => {
      const box = element.getBoundingClientRect();
      this.#go(at(clientX - box.left, clientY - box.top));
    };
    element.addEventListener('pointermove', point);
    element.addEventListener('pointerdown', point);
    element.addEventListener('keydown', (event) => this.#key(event));
  }

  clear() {
    this.#go(undefined);
  }

  #go(bar) {
    if (bar === this.bar) return;
    this.bar = bar;
    this.#moved();
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const bars = this.#bars();
    const { bar } = this;
    const beside = (other) => other !== bar && row(other) === row(bar);
    const to = {
      // Bars are kept in the order in which they began.
      ArrowRight: () => bars.slice(bars.indexOf(bar)).find(beside),
      ArrowLeft: () => bars.slice(0, bars.indexOf(bar)).findLast(beside),
      ArrowDown: () => nearest(bars, bar, (other) => row(other) > row(bar)),
      ArrowUp: () => nearest(bars, bar, (other) => row(other) < row(bar)),
      Home: () => bars[0],
      End: () => bars.at(-1),
    }[event.key];
    if (!to || bars.length === 0) return;
    event.preventDefault();
    this.#go((bar ? to() : bars[0]) ?? bar);
  }
}

/** The place of a bar's lane, from top to bottom; a group has two thousand lanes at most. */
function row({ group, lane }) {
  return group * 10_000 + lane;
}

/** Of the bars that are meant, one in the nearest lane, and there the nearest in time. */
function nearest(bars, from, isMeant) {
  const far = (bar) => Math.abs(row(bar) - row(from));
  const long = (bar) => Math.abs(bar.from - from.from);
  let best;
  for (const bar of bars) {
    if (!isMeant(bar)) continue;
    if (!best || far(bar) < far(best) || (far(bar) === far(best) && long(bar) < long(best))) best = bar;
  }
  return best;
}
