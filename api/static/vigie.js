// Keeps a page true: instants in the reader's zone and words, the page itself fresh, and never a silent stop.
"use strict";

const root = document.documentElement;
// As the server writes it: the day first, and 24 hours.
const language = root.lang === "en" ? "en-GB" : root.lang;
const readerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const pageZone = root.dataset.zone ?? "UTC";
const every = Number(root.dataset.refresh ?? 0) * 1000;
const PATIENCE = 8000; // ms for one answer

const DAY = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const SHAPES = {
  long: { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
  short: { weekday: "short", ...DAY },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

// The unit that still says something; the same steps as in api/moments.py.
function distance(instant, now) {
  const seconds = (instant - now) / 1000;
  const length = Math.abs(seconds);
  if (length < 60) return [Math.round(seconds), "second"];
  if (length < 90 * 60) return [Math.round(seconds / 60), "minute"];
  if (length < 48 * 3600) return [Math.round(seconds / 3600), "hour"];
  return [Math.round(seconds / 86400), "day"];
}

function inWords(kind, instant, now) {
  const [number, unit] = distance(instant, now);
  if (kind === "ago") return new Intl.RelativeTimeFormat(language).format(number, unit);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(Math.abs(number));
}

// Instants that the server wrote in the reader's own zone stay as they are.
function tellTime(within) {
  const now = Date.now();
  for (const element of within.querySelectorAll("time[data-moment]")) {
    const instant = new Date(element.dateTime);
    const kind = element.dataset.moment;
    if (kind === "ago" || kind === "age") element.textContent = inWords(kind, instant, now);
    else if (readerZone !== pageZone) element.textContent = instant.toLocaleString(language, SHAPES[kind]);
    if (readerZone !== pageZone) element.title = instant.toLocaleString(language, SHAPES.long);
  }
  const zone = within.querySelector("#zone");
  if (zone && readerZone !== pageZone) zone.textContent = zone.dataset.words.replace("{zone}", readerZone);
}

// A page that stopped updating must not look green.
const lost = document.getElementById("lost");
const said = document.getElementById("said");
let freshAt = new Date();
let title = document.title;

function sayLost() {
  if (!lost.hidden) return;
  const at = freshAt.toLocaleTimeString(language, SHAPES.clock);
  lost.textContent = lost.dataset.words.replace("{at}", at);
  lost.hidden = false;
  document.body.classList.add("stale");
  document.title = `⚠ ${title}`;
}

function sayFound() {
  lost.hidden = true;
  document.body.classList.remove("stale");
  document.title = title;
}

// What has the focus on a fresh page: the same control, else the link of its incident, else <main>.
function heir(active, fresh) {
  const row = active.closest("[id^=incident-]");
  return document.getElementById(active.id) ?? (row && document.getElementById(row.id)?.querySelector("a")) ?? fresh;
}

// Replaces <main> and leaves focus, scrolling and what was chosen where they were.
function show(page) {
  const fresh = page.querySelector("main");
  const old = document.querySelector("main");
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const [left, top] = [window.scrollX, window.scrollY];
  tellTime(fresh);
  if (fresh.dataset.said !== old.dataset.said) said.textContent = fresh.dataset.said;
  for (const chosen of old.querySelectorAll("select")) {
    const same = fresh.querySelector(`#${chosen.id}`);
    if (same) same.value = chosen.value;
  }
  old.replaceWith(fresh);
  title = page.title;
  if (active) heir(active, fresh).focus({ preventScroll: true });
  window.scrollTo(left, top);
}

// An open list would close with its page: it may hold the page back while that is not old.
const choosing = () => document.activeElement?.matches("select") && Date.now() - freshAt < 3 * every;

async function read() {
  if (choosing()) return;
  const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.redirected) return location.assign(answer.url); // the session is over
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("main[data-said]")) throw new Error("not our page");
  show(page);
  freshAt = new Date();
  sayFound();
}

let reading = null;
let timer = 0;

function refresh() {
  clearTimeout(timer);
  reading ??= read()
    .catch(sayLost)
    .finally(() => {
      reading = null;
      if (!document.hidden) timer = setTimeout(refresh, every);
    });
  return reading;
}

function watch() {
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) return;
    if (Date.now() - freshAt > 3 * every) sayLost(); // it slept: old until read anew
    refresh();
  });
  window.addEventListener("offline", sayLost);
  window.addEventListener("online", refresh);
  window.addEventListener("pageshow", (event) => event.persisted && refresh());
  timer = setTimeout(refresh, every);
}

// A deed without leaving the page; if anything goes wrong or is refused, the form goes the ordinary way. The button is
// not disabled: it would lose the focus.
async function sendQuietly(form, button) {
  button.ariaDisabled = "true";
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(button.formAction, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    await reading; // one that began before the deed may not know of it
    await refresh();
  } catch {
    const again = document.getElementById(button.id); // the page may be a fresh one by now
    if (!again) return;
    delete again.form.dataset.quietly;
    again.form.requestSubmit(again);
  }
}

document.addEventListener("submit", (event) => {
  if (!("quietly" in event.target.dataset)) return;
  event.preventDefault();
  if (event.submitter.ariaDisabled !== "true") sendQuietly(event.target, event.submitter);
});

tellTime(document);
setInterval(() => tellTime(document), 15_000);
if (every) watch();
