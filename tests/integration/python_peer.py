#!/usr/bin/env python3
"""Peers of a libmaiko node, written from bridge/PROTOCOL.md and nothing else, with Debian's python3-zmq and python3-msgpack.

usage: python_peer.py door XPUB-ENDPOINT ROUTER-ENDPOINT     listens and publishes without being a node (sections 8 and 9)
       python_peer.py node ROUTER-ENDPOINT                   is a node: a link of its own (sections 2 to 7)
       python_peer.py late ROUTER-ENDPOINT                   is a node whose clock is its own, and whose words come late (section 3)
       python_peer.py window ROUTER-ENDPOINT BYTES EVENTS    is a node that counts what counts against its window (section 4)

In the first two roles it checks every event it hears on out/TOPIC value by value, sends its payload back on back/TOPIC with an id of its own,
as the child of what it heard, and ends with 0 when the answers to those (out/reply) name them as their parents."""
import math
import os
import struct
import sys
import time
import uuid

import msgpack
import zmq

NIL = b"\0" * 16
DEADLINE = time.monotonic() + 60 * int(os.environ.get("MAIKO_TEST_SLOWDOWN", "1"))
LONGEST = 600  # bytes of a record in the role of window
STRUCT = 15  # a field's kind
ONE = 0  # a field's form: no array, no tail

# What test_python_peer.c sends: integers no double can hold, a NaN with bits of its own, infinities, UTF-8, bytes.
SAMPLE = {
    "on": True, "i8": -128, "i16": -32768, "i32": -2147483648, "i64": -9007199254740993, "u8": 255, "u16": 65535,
    "u32": 4294967295, "u64": 18446744073709551615, "f32": 1.5, "name": "grüße 𝄞", "key": b"\x00\xff\x80\x01\x02", "shade": -1,
    "best": {"label": "a", "at": {"x": 1, "y": -2}, "visible": True}, "values": [math.inf, -math.inf, 0.1],
    "flags": [True, False, True], "shades": [5, 6],
    "marks": [{"label": "", "at": {"x": 0, "y": 0}, "visible": False}, {"label": "ü", "at": {"x": 7, "y": 8}, "visible": True}],
    "samples": [-32768, 0, 32767],
}
NAN_BITS = 0x7FF8000000000123
EXPECTED = {
    "out/sample": SAMPLE,
    "out/body": {"body": bytes(range(256)) * 300},
    "out/empty": {"body": b""},
    "out/line": {"number": 7, "text": "Zeile ✓\nzwei"},
}


def fail(text):
    print("python_peer:", text, flush=True)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


def check_payload(topic, payload):
    payload = dict(payload)
    if topic == "out/sample":
        bits = struct.unpack(">Q", struct.pack(">d", payload.pop("f64")))[0]
        check(bits == NAN_BITS, "NaN arrived as %x" % bits)
    expected = EXPECTED[topic]
    for name, value in expected.items():
        got = payload.get(name)
        check(got == value and type(got) is type(value), "%s: %s is %.100r, not %.100r" % (topic, name, got, value))
    check(payload.keys() == expected.keys(), "%s: fields %s" % (topic, sorted(payload)))


class Event:
    """What both doors know of an event."""

    def __init__(self, topic, type_name, payload, ident, parent, correlation, sender):
        self.topic, self.type, self.payload = topic, type_name, payload
        self.id, self.parent, self.correlation, self.sender = ident, parent or NIL, correlation or ident, sender


class Echo:
    """Checks, sends back, and waits for the answers."""

    def __init__(self, send):
        self.send = send
        self.sent = {}  # id of ours: the event it answers
        self.heard = set()
        self.replies = 0

    def hear(self, event):
        check(len(event.id) == 16 and event.id != NIL, "an event without an id")
        if event.topic == "out/reply":
            self.hear_reply(event)
        elif event.topic in EXPECTED and event.topic not in self.heard:
            self.heard.add(event.topic)
            check(event.parent == NIL and event.correlation == event.id, "%s has a parent" % event.topic)
            check_payload(event.topic, event.payload)
            ours = uuid.uuid4().bytes
            self.sent[ours] = event
            self.send(event, ours)

    def hear_reply(self, event):
        check(event.parent in self.sent, "a reply to %s, which is not ours" % event.parent.hex())
        cause = self.sent.pop(event.parent)
        check(event.correlation == cause.id, "the reply lost the correlation")
        check(event.sender == "node actor", "sender %r" % event.sender)
        self.replies += 1

    def is_done(self):
        return self.replies == len(EXPECTED)


