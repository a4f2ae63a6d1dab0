// @ts-check
/**
 * The generator of this folder: seeds to samples, with onnxruntime-node.
 *
 *     const generator = await open();
 *     const pictures = await generator.sample([0, 1, 2]);    // { width, height, channels, data: Uint8Array } each
 *     const texts = await generator.sample([7], { settings: { temperature: 0.7 } });    // where it makes texts
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";

import { Generator } from "./sampler.js";

export { Generator } from "./sampler.js";
export const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * Open the generator of a folder.
 * @param {string} [folder] where generator.json and the model lie
 * @param {import("onnxruntime-node").InferenceSession.SessionOptions} [options] of ONNX Runtime, such as executionProviders
 * @returns {Promise<Generator>}
 */
export async function open(folder = HERE, options = {}) {
  const description = JSON.parse(await readFile(join(folder, "generator.json"), "utf-8"));
  const session = await InferenceSession.create(join(folder, description.model), { logSeverityLevel: 3, ...options });
  return new Generator(description, { Tensor }, session);
}
