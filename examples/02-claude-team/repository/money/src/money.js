/** The sum of amounts such as "12.30", in cents. */
export const sumInCents = (amounts) => amounts.reduce((sum, amount) => sum + Number(amount) * 100, 0)