def receive(poller):
    """The sockets that have something, soon; ends the program when nothing came for too long."""
    check(time.monotonic() < DEADLINE, "not finished in time")
    return dict(poller.poll(200))


# ---- sections 8 and 9: the open door ----


def run_door(xpub, router):
    context = zmq.Context()
    listener = context.socket(zmq.SUB)
    listener.setsockopt(zmq.SUBSCRIBE, b"out/")
    listener.connect(xpub)
    dealer = context.socket(zmq.DEALER)
    dealer.connect(router)
    poller = zmq.Poller()
    poller.register(listener, zmq.POLLIN)
    poller.register(dealer, zmq.POLLIN)
    published, last_seq = [], {}

    def publish(event, ours):
        frame = {"kind": "publish", "number": len(published) + 1, "topic": event.topic.replace("out/", "back/"),
                 "type": event.type, "payload": event.payload, "sender": "python", "id": ours, "parent": event.id,
                 "correlation": event.correlation, "time": 1234567890123456789, "unheard-of": [None, {"a": -1.5}]}
        published.append(ours)
        dealer.send(msgpack.packb(frame))

    echo = Echo(publish)
    answers = 0
    while not (echo.is_done() and answers == len(published)):
        ready = receive(poller)
        if listener in ready:
            topic, bytes_ = listener.recv_multipart()
            envelope = msgpack.unpackb(bytes_)
            topic = topic.decode()
            check(envelope["topic"] == topic and envelope["node"] == "here", "envelope %r" % envelope)
            check(last_seq.get(topic, envelope["seq"] - 1) == envelope["seq"] - 1, "a jump in seq")
            last_seq[topic] = envelope["seq"]
            check(abs(envelope["time"] - time.time_ns()) < 3600 * 10**9, "time %r" % envelope["time"])
            echo.hear(Event(topic, envelope["type"], envelope["payload"], envelope["id"], envelope.get("parent"),
                            envelope.get("correlation"), envelope["sender"]))
        if dealer in ready:
            answer = msgpack.unpackb(dealer.recv())
            answers += 1
            check(answer["kind"] == "published" and answer["number"] == answers and answer["status"] == "ok", "%r" % answer)
    # What does not fit is refused with a reason.
    for number, change, status in ((90, {"topic": "back/+"}, "topic"), (91, {"type": "unheard"}, "type"),
                                   (92, {"payload": {"number": 2**32}}, "payload"), (93, {"payload": {"text": 5}}, "payload")):
        dealer.send(msgpack.packb({"kind": "publish", "number": number, "topic": "back/line", "type": "line", "payload": {},
                                   **change}))
        check(dealer.poll(10000), "no answer")
        answer = msgpack.unpackb(dealer.recv())
        check(answer["number"] == number and answer["status"] == status, "%r instead of %s" % (answer, status))
    context.destroy(linger=0)


# ---- sections 2 to 7: a node ----


def describe(field):
    """Name, form, and the fields inside a struct (None: it is no struct); elements may be left out from the end."""
    name, kind, form, _, inner = list(field) + [0, 256, []][len(field) - 2:]
    return name, form, inner if kind == STRUCT else None


def convert(value, form, inner, convert_one):
    if inner is None:
        return value
    return convert_one(inner, value) if form == ONE else [convert_one(inner, one) for one in value]


def values_to_map(fields, values):
    """Values by position become fields by name, structs inside as well."""
    described = [describe(field) for field in fields]
    return {name: convert(value, form, inner, values_to_map) for (name, form, inner), value in zip(described, values)}


