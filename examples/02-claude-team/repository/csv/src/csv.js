/** The values of one line. A value in quotes may have commas in it; a doubled quote in it is a quote. */
export const parseLine = (line) => line.split(",").map((value) => value.replace(/^"|"$/g, ""))
