// Shared by every component. Text only ever enters through textContent, pictures through addresses.
const el = (tag, cls, text) => {
  const e = document.createElement(tag)
  if (cls) e.className = cls
  if (text != null) e.textContent = text
  return e
}
const svg = (tag, at) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const k in at) e.setAttribute(k, at[k])
  return e
}
const mark = (m, word) => el("span", "pl-d pl-" + m.kind, word ?? m.word)
// Pictures already on the page are moved, not loaded again, so that a live page never flickers.
const album = (root) => {
  const have = new Map()
  for (const i of root.querySelectorAll("img")) have.set(i.getAttribute("src"), i)
  return (src, alt, cls) => {
    let i = have.get(src)
    have.delete(src)
    if (!i) { i = document.createElement("img"); i.decoding = "async"; i.loading = "lazy"; i.src = src }
    i.className = cls || ""
    i.alt = alt
    return i
  }
}
const button = (cls, run) => { const b = el("button", cls); b.type = "button"; b.onclick = run; return b }
// A redrawn component gives the keyboard focus back to the button that had it.
const refocus = (root, draw) => {
  const held = root.getRootNode().activeElement?.dataset?.id
  draw()
  if (held) [...root.querySelectorAll("button")].find((b) => b.dataset.id === held)?.focus()
}
const STEP = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }
