/** How keys, queues and namespaces become streams and subjects. Keys have no dots, wildcards or spaces, so that nothing needs escaping. */
export interface Names {
  readonly namespace: string
  readonly journalStream: string
  readonly queueStream: string
  readonly bucket: string
  /** The stream of the bucket. */
  readonly bucketStream: string
  readonly journals: string
  readonly queues: string
  readonly fleet: string
  readonly journal: (key: string) => string
  readonly queue: (name: string) => string
  /** The key of a journal's subject, or the name of a queue's. */
  readonly keyOf: (subject: string) => string
}

export const make = (namespace: string): Names => {
  const journals = `sartor.${namespace}.journal`
  const queues = `sartor.${namespace}.queue`
  const dots = (key: string) => key.replaceAll("/", ".")
  return {
    namespace,
    journalStream: `SARTOR_${namespace}_JOURNAL`,
    queueStream: `SARTOR_${namespace}_QUEUE`,
    bucket: `SARTOR_${namespace}_LARGE`,
    bucketStream: `OBJ_SARTOR_${namespace}_LARGE`,
    journals: `${journals}.>`,
    queues: `${queues}.>`,
    fleet: `sartor.${namespace}.fleet`,
    journal: (key) => `${journals}.${dots(key)}`,
    queue: (name) => `${queues}.${dots(name)}`,
    keyOf: (subject) => subject.split(".").slice(3).join("/")
  }
}
