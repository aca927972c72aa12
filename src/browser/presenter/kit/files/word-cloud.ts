import cloud from 'd3-cloud'

// Where presenters look for it: `d3.layout.cloud()`.
window.d3 ??= {}
window.d3.layout = Object.assign(window.d3.layout ?? {}, { cloud })
