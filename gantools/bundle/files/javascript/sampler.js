// @ts-check
/**
 * Seeds to samples, for any runtime with the interface of ONNX Runtime for JavaScript.
 *
 * @import { Seed } from "./noise.js"
 */
import { classes, normals, uniforms } from "./noise.js";

/** Values of an input or output. @typedef {{ type: string, data: any, dims: readonly number[] }} Values */
/**
 * @typedef {object} Input
 * @property {string} name
 * @property {string} dtype
 * @property {(number | string)[]} shape
 * @property {boolean} rows whether each sample has a row of its own
 * @property {"normal" | "uniform" | "category" | "setting" | "constant" | "image"} source
 * @property {number} [stream]
 * @property {number} [categories]
 * @property {number} [value]
 * @property {number} [low]
 * @property {number} [high]
 */
/** @typedef {{ min: number, opt: number, max: number, step: number }} Limits */
/**
 * What generator.json says.
 * @typedef {object} Description
 * @property {string} name
 * @property {string} model
 * @property {string[]} weights files beside the model
 * @property {string} precision
 * @property {Input[]} inputs
 * @property {{ name: string, dtype: string, shape: (number | string)[] }} output
 * @property {Record<string, Limits>} axes
 * @property {string[]} classes
 * @property {{ height: number, width: number, channels: number, scale: number | null } | null} image
 * @property {{ steps: number, end: number, unknown: number, join: string, tokens: string[] } | null} text
 */
/**
 * What may be chosen beside the seed.
 * @typedef {object} Choices
 * @property {Record<string, number>} [settings] such as { temperature: 0.7 }; what is left out has its default
 * @property {number | string} [label] the class of all samples, by name or number; none: drawn from the seeds
 * @property {string | number[]} [prefix] what all texts begin with: text, or tokens
 * @property {number} [steps] the most tokens of a text
 * @property {{ data: Uint8Array, dims: readonly number[] }} [image] (n, height, width, channels), where images are made of images
 * @property {Record<string, Values>} [inputs] inputs to use instead of what would be drawn, one row for each seed
 * @property {number} [batch] samples in one run; none: as many as the network takes
 */
/** @typedef {{ width: number, height: number, channels: number, data: Uint8Array }} Picture */
/** @typedef {{ Tensor: new (type: any, data: any, dims: readonly number[]) => any }} Runtime */
/** @typedef {{ run: (feeds: any) => Promise<any> }} Session */

const FREE = -1; // in a prefix: the network chooses
/** @type {Record<string, (size: number) => any>} */
const ARRAYS = {
  float32: (size) => new Float32Array(size),
  int32: (size) => new Int32Array(size),
  uint8: (size) => new Uint8Array(size),
  int64: (size) => new BigInt64Array(size),
};

/** An opened generator. */
export class Generator {
  /**
   * @param {Description} description
   * @param {Runtime} runtime
   * @param {Session} session
   */
  constructor(description, runtime, session) {
    this.description = description;
    this.runtime = runtime;
    this.session = session;
  }

  /**
   * One sample for each seed: pictures, or texts. A seed is a sample, in any batch.
   * @param {Seed[]} seeds
   * @param {Choices} [choices]
   * @returns {Promise<Picture[] | string[]>}
   */
  async sample(seeds, choices = {}) {
    const { data, dims } = await this.outputs(seeds, choices);
    const size = data.length / dims[0];
    const rows = Array.from({ length: dims[0] }, (_, row) => data.slice(row * size, (row + 1) * size));
    if (this.description.text) return rows.map((row) => this.decode(row));
    return rows.map((row) => ({ height: dims[1], width: dims[2], channels: dims[3], data: row }));
  }

  /**
   * What the network gives: uint8 (n, height, width, channels), or tokens int32 (n, steps).
   * @param {Seed[]} seeds
   * @param {Choices} [choices]
   * @returns {Promise<Values>}
   */
  async outputs(seeds, choices = {}) {
    if (seeds.length === 0) throw new RangeError("give one or more seeds");
    const given = this.given(seeds.length, choices);
    const limits = this.description.axes.batch ?? { min: 1, max: 1 };
    const size = Math.min(choices.batch ?? limits.max, limits.max);
    const parts = [];
    for (let start = 0; start < seeds.length; start += size) {
      const count = Math.min(size, seeds.length - start);
      // A network that takes no fewer samples makes the last of them several times.
      const places = Array.from({ length: Math.max(count, limits.min) }, (_, place) => Math.min(start + place, start + count - 1));
      const feeds = Object.fromEntries(
        Object.entries(this.inputs(seeds, places, given)).map(([name, one]) => [
          name,
          new this.runtime.Tensor(one.type, one.data, one.dims),
        ]),
      );
      const made = (await this.session.run(feeds))[this.description.output.name];
      const dims = [count, ...made.dims.slice(1)];
      parts.push({ type: made.type, dims, data: made.data.slice(0, product(dims)) });
    }
    return joined(parts);
  }

