// @ts-check
/**
 * Noise from seeds: the same numbers, bit for bit, in Python, JavaScript and C++.
 *
 * Words come from Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The
 * 64-bit seed is the key, low word first; word w of stream s is word w mod 4 of the block at counter (w div 4, s, 0, 0).
 * The maps use only operations that IEEE 754 rounds correctly: no Math.log, no Math.cos.
 */

/** A seed in [0, 2**64): a number where it is counted exactly, else a bigint or its decimal digits.
 * @typedef {number | bigint | string} Seed */

const CELLS = 65536;
// Wichura's PPND16 (Algorithm AS 241, 1988), highest power first: above and below the line, centre and tail.
const CENTRE = [
  [2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
    13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608],
  [5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
    5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0],
];
const TAIL = [
  [7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734],
  [1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
    0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0],
];
// Of log(1 + f) = f - (f*f/2 - s*(f*f/2 + R(s*s))), s = f/(2 + f): the coefficients of R, highest first.
const LOG = [
  0.1479819860511658591, 0.1531383769920937332, 0.1818357216161805012, 0.2222219843214978396,
  0.2857142874366239149, 0.3999999999940941908, 0.6666666666666735130,
];

/**
 * The low and the high word of a seed.
 * @param {Seed} seed
 * @returns {[number, number]}
 */
export function seedWords(seed) {
  if (typeof seed === "number") {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`seeds are integers in [0, 2**64), above 2**53 as bigint or string; got ${seed}`);
    }
    return [seed % 4294967296, Math.floor(seed / 4294967296)];
  }
  if (typeof seed === "string" && !/^[0-9]+$/.test(seed)) {
    throw new RangeError(`seeds are integers in [0, 2**64), got ${JSON.stringify(seed)}`);
  }
  const whole = BigInt(seed);
  if (whole < 0n || whole >= 1n << 64n) throw new RangeError(`seeds are integers in [0, 2**64), got ${seed}`);
  return [Number(whole & 0xffffffffn), Number(whole >> 32n)];
}

/**
 * The upper 32 bits of the product of two 32-bit words: every part below is an integer that a double holds exactly.
 * @param {number} a
 * @param {number} b
 */
function high(a, b) {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const first = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (first % 65536);
  return (aHigh * bHigh + Math.floor(first / 65536) + Math.floor(second / 65536)) >>> 0;
}

/**
 * The first words of a stream.
 * @param {Seed} seed
 * @param {number} stream in [0, 2**32)
 * @param {number} count
 * @returns {Uint32Array}
 */
export function words(seed, stream, count) {
  const [low, upper] = seedWords(seed);
  const blocks = Math.ceil(count / 4);
  const drawn = new Uint32Array(4 * blocks);
  for (let block = 0; block < blocks; block++) {
    let c0 = block, c1 = stream >>> 0, c2 = 0, c3 = 0, k0 = low, k1 = upper;
    for (let round = 0; round < 10; round++) {
      const high0 = high(0xd2511f53, c0), high2 = high(0xcd9e8d57, c2);
      const low0 = Math.imul(0xd2511f53, c0) >>> 0, low2 = Math.imul(0xcd9e8d57, c2) >>> 0;
      c0 = (high2 ^ c1 ^ k0) >>> 0;
      c1 = low2;
      c2 = (high0 ^ c3 ^ k1) >>> 0;
      c3 = low0;
      k0 = (k0 + 0x9e3779b9) >>> 0;
      k1 = (k1 + 0xbb67ae85) >>> 0;
    }
    drawn.set([c0, c1, c2, c3], 4 * block);
  }
  return drawn.subarray(0, count);
}

/**
 * U(0, 1), ends excluded.
 * @param {Seed} seed
 * @param {number} stream
 * @param {number} count
 * @returns {Float32Array}
 */
export function uniforms(seed, stream, count) {
  return Float32Array.from(words(seed, stream, count), (word) => Math.min((word + 0.5) * 2 ** -32, 1 - 2 ** -24));
}

/**
 * N(0, 1): the inverse distribution function, linear between multiples of 2**-16.
 * @param {Seed} seed
 * @param {number} stream
 * @param {number} count
 * @returns {Float32Array}
 */
export function normals(seed, stream, count) {
  const knots = table();
  return Float32Array.from(words(seed, stream, count), (word) => {
    const cell = word >>> 16;
    if (cell === 0 || cell === CELLS - 1) return quantile((word + 0.5) * 2 ** -32);
    return knots[cell] + ((word & 0xffff) + 0.5) * ((knots[cell + 1] - knots[cell]) * 2 ** -16);
  });
}

/**
 * One of 0 .. categories - 1, all equally likely.
 * @param {Seed} seed
 * @param {number} stream
 * @param {number} count
 * @param {number} categories
 * @returns {number[]}
 */
export function classes(seed, stream, count, categories) {
  return Array.from(uniforms(seed, stream, count), (one) =>
    Math.min(Math.trunc(Math.fround(one * categories)), categories - 1),
  );
}

/** @type {Float64Array | undefined} */
let kept;

function table() {
  if (kept === undefined) {
    kept = new Float64Array(CELLS + 1);
    for (let place = 1; place < CELLS; place++) kept[place] = quantile(place / CELLS);
  }
  return kept;
}

/** @param {number} probability */
function quantile(probability) {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(CENTRE, 0.180625 - q * q);
  const value = ratio(TAIL, Math.sqrt(-log(0.5 - Math.abs(q))) - 1.6);
  return q < 0 ? -Math.abs(value) : Math.abs(value);
}

/**
 * @param {number[][]} rows
 * @param {number} x
 */
function ratio(rows, x) {
  return horner(rows[0], x) / horner(rows[1], x);
}

/**
 * @param {number[]} coefficients
 * @param {number} x
 */
function horner(coefficients, x) {
  let value = coefficients[0];
  for (let place = 1; place < coefficients.length; place++) value = value * x + coefficients[place];
  return value;
}

const bits = new DataView(new ArrayBuffer(8));

/**
 * Natural logarithm of a positive normal number, from basic operations.
 * @param {number} x
 */
function log(x) {
  bits.setFloat64(0, x);
  const upper = bits.getUint32(0);
  let k = ((upper >>> 20) & 0x7ff) - 1022;
  bits.setUint32(0, (upper & 0x800fffff) | (1022 << 20)); // x = mantissa * 2**k, mantissa in [1/2, 1)
  const mantissa = bits.getFloat64(0);
  const below = mantissa < 0.7071067811865476;
  const f = (below ? 2 * mantissa : mantissa) - 1;
  if (below) k -= 1;
  const s = f / (f + 2);
  const z = s * s;
  const half = 0.5 * f * f;
  return k * 6.93147180369123816490e-1 - (half - (s * (half + z * horner(LOG, z)) + k * 1.90821492927058770002e-10) - f);
}
