// Draws the plots and the table of a report. The columns of the run are decoded once, and all plots share them.
(() => {
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const ARRAYS = { i1: Int8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };
const FEW = 1500;        // points up to which SVG is drawn, which is sharper than WebGL
const MOST_SVG = 4000;   // points of a plot without WebGL, and on paper
const MOST_SHOWN = 20000;
const PAGE = 25;         // rows of the table at once
const RAMP = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#bddf26"];   // viridis without its lightest end
const COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999933", "#888888"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "star", "pentagon", "hexagon", "triangle-down"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const fields = data.fields || [];
const fieldOf = Object.fromEntries(fields.map((one) => [one.key, one]));
const cache = new Map();
let buffer = null;
let printing = false;
let mask = null;         // rows that the filters of the table let through; null for all

// --- data -------------------------------------------------------------------------------------------------------

async function inflated(id) {
  const holder = document.getElementById(id);
  const text = atob(holder.textContent);
  holder.remove();
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function column(name) {
  if (cache.has(name)) return cache.get(name);
  const [code, offset, length] = data.columns[name];
  const size = Number(code[1]);
  const bytes = new Uint8Array(length * size);
  for (let plane = 0; plane < size; plane++) {
    const from = offset + plane * length;
    for (let k = 0; k < length; k++) bytes[k * size + plane] = buffer[from + k];
  }
  const values = new ARRAYS[code](bytes.buffer);
  cache.set(name, values);
  return values;
}

function has(name) { return name in data.columns; }

function valueAt(field, row) {
  const value = column(field.key)[row];
  return field.choices && value < 0 ? NaN : value;
}

function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(6)));
}

function shownText(field, row) {
  const value = valueAt(field, row);
  if (field.choices) return Number.isNaN(value) ? "–" : field.choices[value];
  return number(value);
}

function label(field) { return field.unit ? `${field.name} (${field.unit})` : field.name; }

// plotly reads a small HTML in its texts: what is archived must not be read so.
function safe(text) { return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }

function cut(text, most = 30) { text = String(text); return text.length > most ? text.slice(0, most - 1) + "…" : text; }

const objectives = fields.filter((one) => one.better);
// What stands where the fitness would: without objectives, observables.
const measures = objectives.length ? objectives : fields.filter((one) => /^fitness\d+$/.test(one.key));
const parameters = fields.filter((one) => one.parameter);

function bestRow(objective) {
  const values = column(objective.key), sign = objective.better === "maximize" ? -1 : 1;
  let best = -1, lowest = Infinity;
  for (let row = 0; row < values.length; row++) {
    const cost = sign * values[row];
    if (cost < lowest) { lowest = cost; best = row; }
  }
  return best;
}

function rowsShown() {
  let rows = column("shown");
  if (mask) {
    const passing = [];
    for (let row = 0; row < mask.length && passing.length <= MOST_SHOWN; row++) if (mask[row]) passing.push(row);
    rows = passing.length <= MOST_SHOWN ? Int32Array.from(passing) : rows.filter((row) => mask[row]);
  }
  const most = printing || !webgl() ? MOST_SVG : Infinity;
  if (rows.length <= most) return rows;
  const keep = new Set(objectives.map(bestRow));
  if (has("front")) for (const row of column("front")) keep.add(row);
  const status = column("status"), stride = Math.ceil(rows.length / most);
  return rows.filter((row, place) => place % stride === 0 || keep.has(row) || status[row] > 0);
}

let webglKnown;
function webgl() {
  if (webglKnown === undefined) {
    const context = document.createElement("canvas").getContext("webgl");
    webglKnown = Boolean(context);
    const release = context && context.getExtension("WEBGL_lose_context");
    if (release) release.loseContext();   // a browser has few of them
  }
  return webglKnown;
}

function kindFor(count) { return count > FEW && webgl() && !printing ? "scattergl" : "scatter"; }

// --- look -------------------------------------------------------------------------------------------------------

function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim(); }

function isDark() { return matchMedia("(prefers-color-scheme: dark)").matches && !printing; }

// The best end is the one that stands out from the ground.
function scale(better) {
  const ramp = isDark() ? RAMP.slice(1) : RAMP.slice(0, 5);
  const ordered = (better === "minimize") === isDark() ? [...ramp].reverse() : ramp;
  const turned = better === "maximize" && isDark() ? ramp : better === "maximize" ? [...ramp].reverse() : ordered;
  return turned.map((one, place) => [place / (turned.length - 1), one]);
}

// A status has one colour in all plots; the one behind the last is a trial of the validation.
function isFailure(code) { return code > 0 && code < data.statuses.length; }

function statusColor(code) { return isFailure(code) ? COLORS[(code + 4) % 8] : color(code ? "good" : "first"); }

function isNarrow() { return innerWidth < 640; }

function layout(more) {
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: color("ink"), size: 12, family: 'system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif' },
    margin: { l: 10, r: 12, t: 8, b: 10 }, hovermode: "closest",
    hoverlabel: { bgcolor: color("sheet"), font: { color: color("ink") }, bordercolor: color("line") },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 }, itemsizing: "constant" },
    ...more,
  };
  for (const name of Object.keys(base)) {
    if (!/^[xy]axis\d*$/.test(name)) continue;
    const given = base[name];
    base[name] = {
      gridcolor: color("grid"), zerolinecolor: color("line"), linecolor: color("line"), automargin: true,
      exponentformat: "power", ...given,
      title: { text: safe(cut(given.label || "", isNarrow() ? 44 : 60)), standoff: 8, font: { size: 12 } },
    };
    delete base[name].label;
  }
  return base;
}

const CONFIG = { responsive: true, displayModeBar: false };   // plotly's own buttons cover the legend

// How many decades positive numbers span; NaN where one is not positive.
function decades(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value <= 0) return NaN;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return Math.log10(high / low);
}

