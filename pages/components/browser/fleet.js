const SLOTS = 48, LOW = .36, HIGH = .92
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  root.classList.toggle("wide", data.wide)
  const face = (p) => p ? pic(p.thumbnail, p.alt, "face") : el("div", "face")
  const framed = (p, text) => { const f = el("figure"); f.append(face(p), el("figcaption", "", text)); return f }
  const y = (v) => 38 - (Math.min(HIGH, Math.max(LOW, v)) - LOW) / (HIGH - LOW) * 36
  const spark = (c) => {
    const s = svg("svg", { class: "spark", viewBox: "0 0 200 40", preserveAspectRatio: "none", "aria-hidden": "true" }), step = 200 / (SLOTS - 1)
    if (c.accept_threshold != null) s.append(svg("line", { x1: 0, x2: 200, y1: y(c.accept_threshold), y2: y(c.accept_threshold), stroke: "var(--pl-strong-line)", "stroke-dasharray": "3 3", "vector-effect": "non-scaling-stroke" }))
    s.append(svg("polyline", { points: c.spark.map((v, i) => `${(i + SLOTS - c.spark.length) * step},${y(v)}`).join(" "), fill: "none", stroke: "var(--pl-ink)", "stroke-width": 1.4, "vector-effect": "non-scaling-stroke", "stroke-linejoin": "round" }))
    return s
  }
  const numbers = (c) => {
    const box = el("div", "nums")
    for (const f of c.figures) {
      const d = el("div"), b = el("b", "", f.value)
      if (f.base) b.append(el("small", "", " " + f.base))
      d.append(b, f.what); box.append(d)
    }
    return box
  }
  const card = (c) => {
    const b = button("", () => setTriggerValue("open", c.id)), body = el("div", "body"), state = el("div", "state")
    b.dataset.id = c.id
    state.append(mark(c.mark))
    body.append(el("div", "name", c.name), state)
    if (data.wide) {
      body.append(el("p", "why", c.why))
      if (c.spark.length > 1) body.append(spark(c))
      body.append(numbers(c), el("div", "go", c.action))
    }
    else if (c.figures.length) {
      const strip = el("div", "strip")
      strip.append(...c.recent.map((p) => pic(p.thumbnail, p.alt)))
      if (c.spark.length > 1) body.append(spark(c))
      body.append(numbers(c), strip)
    } else body.append(el("p", "why", c.why), el("div", "go", c.action))
    if (data.wide) b.append(framed(c.anchor, "Anchor"), framed(c.latest, c.latest_when), body)
    else b.append(face(c.anchor), body)
    return b
  }
  refocus(root, () => root.replaceChildren(...data.items.map(card)))
}
