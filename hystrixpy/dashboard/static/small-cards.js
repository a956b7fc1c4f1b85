// The cards of thread pools and collapsers.

import { factList } from "./dialog.js";
import { el, nameButton, setData, setText } from "./dom.js";
import * as format from "./format.js";

class FactCard {
  constructor(item, className, facts, open) {
    this.item = item;
    const { fill, list } = factList(facts);
    this.fill = fill;
    this.element = el("li", `card ${className}`, el("h3", "", nameButton(item.key, () => open(this.item))), this.extra(), list);
    this.element.dataset.key = item.key;
    this.update();
  }

  extra() { return undefined; }

  update() {
    this.fill(this.item.data);
  }

  draw() {}
}

const perSecond = (data, n) => format.rate(n / windowSeconds(data));
const windowSeconds = (data) => data.propertyValue_metricsRollingStatisticalWindowInMilliseconds / (data.reportingHosts || 1) / 1000;

export const POOL_FACTS = [
  ["active", (d) => format.count(d.currentActiveCount)],
  ["max active", (d) => format.count(d.rollingMaxActiveThreads)],
  ["threads", (d) => `${format.count(d.currentPoolSize)} of ${format.count(d.currentMaximumPoolSize)}`],
  ["queue", queue],
  ["executed", (d) => `${perSecond(d, d.rollingCountThreadsExecuted)}/s`],
  ["rejected", (d) => format.count(d.rollingCountCommandRejections)],
  ["abandoned", (d) => format.count(d.hystrixpyAbandoned ?? 0)],
  ["completed", (d) => format.count(d.currentCompletedTaskCount)],
];

export class PoolCard extends FactCard {
  constructor(item, open) { super(item, "pool", POOL_FACTS, open); }

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

/** "2 of 5": how many wait, of how many that may. */
function queue({ currentQueueSize, hystrixpyMaxQueueSize: size, propertyValue_queueSizeRejectionThreshold: threshold, reportingHosts }) {
  if (size === undefined) return format.count(currentQueueSize); // Hystrix itself does not say how long it may be
  return size < 0 ? "none" : `${format.count(currentQueueSize)} of ${format.count(Math.min(size * reportingHosts, threshold))}`;
}

export const COLLAPSER_FACTS = [
  ["batches", (d) => format.count(d.rollingCountBatches)],
  ["requests", (d) => format.count(d.rollingCountRequestsBatched)],
  ["from cache", (d) => format.count(d.rollingCountResponsesFromCache)],
  ["mean batch", (d) => format.count(hosted(d, d.batchSize_mean))],
  ["median batch", (d) => format.count(hosted(d, d.batchSize["50"]))],
  ["p99 batch", (d) => format.count(hosted(d, d.batchSize["99"]))],
  ["largest", (d) => format.count(hosted(d, d.batchSize["100"]))],
  ["delay", (d) => format.duration(hosted(d, d.propertyValue_timerDelayInMilliseconds))],
];

export class CollapserCard extends FactCard {
  constructor(item, open) { super(item, "collapser", COLLAPSER_FACTS, open); }
}

/** Summed streams hold such values times their hosts, as Turbine leaves them. */
const hosted = (data, value) => Math.floor(value / (data.reportingHosts || 1));
