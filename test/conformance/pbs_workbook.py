"""Adds tasks from a workbook by pbs's own function.

pbs 3.0.0 opens every file as text, which Python 3 cannot do with a workbook: its command fails before it asks the site
for anything. Here its function gets the workbook opened as what it is.

Arguments: address, key, workbook; project.json stands in the present folder.
"""
import json
import sys

import helpers
import pbs

config = pbs.Config()
config.server, config.api_key, workbook = sys.argv[1:4]
config.pbclient.set('endpoint', config.server)
config.pbclient.set('api_key', config.api_key)
with open('project.json') as project:
    config.project = json.load(project)
with open(workbook, 'rb') as tasks:
    print(helpers._add_tasks(config, tasks, 'xlsx', 0, 30))
