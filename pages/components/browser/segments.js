const SHAPE = { circle: "M5 .5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9Z", diamond: "M5 0 10 5 5 10 0 5Z", "triangle-up": "M5 .8 9.8 9.2H.2Z" }
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".root")
  root.setAttribute("role", "group"); root.setAttribute("aria-label", data.label)
  let on = new Set(data.selected)
  const paint = () => buttons.forEach((b) => b.setAttribute("aria-pressed", on.has(b.dataset.id)))
  const buttons = data.options.map((o) => {
    const b = button("", () => {
      if (!data.multi) on = new Set([o.id]); else if (!on.delete(o.id)) on.add(o.id)
      if (!on.size) on = new Set(data.options.map((x) => x.id))
      paint(); setStateValue("selected", [...on])
    })
    b.dataset.id = o.id
    if (o.shape) { const g = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }); g.append(svg("path", { d: SHAPE[o.shape] })); b.append(g) }
    b.append(o.name)
    return b
  })
  refocus(root, () => { root.replaceChildren(...buttons); paint() })
}
