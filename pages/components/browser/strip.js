const watches = new WeakMap()
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  root.setAttribute("role", "radiogroup"); root.setAttribute("aria-label", data.label)
  const bs = data.items.map((f) => {
    const b = button(f.mark.kind === "reject" ? "bad" : f.mark.kind === "unmeasured" ? "none" : "", () => pick(b))
    const v = el("span", "v"), score = f.score == null ? "" : f.score.toFixed(2)
    b.dataset.id = f.index; b.setAttribute("role", "radio"); b.setAttribute("aria-label", f.alt); b.title = f.alt
    if (f.mark.kind === "accept") v.append(el("span", "pl-num pl-muted", score)); else v.append(mark(f.mark, score))
    b.append(pic(f.src, ""), v)
    return b
  })
  const on = (i, scroll) => bs.forEach((b) => {
    const hit = +b.dataset.id === i
    b.setAttribute("aria-checked", hit); b.tabIndex = hit ? 0 : -1
    if (hit && scroll) root.scrollTo({ left: b.offsetLeft - root.clientWidth / 2 + b.clientWidth / 2 })
  })
  const pick = (b) => {
    const i = +b.dataset.id
    on(i); b.focus()
    window.dispatchEvent(new CustomEvent("pl-film", { detail: { src: data.src, index: i, from: "strip" } }))
    setTriggerValue("pick", i)
  }
  bs.forEach((b, i) => { b.onkeydown = (e) => { if (STEP[e.key]) { e.preventDefault(); pick(bs[Math.min(bs.length - 1, Math.max(0, i + STEP[e.key]))]) } } })
  refocus(root, () => root.replaceChildren(...bs))
  on(data.selected, true)
  if (!bs.some((b) => b.tabIndex === 0) && bs[0]) bs[0].tabIndex = 0
  const old = watches.get(parentElement)
  if (old) window.removeEventListener("pl-film", old)
  const watch = (e) => { if (e.detail.src === data.src && e.detail.from === "film" && e.detail.index != null) on(e.detail.index, true) }
  watches.set(parentElement, watch)
  window.addEventListener("pl-film", watch)
  return () => window.removeEventListener("pl-film", watch)
}
