// The request rate of the last two minutes, drawn on a small canvas: errors in red below all requests.

import { SPAN } from "./series.js";

let palette = null;

/** Forget the colours: the theme has changed. */
export function repaint() { palette = null; }

function colours() {
  if (!palette) {
    const style = getComputedStyle(document.documentElement);
    palette = { line: style.getPropertyValue("--spark"), fill: style.getPropertyValue("--spark-fill"), error: style.getPropertyValue("--failure") };
  }
  return palette;
}

export function draw(canvas, series, now) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const top = highest(series, now);
  if (top === 0) return;
  const place = { width, height: height - 2 * scale, now, top, base: height - scale };
  trace(pen, series, "rate", place, colours().line, colours().fill, 1.25 * scale);
  trace(pen, series, "errors", place, colours().error, colours().error, 0);
}

function highest(series, now) {
  let top = 0;
  series.each(now, (_, at) => { top = Math.max(top, series.lines.rate[at]); });
  return top;
}

function trace(pen, series, name, { width, height, now, top, base }, line, fill, thickness) {
  const values = series.lines[name];
  let first = null;
  let last = 0;
  pen.beginPath();
  series.each(now, (time, at) => {
    const x = width * (1 - (now - time) / SPAN);
    const y = base - (values[at] / top) * height;
    if (first === null) { first = x; pen.moveTo(x, y); } else pen.lineTo(x, y);
    last = x;
  });
  if (first === null) return;
  if (thickness) { pen.strokeStyle = line; pen.lineWidth = thickness; pen.stroke(); }
  pen.lineTo(last, base);
  pen.lineTo(first, base);
  pen.closePath();
  pen.fillStyle = fill;
  pen.fill();
}