def map_to_values(fields, payload):
    described = [describe(field) for field in fields]
    return [convert(payload[name], form, inner, map_to_values) for name, form, inner in described]


class Node:
    window_bytes, window_events = 0, 0  # no limits of ours

    def __init__(self, router):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.connect(router)
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        self.session = time.time_ns() // 1000000
        self.node = uuid.uuid4().bytes
        self.is_up = self.is_ready = False
        self.types, self.channels = {}, {}
        self.stream, self.next = 0, 0  # what we receive
        self.out_stream, self.out_next, self.out_acked = uuid.uuid4().int >> 66, 0, 0  # what we send
        self.told, self.peer_wants = {}, []
        self.last_sent = 0.0
        self.echo = Echo(self.publish)
        self.waiting = []

    def send(self, kind, **keys):
        self.socket.send(msgpack.packb({"kind": kind, "session": self.session, **keys}))
        self.last_sent = time.monotonic()

    def say_hello(self, uptime):
        self.send("hello", min=1, max=1, space="python", node=self.node, name="python", epoch=1, uptime=uptime, host="", pid=1,
                  window_bytes=self.window_bytes, window_events=self.window_events)

    def run(self):
        self.say_hello(uptime=1)
        while not self.is_done():
            if receive(self.poller):
                self.bytes = self.socket.recv()
                frame = msgpack.unpackb(self.bytes)
                check(frame["session"] == self.session or frame["kind"] == "reset", "session of %r" % frame)
                getattr(self, "on_" + frame["kind"], lambda frame: None)(frame)
            if self.is_up and time.monotonic() - self.last_sent > 0.5:
                self.send("heartbeat", next=self.out_next, ack=self.taken())
        self.send("bye", reason="stop")
        self.context.destroy(linger=2000)

    def taken(self):
        return self.next

    def is_done(self):
        return self.echo.is_done() and self.out_acked == self.out_next

    def on_refuse(self, frame):
        fail("refused: %s: %s" % (frame["reason"], frame.get("text")))

    def on_bye(self, frame):
        fail("the node said goodbye: %r" % frame)

    def on_welcome(self, frame):
        check(frame["version"] == 1 and frame["space"] == "python" and len(frame["node"]) == 16, "welcome %r" % frame)
        self.is_up = True
        self.send("actors", number=1, actors=[{"name": "python actor", "publish": ["back/#"], "subscribe": ["out/#"]}])
        self.send("subscribe", number=1, stream=0, next=0, patterns=[{"pattern": "out/#", "from": "log"}])

    def on_actors(self, frame):
        check([actor["name"] for actor in frame["actors"]] == ["node actor"], "actors %r" % frame)

    def on_ready(self, frame):
        check(frame["number"] == 1 and frame.get("lost") == 0 and not frame.get("denied"), "ready %r" % frame)
        self.stream, self.next, self.is_ready = frame["stream"], frame["next"], True

    def on_subscribe(self, frame):
        self.peer_wants = [pattern["pattern"] for pattern in frame["patterns"]]
        same = frame.get("stream", 0) == self.out_stream and frame.get("next", 0) == self.out_next
        self.send("ready", number=frame["number"], stream=self.out_stream, next=self.out_next, resumed=same, lost=0, denied=[])
        for event, ours in self.waiting:
            self.publish(event, ours)
        self.waiting = []

    def on_ack(self, frame):
        check(frame["next"] <= self.out_next, "acknowledged what was never sent")
        self.out_acked = frame["next"]

    def on_heartbeat(self, frame):
        self.on_ack({"next": frame.get("ack", 0)})

    def on_replay(self, frame):
        fail("asked for a replay: %r" % frame)

    def on_data(self, frame):
        for told in frame.get("types", []):
            self.types[told["type"], told["schema"]] = told
        for channel in frame.get("channels", []):
            self.channels[channel["channel"]] = channel
        if not self.is_ready or frame["first"] != self.next:
            fail("data from %d, expected %d" % (frame["first"], self.next))
        for record in frame["records"]:
            self.next += 1
            if isinstance(record, list):
                self.on_event(*record[:6])
            else:
                check("lost" not in record, "lost: %r" % record)
        self.send("ack", next=self.next)

    def on_event(self, number, low, when, parent, correlation, values):
        channel = self.channels[number]
        told = self.types[channel["type"], channel["schema"]]
        ident = struct.pack(">QQ", channel["prefix"], low)
        self.echo.hear(Event(channel["topic"], channel["type"], values_to_map(told["fields"], values), ident, parent,
                             correlation, channel["sender"]))

    def publish(self, event, ours):
        if "back/#" not in self.peer_wants:
            self.waiting.append((event, ours))
            return
        topic = event.topic.replace("out/", "back/")
        told = next(t for t in self.types.values() if t["type"] == event.type)
        new = {"types": [{"type": told["type"], "schema": told["schema"], "fields": told["fields"]}]}
        number = len(self.told)
        self.told[topic] = number
        prefix, low = struct.unpack(">QQ", ours)
        new["channels"] = [{"channel": number, "topic": topic, "type": told["type"], "schema": told["schema"],
                            "sender": "python actor", "prefix": prefix, "hops": 0}]
        record = [number, low, time.time_ns(), event.id, event.correlation, map_to_values(told["fields"], event.payload)]
        self.send("data", first=self.out_next, records=[record], **new)
        self.out_next += 1


