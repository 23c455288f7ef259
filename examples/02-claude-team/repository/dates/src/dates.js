/** How many days lie between two dates such as "2026-03-01"; negative if the second is earlier. */
export const daysBetween = (from, to) => Math.abs(new Date(to) - new Date(from)) / 86_400_000
