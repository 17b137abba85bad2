export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root"), pic = album(root)
  const card = (c) => {
    const b = button("item" + (c.faded ? " faded" : ""), () => setTriggerValue("open", c.id))
    b.dataset.id = c.id
    if (c.picture) b.append(pic(c.picture.thumbnail, c.picture.alt))
    b.append(el("b", "", c.title), mark(c.mark))
    if (c.score !== "–") b.append(el("span", "pl-muted pl-num", "Score " + c.score))
    if (c.cost !== "–") b.append(el("span", "pl-muted pl-num", c.cost))
    return b
  }
  const day = (d) => {
    const cell = el("div", "day" + (d.past ? " past" : "") + (d.items.length ? "" : " none")), name = el("div", "name", d.name)
    if (d.today) name.append(el("span", "pl-tag", "Today"))
    cell.append(name, ...d.items.map(card))
    return cell
  }
  refocus(root, () => root.replaceChildren(...data.days.map(day)))
}
