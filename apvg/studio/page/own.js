// Footage to a performer of one's own. props.value counts performers that have become ready, for the other tabs.
const { h, roughly, answered, poll, NO_ANSWER } = window.apvg;
const root = element.querySelector(".own");
const form = h("div", { class: "form" });
const list = h("div", { class: "projects" });
root.append(form, list);
const asked = { footage: null, sound: null, notes: null, filmed: "hands", corners: null, has_sound: false, consent: false };

// ---- the form

const title = h("input", { type: "text", id: "own-title", maxlength: 60, autocomplete: "off" });
const footage = picker("own-footage", "Choose a video", "video/*", async (path) => {
  asked.footage = path;
  corners.replaceChildren(h("p", { class: "hint", role: "status" }, "Looking at it …"));
  const still = await server.still([path]) ?? NO_ANSWER;
  if (still.error) { asked.footage = null; corners.replaceChildren(h("p", { class: "error", role: "alert" }, still.error)); return; }
  asked.has_sound = still.has_sound;
  asked.corners = null;
  pick(still);
});
const sound = picker("own-sound", "Choose a sound file", "audio/*,video/*", (path) => { asked.sound = path; });
const notes = picker("own-notes", "Choose a MIDI file", ".mid,.midi", (path) => { asked.notes = path; });
const corners = h("div", { class: "corners" }, h("p", { class: "hint" }, "Choose the footage first."));
const cornersStep = h("section", {}, h("h2", { class: "step" }, "3. Where the keyboard is"), corners);
const consent = h("input", { type: "checkbox", id: "own-consent", onchange: () => { asked.consent = consent.checked; } });
const problem = h("div", {});
const go = h("button", { type: "button", class: "plain first", onclick: begin }, "Look at the footage");

const kinds = h("fieldset", { class: "kinds" }, h("legend", {}, "What is filmed?"));
for (const [value, name, hint] of [
  ["hands", "Hands on a keyboard", "The camera looks straight down and does not move."],
  ["person", "A musician with any instrument", "Upper body and both hands in the picture."]]) {
  kinds.append(h("label", { class: "kind" }, h("input", {
    type: "radio", name: "own-kind", value, checked: value === "hands",
    onchange: () => { asked.filmed = value; cornersStep.hidden = value !== "hands"; number(); },
  }), h("span", {}, h("strong", {}, name), h("br"), h("span", { class: "hint" }, hint))));
}
form.append(
  h("p", { class: "lead" }, "Film yourself for a minute or more, and become a performer who plays any music. Nothing leaves this computer."),
  h("div", { class: "columns" },
    h("div", { class: "column-own" },
      h("section", {}, h("h2", { class: "step" }, "1. A name"), h("label", { for: "own-title", class: "offscreen" }, "Name of the performer"), title),
      h("section", {}, h("h2", { class: "step" }, "2. The footage"), kinds, footage,
        h("details", {}, h("summary", {}, "Sound or notes from another file"),
          h("p", { class: "hint" }, "A better recording of the same playing, or the MIDI notes of it. Both may be left out."), sound, notes))),
    h("div", { class: "column-own" }, cornersStep,
      h("section", {}, h("h2", { class: "step", id: "own-last" }, "4. Whose hands are these?"),
        h("label", { class: "consent", for: "own-consent" }, consent, h("span", {}, "The footage shows me, or someone who has agreed to become a performer that plays what they never played. I will say so where I show its videos.")),
        h("div", { class: "line" }, go), problem))));

function number() { form.querySelector("#own-last").textContent = `${asked.filmed === "hands" ? 4 : 3}. Whose hands are these?`; }

function picker(id, words, accept, done) {
  const status = h("span", { class: "hint", role: "status" });
  const input = h("input", { type: "file", id, class: "offscreen", accept, onchange: async () => {
    const file = input.files[0];
    if (!file) return;
    if (file.size > props.megabytes * 1e6) { status.textContent = `${file.name} has ${Math.round(file.size / 1e6)} MB, and the studio takes up to ${props.megabytes} MB.`; return; }
    status.textContent = `Bringing ${file.name} …`;
    try { const { path } = await upload(file); status.textContent = file.name; await done(path); } catch { status.textContent = `${file.name} could not be brought here.`; }
  } });
  return h("div", { class: "line picker" }, input, h("label", { for: id, class: "plain" }, words), status);
}

// ---- the keyboard's corners: four handles on a frame

