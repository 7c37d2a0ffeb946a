
// The token: decoded, counted down, minted on the development key.

function bareToken() {
  return $("token").value.trim().replace(/^bearer\s+/i, "");
}

function decode(token) {
  const part = token.split(".")[1];
  if (!part) return null;
  try {
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return value && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function userId() {
  const id = claims && [claims.userId, claims.sub, claims.id, claims._id].find((one) => one !== undefined && one !== null);
  return id === undefined || id === null ? "" : String(id);
}

function span(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"]];
  for (const [size, unit] of parts) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ${unit === "min" ? `${seconds % 60} s` : ""}`.trim();
  }
  return `${seconds} s`;
}

function showToken() {
  const token = bareToken();
  claims = token ? decode(token) : null;
  $("claims-details").hidden = !claims;
  if (claims) $("claims").textContent = pretty(claims);
  showExpiry();
}

function showExpiry() {
  const line = $("token-line");
  line.className = "help";
  if (!bareToken()) {
    line.textContent = "No token: an anonymous socket, where the server takes one.";
  } else if (!claims) {
    line.textContent = "This is no JWT that can be read; it is sent as it is.";
    line.className = "help bad";
  } else {
    const who = `User ${userId() || "unknown"}, role ${claims.role ?? "user"}`;
    const left = typeof claims.exp === "number" ? Math.floor(claims.exp - Date.now() / 1000) : null;
    if (left === null) line.textContent = `${who}; never expires`;
    else if (left > 0) line.textContent = `${who}; expires in ${span(left)}`;
    else line.textContent = `${who}; expired ${span(-left)} ago`;
    if (left !== null) line.className = left <= 0 ? "help bad" : left < 60 ? "help warn" : "help";
  }
}

async function mint(submitted) {
  submitted.preventDefault();
  const request = { user: $("mint-user").value, role: $("mint-role").value, type: $("mint-type").value };
  try {
    const response = await fetch("/dev/token", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    $("token").value = answer.token;
    showToken();
    log("state", `token minted for ${request.user}`);
  } catch (error) {
    log("error", `no token: ${error.message}`);
  }
}
