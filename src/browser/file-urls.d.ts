/** The address of a file that is served as it is, beside the script that imports it. */
declare module '*?url' {
  const url: string
  export default url
}
