export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root")
  const longest = Math.max(...data.items.map((t) => t.duration_s), .1)
  const scores = data.items.flatMap((t) => t.points.map(([, v]) => v)).filter((v) => v != null)
  const low = Math.min(.1, ...scores), top = Math.max(.8, ...scores), y = (v) => 54 - (v - low) / (top - low) * 52
  const take = (t) => {
    const b = button("", () => setTriggerValue("open", t.id)), text = el("div", "text")
    b.dataset.id = t.id; b.setAttribute("aria-current", t.current)
    text.append(el("b", "", t.name), mark(t.mark), el("span", "pl-muted", t.line))
    const g = svg("svg", { viewBox: "0 0 1000 56", preserveAspectRatio: "none", "aria-hidden": "true" })
    g.append(svg("line", { x1: 0, x2: 1000, y1: y(data.accept), y2: y(data.accept) }))
    let run = []
    const flush = () => { if (run.length) g.append(svg("polyline", { points: run.join(" ") })); run = [] }
    for (const [at, v] of t.points) { if (v == null) flush(); else run.push(`${at / longest * 1000},${y(v)}`) }
    flush()
    b.append(text, g)
    return b
  }
  refocus(root, () => root.replaceChildren(...data.items.map(take)))
}
