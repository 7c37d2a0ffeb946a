#!/usr/bin/env python3
"""Plants one fault into a copy of clean logs, so that the audit can be seen to see it.

    python3 tests/python/plant.py KIND FROM TO      KIND: loss double swap leak corrupt phantom untrue

Knows the form of the lines (see audit.py), not how the audit counts.
"""

import json
import os
import shutil
import sys

# Lines that are searched for the same client's next event.
REACH = 100_000

KINDS = ("loss", "double", "swap", "leak", "corrupt", "phantom", "untrue")


def plant(kind, source, target):
    os.makedirs(target, exist_ok=True)
    planted = False
    for name in sorted(os.listdir(source)):
        if not name.endswith(".jsonl"):
            continue
        if planted or not name.startswith("clients"):
            shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
            continue
        with open(os.path.join(source, name), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        planted = change(kind, lines)
        with open(os.path.join(target, name), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    if not planted:
        raise SystemExit(f"no place for a {kind}")


def change(kind, lines):
    """Changes the lines in place; whether there was a place for it."""
    for at, victim in middle(lines, "event"):
        client, publisher, number = victim[1], victim[3], victim[4]
        # The next events of that client, in one connection.
        rest = []
        for index in range(at + 1, min(len(lines), at + REACH)):
            line = lines[index]
            if line[1] == client:
                if line[2] in ("up", "down", "leave", "join"):
                    break
                if line[2] == "event":
                    rest.append(index)
        later = [i for i in rest if lines[i][3] == publisher]
        if kind == "loss" and later:
            del lines[at]
        elif kind == "double" and rest:
            lines.insert(rest[0], list(victim))
        elif kind == "swap" and later:
            other = later[0]
            lines[at], lines[other] = (
                [victim[0], client, *lines[other][2:]],
                [lines[other][0], client, *victim[2:]],
            )
        elif kind == "leak":
            # Somebody who never asked to be in any room.
            stranger = [
                [victim[0], "stranger", "up", False, "websocket"],
                [victim[0], "stranger", *victim[2:]],
                [victim[0], "stranger", "end", True],
            ]
            lines[at + 1 : at + 1] = stranger
        elif kind == "corrupt":
            victim[7] += "!"
        elif kind == "phantom":
            lines.insert(at + 1, [victim[0], client, "event", publisher + "-nobody", number, *victim[5:]])
        else:
            continue
        return True
    if kind == "untrue":
        for _, line in middle(lines, "hello"):
            line[3] = not line[3]
            return True
    return False


def middle(lines, what):
    """The lines of a kind, from the middle on."""
    found = [(index, line) for index, line in enumerate(lines) if line[2] == what]
    return found[len(found) // 2 :]


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in KINDS:
        raise SystemExit(__doc__)
    plant(*sys.argv[1:])