const CORNERS = ["far left", "far right", "near right", "near left"];
function pick(still) {
  const { width, height } = still;
  const places = asked.corners || [[0.08, 0.3], [0.92, 0.3], [0.92, 0.7], [0.08, 0.7]].map(([x, y]) => [x * width, y * height]);
  let set = 0;
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const handles = CORNERS.map((name, i) => h("button", { type: "button", class: "handle", "aria-label": `The keyboard's ${name} corner; arrow keys move it` }, String(i + 1)));
  const board = h("div", { class: "board", style: `aspect-ratio: ${width} / ${height}` }, h("img", { src: still.picture, alt: "A moment of the footage" }), svg, ...handles);
  const hint = h("p", { class: "hint", role: "status" });
  corners.replaceChildren(hint, board);
  const tell = () => {
    hint.textContent = set < 4 ? `Click on the ${CORNERS[set]} corner of the keys, as the player sees them.` : "Drag a corner to set it right. The lines should follow the keyboard's edges.";
  };
  const draw = () => {
    svg.replaceChildren(h("polygon", { points: places.map((p) => p.join(",")).join(" "), fill: "#7cc7bd33", stroke: "#7cc7bd", "stroke-width": width / 300 }));
    handles.forEach((handle, i) => { handle.style.left = `${(100 * places[i][0]) / width}%`; handle.style.top = `${(100 * places[i][1]) / height}%`; });
    asked.corners = set >= 4 ? places.flat() : null;
  };
  const at = (event) => {
    const box = board.getBoundingClientRect();
    const clamp = (v, most) => Math.min(Math.max(v, 0), most - 1);
    return [clamp(((event.clientX - box.left) / box.width) * width, width), clamp(((event.clientY - box.top) / box.height) * height, height)];
  };
  let dragged = -1;
  board.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const handle = handles.indexOf(event.target);
    if (set < 4) { dragged = set; set += 1; places[dragged] = at(event); } else if (handle >= 0) dragged = handle;
    if (dragged < 0) return;
    handles[dragged].focus({ preventScroll: true });
    board.setPointerCapture(event.pointerId);
    tell(); draw();
  });
  board.addEventListener("pointermove", (event) => { if (dragged >= 0) { places[dragged] = at(event); draw(); } });
  board.addEventListener("pointerup", () => { dragged = -1; });
  handles.forEach((handle, i) => handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    places[i] = [Math.min(Math.max(places[i][0] + far * by[0], 0), width - 1), Math.min(Math.max(places[i][1] + far * by[1], 0), height - 1)];
    set = 4;  // who moves them by keys sees all four
    tell(); draw();
  }));
  tell(); draw();
}

async function begin() {
  go.disabled = true;
  problem.replaceChildren();
  const answer = await server.begin([{ ...asked, title: title.value }]) ?? NO_ANSWER;
  go.disabled = false;
  if (answer.error) { problem.replaceChildren(h("p", { class: "error", role: "alert" }, answer.error)); return; }
  asked.consent = consent.checked = false;  // asked for anew, each time
  delete asked.sound; delete asked.notes;  // they were of this footage
  refresh(answer.slug);
}

// ---- what is being made

const boxes = new Map();
function refresh(first) {
  poll(list, async () => { arrange(await answered(server.projects([])), first); return null; });
}

function arrange(projects, first) {
  for (const [slug, box] of boxes) if (!projects.some((project) => project.slug === slug)) { box.element.remove(); boxes.delete(slug); }
  for (const project of projects) if (!boxes.has(project.slug)) {
    const box = { element: h("section", { class: "project" }), stamp: "", ready: null };
    boxes.set(project.slug, box);
    list.prepend(box.element);
    poll(box.element, () => follow(project.slug, box));
  }
  if (first) boxes.get(first)?.element.scrollIntoView({ behavior: "smooth", block: "start" });
}

const STAGES = { transcription: "to transcribe notes", strokes: "to bow", motion: "to move", khp: "to move to the music", cvg: "to draw a sketch", fpvg: "to draw you", joint: "all of it together" };
const DOING = { "looking for the hands": "Looking for the hands", tracking: "Following the hands", "looking again": "Looking again where hands were missed" };
function doing(job) {
  if (job.status === "waiting") return job.place ? `Waiting: ${job.place} before this.` : "Waiting to begin …";
  let text = DOING[job.stage] || "Working";
  if (!job.stage) text = "Getting ready";
  else if (job.stage === "training") text = `Learning ${STAGES[job.subject] || ""}`;
  if (job.share !== null && job.share !== undefined) text += `: ${Math.round(100 * job.share)} %`;
  if (job.seconds_left) text += `, ${roughly(job.seconds_left)} left in this step`;
  return text;
}

