"use strict";
// The page reads without this script. It adds the list of all tests, enlarges the
// timeline, shows sources, and copies. It asks nobody for anything.
(async () => {
const $ = id => document.getElementById(id), SVG = "http://www.w3.org/2000/svg";
const make = (tag, of, text) => { const e = document.createElement(tag); if (of) e.className = of; if (text !== undefined) e.textContent = text; return e; };
const draw = (tag, attributes) => { const e = document.createElementNS(SVG, tag); for (const k in attributes) e.setAttribute(k, attributes[k]); return e; };
const count = n => String(n).replace(/\B(?=(\d{3})+$)/g, " ");
const span = ms => ms < 0 ? "−" + span(-ms) : ms === 0 ? "0" : ms < 10 ? ms.toFixed(2) + " ms" : ms < 999.5 ? ms.toFixed(0) + " ms" : ms < 59950 ? (ms / 1000).toFixed(1) + " s"
	: ms < 3.6e6 ? Math.floor(ms / 6e4) + "m" + String(Math.floor(ms / 1000) % 60).padStart(2, "0") + "s" : Math.floor(ms / 3.6e6) + "h" + String(Math.floor(ms / 6e4) % 60).padStart(2, "0") + "m";

for (const b of document.querySelectorAll(".copy")) {
	b.hidden = false;
	b.addEventListener("click", async () => {
		const code = b.previousElementSibling;
		try { await navigator.clipboard.writeText(code.textContent); b.textContent = "copied"; } catch { getSelection().selectAllChildren(code); b.textContent = "selected"; }
		setTimeout(() => { b.textContent = "copy"; }, 1500);
	});
}
for (const pre of document.querySelectorAll("pre.text")) {
	const first = pre.querySelector(".error");
	if (first) pre.scrollTop = Math.max(0, first.offsetTop - pre.clientHeight * 0.7);
}
for (const hint of document.querySelectorAll(".hint, .tools")) hint.hidden = false;

const bytes = Uint8Array.from(atob($("data").textContent), c => c.charCodeAt(0));
const book = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
const N = book.id.length, A = book.test.length;
const ids = book.id.map((id, i) => id[0] === "\u0001" ? book.files[book.file[i]] + id.slice(1) : id);
const began = new Float64Array(A), took = new Float64Array(A);
for (let a = 0, row = -1, end = 0; a < A; a++) {
	if (book.row[a] !== row) { row = book.row[a]; end = 0; }
	const at = end + book.at[a], long = book.setup[a] + book.call[a] + book.teardown[a];
	began[a] = at / 10; took[a] = long / 10; end = at + long;
}
const workerOf = a => "worker-" + book.rows[book.row[a]].worker;

// The list of all tests.
const list = $("list");
let show = 100, chosen = [], by = "took", down = true, only = 0, order;
function sort() {
	const key = { id: i => i, verdict: i => book.verdict[i], took: i => book.last[i] < 0 ? -1 : took[book.last[i]], plan: i => book.last[i] < 0 ? -1 : book.estimate[book.last[i]],
		worker: i => book.last[i] < 0 ? 1e9 : book.rows[book.row[book.last[i]]].worker }[by];
	const keys = new Float64Array(N);
	for (let i = 0; i < N; i++) keys[i] = down ? -key(i) : key(i);
	order = Uint32Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b] || a - b);
	choose();
}
function choose() {
	const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
	const number = words.length === 1 && /^worker-\d+$/.test(words[0]) ? Number(words[0].slice(7)) : 0;
	chosen = [];
	for (const i of order) {
		if (only && book.verdict[i] !== only) continue;
		if (words.every(w => low[i].includes(w)) || number && book.last[i] >= 0 && book.rows[book.row[book.last[i]]].worker === number) chosen.push(i);
	}
	show = 100;
	fill();
}
function fill(found) {
	const body = document.createDocumentFragment();
	for (const i of chosen.slice(0, show)) {
		const a = book.last[i], tr = make("tr", i === found ? "found" : ""), verdict = book.verdicts[book.verdict[i]] || "none", id = make("td", "id", ids[i]);
		tr.append(id, make("td", "v-" + verdict, verdict), make("td", "", a < 0 ? "" : span(took[a])), make("td", "quiet", a < 0 || !book.estimate[a] ? "" : span(book.estimate[a] / 10)), make("td", "quiet", a < 0 ? "" : workerOf(a)));
		body.append(tr);
	}
	$("rows").replaceChildren(body);
	$("found").textContent = count(chosen.length) + " of " + count(N) + (show < chosen.length ? ", the first " + count(show) + " shown" : "");
	$("more").hidden = show >= chosen.length;
}
let low;
if (list) {
	low = ids.map(id => id.toLowerCase());
	const counts = book.verdicts.map((_, v) => book.verdict.reduce((n, x) => n + (x === v), 0));
	[["all", 0], ...book.verdicts.map((v, k) => [v, k]).slice(1)].forEach(([name, v]) => {
		if (v && !counts[v]) return;
		const b = make("button", "", v ? name + " " + count(counts[v]) : name);
		b.type = "button"; b.setAttribute("aria-pressed", v === 0);
		b.addEventListener("click", () => { only = v; for (const o of $("kinds").children) o.setAttribute("aria-pressed", o === b); choose(); });
		$("kinds").append(b);
	});
	for (const b of list.querySelectorAll("[data-by]")) b.addEventListener("click", () => {
		down = by === b.dataset.by ? !down : b.dataset.by !== "id";
		by = b.dataset.by;
		for (const th of list.querySelectorAll("th")) th.setAttribute("aria-sort", th.contains(b) ? (down ? "descending" : "ascending") : "none");
		sort();
	});
	$("find").addEventListener("input", choose);
	$("more").addEventListener("click", () => { show += 500; fill(); });
	document.addEventListener("keydown", e => {
		if (e.key === "/" && !/^(INPUT|TEXTAREA)$/.test(e.target.tagName) && !e.ctrlKey && !e.metaKey) { e.preventDefault(); $("find").focus(); }
	});
	list.hidden = false; $("unread").hidden = true;
	sort();
}
function find(test) {
	if (!list) return;
	$("find").value = ids[test]; only = 0;
	for (const o of $("kinds").children) o.setAttribute("aria-pressed", o === $("kinds").firstChild);
	choose(); fill(test);
	$("tests").scrollIntoView(); $("find").focus({ preventScroll: true });
}

