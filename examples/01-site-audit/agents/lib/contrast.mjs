const parseColour = (text) => {
  const rgb = /^rgba?\(\s*([\d.]+)[,\s]+([\d.]+)[,\s]+([\d.]+)(?:\s*[,/]\s*([\d.]+))?\s*\)$/.exec(text)
  return rgb && { channels: rgb.slice(1, 4).map(Number), alpha: rgb[4] === undefined ? 1 : Number(rgb[4]) }
}

const blend = (over, under) => ({
  channels: over.channels.map((value, index) => value * over.alpha + under.channels[index] * (1 - over.alpha)),
  alpha: 1
})

const luminance = ({ channels }) => {
  const [red, green, blue] = channels
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** The contrast of WCAG 2: 1 for the same colour, 21 for black on white. */
export const contrastRatio = (a, b) => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

const hex = ({ channels }) => `#${channels.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`

// The page itself is white until a style says otherwise.
const canvas = { channels: [255, 255, 255], alpha: 1 }

const backdropOf = (window, element) => {
  const layers = []
  for (let node = element; node; node = node.parentElement) {
    const style = window.getComputedStyle(node)
    if (style.backgroundImage && style.backgroundImage !== "none") return undefined
    const colour = parseColour(style.backgroundColor)
    if (!colour) return undefined
    layers.unshift(colour)
    if (colour.alpha === 1) break
  }
  return layers.reduce((under, over) => blend(over, under), canvas)
}

const isShown = (window, element) => {
  for (let node = element; node; node = node.parentElement) {
    const style = window.getComputedStyle(node)
    if (style.display === "none" || style.visibility === "hidden") return false
  }
  return true
}

const hasOwnText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())

const isLarge = (style) => {
  const pixels = Number.parseFloat(style.fontSize)
  return pixels >= 24 || (pixels >= 18.66 && Number.parseInt(style.fontWeight, 10) >= 700)
}

/** Every element with text of its own, with its contrast; without one where a picture lies behind it. */
export const textContrasts = (page) =>
  page
    .all("body *")
    .filter((element) => hasOwnText(element) && !/^(SCRIPT|STYLE|NOSCRIPT|OPTION)$/.test(element.tagName))
    .filter((element) => isShown(page.window, element))
    .map((element) => {
      const style = page.window.getComputedStyle(element)
      const backdrop = backdropOf(page.window, element)
      const declared = parseColour(style.color)
      if (!backdrop || !declared) return { element, at: page.at(element) }
      const colour = blend(declared, backdrop)
      return {
        element,
        at: page.at(element),
        colours: `${hex(colour)} on ${hex(backdrop)}`,
        ratio: contrastRatio(colour, backdrop),
        needed: isLarge(style) ? 3 : 4.5
      }
    })
