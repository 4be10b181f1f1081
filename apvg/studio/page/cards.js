// Performers to choose from, as radio buttons with pictures. props.value is the chosen one's name.
const { h } = window.apvg;
const root = element.querySelector(".cards");
const choice = h("div", { class: "choice" });
const leftOut = h("div", { role: "status" });
root.append(choice, leftOut);

function draw() {
  const current = props.value;
  choice.replaceChildren(...props.performers.map((performer) =>
    h("label", { class: "card" },
      h("input", {
        type: "radio", name: "performer", value: performer.name, checked: performer.name === current,
        onchange: () => { props.value = performer.name; trigger("change"); },
      }),
      h("img", { src: performer.picture, alt: "" }),
      h("span", { class: "card-name" }, performer.title),
      h("span", { class: "card-words" }, performer.words))));
  leftOut.replaceChildren(...props.left_out.map((line) => h("p", { class: "error" }, line)));
}

const mark = () => JSON.stringify([props.performers.map((performer) => performer.name), props.left_out]);
let drawn = mark();
draw();
watch(["performers", "left_out"], () => { if (mark() !== drawn) { drawn = mark(); draw(); } });
