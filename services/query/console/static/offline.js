// Visits that are entered without a network wait in this browser, under the id that they will have, and are sent once there
// is one. They belong to who entered them: nobody else's session sends or shows them. Signing out clears all that is kept.
"use strict";
(() => {
  const root = document.body.dataset.root, LOOK_MS = 15000, PROBE_MS = 5000, DB = "guanxi", VISITS = "visits";
  const visit = document.querySelector("form.form[data-queue]"), queue = document.getElementById("queue");
  const out = document.querySelector('form[action$="/sign-out"]');
  const NOT_FIELDS = ["token", "next", "once"];

  function store(mode, work) {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open(DB, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(VISITS, {keyPath: "once"});
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const db = opening.result, doing = db.transaction(VISITS, mode), asked = work(doing.objectStore(VISITS));
        doing.oncomplete = () => { db.close(); resolve(asked && asked.result); };
        doing.onerror = doing.onabort = () => { db.close(); reject(doing.error); };
      };
    });
  }
  const all = () => store("readonly", (visits) => visits.getAll());
  const find = (once) => store("readonly", (visits) => visits.get(once));
  const put = (one) => store("readwrite", (visits) => visits.put(one));
  const drop = (once) => store("readwrite", (visits) => visits.delete(once));

  // An answer of any kind means that there is a network.
  const reach = (path, options) => fetch(root + path, {...options, signal: AbortSignal.timeout(PROBE_MS)});

  function newOnce() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    return String(Date.now()).padStart(13, "0") + "-" + [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  }

  // The form of a visit

  async function nameOf(customer) {
    try {
      for (const key of await (await caches.open("guanxi-pages")).keys()) {
        const page = await (await caches.open("guanxi-pages")).match(key);
        const made = new DOMParser().parseFromString(await page.text(), "text/html");
        const card = [...made.querySelectorAll("[data-id]")].find((one) => one.dataset.id === customer);
        if (card) return card.dataset.name;
      }
    } catch { /* its id is enough */ }
    return decodeURIComponent(customer);
  }

  async function prepare() {
    const customer = location.pathname.split("/").at(-2), asked = new URLSearchParams(location.search);
    const named = visit.elements;
    const known = asked.get("queued") ? await find(asked.get("queued")) : undefined;
    const old = known && known.writer === visit.dataset.queue && known.customer === customer ? known : null;
    if (old) for (const [name, value] of Object.entries(old.fields)) if (named[name]) named[name].value = value;
    if (old) named.once.value = old.once;
    const stands = "offline" in visit.dataset;
    if (stands) {
      if (!named.once.value) named.once.value = newOnce();
      for (const name of ["rep_id", "consensus"]) if (!old && asked.get(name)) named[name].value = asked.get(name);
      document.querySelector("[data-customer]").textContent = await nameOf(customer);
    }
    visit.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!old && !stands) {
        try { await reach("/offline/who"); visit.submit(); return; } catch { /* it waits */ }
      }
      const fields = {};
      for (const [name, value] of new FormData(visit)) if (!NOT_FIELDS.includes(name)) fields[name] = value;
      const latest = await find(named.once.value);
      await put({
        once: named.once.value, writer: visit.dataset.queue, customer, name: await nameOf(customer), fields,
        revision: latest ? latest.revision + 1 : 1, problem: null,
      });
      const next = asked.get("next") || "";
      location.assign(next.startsWith(root + "/today") ? next : root + "/today");
    });
  }

  // Today

  let sent = 0, sending = false;

  function element(name, text, attributes) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    return made;
  }

  async function tell(signedOut) {
    const said = queue.dataset, visits = await all();
    const own = visits.filter((one) => one.writer === said.queue), others = visits.length - own.length;
    const words = [];
    if (sent) words.push(said.sent.replace("#", sent));
    if (own.length) words.push(own.length === 1 ? said.one : said.many.replace("#", own.length));
    if (own.length && signedOut) words.push(said.signedOut);
    if (others) words.push(said.others.replace("#", others));
    const text = words.join(" "), status = queue.querySelector("[role=status]");
    if (status.textContent !== text) status.textContent = text;
    queue.hidden = !words.length;
    queue.querySelector("ul").replaceChildren(...own.map((one) => {
      const line = element("li", "");
      line.append(element("bdi", one.name), " ", element("small", one.fields.day || ""), " ");
      if (one.problem) line.append(element("span", said.wrong + " " + one.problem, {class: "wrong"}), " ");
      line.append(element("a", said.edit, {href: root + "/customers/" + one.customer + "/visit?queued=" + encodeURIComponent(one.once), class: "button quiet"}), " ");
      const gone = element("button", said.drop, {type: "button", class: "quiet"});
      gone.addEventListener("click", async () => { if (confirm(said.sure)) { await drop(one.once); tell(false); } });
      line.append(gone);
      return line;
    }));
  }

  async function send() {
    if (sending) return;
    sending = true;
    let signedOut = false;
    try {
      const waiting = (await all()).filter((one) => one.writer === queue.dataset.queue && !one.problem);
      if (!waiting.length) return;
      const answer = await reach("/offline/who");
      signedOut = answer.status === 401;
      if (!answer.ok) return;
      const who = await answer.json();
      for (const one of waiting.filter((each) => each.writer === who.writer)) {
        const body = new URLSearchParams({...one.fields, once: one.once, customer: one.customer, revision: one.revision, writer: one.writer, token: who.token});
        const told = await fetch(root + "/offline/visit", {method: "POST", body});
        if (told.status !== 200 && told.status !== 422) return;
        const said = await told.json(), now = await find(one.once);
        if (!now || now.revision !== one.revision) continue;  // changed meanwhile: the later one is sent next
        if (told.status === 200) { await drop(one.once); sent += 1; }
        else await put({...now, problem: Object.entries(said.wrong).map(([field, why]) => (field ? field + ": " : "") + why).join("; ") || "?"});
      }
    } catch { /* no network: it waits */ } finally {
      sending = false;
      await tell(signedOut);
    }
  }

  function connected(is) { document.getElementById("offline").hidden = is; }

  async function look() {
    try { await reach("/offline/who"); connected(true); } catch { connected(false); }
    await send();
  }

  async function claim() {
    const worker = await navigator.serviceWorker.ready, page = await caches.match(root + "/today", {cacheName: "guanxi-pages"});
    if (!page || !page.headers.get("Guanxi-Kept").startsWith(queue.dataset.queue + " ")) worker.active.postMessage("keep");
  }

  // Signing out

  async function leave(event) {
    event.preventDefault();
    let lost = 0;
    try { lost = (await all()).filter((one) => one.writer === out.dataset.writer).length; } catch { /* nothing is kept */ }
    if (lost && !confirm(out.dataset.lose.replace("#", lost))) return;
    try {
      for (const one of await all()) if (one.writer === out.dataset.writer) await drop(one.once);
      for (const name of await caches.keys()) await caches.delete(name);
    } catch { /* the server's answer clears them too */ }
    out.submit();
  }

  if (out) out.addEventListener("submit", leave);
  if (visit) prepare();
  if (queue) {
    if ("serviceWorker" in navigator) navigator.serviceWorker.register(root + "/worker.js", {scope: root + "/"}).then(claim).catch(() => {});
    tell(false).then(look);
    setInterval(() => { if (!document.hidden) look(); }, LOOK_MS);
    window.addEventListener("online", look);
    window.addEventListener("offline", () => connected(false));
  }
})();
