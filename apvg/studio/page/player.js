// A performance, from the queue to the video. props.value = {job} or {error}.
const { h, clock, roughly, file, keepRecent, recentIds, forget, drawPose, answered, poll, NO_ANSWER } = window.apvg;
const root = element.querySelector(".player");
const stage = h("div", { class: "stage" });
const recent = h("nav", { class: "recent", "aria-label": "Your performances", hidden: true });
root.append(stage, recent);
let current = null;   // the job that is shown
let generation = 0;   // a look that was asked for before this is not shown any more
let opened = null;    // the finished performance whose player stands there

const WORDS = {
  performing: "Playing", rendering: "Rendering again",
};

function empty() {
  stage.replaceChildren(h("div", { class: "empty" },
    h("p", {}, "Your performance will appear here."),
    h("p", { class: "hint" }, "Choose some music and a performer, then press Play it.")));
}

function fail(text, ...buttons) {
  stage.replaceChildren(h("div", { class: "message", role: "alert" }, h("p", {}, text), h("div", { class: "line" }, ...buttons)));
}

function open(id) {
  current = id;
  opened = null;
  generation += 1;
  keepRecent(id);
  const place = h("div", {});
  stage.replaceChildren(place);
  const mine = generation;
  let stamp = "";
  poll(place, async () => {
    if (mine !== generation) return null;
    const seen = await answered(server.look([id, stamp]));
    if (mine !== generation) return null;
    if (seen.status === "waiting" || seen.status === "working") {
      progress(seen, place);
      stamp = seen.stamp || stamp;
      return 500;
    }
    await ended(id, seen, mine);
    return null;
  });
}

async function ended(id, seen, mine) {
  if (seen.status === "gone") { forget(id); empty(); listRecent(); return; }
  if (seen.status === "done") { await show(id, seen, mine); listRecent(); return; }
  const again = h("button", { type: "button", class: "plain", onclick: () => resume(id) }, seen.status === "failed" ? "Try again" : "Play it from the start");
  const texts = {
    failed: `This did not work: ${seen.message}`,
    stopped: `“${seen.title}” was stopped.`,
    interrupted: `The studio was closed while “${seen.title}” was being made.`,
  };
  fail(texts[seen.status], again);
  listRecent();
}

async function resume(id) {
  const answer = await server.resume([id]) ?? NO_ANSWER;
  if (answer.error) { fail(answer.error); return; }
  open(id);
}

function progress(seen, place) {
  let box = place.querySelector(".making");
  if (!box) {
    place.replaceChildren(h("div", { class: "making" },
      h("div", { class: "picture" }, h("div", { class: "curtain", "aria-hidden": "true" })),
      h("div", { class: "line spread" }, h("p", { class: "what", role: "status" }),
        h("button", { type: "button", class: "plain", onclick: async (event) => { event.target.disabled = true; await server.stop([seen.id]); } }, "Cancel")),
      h("progress", { max: "1", "aria-label": "How much of the performance is made" })));
    box = place.querySelector(".making");
  }
  const bar = box.querySelector("progress");
  if (seen.share === null || seen.share === undefined) bar.removeAttribute("value");
  else bar.value = seen.share;
  let text;
  if (seen.status === "waiting") text = seen.place === 0 ? "Waiting to begin …" : `Waiting: ${seen.place} ${seen.place === 1 ? "piece is" : "pieces are"} before yours.`;
  else if (!seen.stage) text = "Getting ready …";
  else {
    text = `${WORDS[seen.stage] || "Working"}: ${Math.round(100 * (seen.share || 0))} %`;
    if (seen.seconds_left !== null && seen.seconds_left !== undefined) text += `, ${roughly(seen.seconds_left)} left`;
  }
  const what = box.querySelector(".what");
  if (what.textContent !== text) what.textContent = text;
  if (seen.preview) {
    const picture = box.querySelector(".picture");
    let image = picture.querySelector("img");
    if (!image) { image = h("img", { alt: "The newest frame of the performance" }); picture.replaceChildren(image); }
    image.src = seen.preview;
  }
}

