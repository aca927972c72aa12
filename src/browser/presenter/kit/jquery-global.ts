import jQuery from 'jquery'

// Bootstrap's script, which comes next, looks for the global.
Object.assign(window, { jQuery, $: jQuery })
