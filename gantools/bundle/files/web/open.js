// @ts-check
/** Opens the generator in a browser: WebGPU where it is there and right, else WebAssembly; never without saying so. */
import { compareNoise, compareSamples, readNpy } from "./compare.js";
import { Generator } from "./sampler.js";

/** @import { Description } from "./sampler.js" */
/** @typedef {{ generator: Generator, backend: string, reason: string }} Opened */

const HERE = new URL(".", import.meta.url);

/** @param {string} name */
async function fetched(name) {
  const answer = await fetch(new URL(name, HERE));
  if (!answer.ok) throw new Error(`${name} is not there (${answer.status})`);
  return answer;
}

/**
 * @param {Description} description
 * @param {"webgpu" | "wasm"} backend
 * @returns {Promise<Generator>}
 */
async function openOn(description, backend) {
  const ort = await import(`./vendor/ort.${backend}.min.mjs`);
  ort.env.wasm.wasmPaths = new URL("vendor/", HERE).href;
  // Several threads need headers that isolate the page: see the README.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  ort.env.logLevel = "error";
  const weights = description.weights.map((path) => ({ path, data: new URL(path, HERE).href }));
  const model = new Uint8Array(await (await fetched(description.model)).arrayBuffer());
  const options = { executionProviders: [backend], externalData: weights, logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(model, options);
  return new Generator(description, ort, session);
}

/**
 * The generator, and where it runs.
 * @param {string | null} wanted "webgpu" or "wasm"; none: the first of them that is right
 * @returns {Promise<Opened>}
 */
export async function open(wanted = null) {
  const description = await (await fetched("generator.json")).json();
  let reason = "";
  if (wanted !== "wasm") {
    try {
      const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter();
      if (!adapter) throw new Error("this browser has no WebGPU");
      const generator = await openOn(description, "webgpu");
      const problems = await check(generator);
      if (problems.length) throw new Error(`WebGPU is not right here (${problems[0]})`);
      return { generator, backend: "WebGPU", reason };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      if (wanted === "webgpu") throw error;
    }
  }
  return { generator: await openOn(description, "wasm"), backend: "WebAssembly", reason };
}

/**
 * What differs on this device from the golden samples, one sentence each.
 * @param {Generator} generator
 * @returns {Promise<string[]>}
 */
export async function check(generator) {
  const golden = await (await fetched("golden/golden.json")).json();
  /** @param {string} name */
  const array = async (name) => readNpy(await (await fetched(`golden/${name}`)).arrayBuffer());
  const image = golden.image ? await array(golden.image) : undefined;
  return [
    ...compareNoise(await (await fetched("golden/noise.json")).json()),
    ...(await compareSamples(generator, golden, await array(golden.samples), image)),
  ];
}
