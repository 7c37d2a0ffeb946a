// The tester: connects with the official client and shows everything that goes in and out.
// Whatever comes from outside is shown by textContent alone.
"use strict";

const $ = (id) => document.getElementById(id);
const LOG_MAX = 1000; // entries kept; older ones go
const LINE_MAX = 72; // a longer value is shown over several lines
const TEXT_MAX = 20000; // characters of one entry shown
const KINDS = { emit: "emits", ack: "acks", event: "events", state: "connection", error: "errors", packet: "packets" };

let manager = null;
let sockets = new Map(); // namespace -> socket
let entries = []; // { kind, title, detail, time, item }
let paused = false;
let skipped = 0;
let claims = null;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function shorten(text) {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)} … (${text.length} characters)`;
}

function pretty(value) {
  const binary = (_key, inner) =>
    inner instanceof ArrayBuffer || ArrayBuffer.isView(inner) ? `<binary, ${inner.byteLength} bytes>` : inner;
  try {
    const line = JSON.stringify(value, binary) ?? String(value);
    return shorten(line.length <= LINE_MAX ? line : JSON.stringify(value, binary, 2));
  } catch {
    return shorten(String(value));
  }
}

function log(kind, title, detail) {
  if (paused) {
    skipped += 1;
    showCount();
    return;
  }
  const now = new Date();
  const time = now.toTimeString().slice(0, 8) + "." + String(now.getMilliseconds()).padStart(3, "0");
  const item = element("li");
  item.dataset.kind = kind;
  item.append(element("time", "", time), element("span", "kind", kind), element("span", "title", shorten(title)));
  if (detail !== undefined) item.append(element("pre", "", detail));
  const entry = { kind, title, detail, time, item };
  entries.push(entry);
  item.hidden = !isShown(entry);
  const list = $("log");
  list.hidden = false;
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.append(item);
  while (entries.length > LOG_MAX) entries.shift().item.remove();
  if (follows) list.scrollTop = list.scrollHeight;
  showCount();
}

function isShown(entry) {
  const wanted = $("filter").value.trim().toLowerCase();
  const kind = document.querySelector(`#kinds input[value="${entry.kind}"]`);
  return kind.checked && (!wanted || `${entry.kind} ${entry.title} ${entry.detail ?? ""}`.toLowerCase().includes(wanted));
}

function refilter() {
  for (const entry of entries) entry.item.hidden = !isShown(entry);
  showCount();
}

function showCount() {
  const shown = entries.filter((entry) => !entry.item.hidden).length;
  const hidden = shown === entries.length ? "" : ` of ${entries.length}`;
  const missed = skipped ? `, ${skipped} not kept while paused` : "";
  $("log-count").textContent = entries.length || skipped ? `${shown}${hidden}${missed}` : "";
  $("log-empty").hidden = entries.length > 0;
  $("log").hidden = entries.length === 0;
}

function buildKinds() {
  for (const [kind, label] of Object.entries(KINDS)) {
    const box = element("input");
    box.type = "checkbox";
    box.value = kind;
    box.checked = true;
    box.addEventListener("change", refilter);
    const wrap = element("label", "check");
    wrap.append(box, label);
    $("kinds").append(wrap);
  }
}
