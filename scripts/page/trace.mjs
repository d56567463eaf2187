// trace opens a trace of a run in speedscope: node trace.mjs TRACE
//
// The viewer (npm install --no-save speedscope) reads it with its own code in Chromium:
// without a warning, and with a lane for the steps and for each worker.
import { chromium } from "playwright-core";
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const [file] = process.argv.slice(2);
const bytes = readFileSync(file), packed = file.endsWith(".gz");
const events = JSON.parse(packed ? gunzipSync(bytes) : bytes).traceEvents;
const slices = events.filter(e => e.ph === "X");
const named = (what, e) => events.find(m => m.name === what && m.pid === e.pid && (what === "process_name" || m.tid === e.tid))?.args.name;
const lanes = [...new Set(slices.map(e => `${named("process_name", e)} (pid ${e.pid}), ${named("thread_name", e)} (tid ${e.tid})`))].sort();
const problems = [];
const wants = (holds, what) => { if (!holds) problems.push(what); };
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--enable-unsafe-swiftshader"] });

const release = fileURLToPath(new URL("node_modules/speedscope/dist/release", import.meta.url));
const server = createServer((request, response) => {
	const path = decodeURIComponent(new URL(request.url, "http://viewer").pathname);
	const from = path === "/trace" ? file : join(release, normalize(path === "/" ? "/index.html" : path));
	if (!existsSync(from)) return response.writeHead(404).end();
	response.writeHead(200, { "Content-Type": { html: "text/html", js: "text/javascript", css: "text/css" }[from.split(".").pop()] || "application/octet-stream" });
	response.end(readFileSync(from));
}).listen(0, "127.0.0.1");
await new Promise(done => server.once("listening", done));
const address = `http://127.0.0.1:${server.address().port}/`;
const scope = await browser.newPage({ viewport: { width: 1280, height: 2000 } });
scope.on("console", m => { if (m.type() === "error" || /^ts=|^Tried to end/.test(m.text())) problems.push("speedscope says: " + m.text()); });
scope.on("pageerror", e => problems.push("an error in speedscope: " + e.message));
scope.on("dialog", d => { problems.push("speedscope says: " + d.message()); d.dismiss(); });
await scope.goto(address + "#profileURL=" + encodeURIComponent(address + "trace"));
await scope.waitForFunction(() => document.title.endsWith(" - speedscope"));
await scope.keyboard.press("t");
await scope.waitForTimeout(300);
const shown = await scope.locator("body").innerText();
for (const lane of lanes) wants(shown.includes(lane), `speedscope shows no ${lane}`);
wants(shown.includes(`/${lanes.length})`), `speedscope has not ${lanes.length} lanes`);
console.log(`${slices.length} slices on ${lanes.length} lanes`);
server.close();
await browser.close();
for (const p of problems) console.error("✗ " + p);
process.exit(problems.length ? 1 : 0);