  /**
   * The text of a row of tokens, up to its end.
   * @param {ArrayLike<number>} tokens
   * @returns {string}
   */
  decode(tokens) {
    const text = this.text();
    const row = Array.from(tokens);
    const end = row.indexOf(text.end);
    const pieces = (end < 0 ? row : row.slice(0, end)).map((token) => text.tokens[token]);
    if (text.join === "spaces") return pieces.join(" ");
    if (text.join !== "bytes") return pieces.join("");
    const letters = bytesOfLetters();
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      Uint8Array.from(Array.from(pieces.join("")), (letter) => letters.get(letter) ?? 63),
    );
  }

  /**
   * The tokens of a text; of those made of bytes, tokens have to be given.
   * @param {string} written
   * @returns {number[]}
   */
  encode(written) {
    const text = this.text();
    if (text.join === "bytes") throw new RangeError("this vocabulary is made of bytes: give tokens as prefix");
    const numbers = new Map(text.tokens.map((token, number) => [token, number]));
    const pieces = text.join === "spaces" ? written.split(/\s+/u).filter(Boolean) : Array.from(written.normalize("NFC"));
    return pieces.map((piece) => Math.max(numbers.get(piece) ?? text.unknown, text.unknown));
  }

  /**
   * What was chosen, as inputs with a row for each sample.
   * @param {number} count
   * @param {Choices} choices
   * @returns {Record<string, Values>}
   */
  given(count, choices) {
    /** @type {Record<string, Values>} */
    const given = { ...choices.inputs };
    if (choices.image) given[this.named("image", "image")] = { type: "uint8", ...choices.image };
    if (choices.label !== undefined) {
      const name = this.named("category", "label");
      given[name] = { type: "int64", data: new BigInt64Array(count).fill(BigInt(this.label(choices.label))), dims: [count] };
    }
    if (choices.prefix !== undefined || choices.steps !== undefined) {
      const row = this.prefix(choices.prefix ?? [], choices.steps);
      const data = new Int32Array(count * row.length);
      for (let place = 0; place < count; place++) data.set(row, place * row.length);
      given.prefix = { type: "int32", data, dims: [count, row.length] };
    }
    for (const [name, value] of Object.entries(choices.settings ?? {})) {
      given[name] = { type: "float32", data: new Float32Array(count).fill(this.setting(name, value)), dims: [count] };
    }
    for (const name of Object.keys(given)) {
      const input = this.description.inputs.find((one) => one.name === name);
      if (!input) throw new RangeError(`there is no input '${name}'`);
      if (input.rows && given[name].dims[0] !== count) {
        throw new RangeError(`input '${name}' has ${given[name].dims[0]} rows for ${count} seeds`);
      }
    }
    return given;
  }

  /**
   * What the network is given for the seeds at some places.
   * @param {Seed[]} seeds
   * @param {number[]} places
   * @param {Record<string, Values>} given
   * @returns {Record<string, Values>}
   */
  inputs(seeds, places, given) {
    const steps = given.prefix ? given.prefix.dims[1] : this.description.axes.steps?.max;
    /** @type {Record<string, Values>} */
    const made = {};
    for (const one of this.description.inputs) {
      if (one.name in given) {
        made[one.name] = one.rows ? rowsOf(given[one.name], places) : given[one.name];
        continue;
      }
      if (one.source === "image") throw new RangeError("this network makes images of images: give an image");
      const whole = one.shape.map((size) => (size === "steps" ? steps : size));
      const shape = (one.rows ? whole.slice(1) : whole).map(Number);
      const size = product(shape);
      const from = one.rows ? places.map((place) => seeds[place]) : [seeds[places[0]]];
      const data = ARRAYS[one.dtype](size * from.length);
      from.forEach((seed, row) => data.set(drawn(one, seed, size), row * size));
      made[one.name] = { type: one.dtype, data, dims: one.rows ? [from.length, ...shape] : shape };
    }
    return made;
  }

  /** The shape of the input that takes an image. */
  imageShape() {
    const name = this.named("image", "image");
    return /** @type {Input} */ (this.description.inputs.find((one) => one.name === name)).shape;
  }

  /** @returns {NonNullable<Description["text"]>} */
  text() {
    if (!this.description.text) throw new RangeError("this network makes images, not texts");
    return this.description.text;
  }

  /**
   * @param {string} source
   * @param {string} what
   */
  named(source, what) {
    const found = this.description.inputs.find((one) => one.source === source);
    if (!found) throw new RangeError(`this network takes no ${what}`);
    return found.name;
  }

  /**
   * @param {string} name
   * @param {number} value
   */
  setting(name, value) {
    const known = this.description.inputs.filter((one) => one.source === "setting");
    const found = known.find((one) => one.name === name);
    if (!found) throw new RangeError(`no setting is called '${name}'; known: ${known.map((one) => one.name).join(", ") || "none"}`);
    if (!(value >= Number(found.low) && value <= Number(found.high))) {
      throw new RangeError(`setting '${name}' lies between ${found.low} and ${found.high}`);
    }
    return value;
  }

  /** @param {number | string} label */
  label(label) {
    const names = this.description.classes;
    const count = Number(this.description.inputs.find((one) => one.source === "category")?.categories);
    if (typeof label === "string" && names.includes(label)) return names.indexOf(label);
    const number = Number(label);
    if (label === "" || !Number.isInteger(number) || number < 0 || number >= count) {
      throw new RangeError(`no class is called '${label}'; known: ${names.join(", ") || `0 to ${count - 1}`}`);
    }
    return number;
  }

  /**
   * @param {string | number[]} prefix
   * @param {number} [steps]
   */
  prefix(prefix, steps) {
    const limits = this.description.axes.steps;
    if (!limits) throw new RangeError("prefix and steps are for texts");
    const tokens = typeof prefix === "string" ? this.encode(prefix) : prefix;
    const length = steps ?? limits.max;
    if (length < limits.min || length > limits.max || tokens.length >= length) {
      throw new RangeError(`a text has ${limits.min} to ${limits.max} tokens, and more than its prefix`);
    }
    const row = new Int32Array(length).fill(FREE);
    row.set(tokens);
    return row;
  }
}

