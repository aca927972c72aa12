"""Loads a project by enki from a site and from its exported files, and writes what it found as one JSON object.

Arguments: address, owner's key, short name, exported tasks, exported task runs.
"""
import json
import sys

import enki

endpoint, key, short_name, tasks_file, runs_file = sys.argv[1:6]


def figures(analysis):
    """How much there is, and enki's description of one task's answers."""
    task = analysis.tasks[0]
    frame = analysis.task_runs_df[task.id]
    return {
        'tasks': len(analysis.tasks),
        'task_runs': sum(len(runs) for runs in analysis.task_runs.values()),
        'frame_rows': len(analysis.tasks_df),
        'columns': sorted(str(column) for column in frame.columns),
        'top': str(frame['kind'].describe()['top']),
        'n': int(frame['kind'].describe()['count']),
    }


online = enki.Enki(key, endpoint, short_name)
online.get_all()
offline = enki.Enki(key, endpoint, short_name)
offline.get_tasks(json_file=tasks_file)
offline.get_task_runs(json_file=runs_file)
one = enki.Enki(key, endpoint, short_name)
one.get_tasks(task_id=online.tasks[0].id)
one.get_task_runs()
unknown = ''
try:
    enki.Enki(key, endpoint, 'no-such-project')
except Exception as error:
    unknown = type(error).__name__
print(json.dumps({
    'online': figures(online),
    'offline': figures(offline),
    'one': figures(one),
    'exploded': sorted(online.explode_info(online.task_runs[online.tasks[0].id][0])),
    'described': len(online.describe('tasks')) if online.describe('tasks') is not None else 0,
    'unknown': unknown,
}))