// Sources.
for (const b of document.querySelectorAll("button.source")) {
	const source = book.sources[b.dataset.source];
	if (!source) continue;
	b.disabled = false;
	b.addEventListener("click", () => {
		const row = b.closest("tr");
		if (b.getAttribute("aria-expanded") === "true") { row.nextSibling.remove(); b.setAttribute("aria-expanded", false); return; }
		const missing = new Set(source.missing), near = new Set(), pre = make("pre", "text code");
		for (const n of missing) for (let k = n - 3; k <= n + 3; k++) near.add(k);
		let cut = false;
		source.text.split("\n").forEach((line, k) => {
			if (!near.has(k + 1)) { cut = true; return; }
			if (cut) pre.append(make("span", "cut", " "));
			cut = false;
			const s = make("span", missing.has(k + 1) ? "missing" : "", line || " ");
			s.dataset.n = k + 1; pre.append(s);
		});
		pre.tabIndex = 0; pre.setAttribute("role", "group"); pre.setAttribute("aria-label", "Lines that did not run in " + b.textContent);
		const tr = make("tr"), td = make("td"); td.colSpan = 4; td.append(pre); tr.append(td); row.after(tr);
		b.setAttribute("aria-expanded", true);
	});
}

// The timeline.
const stage = $("stage");
if (stage && book.rows.length) {
	const chart = $("chart"), LEFT = 34, RIGHT = 946, TOP = 34, row = Math.min(Math.max(320 / book.rows.length, 6), 22), WHOLE = Math.max(book.end, book.predicted) * 1.005;
	let from = 0, to = WHOLE, against = false;
	const x = ms => LEFT + (ms - from) / (to - from) * (RIGHT - LEFT), time = px => from + (px - LEFT) / (RIGHT - LEFT) * (to - from);
	const first = new Array(book.rows.length).fill(0), past = new Array(book.rows.length).fill(0);
	for (let a = A - 1; a >= 0; a--) { first[book.row[a]] = a; past[book.row[a]] ||= a + 1; }
	const f = v => v.toFixed(1);
	class Pen {
		constructor(y, h, least) { this.y = y; this.h = h; this.least = least; this.d = ""; this.a = NaN; this.b = NaN; }
		add(t0, t1) {
			if (t1 < from || t0 > to) return;
			const a = Math.max(x(t0), LEFT), b = Math.min(Math.max(x(t1), a + this.least), RIGHT);
			if (a - this.b < 0.5 && a >= this.a) { this.b = Math.max(this.b, b); return; }
			this.flush(); this.a = a; this.b = b;
		}
		flush() { if (this.b > this.a) this.d += `M${f(this.a)} ${f(this.y)}h${f(this.b - this.a)}v${f(this.h)}h-${f(this.b - this.a)}z`; this.a = this.b = NaN; }
	}
	const ORDER = ["idle", "start", "collect", "even", "odd", "unknown", "plan", "quicker", "longer", "fixture", "flaky", "failed"];
	const compared = a => {
		const e = book.estimate[a] / 10, d = took[a] - e;
		return !e ? "unknown" : Math.abs(d) < Math.max(0.2 * e, 5) ? "plan" : d > 0 ? "longer" : "quicker";
	};
	const render = () => {
		const lanes = document.createDocumentFragment();
		book.rows.forEach((w, r) => {
			const y = TOP + r * row, pens = {}, g = draw("g", {});
			for (const c of ORDER) pens[c] = c === "fixture" ? new Pen(y + row * 0.74, row * 0.2, 0.4) : new Pen(y + row * 0.06, row * 0.88, c === "failed" || c === "flaky" ? 2 : 0.4);
			const begun = w.session > 0 ? w.session : w.ready;
			if (w.asked < begun) pens.start.add(w.asked, begun);
			if (w.ready > begun) pens.collect.add(begun, w.ready);
			for (const [at, long] of w.collects) pens.collect.add(at, at + long);
			let tint = 0, file = -1, last = w.ready;
			for (let a = first[r]; a < past[r]; a++) {
				if (book.file[book.test[a]] !== file) { file = book.file[book.test[a]]; tint = 1 - tint; }
				last = Math.max(last, began[a] + took[a]);
				pens[against ? compared(a) : book.kind[a] === 1 ? "failed" : book.kind[a] === 2 ? "flaky" : tint ? "odd" : "even"].add(began[a], began[a] + took[a]);
				if (book.fixtures[a] && !against) pens.fixture.add(began[a], began[a] + book.fixtures[a] / 10);
			}
			if (!w.lost && book.ended > last) pens.idle.add(last, book.ended);
			for (const c of ORDER) { pens[c].flush(); if (pens[c].d) g.append(draw("path", { class: c, d: pens[c].d })); }
			if (w.lost && w.lost >= from && w.lost <= to) { const t = draw("text", { class: "lost", x: f(x(w.lost)), y: f(y + row / 2 + 4) }); t.textContent = "✕ lost"; g.append(t); }
			lanes.append(g);
		});
		$("lanes").replaceChildren(lanes);
		const steps = document.createDocumentFragment();
		let free = 0;
		for (const s of book.steps) {
			const a = Math.max(x(s.at), LEFT), b = Math.min(x(s.at + s.took), RIGHT);
			if (b - a < 1 || a < free - 0.5) continue;
			free = b;
			const g = draw("g", {}), title = draw("title", {});
			title.textContent = s.name + ", " + span(s.took);
			g.append(title, draw("rect", { class: "step", x: f(a), y: 12, width: f(b - a), height: 14, rx: 2 }));
			if (b - a > 7 * s.name.length) { const t = draw("text", { class: "dark", x: f((a + b) / 2), y: 22, "text-anchor": "middle" }); t.textContent = s.name; g.append(t); }
			steps.append(g);
		}
		$("steps").replaceChildren(steps);
		const bottom = TOP + row * book.rows.length, ticks = document.createDocumentFragment(), step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5].find(s => (to - from) / s <= 9) || (to - from) / 8;
		for (let ms = Math.ceil(from / step) * step; ms <= to; ms += step) {
			const t = draw("text", { x: f(x(ms)), y: f(bottom + 14), "text-anchor": "middle" });
			t.textContent = step < 1000 ? +(ms / 1000).toFixed(3) + " s" : step < 6e4 ? ms / 1000 + " s" : ms / 6e4 + " min";
			ticks.append(draw("line", { class: "grid", x1: f(x(ms)), x2: f(x(ms)), y1: TOP, y2: f(bottom) }), t);
		}
		$("ticks").replaceChildren(ticks);
		const marks = document.createDocumentFragment(), inside = ms => ms > from && ms < to;
		if (book.ended && inside(book.ended)) marks.append(draw("line", { class: "last", x1: f(x(book.ended)), x2: f(x(book.ended)), y1: TOP, y2: f(bottom) }));
		if (book.predicted && inside(book.predicted)) {
			const t = draw("text", { class: "predicted", x: f(x(book.predicted)), y: 8, "text-anchor": x(book.predicted) > 200 ? "end" : "start" });
			t.textContent = "predicted " + span(book.predicted);
			marks.append(draw("line", { class: "predicted", x1: f(x(book.predicted)), x2: f(x(book.predicted)), y1: 10, y2: f(bottom), "stroke-dasharray": "4 3" }), t);
		}
		$("marks").replaceChildren(marks);
	};
	const go = (a, b) => { const w = Math.min(Math.max(b - a, 1), WHOLE); from = Math.min(Math.max(a, 0), WHOLE - w); to = from + w; hide(); render(); };
	const zoom = (by, at = (from + to) / 2) => go(at - (at - from) * by, at + (to - at) * by);
	const point = e => { const box = chart.getBoundingClientRect(); return [(e.clientX - box.left) / box.width * 1000, (e.clientY - box.top) / box.width * 1000]; };
	const under = e => {
		const [px, py] = point(e), r = Math.floor((py - TOP) / row), t = time(px), slack = (to - from) / (RIGHT - LEFT) * 1.5;
		if (r < 0 || r >= book.rows.length || px < LEFT || px > RIGHT) return -1;
		let lo = first[r], hi = past[r] - 1, best = -1;
		while (lo <= hi) { const mid = (lo + hi) >> 1; if (began[mid] <= t + slack) { best = mid; lo = mid + 1; } else hi = mid - 1; }
		for (let a = best; a >= first[r] && a > best - 50; a--) if (began[a] <= t && t <= began[a] + took[a]) return a;
		return best >= first[r] && t <= began[best] + took[best] + slack ? best : -1;
	};
	const tip = $("tip");
	const hide = () => { tip.hidden = true; $("hit")?.remove(); };
	const tell = (e, a) => {
		hide();
		if (a < 0) return;
		const t = book.test[a], r = book.row[a], plan = book.estimate[a] ? " (planned " + span(book.estimate[a] / 10) + ")" : "";
		tip.replaceChildren(make("code", "", ids[t]), make("span", "", `${["passed", "failed", "failed first", "skipped"][book.kind[a]]} · ${span(took[a])}${plan} · setup ${span(book.setup[a] / 10)}, call ${span(book.call[a] / 10)}, teardown ${span(book.teardown[a] / 10)} · ${workerOf(a)}`));
		tip.hidden = false;
		const box = stage.getBoundingClientRect(), left = e.clientX - box.left;
		tip.style.left = Math.max(0, Math.min(left + 12, box.width - tip.offsetWidth)) + "px";
		tip.style.top = e.clientY - box.top + 16 + "px";
		const a0 = Math.max(x(began[a]), LEFT), a1 = Math.min(Math.max(x(began[a] + took[a]), a0 + 1), RIGHT);
		chart.append(draw("rect", { id: "hit", x: f(a0), width: f(a1 - a0), y: f(TOP + r * row), height: f(row) }));
	};
	let drag = null, soon = 0;
	chart.addEventListener("pointerdown", e => { if (e.button === 0 && e.pointerType !== "touch") { drag = point(e)[0]; chart.setPointerCapture(e.pointerId); } });
	chart.addEventListener("pointermove", e => {
		if (drag === null) { tell(e, under(e)); return; }
		const px = point(e)[0], a = Math.max(Math.min(drag, px), LEFT), b = Math.min(Math.max(drag, px), RIGHT);
		hide(); $("drag")?.remove();
		if (b - a > 3) chart.append(draw("rect", { id: "drag", x: f(a), y: TOP, width: f(b - a), height: f(row * book.rows.length) }));
	});
	chart.addEventListener("pointerup", e => {
		const px = point(e)[0], start = drag;
		drag = null; $("drag")?.remove();
		if (start !== null && Math.abs(px - start) > 3) { go(time(Math.max(Math.min(start, px), LEFT)), time(Math.min(Math.max(start, px), RIGHT))); return; }
		const a = under(e);
		clearTimeout(soon);
		if (a >= 0) soon = setTimeout(() => find(book.test[a]), 250); // unless it is a double click
	});
	chart.addEventListener("pointerleave", () => { if (drag === null) hide(); });
	chart.addEventListener("dblclick", () => { clearTimeout(soon); go(0, WHOLE); });
	stage.tabIndex = 0;
	stage.addEventListener("keydown", e => {
		const w = (to - from) / 4, act = { ArrowLeft: () => go(from - w, to - w), ArrowRight: () => go(from + w, to + w), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => go(0, WHOLE) }[e.key];
		if (act && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); act(); }
	});
	$("in").addEventListener("click", () => zoom(0.5));
	$("out").addEventListener("click", () => zoom(2));
	$("all").addEventListener("click", () => go(0, WHOLE));
	const colour = plan => { against = plan; $("outcome").setAttribute("aria-pressed", !plan); $("against").setAttribute("aria-pressed", plan); $("legend").hidden = plan; $("legend2").hidden = !plan; render(); };
	$("outcome").addEventListener("click", () => colour(false));
	$("against").addEventListener("click", () => colour(true));
	render();
}
document.documentElement.dataset.ready = Math.round(performance.now());
})();
