/** Notes how long each step of a proof takes. */
export function steps() {
  const times: [string, number][] = []
  return {
    async step<T>(name: string, work: () => Promise<T>): Promise<T> {
      const began = performance.now()
      console.log(`\n### ${name}`)
      const value = await work()
      times.push([name, (performance.now() - began) / 1000])
      return value
    },
    print(): void {
      for (const [name, seconds] of times)
        console.log(`${name.padEnd(20)} ${seconds.toFixed(1).padStart(7)} s`)
    },
  }
}
