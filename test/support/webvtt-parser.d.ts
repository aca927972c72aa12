/** The part of the W3C's checker that tests use; it has no types of its own. */
declare module 'webvtt-parser' {
  interface Cue {
    readonly id: string
    readonly startTime: number
    readonly endTime: number
    readonly text: string
  }
  interface Parser {
    parse(
      text: string,
      mode: 'metadata' | 'subtitles/captions/descriptions' | 'chapters',
    ): { readonly cues: readonly Cue[]; readonly errors: readonly { readonly message: string }[] }
  }
  const checker: { readonly WebVTTParser: new () => Parser }
  export default checker
}
