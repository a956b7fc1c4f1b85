// The cards of thread pools and collapsers.

import { el, setData, setText } from "./dom.js";
import * as format from "./format.js";

class FactCard {
  constructor(item, className, facts) {
    this.item = item;
    this.facts = facts.map(([label, read]) => ({ read, value: el("dd", ""), label }));
    const list = el("dl", "facts", ...this.facts.map(({ label, value }) => el("div", "", el("dt", "", label), value)));
    const name = el("h3", "", item.key);
    name.title = item.key;
    this.element = el("li", `card ${className}`, name, this.extra(), list);
    this.element.dataset.key = item.key;
    this.update();
  }

  extra() { return undefined; }

  update() {
    for (const { read, value } of this.facts) setText(value, read(this.item.data));
  }

  draw() {}
}

const perSecond = (data, n) => format.rate(n / windowSeconds(data));
const windowSeconds = (data) => data.propertyValue_metricsRollingStatisticalWindowInMilliseconds / (data.reportingHosts || 1) / 1000;

export class PoolCard extends FactCard {
  constructor(item) {
    super(item, "pool", [
      ["active", (d) => format.count(d.currentActiveCount)],
      ["max active", (d) => format.count(d.rollingMaxActiveThreads)],
      ["threads", (d) => `${d.currentPoolSize} of ${d.currentMaximumPoolSize}`],
      ["queued", (d) => (d.hystrixpyMaxQueueSize === -1 ? "no queue" : format.count(d.currentQueueSize))],
      ["executed", (d) => `${perSecond(d, d.rollingCountThreadsExecuted)}/s`],
      ["rejected", (d) => format.count(d.rollingCountCommandRejections)],
      ["abandoned", (d) => format.count(d.hystrixpyAbandoned ?? 0)],
      ["completed", (d) => format.count(d.currentCompletedTaskCount)],
    ]);
  }

  extra() {
    this.meter = el("span", "meter-fill");
    this.load = el("span", "load");
    const meter = el("span", "meter", this.meter);
    meter.setAttribute("aria-hidden", "true");
    return el("div", "foot", meter, this.load);
  }

  update() {
    super.update();
    const { currentActiveCount: active, currentMaximumPoolSize: limit, hystrixpyAbandoned, rollingCountCommandRejections } = this.item.data;
    const share = limit ? Math.min(active / limit, 1) : 0;
    this.meter.style.width = `${Math.round(share * 100)}%`;
    setData(this.meter, "full", share >= 0.9);
    setData(this.element, "trouble", Boolean(hystrixpyAbandoned || rollingCountCommandRejections));
    setText(this.load, `${active} of ${limit} threads busy`);
  }
}

export class CollapserCard extends FactCard {
  constructor(item) {
    super(item, "collapser", [
      ["batches", (d) => format.count(d.rollingCountBatches)],
      ["requests", (d) => format.count(d.rollingCountRequestsBatched)],
      ["from cache", (d) => format.count(d.rollingCountResponsesFromCache)],
      ["mean batch", (d) => format.count(hosted(d, d.batchSize_mean))],
      ["median batch", (d) => format.count(hosted(d, d.batchSize["50"]))],
      ["p99 batch", (d) => format.count(hosted(d, d.batchSize["99"]))],
      ["largest", (d) => format.count(hosted(d, d.batchSize["100"]))],
      ["delay", (d) => format.duration(hosted(d, d.propertyValue_timerDelayInMilliseconds))],
    ]);
  }
}

/** Summed streams hold such values times their hosts, as Turbine leaves them. */
const hosted = (data, value) => Math.floor(value / (data.reportingHosts || 1));
