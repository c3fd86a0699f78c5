"""One ordered index whose every version stays readable: an immutable, copy-on-write tree from key bytes to payloads.

Owns:  `Index` and the shape of its nodes.
Must not know: tables, documents, what a key or a payload means.
Invariants:
- A node is never changed once it is reachable from an `Index`. A version is a root; old versions cost nothing but the
  nodes that changed, and vanish when nobody holds their root.
- Keys are unique and ascending over the leaves; a branch's `separators[i]` is above every key below `children[i]` and
  not above any key below `children[i + 1]`. Leaves are never empty, except the root.
Threads: reading needs no lock. `with_changes` is a pure function.
Source: ADR 8.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

#: Entries of a leaf. Copying 128 pointers costs about as much as one Python call, so wider leaves save depth for free.
LEAF_MAX = 64
#: Children of a branch.
BRANCH_MAX = 32
#: Neighbours that have no more entries than this together become one leaf.
_JOIN_MAX = LEAF_MAX // 2
#: From this many changes on, one leaf is rebuilt by sorting instead of by repeated insertion.
_BULK_MIN = 32

#: A change of one key: its new payload, or None to remove it.
Change = tuple[bytes, bytes | None]


class _Leaf:
    __slots__ = ("keys", "payloads")

    def __init__(self, keys: list[bytes], payloads: list[bytes]) -> None:
        self.keys = keys
        self.payloads = payloads

    @property
    def size(self) -> int:
        return len(self.keys)


class _Branch:
    __slots__ = ("children", "separators", "size")

    def __init__(self, separators: list[bytes], children: list[_Node], size: int) -> None:
        self.separators = separators
        self.children = children
        self.size = size


_Node = _Leaf | _Branch


class Index:
    """One version of an ordered map from key bytes to payloads. Its length is the number of entries."""

    __slots__ = ("_root",)

    def __init__(self, root: _Node | None = None) -> None:
        self._root: _Node = root if root is not None else _Leaf([], [])

    @classmethod
    def from_sorted(cls, keys: Sequence[bytes], payloads: Sequence[bytes]) -> Index:
        """An index of entries whose keys are already unique and ascending; one pass, full leaves."""
        nodes: list[_Node] = [
            _Leaf(list(keys[start : start + LEAF_MAX]), list(payloads[start : start + LEAF_MAX]))
            for start in range(0, len(keys), LEAF_MAX)
        ]
        return cls(_grow(nodes))

    def __len__(self) -> int:
        return self._root.size

    def get(self, key: bytes) -> bytes | None:
        """The payload at `key`, or None."""
        node = self._root
        while isinstance(node, _Branch):
            node = node.children[bisect_right(node.separators, key)]
        position = bisect_left(node.keys, key)
        if position < len(node.keys) and node.keys[position] == key:
            return node.payloads[position]
        return None

    def with_changes(self, changes: Sequence[Change]) -> Index:
        """The version after `changes`, whose keys are unique and ascending. Costs one path a changed leaf."""
        if len(changes) == 1:
            return self._with_one(changes[0])
        return Index(_grow(_apply(self._root, changes))) if changes else self

    def _with_one(self, change: Change) -> Index:
        """What `with_changes` gives for one change: most commits change one key, and most leaves have room."""
        key, payload = change
        path: list[tuple[_Branch, int]] = []
        node = self._root
        while isinstance(node, _Branch):
            position = bisect_right(node.separators, key)
            path.append((node, position))
            node = node.children[position]
        keys, payloads = node.keys, node.payloads
        size = len(keys)
        position = bisect_left(keys, key)
        is_present = position < size and keys[position] == key
        if payload is None:
            if not is_present:
                return self
            if size <= _JOIN_MAX:
                return Index(_grow(_apply(self._root, (change,))))
            keys, payloads = keys.copy(), payloads.copy()
            del keys[position], payloads[position]
        elif is_present:
            payloads = payloads.copy()
            payloads[position] = payload
        else:
            if size >= LEAF_MAX:
                return Index(_grow(_apply(self._root, (change,))))
            keys, payloads = keys.copy(), payloads.copy()
            keys.insert(position, key)
            payloads.insert(position, payload)
        below: _Node = _Leaf(keys, payloads)
        grown = len(keys) - size
        for branch, position in reversed(path):
            children = branch.children.copy()
            children[position] = below
            below = _Branch(branch.separators, children, branch.size + grown)
        return Index(below)

    def chunks(
        self, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """The entries with `low <= key < high`, leaf by leaf, in order (descending if `reverse`), read lazily.

        Shapes:  each chunk is a list of keys and the list of their payloads, never empty.
        """
        if high is not None and high <= low:
            return
        for leaf in _leaves(self._root, low, high, reverse=reverse):
            keys, payloads = leaf.keys, leaf.payloads
            start = bisect_left(keys, low) if keys and keys[0] < low else 0
            stop = len(keys) if high is None or (keys and keys[-1] < high) else bisect_left(keys, high)
            if start >= stop:
                continue
            keys, payloads = keys[start:stop], payloads[start:stop]
            if reverse:
                keys.reverse()
                payloads.reverse()
            yield keys, payloads

    def entries(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """The entries with `low <= key < high`, ascending, one by one."""
        for keys, payloads in self.chunks(low, high):
            yield from zip(keys, payloads, strict=True)

    def count(self, low: bytes = b"", high: bytes | None = None) -> int:
        """How many keys lie in `[low, high)`; logarithmic, for branches know their size."""
        if high is not None and high <= low:
            return 0
        return (len(self) if high is None else _rank(self._root, high)) - _rank(self._root, low)

    def last_key(self) -> bytes | None:
        """The greatest key, or None."""
        for keys, _ in self.chunks(reverse=True):
            return keys[0]
        return None


def _rank(node: _Node, key: bytes) -> int:
    below = 0
    while isinstance(node, _Branch):
        position = bisect_right(node.separators, key)
        below += sum(child.size for child in node.children[:position])
        node = node.children[position]
    return below + bisect_left(node.keys, key)


def _leaves(root: _Node, low: bytes, high: bytes | None, *, reverse: bool) -> Iterator[_Leaf]:
    """The leaves that may hold keys of `[low, high)`, in order. An explicit stack: generators do not nest cheaply."""
    stack: list[_Node] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, _Leaf):
            yield node
            continue
        first = bisect_right(node.separators, low)
        last = len(node.children) if high is None else bisect_left(node.separators, high) + 1
        children = node.children[first:last]
        if not reverse:
            children.reverse()
        stack.extend(children)


def _apply(node: _Node, changes: Sequence[Change]) -> list[_Node]:
    """The nodes that stand in `node`'s place after `changes`: none, one, or several of its height."""
    if isinstance(node, _Leaf):
        return _apply_to_leaf(node, changes)
    rebuilt: list[_Node] = []
    start = 0
    for position, child in enumerate(node.children):
        stop = len(changes)
        if position < len(node.separators):
            stop = bisect_left(changes, node.separators[position], lo=start, key=_key_of)
        rebuilt.extend(_apply(child, changes[start:stop]) if stop > start else (child,))
        start = stop
    return _pack(_joined(rebuilt))


