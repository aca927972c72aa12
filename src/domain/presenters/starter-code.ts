/**
 * A small presenter that works as it is: a picture, a question and three choices. What an owner begins with who writes
 * code.
 *
 * @param column of the tasks that holds the address of the picture.
 */
export function starterCode(shortName: string, column: string): string {
  return STARTER.replaceAll('"{column}"', quoted(column)).replaceAll('"{shortName}"', quoted(shortName))
}

/** A text as a script writes it, which cannot end the script. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('</', '<\\/')
}

const STARTER = `<style>
  #photo { max-width: 100%; max-height: 70vh; display: block; margin-bottom: 1rem; }
</style>

<h1 id="question">Is there a bird in this picture?</h1>
<div id="task">
  <img id="photo" alt="Picture of this task">
  <p id="choices">
    <button class="btn btn-primary" value="Yes">Yes</button>
    <button class="btn btn-primary" value="No">No</button>
    <button class="btn btn-default" value="Not sure">I cannot tell</button>
  </p>
</div>
<p id="finished" hidden>Thank you, that was the last picture.</p>

<script>
  // Called early for each task: here the next picture is loaded while the one before is on the screen.
  pybossa.taskLoaded(function (task, deferred) {
    if (task.id) new Image().src = task.info["{column}"]
    deferred.resolve(task)
  })

  // Called when a task is to be shown. After deferred.resolve() the next one comes.
  pybossa.presentTask(function (task, deferred) {
    if (!task.id) {
      document.getElementById('task').hidden = true
      document.getElementById('finished').hidden = false
      return
    }
    document.getElementById('photo').src = task.info["{column}"]
    document.getElementById('choices').onclick = function (event) {
      if (!event.target.value) return
      pybossa.saveTask(task, { choice: event.target.value }).done(function () {
        deferred.resolve()
      })
    }
  })

  pybossa.run("{shortName}")
</script>
`
