// Writes src/generated/ from the OpenAPI document on standard input: api.ts, the shapes, and rules.ts,
// what each field may be. With --check says whether the files are what it would write.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import openapiTS, { astToString } from "openapi-typescript";

const FOLDER = new URL("../src/generated/", import.meta.url);
const FORMS = [
  "PlaceOrderBody",
  "AmendOrderBody",
  "CreateProviderBody",
  "CreateClusterBody",
  "CreateNodeBody",
  "ChangeNodeBody",
  "SetPricingBody",
  "GpuSpec",
];
const LIMITS = ["type", "minimum", "maximum", "minLength", "maxLength", "pattern"];

const sent = await buffer(process.stdin);
const document = JSON.parse(sent.toString());
const digest = createHash("sha256").update(sent).digest("hex");
const head = `// Generated from the API's OpenAPI document by \`make frontend-types\`; not edited by hand.\n// sha256 of the document: ${digest}\n\n`;

/** The limits that a field's schema states, and its rule in words; of alternatives, the first. */
function ruleOf(field) {
  const stated = field.anyOf ? { ...field.anyOf[0], description: field.description } : field;
  const limits = LIMITS.filter((name) => stated[name] !== undefined);
  return {
    rule: stated.description ?? "",
    ...Object.fromEntries(limits.map((name) => [name, stated[name]])),
  };
}

function rulesOf(form) {
  const fields = Object.entries(document.components.schemas[form].properties);
  return [form, Object.fromEntries(fields.map(([name, field]) => [name, ruleOf(field)]))];
}

const types = astToString(await openapiTS(document, { alphabetize: true }));
const rules = JSON.stringify(Object.fromEntries(FORMS.map(rulesOf)), null, 2);
const files = {
  "api.ts": `${head}${types}`,
  "rules.ts": `${head}export const RULES = ${rules} as const;\n`,
};

for (const [name, text] of Object.entries(files)) {
  const file = new URL(name, FOLDER);
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    process.stderr.write(`frontend/src/generated/${name} is stale: run \`make frontend-types\`\n`);
    process.exitCode = 1;
  }
}
