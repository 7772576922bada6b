// SPDX-License-Identifier: GPL-3.0-or-later
// Draws the figures of a report, in the page's own colours, light or dark; time axes zoom together.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")].filter((place) => figures[place.dataset.figure]);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const NARROW = 700;

  const isTimed = (place) => figures[place.dataset.figure].layout.meta.time;

  // Colours are names of the style sheet's; each text that is one becomes its value of now.
  function resolved(value, css) {
    if (typeof value === "string") return value.startsWith("--") ? css.getPropertyValue(value).trim() : value;
    if (Array.isArray(value)) return typeof value[0] === "object" ? value.map((one) => resolved(one, css)) : value;
    if (value === null || typeof value !== "object") return value;
    const inside = ([name, one]) => [name, name === "customdata" ? one : resolved(one, css)];
    return Object.fromEntries(Object.entries(value).map(inside));
  }

  // The whole of a long job shows several frames in one bar, a part of it each its own, and only those in sight:
  // what is drawn again at each step of a zoom stays little.
  function inSight(figure, range) {
    if (!figure.overview) return figure.data;
    const cut = figure.data.map((trace) => (trace.mode === "lines" ? cutTo(trace, range[0], range[1]) : trace));
    const bars = Math.max(...cut.map((trace) => (trace.customdata ? trace.customdata.length / 4 : 0)));
    return bars <= figure.overview_from ? cut : figure.overview;
  }

  // A line with breaks: pieces that end in a null, of which those that touch the range stay.
  function cutTo(trace, from, to) {
    const columns = ["x", "y", "customdata"].filter((name) => trace[name]);
    const cut = Object.fromEntries(columns.map((name) => [name, []]));
    for (let begin = 0, end; begin < trace.x.length; begin = end + 1) {
      end = trace.x.indexOf(null, begin);
      if (end < 0) end = trace.x.length;
      if (trace.x[end - 1] < from || trace.x[begin] > to) continue;
      for (const name of columns) cut[name].push(...trace[name].slice(begin, end + 1));
    }
    if (!cut.x.length) cut.x.push(null); // an empty one would leave the legend
    return { ...trace, ...cut };
  }

  function dressed(figure, width, range) {
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(name).trim();
    const layout = resolved(figure.layout, css);
    const narrow = width < NARROW;
    const left = layout.meta.left || (layout.meta.time ? 170 : 64);
    Object.assign(layout, {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      autosize: true,
      dragmode: layout.dragmode || "zoom",
      font: { family: "system-ui, sans-serif", size: narrow ? 11 : 12, color: colour("--text") },
      hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--edge"), font: { color: colour("--text") } },
      margin: { l: narrow ? Math.min(left, 96) : left, r: narrow ? 12 : 40, t: 12, b: 46 },
      modebar: { orientation: "v", bgcolor: "rgba(0,0,0,0)", color: colour("--edge"), activecolor: colour("--accent") },
    });
    for (const name of ["xaxis", ...Object.keys(layout).filter((key) => /^[xy]axis/.test(key))]) {
      const axis = (layout[name] = layout[name] || {});
      axis.gridcolor = colour("--grid");
      axis.linecolor = colour("--edge");
      axis.zerolinecolor = colour("--edge");
      axis.ticks = "";
      axis.title = Object.assign({ standoff: 8 }, axis.title, { font: { size: narrow ? 11 : 12, color: colour("--muted") } });
      if (narrow && axis.ticktext) axis.ticktext = axis.ticktext.map((text) => (text.length > 14 ? "…" + text.slice(-13) : text));
    }
    // What the legend needs above the plot depends on the width; plotly would lay it over the bars.
    const shown = figure.data.filter((trace) => trace.showlegend !== false);
    const letters = shown.reduce((sum, trace) => sum + (trace.name || "").length * 7 + 46, 0);
    const rows = layout.showlegend === false || shown.length < 2 ? 0 : Math.ceil(letters / Math.max(200, width - 120));
    layout.margin.t = 12 + 22 * rows;
    layout.height = figure.layout.height + 22 * Math.max(0, rows - 1);
    layout.legend = Object.assign({ font: { size: narrow ? 11 : 12 } }, layout.legend);
    if (range) layout.xaxis.range = range;
    return { data: resolved(inSight(figure, layout.xaxis && layout.xaxis.range), css), layout };
  }

  const config = {
    responsive: true,
    displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  };

  function draw(place) {
    const made = dressed(figures[place.dataset.figure], place.clientWidth, place._range);
    return Plotly.react(place, made.data, made.layout, config);
  }

  let following = false; // what we change ourselves must not be followed again
  function zoomTogether(place) {
    place.on("plotly_relayout", async (change) => {
      const reset = Boolean(change["xaxis.autorange"]);
      if (following || !(reset || "xaxis.range[0]" in change || "xaxis.range" in change)) return;
      following = true;
      const range = reset ? null : [...place.layout.xaxis.range];
      for (const other of places.filter(isTimed)) {
        other._range = range;
        await draw(other);
      }
      following = false;
    });
  }

  for (const place of places) {
    draw(place);
    if (isTimed(place)) zoomTogether(place);
  }
  let width = innerWidth;
  addEventListener("resize", () => {
    if ((width < NARROW) !== (innerWidth < NARROW)) places.forEach(draw);
    width = innerWidth;
  });
  dark.addEventListener("change", () => places.forEach(draw));
  const printing = (on) => {
    document.documentElement.classList.toggle("print", on);
    places.forEach((place) => { draw(place); Plotly.Plots.resize(place); });
  };
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
})();
