"""What the traffic wrote down (traffic.py), and what is wrong with it."""

ROUTES = {"small": ("steady", "picky"), "large": ("steady", "slow"),
          "burst": ("steady", "slow", "dead")}


def facts(path):
    with open(path) as lines:
        for line in lines:
            if line.endswith("\n"):  # a killed one may have left half a line
                kind, number, *word = line.split()
                yield kind, int(number), *word


class Life:
    """All that happened at one destination."""

    def __init__(self, name, path):
        self.name = name
        self.wrong = []
        self.again = self.overtaken = self.repeats = 0
        self.ended, self.rejected = set(), set()
        self.seen, self.confirmed = set(), set()
        self.last, self.open = {}, {}  # by subject: the highest delivered, the one not ended
        self.subjects = {}  # of those not ended
        for kind, number, word in facts(path):
            if kind == "d":
                self.delivered(number, word)
            elif word != "RETRY":
                self.over(kind, number, word)

    def delivered(self, number, subject):
        if number in self.confirmed:
            self.again += 1
            self.wrong.append(f"{self.name}: {number} came again after it was confirmed")
        before = self.last.get(subject, 0)
        late = number < before and number not in self.seen
        if late or self.open.get(subject, number) < number:
            self.overtaken += 1
            self.wrong.append(f"{self.name}: {number} and {before} of {subject} in wrong order")
        self.repeats += number in self.seen
        self.seen.add(number)
        self.last[subject] = max(before, number)
        self.open[subject], self.subjects[number] = number, subject

    def over(self, kind, number, outcome):
        """Ended for good by the destination ("e"), or that is confirmed ("s")."""
        if kind == "s":
            self.confirmed.add(number)
            return
        self.open.pop(self.subjects.pop(number), None)
        self.ended.add(number)
        if outcome == "REJECTED":
            self.rejected.add(number)


class Books:
    def __init__(self, publishers, destinations):
        self.acknowledged = {kind: {number for _, number in facts(path)}
                             for kind, path in publishers.items()}
        lives = [Life(name, path) for name, path in destinations.items()]
        self.again = sum(life.again for life in lives)
        self.overtaken = sum(life.overtaken for life in lives)
        self.repeats = sum(life.repeats for life in lives)
        self.rejected = sum(len(life.rejected) for life in lives)
        self.settled = sum(len(life.ended) for life in lives)
        missing = [f"{life.name}: {number} is lost" for life in lives
                   for kind, numbers in self.acknowledged.items() if life.name in ROUTES[kind]
                   for number in sorted(numbers - life.ended)]
        self.lost = len(missing)
        self.wrong = missing + [line for life in lives for line in life.wrong]

    def every_kind(self):
        return all(len(numbers) > 20 for numbers in self.acknowledged.values())

    def summary(self):
        counts = ", ".join(f"{len(numbers)} {kind}" for kind, numbers in self.acknowledged.items())
        return (f"acknowledged {counts}; {self.settled} deliveries ended, "
                f"{self.repeats} handed out more than once")
