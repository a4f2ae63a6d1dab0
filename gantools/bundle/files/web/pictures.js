// @ts-check
/** Pictures on canvases, and as what a network takes. */

/** @import { Limits, Picture, Values } from "./sampler.js" */
/**
 * A picture on its way into a network.
 * @typedef {object} Taken
 * @property {number} width as it is shown, without padding
 * @property {number} height
 * @property {boolean} shrunk
 * @property {Picture} picture
 * @property {{ data: Uint8Array, dims: number[] }} values padded to what the network takes
 */

/**
 * @param {HTMLElement} element
 * @param {Picture} picture
 */
export function draw(element, picture) {
  const canvas = /** @type {HTMLCanvasElement} */ (element);
  const { width, height, channels, data } = picture;
  Object.assign(canvas, { width, height });
  canvas.classList.toggle("small", width <= 64);
  const pixels = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * place + channel] = data[channels * place + (channels === 1 ? 0 : channel)];
    }
    pixels.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/**
 * A decoded picture as a network takes it: made smaller where it is too large, padded by its border where it is too small.
 * @param {ImageBitmap} bitmap
 * @param {number} channels
 * @param {Limits | undefined} rows limits of the height; none: `fixed` says it
 * @param {Limits | undefined} columns
 * @param {(number | string)[]} fixed the shape of the input
 * @returns {Taken}
 */
export function pixelsOf(bitmap, channels, rows, columns, fixed) {
  const high = rows ?? limitsOf(Number(fixed[1])), wide = columns ?? limitsOf(Number(fixed[2]));
  const share = Math.min(1, floored(high) / bitmap.height, floored(wide) / bitmap.width);
  const width = Math.max(1, Math.floor(bitmap.width * share)), height = Math.max(1, Math.floor(bitmap.height * share));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws nothing");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const source = context.getImageData(0, 0, width, height).data;
  const picture = { width, height, channels, data: new Uint8Array(width * height * channels) };
  for (let place = 0; place < width * height; place++) {
    const [red, green, blue] = source.subarray(4 * place, 4 * place + 3);
    if (channels === 1) picture.data[place] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    else picture.data.set([red, green, blue], 3 * place);
  }
  const dims = [1, padded(height, high), padded(width, wide), channels];
  const data = new Uint8Array(dims[1] * dims[2] * channels);
  for (let row = 0; row < dims[1]; row++) {
    for (let column = 0; column < dims[2]; column++) {
      const from = (Math.min(row, height - 1) * width + Math.min(column, width - 1)) * channels;
      data.set(picture.data.subarray(from, from + channels), (row * dims[2] + column) * channels);
    }
  }
  return { width, height, shrunk: share < 1, picture, values: { data, dims } };
}

/**
 * What a network made of a padded picture, without what it made of the padding.
 * @param {Picture} made
 * @param {Taken} taken
 * @returns {Picture}
 */
export function imageFrom(made, taken) {
  const width = Math.round((made.width * taken.width) / taken.values.dims[2]);
  const height = Math.round((made.height * taken.height) / taken.values.dims[1]);
  const data = new Uint8Array(width * height * made.channels);
  for (let row = 0; row < height; row++) {
    const from = row * made.width * made.channels;
    data.set(made.data.subarray(from, from + width * made.channels), row * width * made.channels);
  }
  return { width, height, channels: made.channels, data };
}

/** @param {number} size @returns {Limits} */
function limitsOf(size) {
  return { min: size, opt: size, max: size, step: 1 };
}

/** @param {Limits} limits */
function floored(limits) {
  return limits.max - (limits.max % limits.step);
}

/** @param {number} size @param {Limits} limits */
function padded(size, limits) {
  return Math.ceil(Math.max(size, limits.min) / limits.step) * limits.step;
}
