// The Eye's snippet for pages.
(() => {
  "use strict";
  // A second copy would send all twice.
  if (window.eye && window.eye.send) return;
  window.eye = { send() {}, session: () => null };
  if (/\b(1|yes|true)\b/.test([window.doNotTrack, navigator.doNotTrack, navigator.globalPrivacyControl])) return;
  const { src, dataset } = document.currentScript || {};
  if (!src || !dataset.key) return console.warn("The Eye: no data-key on the script, or it is a module");
  const url = new URL("api/browser/events?key=" + encodeURIComponent(dataset.key), src).href;
  const outlives = "keepalive" in Request.prototype;
  const flying = new Set();
  let waiting = [];
  let failures = 0;
  let { referrer } = document;
  let timer, told, seen;

  // Nothing that goes wrong here may reach the page.
  const safely = (work) => (...args) => {
    try {
      work(...args);
    } catch (error) {
      console.warn("The Eye:", error);
    }
  };
  const on = (type, work, capture) => addEventListener(type, safely(work), { capture, passive: true });

  // Pages without TLS have no randomUUID.
  const uuid = () =>
    "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
      (digit ^ (crypto.getRandomValues(new Uint8Array(1)) & (15 >> (digit / 4)))).toString(16)
    );

  // Where it is denied, the session is the page's.
  let store = {};
  try {
    store = localStorage || store;
  } catch {}
  const session = (isUsed) => {
    if (dataset.session) return dataset.session;
    const key = "eye.session";
    const now = Date.now();
    let [id, last] = (store[key] || "").split(" ");
    if (!(Math.abs(now - last) < 1800000)) {
      isUsed = true;
      id = uuid();
    }
    try {
      if (isUsed) store[key] = id + " " + now;
    } catch {
      store = { [key]: id + " " + now };
    }
    return id;
  };

  const bytesOf = (text) => new Blob([text]).size;
  const add = (category, name, data) => {
    const isText = (text) => text && typeof text === "string";
    if (!isText(category) || !isText(name) || !/^{"/.test(JSON.stringify(data))) throw "expected eye.send(category, name, {…})";
    const event = JSON.stringify({ id: uuid(), session_id: session(true), category, name, data, timestamp: new Date() });
    if (bytesOf(event) > 59900) throw "over 60,000 bytes";
    waiting = [...waiting, event].slice(-200);
    plan();
  };
  const take = () => {
    let count = 50;
    while (bytesOf(waiting.slice(0, count)) > 59900) count--;
    return waiting.splice(0, count);
  };
  const bodyOf = (batch) => `{"sent_at":${JSON.stringify(new Date())},"events":[${batch}]}`;

  const wait = (seconds) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      if (!flying.size && waiting.length) post(take());
    }, seconds * 1000);
  };
  const plan = () => {
    if (waiting.length >= 20 && !failures) wait(0);
    else if (waiting.length && !timer) wait(2);
  };

  const post = async (batch) => {
    const body = bodyOf(batch);
    let status = 503;
    let seconds, detail;
    flying.add(batch);
    try {
      const answer = await fetch(url, {
        method: "POST",
        body,
        keepalive: true,
        credentials: "omit",
        referrerPolicy: "no-referrer",
        headers: { "Content-Type": "text/plain" }, // Needs no preflight.
        signal: AbortSignal.timeout && AbortSignal.timeout(30000),
      });
      status = answer.status;
      seconds = Math.min(answer.headers.get("Retry-After"), 3600);
      ({ detail } = await answer.json()); // Unread, it stays in flight.
    } catch {}
    flying.delete(batch);
    if (status < 300) failures = 0;
    else if (/408|429|5../.test(status)) {
      waiting = [...batch, ...waiting].slice(-200);
      wait((seconds || Math.min(48, 2 ** failures)) * (1 + Math.random() / 4));
      failures++;
    } else if (told !== status) {
      console.warn("The Eye dropped events: " + status + (detail ? ", " + detail : ""));
      told = status;
    }
    dispatchEvent(new CustomEvent("eye:sent", { detail: { status, body } }));
    plan();
  };

  // A beacon fails unseen: a page that is only hidden sees its answers, where fetch outlives it.
  // Else what is in flight goes twice: ids make that harmless.
  const leave = (isHidden) => {
    view();
    const batches = outlives ? [] : [...flying];
    while (waiting.length) batches.push(take());
    for (const batch of batches) {
      if ((isHidden && outlives) || !navigator.sendBeacon || !navigator.sendBeacon(url, bodyOf(batch))) post(batch);
    }
  };

  const here = () => ({ host: location.host, path: location.pathname });
  const view = safely(() => {
    const data = { ...here(), title: document.title, referrer: referrer.replace(/[?#].*/, "") || undefined };
    if (data.path === seen) return;
    seen = data.path;
    referrer = location.origin + seen;
    add("page interaction", "pageview", data);
  });
  // Pages set their title after the address.
  const viewSoon = () => setTimeout(view);

  const click = (event) => {
    const path = event.composedPath();
    const marked = path.find((node) => node.dataset && node.dataset.eyeClick);
    // A label's click brings its control's.
    const { control } = path.find((node) => node.localName === "label") || {};
    if (!marked || (control && !path.includes(control) && marked.contains(control))) return;
    let data;
    try {
      if (/^\s*{/.test(marked.dataset.eyeData)) data = JSON.parse(marked.dataset.eyeData);
    } catch {}
    add("page interaction", "cta click", { ...data, ...here(), element: marked.dataset.eyeClick });
  };

  const submit = ({ target }) => {
    const form = Object.create(null);
    for (const field of document.querySelectorAll("[data-eye-value]:enabled")) {
      const { name, type, autocomplete } = field;
      // A password that is shown has type "text".
      const isSecret = /^file|password|one-time|cc-/.test(type + " " + autocomplete);
      const isOff = /^(radio|checkbox)/.test(type) && !field.checked;
      if (field.form !== target || !name || isSecret || isOff) continue;
      for (const { value } of field.selectedOptions || [field]) form[name] = name in form ? [].concat(form[name], value) : value;
    }
    // A field can hide target.id.
    const element = target.getAttribute("id") || target.getAttribute("name") || undefined;
    add("form interaction", "submit", { ...here(), form, element });
  };

  const start = () => {
    on("click", click, true);
    on("submit", submit, true);
    on("popstate", viewSoon);
    on("visibilitychange", () => document.hidden && leave(true));
    on("pagehide", () => leave());
    on("pageshow", ({ persisted }) => {
      if (!persisted) return;
      seen = referrer = "";
      view();
    });
    if (document.readyState === "loading") on("DOMContentLoaded", viewSoon);
    else viewSoon();
    for (const name of ["pushState", "replaceState"]) {
      const own = history[name];
      history[name] = (...args) => {
        own.apply(history, args);
        viewSoon();
      };
    }
  };
  window.eye = { send: safely(add), session };
  if (document.prerendering) on("prerenderingchange", start, true);
  else safely(start)();
})();