async function show(id, seen, mine) {
  const made = seen.made;
  const files = await Promise.all([made.wave, made.about, made.poses].map((path) => fetch(file(path))));
  if (!files.every((answer) => answer.ok)) { fail("Some of this performance’s files are missing. Play it again."); return; }
  const [wave, about, poses] = await Promise.all([files[0].json(), files[1].json(), files[2].arrayBuffer()]);
  if (mine !== generation) return;
  const eighths = new Int16Array(poses);
  const points = about.names.length;
  const [width, height] = about.size;
  const wide = width > height;
  const video = h("video", { src: file(made.video), playsinline: true, preload: "auto", "aria-label": `${seen.title}, performed` });
  const bones = h("canvas", { width: 4 * width > 1400 ? 2 * width : 4 * width, height: 4 * width > 1400 ? 2 * height : 4 * height, role: "img", "aria-label": "The performer's skeleton" });
  const pictures = h("div", { class: `pictures ${wide ? "wide" : ""}`, "data-view": "video", style: `--ratio: ${width} / ${height}` },
    h("div", { class: "frame shot" }, video), h("div", { class: "frame bones" }, bones));

  const play = h("button", { type: "button", class: "round", "aria-label": "Play", onclick: toggle }, "▶");
  const time = h("span", { class: "time" });
  const views = h("fieldset", { class: "views" }, h("legend", { class: "offscreen" }, "Show"));
  for (const [view, words] of [["video", "Video"], ["skeleton", "Skeleton"], ["both", "Side by side"]]) {
    views.append(h("label", {}, h("input", {
      type: "radio", name: "view", value: view, checked: view === "video",
      onchange: () => { pictures.dataset.view = view; draw(); },
    }), h("span", {}, words)));
  }
  const full = h("button", { type: "button", class: "plain", onclick: () => pictures.requestFullscreen() }, "Full screen");
  const strip = h("canvas", {
    class: "wave", tabindex: "0", role: "slider", "aria-label": "Where in the music", "aria-valuemin": "0",
    "aria-valuemax": wave.duration.toFixed(1),
  });

  function toggle() { if (video.paused) video.play(); else video.pause(); }
  function seek(seconds) { video.currentTime = Math.min(Math.max(seconds, 0), wave.duration - 0.01); }
  function draw() {
    const now = video.currentTime;
    time.textContent = `${clock(now)} / ${clock(wave.duration)}`;
    strip.setAttribute("aria-valuenow", now.toFixed(1));
    strip.setAttribute("aria-valuetext", `${clock(now)} of ${clock(wave.duration)}`);
    if (pictures.dataset.view !== "video") {
      const frame = Math.min(Math.floor(now * about.fps + 0.01), about.frames - 1);
      const pose = Array.from(eighths.subarray(2 * points * frame, 2 * points * (frame + 1)), (v) => v / 8);
      const context = bones.getContext("2d");
      context.clearRect(0, 0, bones.width, bones.height);
      drawPose(context, pose, about, bones.width / width);
    }
    drawWave(now);
  }
  function drawWave(now) {
    const ratio = window.devicePixelRatio || 1;
    const across = Math.round(strip.clientWidth * ratio), down = Math.round(strip.clientHeight * ratio);
    if (!across) return;
    if (strip.width !== across || strip.height !== down) { strip.width = across; strip.height = down; }
    const style = getComputedStyle(strip);
    const played = style.getPropertyValue("--played"), coming = style.getPropertyValue("--coming"), mark = style.getPropertyValue("--mark");
    const context = strip.getContext("2d");
    context.clearRect(0, 0, across, down);
    const marks = Math.round(7 * ratio), middle = (down - marks) / 2, step = 3 * ratio;
    for (let x = 0; x < across; x += step) {
      const first = Math.floor((x / across) * wave.peaks.length);
      const stop = Math.max(first + 1, Math.floor(((x + step) / across) * wave.peaks.length));
      const tall = Math.max(ratio, Math.max(...wave.peaks.slice(first, stop)) * (middle - ratio));
      context.fillStyle = x / across < now / wave.duration ? played : coming;
      context.fillRect(x, middle - tall, 2 * ratio, 2 * tall);
    }
    // Where notes begin: ticks, which fade where they are too close together.
    context.fillStyle = mark;
    context.globalAlpha = Math.min(1, Math.max(0.25, across / (wave.onsets.length * 5 * ratio)));
    for (const onset of wave.onsets) context.fillRect((onset / wave.duration) * across, down - marks + 2 * ratio, ratio, marks - 2 * ratio);
    context.globalAlpha = 1;
    context.fillStyle = mark;
    context.fillRect((now / wave.duration) * across - ratio, 0, 2 * ratio, down);
  }
  function follow() {
    if (!video.isConnected) return;
    draw();
    if (!video.paused) requestAnimationFrame(follow);
  }
  video.addEventListener("play", () => { play.textContent = "❚❚"; play.setAttribute("aria-label", "Pause"); follow(); });
  video.addEventListener("pause", () => { play.textContent = "▶"; play.setAttribute("aria-label", "Play"); draw(); });
  for (const kind of ["seeked", "timeupdate", "loadeddata"]) video.addEventListener(kind, draw);
  video.addEventListener("click", toggle);
  let dragging = false;
  const point = (event) => seek(((event.clientX - strip.getBoundingClientRect().left) / strip.clientWidth) * wave.duration);
  strip.addEventListener("pointerdown", (event) => { dragging = true; strip.setPointerCapture(event.pointerId); point(event); });
  strip.addEventListener("pointermove", (event) => dragging && point(event));
  strip.addEventListener("pointerup", () => { dragging = false; });
  strip.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -5, PageUp: 5 }[event.key];
    if (by) seek(video.currentTime + by);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(wave.duration);
    else if (event.key === " ") toggle();
    else return;
    event.preventDefault();
  });
  new ResizeObserver(() => strip.isConnected && draw()).observe(strip);

  const name = `${seen.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || "performance"}-${seen.performer}`;
  const edit = h("button", { type: "button", class: "plain", onclick: () => { props.value = { job: id }; trigger("select"); } }, "Edit a finger");
  stage.replaceChildren(h("div", { class: "made" }, pictures,
    h("div", { class: "line transport" }, play, time, views, full), strip,
    ...(seen.notes ? seen.notes.map((note) => h("p", { class: "hint" }, note)) : []),
    h("div", { class: "line downloads" },
      save("Download the video", made.video, `${name}.mp4`), save("Keypoints (npz)", made.keypoints, `${name}.npz`),
      save("Keypoints (json)", made.json, `${name}.json`), edit)));
  opened = id;
  draw();
}

// A download under a name of its own; the server knows the file by another.
function save(words, path, name) {
  return h("button", { type: "button", class: "plain", onclick: async () => {
    const url = URL.createObjectURL(await fetch(file(path)).then((response) => response.blob()));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  } }, words);
}

async function listRecent() {
  const seen = await Promise.all(recentIds().map((id) => server.look([id, ""]).catch(() => null)));
  const entries = seen.filter((one) => one && one.status !== "gone");
  recent.hidden = entries.length < 2;
  recent.replaceChildren(h("h3", {}, "Your performances"), h("ul", {}, ...entries.map((one) =>
    h("li", {}, h("button", { type: "button", class: "link", "aria-current": one.id === current ? "true" : null, onclick: () => open(one.id) }, one.title),
      h("span", { class: "hint" }, ` ${one.performer_title}${one.status === "done" ? "" : `, ${one.status}`}`)))));
}

watch("value", () => {
  const value = props.value || {};
  if (value.error) { generation += 1; current = null; fail(value.error); }
  else if (value.job && value.job !== opened) open(value.job);
});

// Coming back to the page, or to a studio that was started again: what was being made is found.
empty();
(async () => {
  const [newest] = recentIds();
  if (newest && !(props.value && props.value.job)) open(newest);
})();
