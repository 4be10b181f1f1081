// What the page's own components share. No library, no request to anywhere but this server.
window.apvg = {
  // An element: h("button", {class: "x", onclick: f, disabled: false}, "text", child)
  h(tag, attributes = {}, ...children) {
    const svg = ["svg", "circle", "line", "polyline", "polygon", "text", "image", "g", "rect"];
    const element = svg.includes(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  },

  clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds + 1e-6));
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  },

  // "about 20 seconds", as a person would say it.
  roughly(seconds) {
    if (seconds < 8) return "a few seconds";
    if (seconds < 50) return `about ${Math.round(seconds / 5) * 5} seconds`;
    if (seconds < 90) return "about a minute";
    if (seconds < 3000) return `about ${Math.round(seconds / 60)} minutes`;
    return `about ${(seconds / 3600).toFixed(1)} hours`;
  },

  file(path) {
    return "gradio_api/file=" + path.split("/").map(encodeURIComponent).join("/");
  },

  // The server's answer. Gradio gives none, rather than an error, where the server was not reached or broke down.
  async answered(call) {
    const answer = await call;
    if (answer === undefined) throw new Error("no answer");
    return answer;
  },
  NO_ANSWER: { error: "The studio does not answer. Try again in a moment." },

  // Rounds of questions: each gives the milliseconds until the next, and null after the last. One that fails is tried again, less
  // and less often, and so long `lost` is shown in the parent.
  async poll(parent, round) {
    const lost = window.apvg.h("p", { class: "hint lost", role: "status" }, "The connection to the studio is lost. Trying again …");
    for (let failures = 0; ;) {
      let pause;
      try {
        pause = await round();
        failures = 0;
        lost.remove();
      } catch (error) {
        console.warn(error);
        pause = Math.min(1000 * 2 ** failures, 15000);
        failures += 1;
        if (!lost.isConnected) parent.prepend(lost);
      }
      if (pause === null) return;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  },

  // As in apvg.skeleton.PART_COLOURS.
  colours: {
    body: "rgb(130,200,130)", left_hand: "rgb(90,170,255)", right_hand: "rgb(255,150,70)", instrument: "rgb(230,220,120)",
  },

  drawPose(context, points, about, scale) {
    context.lineWidth = Math.max(1.5, 1.6 * scale);
    context.lineCap = "round";
    const there = (k) => points[2 * k] > -4000;
    for (const [a, b] of about.edges) {
      if (!there(a) || !there(b)) continue;
      context.strokeStyle = window.apvg.colours[about.parts[a]];
      context.beginPath();
      context.moveTo((points[2 * a] + 0.5) * scale, (points[2 * a + 1] + 0.5) * scale);
      context.lineTo((points[2 * b] + 0.5) * scale, (points[2 * b + 1] + 0.5) * scale);
      context.stroke();
    }
    for (let k = 0; k < about.parts.length; k++) {
      if (!there(k)) continue;
      context.fillStyle = window.apvg.colours[about.parts[k]];
      context.beginPath();
      context.arc((points[2 * k] + 0.5) * scale, (points[2 * k + 1] + 0.5) * scale, Math.max(1.8, 1.9 * scale), 0, 7);
      context.fill();
    }
  },

  keepRecent(id) {
    const others = window.apvg.recentIds().filter((other) => other !== id);
    localStorage.setItem("apvg-recent", JSON.stringify([id, ...others].slice(0, 8)));
  },
  recentIds() {
    try { return JSON.parse(localStorage.getItem("apvg-recent")) || []; } catch { return []; }
  },
  forget(id) {
    const others = window.apvg.recentIds().filter((other) => other !== id);
    localStorage.setItem("apvg-recent", JSON.stringify(others));
  },
};
