/**
 * HTML in which everything that is not markup already is escaped.
 *
 * @since 0.1.0
 */

/**
 * A piece of finished HTML.
 *
 * @category models
 * @since 0.1.0
 */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * What can stand in a template: markup as it is, text escaped, `false` and `undefined` as nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = Markup | string | number | false | undefined | ReadonlyArray<Part>

/**
 * A template that escapes whatever is put into it. Attribute values must stand in double quotes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const markup = (strings: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Markup =>
  new Markup(strings.reduce((text, string, index) => text + render(parts[index - 1]) + string))

/**
 * Text as it may stand between tags and in quoted attributes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const escape = (text: string): string =>
  text.replace(/[&<>"'`]/g, (character) => entities.get(character) ?? character)

const entities = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
  ["`", "&#96;"]
])

const render = (part: Part): string =>
  part instanceof Markup
    ? part.text
    : typeof part === "string"
      ? escape(part)
      : typeof part === "number"
        ? String(part)
        : part === undefined || part === false
          ? ""
          : part.map(render).join("")
