
// The client script, the connection and what is heard on it.

function clientNotice(text) {
  $("client-notice").textContent = text;
  $("client-notice").hidden = !text;
  $("connect").disabled = Boolean(text) || manager !== null;
}

function loadClient() {
  const url = $("client-url").value.trim();
  clientNotice("");
  $("client-version").textContent = "Loading …";
  delete window.io;
  const script = element("script");
  script.src = url;
  script.addEventListener("load", () => {
    $("client-version").textContent = window.io ? `Loaded; it speaks Socket.IO protocol ${window.io.protocol}.` : "";
    if (!window.io) clientNotice(`${url} was loaded but is no Socket.IO client: it defines no io().`);
  });
  script.addEventListener("error", () => {
    $("client-version").textContent = "";
    clientNotice(
      `The Socket.IO client could not be loaded from ${url}. Without network access, start Crier with ` +
        "CRIER_CLIENT_DIST set to the folder socket.io-client/dist of npm, or name another URL under Client script.",
    );
    document.querySelector("#connection details").open = true;
  });
  document.head.append(script);
}

function setState(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text ?? state;
}

function showFacts() {
  const facts = [];
  for (const [namespace, socket] of sockets) {
    if (socket.connected) facts.push(`${namespace} ${socket.id}${socket.recovered ? " (recovered)" : ""}`);
  }
  const transport = manager?.engine?.transport?.name;
  if (facts.length && transport) facts.unshift(transport);
  $("facts").textContent = facts.join(" · ");
}

function options() {
  const token = $("token").value.trim();
  const chosen = {
    path: $("path").value.trim(),
    transports: $("transports").value.split(","),
    forceNew: true,
    tryAllTransports: true,
  };
  if (!token) return { chosen, auth: undefined };
  const place = $("token-place").value;
  if (place === "query") chosen.query = { token };
  // Browsers cannot set headers of a websocket: this one rides on polling alone.
  if (place === "header") chosen.extraHeaders = { Authorization: `Bearer ${bareToken()}` };
  const auth = place === "auth.token" ? { token } : place === "auth.jwt" ? { jwt: token } : undefined;
  return { chosen, auth };
}

function watchPackets() {
  const engine = manager?.engine;
  if (!engine || engine.watched) return;
  engine.watched = true;
  const show = (direction) => ({ type, data }) => {
    const text = typeof data === "string" ? data : data === undefined || data === null ? "" : pretty(data);
    log("packet", `${direction} ${type} ${text}`.trim());
  };
  engine.on("packet", show("in "));
  engine.on("packetCreate", show("out"));
  engine.on("upgrade", (transport) => {
    log("state", `upgraded to ${transport.name}`);
    showFacts();
  });
}

function connect(submitted) {
  submitted.preventDefault();
  if (!window.io || manager) return;
  const { chosen, auth } = options();
  const url = $("url").value.trim().replace(/\/+$/, "");
  const namespaces = [...new Set($("namespaces").value.split(/[\s,]+/).filter(Boolean))];
  if (!namespaces.length) namespaces.push("/");
  try {
    manager = new window.io.Manager(url, { ...chosen, autoConnect: false });
  } catch (error) {
    log("error", `cannot connect: ${error.message}`);
    return;
  }
  setState("connecting");
  log("state", `connecting to ${url}${chosen.path} by ${chosen.transports.join(", ")}`);
  watchManager();
  $("emit-namespace").replaceChildren(...namespaces.map((name) => element("option", "", name)));
  for (const namespace of namespaces) {
    const socket = manager.socket(namespace, { auth });
    sockets.set(namespace, socket);
    watchSocket(namespace, socket);
    socket.connect();
  }
  watchPackets();
  setButtons(true);
}

function watchManager() {
  manager.on("error", (error) => log("error", `transport: ${error.message}`, describe(error)));
  manager.on("reconnect_attempt", (attempt) => {
    setState("reconnecting", `reconnecting (${attempt})`);
    log("state", `reconnecting, attempt ${attempt}`);
    queueMicrotask(watchPackets); // the new engine is made right after this event
  });
  manager.on("reconnect", (attempt) => log("state", `reconnected at attempt ${attempt}`));
  manager.on("reconnect_failed", () => setState("failed", "gave up"));
}

function describe(error) {
  const detail = error?.data ?? error?.context?.responseText ?? error?.description?.message;
  return detail === undefined ? undefined : typeof detail === "string" ? shorten(detail) : pretty(detail);
}

function watchSocket(namespace, socket) {
  socket.on("connect", () => {
    setState("connected");
    log("state", `${namespace} connected as ${socket.id}, recovered ${Boolean(socket.recovered)}`);
    showFacts();
  });
  socket.on("connect_error", (error) => {
    log("error", `${namespace} connect_error: ${error.message}`, describe(error));
    if (!socket.active) settle("failed", "refused");
  });
  socket.on("disconnect", (reason, details) => {
    const back = socket.active ? "the client reconnects" : "the client stays away";
    log("state", `${namespace} disconnected: ${reason} (${back})`, details ? describe(details) : undefined);
    if (socket.active) setState("reconnecting");
    else settle("disconnected");
    showFacts();
  });
  socket.onAny((event, ...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : null;
    // Where recovery is on, the server adds the event's offset, and the client hands it on.
    const offset = socket._pid && !answer && typeof args.at(-1) === "string" ? `, offset ${args.pop()}` : "";
    log("event", `${label(namespace)}${event}${offset}${answer ? " (asks for an ack)" : ""}`, pretty(args));
    if (answer) {
      answer({ ok: true, from: "ws-tester" });
      log("ack", `${label(namespace)}${event} answered`, pretty([{ ok: true, from: "ws-tester" }]));
    }
  });
}

function label(namespace) {
  return namespace === "/" ? "" : `${namespace} `;
}

// A namespace is gone for good. Once none is left, the form is free for the next connection.
function settle(state, text) {
  if (!manager || [...sockets.values()].some((socket) => socket.active)) return;
  disconnect();
  setState(state, text);
}

function disconnect() {
  const gone = [...sockets.values()];
  manager = null;
  sockets = new Map();
  for (const socket of gone) socket.disconnect();
  setState("disconnected");
  setButtons(false);
  showFacts();
}

function setButtons(connected) {
  $("connect").disabled = connected || !$("client-notice").hidden;
  $("disconnect").disabled = !connected;
  $("break").disabled = !connected;
}