// A fitness is worth a logarithmic scale from two decades on; a parameter has the scale on which it is searched.
function isLog(field, values) { return field.log ? decades(values) > 0 : Boolean(field.better) && decades(values) > 2; }

function axis(field, values) {
  if (field.choices) {
    const step = Math.ceil(field.choices.length / 24);
    const places = field.choices.map((_, place) => place).filter((place) => place % step === 0);
    return {
      label: label(field), tickvals: places, ticktext: places.map((place) => safe(cut(field.choices[place], 16))),
      range: [-0.6, field.choices.length - 0.4], zeroline: false,
    };
  }
  const drawn = values || column(field.key), log = isLog(field, drawn);
  const found = { label: label(field), type: log ? "log" : "linear", zeroline: false };
  if (log && decades(drawn) > 1.2 && decades(drawn) < 3) found.dtick = "D2";   // 1, 2, 5, not all digits
  return field.whole && !log ? { ...found, ...wholeTicks(values || column(field.key)) } : found;
}

// Few whole numbers get no ticks between them.
function wholeTicks(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
  return high - low <= 10 ? { dtick: 1, tick0: 0 } : {};
}

// Individuals of one category would lie on one line.
function spreadOut(field, row) {
  const value = valueAt(field, row);
  return field.choices ? value + (((row * 0.6180339887) % 1) - 0.5) * 0.5 : value;
}

// --- panels -----------------------------------------------------------------------------------------------------

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function choice(panel, name, options, chosen, key) {
  const holder = make("label", "", name);
  const select = make("select");
  select.dataset.choice = key;
  for (const [value, text] of options) {
    const option = make("option", "", cut(text, 48));
    option.value = value;
    select.append(option);
  }
  select.value = chosen;
  panel.state[key] = select.value;
  select.addEventListener("change", () => { panel.state[key] = select.value; panel.draw(); });
  holder.append(select);
  panel.controls.append(holder);
}

function fieldChoice(panel, name, key, chosen, which = () => true) {
  const options = fields.filter((one) => !one.spread && which(one)).map((one) => [one.key, label(one)]);
  choice(panel, name, options, chosen, key);
}

const panels = [];

function addPanel(plot, place) {
  const whole = ["parallel", "timeline"].includes(plot.kind) || plot.whole;
  const box = make("article", `panel${whole ? " whole" : ""}${plot.kind === "failures" ? " low" : ""}`);
  const panel = { plot, box, state: {}, rows: [], drawn: false };
  panel.controls = make("div", "controls");
  panel.target = make("div", "plot");
  panel.target.id = `plot-${plot.kind}`;
  panel.target.setAttribute("role", "img");
  panel.target.setAttribute("aria-label", plot.title);
  const holder = make("div", "scroll");
  holder.append(panel.target);
  panel.remark = make("p", "note", plot.note || "");
  panel.head = make("div", "head");
  panel.head.append(make("h3", "", plot.title));
  box.append(panel.head, panel.controls, holder, panel.remark);
  panel.draw = () => {
    panel.rows = [];
    const [traces, said] = DRAW[plot.kind](panel, plot);
    const first = !panel.drawn;
    panel.drawn = true;
    Plotly.react(panel.target, traces, said, CONFIG);
    if (first) {
      panel.target.on("plotly_hover", (event) => showTip(panel, event));
      panel.target.on("plotly_unhover", hideTip);
    }
  };
  panel.clear = () => {
    if (!panel.drawn) return;
    Plotly.purge(panel.target);
    panel.drawn = false;
  };
  (SETUP[plot.kind] || (() => {}))(panel, plot);
  addButtons(panel);
  panels.push(panel);
  place.append(box);
}

function addButtons(panel) {
  const whole = make("button", "", "whole"), image = make("button", "", "save"), group = make("span", "buttons");
  whole.title = "show all again after zooming";
  whole.addEventListener("click", () => { panel.clear(); panel.draw(); });
  image.title = "save as a PNG file";
  image.addEventListener("click", () => {
    Plotly.downloadImage(panel.target, { format: "png", scale: 2, filename: `${document.title}-${panel.plot.kind}` });
  });
  group.append(whole, image);
  panel.head.append(group);
}

const tip = document.getElementById("tip");