// How a project is doing, shown; gives the milliseconds until it is looked at again.
async function follow(slug, box) {
  if (!box.element.isConnected) return null;
  const seen = await answered(server.look([slug, box.stamp]));
  if (seen.error) { box.element.remove(); boxes.delete(slug); return null; }
  const { prepare, train } = seen;
  const working = [prepare, train].find((job) => job && (job.status === "waiting" || job.status === "working"));
  if (!box.built) {
    box.heading = h("h3", {}, seen.title);
    box.line = h("p", { class: "what", role: "status" });
    box.bar = h("progress", { max: 1, "aria-label": `Progress of ${seen.title}` });
    box.preview = h("img", { alt: "The newest frame that was looked at", hidden: true, class: "still" });
    box.quality = h("div", {});
    box.buttons = h("div", { class: "line" });
    box.learning = h("div", { class: "learning" });
    box.element.append(box.heading, box.line, box.bar, box.buttons, box.quality, box.preview, box.learning);
    box.built = true;
  }
  box.bar.hidden = !working;
  let text, buttons = [];
  const button = (words, name, first) => h("button", { type: "button", class: `plain ${first ? "first" : ""}`, onclick: async (event) => {
    event.target.disabled = true;
    const answer = await server[name]([slug]) ?? NO_ANSWER;
    if (answer.error) { box.line.textContent = answer.error; event.target.disabled = false; return; }
    box.shown = null;
  } }, words);
  const remove = h("button", { type: "button", class: "link", onclick: async () => {
    if (!confirm(`Delete ${seen.title}, with the footage that was brought and all that was made of it?`)) return;
    const answer = await server.remove([slug]) ?? NO_ANSWER;
    if (answer.error) { box.line.textContent = answer.error; return; }
    refresh();
    props.value = { changed: Date.now() }; trigger("change");
  } }, "Delete");
  if (working) {
    text = doing(working);
    buttons = [button("Stop", "stop")];
    if (working.share === null || working.share === undefined) box.bar.removeAttribute("value"); else box.bar.value = working.share;
    if (working.stamp) box.stamp = working.stamp;
    if (working.preview) { box.preview.src = working.preview; box.preview.hidden = false; }
  } else if (seen.ready && (!train || train.status === "done")) {
    text = seen.damaged ? `${seen.title} is damaged: ${seen.damaged}.` : `${seen.title} is ready: choose it under Play.`;
    buttons = [remove];
  } else if (train) {
    text = train.status === "failed" ? `The training did not work: ${train.message}` : train.status === "interrupted" ? "The studio was closed while this was learning. Nothing much is lost." : "The training was stopped. It can go on where it was.";
    buttons = [button("Go on learning", "train", true), remove];
  } else if (prepare && prepare.status === "done") {
    text = "The footage was looked at.";
    buttons = [button("Learn from it", "train", true), remove];
  } else {
    text = prepare && prepare.status === "failed" ? `This did not work: ${prepare.message}` : "The look at the footage was broken off. It can go on where it was.";
    buttons = [button("Go on", "again", true), remove];
  }
  if (box.line.textContent !== text) box.line.textContent = text;
  const shown = JSON.stringify([working ? "working" : text]);
  if (box.shown !== shown) { box.shown = shown; box.buttons.replaceChildren(...buttons); }
  if (!prepare || prepare.status !== "working") box.preview.hidden = true;
  if (seen.quality && !box.verdict) {
    box.verdict = true;
    const verdict = { good: "Good footage", usable: "Usable footage", poor: "Poor footage" }[seen.quality.verdict];
    const frame = h("iframe", { sandbox: "", title: `Report on the footage of ${seen.title}`, hidden: true });
    const toggle = h("button", { type: "button", class: "link", "aria-expanded": "false", onclick: async () => {
      if (frame.hidden) frame.srcdoc = await server.report([slug]);
      frame.hidden = !frame.hidden;
      toggle.setAttribute("aria-expanded", String(!frame.hidden));
      toggle.textContent = frame.hidden ? "Show the whole report" : "Hide the report";
    } }, "Show the whole report");
    box.quality.replaceChildren(h("p", { class: `verdict ${seen.quality.verdict}` }, h("strong", {}, verdict), `: ${seen.quality.reasons.join("; ")}.`), toggle, frame);
  }
  await learning(slug, seen, box);
  if (box.ready === false && seen.ready) { props.value = { changed: Date.now() }; trigger("change"); }
  box.ready = seen.ready;
  return working ? 1000 : 3000;
}

async function learning(slug, seen, box) {
  const mark = JSON.stringify([Object.entries(seen.curves).map(([k, v]) => [k, v.length]), seen.pictures]);
  if (mark === box.mark) return;
  const figures = [];
  for (const [stage, points] of Object.entries(seen.curves)) if (points.length > 1) figures.push(curve(stage, points));
  for (const stage of Object.keys(seen.pictures)) {
    const picture = await answered(server.picture([slug, stage]));
    if (picture) figures.push(h("figure", { class: "sheet" }, h("img", { src: picture, alt: `What is painted at present, learning ${STAGES[stage] || stage}` }), h("figcaption", {}, `Learning ${STAGES[stage] || stage}: samples`)));
  }
  box.learning.replaceChildren(...figures);
  box.mark = mark;
}

function curve(stage, points) {
  const last = points[points.length - 1];
  const most = Math.max(...points.map((p) => p[1])), least = Math.min(0, ...points.map((p) => p[1]));
  const x = (step) => 4 + (step / last[0]) * 292, y = (value) => 86 - ((value - least) / (most - least || 1)) * 78;
  const label = `Learning ${STAGES[stage] || stage}: mistakes after ${last[0]} steps, from ${points[0][1].toPrecision(2)} down to ${last[1].toPrecision(2)}`;
  return h("figure", {}, h("svg", { viewBox: "0 0 300 90", role: "img", "aria-label": label },
    h("line", { x1: 4, x2: 296, y1: 86, y2: 86, class: "axis" }),
    h("polyline", { points: points.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join(" "), class: "loss" })),
    h("figcaption", {}, `Learning ${STAGES[stage] || stage}: mistakes, after ${last[0]} steps`));
}

refresh();
