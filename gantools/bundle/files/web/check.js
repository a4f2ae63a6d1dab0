// @ts-check
/** Self-check of this folder on WebAssembly, without a browser: node check.js. Exits with 1 where something differs. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

// Node.js fetches no files; the browser's modules ask for nothing else.
globalThis.fetch = async (given) => {
  const url = given instanceof Request ? given.url : String(given);
  return new Response(new Uint8Array(await readFile(url.startsWith("file:") ? fileURLToPath(url) : url)));
};
const { check, open } = await import("./open.js");
const { generator } = await open("wasm");
const problems = await check(generator);
for (const problem of problems) console.error(`differs: ${problem}`);
console.log(problems.length ? "" : "equal to the golden samples");
process.exit(problems.length ? 1 : 0);
