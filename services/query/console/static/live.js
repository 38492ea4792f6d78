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

  // What a form is sent twice with is one event; the button says that it is on its way.
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("form.form button")) button.setAttribute("aria-busy", "true");
  });
})();
