/** Writes a natural number in Crockford's base 32, upper case, with leading zeros. */
export const base32 = (value: number, length: number): string => {
  let text = ""
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text
  return text
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
