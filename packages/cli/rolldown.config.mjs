import { defineConfig } from "rolldown"

export default defineConfig({
  input: "src/bin.ts",
  platform: "node",
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
    cleanDir: true,
    minify: true
  }
})
