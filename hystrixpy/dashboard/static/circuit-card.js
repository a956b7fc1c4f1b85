// The card of one circuit: made once, then only its changed texts are touched.

import { el, nameButton, setData, setText, svg } from "./dom.js";
import * as format from "./format.js";
import { rejections, stateText } from "./model.js";
import { draw } from "./sparkline.js";

const COUNTERS = [
  ["success", "success", (d) => d.rollingCountSuccess],
  ["timeout", "timeout", (d) => d.rollingCountTimeout],
  ["short-circuited", "short-circuited", (d) => d.rollingCountShortCircuited],
  ["rejected", "rejected", rejections],
  ["bad-request", "bad request", (d) => d.rollingCountBadRequests],
  ["failure", "failure", (d) => d.rollingCountFailure],
];
const LATENCIES = [["50", "p50"], ["90", "p90"], ["99", "p99"], ["99.5", "p99.5"], ["mean", "mean"]];

export class CircuitCard {
  constructor(item, open) {
    this.item = item;
    this.visible = false;
    this.element = el("li", "card circuit", this.head(open), this.figures(), this.counters(), this.latencies(), this.foot());
    this.element.dataset.key = item.key;
    this.update();
  }

  head(open) {
    this.state = el("span", "state");
    this.group = el("span", "group");
    const name = nameButton(this.item.key, () => open(this.item));
    return el("div", "head", el("h3", "", name), this.state, this.group);
  }

  figures() {
    this.circle = svg("circle", { cx: 20, cy: 20, r: 4 });
    const round = svg("svg", { viewBox: "0 0 40 40", class: "round", "aria-hidden": "true" });
    round.append(this.circle);
    this.rate = el("span", "value");
    this.error = el("span", "value");
    this.canvas = el("canvas", "spark");
    this.canvas.setAttribute("aria-hidden", "true");
    return el("div", "figures", round,
      el("p", "figure rate", this.rate, el("span", "unit", "req/s")),
      el("p", "figure error", this.error, el("span", "unit", "errors")),
      this.canvas);
  }

  counters() {
    this.counts = COUNTERS.map(([, , read]) => ({ read, value: el("dd", "") }));
    const pairs = COUNTERS.map(([kind, label], i) => {
      const pair = el("div", kind, el("dt", "", label), this.counts[i].value);
      return pair;
    });
    return el("dl", "counters", ...pairs);
  }

  latencies() {
    this.times = LATENCIES.map(([p]) => ({ p, value: el("dd", "") }));
    return el("dl", "latencies", ...LATENCIES.map(([, label], i) => el("div", "", el("dt", "", label), this.times[i].value)));
  }

  foot() {
    this.meter = el("span", "meter-fill");
    this.load = el("span", "load");
    this.abandoned = el("span", "abandoned");
    this.hosts = el("span", "hosts");
    const meter = el("span", "meter", this.meter);
    meter.setAttribute("aria-hidden", "true");
    return el("div", "foot", meter, this.load, this.abandoned, this.hosts);
  }

  /** Show what the model holds now. */
  update() {
    const { data, view } = this.item;
    setData(this.element, "state", view.state);
    setText(this.state, stateText(data));
    setText(this.group, data.group);
    setText(this.rate, format.rate(view.rate));
    setText(this.error, `${view.errorPercentage}%`);
    setData(this.error, "level", level(view.errorPercentage));
    this.circle.setAttribute("r", radius(view.rate / (data.reportingHosts || 1)));
    setData(this.circle, "level", level(view.errorPercentage));
    for (const { read, value } of this.counts) this.showCount(value, read(data));
    for (const { p, value } of this.times) setText(value, view.latency.count === 0 ? "–" : format.duration(view.latency[p] ?? 0));
    this.updateFoot(data, view);
  }

  showCount(element, n) {
    setText(element, format.count(n));
    setData(element, "zero", n === 0);
  }

  updateFoot(data, view) {
    const share = view.limit ? Math.min(view.active / view.limit, 1) : 0;
    this.meter.parentElement.hidden = view.limit === null;
    const width = `${Math.round(share * 100)}%`;
    if (this.meter.style.width !== width) this.meter.style.width = width;
    setData(this.meter, "full", share >= 0.9);
    setText(this.load, view.limit ? `${view.active} of ${format.count(view.limit)} in flight` : `${view.active} in flight`);
    setText(this.abandoned, view.abandoned ? `${view.abandoned} abandoned` : "");
    setText(this.hosts, data.reportingHosts > 1 ? format.plural(data.reportingHosts, "process").replace("processs", "processes") : "");
  }

  /** Draw what only eyes can use, and only while it can be seen. */
  draw(now) {
    if (this.visible) draw(this.canvas, this.item.series, now);
  }
}

/** Hystrix's steps of alarm: from 10, 25, 40 and 50 percent. */
export function level(percent) {
  if (percent >= 50) return "critical";
  if (percent >= 40) return "high";
  if (percent >= 25) return "raised";
  return percent >= 10 ? "some" : percent > 0 ? "few" : "none";
}

/** Hystrix's circle: its radius grows with the root of the rate, and is full at 400 requests a second per host. */
const radius = (perSecond) => (4 + 15 * Math.sqrt(Math.min(perSecond, 400) / 400)).toFixed(1);
