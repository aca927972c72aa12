create database manyhands owner migrator
