/* The desk. Data come by scripts that call the functions of `handoff`; every text of a source becomes a text node, and never HTML. */
"use strict";

const handoff = (() => {
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const load = (path) => document.head.append(element("script", { src: path }));
  const findingLink = (id) => `finding.html#${encodeURIComponent(id)}`;
  const isolated = (text) => element("bdi", {}, text);

  /* Overview */

  function overview({ as_of, counts, is_redacted }) {
    document.getElementById("as-of").textContent = `as of ${as_of} UTC${is_redacted ? ", redacted" : ""}`;
    for (const place of document.querySelectorAll("[data-count]")) place.textContent = counts[place.dataset.count].toLocaleString("en");
  }

  /* Pages of rows */

  let about, table, waiting, columns;
  const rows = [];

  function page(found) {
    about = found;
    columns = Object.fromEntries(about.columns.map((column, number) => [column.name, number]));
    const form = document.getElementById("filters");
    for (const filter of about.filters) form.append(field(filter));
    form.append(element("p", { class: "field" }, element("button", { type: "reset" }, "Clear")));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", later);
    form.addEventListener("reset", () => setTimeout(apply));
    const asked = new URLSearchParams(location.search);
    for (const control of form.elements) if (control.name && asked.has(control.name)) choose(control, asked.get(control.name));
    waiting = about.chunks;
    if (!waiting) show();
    for (let number = 0; number < about.chunks; number += 1) load(`data/${about.name}-${number}.js`);
  }

  function field({ name, label, choices }) {
    const id = `filter-${name}`;
    const control = choices
      ? element("select", { id, name }, element("option", { value: "" }, "all"), ...choices.map((value) => element("option", { value: value || NONE }, value || "none")))
      : element("input", { id, name, type: "search", spellcheck: "false" });
    return element("p", { class: "field" }, element("label", { for: id }, label), control);
  }

  const NONE = "(none)";

  function choose(control, value) {
    if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === value)) control.append(element("option", { value }, value));
    control.value = value;
  }

  function takeRows(number, chunk) {
    rows[number] = chunk;
    waiting -= 1;
    if (!waiting) show();
  }

  /* A row is an object for the table: its values by the numbers of their columns, and what the search looks through. */
  function asObject(values, id) {
    const row = { id };
    values.forEach((value, number) => (row[`c${number}`] = value));
    return row;
  }

  const compare = (one, other) => (typeof one === "number" && typeof other === "number" ? one - other : one === other ? 0 : one === "" ? 1 : other === "" ? -1 : one < other ? -1 : 1);
  const BANDS = ["critical", "high", "medium", "low", "unrated", "informational", ""];

  const KINDS = {
    title: (value, row) => {
      const id = row[`c${columns.finding_id}`];
      return id ? element("a", { href: findingLink(id) }, isolated(value)) : isolated(value);
    },
    band: (value) => (value ? element("span", { class: `band band-${BANDS.includes(value) ? value : "unrated"}` }, value) : document.createTextNode("")),
    person: (value) => (value ? element("a", { href: `findings.html?${new URLSearchParams({ owner: value })}` }, isolated(value)) : document.createTextNode("")),
    team: (value) => (value ? element("a", { href: `findings.html?${new URLSearchParams({ team: value })}` }, isolated(value)) : document.createTextNode("")),
    figure: (value) => document.createTextNode(value === "" ? "–" : value.toLocaleString("en")),
    instant: (value) => document.createTextNode(value),
    text: (value) => isolated(String(value)),
  };

  /* Below this a column gives way to those that are needed more; a phone holds a title and two words beside it. */
  const isPhone = innerWidth < 480;

  function narrowest({ kind, width }) {
    if (isPhone) return kind === "title" ? 140 : kind === "instant" ? 120 : 84;
    return { title: 190, instant: 140, figure: 84 }[kind] || [112, 112, 150, 190, 190, 260, 260][width];
  }

  function show() {
    wanted = readForm();
    let number = 0;
    const data = rows.flat().map((values) => asObject(values, number++));
    rows.length = 0;
    const shown = about.columns.map((column, place) => ({ column, place })).filter(({ column }) => column.kind !== "hidden");
    table = new Tabulator("#table", {
      data,
      layout: "fitColumns",
      responsiveLayout: "hide",
      renderVertical: "basic",
      pagination: true,
      paginationElement: document.getElementById("pager"),
      paginationSize: 50,
      paginationSizeSelector: [50, 100, 500],
      paginationButtonCount: 3,
      headerSortTristate: true,
      tabEndNewRow: false,
      langs: { default: { pagination: { page_size: "Rows on a page", page_title: "Show page" } } },
      initialFilter: [{ field: matches, type: "function" }],
      columns: shown.map(({ column, place }) => ({
        title: column.label,
        titleFormatter: () => element("button", { type: "button", class: "sort" }, column.label),
        field: `c${place}`,
        responsive: column.narrow,
        widthGrow: column.width,
        minWidth: narrowest(column),
        hozAlign: column.kind === "figure" ? "right" : "left",
        headerHozAlign: column.kind === "figure" ? "right" : "left",
        variableHeight: true,
        resizable: false,
        sorter: column.kind === "band" ? (one, other) => BANDS.indexOf(one) - BANDS.indexOf(other) : compare,
        formatter: (cell) => {
          cell.getElement().setAttribute("role", "cell");
          return (KINDS[column.kind] || KINDS.text)(cell.getValue(), cell.getData());
        },
      })),
    });
    table.on("tableBuilt", () => {
      // It is read and not edited: a table, whose rows hold all that can be reached in them.
      const made = document.getElementById("table");
      made.setAttribute("role", "table");
      made.setAttribute("aria-labelledby", "heading");
      const holder = made.querySelector(".tabulator-tableholder");
      holder.removeAttribute("tabindex");
      holder.setAttribute("role", "presentation");
      for (const button of document.querySelectorAll("#pager button")) button.removeAttribute("role");
      say(table.getDataCount("active"));
      document.body.dataset.ready = "yes";
    });
    table.on("dataFiltered", (_, found) => say(found.length));
  }

  /* The search: every word in the row somewhere; a filter: the very value. What the page was asked for is read once a time, not once a row. */
  let wanted;

  function readForm() {
    const given = new FormData(document.getElementById("filters"));
    const words = String(given.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const exact = about.filters.map(({ name, choices }) => [columns[name], String(given.get(name) || ""), Boolean(choices)]).filter(([, value]) => value);
    return { words, exact };
  }

  function matches(row) {
    for (const [place, value, isChoice] of wanted.exact) {
      const has = String(row[`c${place}`]);
      if (isChoice ? has !== (value === NONE ? "" : value) : !has.toLowerCase().includes(value.toLowerCase())) return false;
    }
    if (!wanted.words.length) return true;
    row.text ??= about.columns.map((_, place) => row[`c${place}`]).join("\n").toLowerCase();
    return wanted.words.every((word) => row.text.includes(word));
  }

  let timer;
  function later() {
    clearTimeout(timer);
    timer = setTimeout(apply, 150);
  }

  function apply() {
    if (!table) return;
    wanted = readForm();
    table.setFilter(matches);
    keep();
  }

  function say(count) {
    const total = about.total.toLocaleString("en");
    const noun = about.total === 1 ? about.nouns[0] : about.nouns[1];
    document.getElementById("status").textContent = count === about.total ? `${total} ${noun}` : `${count.toLocaleString("en")} of ${total} ${noun}`;
  }

  /* The address holds what is asked, so that it can be sent to somebody. */
  function keep() {
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(document.getElementById("filters"))) if (value) asked.set(name, value);
    const text = asked.toString();
    try {
      history.replaceState(null, "", text ? `?${text}` : location.pathname);
    } catch {
      /* Some browsers let no page of a folder change its address: the filters work all the same. */
    }
  }

  /* One finding */

  let digits, wantedId;
  const loaded = new Set();
  const known = {};
  const aliases = {};

  function findings(count) {
    digits = count;
    addEventListener("hashchange", choosen);
    choosen();
  }

  function choosen() {
    let id = "";
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      id = location.hash.slice(1);
    }
    if (!id || id === "content" || /^(due|severity|presence|cycle-\d+|outside|flags)$/.test(id)) return;
    wantedId = id;
    const bucket = id.slice(id.lastIndexOf("-") + 1).slice(0, digits) || "all";
    if (loaded.has(bucket) || !/^[0-9a-f]*$|^all$/.test(bucket)) return tell();
    const script = element("script", { src: `data/finding/${bucket}.js` });
    script.addEventListener("load", () => (loaded.add(bucket), tell()));
    script.addEventListener("error", tell);
    document.head.append(script);
  }

  function lives(found) {
    const read = (value) => (Array.isArray(value) ? value.map(read) : value >= 0 ? found.texts[value] : value === -1 ? true : value === -2 ? false : -3 - value);
    for (const [id, packed] of Object.entries(found.lives)) known[id] = () => read(packed);
    Object.assign(aliases, found.aliases);
  }

  function tell() {
    const place = document.getElementById("life");
    const id = Object.hasOwn(known, wantedId) ? wantedId : Object.hasOwn(aliases, wantedId) ? aliases[wantedId] : null;
    if (id && id !== wantedId) {
      location.replace(findingLink(id));
      return;
    }
    const heading = document.getElementById("heading");
    if (!id) {
      heading.textContent = "Finding";
      const search = element("a", { href: `findings.html?${new URLSearchParams({ q: wantedId })}` }, "search all findings for it");
      place.replaceChildren(element("p", { class: "lede", role: "status" }, "No finding has the id ", element("code", {}, wantedId), ": ", search, "."));
      document.body.dataset.ready = "yes";
      return;
    }
    const [title, facts, parts] = known[id]();
    heading.replaceChildren(isolated(title));
    document.title = `Finding ${id.slice(0, 12)}: security handoffs`;
    const list = element("dl", { class: "facts" });
    for (const [label, text] of facts) list.append(element("div", {}, element("dt", {}, label), element("dd", {}, isolated(text))));
    place.replaceChildren(list, ...parts.map(section));
    document.body.dataset.ready = "yes";
  }

  function section([name, title, sentence, grids, entries]) {
    const made = element("section", { "aria-labelledby": `${name}-heading` }, element("h2", { id: `${name}-heading` }, title), element("p", { class: "lede" }, isolated(sentence)));
    made.append(...grids.map(grid));
    if (entries.length) {
      made.append(element("h3", { id: `${name}-timeline` }, "Timeline (UTC)"));
      made.append(element("ol", { class: "life", "aria-labelledby": `${name}-timeline` }, ...entries.map(entry)));
    }
    return made;
  }

  function grid([caption, labels, cells, figures]) {
    const style = (number) => (figures.includes(number) ? { class: "figure" } : {});
    const head = element("tr", {}, ...labels.map((label, number) => element("th", { scope: "col", ...style(number) }, label)));
    const body = cells.map((row) => element("tr", {}, ...row.map((cell, number) => (number ? element("td", style(number), isolated(cell)) : element("th", { scope: "row" }, isolated(cell))))));
    const made = element("table", labels.length > 3 ? { class: "wide" } : {}, element("caption", {}, element("span", {}, caption)), element("thead", {}, head), element("tbody", {}, ...body));
    return element("div", labels.length > 3 ? { class: "scroll", tabindex: "0", role: "group", "aria-label": caption } : { class: "scroll" }, made);
  }

  function entry([at, kind, what, who, detail, counts]) {
    const said = element("div", {}, element("span", { class: "what" }, what));
    if (who) said.append(" ", element("span", { class: "who" }, isolated(who)));
    if (detail) said.append(element("p", { class: "detail" }, isolated(detail)));
    return element("li", { class: `is-${kind}${counts ? "" : " is-void"}` }, element("time", { datetime: `${at.replace(" ", "T")}Z` }, at), said);
  }

  return { overview, page, rows: takeRows, findings, lives };
})();
