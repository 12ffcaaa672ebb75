// Draws each figure from the Vega-Lite specification beside it, and writes into #self-check what went wrong and how many
// marks were drawn: the browser test (tests/web) reads it there.
(() => {
  "use strict";

  const check = { done: false, errors: [], figures: [] };
  const note = (what) => check.errors.push(String(what));
  for (const level of ["error", "warn"]) {
    const original = console[level].bind(console);
    console[level] = (...args) => {
      note(`console.${level}: ${args.join(" ")}`);
      original(...args);
    };
  }
  addEventListener("error", (event) => note(`error: ${event.message}`));
  addEventListener("unhandledrejection", (event) => note(`rejection: ${event.reason}`));
  addEventListener("securitypolicyviolation", (event) => note(`blocked: ${event.violatedDirective} ${event.blockedURI}`));

  // Middle tones that stand out on white and on black.
  const colours = ["#3b7dd8", "#c8741f", "#2a9d6f", "#c0508f", "#8a6fd1", "#8f852a", "#3f9fb0", "#b5533c"];

  function config(width) {
    const text = { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelLimit: 220 };
    return {
      background: null,
      font: "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif",
      axis: { ...text, labelLimit: 120, titleLimit: 400, gridColor: "#d8dbe0", domainColor: "#59606b", tickColor: "#59606b" },
      legend: { ...text, orient: "bottom", columns: Math.max(1, Math.floor(width / 160)), symbolSize: 80 },
      header: { ...text, labelFontWeight: 600 },
      view: { stroke: null },
      mark: { color: colours[0] },
      range: { category: colours },
    };
  }

  // The page says the title in text that wraps; the drawing keeps the words that must travel with it.
  function fit(spec, width) {
    const kept = spec.title.subtitle;
    if (kept.length > 0) spec.title = { text: kept, anchor: "start", fontSize: 12, fontWeight: 500 };
    else delete spec.title;
    if (spec.facet) {
      const facets = new Set(spec.data.values.map((row) => row[spec.facet.field])).size;
      spec.columns = Math.max(1, Math.min(facets, 3, Math.floor(width / 300)));
      spec.spec.width = Math.floor(width / spec.columns) - 72;
    } else {
      spec.width = "container";
      spec.height = 400;  // with title, axes and legend
      spec.autosize = { type: "fit", contains: "padding" };
    }
    return spec;
  }

  function drawn(plot) {
    const shapes = [...plot.querySelectorAll(".role-mark path, .role-mark rect, .role-mark line")];
    return shapes.filter((shape) => {
      const box = shape.getBBox();
      return box.width > 0 || box.height > 0;
    }).length;
  }

  async function draw(figure) {
    const plot = figure.querySelector(".plot");
    const width = plot.clientWidth;
    const spec = fit(JSON.parse(figure.querySelector(".spec").textContent), width);
    await vegaEmbed(plot, spec, {
      mode: "vega-lite",
      renderer: "svg",
      ast: true,  // interprets expressions, so that the page needs no permission to evaluate code
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: figure.id,
      config: config(width),
    });
    check.figures.push({ id: figure.id, marks: drawn(plot) });
  }

  addEventListener("DOMContentLoaded", async () => {
    for (const figure of document.querySelectorAll("figure:has(.spec)")) {
      try {
        await draw(figure);
      } catch (error) {
        note(`${figure.id}: ${error}`);
        figure.querySelector(".plot").textContent = "This figure could not be drawn; its data stands below.";
      }
    }
    for (const entry of performance.getEntriesByType("resource")) note(`loaded: ${entry.name}`);
    check.done = true;
    document.getElementById("self-check").textContent = JSON.stringify(check).replaceAll("<", "\\u003c");
  });
})();
