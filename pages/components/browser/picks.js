export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root), on = new Set(data.selected)
  root.setAttribute("role", "group"); root.setAttribute("aria-label", data.label)
  const card = (c) => {
    const b = button("", () => {
      if (!on.delete(c.id)) on.add(c.id)
      b.setAttribute("aria-checked", on.has(c.id))
      setStateValue("selected", data.items.map((i) => i.id).filter((id) => on.has(id)))
    }), cap = el("div", "cap")
    b.dataset.id = c.id; b.setAttribute("role", "checkbox"); b.setAttribute("aria-checked", on.has(c.id))
    cap.append(el("b", "", c.name), el("span", "pl-num pl-muted", c.value))
    b.append(pic(c.picture.thumbnail, c.picture.alt), cap, el("span", "tick"))
    if (c.note) b.append(el("span", "flag", c.note))
    return b
  }
  refocus(root, () => root.replaceChildren(...data.items.map(card)))
}
