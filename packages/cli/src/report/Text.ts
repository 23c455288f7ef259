/**
 * Makes text from agents safe to show and fits it into columns of a terminal.
 *
 * @since 0.1.0
 */

/**
 * Removes terminal escape sequences and invisible characters, and spells out every other control or text-direction
 * character (`\x1b`, `\u{202e}`), so that the text can neither steer a terminal nor read differently than it is. Line
 * breaks stay.
 *
 * @category formatting
 * @since 0.1.0
 */
export const clean = (text: string): string =>
  text
    .toWellFormed()
    .replace(sequences, "")
    .replace(lineBreaks, "\n")
    .replaceAll("\t", " ")
    .replace(invisible, "")
    .replace(dangerous, spelledOut)

/**
 * The cleaned text as one line of at most `limit` characters, with an ellipsis if some are gone.
 *
 * @category formatting
 * @since 0.1.0
 */
export const line = (text: string, limit: number): string => {
  const whole = clean(text).replace(/\s+/g, " ").trim()
  return whole.length <= limit ? whole : `${cut(whole, limit - 1)}…`
}

/**
 * The cleaned text with its paragraphs, cut to a number of characters; it tells how many are gone.
 *
 * @category formatting
 * @since 0.1.0
 */
export const block = (text: string, limit: number): string =>
  clip(
    clean(text)
      .replace(/[^\S\n]+/g, " ")
      .replace(/ ?\n ?/g, "\n")
      .replace(/\n{3,}/g, "\n\n")
      .trim(),
    limit
  )

/**
 * An upper bound of the columns that a cleaned line takes in a terminal; wide characters take two.
 *
 * @category formatting
 * @since 0.1.0
 */
export const cells = (text: string): number => {
  if (ascii.test(text)) {
    return text.length
  }
  let total = 0
  for (const character of text) {
    total += cellsOf(character)
  }
  return total
}

/**
 * The text cut to at most `width` columns, with `ellipsis` at the end when something is gone.
 *
 * @category formatting
 * @since 0.1.0
 */
export const fit = (text: string, width: number, ellipsis: string): string =>
  cells(text) <= width ? text : `${head(text, Math.max(0, width - cells(ellipsis))).trimEnd()}${ellipsis}`

/**
 * The text filled up with blanks to `width` columns.
 *
 * @category formatting
 * @since 0.1.0
 */
export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - cells(text)))

/**
 * The text broken by words into lines of at most `width` columns; a longer word is cut.
 *
 * @category formatting
 * @since 0.1.0
 */
export const wrap = (text: string, width: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((paragraph) => wrapParagraph(paragraph, Math.max(2, width)))

const ascii = /^[\x20-\x7e]*$/
const lineBreaks = /\r\n|[\r\n\v\f\u0085\u2028\u2029]/g
const invisible = /[\u00ad\u061c\u200b\u200e\u200f\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu

// A string sequence ends before the next control character, so that the search stays linear in any input.
const sequences = new RegExp(
  [
    String.raw`(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]`,
    String.raw`(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0080-\u009f]*(?:\u0007|\u001b\\|\u009c)`,
    String.raw`\u001b[ -/]*[0-~]`
  ].join("|"),
  "g"
)
const dangerous = new RegExp(
  String.raw`[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u206f\ufff9-\ufffb]`,
  "g"
)

const wide =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const empty = /[\p{Mn}\p{Me}\p{Cf}]/u

// A variation selector may turn the character before it into a wide emoji.
const cellsOf = (character: string): number =>
  character === "\ufe0f" ? 1 : empty.test(character) ? 0 : wide.test(character) ? 2 : 1

const spelledOut = (character: string): string => {
  const code = (character.codePointAt(0) ?? 0).toString(16)
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`
}

const clip = (text: string, limit: number): string => {
  const kept = text.length <= limit ? text : cut(text, limit)
  return kept === text ? text : `${kept} [${(text.length - kept.length).toLocaleString("en-US")} more characters]`
}

const cut = (text: string, limit: number): string =>
  text
    .slice(0, limit)
    .toWellFormed()
    .replace(/\ufffd$/, "")
    .trimEnd()

const head = (text: string, width: number): string => {
  let used = 0
  let end = 0
  for (const character of text) {
    used += cellsOf(character)
    if (used > width) {
      break
    }
    end += character.length
  }
  return text.slice(0, end)
}

const wrapParagraph = (paragraph: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let current = ""
  let used = 0
  for (const word of paragraph.split(" ").filter((word) => word !== "")) {
    const size = cells(word)
    if (used > 0 && used + 1 + size <= width) {
      current += ` ${word}`
      used += 1 + size
      continue
    }
    if (used > 0) {
      lines.push(current)
    }
    current = word
    while (cells(current) > width) {
      const piece = head(current, width)
      lines.push(piece)
      current = current.slice(piece.length)
    }
    used = cells(current)
  }
  return used > 0 || lines.length === 0 ? [...lines, current] : lines
}
