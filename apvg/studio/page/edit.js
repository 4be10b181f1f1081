// Points of a performance, moved by pointer or keys. props.value = {job}, and on submit {job, edits, reach}.
const { h, clock, file, colours, NO_ANSWER } = window.apvg;
const root = element.querySelector(".edit");
let job = null, about = null, title = "";
let frame = 0, point = 0, edits = [], shown = null, asking = 0;

function empty(text) {
  root.replaceChildren(h("div", { class: "empty" },
    h("p", {}, text || "No performance is open."),
    h("p", { class: "hint" }, "Play something first, then press “Edit a finger” under the video.")));
}

// "left_index_tip" as people say it.
function words(name) {
  const parts = name.split("_");
  const side = parts[0] === "left" || parts[0] === "right" ? parts.shift() : "";
  const joints = { 1: "base", 2: "middle joint", 3: "upper joint", tip: "tip" };
  if (parts.length === 2 && joints[parts[1]]) {
    const finger = { pinky: "little finger", thumb: "thumb" }[parts[0]] || `${parts[0]} finger`;
    return `${side} ${finger}, ${joints[parts[1]]}`;
  }
  return `${side} ${parts.join(" ")}`.trim();
}

async function open(id) {
  const seen = await server.look([id, ""]) ?? NO_ANSWER;
  if (seen.status !== "done") { empty(seen.error || "This performance is not here any more."); return; }
  job = id; title = seen.title; edits = []; frame = 0; shown = null;
  about = await fetch(file(seen.made.about)).then((response) => response.json());
  const tip = about.names.findIndex((name) => name.endsWith("index_tip"));
  point = Math.max(tip, 0);
  build();
  go(0);
}

let ui = {};
function build() {
  const [width, height] = about.size;
  const image = h("img", { alt: "" });
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const board = h("div", {
    class: "board", tabindex: "0", role: "application", "aria-label": "The frame. Arrow keys move the chosen point; with Shift by five pixels.",
    style: `aspect-ratio: ${width} / ${height}; --ratio: ${width / height}`,
  }, image, svg);
  const scroll = h("div", { class: "scroll" }, board);
  const points = h("select", { id: "edit-point", onchange: () => { point = Number(points.value); draw(); } });
  for (const part of [...new Set(about.parts)]) {
    const group = h("optgroup", { label: words(part) });
    about.names.forEach((name, k) => about.parts[k] === part && group.append(h("option", { value: k }, words(name))));
    points.append(group);
  }
  const slider = h("input", { type: "range", id: "edit-frame", min: 0, max: about.frames - 1, step: 1, oninput: () => go(Number(slider.value)) });
  const where = h("output", { for: "edit-frame", class: "time" });
  const reach = h("input", { type: "range", id: "edit-reach", min: 0, max: Math.min(props.most_reach, 25), value: 5, oninput: () => { reachWords(); if (edits.length) ask(); } });
  const reachOut = h("output", { for: "edit-reach", class: "time" });
  const zoom = h("input", { type: "range", id: "edit-zoom", min: 1, max: 4, step: 0.5, value: 1, oninput: () => { board.style.setProperty("--closer", zoom.value); centre(); draw(); } });
  const undo = h("button", { type: "button", class: "plain", onclick: () => { edits.pop(); tell(); ask(); } }, "Undo");
  const over = h("button", { type: "button", class: "plain", onclick: () => { edits = []; tell(); ask(); } }, "Start over");
  const render = h("button", { type: "button", class: "plain first", onclick: () => { props.value = { job, edits, reach: Number(reach.value) }; trigger("submit"); } }, "Render it again");
  const status = h("p", { class: "hint", role: "status" });
  ui = { image, svg, board, scroll, points, slider, where, reach, reachOut, undo, over, render, status };
  function reachWords() {
    const many = Number(reach.value);
    reachOut.textContent = many === 0 ? "this frame alone" : `${many} frame${many === 1 ? "" : "s"} before and after`;
  }
  reachWords();
  root.replaceChildren(
    h("p", { class: "lead" }, h("strong", {}, title), ": drag a wrong point to where it belongs, then render the performance again."),
    scroll,
    h("div", { class: "fields" },
      h("div", { class: "field wide" }, h("label", { for: "edit-frame" }, "Moment"),
        h("div", { class: "line nowrap" }, h("button", { type: "button", class: "plain", "aria-label": "One frame back", onclick: () => go(frame - 1) }, "‹"), slider,
          h("button", { type: "button", class: "plain", "aria-label": "One frame on", onclick: () => go(frame + 1) }, "›"), where)),
      h("div", { class: "field" }, h("label", { for: "edit-point" }, "Point"), points),
      h("div", { class: "field" }, h("label", { for: "edit-reach" }, "Blend it into"), h("div", { class: "line nowrap" }, reach, reachOut)),
      h("div", { class: "field" }, h("label", { for: "edit-zoom" }, "Closer"), zoom)),
    h("div", { class: "line" }, render, undo, over, status));

  let dragging = false;
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width - 0.5, ((event.clientY - box.top) / box.height) * height - 0.5];
  };
  board.addEventListener("pointerdown", (event) => {
    if (!shown) return;
    const [x, y] = at(event);
    const away = shown.points.map(([px, py], k) => (shown.there[k] ? Math.hypot(px - x, py - y) : Infinity));
    const nearest = away.indexOf(Math.min(...away));
    const grip = (24 / svg.getBoundingClientRect().width) * width;
    if (nearest < 0 || away[nearest] > grip) return;
    event.preventDefault();
    board.focus({ preventScroll: true });
    point = nearest;
    points.value = point;
    dragging = true;
    board.setPointerCapture(event.pointerId);
    draw();
  });
  board.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    shown.points[point] = at(event);
    draw();
  });
  board.addEventListener("pointerup", () => { if (dragging) { dragging = false; put(...shown.points[point]); } });
  board.addEventListener("pointercancel", () => { if (dragging) { dragging = false; ask(); } });
  board.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by || !shown) return;
    event.preventDefault();
    const far = event.shiftKey ? 5 : 1;
    const [x, y] = shown.points[point];
    put(x + far * by[0], y + far * by[1]);
  });
  points.value = point;
  tell();
}

