import { type Agent, type Census, Synthesis } from "@sartor/core"
import { median, rounded, times } from "./measure.ts"
import type { Options, Row } from "./Row.ts"

/**
 * Five results, and a hundred, of 200 claims each: agreeing, differing, contradicting, in other words, with evidence that meets. In
 * time of the processor, since nothing in it waits, and the least of several repetitions, because others on the machine add to it.
 */
export const synthesisTime = async ({ rounds }: Options): Promise<Row> => {
  const small = reportsOf(5)
  const large = reportsOf(100)
  for (const reports of [small, small, small, large]) Synthesis.synthesize(reports)
  const took = (reports: ReadonlyArray<Census.Report>) => {
    const began = process.cpuUsage()
    Synthesis.synthesize(reports)
    const { system, user } = process.cpuUsage(began)
    return (system + user) / 1000
  }
  const smalls = times(4 * rounds, () => took(small))
  const larges = times(rounds, () => took(large))
  const [five, hundred] = [Math.min(...smalls), Math.min(...larges)]
  const claims = (reports: ReadonlyArray<unknown>) => reports.length * 200
  const [n, m] = [claims(small), claims(large)]
  const growth = hundred / five / ((m * Math.log(m)) / (n * Math.log(n)))
  return {
    id: "Y1",
    what: "processor time of a synthesis of 5 results of 200 claims; of 100, against the time that N log N would make of it",
    goal: "< 20 ms and <= 1 x",
    value: `${five.toFixed(1)} ms and ${growth.toFixed(2)} x`,
    met: five < 20 && growth <= 1,
    raw: rounded({
      five_ms: five,
      hundred_ms: hundred,
      five_median_ms: median(smalls),
      hundred_median_ms: median(larges)
    })
  }
}

const subjects = [
  "session cookie",
  "hero image",
  "login form",
  "style sheet",
  "search script",
  "price list",
  "font file",
  "address field"
]
const faults = [
  "has no size",
  "blocks the first paint",
  "is sent without encryption",
  "lacks a label",
  "is never used",
  "loads twice"
]
const severities = ["critical", "high", "medium", "low"] as const
const remedies = ["Remove", "Rename", "Inline", "Cache", "Encrypt", "Split"]

const reportsOf = (agents: number): ReadonlyArray<Census.Report> =>
  times(agents, (agent) => ({
    agent: `agent-${agent}`,
    outcome: "complete",
    result: {
      summary: `What agent ${agent} found on 40 pages`,
      claims: times(200, (index): Agent.Claim => {
        const place = (agent * 61 + index * 7) % 480
        const subject = subjects[place % subjects.length] ?? ""
        const fault = faults[place % faults.length] ?? ""
        const page = `page-${place % 160}.html`
        return {
          topic: `${subject} on ${page}`,
          claim:
            index % 3 === 0
              ? `${remedies[(agent + index) % remedies.length]} the ${subject} of ${page}.`
              : index % 3 === 1
                ? `The ${subject} of ${page} ${fault}.`
                : `On ${page}, the ${subject} ${fault}`,
          stance: (agent + index) % 11 === 0 ? "oppose" : "support",
          confidence: 0.5 + ((agent * 13 + index) % 50) / 100,
          evidence: [`${page}:${place}`, `log-${agent}.txt:${index}`],
          severity: severities[index % severities.length] ?? "low"
        }
      })
    }
  }))
