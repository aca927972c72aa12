import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../../src/bin/local/run-program.ts'
import type { Ending } from './servers.ts'

/** A certificate for localhost, signed by itself, and its key: two files. */
export async function makeCertificate(t: Ending): Promise<{ certificate: string; key: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-t-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await runProgram('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', certificate])
  return { certificate, key }
}