class Refusing(Node):
    """Takes nothing, and says so with every acknowledgement; is told the same of an event that nobody asked it for."""

    def __init__(self, router):
        super().__init__(router)
        self.refused = {}  # events by topic
        self.has_published = self.was_told = False

    def send(self, kind, **keys):
        if kind in ("ack", "heartbeat") and self.refused:
            keys["refused"] = [{"topic": topic, "reason": "not today", "events": count} for topic, count in self.refused.items()]
        super().send(kind, **keys)

    def is_done(self):
        return self.was_told and self.refused.keys() == EXPECTED.keys() and self.out_acked == self.out_next

    def on_event(self, number, low, when, parent, correlation, values):
        channel = self.channels[number]
        told = self.types[channel["type"], channel["schema"]]
        if not self.has_published:
            self.has_published = True
            self.publish(Event("aside", channel["type"], values_to_map(told["fields"], values), uuid.uuid4().bytes, None, None,
                               "python"), uuid.uuid4().bytes)
        self.refused[channel["topic"]] = self.refused.get(channel["topic"], 0) + 1

    def on_ack(self, frame):
        super().on_ack(frame)
        if frame["next"] > 0:
            check(frame.get("refused") == [{"topic": "aside", "reason": "unasked", "events": 1}], "acknowledged: %r" % frame)
            self.was_told = True

    def on_heartbeat(self, frame):
        self.on_ack({"next": frame.get("ack", 0), "refused": frame.get("refused")})


class Late(Node):
    """Subscribes as if the node's welcome had been long under way, and then as if its own hello had been."""

    UPTIME = 3600 * 10**9

    def __init__(self, router):
        super().__init__(router)
        self.heard = []  # each uptime the node said before it was ready
        self.is_late = self.is_armed = self.is_silent = False

    def is_done(self):
        return self.is_armed and self.is_silent

    def subscribe(self, heard, **keys):
        self.send("subscribe", number=1, stream=0, next=0, heard=heard, patterns=[{"pattern": "out/#", **keys}])

    def on_welcome(self, frame):
        if self.is_ready:
            return  # the answer to the second hello
        self.heard.append(frame["uptime"])
        check(self.heard == sorted(set(self.heard)), "uptimes %r" % self.heard)
        if len(self.heard) == 1:
            self.is_up = True
            self.subscribe(self.heard[0], **{"from": "log", "age": 1})
        elif len(self.heard) == 2:  # as if it had been on its way when that came
            self.subscribe(self.heard[0], **{"from": "log", "age": 2})
        else:
            self.subscribe(self.heard[-1])

    def on_ready(self, frame):
        check(len(self.heard) == 3, "ready after %d welcomes" % len(self.heard))
        super().on_ready(frame)

    def on_subscribe(self, frame):
        wish, = frame["patterns"]
        if "age" in wish:
            check(wish["from"] == "log" and wish["age"] > 0 and frame["heard"] == 1 and frame["number"] > 0, "%r" % frame)
            if self.is_ready and not self.is_late:
                self.is_late = True
                self.say_hello(uptime=self.UPTIME)
            return
        check(self.is_late and frame["heard"] == self.UPTIME and wish.get("from", "live") == "live", "%r" % frame)
        self.send("ready", number=frame["number"], stream=self.out_stream, next=0, resumed=False, lost=0, denied=[])
        self.is_armed = True

    def on_heartbeat(self, frame):
        self.is_silent = self.is_ready and frame["next"] == self.next

    def on_data(self, frame):
        fail("events from before the subscription: %r" % frame)


