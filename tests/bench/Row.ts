/** What one row of the table says. */
export interface Row {
  readonly id: string
  readonly what: string
  readonly goal: string
  readonly value: string
  readonly met: boolean
  /** Set where there is no figure: what was lost, doubled or out of order, or why it could not be measured here. */
  readonly failed?: string
  readonly notRun?: string
  /** The figures that the value was made of. */
  readonly raw: { readonly [name: string]: number }
}

export interface Options {
  /** How often each of two things that are compared is measured, one after the other. */
  readonly rounds: number
  /** A factor on the numbers of messages. */
  readonly scale: number
}

/** What a run of messages got wrong; all 0, or its row is worth nothing. */
export interface Wrong {
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
}

export const wrongs = (wrong: Wrong): { readonly failed?: string } =>
  wrong.lost + wrong.duplicated + wrong.outOfOrder === 0
    ? {}
    : { failed: `${wrong.lost} lost, ${wrong.duplicated} duplicated, ${wrong.outOfOrder} out of order` }
