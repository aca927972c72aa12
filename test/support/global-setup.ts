import { startTestServers } from './servers.ts'
import type { TestServers } from './servers.ts'

let servers: TestServers | undefined

/** Runs once before all test files of `node --test`. */
export async function globalSetup(): Promise<void> {
  servers = await startTestServers()
}

/** Runs once after all of them. */
export async function globalTeardown(): Promise<void> {
  await servers?.stop()
}
