
// What is sent: the form and the buttons.

function fill(text) {
  const quoted = (value) => JSON.stringify(value).slice(1, -1);
  return text
    .replaceAll('"{{now}}"', String(Date.now()))
    .replaceAll("{{userId}}", quoted(userId()))
    .replaceAll("{{token}}", quoted(bareToken()))
    .replaceAll("{{uuid}}", () => newId());
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function argsError(text) {
  $("args-error").textContent = text;
  $("args").setAttribute("aria-invalid", String(Boolean(text)));
}

function parseArgs() {
  const text = $("args").value.trim();
  if (!text) return [];
  try {
    const args = JSON.parse(text);
    if (Array.isArray(args)) {
      argsError("");
      return args;
    }
    argsError("Arguments stand in an array: [ … ]");
  } catch (error) {
    argsError(`No JSON: ${error.message}`);
  }
  return null;
}

function emit(submitted) {
  submitted?.preventDefault();
  const args = parseArgs();
  const event = $("event").value.trim();
  if (!args || !event) return;
  const namespace = $("emit-namespace").value;
  const socket = sockets.get(namespace);
  if (!socket) {
    log("error", manager ? `namespace ${namespace} is not connected` : "not connected: press Connect first");
    return;
  }
  const withAck = $("ack").checked;
  const name = `${label(namespace)}${event}`;
  try {
    let target = $("volatile").checked ? socket.volatile : socket;
    const timeout = Number($("ack-timeout").value);
    if (!withAck) {
      target.emit(event, ...args);
    } else {
      const start = performance.now();
      const took = () => `${(performance.now() - start).toFixed(1)} ms`;
      if (timeout > 0) {
        target.timeout(timeout).emit(event, ...args, (error, ...answer) => {
          if (error) log("error", `${name}: no ack within ${timeout} ms`);
          else log("ack", `${name}, ${took()}`, pretty(answer));
        });
      } else {
        target.emit(event, ...args, (...answer) => log("ack", `${name}, ${took()}`, pretty(answer)));
      }
    }
    const waits = socket.connected ? "" : ", waits for the connection";
    log("emit", `${name}${withAck ? " with ack" : ""}${waits}`, pretty(args));
  } catch (error) {
    log("error", `${name}: ${error.message}`);
  }
}

function press(event) {
  const names = [...$("emit-namespace").options].map((option) => option.value);
  if (!names.includes(event.namespace)) $("emit-namespace").append(element("option", "", event.namespace));
  $("emit-namespace").value = event.namespace;
  $("event").value = event.name;
  $("args").value = JSON.stringify(JSON.parse(fill(JSON.stringify(event.args))), null, 2);
  $("ack").checked = event.ack;
  argsError("");
  if (!$("fill-only").checked) emit();
}

function buildEvents(events) {
  const groups = new Map();
  for (const event of events) {
    if (!groups.has(event.group)) {
      const section = element("section");
      const buttons = element("div", "buttons");
      section.append(element("h3", "", event.group), buttons);
      $("events").append(section);
      groups.set(event.group, buttons);
    }
    const button = element("button", "", event.name);
    button.type = "button";
    button.title = event.about;
    button.dataset.event = event.name;
    button.dataset.namespace = event.namespace;
    button.addEventListener("click", () => press(event));
    groups.get(event.group).append(button);
  }
}
