export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  root.setAttribute("role", "radiogroup"); root.setAttribute("aria-label", data.label)
  const on = (id) => buttons.forEach((b, i) => {
    const hit = b.dataset.id === id
    b.setAttribute("aria-checked", hit); b.tabIndex = hit || (!id && i === 0) ? 0 : -1
  })
  const pick = (b) => { on(b.dataset.id); b.focus(); setStateValue("selected", b.dataset.id) }
  const buttons = data.items.map((c) => {
    const b = button("", () => pick(b)), cap = el("div", "cap")
    b.dataset.id = c.id; b.setAttribute("role", "radio")
    cap.append(el("b", "", c.name), el("span", "pl-num pl-muted", c.value))
    b.append(pic(c.picture.thumbnail, c.picture.alt), cap)
    if (c.flag) { const f = el("span", "flag"); f.append(mark(c.flag)); b.append(f) } else if (c.note) b.append(el("span", "flag", c.note))
    return b
  })
  buttons.forEach((b, i) => {
    b.onkeydown = (e) => {
      if (STEP[e.key]) { e.preventDefault(); buttons[(i + STEP[e.key] + buttons.length) % buttons.length].focus() }
      else if (e.key === "Enter" || e.key === " ") { e.preventDefault(); pick(b) }
    }
  })
  refocus(root, () => { root.replaceChildren(...buttons); on(data.selected) })
}