def record_sizes(frame):
    """What each record of a data frame counts against a window of bytes."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(frame)
    sizes = []
    for _ in range(unpacker.read_map_header()):
        if unpacker.unpack() != "records":
            unpacker.skip()
            continue
        for _ in range(unpacker.read_array_header()):
            begin = unpacker.tell()
            is_event = isinstance(unpacker.unpack(), list)
            sizes.append(unpacker.tell() - begin if is_event else 48)
    return sizes


class Slow(Node):
    """Acknowledges only when the other side sends no more: then its window is full, and not before."""

    def __init__(self, router, window_bytes, window_events):
        super().__init__(router)
        self.window_bytes, self.window_events = window_bytes, window_events
        self.sizes = []  # of all records that came
        self.acked, self.under_way, self.stops = 0, None, 0
        self.had_a_loss = False

    def is_done(self):
        return self.stops == 4

    def taken(self):
        return self.acked

    def on_actors(self, frame):
        pass

    def on_ready(self, frame):
        check(frame["number"] == 1 and not frame.get("denied"), "ready %r" % frame)
        self.stream, self.next, self.is_ready = frame["stream"], frame["next"], True

    def on_data(self, frame):
        check(self.is_ready and frame["first"] == self.next, "data from %d, expected %d" % (frame["first"], self.next))
        self.had_a_loss |= any(isinstance(record, dict) and "lost" in record for record in frame["records"])
        sizes = record_sizes(self.bytes)
        check(len(sizes) == len(frame["records"]), "records")
        if self.under_way:  # the first one since the window was full: there was no room for it then
            full_bytes, full_events = self.under_way
            check(full_bytes >= self.window_bytes or full_events == self.window_events,
                  "%d bytes in %d records were under way, one more would have fit" % (full_bytes, full_events))
            self.under_way = None
        self.sizes += sizes
        self.next += len(sizes)
        self.check_window()

    def check_window(self):
        unacked = self.sizes[self.acked:]
        check(sum(unacked[:-1]) < self.window_bytes, "%d bytes are under way" % sum(unacked))
        check(len(unacked) <= self.window_events, "%d records are under way" % len(unacked))

    def on_heartbeat(self, frame):
        """Nothing was sent for a while and nothing is on its way: room is made for one record at least."""
        unacked = self.sizes[self.acked:]
        if not unacked or frame["next"] != self.next or self.under_way:
            return
        self.under_way = sum(unacked), len(unacked)
        self.stops += 1
        freed = 0
        while freed < LONGEST:
            freed += self.sizes[self.acked]
            self.acked += 1
        self.send("ack", next=self.acked)


def run_window(router, window_bytes, window_events):
    node = Slow(router, window_bytes, window_events)
    node.run()
    check(node.had_a_loss, "no record but events came")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "door":
        run_door(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 3 and sys.argv[1] == "node":
        Node(sys.argv[2]).run()
    elif len(sys.argv) == 3 and sys.argv[1] == "refusing":
        Refusing(sys.argv[2]).run()
    elif len(sys.argv) == 3 and sys.argv[1] == "late":
        Late(sys.argv[2]).run()
    elif len(sys.argv) == 5 and sys.argv[1] == "window":
        run_window(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        fail("usage: door XPUB ROUTER | node ROUTER | refusing ROUTER | late ROUTER | window ROUTER BYTES EVENTS")
    print("python_peer: ok")
