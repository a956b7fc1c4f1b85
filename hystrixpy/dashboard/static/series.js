// The last two minutes of one circuit, in arrays of fixed size: a thousand circuits are a few megabytes.

const SIZE = 256;
export const SPAN = 120_000;
export const LINES = ["rate", "errors", "success", "failure", "timeout", "rejected", "shortCircuited", "p50", "p99"];

export class Series {
  constructor() {
    this.times = new Float64Array(SIZE);
    this.lines = Object.fromEntries(LINES.map((name) => [name, new Float32Array(SIZE)]));
    this.next = 0;
    this.length = 0;
  }

  push(time, values) {
    this.times[this.next] = time;
    for (const name of LINES) this.lines[name][this.next] = values[name];
    this.next = (this.next + 1) % SIZE;
    this.length = Math.min(this.length + 1, SIZE);
  }

  /** Visit (time, place in the arrays), oldest first, of what is younger than two minutes. */
  each(now, visit) {
    for (let i = 0; i < this.length; i++) {
      const at = (this.next - this.length + i + SIZE) % SIZE;
      if (now - this.times[at] <= SPAN) visit(this.times[at], at);
    }
  }

  /** [times in seconds, one array per wanted line], as uPlot wants them. */
  table(now, names) {
    const table = [[], ...names.map(() => [])];
    this.each(now, (time, at) => {
      table[0].push(time / 1000);
      names.forEach((name, i) => table[i + 1].push(this.lines[name][at]));
    });
    return table;
  }
}
