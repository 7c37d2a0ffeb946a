#!/usr/bin/env python3
"""The audit's own test: green on honest logs, red on one planted fault of each kind, by exactly that fault.

    python3 tests/python/test_audit.py
"""

import json
import os
import random
import tempfile
import unittest
import zlib

from audit import FAULTS, Audit
from plant import plant

ROOMS = [f"r{i}" for i in range(6)]


class World:
    """Publishers, clients and one log, in virtual time: what an honest server would have them write."""

    def __init__(self, seed, clients=6, publishers=3, events=600):
        self.random = random.Random(seed)
        self.now = 1_000_000
        self.client_log, self.publisher_log = [], []
        self.clients = {f"c{i}": {"rooms": set(), "up": False, "missed": [], "n": 0} for i in range(clients)}
        self.numbers = {f"p{i}": 0 for i in range(publishers)}
        for name in self.clients:
            self.connect(name, False)
            for room in self.random.sample(ROOMS, 3):
                self.join(name, room)
        for _ in range(events):
            self.now += self.random.randint(1, 20)
            dice = self.random.random()
            name = self.random.choice(list(self.clients))
            if dice < 0.03:
                self.cut(name)
            elif dice < 0.06:
                self.churn(name)
            else:
                self.publish()
            for other, client in self.clients.items():
                if not client["up"] and self.random.random() < 0.2:
                    self.back(other, self.random.random() < 0.8)
        for name, client in self.clients.items():
            if not client["up"]:
                self.back(name, True)
            self.log(name, "end", True)

    def log(self, name, *what):
        self.client_log.append([self.now, name, *what])

    def connect(self, name, recovered, reason=None):
        self.log(name, "up", recovered, "websocket")
        self.log(name, "hello", recovered, reason)
        self.clients[name]["up"] = True

    def join(self, name, room):
        self.log(name, "join", room)
        self.now += 1
        self.log(name, "joined", room)
        self.clients[name]["rooms"].add(room)
        self.now += 1

    def churn(self, name):
        client = self.clients[name]
        if not client["up"] or not client["rooms"]:
            return
        room = self.random.choice(sorted(client["rooms"]))
        client["rooms"].discard(room)
        self.log(name, "leave", room)
        self.now += 1
        self.log(name, "left", room)
        self.join(name, self.random.choice([r for r in ROOMS if r not in client["rooms"]]))

    def cut(self, name):
        client = self.clients[name]
        if client["up"]:
            client["up"] = False
            self.log(name, "down", "transport close")

    def back(self, name, recovered):
        client = self.clients[name]
        missed, client["missed"] = client["missed"], []
        if recovered:
            for event in missed:
                self.log(name, "event", *event)
            self.connect(name, True)
            return
        self.connect(name, False, "expired")
        rooms, client["rooms"] = client["rooms"], set()
        for room in rooms:
            self.join(name, room)

    def publish(self):
        p = self.random.choice(list(self.numbers))
        self.numbers[p] += 1
        n, room, pad = self.numbers[p], self.random.choice(ROOMS), "é" * self.random.randint(0, 3)
        crc = zlib.crc32(f"{p}:{n}:{room}:{pad}".encode())
        self.publisher_log.append([self.now, p, "send", n, room, crc])
        self.now += 2
        if self.random.random() < 0.02:
            self.publisher_log.append([self.now, p, "retry", n, "timeout"])
        elif self.random.random() < 0.01:
            self.publisher_log.append([self.now, p, "refused", n, "422"])
            return
        self.publisher_log.append([self.now, p, "acked", n, f"{p}-{n}"])
        for name, client in self.clients.items():
            if room in client["rooms"]:
                event = (p, n, crc, room, pad)
                if client["up"]:
                    self.log(name, "event", *event)
                else:
                    client["missed"].append(event)

    def write(self, folder):
        for kind, lines in (("clients", self.client_log), ("publishers", self.publisher_log)):
            with open(os.path.join(folder, f"{kind}-1.jsonl"), "w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)


def faults(folder):
    report = Audit(folder, slack=0).report()
    return {name: report[name] for name in FAULTS if report[name]}


class TheAudit(unittest.TestCase):
    def test_is_green_on_honest_logs(self):
        for seed in range(20):
            with tempfile.TemporaryDirectory() as folder:
                World(seed).write(folder)
                report = Audit(folder, slack=0).report()
                self.assertEqual({}, {k: report[k] for k in FAULTS if report[k]}, f"seed {seed}")
                self.assertGreater(report["owed"], 500)
                self.assertGreater(report["recovered"], 0)
                self.assertGreater(report["told"] + report["reconnects"] - report["recovered"], 0)

    def test_sees_one_planted_fault_of_each_kind(self):
        # A swap may break the order of all as well: another client had the two the right way round.
        for kind, count, also in (
            ("loss", "lost", {"silent"}),
            ("double", "doubled", set()),
            ("swap", "reordered", {"disagreed"}),
            ("leak", "leaked", set()),
            ("corrupt", "corrupt", {"lost", "silent"}),
            ("phantom", "phantom", set()),
            ("untrue", "untrue", set()),
        ):
            for seed in range(10):
                with tempfile.TemporaryDirectory() as folder:
                    honest, planted = os.path.join(folder, "a"), os.path.join(folder, "b")
                    os.mkdir(honest)
                    World(seed, clients=12, events=250).write(honest)
                    plant(kind, honest, planted)
                    found = faults(planted)
                    self.assertEqual(1, found.get(count), f"{kind}, seed {seed}: {found}")
                    self.assertLessEqual(set(found), {count} | also, f"{kind}, seed {seed}: {found}")

    def test_follows_a_script(self):
        crc = lambda p, n, room: zlib.crc32(f"{p}:{n}:{room}:x".encode())
        event = lambda t, p, n, room="r": [t, "c", "event", p, n, crc(p, n, room), room, "x"]
        sent = [
            line
            for n in range(1, 7)
            for line in ([n * 10, "p", "send", n, "r", crc("p", n, "r")], [n * 10 + 5, "p", "acked", n, "id"])
        ]
        start = [[1, "c", "up", False, "ws"], [2, "c", "join", "r"], [3, "c", "joined", "r"]]
        end = [[999, "c", "end", True]]
        cut = [[32, "c", "down", "x"]]
        recovered = [[52, "c", "up", True, "ws"], [52, "c", "hello", True, None]]
        fresh = [[52, "c", "up", False, "ws"], [52, "c", "hello", False, "log-lost"]]
        rejoined = [[53, "c", "join", "r"], [54, "c", "joined", "r"]]
        all_ = [event(n * 10 + 7, "p", n) for n in range(1, 7)]
        for name, lines, expected in (
            ("all is well", start + all_ + end, {}),
            ("recovered, with what was missed", start + all_[:3] + cut + all_[3:5] + recovered + all_[5:] + end, {}),
            ("recovered with a hole", start + all_[:3] + cut + all_[4:5] + recovered + all_[5:] + end,
             {"lost": 1, "silent": 1}),
            ("a hole behind a recovery that brought nothing", start + all_[:3] + cut + recovered + all_[5:] + end,
             {"lost": 2, "silent": 2}),
            ("not recovered, and told so", start + all_[:3] + cut + fresh + rejoined + all_[5:] + end, {}),
            ("not recovered, with a hole before", start + all_[:1] + all_[2:3] + cut + fresh + rejoined + all_[5:] + end,
             {"lost": 1}),
            ("nothing at the end", start + all_[:5] + end, {"lost": 1}),
            ("never back", start + all_[:3] + cut + [[999, "c", "end", False]], {"lost": 3, "away": 1}),
            ("without joining", [start[0]] + all_[:1] + end, {"leaked": 1}),
            ("after leaving", start + all_[:3] + [[37, "c", "leave", "r"], [38, "c", "left", "r"]] + all_[3:4] + end,
             {"leaked": 1}),
            ("twice, over a recovery", start + all_[:3] + cut + all_[2:5] + recovered + all_[5:] + end, {"doubled": 1}),
            ("the wrong way round", start + all_[:2] + [all_[3], all_[2]] + all_[4:] + end, {"reordered": 1}),
        ):
            with tempfile.TemporaryDirectory() as folder:
                for kind, content in (("clients", lines), ("publishers", sent)):
                    with open(os.path.join(folder, f"{kind}.jsonl"), "w", encoding="utf-8") as file:
                        file.writelines(json.dumps(line) + "\n" for line in content)
                self.assertEqual(expected, faults(folder), name)

    def test_finds_two_orders_that_each_client_could_have(self):
        crc = lambda p: zlib.crc32(f"{p}:1:r:x".encode())
        event = lambda c, p: [50, c, "event", p, 1, crc(p), "r", "x"]
        lines = []
        for c, order in (("a", "pq"), ("b", "qp")):
            lines += [[1, c, "up", False, "ws"], [2, c, "join", "r"], [3, c, "joined", "r"]]
            lines += [event(c, p) for p in order] + [[99, c, "end", True]]
        sent = [line for p in "pq" for line in ([10, p, "send", 1, "r", crc(p)], [11, p, "acked", 1, "id"])]
        with tempfile.TemporaryDirectory() as folder:
            for kind, content in (("clients", lines), ("publishers", sent)):
                with open(os.path.join(folder, f"{kind}.jsonl"), "w", encoding="utf-8") as file:
                    file.writelines(json.dumps(line) + "\n" for line in content)
            self.assertEqual({"disagreed": 2}, faults(folder))


if __name__ == "__main__":
    unittest.main()
