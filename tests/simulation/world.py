"""One simulated world: clients, live queries, a clock, a store; one generator decides everything that happens.

`python -m tests.simulation.world SEED` repeats one.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbconvex.clock import ManualClock
from nbconvex.database.database import Database
from nbconvex.database.loading import load_snapshot
from nbconvex.database.reads import ReadSet, SubscriptionIndex
from nbconvex.errors import ConflictError, SchemaInvalidError, StorageError, StorageFailedError
from nbconvex.storage.persistence import Persistence
from nbconvex.values.scalars import UNSET, Int64
from tests.database.naive_model import INDEXES, Find, Model, schema, seen
from tests.database.recorded import RecordedTransaction
from tests.database.snapshot_checks import check_consistent, check_equals_model, contents
from tests.simulation.stores import FileWithJournal, LogInMemory, SimulatedStore
from tests.storage.forgetful_disk import PowerCut

STEPS = 120
CLIENTS = 4
WATCHES = 5
ACCOUNTS = 3
#: One world in so many stands on a file, which takes five times as long as a list in memory.
FILES_EVERY = 4
ACCOUNT = Find("items", "by_kind", (("eq", "kind", "account"),))
KINDS = ["a", "a\0", None, 1, True, Int64(1)]


class Violation(AssertionError):
    """A law does not hold in the world with this seed."""


@dataclass
class Watch:
    """A live query: what it asks, what it was answered, and what it read for that."""

    way: str
    arguments: tuple[Any, ...]
    answer: bytes = b""
    reads: ReadSet = field(default_factory=ReadSet)


@dataclass
class Client:
    """Someone with at most one open transaction; `hurry` is how many steps it has left."""

    recorded: RecordedTransaction | None = None
    hurry: int = 0


class World:
    """Everything of one seed. `run` takes the steps and checks the laws after each."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = ManualClock()
        self.store: SimulatedStore
        self.store = FileWithJournal(self.rng, folder / str(seed)) if seed % FILES_EVERY == 0 else LogInMemory(self.rng)
        self.story: list[str] = []
        #: Every commit that was accepted, with what it left. What a crash may take is the end of this list.
        self.history: list[tuple[int, Model]] = [(0, Model())]
        self.acknowledged_ts = 0
        self.seen_ts = 0
        self.checked: Any = None
        self.ids: list[str] = []
        self.start()

    # -- the process --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins: it opens the store and finds what was durable, all of it and nothing else."""
        self.is_broken = False
        for attempts_left in reversed(range(20)):
            try:
                self.persistence: Persistence = self.store.open()
                self.database = Database.open(self.persistence, clock=self.clock, random=self.rng)
                break
            except (PowerCut, StorageFailedError):
                if not attempts_left:
                    raise
                self.tell("and again while it opens")
                self.store.crash()
        # The committer thread is a step of the simulation.
        self.database._queue.wake = lambda: None
        self.clients = [Client() for _ in range(CLIENTS)]
        self.watches: dict[int, Watch] = {}
        self.subscriptions = SubscriptionIndex()
        self.live_ts, self.live_schema = 0, None
        head = self.database.head
        assert head >= self.acknowledged_ts, f"acknowledged at {self.acknowledged_ts}, found {head}"
        assert head >= self.seen_ts, f"somebody saw {self.seen_ts}, found {head}"
        stamps = [ts for ts, _ in self.history]
        assert head in stamps, f"found a commit {head} that nobody made"
        del self.history[stamps.index(head) + 1 :]
        self.set_up()
        if self.is_broken:
            self.crash()

    def set_up(self) -> None:
        """The schema and the accounts, where they are not there yet."""
        if not self.database.snapshot.schema:
            self.attempt(lambda: self.database.push_schema(schema()))
        if not self.is_broken and not self.model.count(ACCOUNT):
            self.commit(self.open_accounts(), is_async=False)

    def open_accounts(self) -> RecordedTransaction:
        recorded = RecordedTransaction(self.database.begin(writable=True), self.model)
        for _ in range(ACCOUNTS):
            recorded.insert("items", {"kind": "account", "rank": 100})
        return recorded

    def crash(self) -> None:
        self.tell("crash")
        self.store.crash()
        self.start()

    @property
    def model(self) -> Model:
        """What was accepted so far."""
        return self.history[-1][1]

    def model_at(self, ts: int) -> Model:
        return next(model for at, model in reversed(self.history) if at == ts)

    def tell(self, what: str) -> None:
        self.story.append(what)

    def attempt(self, change: Callable[[], Any], model: Model | None = None) -> bool:
        """Do what may fail with the store. Whatever came of it, an accepted commit enters the history."""
        accepted = self.database._accepted.ts
        try:
            change()
        except (StorageError, PowerCut) as failed:
            self.tell(f"failed: {type(failed).__name__}")
            self.note_accepted(accepted, model)
            self.is_broken = True
            return False
        self.note_accepted(accepted, model)
        return True

    def note_accepted(self, before: int, model: Model | None) -> None:
        now = self.database._accepted.ts
        assert now >= before, "commit timestamps increase"
        if now > before:
            assert before == self.history[-1][0], "no commit is accepted that nobody made"
            self.history.append((now, model or self.model))

    # -- steps --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Take the steps.

        Raises:  Violation, which tells the seed and the story.
        """
        weighted = {
            self.client_step: 75, self.flush: 5, self.advance: 6, self.watch: 6, self.let_time_jump: 3,
            self.store_forbode: 1.5, self.crash: 1.5, self.drop_extras: 1.5, self.push_schema: 0.5, self.clear: 0.4,
            self.restart: 0.5, self.checkpoint: 0.3,
        }  # fmt: skip
        steps, weights = list(weighted), list(weighted.values())
        try:
            for _ in range(STEPS):
                self.is_broken = False
                self.rng.choices(steps, weights)[0]()
                if self.is_broken:
                    self.check_refuses_work()
                    self.crash()
                self.check_laws()
            self.crash()
            self.check_laws()
            self.database.close()
        except (AssertionError, Exception) as error:
            story = "\n  ".join(self.story[-25:])
            raise Violation(
                f"seed {self.seed}, step {len(self.story)}: {error!r}\nafter\n  {story}\n"
                f"Repeat it: python -m tests.simulation.world {self.seed}"
            ) from error

    def client_step(self) -> None:
        client = self.rng.choice(self.clients)
        if client.recorded is None:
            writable = self.rng.random() < 0.8
            transaction = self.database.begin(writable=writable)
            client.recorded = RecordedTransaction(transaction, self.model_at(transaction.snapshot.ts))
            client.hurry = self.rng.randint(0, 3)
            self.operation(client.recorded)
        elif client.hurry:
            client.hurry -= 1
            self.operation(client.recorded)
        else:
            recorded, client.recorded = client.recorded, None
            self.commit(recorded, is_async=self.rng.random() < 0.5)

    def operation(self, recorded: RecordedTransaction) -> None:
        draw = self.rng.random()
        if not recorded.transaction.writable or draw < 0.3:
            way, arguments = self.question()
            getattr(recorded, way)(*arguments)
        elif draw < 0.4:
            self.transfer(recorded)
        elif draw < 0.6 or not self.ids:
            table = self.rng.choice(["items", "items", "extras"])
            self.ids.append(recorded.insert(table, {"kind": self.rng.choice(KINDS), "rank": self.rng.randint(0, 3)}))
        elif draw < 0.8:
            recorded.patch(
                self.some_id(recorded.view), {"kind": self.rng.choice([*KINDS, UNSET]), "rank": self.rng.randint(0, 3)}
            )
        elif draw < 0.97:
            recorded.delete(self.some_id(recorded.view))
        elif self.rng.random() < 0.5:
            recorded.savepoint()
        else:
            recorded.rollback()

    def some_id(self, view: Model) -> str:
        """Most often of a document that is there, else of one that may be gone, or not committed yet."""
        present = [id for id, (_, document) in view.documents.items() if document.get("kind") != "account"]
        return self.rng.choice(present[-10:] if present and self.rng.random() < 0.8 else self.ids[-10:])

    def transfer(self, recorded: RecordedTransaction) -> None:
        """Move an amount between two accounts: in every snapshot their sum is what it was."""
        accounts = recorded.collect(ACCOUNT)
        giver, taker = self.rng.sample(accounts, 2)
        amount = self.rng.randint(1, 50)
        recorded.patch(giver["_id"], {"rank": giver["rank"] - amount})
        recorded.patch(taker["_id"], {"rank": taker["rank"] + amount})

    def question(self) -> tuple[str, tuple[Any, ...]]:
        if self.rng.random() < 0.2 and self.ids:
            return "get", (self.some_id(self.model),)
        table = self.rng.choice(["items", "items", "items", "extras"])
        index = self.rng.choice(list(INDEXES[table]))
        conditions: tuple[tuple[str, str, Any], ...] = ()
        if "kind" in INDEXES[table][index]:
            conditions = (("eq", "kind", self.rng.choice([*KINDS, UNSET])),)
        if index == "by_kind_rank":
            conditions += ((self.rng.choice(["eq", "gt", "lte"]), "rank", self.rng.randint(0, 3)),)
        find = Find(table, index, conditions, self.rng.choice(["asc", "desc"]))
        way = self.rng.choice(["collect", "count", "take", "loop", "page"])
        return way, (find,) if way in {"collect", "count"} else (find, self.rng.randint(1, 3))

    def commit(self, recorded: RecordedTransaction, *, is_async: bool) -> None:
        transaction, following = recorded.transaction, self.model.copy()
        before = self.history[-1][0]
        self.tell(f"commit {len(transaction.writes)} writes, {'async' if is_async else 'sync'}")
        try:
            if is_async:
                self.attempt(lambda: self.database.commit_async(transaction, self.told), following)
            elif self.attempt(lambda: self.told(self.database.commit(transaction)), following):
                is_published = self.database.head == self.history[-1][0]
                assert is_published or self.history[-1][0] == before, "a commit is published when it returns"
        except ConflictError:
            self.tell("conflict")
            assert transaction.snapshot.ts < before, "a conflict is with somebody"
            has_pushed = transaction.snapshot.schema is not self.database._accepted.schema
            is_too_old = self.database.write_log.since(transaction.snapshot.ts) is None
            assert has_pushed or is_too_old or not recorded.is_blind, "inserts alone conflict with a schema push only"
            return
        if self.history[-1][0] > before:
            recorded.replay(following)

    def told(self, outcome: int | BaseException) -> None:
        """A commit's outcome is known to whoever made it."""
        if isinstance(outcome, int):
            self.acknowledged_ts = max(self.acknowledged_ts, outcome)

    def flush(self) -> None:
        self.tell("flush")
        queue = self.database._queue
        with queue.flush_lock:
            queue.flush()
        self.is_broken = queue.failure is not None

    def let_time_jump(self) -> None:
        seconds = self.rng.choice([0.001, 1.0, 3600.0, -1.0, -3600.0, -86_400.0])
        self.tell(f"time jumps by {seconds} s")
        self.clock.advance(seconds)

    def store_forbode(self) -> None:
        self.tell("the store will fail")
        self.store.forbode()

    def drop_extras(self) -> None:
        self.tell("drop the table extras")
        left = Model({id: each for id, each in self.model.documents.items() if each[0] != "extras"})
        try:
            self.attempt(lambda: self.database.drop_table("extras"), left)
        except SchemaInvalidError:
            self.tell("there is none")

    def push_schema(self) -> None:
        with_spare_index = self.rng.random() < 0.5
        self.tell(f"push the schema {'with' if with_spare_index else 'without'} a spare index")
        self.attempt(lambda: self.database.push_schema(schema(with_spare_index=with_spare_index)))

    def clear(self) -> None:
        self.tell("delete everything")
        if self.attempt(self.database.clear, Model()):
            self.set_up()

    def checkpoint(self) -> None:
        self.tell("checkpoint")
        self.attempt(self.database.checkpoint)
        assert self.database._queue.failure is None or self.is_broken, "a checkpoint that lost commits says so"

    def restart(self) -> None:
        self.tell("close and open")
        if self.attempt(self.database.close) and self.database._queue.failure is None:
            self.acknowledged_ts = self.history[-1][0]
            self.start()
        else:
            self.is_broken = True

    # -- live queries -------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Somebody comes, and somebody may go."""
        self.advance()
        number = self.rng.randrange(WATCHES)
        way, arguments = self.question()
        self.answer(number, Watch(way, arguments))

    def answer(self, number: int, watch: Watch) -> None:
        watch.answer, watch.reads = self.fresh(watch)
        self.watches[number] = watch
        self.subscriptions.add(number, watch.reads)

    def fresh(self, watch: Watch) -> tuple[bytes, ReadSet]:
        snapshot = self.database.snapshot
        recorded = RecordedTransaction(self.database.begin_at(snapshot), self.model_at(snapshot.ts))
        return seen(getattr(recorded, watch.way)(*watch.arguments)), recorded.transaction.reads

    def advance(self) -> None:
        """Bring every live query to the head: run those again that were touched, and no other."""
        snapshot = self.database.snapshot
        records = self.database.write_log.since(self.live_ts, snapshot.ts)
        dirty = set(self.watches)
        if records is not None and snapshot.schema is self.live_schema:
            dirty = {number for record in records for number in self.subscriptions.matching(record)}
            overlapping = {
                number
                for record in records
                for number, watch in self.watches.items()
                if watch.reads.overlaps(record) is not None
            }
            assert dirty == overlapping, "the index of subscriptions finds whom the read sets overlap"
        for number, watch in self.watches.items():
            if number not in dirty:
                assert watch.answer == self.fresh(watch)[0], f"a clean live query equals a fresh run: {watch}"
        for number in sorted(dirty):
            self.answer(number, self.watches[number])
        self.live_ts, self.live_schema = snapshot.ts, snapshot.schema
        self.tell(f"advance, {len(dirty)} of {len(self.watches)} dirty")

    # -- laws ---------------------------------------------------------------------------------------------------------

    def check_laws(self) -> None:
        """The four laws, and that what was seen stays."""
        snapshot = self.database.snapshot
        if snapshot is self.checked:
            return
        self.checked = snapshot
        stamps = [ts for ts, _ in self.history]
        assert stamps == sorted(set(stamps)), "commit timestamps strictly increase"
        assert snapshot.ts >= self.seen_ts or self.is_broken, "what was published stays published"
        self.seen_ts = snapshot.ts
        check_consistent(snapshot)
        check_equals_model(snapshot, self.model_at(snapshot.ts))
        if snapshot.schema is not None and (accounts := ACCOUNT.of(self.database.begin_at(snapshot)).collect()):
            assert sum(each["rank"] for each in accounts) == 100 * ACCOUNTS, "a snapshot holds whole transactions"
        rebuilt = self.store.rebuilt()
        if rebuilt is not None:
            assert contents(load_snapshot(rebuilt)) == contents(snapshot), "rebuilt equals live"

    def check_refuses_work(self) -> None:
        """After a failed append nothing more is accepted or answered."""
        if self.database._queue.failure is None:
            return
        try:
            self.database.begin(writable=True)
        except StorageError:
            return
        raise AssertionError("a database that has failed goes on")


def run(seed: int, folder: Path | None = None) -> None:
    """Run one world.

    Raises:  Violation.
    """
    with tempfile.TemporaryDirectory(dir=folder) as own:
        World(seed, Path(own)).run()


if __name__ == "__main__":
    run(int(sys.argv[1]))
