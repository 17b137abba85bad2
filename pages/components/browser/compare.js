const memory = new WeakMap()
const MOST = 16
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const s = memory.get(parentElement) || { k: 1, x: 0, y: 0, dots: true }
  memory.set(parentElement, s)
  const row = el("div", "row"), bar = el("div", "bar"), level = el("span", "pl-num"), pans = []
  const paint = () => {
    s.k = Math.min(MOST, Math.max(1, s.k)); s.x = Math.min(0, Math.max(1 - s.k, s.x)); s.y = Math.min(0, Math.max(1 - s.k, s.y))
    for (const p of pans) {
      p.style.transform = `translate(${s.x * 100}%, ${s.y * 100}%) scale(${s.k})`
      p.style.imageRendering = s.k > 3 ? "pixelated" : "auto"
      const g = p.querySelector("svg"); if (g) g.style.display = s.dots ? "" : "none"
    }
    level.textContent = `${s.k.toFixed(1)} ×`; dots?.setAttribute("aria-pressed", s.dots)
  }
  const zoom = (f, px, py) => {
    const k = Math.min(MOST, Math.max(1, s.k * f)), r = k / s.k
    s.x = px - (px - s.x) * r; s.y = py - (py - s.y) * r; s.k = k; paint()
  }
  const points = (it) => {
    const [w, h] = it.size, hot = new Set(it.hot)
    const g = svg("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" })
    it.points.forEach(([x, y], i) => g.append(svg("circle", { cx: x, cy: y, r: w * .0042, "stroke-width": w * .0009, class: hot.has(i) ? "hot" : "" })))
    return g
  }
  const moves = (v) => {
    v.onwheel = (e) => {
      if (!e.ctrlKey && s.k === 1 && e.deltaY > 0) return
      e.preventDefault()
      const b = v.getBoundingClientRect()
      zoom(Math.exp(-e.deltaY / 300), (e.clientX - b.left) / b.width, (e.clientY - b.top) / b.height)
    }
    v.onpointerdown = (e) => v.setPointerCapture(e.pointerId)
    v.onpointermove = (e) => { if (e.buttons) { s.x += e.movementX / v.clientWidth; s.y += e.movementY / v.clientHeight; paint() } }
    v.onkeydown = (e) => {
      const d = { ArrowLeft: [.05, 0], ArrowRight: [-.05, 0], ArrowUp: [0, .05], ArrowDown: [0, -.05] }[e.key]
      if (e.key === "+") zoom(1.3, .5, .5)
      else if (e.key === "-") zoom(1 / 1.3, .5, .5)
      else if (d && s.k > 1) { e.preventDefault(); s.x += d[0]; s.y += d[1]; paint() }
    }
  }
  for (const it of data.items) {
    const f = el("figure"), cap = el("figcaption")
    cap.append(el("b", "", it.caption))
    if (it.mark) cap.append(mark(it.mark)); else if (it.note) cap.append(el("span", "pl-muted", it.note))
    if (it.picture) {
      const v = el("div", "view"), pan = el("div", "pan"), im = pic(it.picture.src, "")
      im.draggable = false; im.loading = "eager"
      v.tabIndex = 0; v.setAttribute("role", "img"); v.setAttribute("aria-label", it.picture.alt + (it.points.length ? `, with ${it.points.length} landmarks` : ""))
      pan.append(im); if (it.points.length && it.size) pan.append(points(it))
      v.append(pan); moves(v); pans.push(pan); f.append(v, cap)
    } else f.append(el("div", "view none", it.missing), cap)
    row.append(f)
  }
  const act = (text, run) => { const b = button("", run); b.textContent = text; b.dataset.id = text; return b }
  const dots = data.items.some((i) => i.points.length) ? act("Landmarks", () => { s.dots = !s.dots; paint() }) : null
  bar.append(act("Zoom in", () => zoom(1.5, .5, .4)), act("Reset", () => { s.k = 1; s.x = s.y = 0; paint() }), ...(dots ? [dots] : []), level)
  refocus(root, () => root.replaceChildren(row, bar))
  paint()
}
