"""The pytest fixture `mail_server`, registered as an entry point. Imports nothing heavy at collection."""
