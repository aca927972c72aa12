import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { libraryPath, unpackPackages } from '../../src/bin/local/debian-packages.ts'
import type { S3Settings } from '../../src/platform/s3.ts'
import { cacheFolder } from './servers.ts'
import type { Ending } from './servers.ts'

/** Swift and what it imports: the machine's own Python packages are not looked at. */
const PACKAGES = [
  'liberasurecode1',
  'python3-certifi',
  'python3-cffi-backend',
  'python3-chardet',
  'python3-distutils',
  'python3-dnspython',
  'python3-eventlet',
  'python3-greenlet',
  'python3-idna',
  'python3-lxml',
  'python3-netifaces',
  'python3-pastedeploy',
  'python3-pkg-resources',
  'python3-pyeclib',
  'python3-requests',
  'python3-setuptools',
  'python3-six',
  'python3-swift',
  'python3-urllib3',
  'python3-xattr',
]

/** Swift's packages are for this one, which a machine may lack: then its tests are skipped. */
const PYTHON = '/usr/bin/python3'

/** What to do where `startS3` finds no store. */
export const S3_HINT =
  'The S3 store of these tests could not be unpacked. Install it with: sudo apt-get install python3 python3-swift'

const REGION = 'eu-test-1'
const KEY = 'test:tester'
const SECRET = 'testing'

export interface S3Server {
  readonly port: number
  /** A bucket, made where it is not there yet. */
  bucket(name: string): Promise<S3Settings>
  /** The settings that lead the site to a bucket. */
  env(settings: S3Settings): Record<string, string>
}

/** A real S3 store on loopback (OpenStack Swift), empty; undefined where it is not to be had. */
export async function startS3(t: Ending): Promise<S3Server | undefined> {
  if (!existsSync(PYTHON)) return undefined
  const root = join(cacheFolder(), 'swift-root')
  try {
    await unpackPackages(PACKAGES, root)
  } catch {
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'mh-s3-'))
  const packages = join(root, 'usr/lib/python3/dist-packages')
  const program = join(import.meta.dirname, 'swift-server.py')
  const server = spawn(PYTHON, ['-S', program, join(folder, 'store'), KEY, SECRET, REGION], {
    env: { PATH: process.env['PATH'], PYTHONPATH: packages, LD_LIBRARY_PATH: libraryPath(root) },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  t.after(async () => {
    server.stdin.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  for await (const line of createInterface(server.stdout)) return s3At(Number(line))
  return undefined
}

function s3At(port: number): S3Server {
  return {
    port,
    async bucket(name) {
      const endpoint = `http://127.0.0.1:${port}`
      const client = new S3Client({
        endpoint,
        region: REGION,
        forcePathStyle: true,
        credentials: { accessKeyId: KEY, secretAccessKey: SECRET },
      })
      await client.send(new CreateBucketCommand({ Bucket: name })).catch((error: unknown) => {
        if (!(error instanceof BucketAlreadyOwnedByYou)) throw error
      })
      client.destroy()
      return { endpoint, region: REGION, bucket: name, key: KEY, secret: SECRET, isPathStyle: true }
    },
    env: ({ endpoint = '', region, bucket, key, secret }) => ({
      S3_ENDPOINT: endpoint,
      S3_REGION: region,
      S3_BUCKET: bucket,
      S3_KEY: key,
      S3_SECRET: secret,
    }),
  }
}
