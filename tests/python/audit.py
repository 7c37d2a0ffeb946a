#!/usr/bin/env python3
"""Counts what clients lost, heard twice, out of order or without right, from logs alone.

    python3 tests/python/audit.py FOLDER [--json] [--recovered-min 0.95] [--owed-min 1000000]

Reads the logs that clients and publishers wrote (`clients*.jsonl`, `publishers*.jsonl`) and nothing else. It shares no code with the
server, needs only Python, and takes nobody's word but theirs: a client's for what it asked, was told and received, a
publisher's for what it sent and what was acknowledged. All clocks are of one machine.

One JSON array a line, times `t` in ms. Clients, `c` is the client's name:

    [t, c, "up", recovered, transport]   connected; the client says whether it is the socket that it was
    [t, c, "hello", recovered, reason]   the server's word for it (`connected`)
    [t, c, "down", reason]               the connection is lost
    [t, c, "join", room]   [t, c, "joined", room]      asked for, acknowledged
    [t, c, "leave", room]  [t, c, "left", room]
    [t, c, "event", publisher, n, crc, room, pad]      received
    [t, c, "refused", code]              CONNECT_ERROR
    [t, c, "end", connected, {kind, pings, transport}]   the client's last word; the last part may be missing

Publishers, `p` is its name and `n` counts 1, 2, 3; each waits for an answer before it sends its next:

    [t, p, "send", n, room, crc]    [t, p, "acked", n, id]
    [t, p, "retry", n, why]         the outcome is not known yet; the same id is sent again
    [t, p, "refused", n, why]       certainly not done

What counts:

    owed        (client, event): acknowledged, sent after the room's join was acknowledged, acknowledged before the leave
                was asked for (by more than --slack), and the session not ended by a `recovered: false`
    lost        owed and never seen. Where a session ended unrecovered, what came after its last event of a publisher is
                `told`: the client knows that it has to reload. A hole before that is lost
    silent      lost within a connection that had begun with `recovered: true`
    doubled     seen twice in one session (a session lasts while `recovered` is true)
    reordered   after a later event of the same publisher, in one session
    disagreed   events that no single order of all clients' sequences can have
    leaked      of a room that the client was not in: not asked for, or left
    phantom     never sent, or certainly refused
    corrupt     crc, room or body are not what was sent
    untrue      client and server disagree on `recovered`
    away        clients that were not connected at the end

Exit code 1 where any of these is not zero (`told` and `unknown` may be), or a minimum is missed.
"""

import argparse
import bisect
import glob
import json
import os
import sys
import zlib

FAULTS = ("lost", "silent", "doubled", "reordered", "disagreed", "leaked", "phantom", "corrupt", "untrue", "away")


def lines_of(folder, kind):
    """The records of all files of a kind; the lines of one client or publisher are in one file, in order."""
    for path in sorted(glob.glob(os.path.join(folder, kind + "*.jsonl"))):
        with open(path, encoding="utf-8") as file:
            for line in file:
                # A process that was killed may leave half a line, the last one.
                if line.endswith("\n"):
                    yield json.loads(line)


class Event:
    """What a publisher knows of one event."""

    __slots__ = ("room", "crc", "sent", "acked", "refused")

    def __init__(self, room, crc, sent):
        self.room, self.crc, self.sent, self.acked, self.refused = room, crc, sent, None, False


def read_publishers(folder):
    events, retries = {}, 0
    for record in lines_of(folder, "publishers"):
        t, p, what, n = record[:4]
        if what == "send":
            events[(p, n)] = Event(record[4], record[5], t)
        elif what == "acked":
            events[(p, n)].acked = t
        elif what == "refused":
            events[(p, n)].refused = True
        elif what == "retry":
            retries += 1
    return events, retries


class Stay:
    """A time in a room: asked, in, asked to leave, out. `told` says when an unrecovered session ended it."""

    __slots__ = ("room", "joined", "leaving", "told", "session")

    def __init__(self, room, session):
        self.room, self.session = room, session
        self.joined, self.leaving, self.told = None, None, None


class Session:
    """From a connect that is no recovery to the next such."""

    def __init__(self):
        self.seen = set()
        self.order = []  # first sight of each event
        self.by_publisher = {}  # p -> (list of n as they came, list of segments)
        self.top = {}  # p -> highest n


class Client:
    def __init__(self, name):
        self.name = name
        self.rooms = {}  # room -> Stay that lasts
        self.stays = []
        self.session = None
        self.sessions = []
        self.segments = []  # whether each connection began as a recovery
        self.down_at = None
        self.up = False
        self.claim = None
        self.ended = None
        self.ever = set()


