// @ts-check
/** The page: a form for seeds and choices, a way between two seeds, a picture before and after. */
import { normals } from "./noise.js";
import { check, open } from "./open.js";
import { draw, imageFrom, pixelsOf } from "./pictures.js";
import { slerp } from "./sampler.js";

/** @import { Choices, Picture, Values } from "./sampler.js" */

/** @template {HTMLElement} [T=HTMLInputElement] @param {string} id @returns {T} */
const element = (id) => /** @type {T} */ (document.getElementById(id));
const query = new URLSearchParams(location.search);
let running = Promise.resolve(); // one run after the other
let latest = 0;

/**
 * Do something after all before it; what goes wrong is told on the page.
 * @param {() => Promise<void>} work
 */
function inTurn(work) {
  running = running.then(async () => {
    element("trouble").hidden = true;
    try {
      await work();
    } catch (error) {
      element("trouble").textContent = error instanceof Error ? error.message : String(error);
      element("trouble").hidden = false;
    }
  });
  return running;
}

const { generator, backend, reason } = await open(query.get("backend")).catch((error) => {
  element("status").textContent = `The network does not open here: ${error instanceof Error ? error.message : error}`;
  throw error;
});
const { description } = generator;
const settings = description.inputs.filter((one) => one.source === "setting");
const moving = description.inputs.find((one) => one.source === "normal");

/** @returns {Choices} */
function choices() {
  const chosen = settings.map((one) => [one.name, Number(element(`setting-${one.name}`).value)]);
  /** @type {Choices} */
  const found = { settings: Object.fromEntries(chosen) };
  if (element("label").value !== "") found.label = Number(element("label").value);
  if (element("prefix").value !== "") found.prefix = element("prefix").value;
  return found;
}

/**
 * Show samples in a place of the page.
 * @param {HTMLElement} place
 * @param {(Picture | string)[]} samples
 * @param {string[]} names
 */
