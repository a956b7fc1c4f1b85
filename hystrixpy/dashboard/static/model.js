// What the stream said last, and what follows from it. Knows nothing of the page.

import { Series } from "./series.js";

const GONE = 5000; // ms without an event after which a thing is taken for gone
const MOST_EVENTS = 100;
const UNBOUNDED = 2 ** 31 - 1; // what the stream sends for no limit

export class Model {
  constructor() {
    this.kinds = { HystrixCommand: new Map(), HystrixThreadPool: new Map(), HystrixCollapser: new Map() };
    this.onTransition = () => {};
  }

  get circuits() { return this.kinds.HystrixCommand; }
  get pools() { return this.kinds.HystrixThreadPool; }
  get collapsers() { return this.kinds.HystrixCollapser; }

  /** Take one event of the stream. */
  take(event, now = Date.now()) {
    const known = this.kinds[event.type];
    if (!known) return;
    let item = known.get(event.name);
    if (!item) known.set(event.name, (item = { key: event.name, series: new Series(), events: [] }));
    const before = item.data;
    item.data = event;
    item.seen = now;
    if (event.type === "HystrixCommand") this.follow(item, before, now);
  }

  follow(item, before, now) {
    item.view = circuitView(item.data);
    item.series.push(now, item.view);
    const change = before && changed(before, item.data);
    if (!change) return;
    item.events.unshift({ time: now, text: change });
    item.events.length = Math.min(item.events.length, MOST_EVENTS);
    this.onTransition(item, change);
  }

  /** Forget what the stream no longer tells of; the names of what went. */
  sweep(now = Date.now()) {
    for (const known of Object.values(this.kinds)) {
      for (const [name, item] of known) if (now - item.seen > GONE) known.delete(name);
    }
  }

  /** After a pause of the stream nothing is gone merely because nobody spoke of it. */
  resume(now = Date.now()) {
    for (const known of Object.values(this.kinds)) for (const item of known.values()) item.seen = now;
  }
}

/** The numbers of a circuit as the page shows them: those of one process, or of many summed. */
export function circuitView(data) {
  const seconds = data.propertyValue_metricsRollingStatisticalWindowInMilliseconds / 1000;
  const latency = data.hystrixpyLatencyExecute ?? averaged(data);
  return {
    state: stateOf(data),
    rate: data.requestCount / seconds,
    errorPercentage: data.requestCount ? Math.floor((100 * data.errorCount) / data.requestCount) : 0,
    errors: data.errorCount / seconds,
    success: data.rollingCountSuccess / seconds,
    failure: data.rollingCountFailure / seconds,
    timeout: data.rollingCountTimeout / seconds,
    rejected: rejections(data) / seconds,
    shortCircuited: data.rollingCountShortCircuited / seconds,
    latency,
    p50: latency["50"],
    p99: latency["99"],
    active: data.currentConcurrentExecutionCount,
    limit: data.hystrixpyConcurrencyLimit < UNBOUNDED ? data.hystrixpyConcurrencyLimit : null,
    abandoned: data.hystrixpyAbandoned ?? 0,
  };
}

export const rejections = (data) => data.rollingCountThreadPoolRejected + data.rollingCountSemaphoreRejected;

/** Hystrix itself sends no histograms, and who sums its streams sums percentiles too. */
function averaged(data) {
  const shown = Object.entries(data.latencyExecute).map(([p, ms]) => [p, ms / data.reportingHosts]);
  return { mean: data.latencyExecute_mean / data.reportingHosts, ...Object.fromEntries(shown) };
}

/** closed, open, half_open, mixed (hosts differ), forced_open, forced_closed, disabled (lets everything through) */
export function stateOf(data) {
  if (data.propertyValue_circuitBreakerEnabled === false) return "disabled";
  if (data.hystrixpyForced) return `forced_${data.hystrixpyForced}`;
  if (data.propertyValue_circuitBreakerForceOpen === true) return "forced_open";
  if (data.propertyValue_circuitBreakerForceClosed === true) return "forced_closed";
  if (data.hystrixpyState) return data.hystrixpyState;
  const open = data.isCircuitBreakerOpen;
  if (typeof open === "object") return "mixed";
  return open === true || (open > 0 && open === data.reportingHosts) ? "open" : open ? "mixed" : "closed";
}

/** What happened between two events of one circuit, in words, or "". */
function changed(before, after) {
  const [from, to] = [stateOf(before), stateOf(after)];
  if (from !== to) return `${stateText(before)} → ${stateText(after)}`;
  const more = (after.hystrixpyTransitions?.open ?? 0) - (before.hystrixpyTransitions?.open ?? 0);
  return more > 0 ? `opened ${more === 1 ? "once" : `${more} times`} and is ${words(to)} again` : "";
}

/** The state of a circuit in words; where processes differ, how many of them are not closed. */
export function stateText(data) {
  const state = stateOf(data);
  const states = data.hystrixpyStates;
  if (state !== "mixed" || !states) return words(state);
  const [kind, n] = states.open ? ["open", states.open] : ["half-open", states.half_open];
  return `${n} of ${data.reportingHosts} ${kind}`;
}

const WORDS = { half_open: "half-open", disabled: "breaker off" };

/** A state in words: half_open -> "half-open", forced_open -> "forced open". */
export const words = (state) => WORDS[state] ?? state.replace("_", " ");

/** Whether the breaker is where it should be. */
export const isCalm = (state) => state === "closed" || state === "disabled";

/** Whether somebody should look at this circuit. */
export function inTrouble(item) {
  const { state, errorPercentage, abandoned } = item.view;
  return !isCalm(state) || errorPercentage >= 10 || abandoned > 0 || rejections(item.data) > 0;
}
