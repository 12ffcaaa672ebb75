#!/usr/bin/env python3
"""An annotator for the tests: words in capitals are organizations, other words with a capital are persons.

    annotator.py [MODE [ARGUMENT]]

A MODE makes it misbehave, see below. A file named by the environment variable LIVES gets one byte per start.
"""
import json
import os
import re
import signal
import sys
import time

mode = sys.argv[1] if len(sys.argv) > 1 else "behave"
argument = sys.argv[2] if len(sys.argv) > 2 else ""
life = 1
if "LIVES" in os.environ:
    with open(os.environ["LIVES"], "a") as lives:
        lives.write(".")
    life = os.path.getsize(os.environ["LIVES"])


def entities(text):
    for match in re.finditer(r"\w+", text):
        word = match.group()
        if word[0].isupper():
            label = "ORG" if len(word) > 1 and word.isupper() else "PERSON"
            yield {"start": match.start(), "end": match.end(), "label": label, "score": 0.5}
        elif word[0].isdigit():
            yield {"start": match.start(), "end": match.end(), "label": "CARDINAL"}


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if mode == "close_output":
    os.close(1)
    os.close(2)
    time.sleep(600)
if mode == "close_input":
    os.close(0)
    time.sleep(600)
if mode == "hang":
    time.sleep(600)
if mode == "chatter":  # more on the standard error than a pipe holds, before anything is read
    sys.stderr.write("loading " * 100000 + "\n")

count = 0
for line in sys.stdin:
    request = json.loads(line)
    count += 1
    if mode == "exit" and count == 3:
        sys.stderr.write("out of model\n")
        sys.exit(int(argument))
    if mode == "die_once" and life == 1 and count == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "die_each" and count == 3:
        sys.exit(1)
    if mode == "hang_once" and life == 1 and count == 3:
        time.sleep(600)
    if mode == "chatter":
        sys.stderr.write("annotating " * 2000 + "\n")
    if mode == "slow":
        time.sleep(0.02)
    if mode == "garbage":
        say("Loading the model …")
    if mode == "long":
        say("x" * 100000)
    if mode == "endless":
        while True:
            sys.stdout.write("x" * 10000)
    if mode == "wrong_id":
        request["id"] = "another"
    if mode == "twice":
        say(json.dumps({"id": request["id"], "entities": []}))
    reply = {"id": request["id"], "entities": list(entities(request["text"]))}
    if mode == "outside":
        reply["entities"] = [{"start": 0, "end": len(request["text"]) + 1, "label": "ORG"}]
    if mode == "large":
        reply["padding"] = request["text"]
    say(json.dumps(reply))
