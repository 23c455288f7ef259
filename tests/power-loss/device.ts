/** A disk of its own: an image with ext4, mounted, of which a copy shows what a power failure at this moment would leave. */
import { spawnSync } from "node:child_process"
import { constants, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const run = (command: string, ...args: ReadonlyArray<string>) => {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`)
}

const has = (command: string, ...args: ReadonlyArray<string>) => spawnSync(command, args).error === undefined

/** What is missing here to do this; nothing if it can be done. */
export const missing = (): string | undefined => {
  if (process.getuid?.() !== 0) return "needs root, to mount an image"
  for (const tool of ["mkfs.ext4", "mount", "umount", "e2fsck", "strace"]) {
    if (!has(tool, "-V")) return `needs ${tool}`
  }
  return undefined
}

export interface Device {
  /** Where its file system is mounted. */
  readonly directory: string
  /**
   * Mounts what is on the device now, whatever the kernel still has in memory for it: the journal of the file system is
   * replayed, as at the next start.
   */
  readonly cut: () => string
  readonly remove: () => void
}

export const make = (): Device => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-power-"))
  const [image, copy, directory, left] = ["image", "copy", "mounted", "left"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string
  ]
  for (const place of [directory, left]) mkdirSync(place)
  run("truncate", "-s", "192M", image)
  run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
  run("mount", "-o", "loop", image, directory)
  return {
    directory,
    cut: () => {
      copyFileSync(image, copy, constants.COPYFILE_FICLONE)
      run("mount", "-o", "loop", copy, left)
      run("umount", left)
      // After the replay there is nothing to be repaired.
      run("e2fsck", "-fn", copy)
      run("mount", "-o", "loop", copy, left)
      return left
    },
    remove: () => {
      for (const place of [left, directory]) spawnSync("umount", ["-l", place])
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
