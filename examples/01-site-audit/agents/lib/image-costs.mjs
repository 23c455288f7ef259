import { claimOf, size } from "./agent.mjs"
import { sentences, topics } from "./vocabulary.mjs"

const imageBudget = 80 * 1024

/** What a picture costs more than it has to. */
export const imageClaims = ({ path, natural, bytes, vector, frames, width, places }) => {
  const shown = places.map(({ at }) => at)
  if (frames > 1) {
    const cost = [`${frames} frames, ${size(bytes)}`]
    return claimOf("medium", 0.8, topics.movingImage(path), sentences.movingImage(path), shown, cost)
  }
  if (vector || !natural || (bytes <= imageBudget && natural.width <= 2 * width)) return []
  const narrower = natural.width > 2 * width ? ` ${2 * width} px wide,` : ""
  const claim = `Serve ${path} as WebP or AVIF,${narrower} in place of ${size(bytes)}.`
  const facts = `${natural.width} by ${natural.height} px, shown ${width} px wide, ${natural.type}`
  return claimOf(bytes > 5 * imageBudget ? "high" : "medium", 0.9, topics.image(path), claim, shown, [facts])
}

/** Pictures of a page that arrive late, early or without their size. */
export const layoutClaims = (images) => (page) => {
  const places = images.flatMap((image) => image.places.map((place) => ({ ...place, image })))
  const mine = places.filter((place) => place.page === page)
  const loose = mine.filter(({ element }) => !element.hasAttribute("width") || !element.hasAttribute("height"))
  const eager = page
    .all("main img[src]:not([loading='lazy'])")
    .slice(2)
    .filter((element) => mine.some((place) => place.element === element && place.image.bytes > 10240))
  const sized = `Give the images of ${page.path} their width and height: the page jumps as they arrive.`
  const lazy = `Load the lower images of ${page.path} lazily.`
  return [
    ...claimOf(
      "low",
      0.9,
      `image-dimensions/${page.path}`,
      sized,
      loose.map(({ at }) => at)
    ),
    ...claimOf(
      "low",
      0.7,
      `lazy-loading/${page.path}`,
      lazy,
      eager.map((element) => page.at(element))
    )
  ]
}
