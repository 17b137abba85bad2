export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const shown = (t) => {
    if (t.working) { const w = el("div", "wait"); w.setAttribute("aria-label", t.mark.word); w.append(el("i")); return w }
    const inner = t.picture ? pic(t.picture.thumbnail, t.picture.alt) : el("div", "wait", t.note)
    if (!t.id) return inner
    const b = button("", () => setTriggerValue("open", t.id))
    b.dataset.id = t.id; b.append(inner)
    if (!t.picture) b.setAttribute("aria-label", `Open attempt ${t.number}: ${t.note}`)
    return b
  }
  const step = (t) => {
    const s = el("div", t.current ? "step now" : "step"), line = el("div", "line")
    line.append(mark(t.mark)); if (t.score) line.append(el("b", "pl-num", t.score))
    s.append(shown(t), line); if (t.note && (t.picture || t.working)) s.append(el("div", "note", t.note))
    return s
  }
  const lane = (a) => {
    const l = el("div", data.bare ? "lane bare" : "lane"), who = el("div", "who"), steps = el("div", "steps")
    who.append(el("b", "", a.title)); if (a.brief) who.append(el("span", "pl-muted", a.brief), el("br")); who.append(mark(a.mark))
    for (const t of a.steps) { steps.append(step(t)); if (t.patch) steps.append(el("div", "patch", t.patch)) }
    if (!a.steps.length && a.note) steps.append(el("div", "note", a.note))
    if (data.bare) l.append(steps); else l.append(who, steps)
    return l
  }
  refocus(root, () => root.replaceChildren(...data.items.map(lane)))
}