function centre() {
  if (!shown) return;
  const [x, y] = shown.points[point];
  const { scroll, board } = ui;
  scroll.scrollLeft = (x / about.size[0]) * board.clientWidth - scroll.clientWidth / 2;
  scroll.scrollTop = (y / about.size[1]) * board.clientHeight - scroll.clientHeight / 2;
}

function put(x, y) {
  x = Math.min(Math.max(x, 0), about.size[0] - 1);
  y = Math.min(Math.max(y, 0), about.size[1] - 1);
  const last = edits[edits.length - 1];
  // Many small moves of one point in one frame are one edit.
  if (last && last.frame === frame && last.point === point) edits.pop();
  edits.push({ frame, point, x: Math.round(x * 100) / 100, y: Math.round(y * 100) / 100 });
  shown.points[point] = [x, y];
  tell();
  draw();
}

function tell() {
  const { undo, over, render, status } = ui;
  undo.disabled = over.disabled = render.disabled = edits.length === 0;
  const moved = edits.length ? `${edits.length} point${edits.length === 1 ? "" : "s"} moved` : "Nothing moved yet";
  if (status.textContent !== moved) status.textContent = moved;
}

function go(to) {
  frame = Math.min(Math.max(to, 0), about.frames - 1);
  ui.slider.value = frame;
  const text = `${clock(frame / about.fps)}, frame ${frame + 1} of ${about.frames}`;
  ui.where.textContent = text;
  ui.slider.setAttribute("aria-valuetext", text);
  ask();
}

// One question at a time; the newest frame that was asked for wins.
async function ask() {
  asking += 1;
  const mine = asking;
  await new Promise((resolve) => setTimeout(resolve, 60));
  if (mine !== asking) return;
  const answer = await server.frame([job, frame, edits, Number(ui.reach.value)]) ?? NO_ANSWER;
  if (mine !== asking) return;
  if (answer.error) { ui.status.textContent = answer.error; return; }
  shown = answer;
  ui.image.src = answer.picture;
  draw();
}

function draw() {
  if (!shown) return;
  const { svg, board } = ui;
  const unit = (1.5 * about.size[0]) / Math.max(board.clientWidth, 200);  // of the screen's pixels, however close
  const there = (k) => shown.there[k];
  const place = (k) => [shown.points[k][0] + 0.5, shown.points[k][1] + 0.5];
  const lines = about.edges.filter(([a, b]) => there(a) && there(b)).map(([a, b]) => {
    const [x1, y1] = place(a), [x2, y2] = place(b);
    return h("line", { x1, y1, x2, y2, stroke: colours[about.parts[a]], "stroke-width": 1.2 * unit, "stroke-linecap": "round", opacity: 0.85 });
  });
  const dots = about.names.map((name, k) => {
    if (!there(k)) return null;
    const [cx, cy] = place(k);
    return h("circle", { cx, cy, r: (k === point ? 3.2 : 1.8) * unit, fill: k === point ? "#fff" : colours[about.parts[k]], stroke: k === point ? "#d0342c" : "#0008", "stroke-width": (k === point ? 1.4 : 0.4) * unit });
  }).filter(Boolean);
  svg.replaceChildren(...lines, ...dots);
}

// A tab's script first runs when the tab is first looked at, maybe with a performance waiting.
const turn = () => { if (props.value && props.value.job && !props.value.edits) open(props.value.job); };
empty();
watch("value", turn);
turn();
