const memory = new WeakMap()
const MOST = 16, FACE = .62, W = 4, H = 5
// Where the face lies in the 4:5 frame that the picture covers, and the transform that brings it to the common size.
const cutOf = (it) => {
  if (!it.box || !it.size) return ""
  const [w, h] = it.size, [x0, y0, x1, y1] = it.box, s = Math.max(W / w, H / h)
  const cx = ((W - w * s) / 2 + (x0 + x1) / 2 * s) / W, cy = ((H - h * s) / 2 + (y0 + y1) / 2 * s) / H
  const k = Math.max(1, FACE * H / ((y1 - y0) * s)), keep = (v) => Math.min(0, Math.max(1 - k, v))
  return `translate(${keep(.5 - cx * k) * 100}%, ${keep(.5 - cy * k) * 100}%) scale(${k})`
}
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const s = memory.get(parentElement) || { k: 1, x: 0, y: 0, dots: true, faces: data.faces }
  memory.set(parentElement, s)
  const row = el("div", "row"), bar = el("div", "bar"), level = el("span", "pl-num"), pans = [], cuts = []
  const paint = () => {
    s.k = Math.min(MOST, Math.max(1, s.k)); s.x = Math.min(0, Math.max(1 - s.k, s.x)); s.y = Math.min(0, Math.max(1 - s.k, s.y))
    for (const p of pans) {
      p.style.transform = `translate(${s.x * 100}%, ${s.y * 100}%) scale(${s.k})`
      p.style.imageRendering = s.k > 3 ? "pixelated" : "auto"
      const g = p.querySelector("svg"); if (g) g.style.display = s.dots ? "" : "none"
    }
    cuts.forEach(([c, to]) => { c.style.transform = s.faces ? to : "" })
    faces?.setAttribute("aria-pressed", s.faces)
    level.textContent = `${s.k.toFixed(1)} ×`; dots?.setAttribute("aria-pressed", s.dots)
  }
  const zoom = (f, px, py) => {
    const k = Math.min(MOST, Math.max(1, s.k * f)), r = k / s.k
    s.x = px - (px - s.x) * r; s.y = py - (py - s.y) * r; s.k = k; paint()
  }
  const points = (it) => {
    const [w, h] = it.size, hot = new Set(it.hot), r = it.box ? (it.box[2] - it.box[0]) * .0125 : w * .0042
    const g = svg("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" })
    it.points.forEach(([x, y], i) => g.append(svg("circle", { cx: x, cy: y, r, "stroke-width": r * .22, class: hot.has(i) ? "hot" : "" })))
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
      const cut = el("div", "cut"), to = cutOf(it)
      cut.append(im); if (it.points.length && it.size) cut.append(points(it))
      if (to) cuts.push([cut, to])
      pan.append(cut); v.append(pan); moves(v); pans.push(pan); f.append(v, cap)
    } else f.append(el("div", "view none", it.missing), cap)
    row.append(f)
  }
  const act = (text, run) => { const b = button("", run); b.textContent = text; b.dataset.id = text; return b }
  const dots = data.items.some((i) => i.points.length) ? act("Landmarks", () => { s.dots = !s.dots; paint() }) : null
  const faces = cuts.length ? act("Faces at one size", () => { s.faces = !s.faces; paint() }) : null
  bar.append(act("Zoom in", () => zoom(1.5, .5, .4)), act("Reset", () => { s.k = 1; s.x = s.y = 0; paint() }), ...(faces ? [faces] : []), ...(dots ? [dots] : []), level)
  refocus(root, () => root.replaceChildren(row, bar))
  paint()
}
