// The two charts of the detail view, drawn by uPlot.

import * as format from "./format.js";
import { SPAN } from "./series.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const TRAFFIC = [["success", "success"], ["failure", "failure"], ["timeout", "timeout"], ["rejected", "rejected"], ["shortCircuited", "short-circuited"]];

const WHOLE = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].flatMap((n) => [n, 2 * n, 5 * n]);

function axis(extra) {
  return { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "12px system-ui", ...extra };
}

class Chart {
  constructor(box, label, options) {
    this.box = box;
    box.setAttribute("role", "img"); // what it shows is in the tables too
    box.setAttribute("aria-label", label);
    this.plot = new uPlot({ ...this.size(), legend: { show: false }, cursor: { show: false }, ...options }, options.series.map(() => []), box);
    this.resize = new ResizeObserver(() => this.plot.setSize(this.size()));
    this.resize.observe(box);
  }

  size() { return { width: Math.max(this.box.clientWidth, 200), height: 180 }; }

  close() {
    this.resize.disconnect();
    this.plot.destroy();
  }
}

/** Outcomes per second over the last two minutes. */
export class TrafficChart extends Chart {
  constructor(box) {
    super(box, "Chart of the outcomes per second", {
      scales: { x: { time: true, range: () => [(Date.now() - SPAN) / 1000, Date.now() / 1000] }, y: { range: (_, __, high) => [0, Math.max(high * 1.1, 1)] } },
      axes: [axis({ values: (_, ticks) => ticks.map((t) => format.clock(t * 1000)), space: 90 }), axis({ values: (_, ticks) => ticks.map(format.rate), size: 44 })],
      series: [{}, ...TRAFFIC.map(([, css]) => ({ stroke: colour(css), width: 2, points: { show: false } }))],
    });
  }

  update(item) { this.plot.setData(item.series.table(Date.now(), TRAFFIC.map(([line]) => line))); }
}

/** How many calls took how long: the native buckets, which widen by 9 percent each; a tick is the upper end of one. */
export class LatencyChart extends Chart {
  constructor(box) {
    const bars = uPlot.paths.bars({ align: -1, size: [1] });
    super(box, "Histogram of the latencies", {
      scales: { x: { time: false }, y: { range: (_, __, high) => [0, Math.max(high * 1.1, 1)] } },
      axes: [axis({ values: (_, ticks) => ticks.map((t) => this.label(t)), space: 64, incrs: [1, 2, 4, 8, 16, 32] }), axis({ values: (_, ticks) => ticks.map(format.count), incrs: WHOLE, size: 44 })],
      series: [{}, { fill: colour("success-soft"), stroke: colour("success"), width: 1, paths: bars, points: { show: false } },
        { stroke: colour("timeout"), width: 2, paths: uPlot.paths.stepped({ align: -1 }), points: { show: false } }],
    });
  }

  label(index) {
    const { first, scale } = this.shape ?? { first: -160, scale: 3 };
    return Number.isInteger(index) ? format.duration(1000 * 2 ** ((first + index + 1) / 2 ** scale)) : "";
  }

  update(item) {
    const shape = (this.shape = item.data.hystrixpyLatencyBuckets);
    if (!shape) return;
    const [run, total] = [new Map(shape.execute), new Map(shape.total)];
    const used = [...run.keys(), ...total.keys()];
    if (!used.length) return;
    const [low, high] = [Math.min(...used) - 2, Math.max(...used) + 2];
    const xs = Array.from({ length: high - low + 1 }, (_, i) => low + i);
    this.plot.setData([xs, xs.map((i) => run.get(i) ?? 0), xs.map((i) => total.get(i) ?? 0)]);
  }
}