function show(place, samples, names) {
  const texts = typeof samples[0] === "string";
  const list = document.createElement(texts ? "ul" : "div");
  list.className = texts ? "texts" : `grid${description.image && description.image.width > 64 ? " large" : ""}${samples.length === 1 ? " one" : ""}`;
  samples.forEach((sample, number) => {
    const item = document.createElement(texts ? "li" : "figure");
    if (typeof sample === "string") {
      const name = document.createElement("small");
      name.textContent = names[number];
      item.append(name, sample);
    } else {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Sample of ${names[number]}`);
      draw(canvas, sample);
      const caption = document.createElement("figcaption");
      caption.textContent = names[number];
      item.append(canvas, caption);
    }
    list.append(item);
  });
  place.replaceChildren(list);
}

function sampleOnDemand() {
  /** @param {Event} [event] */
  const make = (event) => {
    event?.preventDefault();
    return inTurn(async () => {
      const first = BigInt(element("seed").value);
      const seeds = Array.from({ length: Number(element("count").value) }, (_, place) => first + BigInt(place));
      show(element("samples"), await generator.sample(seeds, choices()), seeds.map((seed) => `seed ${seed}`));
    });
  };
  for (const one of settings) {
    const field = document.createElement("div");
    const shown = document.createElement("output");
    const label = document.createElement("label");
    const slider = document.createElement("input");
    field.className = "field";
    Object.assign(slider, { id: `setting-${one.name}`, type: "range", min: one.low, max: one.high, step: "any" });
    slider.step = String((Number(one.high) - Number(one.low)) / 100);
    slider.value = String(one.value);
    label.htmlFor = slider.id;
    const tell = () => (shown.textContent = String(Math.round(Number(slider.value) * 100) / 100));
    label.append(`${one.name.replaceAll("_", " ")} `, shown);
    slider.addEventListener("input", tell);
    slider.addEventListener("change", () => make());
    tell();
    field.append(label, slider);
    element("settings").append(field);
  }
  const category = description.inputs.find((one) => one.source === "category");
  element("label-field").hidden = !category;
  for (let number = 0; number < Number(category?.categories ?? 0); number++) {
    element("label").append(new Option(description.classes[number] ?? String(number), String(number)));
  }
  element("prefix-field").hidden = !description.text || description.text.join === "bytes";
  element("choices").addEventListener("submit", make);
  element("sampling").hidden = false;
  return make();
}

/** The way from one seed to another: normal noise moves, everything else stays as the first seed has it. */
function walkOnDemand() {
  if (!moving) return;
  const { name, stream, shape, dtype } = moving;
  const dims = [1, ...shape.slice(1).map(Number)];
  const size = dims.reduce((all, one) => all * one, 1);
  const move = () => {
    const turn = ++latest;
    element("way-shown").textContent = `${element("way").value} %`;
    return inTurn(async () => {
      if (turn !== latest) return; // the slider has moved on
      const [start, end] = [element("from").value, element("to").value].map((seed) => normals(seed, Number(stream), size));
      const data = slerp(start, end, Number(element("way").value) / 100);
      const inputs = { [name]: { type: dtype, data, dims } };
      const samples = await generator.sample([element("from").value], { ...choices(), inputs });
      show(element("between"), samples, [`${element("way").value} % of the way`]);
    });
  };
  for (const id of ["from", "to", "way"]) element(id).addEventListener("input", move);
  element("walking").hidden = false;
  move();
}

function enlargeOnDemand() {
  /** @param {ImageBitmap} bitmap */
  const enlarge = (bitmap) =>
    inTurn(async () => {
      const [height, width] = ["height", "width"].map((axis) => description.axes[axis]);
      const taken = pixelsOf(bitmap, Number(description.image?.channels), height, width, generator.imageShape());
      element("sizes").textContent = `Working on ${taken.width} x ${taken.height} pixels …`;
      await new Promise((resolve) => setTimeout(resolve, 30)); // so that this is seen
      const before = performance.now();
      const [made] = /** @type {Picture[]} */ (await generator.sample([0], { image: taken.values }));
      const seconds = (performance.now() - before) / 1000;
      const shown = imageFrom(made, taken);
      draw(element("before"), taken.picture);
      draw(element("after"), shown);
      element("pair").hidden = false;
      const note = taken.shrunk ? ", made smaller before, because this network takes no more" : "";
      element("sizes").textContent =
        `${taken.width} x ${taken.height} to ${shown.width} x ${shown.height} pixels in ${seconds.toFixed(2)} s${note}.`;
      element("after").dataset.ready = "yes";
    });
  /** @param {Blob | undefined} file */
  const take = (file) =>
    file &&
    createImageBitmap(file).then(enlarge, () =>
      inTurn(async () => {
        throw new Error("this file is no picture that the browser knows");
      }),
    );
  element("file").addEventListener("change", () => take(element("file").files?.[0]));
  element("example").addEventListener("click", async () => take(await (await fetch("golden/image.png")).blob()));
  const drop = element("drop");
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    take(/** @type {DragEvent} */ (event).dataTransfer?.files[0]);
  });
  element("border").addEventListener("input", () => {
    const share = element("border").value;
    element("stage").style.setProperty("--border", `${share}%`);
    element("border").setAttribute("aria-valuetext", `${share} % before`);
  });
  element("save").addEventListener("click", () => {
    /** @type {any} */ (element("save")).href = /** @type {any} */ (element("after")).toDataURL("image/png");
  });
  element("enlarging").hidden = false;
}

function checkOnDemand() {
  const button = /** @type {HTMLButtonElement} */ (/** @type {unknown} */ (element("check")));
  button.disabled = false;
  button.addEventListener("click", () =>
    inTurn(async () => {
      element("verdict").textContent = "…";
      const problems = await check(generator);
      element("verdict").textContent = problems.length ? `differs: ${problems.join("; ")}` : "equal to the golden samples";
    }),
  );
}

element("status").textContent = `Runs on ${backend}${reason ? `: ${reason}` : ""}.`;
if (description.inputs.some((one) => one.source === "image")) enlargeOnDemand();
else {
  await sampleOnDemand();
  walkOnDemand();
}
checkOnDemand();
document.body.dataset.ready = backend;
