// Packages without types, of which only the global that they make is used.

declare module 'raphael' {
  const Raphael: unknown
  export default Raphael
}
declare module 'd3-cloud' {
  const cloud: unknown
  export default cloud
}
declare module 'jquery-migrate/dist/jquery-migrate.min.js'
declare module 'jquery-serializejson'
declare module 'pdfjs-legacy/build/pdf.js'
declare module 'pdfjs-legacy/build/pdf.worker.js' {
  const reader: unknown
  export default reader
}

interface Window {
  /** There once a presenter has loaded it. */
  d3?: { layout?: object }
}
