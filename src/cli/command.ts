import type { Command } from 'commander'

/** What each file of this folder exports: `define` adds options and the action to the command of its name. */
export type CommandModule = { define(command: Command): void }
