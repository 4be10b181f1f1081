// The microphone plays a performer: sound goes to this machine's server, frames come back.
const { h } = window.apvg;
const root = element.querySelector(".live");
const SEND_EVERY = 0.2;
let session = null, stream = null, context = null, waiting = [], sending = false, frames = [], painting = null;

const select = h("select", { id: "live-performer" });
const start = h("button", { type: "button", class: "plain first", onclick: () => (session || stream ? stop() : begin()) }, "Start");
const status = h("p", { class: "hint", role: "status" });
const meter = h("div", { class: "meter", "aria-hidden": "true" }, h("div"));
const image = h("img", { alt: "The performer, playing live" });
const picture = h("div", { class: "picture" }, image);
root.append(
  h("p", { class: "lead" }, "Play or sing into the microphone, and the performer plays along, about a second later. The sound goes to this computer alone, and is not kept."),
  h("div", { class: "line" }, h("label", { for: "live-performer" }, "Performer"), select, start, meter),
  status, picture);

function fill() {
  const before = select.value;
  select.replaceChildren(...props.performers.map((performer) => h("option", { value: performer.name }, performer.title)));
  if (props.performers.some((performer) => performer.name === before)) select.value = before;
  still();
}
function still() {
  const performer = props.performers.find((one) => one.name === select.value);
  if (performer && !session) image.src = performer.picture;
}
select.addEventListener("change", still);
fill();
let names = JSON.stringify(props.performers.map((performer) => performer.name));
watch(["performers"], () => {
  const now = JSON.stringify(props.performers.map((performer) => performer.name));
  if (now !== names) { names = now; fill(); }
});

function say(text) { if (status.textContent !== text) status.textContent = text; }

async function begin() {
  start.disabled = true;
  say("Asking for the microphone …");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch {
    start.disabled = false;
    say("There is no microphone to be had. Allow it in the browser, and try again.");
    return;
  }
  try {
    await sitDown();
  } catch {
    stop();
    say("The studio could not begin. Try again, or another browser.");
  }
  start.disabled = false;
}

async function sitDown() {
  context = new AudioContext();
  const code = "registerProcessor('ear', class extends AudioWorkletProcessor { process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; } });";
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const ear = new AudioWorkletNode(context, "ear");
  ear.port.onmessage = (event) => hear(event.data);
  context.createMediaStreamSource(stream).connect(ear);
  const answer = await server.begin([select.value, context.sampleRate]);
  if (answer.error) { stop(); say(answer.error); return; }
  session = answer.session;
  start.textContent = "Stop";
  select.disabled = true;
  say("The performer is sitting down …");
  painting = setInterval(paint, 1000 / 25);
}

function hear(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  meter.firstChild.style.width = `${Math.min(100, 130 * peak)}%`;
  if (!session) return;
  waiting.push(samples);
  const many = waiting.reduce((sum, one) => sum + one.length, 0);
  if (many >= SEND_EVERY * context.sampleRate && !sending) send();
}

async function send() {
  sending = true;
  const sound = waiting;
  waiting = [];
  const many = sound.reduce((sum, one) => sum + one.length, 0);
  const whole = new Int16Array(many);
  let at = 0;
  for (const one of sound) for (const sample of one) whole[at++] = Math.max(-32767, Math.min(32767, Math.round(32767 * sample)));
  const bytes = new Uint8Array(whole.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  let answer;
  try { answer = await server.push([session, btoa(text)]); } catch { answer = { error: "The studio does not answer any more." }; }
  sending = false;
  if (!session) return;
  if (answer.error) { stop(); say(answer.error); return; }
  if (answer.ready) say(answer.late ? "This computer cannot keep up just now: some of the sound is left out." : "Playing. Make music!");
  frames.push(...answer.frames);
  // Late frames are dropped, never queued.
  if (frames.length > 25) frames = frames.slice(-12);
}

function paint() {
  if (!frames.length) return;
  image.src = frames.shift();
  image.dataset.frames = Number(image.dataset.frames || 0) + 1;
}

function stop() {
  if (session) server.end([session]);
  session = null;
  clearInterval(painting);
  stream?.getTracks().forEach((track) => track.stop());
  context?.close();
  stream = context = null;
  waiting = []; frames = [];
  meter.firstChild.style.width = "0";
  start.textContent = "Start";
  select.disabled = false;
  say("");
}
window.addEventListener("pagehide", stop);
