// Reading server-sent events with fetch. An EventSource would do the same, but it hides the status and
// the words of a refusal ("all places are taken"), and it cannot tell a silent server from a quiet one.

const SILENCE = 6000; // the server says at least "ping" twice a second
const WAITS = [500, 1000, 2000, 4000, 8000];

/**
 * Follow a stream for ever. handlers: event(object), sample() after each batch, up(), down(reason).
 * Returns a function that stops it.
 */
export function follow(url, handlers) {
  const state = { stopped: false, failures: 0, abort: null, timer: 0 };
  attempt(url, handlers, state);
  return () => {
    state.stopped = true;
    clearTimeout(state.timer);
    state.abort?.abort();
  };
}

async function attempt(url, handlers, state) {
  const reason = await read(url, handlers, state);
  if (state.stopped) return;
  const wait = WAITS[Math.min(state.failures++, WAITS.length - 1)];
  handlers.down(reason, wait);
  state.timer = setTimeout(() => attempt(url, handlers, state), wait);
}

/** One connection, from its start to its end; resolves to why it ended. */
async function read(url, handlers, state) {
  const abort = (state.abort = new AbortController());
  let watchdog = setTimeout(() => abort.abort(), SILENCE);
  try {
    const response = await fetch(url, { signal: abort.signal, cache: "no-store" });
    if (!response.ok) return (await response.text()).trim() || `the server answered ${response.status}`;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new Parser(handlers);
    handlers.up();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "the server ended the stream";
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE);
      if (parser.feed(value)) state.failures = 0;
    }
  } catch {
    return abort.signal.aborted ? "the server is silent" : "the server cannot be reached";
  } finally {
    clearTimeout(watchdog);
    abort.abort(); // whatever is left of the connection: a place in the stream is precious
  }
}

class Parser {
  constructor(handlers) {
    this.handlers = handlers;
    this.rest = "";
  }

  /** Take text as it comes; true once something whole was in it. */
  feed(text) {
    const parts = (this.rest + text).split("\n\n");
    this.rest = parts.pop();
    for (const part of parts) this.take(part);
    return parts.length > 0;
  }

  take(part) {
    if (part.startsWith("data: ")) this.handlers.event(JSON.parse(part.slice(6)));
    else if (part.startsWith("ping:")) this.handlers.sample();
  }
}
