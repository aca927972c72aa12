import * as worker from 'pdfjs-legacy/build/pdf.worker.js'

// Where pdf.js looks for it when it runs without a worker.
Object.assign(window, { pdfjsDistBuildPdfWorker: worker })
