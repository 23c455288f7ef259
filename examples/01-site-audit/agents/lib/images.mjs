import { imageSize } from "image-size"

/** Natural size and type of an image, or nothing if it cannot be read. */
export const measureImage = (bytes) => {
  try {
    const { width, height, type } = imageSize(bytes)
    return { width, height, type }
  } catch {
    return undefined
  }
}

const skipBlocks = (bytes, start) => {
  let offset = start
  while (bytes[offset] > 0) offset += bytes[offset] + 1
  return offset + 1
}

const colourTable = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)

/** How many frames a GIF has; one or none for any other file. */
export const countFrames = (bytes) => {
  if (bytes.subarray(0, 3).toString("latin1") !== "GIF") return 0
  let frames = 0
  let offset = 13 + colourTable(bytes[10])
  while (offset < bytes.length) {
    if (bytes[offset] === 0x21) {
      offset = skipBlocks(bytes, offset + 2)
    } else if (bytes[offset] === 0x2c) {
      frames += 1
      offset = skipBlocks(bytes, offset + 11 + colourTable(bytes[offset + 9]))
    } else {
      break
    }
  }
  return frames
}

const isVector = (path) => /\.svg$/i.test(path)

/** Every picture of the site that a page shows: where, how wide, and what the file holds. */
export const shownImages = (site, pages) => {
  const shown = new Map()
  for (const page of pages) {
    for (const element of page.all("img[src]")) {
      const { path } = page.resolve(element.getAttribute("src"))
      if (!path || !site.has(path)) continue
      const natural = measureImage(site.bytes(path))
      const styled = Number.parseFloat(page.window.getComputedStyle(element).width)
      const declared = Number.parseFloat(element.getAttribute("width"))
      const width = [styled, declared].find((value) => value > 0) ?? natural?.width
      const image = shown.get(path) ?? {
        path,
        natural,
        bytes: site.size(path),
        vector: isVector(path),
        frames: countFrames(site.bytes(path)),
        width: 0,
        places: []
      }
      image.width = Math.max(image.width, width ?? 0)
      image.places.push({ at: page.at(element), element, page })
      shown.set(path, image)
    }
  }
  return [...shown.values()]
}
