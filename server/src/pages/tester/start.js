
// Everything is wired here, last.

function theme(next) {
  if (next) document.documentElement.dataset.theme = next;
  try {
    if (next) localStorage.setItem("crier-theme", next);
    else if (localStorage.getItem("crier-theme")) theme(localStorage.getItem("crier-theme"));
  } catch {
    // Storage may be off; the choice then lasts as long as the page.
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// `#token=…` fills the form, so that a terminal can print a link. A fragment never reaches a server.
function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (fragment.has("token")) $("token").value = fragment.get("token");
  if (fragment.has("namespaces")) $("namespaces").value = fragment.get("namespaces");
  if (fragment.has("token")) history.replaceState(null, "", location.pathname + location.search);
}

async function start() {
  buildKinds();
  theme();
  $("url").value = location.origin;
  readFragment();
  showToken();
  showCount();
  setInterval(showExpiry, 1000);

  $("connection").addEventListener("submit", connect);
  $("disconnect").addEventListener("click", disconnect);
  $("break").addEventListener("click", () => manager?.engine?.close());
  $("emit").addEventListener("submit", emit);
  $("mint").addEventListener("submit", mint);
  $("token").addEventListener("input", showToken);
  $("args").addEventListener("input", parseArgs);
  $("client-load").addEventListener("click", loadClient);
  $("theme").addEventListener("click", () => theme(isDark() ? "light" : "dark"));
  $("filter").addEventListener("input", refilter);
  $("clear").addEventListener("click", () => {
    entries = [];
    skipped = 0;
    $("log").replaceChildren();
    showCount();
  });
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
    $("pause").textContent = paused ? "Resume" : "Pause";
  });
  $("copy").addEventListener("click", async () => {
    const shown = entries.filter((entry) => !entry.item.hidden);
    const text = shown.map(({ time, kind, title, detail }) => [time, kind, title, detail].filter(Boolean).join("\t"));
    await navigator.clipboard.writeText(text.join("\n")).catch((error) => log("error", `not copied: ${error.message}`));
  });

  let page = { path: "/socket.io/", development: false, events: [] };
  try {
    page = await (await fetch("/ws-tester.json")).json();
  } catch (error) {
    log("error", `the list of events could not be read: ${error.message}`);
  }
  $("path").value = page.path;
  $("client-url").value = `${page.path}socket.io.js`;
  $("mint").hidden = !page.development;
  buildEvents(page.events);
  loadClient();
}

start();
