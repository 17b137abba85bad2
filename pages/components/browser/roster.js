export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const card = (c) => {
    const b = button("", () => setTriggerValue("open", c.id)), body = el("div", "body"), foot = el("div", "foot")
    b.dataset.id = c.id
    foot.append(mark(c.mark), el("span", "pl-muted", c.note))
    body.append(el("div", "name", c.name), el("div", "line", c.line), foot)
    b.append(c.picture ? pic(c.picture.thumbnail, c.picture.alt) : el("div", "none", "No picture yet"), body)
    return b
  }
  refocus(root, () => root.replaceChildren(...data.items.map(card)))
}
