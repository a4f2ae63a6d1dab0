// @ts-check
/** Samples of seeds: pictures as PNG files, texts on standard output. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crc32, deflateSync } from "node:zlib";

import { readNpy } from "./compare.js";
import { open } from "./generator.js";

/** @import { Picture } from "./generator.js" */

/**
 * One picture of one channel or three as a PNG file.
 * @param {Picture} picture
 */
function png(picture) {
  const wide = picture.width * picture.channels;
  const rows = Buffer.alloc(picture.height * (wide + 1));
  for (let row = 0; row < picture.height; row++) rows.set(picture.data.subarray(row * wide, (row + 1) * wide), row * (wide + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(picture.width, 0);
  header.writeUInt32BE(picture.height, 4);
  header.set([8, picture.channels === 1 ? 0 : 2], 8);
  /** @type {[string, Buffer][]} */
  const chunks = [["IHDR", header], ["IDAT", deflateSync(rows)], ["IEND", Buffer.alloc(0)]];
  const parts = chunks.flatMap(([kind, data]) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return [ends.subarray(0, 4), body, ends.subarray(4)];
  });
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ...parts]);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", default: "samples" },
    set: { type: "string", multiple: true, default: [] },
    label: { type: "string" },
    prefix: { type: "string" },
    image: { type: "string" }, // a .npy of uint8, (n, height, width, channels)
  },
});
const settings = Object.fromEntries(values.set.map((one) => one.split("=")).map(([name, value]) => [name, Number(value)]));
const image = values.image ? readNpy(new Uint8Array(await readFile(values.image)).buffer) : undefined;
const seeds = image ? Array.from({ length: image.dims[0] }, (_, row) => row) : positionals.length ? positionals : [0];
const { label, prefix } = values;
const samples = await (await open()).sample(seeds, { settings, label, prefix, image: /** @type {any} */ (image) });
for (const [place, sample] of samples.entries()) {
  if (typeof sample === "string") {
    console.log(sample);
    continue;
  }
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, `${seeds[place]}.png`), png(sample));
}
