"""What the planners decide, simulated anew from draws and trips: python3 events.py MODE [key=value ..] < output of cohort_events.

The program's lines `draw` (step, ordinal, how many, who) and `trip` (step, device, start, end, outcome, local steps) are what the
seed gives; who starts when from which version, when a step is made, who is part of it and who is lost is found here by brute force:
a list of all who are under way, searched for its first event each time, no heap and nothing shared with the program. A draw for
another number, or a trip at another time than this simulation has it, fails as well.
"""
import sys

SECOND = 10**9
PERIOD = 10 * SECOND  # of tests/kinds/played_clock.h
COMES = ("reported", "empty")


def read(lines):
    draws, trips, told, last = {}, {}, [], None
    for line in lines:
        word = line.split()
        if word[0] == "draw":
            draws[int(word[1]), int(word[2])] = (int(word[3]), [int(d) for d in word[4:]])
        elif word[0] == "trip":  # a second one of the same start has fewer local steps: it is the one that counts
            trips[int(word[1]), int(word[2])] = (int(word[3]), int(word[4]), word[5])
        else:
            told.append(line.strip())
    return draws, trips, told


class World:
    def __init__(self, draws, trips, options):
        self.draws, self.trips, self.options = draws, trips, options
        self.told, self.under_way, self.time = [], [], 0
        self.per_round = int(options["per_round"])
        self.places = int(options.get("concurrency", options["per_round"]))
        self.most = int(options["max_staleness"]) if "max_staleness" in options else None
        self.n_asked = 0
        self.n_devices = int(options["devices"])

    def is_anybody_there(self):
        return any((self.time // PERIOD + d) % 5 != 0 for d in range(self.n_devices))

    def ask(self, step, ordinal, wanted, busy):
        """Trips that begin now: dicts, in the order of the draw."""
        if wanted == 0:
            return []
        count, devices = self.draws.pop((step, ordinal))
        assert count == wanted, f"step {step}, draw {ordinal}: {count} are drawn, {wanted} are wanted"
        assert devices == sorted(set(devices)) and not busy & set(devices), f"step {step}: {devices} with {busy} busy"
        asked = []
        for device in devices:
            start, end, outcome = self.trips.pop((step, device))
            assert start == self.time, f"step {step}: device {device} starts at {start}, not {self.time}"
            asked.append(dict(device=device, version=step - 1, start=start, end=end, outcome=outcome))
        self.n_asked += len(asked)
        return asked

    def close(self, step, rows, lost):
        for what, trips in (("row", rows), ("lost", lost)):
            for t in sorted(trips, key=lambda t: t["device"]):
                self.told.append(f"{what} {step} {t['device']} {t['version']} {t['start']} {t['end']} {step - 1 - t['version']} "
                                 f"{t['outcome']}")
        self.told.append(f"step {step} {self.time}")

    def give_up(self, step, lost):
        """Whose version would be too old at the next step."""
        if self.most is None:
            return
        for t in [t for t in self.under_way if step - t["version"] > self.most]:
            self.under_way.remove(t)
            lost.append(dict(t, end=self.time, outcome="late"))

    def take_until(self, time, rows, lost, enough):
        """Events up to `time`, in the order (time, device), until there are enough rows."""
        while len(rows) < enough:
            ready = [t for t in self.under_way if t["end"] <= time]
            if not ready:
                return
            first = min(ready, key=lambda t: (t["end"], t["device"]))
            self.under_way.remove(first)
            (rows if first["outcome"] in COMES else lost).append(first)

    def dispatch(self, step, ordinal, rows, lost):
        busy = {t["device"] for t in self.under_way + rows + lost}
        asked = self.ask(step, ordinal, self.places - len(self.under_way), busy)
        for t in asked:
            (lost if t["outcome"] == "unavailable" else self.under_way).append(t)
        return len(asked)

    def buffered(self, step):
        rows, lost, ordinal = [], [], 0
        while True:
            self.take_until(self.time, rows, lost, self.per_round)
            if len(rows) == self.per_round:
                break
            n_asked = self.dispatch(step, ordinal, rows, lost)
            ordinal += 1
            if self.under_way:
                self.time = min(t["end"] for t in self.under_way)
                continue
            if rows or (n_asked == 0 and self.is_anybody_there()):
                break
            if self.is_anybody_there():
                continue
            self.time = (self.time // PERIOD + 1) * PERIOD
            if lost:
                break
        self.give_up(step, lost)
        self.close(step, rows, lost)

    def semi_synchronous(self, step):
        rows, lost = [], []
        self.dispatch(step, 0, rows, lost)
        self.time += round(float(self.options["interval_s"]) * SECOND)
        self.take_until(self.time, rows, lost, 10**9)
        self.give_up(step, lost)
        self.close(step, rows, lost)

    def together(self, step, wanted, n_asked, limit):
        """synchronous and deadline: everybody is asked at once."""
        begin = self.time
        asked = sorted(self.ask(step, 0, n_asked, set()), key=lambda t: (t["end"], t["device"]))
        come = [t for t in asked if t["outcome"] in COMES]
        end = max([t["end"] for t in asked] + [begin])
        if wanted < n_asked and len(come) >= wanted:
            end = come[wanted - 1]["end"]
        end = min(end, begin + limit)
        rows = [t for t in come if t["end"] <= end]
        rows = rows[:wanted] if wanted < n_asked else rows
        lost = [t for t in asked if t not in rows]
        for t in lost:
            if t["end"] > end or t["outcome"] in COMES:
                t.update(outcome="late", end=end)
        self.time = end
        if not rows and end == begin and not self.is_anybody_there():
            self.time = (begin // PERIOD + 1) * PERIOD
        self.close(step, rows, lost)

    def synchronous(self, step):
        self.together(step, self.per_round, self.per_round, 10**18)

    def deadline(self, step):
        factor = float(self.options.get("over_select", 1))
        n_asked = -int(-(self.per_round * factor - 1e-9) // 1) if factor > 1 else self.per_round
        limit = round(float(self.options["deadline_s"]) * SECOND) if "deadline_s" in self.options else 10**18
        self.together(step, self.per_round, n_asked, limit)


def main():
    mode, options = sys.argv[1], dict(word.split("=") for word in sys.argv[2:])
    draws, trips, told = read(sys.stdin)
    world = World(draws, trips, options)
    n_steps = sum(line.startswith("step") for line in told)
    for step in range(1, n_steps + 1):
        getattr(world, mode)(step)
    told = [line if line.startswith("step") else line.rsplit(" ", 1)[0] for line in told]  # without the number of local steps
    assert len(told) == len(world.told), f"{len(told)} lines, {len(world.told)} here"
    for i, (program, here) in enumerate(zip(told, world.told)):
        assert program == here, f"line {i}: the program says `{program}`, this simulation `{here}`"
    assert not world.draws and not world.trips, f"{len(world.draws)} draws, {len(world.trips)} trips that nobody made"
    words = [line.split() for line in told]
    ties = len([1 for a, b in zip(words, words[1:]) if a[0] == b[0] == "row" and a[5] == b[5]])
    print(f"{mode}: {world.n_asked} trips, {n_steps} steps, {sum(w[0] == 'lost' for w in words)} lost, {ties} at one time, "
          f"staleness at most {max([int(w[6]) for w in words if w[0] == 'row'] + [0])}")


main()
