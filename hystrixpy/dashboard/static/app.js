// The page: a stream feeds a model, and twice a second the cards follow the model.

import { CircuitCard } from "./circuit-card.js";
import { CircuitSheet } from "./detail.js";
import { Dialog } from "./dialog.js";
import { byId, setData, setText } from "./dom.js";
import * as format from "./format.js";
import { Grid } from "./grid.js";
import { Model } from "./model.js";
import { Order, byName } from "./order.js";
import { COLLAPSER_FACTS, CollapserCard, POOL_FACTS, PoolCard } from "./small-cards.js";
import { SmallSheet } from "./small-detail.js";
import { watchSources } from "./sources.js";
import { follow } from "./stream.js";
import { initTheme } from "./theme.js";

const RESORT = 10_000; // as Netflix's page: cards that jump twice a second cannot be read

const model = new Model();
const dialog = new Dialog();
const openCircuit = (item) => dialog.show(new CircuitSheet(item), model.circuits);
const openPool = (item) => dialog.show(new SmallSheet(item, "threadpools", "thread pool", POOL_FACTS), model.pools);
const openCollapser = (item) => dialog.show(new SmallSheet(item, "collapsers", "collapser", COLLAPSER_FACTS), model.collapsers);
const order = new Order(() => arrange());
const everything = { compare: byName, keep: () => true };
const circuits = new Grid("circuits", model.circuits, (item) => new CircuitCard(item, openCircuit), order);
const pools = new Grid("pools", model.pools, (item) => new PoolCard(item, openPool), everything);
const collapsers = new Grid("collapsers", model.collapsers, (item) => new CollapserCard(item, openCollapser), everything);

let arranged = 0;
let painting = false;
let lostAt = 0;
let clock = 0;

model.onTransition = (item, change) => {
  // Polite, and the news of one sample in one sentence: a screen reader is not to be drowned.
  const announcer = byId("announcer");
  clearTimeout(clock);
  announcer.news = [...(announcer.news ?? []), `${item.key}: ${change}`].slice(-5);
  clock = setTimeout(() => { announcer.textContent = announcer.news.join(". "); announcer.news = []; }, 300);
  arranged = 0;
};

/** Draw at the next frame, however many samples came meanwhile. A hidden page draws nothing. */
function paint() {
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => { painting = false; refresh(); });
}

function refresh() {
  const now = Date.now();
  if (!lostAt) model.sweep(now); // while nobody speaks, silence means nothing
  const added = [circuits, pools, collapsers].map((grid) => grid.update(now)).some(Boolean);
  if (added || now - arranged > RESORT) arrange();
  totals();
  dialog.update();
}

function arrange() {
  arranged = Date.now();
  const shown = circuits.arrange();
  pools.arrange();
  collapsers.arrange();
  byId("circuits-empty").hidden = shown > 0;
  setText(byId("circuits-empty"), model.circuits.size ? "No circuit matches the filter." : "No circuit yet: they appear with the first call of a command.");
}

function totals() {
  const items = [...model.circuits.values()];
  const calls = items.reduce((sum, { data }) => sum + data.requestCount, 0);
  const errors = items.reduce((sum, { data }) => sum + data.errorCount, 0);
  const open = items.filter(({ view }) => view.state === "open" || view.state === "forced_open" || view.state === "mixed").length;
  const halfOpen = items.filter(({ view }) => view.state === "half_open").length;
  setText(byId("total-rate"), `${format.rate(items.reduce((sum, { view }) => sum + view.rate, 0))}/s`);
  setText(byId("total-errors"), `${calls ? Math.floor((100 * errors) / calls) : 0}%`);
  for (const [id, n] of [["total-open", open], ["total-half-open", halfOpen]]) {
    setText(byId(id), n);
    setData(byId(id).parentElement, "any", n > 0);
  }
  document.title = open ? `(${open} open) hystrixpy` : "hystrixpy";
}

function up() {
  if (lostAt) model.resume();
  lostAt = 0;
  byId("lost").hidden = true;
  document.body.classList.remove("stale");
  setData(byId("connection"), "state", "live");
  setText(byId("connection"), "live");
}

function down(reason, wait) {
  lostAt ||= Date.now();
  setData(byId("connection"), "state", "lost");
  setText(byId("connection"), "lost");
  document.body.classList.add("stale");
  const banner = byId("lost");
  banner.hidden = false;
  setText(banner, `Stream lost at ${format.clock(lostAt)}: ${reason}. The numbers below are old. Trying again every ${wait / 1000} s.`);
}

initTheme(paint);
follow("hystrix.stream", { event: (event) => model.take(event), sample: paint, up, down });
watchSources();
