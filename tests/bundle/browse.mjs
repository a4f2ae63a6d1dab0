// Opens a page in headless Chromium, uses it as a person would, by keyboard too, and prints what it found as JSON.
// node browse.mjs PACKAGES CHROMIUM ADDRESS SHOTS
import { createRequire } from "node:module";
import { join } from "node:path";

const [packages, executablePath, address, shots] = process.argv.slice(2);
const { chromium } = createRequire(join(packages, "x"))("playwright-core");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const facts = { foreign: [], errors: [], sizes: {} };

/** A page of a size, with all that it complains of and asks others for. */
async function opened(width, height, query = "") {
  const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: 1 });
  page.on("pageerror", (error) => facts.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && facts.errors.push(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) facts.foreign.push(request.url());
  });
  await page.goto(`${address}${query}`);
  await page.waitForFunction(() => document.body.dataset.ready || /does not open/.test(document.body.textContent), null, { timeout: 60000 });
  return page;
}

/** Pixels of a canvas, channels of the network only. */
const pixels = (locator) =>
  locator.evaluate((canvas) => {
    const { width, height } = canvas;
    return { width, height, data: Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data) };
  });

const page = await opened(1100, 900);
facts.status = await page.locator("#status").textContent();
facts.lang = await page.locator("html").getAttribute("lang");
facts.unlabelled = await page.evaluate(() =>
  [...document.querySelectorAll("input, select, button, canvas")]
    .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
    .map((one) => one.outerHTML),
);
if (await page.locator("#enlarging").isVisible()) {
  await page.locator("#example").focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("#after[data-ready]");
  facts.after = await pixels(page.locator("#after"));
  const clip = () => page.locator("#after").evaluate((one) => getComputedStyle(one).clipPath);
  facts.clips = [await clip()];
  await page.locator("#border").focus();
  for (let press = 0; press < 10; press++) await page.keyboard.press("ArrowRight");
  facts.clips.push(await clip());
  // A picture of 400 x 30 pixels, dropped: too wide for this network.
  const before = await page.locator("#sizes").textContent();
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(400, 30);
    canvas.getContext("2d").fillRect(0, 0, 200, 30);
    const file = new File([await canvas.convertToBlob()], "wide.png", { type: "image/png" });
    const data = new DataTransfer();
    data.items.add(file);
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
  });
  await page.waitForFunction((was) => !["", was].includes(document.getElementById("sizes").textContent) && / in /.test(document.getElementById("sizes").textContent), before);
  facts.dropped = await page.locator("#sizes").textContent();
  await page.locator("#file").setInputFiles({ name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
  await page.waitForSelector("#trouble:not([hidden])");
  facts.trouble = await page.locator("#trouble").textContent();
  await page.locator("#example").click();
  await page.waitForSelector("#trouble", { state: "hidden" });
  await page.waitForFunction((was) => document.getElementById("sizes").textContent !== was && / in /.test(document.getElementById("sizes").textContent), facts.dropped);
} else {
  await page.locator("#seed").fill("3");
  await page.locator("#count").fill("2");
  await page.locator("#seed").press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#samples figure, #samples li").length === 2);
  if (await page.locator("#samples canvas").count()) facts.samples = [await pixels(page.locator("#samples canvas").first())];
  else facts.samples = await page.locator("#samples li").allTextContents();
  facts.settings = await page.locator("#settings input").count();
  facts.classes = await page.locator("#label option").allTextContents();
  if (facts.settings) {
    await page.locator("#settings input").first().focus();
    await page.keyboard.press("Home"); // the least there is
    await page.waitForTimeout(300);
    facts.turned = await page.locator("#settings output").first().textContent();
  }
  const between = page.locator("#between canvas, #between li");
  await between.waitFor();
  facts.walk = [];
  for (const key of ["Home", "End"]) {
    await page.locator("#way").focus();
    await page.keyboard.press(key);
    const name = key === "Home" ? "0 % of the way" : "100 % of the way";
    await page.waitForFunction((wanted) => document.getElementById("between").textContent.includes(wanted), name);
    facts.walk.push((await page.locator("#between canvas").count()) ? await pixels(between) : await between.textContent());
  }
  await page.locator("#count").fill("16");
  await page.locator("#seed").press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#samples figure, #samples li").length === 16);
}
await page.locator("#check").focus();
await page.keyboard.press("Space");
await page.waitForFunction(() => /equal|differs/.test(document.getElementById("verdict").textContent));
facts.verdict = await page.locator("#verdict").textContent();
facts.sizes.desktop = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
await page.screenshot({ path: join(shots, "desktop.png"), fullPage: true });

await page.setViewportSize({ width: 360, height: 740 });
facts.sizes.phone = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
facts.small = await page.evaluate(() =>
  [...document.querySelectorAll("button, select, input:not([type=range])")]
    .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 44)
    .map((one) => one.id),
);
await page.screenshot({ path: join(shots, "phone.png"), fullPage: true });
const dark = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
await dark.goto(`${address}?backend=wasm`);
await dark.waitForFunction(() => document.body.dataset.ready);
await dark.screenshot({ path: join(shots, "dark.png") });
console.log(JSON.stringify(facts));
await browser.close();
