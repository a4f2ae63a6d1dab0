// @ts-check
/** Self-check: noise bit for bit, and the golden samples. Exits with 1 where something differs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { compareNoise, compareSamples, readNpy } from "./compare.js";
import { HERE, open } from "./generator.js";

/** @param {string} name */
const read = (name) => readFile(join(HERE, "golden", name));
/** @param {string} name */
const array = async (name) => readNpy(new Uint8Array(await read(name)).buffer);

const golden = JSON.parse((await read("golden.json")).toString());
const problems = compareNoise(JSON.parse((await read("noise.json")).toString()));
const image = golden.image ? await array(golden.image) : undefined;
problems.push(...(await compareSamples(await open(), golden, await array(golden.samples), image)));
for (const problem of problems) console.error(`differs: ${problem}`);
if (problems.length) process.exit(1);
console.log("equal to the golden samples");
