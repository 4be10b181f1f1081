// The microphone plays a performer: sound goes to this machine's server, frames come back.
const { h, NO_ANSWER } = window.apvg;
const root = element.querySelector(".live");
// Sound is sent so often; what has waited for longer than that, and frames beyond so many, are dropped. All seconds.
const SEND_EVERY = 0.2, MOST_WAITING = 1.0, MOST_FRAMES = 0.6;
let session = null, stream = null, context = null, sending = false, painting = null, telling = null;
let waiting = [], frames = [];  // sound on its way to the performer; pictures on their way to the screen
let counts = null;

// What a performance counts, as apvg.live.statistics does. Moments are seconds of the sound that the performer has taken.
function fresh() {
  return {
    taken: 0, received: [],  // seconds of sound; up to which moment each piece of it goes, and when it was received
    frames: 0, shown: 0, leftOut: 0, lost: 0,  // frames that came, were shown, were not; seconds of sound that were not taken
    latencies: [], still: 0, missing: 0,  // of the last second: of the frames that were shown, seconds; frames that were not; sound that was not taken
    quiet: 0,  // seconds without a new picture
  };
}

const select = h("select", { id: "live-performer" });
const start = h("button", { type: "button", class: "plain first", onclick: () => (session || stream ? stop() : begin()) }, "Start");
const status = h("p", { class: "hint", role: "status" });
const figures = h("p", { class: "hint figures" });
const meter = h("div", { class: "meter", "aria-hidden": "true" }, h("div"));
const image = h("img", { alt: "The performer, playing live" });
const picture = h("div", { class: "picture" }, image);
root.append(
  h("p", { class: "lead" }, "Play or sing into the microphone, and the performer plays along, a second or two later. The sound goes to this computer alone, and is not kept."),
  h("div", { class: "line" }, h("label", { for: "live-performer" }, "Performer"), select, start, meter),
  status, figures, picture);

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
  figures.textContent = "";
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
  ear.port.onmessage = (event) => receive(event.data);
  context.createMediaStreamSource(stream).connect(ear);
  const answer = await server.begin([select.value, context.sampleRate]) ?? NO_ANSWER;
  if (answer.error) { stop(); say(answer.error); return; }
  session = answer.session;
  counts = fresh();
  start.textContent = "Stop";
  select.disabled = true;
  say("The performer is sitting down …");
  telling = setInterval(tell, 1000);
}

function receive(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  meter.firstChild.style.width = `${Math.min(100, 130 * peak)}%`;
  if (!session) return;
  waiting.push(samples);
  let many = length(waiting);
  if (many >= SEND_EVERY * context.sampleRate && !sending) { send(); return; }
  while (many > MOST_WAITING * context.sampleRate) {
    const late = waiting.shift().length;
    many -= late;
    if (counts.taken) lose(late / context.sampleRate);
  }
}

function length(pieces) { return pieces.reduce((sum, one) => sum + one.length, 0); }

async function send() {
  sending = true;
  const mine = session, at = performance.now(), sound = waiting, many = length(sound);
  waiting = [];
  const answer = await server.push([session, encoded(sound, many)]) ?? NO_ANSWER;
  sending = false;
  if (session !== mine) return;
  if (answer.error) { stop(); say(answer.error); return; }
  if (!answer.fps) return;
  if (!painting) painting = setInterval(paint, 1000 / answer.fps);
  const seconds = many / context.sampleRate;
  if (answer.taken) {
    counts.taken += answer.taken;
    counts.received.push({ until: counts.taken, at });
  }
  lose(seconds - answer.taken);
  for (const picture of answer.frames) { frames.push({ picture, moment: counts.frames / answer.fps }); counts.frames += 1; }
  // Late frames are dropped, never queued.
  if (frames.length > MOST_FRAMES * answer.fps) leaveOut(frames.splice(0, frames.length - Math.round(MOST_FRAMES / 2 * answer.fps)).length);
}

function lose(seconds) { counts.lost += seconds; counts.missing += seconds; }
function leaveOut(many) { counts.leftOut += many; counts.still += many; }

// Samples as base64 of int16.
function encoded(sound, many) {
  const whole = new Int16Array(many);
  let at = 0;
  for (const one of sound) for (const sample of one) whole[at++] = Math.max(-32767, Math.min(32767, Math.round(32767 * sample)));
  const bytes = new Uint8Array(whole.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

function paint() {
  if (!frames.length) return;
  const { picture, moment } = frames.shift();
  if (picture === null) { leaveOut(1); return; }  // it came too late to be painted
  image.src = picture;
  counts.shown += 1;
  image.dataset.frames = counts.shown;
  while (counts.received.length > 1 && counts.received[0].until <= moment) counts.received.shift();
  const { until, at } = counts.received[0];
  counts.latencies.push((performance.now() - at) / 1000 + until - moment);
}

// How the last second went, for people; the figures are not read aloud each time.
function tell() {
  if (!counts.shown) return;
  const sorted = counts.latencies.sort((a, b) => a - b), shown = sorted.length;
  counts.quiet = shown ? 0 : counts.quiet + 1;
  const slow = counts.still > 0.1 * (shown + counts.still) || counts.missing > 0.1;
  say(counts.quiet > 1 ? "This computer is too slow just now: the picture stands still."
    : slow ? "This computer is too slow for this performer: pictures are left out. Close other programs, or choose another performer."
    : "Playing. Make music!");
  if (shown) {
    const within = (share) => sorted[Math.min(Math.floor(share * shown), shown - 1)].toFixed(1);
    figures.textContent = `${within(0.5)} s from the sound to the picture (95 % within ${within(0.95)} s). ` +
      `Left out: ${counts.leftOut} of ${counts.shown + counts.leftOut} frames, ${counts.lost.toFixed(1)} s of sound.`;
  } else {
    figures.textContent = `No picture for ${counts.quiet} s. Left out: ${counts.leftOut} of ${counts.shown + counts.leftOut} frames, ${counts.lost.toFixed(1)} s of sound.`;
  }
  counts.latencies = [];
  counts.still = counts.missing = 0;
}

function stop() {
  if (session) server.end([session]);
  session = null;
  clearInterval(painting);
  clearInterval(telling);
  painting = telling = null;
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