function showTip(panel, event) {
  const point = event.points[0], rows = panel.rows[point.curveNumber];
  if (!rows) return;
  const row = rows[point.pointNumber];
  if (row === undefined) return;
  const list = make("dl");
  const used = new Set(Object.values(panel.state));
  const wanted = fields.filter((one, place) => place < 9 || used.has(one.key));
  for (const field of wanted) list.append(make("dt", "", label(field)), make("dd", "", cut(shownText(field, row), 60)));
  tip.replaceChildren(list);
  tip.hidden = false;
  tip.dataset.row = row;
  const at = event.event, width = tip.offsetWidth, height = tip.offsetHeight;
  const left = at.clientX + 16 + width > innerWidth ? at.clientX - 16 - width : at.clientX + 16;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, Math.min(at.clientY + 12, innerHeight - height - 6))}px`;
}

function hideTip() { tip.hidden = true; }

// --- points -----------------------------------------------------------------------------------------------------

function marker(size, more) { return { size, line: { width: 0 }, ...more }; }

function cloud(panel, xField, yField, colorField) {
  const rows = rowsShown(), status = column("status");
  const good = [], strip = [], crosses = [];
  for (const row of rows) {
    const x = valueAt(xField, row), y = valueAt(yField, row);
    if (status[row] > 0) {
      if (Number.isNaN(x)) continue;
      (Number.isNaN(y) ? strip : crosses).push(row);
    } else if (!Number.isNaN(x) && !Number.isNaN(y)) good.push(row);
  }
  const size = good.length > 5000 ? 3.5 : good.length > 800 ? 5 : 7;
  const type = kindFor(good.length);
  const traces = [];
  const add = (chosen, trace) => {
    panel.rows[traces.length] = chosen;
    traces.push({
      type, mode: "markers", hoverinfo: "none",
      x: chosen.map((row) => spreadOut(xField, row)), y: chosen.map((row) => spreadOut(yField, row)), ...trace,
    });
  };
  if (colorField && colorField.choices) {
    const codes = column(colorField.key);
    colorField.choices.forEach((name, code) => {
      const mine = good.filter((row) => codes[row] === code);
      if (!mine.length) return;
      add(mine, { name: safe(cut(name, 18)), marker: marker(size, { color: COLORS[code % 8], symbol: SYMBOLS[code % 8] }) });
    });
  } else if (colorField) {
    add(good, { name: "individual", showlegend: false, marker: marker(size, coloured(colorField, good)) });
  } else add(good, { name: "individual", marker: marker(size, { color: color("first"), opacity: 0.6 }) });
  const failed = { color: color("bad"), symbol: "x-thin-open", line: { width: 1.2, color: color("bad") } };
  if (crosses.length) add(crosses, { name: "failed", type: kindFor(crosses.length), marker: marker(7, failed) });
  if (strip.length) {
    add(strip, {
      name: "failed", type: kindFor(strip.length), marker: marker(7, failed), y: strip.map(() => 0), yaxis: "y2",
    });
  }
  return { traces, strip: strip.length > 0 };
}

function coloured(field, rows) {
  const values = rows.map((row) => valueAt(field, row));
  const some = values.filter((value) => !Number.isNaN(value));
  if (some.every((value) => value === some[0])) return { color: color("first"), opacity: 0.8 };   // nothing to tell apart
  const log = isLog(field, values);
  const drawn = log ? values.map(Math.log10) : values;
  const bar = {
    title: { text: safe(cut(label(field), 40)), side: "right", font: { size: 11 } }, thickness: 10, outlinewidth: 0,
    tickfont: { size: 10 }, exponentformat: "power",
  };
  if (field.whole && !log) Object.assign(bar, wholeTicks(some));
  if (log) {
    let low = Infinity, high = -Infinity;
    for (const one of drawn) { if (one < low) low = one; if (one > high) high = one; }
    const step = Math.max(1, Math.ceil((high - low) / 6)), ticks = [];
    for (let k = Math.ceil(low); k <= high; k += step) ticks.push(k);
    if (ticks.length < 2) { ticks.length = 0; ticks.push(low, high); }
    bar.tickvals = ticks;
    bar.ticktext = ticks.map((k) => (Number.isInteger(k) && Math.abs(k) > 2 ? `10<sup>${k}</sup>` : number(10 ** k)));
  }
  return { color: drawn, colorscale: scale(field.better), colorbar: bar, opacity: rows.length > 5000 ? 0.7 : 0.85 };
}

function withStrip(made, said) {
  if (made.strip) {
    said.yaxis.domain = [0.1, 1];
    said.yaxis2 = {
      domain: [0, 0.055], range: [-1, 1], fixedrange: true, tickvals: [0], ticktext: ["failed"], showgrid: false,
      zeroline: false,
    };
    said.xaxis.anchor = "y2";
  }
  return layout(said);
}

function bestMark(panel, traces, xField, yField, objective, exact) {
  const place = exact ? valueAt : spreadOut;
  if (!objective) return;
  const row = bestRow(objective);
  if (row < 0 || (mask && !mask[row])) return;
  const x = valueAt(xField, row), y = valueAt(yField, row);
  if (Number.isNaN(x) || Number.isNaN(y)) return;
  panel.rows[traces.length] = [row];
  traces.push({
    type: "scatter", mode: "markers", name: "best", hoverinfo: "none", x: [place(xField, row)], y: [place(yField, row)],
    marker: { size: 15, symbol: "star", color: color("second"), line: { width: 1.2, color: color("ink") } },
  });
}

const SETUP = {
  convergence(panel) {
    if (objectives.length > 1) choice(panel, "objective", objectives.map((one, k) => [k, label(one)]), 0, "objective");
    choice(panel, "over", [["generations", "generations"], ["individuals", "individuals"]], "generations", "over");
  },
  slice(panel) {
    fieldChoice(panel, "x", "x", parameters[0].key);
    fieldChoice(panel, "y", "y", measures[0].key);
    fieldChoice(panel, "colour", "color", "generation");
  },
  map(panel) {
    fieldChoice(panel, "x", "x", parameters[0].key);
    fieldChoice(panel, "y", "y", parameters[1].key);
    fieldChoice(panel, "colour", "color", measures[0].key);
  },
  front(panel) {
    fieldChoice(panel, "x", "x", objectives[0].key, (one) => one.better);
    fieldChoice(panel, "y", "y", objectives[1].key, (one) => one.better);
    fieldChoice(panel, "colour", "color", "generation");
  },
  parallel(panel) {
    fieldChoice(panel, "colour", "color", measures[0].key, (one) => !one.choices);
  },
  importance(panel, plot) {
    if (plot.series.length > 1) choice(panel, "objective", measures.map((one, k) => [k, label(one)]), 0, "objective");
  },
  observable(panel, plot) {
    if (plot.series.length > 1) choice(panel, "observable", plot.series.map((one, k) => [k, label(one)]), 0, "series");
  },
  overlay(panel, plot) {
    choice(panel, "scale", [["log", "logarithmic"], ["linear", "linear"]], plot.log ? "log" : "linear", "scale");
  },
};

const DRAW = {
  convergence(panel, plot) {
    const place = Number(panel.state.objective || 0), objective = objectives[place], series = plot.series[place];
    const over = panel.state.over, x = Array.from(column(`${over}_over`));
    const each = fieldOf[over === "generations" ? "generation" : "number"];
    const rows = Array.from(rowsShown()).filter((row) => !Number.isNaN(valueAt(objective, row)));
    const [best, low, median, high] = ["best", "low", "median", "high"].map((name) => Array.from(column(name + place)));
    const line = (name, y, more) => ({ type: "scatter", name, x, y, mode: x.length < 2 ? "markers" : "lines", ...more });
    const hover = "%{y:.5g}<extra>%{fullData.name}</extra>";
    const traces = [];
    panel.rows[0] = rows;
    traces.push({
      type: kindFor(rows.length), mode: "markers", name: "individual", hoverinfo: "none",
      x: rows.map((row) => valueAt(each, row) + (over === "individuals" ? 1 : 0)),
      y: rows.map((row) => valueAt(objective, row)),
      marker: marker(rows.length > 3000 ? 3 : 4, { color: color("point"), opacity: 0.45 }),
    });
    if (plot.generations > 1) {
      traces.push(line("lower quartile", low, { line: { width: 0 }, showlegend: false, hoverinfo: "skip" }));
      traces.push(line("middle half", high, {
        line: { width: 0 }, fill: "tonexty", fillcolor: color("wash"), hoverinfo: "skip",
      }));
      traces.push(line("median", median, { line: { color: color("first"), width: 1.5, dash: "dot" }, hovertemplate: hover }));
    }
    traces.push(line("best so far", best, {
      line: { color: color("second"), width: 2.5, shape: "hv" }, marker: { color: color("second"), size: 10, symbol: "star" },
      hovertemplate: hover,
    }));
    if (series.target !== null) {
      traces.push(line("target", x.map(() => series.target), { line: { color: color("faint"), width: 1, dash: "dash" }, hovertemplate: hover }));
    }
    if (series.validated.length) {
      traces.push({
        type: "scatter", mode: "markers", name: "validation", x: series.validated.map(() => x[x.length - 1]),
        y: series.validated.map((one) => one[1]), hovertemplate: hover,
        error_y: { type: "data", array: series.validated.map((one) => (one[3] > 1 ? one[2] / Math.sqrt(one[3]) : 0)) },
        marker: { symbol: "diamond-open", size: 10, line: { width: 2 }, color: color("good") },
      });
    }
    const y = axis(objective, [...best, ...median]);
    const title = over === "generations" ? "generation" : "individuals tested";
    return [traces, layout({ xaxis: { label: title, zeroline: false, ...wholeTicks(x) }, yaxis: y })];
  },

  slice(panel) {
    const [x, y, tint] = [panel.state.x, panel.state.y, panel.state.color].map((key) => fieldOf[key]);
    const made = cloud(panel, x, y, tint);
    bestMark(panel, made.traces, x, y, y.better ? y : objectives[0]);
    return [made.traces, withStrip(made, { xaxis: axis(x), yaxis: axis(y) })];
  },

  map(panel) {
    const [x, y, tint] = [panel.state.x, panel.state.y, panel.state.color].map((key) => fieldOf[key]);
    const grid = mask ? null : gridOf(x, y, tint);
    let made;
    const tinted = grid && coloured(tint, grid.at);
    if (grid && Array.isArray(tinted.color)) {
      const { colorscale, colorbar, color: flat } = tinted;
      const z = grid.z;
      let next = 0;
      grid.cells.forEach(([row, at]) => { z[row][at] = flat[next++]; });
      made = { traces: [{ type: "heatmap", x: grid.x, y: grid.y, z, colorscale, colorbar, hoverongaps: false,
        hovertemplate: "%{x:.5g}, %{y:.5g}<extra></extra>" }] };
      if (grid.failed.length) {
        made.traces.push({ type: "scatter", mode: "markers", name: "failed", hoverinfo: "none",
          x: grid.failed.map((one) => one[0]), y: grid.failed.map((one) => one[1]),
          marker: { symbol: "x-thin-open", size: 7, color: color("bad"), line: { width: 1.2, color: color("bad") } } });
      }
    } else made = cloud(panel, x, y, tint);
    bestMark(panel, made.traces, x, y, tint.better ? tint : objectives[0], made.traces[0] && made.traces[0].type === "heatmap");
    return [made.traces, withStrip(made, { xaxis: axis(x), yaxis: axis(y) })];
  },

  front(panel) {
    const [x, y, tint] = [panel.state.x, panel.state.y, panel.state.color].map((key) => fieldOf[key]);
    const made = cloud(panel, x, y, tint);
    const rows = Array.from(column("front")).filter((row) => !mask || mask[row]);
    rows.sort((a, b) => valueAt(x, a) - valueAt(x, b));
    panel.rows[made.traces.length] = rows;
    made.traces.push({
      type: "scatter", name: "Pareto front", hoverinfo: "none", mode: objectives.length === 2 ? "lines+markers" : "markers",
      x: rows.map((row) => valueAt(x, row)), y: rows.map((row) => valueAt(y, row)),
      line: { color: color("second"), width: 1.2 },
      marker: { size: 9, symbol: "circle-open", color: color("second"), line: { width: 2 } },
    });
    const title = (field) => ({ ...axis(field), label: `${label(field)}, ${field.better === "maximize" ? "more" : "less"} is better` });
    return [made.traces, withStrip(made, { xaxis: title(x), yaxis: title(y) })];
  },

  parallel(panel) {
    const tint = fieldOf[panel.state.color];
    let rows = Array.from(column("lines"));
    if (mask) rows = rows.filter((row) => mask[row]);
    const known = (field) => !rows.length || rows.some((row) => !Number.isNaN(valueAt(field, row)));
    const used = [...parameters.slice(0, printing ? 5 : 14), ...measures].slice(0, printing ? 7 : 99).filter(known);   // a page has room for seven
    const colours = coloured(tint, rows);
    let line = { color: colours.color };
    if (Array.isArray(colours.color)) {
      const known = colours.color.filter((value) => !Number.isNaN(value));
      const low = known.reduce((a, b) => Math.min(a, b), Infinity), high = known.reduce((a, b) => Math.max(a, b), -Infinity);
      const worst = tint.better === "maximize" ? low : high;
      line = {
        color: colours.color.map((value) => (Number.isNaN(value) ? worst : value)), colorscale: colours.colorscale,
        showscale: true, colorbar: { ...colours.colorbar, len: 0.95 }, cmin: low, cmax: high,
      };
    }
    const dimensions = used.map((field) => lineAxis(field, rows));
    const width = Math.max(panel.box.clientWidth, dimensions.length * 92);
    panel.target.style.width = width > panel.box.clientWidth ? `${width}px` : "";
    return [[{
      type: "parcoords", dimensions, labelfont: { size: 11, color: color("ink") }, tickfont: { size: 10, color: color("ink") },
      rangefont: { size: 9, color: color("faint") }, labelangle: dimensions.length > 7 || isNarrow() ? -16 : 0,
      line,
      unselected: { line: { color: color("line"), opacity: 0.25 } },
    }], layout({ margin: { l: 56, r: 20, t: dimensions.length > 7 || isNarrow() ? 74 : 44, b: 16 } })];
  },

  importance(panel, plot) {
    const place = Number(panel.state.objective || 0), series = plot.series[place];
    const y = series.names.map((name) => safe(cut(name, 24)));
    return [[
      {
        type: "bar", orientation: "h", x: series.value, y, name: "importance", marker: { color: color("first") },
        error_x: { type: "data", array: series.spread, color: color("faint"), thickness: 1.2, width: 3 },
        hovertemplate: "%{x:.3g}<extra></extra>",
      },
      {
        type: "scatter", mode: "markers", x: series.chance, y, name: "without any effect", hovertemplate: "%{x:.3g}<extra></extra>",
        marker: { symbol: "line-ns-open", size: 14, line: { width: 2, color: color("second") } },
      },
    ], layout({ xaxis: { label: series.axis, zeroline: true }, yaxis: { label: "", autorange: "reversed", type: "category" }, bargap: 0.35 })];
  },

  failures(panel, plot) {
    const x = plot.first;
    const traces = plot.statuses.map((name, place) => ({
      type: "bar", x, y: plot.counts[place], name,
      marker: { color: statusColor(data.statuses.indexOf(name)), pattern: { shape: ["", "/", ".", "x", "-", "+"][place % 6], size: 6 } },
      hovertemplate: "%{y} trials<extra>%{fullData.name}</extra>",
    }));
    const label = plot.width > 1 ? `generation, ${plot.width} per bar` : "generation";
    return [traces, layout({ barmode: "stack", showlegend: true, xaxis: { label, zeroline: false, ...wholeTicks(x) }, yaxis: { label: "failed trials", rangemode: "tozero", ...wholeTicks([0, plot.most]) } })];
  },

  timeline(panel, plot) {
    const start = column("bar_start"), seconds = column("bar_seconds"), lane = column("bar_lane"), status = column("bar_status");
    let span = 0;
    for (let k = 0; k < start.length; k++) span = Math.max(span, start[k] + seconds[k]);
    const [size, unit] = span > 7200 ? [3600, "h"] : span > 300 ? [60, "min"] : [1, "s"];
    const names = [...data.statuses, "validation"], traces = [];
    const high = panel.target.clientHeight * 0.62 / Math.max(1, plot.hosts.length);
    names.forEach((name, code) => {
      const x = [], y = [];
      for (let k = 0; k < start.length; k++) {
        if (status[k] !== code) continue;
        x.push(start[k] / size, (start[k] + Math.max(seconds[k], span / 2000)) / size, null);
        y.push(lane[k], lane[k], null);
      }
      if (!x.length) return;
      traces.push({
        type: "scatter", mode: "lines", x, y, name: code === 0 ? "OK" : name, connectgaps: false, hoverinfo: "none", yaxis: "y2",
        line: { simplify: false, width: Math.max(1.5, Math.min(16, high * 0.7)) * (isFailure(code) ? 0.5 : 1), color: statusColor(code) },   // thinner, so that grey tells them apart
      });
    });
    traces.push({
      type: "scatter", mode: "lines", x: plot.at.map((one) => one / size), y: plot.busy.map((one) => one * 100), fill: "tozeroy", name: "busy",
      showlegend: false, line: { width: 1, color: color("first") }, fillcolor: color("wash"), hovertemplate: "%{y:.3g} %<extra></extra>",
    });
    const ticks = hostTicks(plot.hosts);
    const shapes = plot.pauses.map(([at]) => ({
      type: "line", x0: at / size, x1: at / size, yref: "paper", y0: 0, y1: 1, line: { dash: "dot", width: 1, color: color("faint") },
    }));
    return [traces, layout({
      shapes, xaxis: { label: `time since the first trial began (${unit})`, zeroline: false, anchor: "y" },
      yaxis: { label: "busy (%)", domain: [0, 0.24], range: [0, 105], fixedrange: true },
      yaxis2: { label: "", domain: [0.3, 1], range: [plot.hosts.length - 0.4, -0.6], tickvals: ticks[0], ticktext: ticks[1], zeroline: false, fixedrange: true, showgrid: false },
    })];
  },

  observable(panel, plot) {
    const one = plot.series[Number(panel.state.series || 0)], named = label(one);
    const line = (name, x, y, more) => ({ type: "scatter", mode: x.length < 2 ? "markers" : "lines", name, x, y, hovertemplate: "%{y:.5g}<extra>%{fullData.name}</extra>", ...more });
    const middle = (x, quartiles, of) => [
      line("lower quartile", x, quartiles[0], { line: { width: 0 }, showlegend: false, hoverinfo: "skip", hovertemplate: null }),
      line(`middle half ${of}`, x, quartiles[2], { line: { width: 0 }, fill: "tonexty", fillcolor: color("wash"), hoverinfo: "skip", hovertemplate: null }),
      line(`median ${of}`, x, quartiles[1], { line: { color: color("first"), dash: "dot", width: 1.5 } }),
    ];
    const best = { line: { color: color("second"), width: 2.2 } };
    if (one.form === "generations") {
      const theBest = Array.from(one.best).some(Number.isFinite) ? [line("best individual so far", one.x, one.best, best)] : [];
      return [[...middle(one.x, one.quartiles, "of trials"), ...theBest],
        layout({ xaxis: { label: "generation", zeroline: false, ...wholeTicks(one.x) }, yaxis: { label: named } })];
    }
    if (one.form === "vector") {
      const mine = [line(`individual ${one.individual}`, one.x, one.mean, best)];
      if (one.trials > 1) {
        mine.unshift(line("least", one.x, one.low, { line: { width: 0 }, showlegend: false, hoverinfo: "skip", hovertemplate: null }),
          line("range over its trials", one.x, one.high, { line: { width: 0 }, fill: "tonexty", fillcolor: "rgba(240,160,75,0.3)", hoverinfo: "skip", hovertemplate: null }));
      }
      return [[...middle(one.x, one.quartiles, `of generation ${one.generation}`), ...mine],
        layout({ xaxis: { label: "component", zeroline: false }, yaxis: { label: named } })];
    }
    if (one.form === "matrix") {
      return [[{ type: "heatmap", x: one.x, y: one.y, z: one.z, colorscale: scale(), colorbar: { thickness: 10, outlinewidth: 0, title: { text: safe(cut(named, 40)), side: "right" } } }],
        layout({ xaxis: { label: `column of individual ${one.individual}`, zeroline: false }, yaxis: { label: "row", autorange: "reversed" } })];
    }
    const x = [], y = [];
    one.values.forEach((values, row) => values.forEach((value) => { x.push(value); y.push(row); }));
    return [[{ type: kindFor(x.length), mode: "markers", x, y, hoverinfo: "none", showlegend: false, marker: { symbol: "line-ns-open", size: 7, color: color("first"), line: { width: 1.2, color: color("first") } } }],
      layout({ xaxis: { label: named, zeroline: false }, yaxis: { label: "individual-trial, best first", range: [one.rows.length - 0.5, -0.5], tickvals: one.rows.map((_, k) => k), ticktext: one.rows, zeroline: false } })];
  },

  overlay(panel, plot) {
    const traces = [];
    plot.groups.forEach((group, place) => {
      const tint = COLORS[place % 8], name = safe(cut(group.name, 44)), dash = DASHES[Math.floor(place / 8) % 6 || place % 6];
      const common = { type: "scatter", mode: "lines", x: group.x, legendgroup: place };
      if (group.low) {
        traces.push({ ...common, y: group.low, line: { width: 0, shape: "hv" }, showlegend: false, hoverinfo: "skip" });
        traces.push({ ...common, y: group.high, line: { width: 0, shape: "hv" }, fill: "tonexty", fillcolor: tint + "33", showlegend: false, hoverinfo: "skip" });
      }
      traces.push({ ...common, y: group.median, name, line: { color: tint, width: 2.4, dash, shape: "hv" }, hovertemplate: "%{y:.5g}<extra>%{fullData.name}</extra>" });
    });
    return [traces, layout({ showlegend: true, xaxis: { label: "individuals tested", zeroline: false }, yaxis: { label: plot.axis, type: panel.state.scale, zeroline: false } })];
  },

  quality(panel, plot) {
    const traces = plot.groups.map((group, place) => ({
      type: "box", name: safe(cut(group.name, 24)), y: group.values, boxpoints: "all", jitter: 0.4, pointpos: 0, fillcolor: COLORS[place % 8] + "22",
      marker: { color: COLORS[place % 8], symbol: SYMBOLS[place % 8], size: 7 }, line: { width: 1.4 }, text: group.runs.map(safe), hovertemplate: "%{text}: %{y:.6g}<extra></extra>", boxmean: false,
    }));
    return [traces, layout({ showlegend: false, xaxis: { label: "" }, yaxis: { label: plot.axis, type: plot.log ? "log" : "linear", zeroline: false } })];
  },
};

function hostTicks(hosts) {
  const places = [], names = [];
  for (let k = 0; k < hosts.length; ) {
    let end = k;
    while (end < hosts.length && hosts[end] === hosts[k]) end++;
    places.push((k + end - 1) / 2);
    names.push(safe(cut(hosts[k], isNarrow() ? 9 : 20)));
    k = end;
  }
  const stride = Math.ceil(places.length / 24);
  return [places.filter((_, k) => k % stride === 0), names.filter((_, k) => k % stride === 0)];
}

// An axis of parallel coordinates; those without a value stand below its lower end.
function lineAxis(field, rows) {
  const values = rows.map((row) => valueAt(field, row));
  const log = !field.choices && isLog(field, values);
  const drawn = log ? values.map(Math.log10) : values;
  let low = Infinity, high = -Infinity, missing = false;
  for (const value of drawn) {
    if (Number.isNaN(value)) { missing = true; continue; }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (high === low) { high += 0.5 * (Math.abs(high) || 1); low -= 0.5 * (Math.abs(low) || 1); }
  const none = low - 0.1 * (high - low);
  const found = { label: safe(cut(label(field), 16)), values: drawn.map((value) => (Number.isNaN(value) ? none : value)), range: [missing ? none : low, high] };
  if (field.choices) {
    found.tickvals = field.choices.map((_, place) => place);
    found.ticktext = field.choices.map((name) => safe(cut(name, 12)));
    found.range = [missing ? none : -0.1, field.choices.length - 0.9];
  } else {
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
    found.tickvals = ticks;
    found.ticktext = ticks.map((value) => String(Number((log ? 10 ** value : value).toPrecision(3))));
  }
  if (missing) { found.tickvals.push(none); found.ticktext.push(field.better ? "failed" : "inactive"); }
  return found;
}

// The cells of a grid that is at least half full; null where individuals form none.
function gridOf(xField, yField, tint) {
  if (tint.choices || xField === yField) return null;
  const n = data.rows, xs = new Map(), ys = new Map();
  const x = column(xField.key), y = column(yField.key), status = column("status");
  for (let row = 0; row < n; row++) {
    if (Number.isNaN(x[row]) || Number.isNaN(y[row])) return null;
    xs.set(x[row], 0); ys.set(y[row], 0);
    if (xs.size * ys.size > 2 * n) return null;
  }
  if (xs.size < 2 || ys.size < 2) return null;
  const sorted = (map) => { const keys = [...map.keys()].sort((a, b) => a - b); keys.forEach((key, k) => map.set(key, k)); return keys; };
  const atX = sorted(xs), atY = sorted(ys);
  const best = new Map(), failed = new Map(), sign = tint.better === "maximize" ? -1 : 1;
  for (let row = 0; row < n; row++) {
    const cell = ys.get(y[row]) * atX.length + xs.get(x[row]);
    const value = valueAt(tint, row);
    if (Number.isNaN(value)) { if (status[row] > 0) failed.set(cell, [x[row], y[row]]); continue; }
    if (!best.has(cell) || sign * value < sign * valueAt(tint, best.get(cell))) best.set(cell, row);
  }
  if (atX.length * atY.length > 2 * (best.size + failed.size)) return null;
  for (const cell of best.keys()) failed.delete(cell);
  const cells = [], at = [];
  for (const [cell, row] of best) { cells.push([Math.floor(cell / atX.length), cell % atX.length]); at.push(row); }
  return { x: atX, y: atY, z: atY.map(() => atX.map(() => null)), cells, at, failed: [...failed.values()] };
}

// --- table ------------------------------------------------------------------------------------------------------

const state = { order: null, page: 0, sort: null, down: false, filters: {} };
let tableParts = null;

// One condition of a filter, as a test of a row; null where it makes no sense.
function condition(field, text) {
  const negative = text.startsWith("!");
  const said = negative ? text.replace(/^!=?/, "") : text;
  if (field.choices) {
    const exact = said.startsWith("="), wanted = (exact ? said.slice(1) : said).toLowerCase();
    const fits = (row) => { const own = shownText(field, row).toLowerCase(); return exact ? own === wanted : own.includes(wanted); };
    return negative ? (row) => !fits(row) : fits;
  }
  if (said === "-" || said === "–") return (row) => Number.isNaN(valueAt(field, row)) !== negative;
  const range = said.match(/^(.+)\.\.(.+)$/);
  if (range) {
    const low = Number(range[1]), high = Number(range[2]);
    if (Number.isNaN(low) || Number.isNaN(high)) return null;
    return (row) => { const value = valueAt(field, row); return (value >= low && value <= high) !== negative; };
  }
  const parts = said.match(/^(<=|>=|<|>|=)?(.+)$/);
  const limit = parts ? Number(parts[2]) : NaN;
  if (Number.isNaN(limit)) return null;
  const sign = parts[1] || "=";
  const fits = (value) => (sign === "<" ? value < limit : sign === ">" ? value > limit : sign === "<=" ? value <= limit : sign === ">=" ? value >= limit : Number(number(value)) === limit);
  return (row) => fits(valueAt(field, row)) !== negative;
}

function tests() {
  const found = [];
  for (const [key, text] of Object.entries(state.filters)) {
    const field = fieldOf[key], input = tableParts.inputs[key];
    let wrong = false;
    const words = field.choices ? [text.trim()] : text.trim().split(/[\s&]+/);
    for (const word of words) {
      if (!word) continue;
      const test = condition(field, word);
      if (test) found.push(test); else wrong = true;
    }
    input.setAttribute("aria-invalid", String(wrong));
  }
  return found;
}

function arrange() {
  const wanted = tests(), n = data.rows;
  mask = null;
  if (wanted.length) {
    mask = new Uint8Array(n);
    for (let row = 0; row < n; row++) mask[row] = wanted.every((test) => test(row)) ? 1 : 0;
  }
  let count = 0;
  const order = new Uint32Array(n);
  for (let row = 0; row < n; row++) if (!mask || mask[row]) order[count++] = row;
  state.order = order.subarray(0, count);
  if (state.sort) {
    const field = fieldOf[state.sort], values = column(field.key), sign = state.down ? -1 : 1;
    const missing = (value) => Number.isNaN(value) || (field.choices && value < 0);
    const known = state.order.filter((row) => !missing(values[row]));
    const rest = state.order.filter((row) => missing(values[row]));
    // Names are in order of their letters, numbers in their own; equal ones stay in the order of the run.
    let rank = values;
    if (field.choices) {
      const sorted = [...field.choices].sort();
      const places = field.choices.map((name) => sorted.indexOf(name));
      rank = Float64Array.from(values, (code) => (code < 0 ? NaN : places[code]));
    }
    known.sort((a, b) => sign * (rank[a] - rank[b]) || a - b);
    state.order = new Uint32Array(n);
    state.order.set(known);
    state.order.set(rest, known.length);
    state.order = state.order.subarray(0, known.length + rest.length);
  }
  state.page = 0;
  rows();
}

function rows() {
  const { body, count, back, on, where } = tableParts;
  const pages = Math.max(1, Math.ceil(state.order.length / PAGE));
  body.replaceChildren();
  for (const row of state.order.subarray(state.page * PAGE, (state.page + 1) * PAGE)) {
    const line = make("tr");
    for (const field of fields) {
      const bad = field.key === "status" && column("status")[row] > 0;
      line.append(make("td", `${field.choices ? "" : "n"}${bad ? " bad" : ""}`.trim(), cut(shownText(field, row), 40)));
    }
    body.append(line);
  }
  const all = data.rows.toLocaleString("en");
  count.textContent = mask ? `${state.order.length.toLocaleString("en")} of ${all} individuals; the plots show only these` : `${all} individuals`;
  where.textContent = `page ${(state.page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`;
  back.disabled = state.page === 0;
  on.disabled = state.page >= pages - 1;
  for (const [key, head] of Object.entries(tableParts.heads)) {
    const sorted = state.sort === key;
    head.setAttribute("aria-sort", sorted ? (state.down ? "descending" : "ascending") : "none");
    head.querySelector("button").textContent = label(fieldOf[key]) + (sorted ? (state.down ? " ▼" : " ▲") : "");
  }
}

function setupTable() {
  const place = document.getElementById("table");
  if (!place) return;
  const help = make("p", "note", "A click on a name sorts. Filters: 5, >2, <=0.1, 1..3, several with spaces between; - for no value; parts of words, !word for all others.");
  const notes = make("p", "note", data.note || "");
  const pager = make("div", "pager");
  const count = make("span"), where = make("span"), back = make("button", "", "previous"), on = make("button", "", "next"), reset = make("button", "", "clear filters");
  count.id = "count";
  pager.append(count, back, where, on, reset);
  const holder = make("div", "wide"), table = make("table"), head = make("thead"), names = make("tr"), filters = make("tr", "filters"), body = make("tbody");
  const heads = {}, inputs = {};
  let waiting = 0;
  for (const field of fields) {
    const cell = make("th", field.choices ? "" : "n"), sort = make("button", "", label(field));
    sort.type = "button";
    cell.dataset.key = field.key;
    sort.addEventListener("click", () => {
      const first = field.better === "maximize";
      state.down = state.sort === field.key ? !state.down : first;
      state.sort = field.key;
      arrange();
    });
    cell.append(sort);
    names.append(cell);
    heads[field.key] = cell;
    const input = make("input");
    input.type = "search";
    input.dataset.filter = field.key;
    input.setAttribute("aria-label", `filter ${label(field)}`);
    input.addEventListener("input", () => {
      state.filters[field.key] = input.value;
      clearTimeout(waiting);
      waiting = setTimeout(() => { arrange(); redrawPoints(); }, 200);
    });
    inputs[field.key] = input;
    const slot = make("td");
    slot.append(input);
    filters.append(slot);
  }
  head.append(names, filters);
  table.append(head, body);
  holder.append(table);
  const paper = make("p", "note paper", fields.length > 9 ? "Nine columns are printed; the page on the screen has all." : "");
  place.append(help, notes, paper, pager, holder);
  tableParts = { body, count, back, on, where, heads, inputs };
  back.addEventListener("click", () => { state.page--; rows(); });
  on.addEventListener("click", () => { state.page++; rows(); });
  reset.addEventListener("click", () => {
    state.filters = {};
    for (const input of Object.values(inputs)) { input.value = ""; input.removeAttribute("aria-invalid"); }
    arrange();
    redrawPoints();
  });
  if (objectives.length) { state.sort = objectives[0].key; state.down = objectives[0].better === "maximize"; }
  arrange();
}

// --- start ------------------------------------------------------------------------------------------------------

const OF_INDIVIDUALS = ["convergence", "slice", "map", "front", "parallel"];

function redrawPoints() {
  for (const panel of panels) if (panel.drawn && OF_INDIVIDUALS.includes(panel.plot.kind)) panel.draw();
}

function redraw() { for (const panel of panels) if (panel.drawn) panel.draw(); }

// Plots are drawn when they come near, and given up when they are far: a browser keeps few WebGL drawings alive.
function watch() {
  const near = new IntersectionObserver((entries) => {
    if (printing) return;
    for (const entry of entries) {
      const panel = panels.find((one) => one.box === entry.target);
      if (entry.isIntersecting && !panel.drawn) panel.draw();
    }
  }, { rootMargin: "300px 0px" });
  const far = new IntersectionObserver((entries) => {
    if (printing) return;
    for (const entry of entries) {
      if (!entry.isIntersecting) panels.find((one) => one.box === entry.target).clear();
    }
  }, { rootMargin: "1500px 0px" });
  for (const panel of panels) { near.observe(panel.box); far.observe(panel.box); }
}

async function start() {
  const place = document.getElementById("plot-list");
  buffer = await inflated("columns");
  setupTable();
  if (place && data.plots.length) {
    const script = document.createElement("script");
    script.nonce = document.currentNonce;
    script.textContent = new TextDecoder().decode(await inflated("plotly"));
    document.head.append(script);
    script.remove();
    for (const plot of data.plots) addPanel(plot, place);
    watch();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    let width = innerWidth, waiting = 0;
    addEventListener("resize", () => {
      if (innerWidth === width || printing) return;
      width = innerWidth;
      clearTimeout(waiting);
      waiting = setTimeout(redraw, 250);
    });
    addEventListener("scroll", hideTip, { passive: true });
    addEventListener("beforeprint", () => {
      printing = true;
      document.documentElement.classList.add("printing");
      for (const panel of panels) { panel.clear(); panel.draw(); }
    });
    addEventListener("afterprint", () => {
      printing = false;
      document.documentElement.classList.remove("printing");
      for (const panel of panels) panel.clear();
      for (const panel of panels) { const at = panel.box.getBoundingClientRect(); if (at.top < innerHeight && at.bottom > 0) panel.draw(); }
    });
  }
  document.documentElement.dataset.ready = "true";
}

document.currentNonce = document.currentScript.nonce;
start().catch((error) => {
  const said = typeof DecompressionStream === "undefined" ? "This browser is too old for the plots: they need one from 2023 or later." : `The plots could not be drawn: ${error}`;
  document.querySelector("main").prepend(make("p", "empty", said));
  document.documentElement.dataset.ready = "failed";
});
})();
