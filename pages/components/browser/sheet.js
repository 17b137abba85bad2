export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const card = (c) => {
    const b = button("", () => setTriggerValue("open", c.id)), line = el("div", "line")
    b.dataset.id = c.id
    line.append(mark(c.mark)); if (c.score) line.append(el("b", "pl-num", c.score))
    b.append(c.picture ? pic(c.picture.thumbnail, c.picture.alt) : el("div", "none", c.missing), line, el("div", "note", c.note), el("div", "note", c.second))
    return b
  }
  refocus(root, () => root.replaceChildren(...data.items.map(card)))
}
