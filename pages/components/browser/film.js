const kept = new WeakMap()
const RIGHT = 104, LEFT = 34, TOP = 20, HIGH = 190, LOW = 62, SPACE = 30
// Player, curves and strip follow each other within the browser; only a chosen frame goes to the server.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), old = kept.get(parentElement)
  const times = data.frames.map((f) => f.time_s), end = Math.max(data.duration_s, ...times, .1)
  const nearest = (t) => times.reduce((best, v, i) => Math.abs(v - t) < Math.abs(times[best] - t) ? i : best, 0)
  let at = Math.max(0, data.frames.findIndex((f) => f.index === data.selected))
  let video = old?.src === data.src ? old.video : null
  if (!video) {
    video = document.createElement("video")
    Object.assign(video, { controls: true, playsInline: true, preload: "metadata", src: data.src })
    if (data.poster) video.poster = data.poster
    video.setAttribute("aria-label", data.label)
  }
  const memory = { src: data.src, video, watch: old?.watch }
  kept.set(parentElement, memory)
  const tell = (i, from) => window.dispatchEvent(new CustomEvent("pl-film", { detail: { src: data.src, index: data.frames[i]?.index, from } }))
  const send = (i) => { if (data.frames[i] && data.frames[i].index !== data.selected) setTriggerValue("pick", data.frames[i].index) }
  const chart = el("div", "chart")
  chart.tabIndex = 0; chart.setAttribute("role", "slider"); chart.setAttribute("aria-label", data.alt)
  chart.setAttribute("aria-valuemin", 0); chart.setAttribute("aria-valuemax", end.toFixed(1))
  let place = () => {}
  const show = (i, t) => { at = i; place(t ?? times[i] ?? 0); chart.setAttribute("aria-valuenow", (times[i] ?? 0).toFixed(1)) }
  const draw = () => {
    const width = Math.max(320, chart.clientWidth || 600), plot = width - LEFT - RIGHT
    const x = (t) => LEFT + t / end * plot, rows = []
    const scores = data.frames.map((f) => f.score).filter((v) => v != null)
    rows.push({ name: "Identity score", low: Math.min(.1, ...scores), top: Math.max(.8, ...scores), high: HIGH, ticks: [.2, .4, .6, .8], limits: [[data.accept, `same person\u2009from ${data.accept.toFixed(2)}`], [data.retry, `someone else\u2009below ${data.retry.toFixed(2)}`]] })
    for (const c of data.curves) rows.push({ name: c.name, low: 0, top: c.top, high: LOW, ticks: [], limits: [[c.limit, c.limit_name]], points: c.points })
    let y0 = TOP
    for (const r of rows) { r.y0 = y0; r.y = (v) => r.y0 + r.high - (v - r.low) / (r.top - r.low) * r.high; y0 += r.high + SPACE }
    const bottom = y0 - SPACE, g = svg("svg", { viewBox: `0 0 ${width} ${bottom + 24}`, height: bottom + 24, "aria-hidden": "true" })
    const line = (x0, y, x1, y1, cls) => g.append(svg("line", { x1: x0, y1: y, x2: x1, y2: y1, class: cls }))
    const text = (tx, ty, s, cls, anchor) => { const t = svg("text", { x: tx, y: ty, class: cls || "", "text-anchor": anchor || "start" }); t.textContent = s; g.append(t) }
    for (const [a, b, why] of data.gaps) {
      g.append(svg("rect", { x: x(a), y: TOP, width: Math.max(2, x(Math.min(b, end)) - x(a)), height: bottom - TOP, class: "gap" }))
      if (x(b) - x(a) > 90) text((x(a) + x(Math.min(b, end))) / 2, TOP + 14, "not measurable", "", "middle")
    }
    for (const [a, b] of data.swaps) g.append(svg("rect", { x: x(a), y: TOP, width: Math.max(2, x(Math.min(b, end)) - x(a)), height: HIGH, class: "swap" }))
    for (const r of rows) {
      text(LEFT, r.y0 - 6, r.name, "name")
      for (const v of r.ticks) { line(LEFT, r.y(v), width - RIGHT, r.y(v), "grid"); text(LEFT - 6, r.y(v) + 4, v.toFixed(1), "", "end") }
      if (!r.ticks.length) { line(LEFT, r.y(r.low), width - RIGHT, r.y(r.low), "grid"); text(LEFT - 6, r.y(r.low) + 4, "0", "", "end") }
      for (const [v, name] of r.limits) {
        line(LEFT, r.y(v), width - RIGHT, r.y(v), "limit")
        const parts = name.includes("\u2009") ? name.split("\u2009") : name.split(/ (?=below|above)/)
        parts.forEach((s, i) => text(width - RIGHT + 8, r.y(v) + (parts.length > 1 ? -2 : 4) + 14 * i, s))
      }
      if (r.points) g.append(svg("polyline", { points: r.points.map(([t, v]) => `${x(t)},${r.y(v)}`).join(" "), class: "line" }))
    }
    const main = rows[0]
    let path = "", open = false
    for (const f of data.frames) { if (f.score == null) open = false; else { path += `${open ? "L" : "M"}${x(f.time_s)},${main.y(f.score)}`; open = true } }
    g.append(svg("path", { d: path, class: "line" }))
    for (const f of data.frames) {
      if (f.score == null) continue
      const cx = x(f.time_s), cy = main.y(f.score), k = f.mark.kind
      if (k === "retry") g.append(svg("rect", { x: cx - 4, y: cy - 4, width: 8, height: 8, class: k }))
      else if (k === "reject") g.append(svg("path", { d: `M${cx - 5},${cy - 3}l2,-2 3,3 3,-3 2,2 -3,3 3,3 -2,2 -3,-3 -3,3 -2,-2 3,-3z`, class: k }))
      else g.append(svg("circle", { cx, cy, r: 4, class: k }))
    }
    for (const [a, b] of data.swaps) {
      const inside = data.frames.filter((f) => f.score != null && f.time_s >= a && f.time_s < b), last = inside[inside.length - 1]
      if (!last) continue
      const left = x(last.time_s) > width - RIGHT - 150
      text(x(left ? inside[0].time_s : last.time_s) + (left ? -10 : 10), main.y(last.score) + 4, `someone else, ${(Math.min(b, end) - a).toFixed(1)}\u00a0s`, "bad", left ? "end" : "start")
    }
    const step = [.5, 1, 2, 5, 10, 30, 60, 120].find((s) => end / s <= 7) || 300
    for (let t = 0; t <= end + 1e-6; t += step) text(x(t), bottom + 17, `${+t.toFixed(1)}\u00a0s`, "", t ? "middle" : "start")
    const cursor = svg("line", { y1: TOP - 4, y2: bottom, class: "cursor" }), ring = svg("circle", { r: 8, class: "ring" })
    g.append(cursor, ring)
    place = (t) => {
      cursor.setAttribute("x1", x(t)); cursor.setAttribute("x2", x(t))
      const f = data.frames[at], seen = f && f.score != null
      ring.style.display = seen ? "" : "none"
      if (seen) { ring.setAttribute("cx", x(f.time_s)); ring.setAttribute("cy", main.y(f.score)) }
    }
    chart.replaceChildren(g)
    chart.onclick = (e) => {
      const b = g.getBoundingClientRect(), t = (e.clientX - b.left - LEFT) / plot * end, i = nearest(Math.min(end, Math.max(0, t)))
      video.pause(); video.currentTime = times[i] + .001; show(i); tell(i, "film"); send(i)
    }
    show(at)
  }
  chart.onkeydown = (e) => {
    if (!STEP[e.key]) return
    e.preventDefault()
    const i = Math.min(times.length - 1, Math.max(0, at + STEP[e.key]))
    video.currentTime = times[i] + .001; show(i); tell(i, "film"); send(i)
  }
  video.ontimeupdate = () => { const i = nearest(video.currentTime); show(i, video.currentTime); tell(i, "film") }
  video.onpause = () => { if (!video.ended && !video.seeking) send(nearest(video.currentTime)) }
  if (memory.watch) window.removeEventListener("pl-film", memory.watch)
  memory.watch = (e) => {
    if (e.detail.src !== data.src || e.detail.from === "film") return
    const i = data.frames.findIndex((f) => f.index === e.detail.index)
    if (i >= 0) { video.pause(); video.currentTime = times[i] + .001; show(i) }
  }
  window.addEventListener("pl-film", memory.watch)
  if (video.parentElement !== root) root.replaceChildren(video, chart); else root.replaceChild(chart, root.lastChild)
  draw()
  new ResizeObserver(() => draw()).observe(chart)
  if (video.paused && times[at] != null && Math.abs(video.currentTime - times[at]) > .05) {
    const go = () => { video.currentTime = times[at] + .001 }
    if (video.readyState > 0) go(); else video.addEventListener("loadedmetadata", go, { once: true })
  }
  return () => window.removeEventListener("pl-film", memory.watch)
}