class Audit:
    def __init__(self, folder, slack=2000):
        self.slack = slack
        self.events, self.retries = read_publishers(folder)
        self.count = dict.fromkeys(FAULTS, 0)
        self.count.update(owed=0, delivered=0, told=0, again=0, refused=0)
        self.reconnects = self.recovered = 0
        self.back, self.reasons, self.examples = [], {}, []
        self.clients, self.pings, self.not_upgraded = {}, [], 0
        self.changes = []  # (t, +1 or -1): connections that are there
        for record in lines_of(folder, "clients"):
            self.take(record)
        for client in self.clients.values():
            self.close(client)
        self.count["disagreed"] = self.disagreed()

    def fault(self, kind, *what):
        self.count[kind] += 1
        if sum(1 for example in self.examples if example[0] == kind) < 5:
            self.examples.append((kind, *what))

    def take(self, record):
        t, name, what = record[:3]
        client = self.clients.get(name)
        if client is None:
            client = self.clients[name] = Client(name)
        getattr(self, "on_" + what)(client, t, *record[3:])

    # One method for each kind of line.

    def on_up(self, client, t, recovered, _transport=None):
        if client.session is not None:
            self.reconnects += 1
            self.recovered += bool(recovered)
            if client.down_at is not None:
                self.back.append(t - client.down_at)
        if client.session is None or not recovered:
            for stay in client.rooms.values():
                stay.told = t
            client.rooms = {}
            client.session = Session()
            client.sessions.append(client.session)
        client.segments.append(bool(recovered))
        if not client.up:
            self.changes.append((t, 1))
        client.up, client.down_at, client.claim = True, None, bool(recovered)

    def on_hello(self, client, t, recovered, reason=None):
        if client.claim is not None and client.claim != bool(recovered):
            self.fault("untrue", client.name, t)
        if not recovered and len(client.segments) > 1:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def on_down(self, client, t, _reason=None):
        if client.up:
            self.changes.append((t, -1))
        client.up, client.claim = False, None
        # The first loss counts: what fails on the way back is part of the time.
        client.down_at = client.down_at or t

    def on_join(self, client, t, room):
        if room not in client.rooms and client.session is not None:
            stay = client.rooms[room] = Stay(room, client.session)
            client.stays.append(stay)

    def on_joined(self, client, t, room):
        stay = client.rooms.get(room)
        if stay is not None and stay.joined is None:
            stay.joined = t

    def on_leave(self, client, t, room):
        stay = client.rooms.get(room)
        if stay is not None and stay.leaving is None:
            stay.leaving = t

    def on_left(self, client, t, room):
        client.rooms.pop(room, None)

    def on_refused(self, client, t, _code=None):
        self.count["refused"] += 1

    def on_end(self, client, t, connected, more=None):
        client.ended = bool(connected)
        if more:
            self.pings.append(more["pings"])
            self.not_upgraded += more["kind"] == "upgrade" and more["transport"] != "websocket"

    def on_event(self, client, t, p, n, crc, room, pad):
        key = (p, n)
        event = self.events.get(key)
        self.count["delivered"] += 1
        if event is None or event.refused:
            return self.fault("phantom", client.name, p, n)
        real = zlib.crc32(f"{p}:{n}:{room}:{pad}".encode())
        if crc != real or crc != event.crc or room != event.room:
            return self.fault("corrupt", client.name, p, n)
        if room not in client.rooms:
            self.fault("leaked", client.name, p, n, room, t)
        # What comes in with a recovery is told before the `up` of it: it belongs to the next segment.
        session = client.session
        if session is None:
            return self.fault("leaked", client.name, p, n, room, t)
        if key in session.seen:
            return self.fault("doubled", client.name, p, n, t)
        if n < session.top.get(p, 0):
            self.fault("reordered", client.name, p, n, t)
        session.top[p] = max(n, session.top.get(p, 0))
        session.seen.add(key)
        session.order.append(key)
        if key in client.ever:
            self.count["again"] += 1
        client.ever.add(key)
        numbers, segments = session.by_publisher.setdefault(p, ([], []))
        numbers.append(n)
        segments.append(len(client.segments) if not client.up else len(client.segments) - 1)

    # What was owed.

    def by_room(self):
        if not hasattr(self, "_by_room"):
            rooms = {}
            for key, event in self.events.items():
                if event.acked is not None:
                    rooms.setdefault(event.room, []).append((event.sent, event.acked, key))
            for list_ in rooms.values():
                list_.sort()
            self._by_room = rooms
        return self._by_room

    def close(self, client):
        if client.ended is not True:
            self.fault("away", client.name)
        for session in client.sessions:
            # n -> highest n seen so far, to find the first later event of a publisher.
            session.sorted = {
                p: sorted(zip(numbers, segments)) for p, (numbers, segments) in session.by_publisher.items()
            }
        for stay in client.stays:
            if stay.joined is None:
                continue
            owed = self.by_room().get(stay.room, [])
            end = None if stay.leaving is None else stay.leaving - self.slack
            for sent, acked, key in owed[bisect.bisect_left(owed, (stay.joined,)):]:
                if stay.told is not None and sent > stay.told:
                    break
                if end is not None and acked > end:
                    if sent > end:
                        break
                    continue
                self.judge(client, stay, key)

    def judge(self, client, stay, key):
        session = stay.session
        if key in session.seen:
            self.count["owed"] += 1
            return
        p, n = key
        later = session.sorted.get(p, [])
        index = bisect.bisect_right(later, (n, len(client.segments)))
        if index == len(later) and stay.told is not None:
            self.count["told"] += 1
            return
        self.count["owed"] += 1
        self.fault("lost", client.name, p, n, stay.room)
        # The connection in which it was passed over: the one that brought the next, or the last.
        segment = min((s for _, s in later[index:]), default=len(client.segments) - 1)
        if segment < len(client.segments) and client.segments[segment]:
            self.count["silent"] += 1

    def disagreed(self):
        """Events on a cycle of "some client had a directly before b"."""
        ids, after, before = {}, [], []
        for client in self.clients.values():
            for session in client.sessions:
                last = None
                for key in session.order:
                    at = ids.get(key)
                    if at is None:
                        at = ids[key] = len(after)
                        after.append(set())
                        before.append(set())
                    if last is not None and last != at:
                        after[last].add(at)
                        before[at].add(last)
                    last = at
        alive = set(range(len(after)))
        # Take away, again and again, what has no predecessor, then what has no successor.
        for into, out in ((before, after), (after, before)):
            degree = {node: len(into[node] & alive) for node in alive}
            open_ = [node for node, d in degree.items() if d == 0]
            while open_:
                node = open_.pop()
                alive.discard(node)
                for other in out[node]:
                    if other in alive:
                        degree[other] -= 1
                        if degree[other] == 0:
                            open_.append(other)
        return len(alive)

    def away_shares(self, every=100):
        """The share of clients without a connection, each 100 ms while there was load: (mean, max, samples)."""
        if not self.events or not self.clients:
            return 0, 0, 0
        start = min(event.sent for event in self.events.values())
        end = max(event.acked or event.sent for event in self.events.values())
        changes = sorted(self.changes)
        up, at, shares = 0, 0, []
        for sample in range(int(start), int(end), every):
            while at < len(changes) and changes[at][0] <= sample:
                up += changes[at][1]
                at += 1
            shares.append(1 - up / len(self.clients))
        return (sum(shares) / len(shares), max(shares), len(shares)) if shares else (0, 0, 0)

    def report(self):
        acked = sum(event.acked is not None for event in self.events.values())
        refused = sum(event.refused for event in self.events.values())
        back = sorted(self.back)
        at = lambda share: round(back[min(len(back) - 1, int(len(back) * share))]) if back else None
        away_mean, away_max, samples = self.away_shares()
        events = [sum(len(s.seen) for s in client.sessions) for client in self.clients.values()]
        return {
            "clients": len(self.clients),
            "published": len(self.events),
            "acked": acked,
            "rejected": refused,
            "unknown": len(self.events) - acked - refused,
            "retries": self.retries,
            **self.count,
            "reconnects": self.reconnects,
            "recovered": self.recovered,
            "recovered_share": round(self.recovered / self.reconnects, 4) if self.reconnects else None,
            "not_recovered_because": self.reasons,
            "back_ms_p50": at(0.50),
            "back_ms_p99": at(0.99),
            "back_ms_max": round(back[-1]) if back else None,
            "without_transport_mean": round(away_mean, 5),
            "without_transport_max": round(away_max, 5),
            "without_transport_samples": samples,
            "events_each_min": min(events, default=0),
            "pings_each_min": min(self.pings, default=0),
            "not_upgraded": self.not_upgraded,
        }


def main():
    parser = argparse.ArgumentParser(description="Audits the logs of clients and publishers.")
    parser.add_argument("folder")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    parser.add_argument("--slack", type=float, default=2000, help="ms before a leave from which an event may be missing")
    parser.add_argument("--recovered-min", type=float, default=0.0, help="least share of reconnects that recovered")
    parser.add_argument("--owed-min", type=int, default=1, help="least deliveries owed")
    parser.add_argument("--report-only", action="store_true", help="exit code 0 whatever is found")
    options = parser.parse_args()
    audit = Audit(options.folder, options.slack)
    report = audit.report()
    bad = [name for name in FAULTS if report[name]]
    share = report["recovered_share"]
    if share is not None and share < options.recovered_min:
        bad.append("recovered_share")
    if report["owed"] < options.owed_min:
        bad.append("owed")
    report["failed"] = bad
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:24} {value}")
        for example in audit.examples:
            print("  example:", *example)
    return 1 if bad and not options.report_only else 0


if __name__ == "__main__":
    sys.exit(main())
