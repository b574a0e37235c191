# The maiko command: maiko.c and one cmd_VERB.c per verb, one file per line, sorted.
