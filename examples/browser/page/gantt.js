// Draws the bars on a canvas, over the time since the start.
// The invariant: what is drawn depends on the bars, the one marked, the time and the size of the canvas alone; each call draws everything once.

import { GROUPS, Spans } from './spans.js';

const FILLS = ['download', 'check', 'apply', 'wait', 'retry', 'failed', 'aborted', 'pause', 'text', 'quiet', 'line', 'card'];
const TITLE = 18;
const AXIS = 22;
/** Heights that a lane may have; all of them together take about this much. */
const [THIN, THICK, AIM] = [3, 12, 300];
/** The shortest time that fills the width, in ms. */
const SHORTEST = 4_000;

export class Gantt {
  #canvas;
  #context;
  #colours = {};
  #lanes = Spans.lanes(8);
  #thickness = THICK;
  #tops = [];
  #height = 0;
  #width = 0;
  #span = SHORTEST;

  constructor(canvas, redraw) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', () => {
      this.#readColours();
      redraw();
    });
    this.#readColours();
    new ResizeObserver(() => {
      this.#fit();
      redraw();
    }).observe(canvas);
  }

  /** Makes room for so many checkpoints at a time. */
  reset(concurrency) {
    this.#lanes = Spans.lanes(concurrency);
    const all = this.#lanes.reduce((sum, lanes) => sum + lanes, 0);
    this.#thickness = Math.max(THIN, Math.min(THICK, Math.floor(AIM / all)));
    let top = 0;
    this.#tops = this.#lanes.map((lanes) => {
      const own = top + TITLE;
      top = own + lanes * this.#thickness + 4;
      return own;
    });
    this.#height = top + AXIS;
    this.#canvas.style.height = `${this.#height}px`;
    this.#fit();
  }

  /** `marked` is the bar that is looked at, if there is one. */
  draw(spans, origin, now, marked) {
    const c = this.#context;
    const { text, quiet, line } = this.#colours;
    this.#span = Math.max(now - origin, SHORTEST);
    const x = (at) => ((at - origin) / this.#span) * this.#width;
    c.clearRect(0, 0, this.#width, this.#height);

    c.fillStyle = this.#colours.pause;
    const foot = this.#height - AXIS;
    for (const { from, to } of spans.pauses) c.fillRect(x(from), 0, x(to ?? now) - x(from), foot);

    c.font = '12px system-ui, sans-serif';
    c.textBaseline = 'alphabetic';
    c.fillStyle = quiet;
    c.strokeStyle = line;
    c.lineWidth = 1;
    const step = tick(this.#span, this.#width);
    for (let at = 0; at <= this.#span; at += step) {
      const place = Math.round((at / this.#span) * this.#width) + 0.5;
      c.beginPath();
      c.moveTo(place, 0);
      c.lineTo(place, foot);
      c.stroke();
      const label = `${at / 1000} s`;
      const wide = c.measureText(label).width;
      if (place + wide < this.#width) c.fillText(label, place, this.#height - 6);
    }

    c.fillStyle = text;
    GROUPS.forEach((group, at) => c.fillText(group, 0, this.#tops[at] - 5));

    const high = Math.max(this.#thickness - (this.#thickness > 4 ? 2 : 1), 1);
    for (const bar of spans.bars) {
      const left = x(bar.from);
      const whole = x(bar.to ?? now) - left;
      // A gap tells neighbours apart where there is room for one.
      const wide = Math.max(whole > 4 ? whole - 1 : whole, 1.5);
      const top = this.#tops[bar.group] + bar.lane * this.#thickness;
      this.#fill(bar.fill, left, top, wide, high);
      if (bar === marked) {
        c.strokeStyle = text;
        c.lineWidth = 2;
        c.strokeRect(left - 1, top - 1, wide + 2, high + 2);
      }
    }
  }

  /** The bar at a point of the canvas; the latest where several are close. */
  at(spans, origin, now, left, top) {
    const time = origin + (left / this.#width) * this.#span;
    const slack = (this.#span / this.#width) * 3;
    return spans.bars.findLast(({ group, lane, from, to }) => {
      const over = this.#tops[group] + lane * this.#thickness;
      return top >= over && top < over + this.#thickness && time >= from - slack && time <= (to ?? now) + slack;
    });
  }

  #fill(fill, left, top, wide, high) {
    const c = this.#context;
    const colour = this.#colours[fill];
    c.fillStyle = colour;
    if (fill !== 'retry' && fill !== 'aborted') {
      c.fillRect(left, top, wide, high);
      return;
    }
    // Hatched, so that it is told apart without its colour.
    c.globalAlpha = 0.3;
    c.fillRect(left, top, wide, high);
    c.globalAlpha = 1;
    const slant = fill === 'retry' ? 1 : -1;
    c.save();
    c.beginPath();
    c.rect(left, top, wide, high);
    c.clip();
    c.strokeStyle = colour;
    c.lineWidth = 1.5;
    c.beginPath();
    for (let at = left - high; at < left + wide + high; at += 5) {
      c.moveTo(at, slant > 0 ? top + high : top);
      c.lineTo(at + high, slant > 0 ? top : top + high);
    }
    c.stroke();
    c.restore();
  }

  #fit() {
    const scale = devicePixelRatio || 1;
    this.#width = this.#canvas.clientWidth;
    this.#canvas.width = Math.round(this.#width * scale);
    this.#canvas.height = Math.round(this.#height * scale);
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of FILLS) this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

/** A round number of ms between two marks, so that their labels have room. */
function tick(span, width) {
  const most = Math.max(width / 60, 2);
  for (let unit = 500; ; unit *= 10) for (const times of [1, 2, 4, 10]) if (span / (unit * times) <= most) return unit * times;
}
