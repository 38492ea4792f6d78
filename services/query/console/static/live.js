// Keeps the tiles of a page as new as the system is. A tile is fetched again when a change tells of it, when the stream of
// changes begins again (what passed meanwhile is lost), and every few seconds while it is not fresh.
"use strict";
(() => {
  const body = document.body, root = body.dataset.root;
  const LEAST_MS = 1500, LOOK_MS = 5000;
  let last = 0, waiting = null, after = null, broken = false;

  const tiles = () => [...document.querySelectorAll("[data-tile]")];
  // Somebody types in it, or has typed: what was typed must not be lost.
  const busy = (tile) => (tile.contains(document.activeElement) && document.activeElement.matches("input,textarea,select"))
    || [...tile.querySelectorAll("textarea")].some((one) => one.value !== one.defaultValue);

  async function refetch(tile, position) {
    if (busy(tile)) return;
    const url = tile.dataset.url + (position ? "&after=" + encodeURIComponent(position) : "");
    try {
      const answer = await fetch(url, {headers: {"HX-Request": "true"}});
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-tile]");
      if (made) { lost(false); tile.replaceWith(made); }
    } catch { lost(true); }
  }

  function lost(is) {
    if (is === broken) return;
    broken = is;
    for (const tile of tiles()) {
      if (is) { tile.dataset.state = "lost"; const said = tile.querySelector(".fresh"); if (said) said.textContent = body.dataset.lost; }
      else if (tile.dataset.state === "lost") refetch(tile);
    }
  }

  function again(position) {
    if (position) after = position;
    if (waiting !== null) return;
    waiting = setTimeout(() => {
      waiting = null; last = Date.now();
      const position = after; after = null;
      for (const tile of tiles()) refetch(tile, position);
    }, Math.max(0, last + LEAST_MS - Date.now()));
  }

  async function look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(root + "/fresh");
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const states = (await answer.json()).services;
      const back = broken; lost(false);
      for (const tile of tiles()) {
        const now = tile.dataset.services.split(" ").filter(Boolean).map((name) => states[name]);
        const bad = "again" in tile.dataset || ["behind", "late", "failed", "lost"].includes(tile.dataset.state);
        if (back || bad || now.some((state) => state && state !== "fresh")) refetch(tile);
      }
    } catch { lost(true); }
  }

  if (body.dataset.live && tiles().length) {
    let begun = false;
    const stream = new EventSource(body.dataset.live);
    stream.addEventListener("open", () => { if (begun) again(null); begun = true; body.dataset.streaming = "yes"; });
    stream.addEventListener("error", () => { body.dataset.streaming = "no"; });
    stream.addEventListener("change", (event) => {
      let position = null;
      try { position = JSON.parse(event.data).position; } catch { /* fetched all the same */ }
      again(position);
    });
    stream.addEventListener("reset", () => again(null));
    setInterval(look, LOOK_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) again(null); });
  }

  document.addEventListener("keydown", (event) => {
    if (!["/", "?"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.matches("input,textarea,select")) return;
    if (event.key === "?") { event.preventDefault(); location.href = root + "/help"; return; }
    const search = document.getElementById("search");
    if (search) { event.preventDefault(); search.focus(); }
  });

  // Said before a large file is on its way, and not after.
  document.addEventListener("change", (event) => {
    const one = event.target;
    if (!(one instanceof HTMLInputElement) || !one.dataset.most) return;
    const large = [...one.files].some((file) => file.size > Number(one.dataset.most));
    one.setCustomValidity(large ? one.dataset.said : "");
    if (large) one.reportValidity();
  });
  // The slider of days: it fills the field of the day, with Shift that of what was known. Moved by a pointer it shows the
  // day at once; by keys when the form is sent, since each step would be a page.
  const days = document.querySelector("form.days"), slider = days && days.querySelector("input[type=range]");
  if (slider) {
    const DAY_MS = 86400000, today = Date.parse(days.dataset.today);
    const back = (name) => Math.round((Date.parse(days.elements[name].value || days.dataset.today) - today) / DAY_MS);
    let shift = false, pointed = false;
    slider.hidden = false; slider.value = back("on");
    for (const kind of ["keydown", "keyup", "pointerdown", "pointermove"])
      document.addEventListener(kind, (event) => { shift = event.shiftKey; });
    slider.addEventListener("pointerdown", () => { pointed = true; });
    slider.addEventListener("input", () => {
      const day = new Date(today + slider.valueAsNumber * DAY_MS).toISOString().slice(0, 10);
      days.elements[shift ? "known_at" : "on"].value = day;
    });
    slider.addEventListener("change", () => { if (pointed) days.requestSubmit(); });
    for (const one of days.querySelectorAll("input[type=date]")) one.addEventListener("change", () => { slider.value = back(one.name); });
  }

  // What a form is sent twice with is one event; the button says that it is on its way.
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("form.form button")) button.setAttribute("aria-busy", "true");
  });
})();
