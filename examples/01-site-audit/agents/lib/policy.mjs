const policyOf = (page) => page.all("meta[http-equiv='content-security-policy' i]")[0]

const sourcesOf = (policy, name) => {
  const parts = policy
    .getAttribute("content")
    .split(";")
    .map((part) => part.trim().split(/\s+/))
  const find = (wanted) => parts.find(([key]) => key.toLowerCase() === wanted)?.slice(1)
  return find(name) ?? find("default-src")
}

/** The Content-Security-Policy that a page sets for itself, if it does: its place, and the sources of a directive. */
export const readPolicy = (page) => {
  const policy = policyOf(page)
  if (!policy?.hasAttribute("content")) return undefined
  return {
    at: page.at(policy),
    sources: (name) => sourcesOf(policy, name),
    forbidsInline: (name) => sourcesOf(policy, name)?.includes("'unsafe-inline'") === false
  }
}

/** Every inline event handler of a page. */
export const handlersOf = (page) =>
  page
    .all("*")
    .flatMap((element) =>
      [...element.attributes]
        .filter(({ name }) => /^on[a-z]+$/.test(name))
        .map(({ name, value }) => ({ element, name, value }))
    )
