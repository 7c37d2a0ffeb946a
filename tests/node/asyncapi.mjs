// Checks an AsyncAPI document: against the official JSON schema of its version, and that every ref in it
// leads somewhere. Usage: node asyncapi.mjs FILE

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const document = JSON.parse(readFileSync(process.argv[2], "utf8"));
const specs = createRequire(import.meta.url)("@asyncapi/specs");
const schema = specs.schemasWithoutId[document.asyncapi];
if (schema === undefined) {
  throw new Error(`no AsyncAPI ${document.asyncapi}`);
}

// `uint64` and the like are no formats of JSON Schema, and need not be.
const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
addFormats(ajv);
const validate = ajv.compile(schema);
const problems = validate(document)
  ? []
  : validate.errors.map(({ instancePath, message }) => `${instancePath}: ${message}`);

const resolve = (ref) =>
  ref
    .slice(2)
    .split("/")
    .reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);

let refs = 0;
const walk = (value, path) => {
  if (value === null || typeof value !== "object") return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "$ref") {
      refs += 1;
      if (!inner.startsWith("#/") || resolve(inner) === undefined) {
        problems.push(`${path}: ${inner} leads nowhere`);
      }
    } else {
      walk(inner, `${path}/${key}`);
    }
  }
};
walk(document, "");

// The schemas of the payloads are schemas themselves. One compiler for all: they share most of it.
const payloads = new Ajv({ strict: false, logger: false });
addFormats(payloads);
payloads.addSchema({ $id: "document", components: document.components }, undefined, undefined, false);
for (const name of problems.length > 0 ? [] : Object.keys(document.components.schemas)) {
  try {
    if (!payloads.validateSchema(document.components.schemas[name])) {
      throw new Error(payloads.errorsText());
    }
    payloads.getSchema(`document#/components/schemas/${name}`);
  } catch (error) {
    problems.push(`${name}: ${error.message}`);
  }
}

if (problems.length > 0) {
  console.error(problems.slice(0, 50).join("\n"));
  process.exit(1);
}
const { operations, channels, components } = document;
const count = (of) => Object.keys(of).length;
console.log(`ok: ${count(channels)} channels, ${count(operations)} operations, ${count(components.messages)} messages, ${refs} refs`);
