// @ts-check
/**
 * What differs from the golden samples, one sentence each.
 *
 * @import { Generator, Values } from "./sampler.js"
 */
import { normals, uniforms, words } from "./noise.js";

const LEVELS = 1, SHARE = 0.999; // of images: so many pixels are within so many levels of 255

/** @typedef {{ seed: string, stream: number, words: number[], uniforms: number[], normals: number[] }} Vector */

/**
 * @param {Vector[]} vectors
 * @returns {string[]}
 */
export function compareNoise(vectors) {
  const problems = [];
  for (const one of vectors) {
    const count = one.words.length;
    /** @type {[keyof Vector, Uint32Array][]} */
    const found = [
      ["words", words(one.seed, one.stream, count)],
      ["uniforms", new Uint32Array(uniforms(one.seed, one.stream, count).buffer)],
      ["normals", new Uint32Array(normals(one.seed, one.stream, count).buffer)],
    ];
    for (const [name, bits] of found) {
      const expected = /** @type {number[]} */ (one[name]);
      if (bits.length !== count || bits.some((bit, place) => bit !== expected[place])) {
        problems.push(`${name} of seed ${one.seed}, stream ${one.stream} differ`);
      }
    }
  }
  return problems;
}

/**
 * @param {Pick<Generator, "outputs" | "decode">} generator
 * @param {{ seeds: string[], texts: string[] | null }} golden
 * @param {Values} expected
 * @param {Values | undefined} image
 * @returns {Promise<string[]>}
 */
export async function compareSamples(generator, golden, expected, image) {
  const found = await generator.outputs(golden.seeds, image ? { image: { data: image.data, dims: image.dims } } : {});
  if (String(found.dims) !== String(expected.dims)) return [`samples are of shape ${found.dims}, expected ${expected.dims}`];
  if (golden.texts === null) {
    let near = 0;
    for (let place = 0; place < found.data.length; place++) {
      if (Math.abs(found.data[place] - expected.data[place]) <= LEVELS) near++;
    }
    const share = near / found.data.length;
    if (share >= SHARE) return [];
    return [`${(100 * share).toFixed(2)} % of pixels are within ${LEVELS} level, expected ${100 * SHARE} %`];
  }
  const steps = expected.dims[1];
  const rows = golden.seeds.map((_, row) => [found, expected].map((one) => one.data.slice(row * steps, (row + 1) * steps)));
  const unlike = golden.seeds.filter((_, row) => String(rows[row][0]) !== String(rows[row][1]));
  if (unlike.length) return [`the tokens of ${unlike.length} of ${golden.seeds.length} seeds differ, first of seed ${unlike[0]}`];
  const same = rows.every(([row], place) => generator.decode(row) === golden.texts?.[place]);
  return same ? [] : ["tokens are put together to other texts"];
}

/**
 * Read a .npy file of uint8 or int32.
 * @param {ArrayBuffer} file
 * @returns {Values}
 */
export function readNpy(file) {
  const view = new DataView(file);
  const wide = view.getUint8(6) > 1;
  const start = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(new Uint8Array(file, 10, start - 10));
  const dims = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter((one) => one.trim()).map(Number);
  const kind = /'descr': '([^']*)'/.exec(header)?.[1];
  const body = file.slice(start);
  if (kind === "|u1") return { type: "uint8", data: new Uint8Array(body), dims };
  if (kind === "<i4") return { type: "int32", data: new Int32Array(body), dims };
  throw new TypeError(`arrays of ${kind} are not read here`);
}
