// Turns the synthesis of the audits into a verdict: what to do first, and which conflicts a human has to settle.
import "./lib/runtime.mjs"
import { byText, InputError, plural, runAgent, severityRank } from "./lib/agent.mjs"

const shown = 6
const reasons = {
  contradiction: "the same sentence is held and denied, each with evidence, so following either may break something",
  disagreement: "the auditors ask for different remedies in one place, and only the owner knows which goal comes first",
  uncertainty: "the files alone cannot decide it",
  file: "two agents would write the same file differently",
  missing_evidence: "it is called serious without a proof"
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`)

/** Every claim of the audits once, with who makes it and the worst severity that anyone gives it. */
const collectClaims = (inputs) => {
  const found = new Map()
  for (const [agent, result] of Object.entries(inputs).sort(([a], [b]) => byText(a, b))) {
    for (const claim of result?.claims ?? []) {
      if (claim.stance === "oppose" || claim.stance === "uncertain") continue
      const key = `${claim.topic}\n${claim.claim}`
      const known = found.get(key) ?? { ...claim, agents: [], evidence: [] }
      const severity = severityRank(known.severity) <= severityRank(claim.severity) ? known.severity : claim.severity
      const evidence = [...new Set([...known.evidence, ...(claim.evidence ?? [])])]
      found.set(key, { ...known, severity, evidence, agents: [...known.agents, agent] })
    }
  }
  return [...found.values()]
}

// Without the audits themselves, the synthesis still says what two of them agree on.
const agreedClaims = (synthesis) =>
  synthesis.agreements.map(({ id, topic, claim, agents, confidence }) => ({
    topic,
    claim,
    agents,
    confidence,
    evidence: [`agreement ${id}`]
  }))

// What two auditors found on their own comes before what one did, and what is disputed is not ordered at all.
const rank = (claims, synthesis) => {
  const disputed = new Set(synthesis.conflicts.map(({ topic }) => topic))
  return claims
    .filter(({ topic, severity, agents }) => (severity || agents.length > 1) && !disputed.has(topic))
    .sort(
      (a, b) =>
        severityRank(a.severity) - severityRank(b.severity) ||
        b.agents.length - a.agents.length ||
        (b.confidence ?? 0.5) - (a.confidence ?? 0.5) ||
        byText(a.topic, b.topic) ||
        byText(a.claim, b.claim)
    )
}

const citationsOf = (claim, synthesis) =>
  synthesis.agreements
    .filter((agreement) => agreement.topic === claim.topic && agreement.claim === claim.claim)
    .map(({ id, agents }) => `agreement ${id} of ${agents.join(" and ")}`)

/** Not claims: the auditors made those. */
const priorityIssues = (ranked, synthesis) =>
  ranked.slice(0, shown).map((claim) => ({
    severity: claim.severity ?? "medium",
    description: sentence(claim.claim),
    recommendation: [
      `Claimed by ${claim.agents.join(" and ")}`,
      ...citationsOf(claim, synthesis),
      ...claim.evidence
    ].join("; ")
  }))

const sideText = ({ agents, claim, stance }) => `${agents.join(" and ")} ${stance ?? "support"}: ${sentence(claim)}`

const conflictClaims = (conflicts) =>
  conflicts.map((conflict) => ({
    topic: `decision/${conflict.topic}`,
    claim: `A human decides on ${conflict.topic}: ${reasons[conflict.type] ?? "the auditors differ"}.`,
    confidence: 0.9,
    evidence: [
      `${conflict.type} ${conflict.id}`,
      ...conflict.sides.flatMap((side) => [sideText(side), ...(side.evidence ?? []).slice(0, 2)])
    ]
  }))

const censusText = ({ status, census }) => {
  const reported = `${census.reported} of ${plural(census.expected, "audit")} reported`
  if (status === "complete") return `${sentence(reported)}`
  const absent = Object.entries(census.by_agent ?? {}).filter(([, state]) => !/^reported$/.test(state?.status ?? state))
  const names = absent.map(([name]) => name).join(", ")
  return `The audit is ${status}: ${reported}${names ? `, ${names} did not` : ""}. What they would have found is missing.`
}

const stateOf = (claims) => {
  const critical = claims.filter(({ severity }) => severity === "critical").length
  if (critical > 0) return `Not ready: ${plural(critical, "critical fault")}.`
  return claims.some(({ severity }) => severity) ? "No critical fault." : "How severe the faults are is not known."
}

const verdict = (synthesis, all, ranked, decisions) => {
  const first = ranked
    .slice(0, shown)
    .map(({ severity, claim }, index) => `${index + 1}. [${severity ?? "agreed"}] ${sentence(claim)}`)
  const kinds = [...new Set(decisions.map(({ type }) => type))].sort(byText)
  const why = kinds.map((type) => {
    const those = decisions.filter((conflict) => conflict.type === type)
    return `${plural(those.length, type)} (${those.map(({ topic }) => topic).join(", ")}): ${reasons[type] ?? "they differ"}.`
  })
  return [
    `${stateOf(all)} ${censusText(synthesis)}`,
    ...(first.length > 0 ? ["", "First:", ...first] : []),
    "",
    ...(why.length > 0 ? ["For a human to settle:", ...why] : ["Nothing is left for a human to settle."])
  ].join("\n")
}

await runAgent(async ({ task, checkpoint, finding }) => {
  const { synthesis } = task
  if (!synthesis?.census) throw new InputError("there is no synthesis on stdin to report on")
  const known = { ...synthesis, agreements: synthesis.agreements ?? [], conflicts: synthesis.conflicts ?? [] }
  checkpoint("research", "synthesis read", plural(known.conflicts.length, "conflict"))

  const audited = collectClaims(task.inputs ?? {})
  const all = audited.length > 0 ? audited : agreedClaims(known)
  const ranked = rank(all, known)
  const decisions = known.conflicts.toSorted((a, b) => byText(a.topic, b.topic) || byText(a.id, b.id))
  decisions.filter(({ blocking }) => blocking).forEach(({ topic }) => finding(`${topic} blocks until a human decides`))
  const claims = conflictClaims(decisions)
  checkpoint("cleanup", "verdict written", plural(claims.length, "claim"))
  const issues = priorityIssues(ranked, known)
  return { summary: verdict(known, all, ranked, decisions), claims, issues, confidence: synthesis.confidence ?? 0.5 }
})
