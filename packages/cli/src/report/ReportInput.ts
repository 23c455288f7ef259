/**
 * What a report is made from: the document of a run, and that of a sequential run to compare it with.
 *
 * @since 0.1.0
 */
import type { Agent, Narrator, Synthesis } from "@sartor/core"

/**
 * One agent of a run, with what it handed in or why it did not.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReportAgent {
  readonly name: string
  readonly status: string
  readonly session_id?: string | undefined
  readonly role?: string | undefined
  readonly task_type?: string | undefined
  readonly needs?: ReadonlyArray<string> | undefined
  readonly attempts?: number | undefined
  readonly wakes?: number | undefined
  readonly started_at?: string | undefined
  readonly finished_at?: string | undefined
  readonly error?: Agent.Problem | undefined
  readonly result?: Agent.Result | undefined
}

/**
 * One measured figure; `ok` says whether it keeps its threshold.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReportMetric {
  readonly name: string
  /** Nothing without data. */
  readonly value?: number | null | undefined
  readonly unit?: string | undefined
  readonly target?: number | undefined
  readonly threshold?: number | undefined
  readonly ok: boolean | "n/a"
  readonly samples?: number | undefined
}

/**
 * The document of one run, as `sartor run --json` prints it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReportRun {
  readonly workflow: string
  readonly run_id: string
  readonly status: string
  readonly started_at?: string | undefined
  readonly finished_at?: string | undefined
  readonly agents: ReadonlyArray<ReportAgent>
  readonly synthesis?: Readonly<Record<string, Synthesis.Synthesis>> | undefined
  readonly metrics?: ReadonlyArray<ReportMetric> | undefined
}

/**
 * The run to report on.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReportInput extends ReportRun {
  /** A sequential run of the same workflow that was really executed. */
  readonly baseline?: ReportRun | undefined
  /** Each synthesis in words, by step. */
  readonly prose?: Readonly<Record<string, Narrator.Narrative>> | undefined
}
