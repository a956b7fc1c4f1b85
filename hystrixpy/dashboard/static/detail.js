// Everything about one circuit.

import { LatencyChart, TrafficChart } from "./charts.js";
import { factList, panel, sheetOf } from "./dialog.js";
import { el, setData, setText } from "./dom.js";
import * as format from "./format.js";
import { stateText } from "./model.js";
import { Properties } from "./properties.js";

const COUNTS = [
  ["success", "rollingCountSuccess"], ["failure", "rollingCountFailure"], ["timeout", "rollingCountTimeout"],
  ["bad request", "rollingCountBadRequests"], ["short-circuited", "rollingCountShortCircuited"],
  ["thread pool rejected", "rollingCountThreadPoolRejected"], ["semaphore rejected", "rollingCountSemaphoreRejected"],
  ["cancelled", "hystrixpyRollingCountCancelled"], ["fallback success", "rollingCountFallbackSuccess"],
  ["fallback failure", "rollingCountFallbackFailure"], ["fallback rejected", "rollingCountFallbackRejection"],
  ["fallback missing", "rollingCountFallbackMissing"], ["fallback disabled", "hystrixpyRollingCountFallbackDisabled"],
  ["exceptions thrown", "rollingCountExceptionsThrown"], ["from cache", "rollingCountResponsesFromCache"],
  ["collapsed requests", "rollingCountCollapsedRequests"],
];
const TIMES = [["p50", "50"], ["p90", "90"], ["p99", "99"], ["p99.5", "99.5"], ["max", "max"], ["mean", "mean"]];

export class CircuitSheet {
  constructor(item) {
    this.item = item;
    this.state = el("span", "state");
    this.sub = el("p", "sub");
    this.element = sheetOf(item.key, this.sub, this.state, ...this.panels());
  }

  start(dialog) {
    this.dialog = dialog;
    this.charts = [new TrafficChart(this.trafficBox), new LatencyChart(this.latencyBox)];
    this.properties = new Properties(this.item.key, "commands", this.explain, this.propertyBox);
  }

  close() {
    this.charts.forEach((chart) => chart.close());
    this.properties.close();
  }

  panels() {
    this.explain = el("div", "explain", "Asking for the breaker's own words…");
    this.trafficBox = el("div", "chart");
    this.latencyBox = el("div", "chart");
    this.history = el("ol", "history");
    this.propertyBox = el("div", "properties");
    return [
      panel("What the breaker says", this.explain, "wide"),
      panel("Outcomes per second, last two minutes", el("div", "", this.trafficBox, legend()), "wide"),
      panel("Latency", el("div", "latency", el("div", "", this.latencyBox, latencyLegend()), this.latencyTable()), "wide"),
      panel("Counts of the rolling window", this.countTable()),
      panel("State changes seen here", this.history),
      panel("Properties in force", this.propertyBox, "wide"),
    ];
  }

  countTable() {
    const { fill, list } = factList(COUNTS.map(([label, field]) => [label, (data) => format.count(data[field] ?? 0)]));
    this.fillCounts = fill;
    return list;
  }

  latencyTable() {
    const fields = [["run", "hystrixpyLatencyExecute"], ["with fallback", "hystrixpyLatencyTotal"]];
    this.cells = [];
    const rows = TIMES.map(([label, p]) => el("tr", "", headerCell(label, "row"), ...fields.map(([, field]) => this.cell(field, p))));
    const head = el("tr", "", el("td", ""), ...fields.map(([label]) => headerCell(label, "col")));
    return el("table", "times", el("thead", "", head), el("tbody", "", ...rows));
  }

  cell(field, p) {
    const value = el("td", "");
    this.cells.push({ field, p, value });
    return value;
  }

  update() {
    const { data, view, events } = this.item;
    if (this.dialog.dataset.state !== view.state) this.properties.ask(); // the breaker has something new to say
    setData(this.dialog, "state", view.state);
    setText(this.state, stateText(data));
    setText(this.sub, this.subtitle(data, view));
    this.fillCounts(data);
    for (const { field, p, value } of this.cells) setText(value, format.duration(data[field]?.[p] ?? 0));
    for (const chart of this.charts) chart.update(this.item);
    this.updateHistory(events);
  }

  subtitle(data, view) {
    const isolation = data.propertyValue_executionIsolationStrategy === "THREAD" ? `thread pool ${data.threadPool}` : "semaphore";
    const hosts = data.hystrixpyInstances?.join(", ") ?? data.hystrixpyInstance ?? "";
    return [`group ${data.group}`, isolation, `${view.active} in flight`, `${view.abandoned} abandoned`, hosts].filter(Boolean).join(" · ");
  }

  updateHistory(events) {
    if (this.history.childElementCount === Math.max(events.length, 1) && this.history.latest === events[0]) return;
    this.history.latest = events[0];
    const lines = events.map(({ time, text }) => el("li", "", el("time", "", format.clock(time)), ` ${text}`));
    this.history.replaceChildren(...(lines.length ? lines : [el("li", "none", "none since this page was opened")]));
  }
}

function headerCell(text, scope) {
  const cell = el("th", "", text);
  cell.scope = scope;
  return cell;
}

const legendOf = (...entries) => el("p", "legend", ...entries.map(([kind, label]) => el("span", kind, label)));
const legend = () => legendOf(["success", "success"], ["failure", "failure"], ["timeout", "timeout"], ["rejected", "rejected"], ["short-circuited", "short-circuited"]);
const latencyLegend = () => legendOf(["success", "run (bars)"], ["timeout", "with fallback (line)"]);
