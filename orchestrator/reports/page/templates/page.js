"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const only = { device: "", scheme: "" };
  const views = [];

  // Charts: the nearest first, the others while the browser is idle, so that paper has all of them.
  const drawings = all("[data-chart]");
  let drawn = 0;
  const draw = async (place) => {
    if (place.dataset.state) return;
    place.dataset.state = "drawing";
    const spec = JSON.parse(document.getElementById("spec-" + place.dataset.chart).textContent);
    try {
      const options = { renderer: "svg", ast: true, actions: { export: true, source: false, compiled: false, editor: false }, downloadFileName: place.dataset.chart };
      const { view } = await vegaEmbed(place, spec, options);
      views.push(view);
      place.dataset.state = "drawn";
      view.logLevel(1); // errors: a chart that is narrowed to nothing warns of its empty axes
      await narrowView(view);
    } catch (error) {
      place.dataset.state = "failed";
      console.error(place.dataset.chart, error);
    }
    drawn += 1;
    root.dataset.charts = drawn + "/" + drawings.length;
  };
  const narrowView = (view) => {
    const has = view.getState({ signals: (name) => name.startsWith("only_") }).signals;
    for (const key of Object.keys(only)) if ("only_" + key in has) view.signal("only_" + key, only[key]);
    return view.runAsync();
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "400px" });
  drawings.forEach((place) => near.observe(place));
  const idle = window.requestIdleCallback || ((call) => setTimeout(call, 50));
  const rest = () => {
    const next = drawings.find((place) => !place.dataset.state && place.offsetParent !== null);
    if (next) draw(next).then(() => idle(rest));
  };
  idle(rest);

  // Narrowing: a cell of the matrix or a choice above it hides what has another device or scheme.
  const narrow = () => {
    for (const element of all("main [data-device], main [data-scheme]")) {
      if (element.closest("#matrix") || element.closest("thead")) continue;
      const off = Object.keys(only).some((key) => only[key] && element.dataset[key] !== undefined && element.dataset[key] !== only[key]);
      element.classList.toggle("off", off);
      show(element);
    }
    for (const button of all("[data-pick-device]")) {
      const whole = button.dataset.pickScheme === undefined;
      const same = button.dataset.pickDevice === only.device && (whole ? !only.scheme : button.dataset.pickScheme === only.scheme);
      button.setAttribute("aria-pressed", String(same));
    }
    document.getElementById("only-device").value = only.device;
    document.getElementById("only-scheme").value = only.scheme;
    views.forEach(narrowView);
    window.dispatchEvent(new Event("resize"));
    all("table.sortable").forEach(count);
    idle(rest);
  };
  const show = (element) => { element.hidden = element.classList.contains("off") || element.classList.contains("unmatched"); };
  for (const button of all("[data-pick-device]")) {
    button.addEventListener("click", () => {
      const again = button.getAttribute("aria-pressed") === "true";
      only.device = again ? "" : button.dataset.pickDevice;
      only.scheme = again ? "" : button.dataset.pickScheme || "";
      narrow();
    });
  }
  for (const key of Object.keys(only)) {
    const choice = document.getElementById("only-" + key);
    if (choice) choice.addEventListener("change", () => { only[key] = choice.value; narrow(); });
  }
  const reset = document.getElementById("show-all");
  if (reset) reset.addEventListener("click", (event) => { event.preventDefault(); only.device = only.scheme = ""; narrow(); });

  // Tables.
  const count = (table) => {
    const lines = all("tbody tr", table);
    const output = document.querySelector(`[data-counts="${table.id}"]`);
    if (output) output.textContent = lines.filter((line) => !line.hidden).length + " of " + lines.length;
  };
  for (const input of all("[data-filters]")) {
    const table = document.getElementById(input.dataset.filters);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const line of all("tbody tr", table)) {
        const text = line.textContent.toLowerCase();
        line.classList.toggle("unmatched", !words.every((word) => text.includes(word)));
        show(line);
      }
      count(table);
    });
  }
  for (const table of all("table.sortable")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (line) => line.cells[column].dataset.sort;
      const lines = all("tbody tr", table).map((line) => [key(line), line]);
      lines.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = a !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
        return down ? -order : order;
      });
      lines.forEach(([, line]) => table.tBodies[0].append(line));
    }));
  }

  // Light, dark, paper.
  const theme = document.getElementById("theme");
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-pressed", String(dark())); };
  if (theme) {
    theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
    name();
  }
  const print = document.getElementById("print");
  if (print) print.addEventListener("click", () => window.print());
  const opened = [];
  window.addEventListener("beforeprint", () => { for (const each of all("#verdicts details:not([open]), .claims details:not([open])")) { each.open = true; opened.push(each); } });
  window.addEventListener("afterprint", () => { while (opened.length) opened.pop().open = false; });
})();
