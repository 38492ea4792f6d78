// Keeps Today, the form of a visit and what they are made of, for when there is no network. OF is put in front by the server
// (offline.py). Everything else is left to the browser. What is kept has an owner and an end: it is shown to nobody after the
// session ends, and goes as soon as somebody else has signed in.
"use strict";
const ASSETS = "guanxi-assets-" + OF.version, PAGES = "guanxi-pages", KEPT = "Guanxi-Kept", WAIT_MS = 5000;
const TODAY = OF.root + "/today", FORM = OF.root + "/offline/visit", NOTHING = OF.root + "/offline";
const A_VISIT = new RegExp("^" + OF.root + "/customers/[^/]+/visit$");

const owner = (answer) => (answer.headers.get(KEPT) || " ").split(" ");

// Pages of another writer go before one of this is kept.
async function keep(url, answer) {
  const [writer] = owner(answer);
  if (!answer.ok || !writer) return;
  const cache = await caches.open(PAGES);
  for (const one of await cache.keys()) {
    const there = await cache.match(one);
    if (there && owner(there)[0] !== writer) await cache.delete(one);
  }
  await cache.put(url, answer);
}

async function fetchAndKeep(url) {
  try { await keep(url, await fetch(url, {credentials: "same-origin", redirect: "manual"})); } catch { /* another time */ }
}

async function kept(url) {
  const cache = await caches.open(PAGES), found = await cache.match(url);
  if (!found) return null;
  if (Number(owner(found)[1]) > Date.now()) return found;
  await cache.delete(url);
  return null;
}

async function shown(event) {
  const url = new URL(event.request.url), isToday = url.pathname === TODAY;
  for (const name of ["said", "after"]) if (url.searchParams.has(name)) url.searchParams.delete(name);
  try {
    const asked = [fetch(event.request)];
    // Who has nothing kept for this page waits for as long as it takes.
    if (isToday && await kept(url.href)) asked.push(new Promise((_, late) => setTimeout(late, WAIT_MS)));
    const answer = await Promise.race(asked);
    if (isToday && answer.ok && event.request.url === url.href) {
      event.waitUntil(keep(url.href, answer.clone()));
      event.waitUntil(Promise.all([fetchAndKeep(FORM), fetchAndKeep(NOTHING)]));
    }
    return answer;
  } catch (error) {
    const start = url.pathname === OF.root + "/";
    const stands = isToday || start ? await kept(url.href) || await kept(TODAY)
      : A_VISIT.test(url.pathname) ? await kept(FORM) : null;
    const found = stands || await kept(NOTHING);
    if (found) return found;
    throw error;
  }
}

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(ASSETS).then((cache) => cache.addAll(OF.assets)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    // Pages of an earlier version name assets that are gone.
    for (const name of await caches.keys()) if (name.startsWith("guanxi-") && name !== ASSETS) await caches.delete(name);
    await Promise.all([TODAY, FORM, NOTHING].map((path) => fetchAndKeep(path)));
  })());
});

// A page that finds nothing of its writer kept, since somebody else was here before, asks for it.
self.addEventListener("message", (event) => {
  if (event.data === "keep") event.waitUntil(Promise.all([TODAY, FORM, NOTHING].map((path) => fetchAndKeep(path))));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.pathname === OF.root + "/sign-out") event.waitUntil(caches.delete(PAGES));
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (event.request.mode === "navigate") {
    if (!url.pathname.startsWith(OF.root + "/static/") && !url.pathname.startsWith(OF.root + "/sign-")) event.respondWith(shown(event));
  } else if (OF.assets.includes(url.pathname + url.search)) {
    event.respondWith(caches.match(event.request, {cacheName: ASSETS}).then((found) => found || fetch(event.request)));
  }
});