def _key_of(change: Change) -> bytes:
    return change[0]


def _joined(nodes: list[_Node]) -> list[_Node]:
    """`nodes` with each small leaf joined to a small neighbour, so that deleting shrinks the tree."""
    joined: list[_Node] = []
    for node in nodes:
        left = joined[-1] if joined else None
        if isinstance(node, _Leaf) and isinstance(left, _Leaf) and len(left.keys) + len(node.keys) <= _JOIN_MAX:
            joined[-1] = _Leaf(left.keys + node.keys, left.payloads + node.payloads)
        else:
            joined.append(node)
    return joined


def _apply_to_leaf(leaf: _Leaf, changes: Sequence[Change]) -> list[_Node]:
    if len(changes) >= _BULK_MIN:
        merged: dict[bytes, bytes | None] = dict(zip(leaf.keys, leaf.payloads, strict=True))
        merged.update(changes)
        entries = sorted((key, payload) for key, payload in merged.items() if payload is not None)
        appended = not leaf.keys or changes[0][0] > leaf.keys[-1]
        return _split([key for key, _ in entries], [payload for _, payload in entries], appended=appended)
    keys, payloads = leaf.keys.copy(), leaf.payloads.copy()
    appended = False
    for key, payload in changes:
        position = bisect_left(keys, key)
        is_present = position < len(keys) and keys[position] == key
        if payload is None:
            if is_present:
                del keys[position]
                del payloads[position]
        elif is_present:
            payloads[position] = payload
        else:
            appended = position == len(keys)
            keys.insert(position, key)
            payloads.insert(position, payload)
    return _split(keys, payloads, appended=appended)


def _split(keys: list[bytes], payloads: list[bytes], *, appended: bool) -> list[_Node]:
    """Leaves of at most LEAF_MAX entries. Where keys only ever grow, leaves are left full behind them."""
    size = len(keys)
    if size <= LEAF_MAX:
        return [_Leaf(keys, payloads)] if size else []
    step = LEAF_MAX if appended else -(-size // -(-size // (LEAF_MAX * 3 // 4)))
    return [_Leaf(keys[at : at + step], payloads[at : at + step]) for at in range(0, size, step)]


def _pack(nodes: Sequence[_Node]) -> list[_Node]:
    """Branches over `nodes`, each at most BRANCH_MAX wide; none where there are no nodes."""
    count = len(nodes)
    if not count:
        return []
    step = count if count <= BRANCH_MAX else -(-count // -(-count // (BRANCH_MAX * 3 // 4)))
    return [_branch(list(nodes[at : at + step])) for at in range(0, count, step)]


def _branch(children: list[_Node]) -> _Branch:
    return _Branch([_low(child) for child in children[1:]], children, sum(child.size for child in children))


def _low(node: _Node) -> bytes:
    """The lowest key below `node`."""
    while isinstance(node, _Branch):
        node = node.children[0]
    return node.keys[0]


def _grow(nodes: Iterable[_Node]) -> _Node | None:
    """One root over `nodes` of equal height."""
    level = list(nodes)
    while len(level) > 1:
        level = _pack(level)
    if not level:
        return None
    root = level[0]
    while isinstance(root, _Branch) and len(root.children) == 1:
        root = root.children[0]
    return root
