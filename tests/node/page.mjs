// The tester page in headless Chromium, by its ids: connects with a token, subscribes, and shows the
// event that a backend publishes. Reads PAGE, REST, USER_TOKEN, SERVICE_TOKEN and CHROMIUM.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { PAGE, REST, USER_TOKEN, SERVICE_TOKEN, CHROMIUM = "/usr/bin/chromium" } = process.env;
const LIMIT = 30_000;

const profile = await mkdtemp(join(tmpdir(), "crier-page-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: CHROMIUM,
  headless: true,
  args: [
    // As root there is no sandbox; and nothing but the page may use the network.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  await check(await browser.newPage());
  console.log("page: ok");
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}

async function check(page) {
  page.setDefaultTimeout(LIMIT);
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const logged = (kind, hasText) => {
    return page.locator(`#log li[data-kind="${kind}"]`, { hasText }).first().waitFor();
  };

  await page.goto(PAGE);
  try {
    await page.locator("#client-version", { hasText: "Loaded" }).waitFor({ state: "attached" });
    await page.fill("#token", USER_TOKEN);
    await page.click("#connect");
    await page.locator('#state[data-state="connected"]').waitFor();
    await logged("state", "upgraded to websocket");

    await page.fill("#event", "subscribe");
    await page.fill("#args", '[{"channel":"offers"}]');
    await page.click("#send");
    await logged("ack", "subscribe");

    await publish({ rooms: ["offers"], event: "page-check", args: [{ text: "<b>grüße</b> 👋" }] });
    await logged("event", "page-check");
    await logged("event", "<b>grüße</b> 👋");

    await page.click("#disconnect");
    await page.locator('#state[data-state="disconnected"]').waitFor();
  } catch (error) {
    const log = await page.locator("#log").innerText();
    throw new Error(`${error.message}\n--- the page's log\n${log}\n${problems.join("\n")}`);
  }
  assert.deepEqual(problems, []);
}

async function publish(event) {
  const answer = await fetch(`${REST}/api/emit`, {
    method: "POST",
    headers: { authorization: `Bearer ${SERVICE_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(event),
  });
  assert.equal(answer.status, 202, await answer.text());
}