/**
 * What a seed says of one input.
 * @param {Input} one
 * @param {Seed} seed
 * @param {number} size
 * @returns {any}
 */
export function drawn(one, seed, size) {
  const stream = Number(one.stream);
  if (one.source === "normal") return normals(seed, stream, size);
  if (one.source === "uniform") return uniforms(seed, stream, size);
  const values = one.source === "category" ? classes(seed, stream, size, Number(one.categories)) : Array(size).fill(one.value);
  return one.dtype === "int64" ? values.map(BigInt) : values;
}

/**
 * A place on the way from one point of noise to another, along the sphere (Shoemake, 1985).
 * @param {Float32Array} start
 * @param {Float32Array} end
 * @param {number} share of the way, in [0, 1]
 * @returns {Float32Array}
 */
export function slerp(start, end, share) {
  let dot = 0, first = 0, last = 0;
  for (let place = 0; place < start.length; place++) {
    dot += start[place] * end[place];
    first += start[place] ** 2;
    last += end[place] ** 2;
  }
  const angle = first && last ? Math.acos(Math.max(-1, Math.min(1, dot / Math.sqrt(first * last)))) : 0;
  const sine = Math.sin(angle);
  const [from, to] = sine < 1e-6 ? [1 - share, share] : [Math.sin((1 - share) * angle) / sine, Math.sin(share * angle) / sine];
  return start.map((value, place) => from * value + to * end[place]);
}

/** @param {readonly number[]} sizes */
function product(sizes) {
  return sizes.reduce((all, size) => all * size, 1);
}

/**
 * @param {Values} values
 * @param {number[]} places
 * @returns {Values}
 */
function rowsOf(values, places) {
  const size = product(values.dims.slice(1));
  const data = ARRAYS[values.type](size * places.length);
  places.forEach((place, row) => data.set(values.data.subarray(place * size, (place + 1) * size), row * size));
  return { type: values.type, data, dims: [places.length, ...values.dims.slice(1)] };
}

/**
 * @param {Values[]} parts
 * @returns {Values}
 */
function joined(parts) {
  const [{ type, dims }] = parts;
  const data = ARRAYS[type](parts.reduce((all, one) => all + one.data.length, 0));
  let filled = 0;
  for (const one of parts) {
    data.set(one.data, filled);
    filled += one.data.length;
  }
  return { type, data, dims: [parts.reduce((all, one) => all + one.dims[0], 0), ...dims.slice(1)] };
}

/** The byte that each letter of a byte-level vocabulary stands for: itself if printable. */
function bytesOfLetters() {
  const letters = new Map();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    const plain = (byte >= 0x21 && byte < 0x7f) || (byte >= 0xa1 && byte < 0xad) || byte >= 0xae;
    letters.set(String.fromCodePoint(plain ? byte : 256 + others++), byte);
  }
  return letters;
}
