"""A switch with slow ports: joins network namespaces, and gives every link between them a delay, a rate and jitter.

Python, since a TAP device takes an ioctl that Node offers to native packages only. It needs Linux, root and
/dev/net/tun, and no netem in the kernel.

usage: python3 switch.py PREFIX HOSTS [--shared]

Makes the namespaces PREFIX0, PREFIX1, ..., each with a TAP device of 10.88.0.1, 10.88.0.2, ... and says READY. Every
line of its input sets all links, as JSON: {"delayMs": 2, "rateMbit": 100, "jitterMs": 0}, of which delay and jitter
are one way and a rate of 0 has no limit; it answers SET. When its input ends, the namespaces go.

What leaves a host passes its uplink, one frame after the other at the rate, and arrives after the delay, in order.
With --shared all hosts use one medium in turn, both ways, as on one Wi-Fi channel. Nothing is lost: frames that wait
are as many as TCP's windows let be sent.
"""

import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
CSUM, TSO4 = 0x01, 0x02
# virtio_net_hdr: flags, kind of segmentation, header bytes, segment bytes, checksum's start and offset.
VNET_HEADER = struct.Struct("<BBHHHH")
# Frames of many segments are switched as one, or a gigabit would take a core. Few enough that they pass in turn.
MOST_FRAME_BYTES = 16384
MOST_LATENESS = 0.3e-3


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Host:
    """A namespace and the end of its link that is here."""

    def __init__(self, prefix, index):
        self.namespace = f"{prefix}{index}"
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        tap = f"tap{os.getpid()}-{index}"
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH14x", tap.encode(), flags))
        fcntl.ioctl(self.fd, TUNSETOFFLOAD, CSUM | TSO4)
        ip("netns", "add", self.namespace)
        ip("link", "set", tap, "netns", self.namespace)
        inside = ("-n", self.namespace)
        # The last byte of the address says who it is.
        ip(*inside, "link", "set", tap, "address", f"02:00:00:00:00:{index:02x}")
        ip(*inside, "link", "set", tap, "gso_max_size", str(MOST_FRAME_BYTES), "up")
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "addr", "add", f"10.88.0.{index + 1}/24", "dev", tap)

    def close(self):
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)


class Switch:
    def __init__(self, hosts, shared):
        self.hosts = hosts
        self.shared = shared
        self.delay = self.jitter = self.byte_time = 0.0
        self.free_at = [0.0] * len(hosts)
        self.last_at = {}
        self.flying = []
        # How much later than asked this process wakes up, on average.
        self.lateness = 0.0
        self.count = 0
        self.random = random.Random(1)

    def set_links(self, delayMs=0, rateMbit=0, jitterMs=0):
        self.delay, self.jitter = delayMs / 1e3, jitterMs / 1e3
        self.byte_time = 8 / (rateMbit * 1e6) if rateMbit else 0.0

    def take(self, index):
        """Reads what a host sends, and sees when it will arrive."""
        for _ in range(64):
            try:
                packet = os.read(self.hosts[index].fd, MOST_FRAME_BYTES + 4096)
            except BlockingIOError:
                return
            now = time.monotonic()
            medium = 0 if self.shared else index
            sent = max(now, self.free_at[medium]) + wire_bytes(packet) * self.byte_time
            self.free_at[medium] = sent
            arrival = sent + self.delay
            if self.jitter:
                arrival += self.random.uniform(-self.jitter, self.jitter)
            for target in self.targets(index, packet):
                self.send(index, target, max(arrival, now), packet)

    def targets(self, index, packet):
        address = packet[VNET_HEADER.size : VNET_HEADER.size + 6]
        if address[0] == 0x02:
            return [address[5]] if address[5] < len(self.hosts) else []
        return [i for i in range(len(self.hosts)) if i != index]

    def send(self, source, target, arrival, packet):
        in_order = max(arrival, self.last_at.get((source, target), 0))
        self.last_at[source, target] = in_order
        self.count += 1
        heapq.heappush(self.flying, (in_order, self.count, target, packet))

    def deliver(self):
        """@returns seconds until the next arrival"""
        while self.flying:
            wait = self.flying[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, target, packet = heapq.heappop(self.flying)
            try:
                os.write(self.hosts[target].fd, packet)
            except OSError:
                pass  # A device that is down takes nothing.
        return None

    def rest(self, fds, seconds):
        """Until one of them can be read, or for so long. @returns those"""
        # Not poll nor epoll, whose waits are whole milliseconds.
        if seconds is None:
            return select.select(fds, [], [])[0]
        asked = max(0.0, seconds - self.lateness)
        began = time.monotonic()
        ready, _, _ = select.select(fds, [], [], asked)
        if not ready and asked > 0:
            late = min(time.monotonic() - began - asked, MOST_LATENESS)
            self.lateness += (late - self.lateness) / 8
        return ready

    def run(self):
        fds = {host.fd: index for index, host in enumerate(self.hosts)}
        while True:
            for fd in self.rest([0, *fds], self.deliver()):
                if fd in fds:
                    self.take(fds[fd])
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                self.set_links(**json.loads(line))
                print("SET", flush=True)


def wire_bytes(packet):
    """With the headers of each segment that the frame is sent as."""
    _, kind, header, segment, _, _ = VNET_HEADER.unpack_from(packet)
    frame = len(packet) - VNET_HEADER.size
    if kind == 0:
        return frame
    segments = -(-(frame - header) // segment)
    return frame + (segments - 1) * header


def main():
    prefix, count = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # What is measured may keep all processors busy.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    hosts = []
    try:
        for index in range(count):
            hosts.append(Host(prefix, index))
        print("READY", flush=True)
        Switch(hosts, "--shared" in sys.argv).run()
    finally:
        for host in hosts:
            host.close()


main()
