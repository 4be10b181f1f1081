// Performers to choose from, as radio buttons with pictures. props.value is the chosen one's name.
const { h } = window.apvg;
const root = element.querySelector(".cards");

function draw() {
  const current = props.value;
  root.replaceChildren(...props.performers.map((performer) =>
    h("label", { class: "card" },
      h("input", {
        type: "radio", name: "performer", value: performer.name, checked: performer.name === current,
        onchange: () => { props.value = performer.name; trigger("change"); },
      }),
      h("img", { src: performer.picture, alt: "" }),
      h("span", { class: "card-name" }, performer.title),
      h("span", { class: "card-words" }, performer.words))));
}

draw();
let names = JSON.stringify(props.performers.map((performer) => performer.name));
watch(["performers"], () => {
  const now = JSON.stringify(props.performers.map((performer) => performer.name));
  if (now !== names) { names = now; draw(); }
});
