export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const row = (c) => {
    const b = button(c.faded ? "faded" : "", () => setTriggerValue("open", c.id)), text = el("div", "text"), facts = el("div", "facts")
    b.dataset.id = c.id
    text.append(el("b", "", c.title), el("div", "pl-muted", c.line), el("div", "caption pl-muted", c.caption))
    facts.append(mark(c.mark), el("span", "pl-num", c.score === "–" ? "" : "Score " + c.score), el("span", "pl-num pl-muted", c.cost === "–" ? "" : c.cost))
    b.append(el("div", "day pl-muted", c.day || "No day"), c.picture ? pic(c.picture.thumbnail, c.picture.alt) : el("div", "none"), text, facts)
    return b
  }
  refocus(root, () => root.replaceChildren(...data.items.map(row)))
}
