// Which processes the page tells of, and which of them have vanished.

import { byId, el, setData, setText } from "./dom.js";
import * as format from "./format.js";

const EVERY = 2500;

export function watchSources() {
  let shown = "";
  const ask = async () => {
    try {
      const answer = await fetch("hystrixpy/sources.json", { cache: "no-store" });
      const text = answer.ok ? await answer.text() : "";
      if (text && text !== shown) { shown = text; show(JSON.parse(text)); }
    } catch { /* the stream says so already */ }
    setTimeout(ask, EVERY);
  };
  ask();
}

function show({ merged, sources }) {
  const box = byId("sources");
  box.hidden = sources.length === 0;
  const lost = sources.filter((source) => source.state && source.state !== "live").length;
  setData(box, "lost", lost > 0);
  setText(byId("sources-summary"), merged ? summary(sources.length, lost) : sources[0].hystrixpyInstance);
  byId("sources-list").replaceChildren(...sources.map(merged ? sourceLine : selfLine));
}

function summary(total, lost) {
  const word = total === 1 ? "process" : "processes";
  return lost ? `${total - lost} of ${total} ${word}, ${lost} lost` : `${total} ${word}`;
}

function sourceLine(source) {
  const line = el("li", "", el("span", "what", source.hystrixpyInstance || source.url), " ", el("span", "why", reason(source)));
  line.dataset.state = source.state;
  line.title = source.url;
  return line;
}

function reason({ state, since, circuits, reason: why }) {
  if (state === "live") return `live, ${format.plural(circuits, "circuit")}`;
  return `${state} since ${format.clock(since)}${why ? ` (${why})` : ""}`;
}

function selfLine({ python, startedAt, version }) {
  return el("li", "", `hystrixpy${version ? ` ${version}` : ""} · Python ${python} · since ${new Date(startedAt).toLocaleString("en-GB")}`);
}
