import type { TemplatePresenter } from './templates.ts'

/**
 * A presenter in PyBossa's style that does what a ready template does: the same tool in the same panel, and the same
 * info in each task run. Its owner goes on from there.
 */
export function codeOfTemplate({ template, settings }: TemplatePresenter, shortName: string): string {
  return `<link rel="stylesheet" href="/tools/manyhands.css">
<link rel="stylesheet" href="/tools/${template}.css">
<div id="task"></div>
<p id="finished" hidden>You have answered every task there is for you. Thank you.</p>

<script src="/tools/manyhands.js"></script>
<script src="/tools/${template}.js"></script>
<script>
  // What the form of the template held.
  var settings = ${scriptJson(settings)};
  var tool = manyhands.tool('${template}', document.getElementById('task'), settings);

  // The next task, while one is on the screen.
  pybossa.taskLoaded(function (task, deferred) {
    if (task.id) tool.preload(task);
    deferred.resolve(task);
  });

  pybossa.presentTask(function (task, deferred) {
    document.getElementById('task').hidden = !task.id;
    document.getElementById('finished').hidden = !!task.id;
    if (!task.id) return;
    tool.show(task);
    tool.onSubmit(function (info) {
      pybossa.saveTask(task.id, info);
      deferred.resolve();
    });
  });

  pybossa.run(${scriptJson(shortName)});
</script>
`
}

/** JSON that cannot end the script it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll('<', '\\u003c').replaceAll('\n', '\n  ')
}
