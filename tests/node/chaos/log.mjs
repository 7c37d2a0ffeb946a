// The log of one process: JSON arrays, one a line, as tests/python/audit.py describes them.

import { closeSync, openSync, writeSync } from "node:fs";

/** Opens a log; `write` is cheap, the file gets it four times a second and at `close`. */
export function open(path) {
  const file = openSync(path, "w");
  let lines = [];
  const flush = () => {
    if (lines.length === 0) return;
    const text = lines.join("");
    lines = [];
    writeSync(file, text);
  };
  const timer = setInterval(flush, 250);
  return {
    write: (...record) => lines.push(`${JSON.stringify([Date.now(), ...record])}\n`),
    close: () => {
      clearInterval(timer);
      flush();
      closeSync(file);
    },
  };
}

// CRC-32 (IEEE), as zlib has it; Node has its own from 20.15 and 22.2 on.
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

export function crc32(text) {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Calls `on` with each line of standard input; its end is the parent's end, and ours. */
export function commands(on) {
  let rest = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) on(...line.trim().split(" "));
  });
  process.stdin.on("end", () => process.exit(1));
}

/** A line for the parent. */
export const tell = (...words) => process.stdout.write(`${words.join(" ")}\n`);
