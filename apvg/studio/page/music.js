// The music: a file, a recording, or an example. props.value = {path, name} of an upload, or {example}.
const { h, clock } = window.apvg;
const root = element.querySelector(".music");
const chosen = h("div", { class: "chosen", role: "status", "aria-live": "polite" });
const input = h("input", {
  type: "file", id: "music-file", class: "offscreen",
  accept: "audio/*,video/*,.mid,.midi,.flac,.ogg,.opus,.m4a",
  onchange: () => input.files.length && take(input.files[0]),
});
const drop = h("label", { class: "drop", for: "music-file" },
  h("span", { class: "drop-main" }, "Choose a file"),
  h("span", { class: "hint" }, "or drop it here: a recording, a video, or MIDI notes"));
const record = h("button", { type: "button", class: "plain", onclick: toggleRecording }, "Record");
const examples = h("div", { class: "examples" }, h("span", { class: "hint" }, "Or try:"));
for (const example of props.examples) {
  examples.append(h("button", { type: "button", class: "link", onclick: () => choose({ example: example.name }, example.title, window.apvg.file(example.path)) }, example.title));
}
root.append(input, drop, h("div", { class: "line" }, record, examples), chosen);

for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

function say(text, kind = "") {
  chosen.replaceChildren(h("p", { class: kind, role: kind === "error" ? "alert" : null }, text));
}

function choose(value, name, sound) {
  chosen.replaceChildren(h("p", {}, h("span", { class: "tick", "aria-hidden": "true" }, "♪ "), h("strong", {}, name)));
  if (sound) chosen.append(h("audio", { controls: true, src: sound, preload: "metadata", "aria-label": `Play ${name}` }));
  props.value = value;
  trigger("change");
}

async function take(file) {
  if (file.size > props.megabytes * 1e6) {
    say(`${file.name} has ${Math.round(file.size / 1e6)} MB, and the studio takes files up to ${props.megabytes} MB. A compressed file (mp3, m4a, mp4) of the same is smaller.`, "error");
    return;
  }
  say(`Bringing ${file.name} …`);
  try {
    const { path } = await upload(file);
    const playable = /^(audio|video)\//.test(file.type) && !/midi/.test(file.type);
    choose({ path, name: file.name }, file.name, playable ? URL.createObjectURL(file) : null);
  } catch (error) {
    say(`${file.name} could not be brought here. Is the studio still running?`, "error");
  }
}

let recorder = null;
let ticking = null;
async function toggleRecording() {
  if (recorder) { recorder.stop(); return; }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch {
    say("There is no microphone to be had. Allow it in the browser, or choose a file.", "error");
    return;
  }
  const pieces = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => pieces.push(event.data);
  recorder.onstop = () => {
    clearInterval(ticking);
    stream.getTracks().forEach((track) => track.stop());
    const type = recorder.mimeType.split(";")[0];
    recorder = null;
    record.textContent = "Record";
    record.classList.remove("recording");
    const suffix = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a" }[type] || "webm";
    take(new File(pieces, `recording.${suffix}`, { type }));
  };
  recorder.start();
  const began = Date.now();
  record.classList.add("recording");
  const tick = () => { record.textContent = `Stop recording (${clock((Date.now() - began) / 1000)})`; };
  tick();
  ticking = setInterval(tick, 500);
  say("Recording: play now.");
}
