"""One ordered index whose every version stays readable: an immutable, copy-on-write tree from key bytes to payloads.

Owns:  `Index` and the shape of its nodes.
Must not know: tables, documents, what a key or a payload means.
Invariants:
- A node is never changed once it is reachable from an `Index`. A version is a root; old versions cost nothing but the
  nodes that changed, and vanish when nobody holds their root.
- Where keys can be read from payloads (`key_of`), they are not kept: a leaf's `keys` is then its tuple of payloads.
- Keys are unique and ascending over the leaves; a branch's `separators[i]` is above every key below `children[i]` and
  not above any key below `children[i + 1]`. Leaves are never empty, except the root.
Threads: reading needs no lock. `with_changes` is a pure function.
Source: ADR 8.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

#: Entries of a leaf. Copying a leaf is cheap, but each pointer copied touches its object's reference count. And a tuple
#: of up to 58 is small enough for Python's own allocator: larger ones left 4 MB of holes beside 100,000 documents.
LEAF_MAX = 56
#: Children of a branch.
BRANCH_MAX = 32
#: Neighbours that have no more entries than this together become one leaf.
_JOIN_MAX = LEAF_MAX // 2
#: From this many changes on, one leaf is rebuilt by sorting instead of by repeated insertion.
_BULK_MIN = 32

#: A change of one key: its new payload, or None to remove it.
Change = tuple[bytes, bytes | None]
#: Reads the key from a payload; None where keys are kept beside the payloads.
KeyOf = Callable[[bytes], bytes] | None


class _Leaf:
    # Tuples, for Python's garbage collector looks at a tuple of bytes once, and at a list in every pass: with lists, a
    # full collection touches each document of the store, and takes 44 ms instead of 11 with 100,000 of them.
    __slots__ = ("keys", "payloads")

    def __init__(self, keys: tuple[bytes, ...], payloads: tuple[bytes, ...]) -> None:
        self.keys = keys
        self.payloads = payloads

    @property
    def size(self) -> int:
        return len(self.payloads)


class _Branch:
    __slots__ = ("children", "separators", "size")

    def __init__(self, separators: list[bytes], children: list[_Node], size: int) -> None:
        self.separators = separators
        self.children = children
        self.size = size


_Node = _Leaf | _Branch


class Index:
    """One version of an ordered map from key bytes to payloads. Its length is the number of entries."""

    __slots__ = ("_key_of", "_root")

    def __init__(self, root: _Node | None = None, key_of: KeyOf = None) -> None:
        self._key_of = key_of
        if root is None:
            root = _Leaf((), ())
        self._root: _Node = root

    @classmethod
    def from_sorted(cls, keys: Sequence[bytes] | None, payloads: Sequence[bytes], key_of: KeyOf = None) -> Index:
        """An index of entries whose keys are already unique and ascending; one pass, full leaves.

        `keys` is None where `key_of` reads them from the payloads.
        """
        nodes: list[_Node] = []
        for start in range(0, len(payloads), LEAF_MAX):
            part = tuple(payloads[start : start + LEAF_MAX])
            nodes.append(_Leaf(part if keys is None else tuple(keys[start : start + LEAF_MAX]), part))
        return cls(_grow(nodes, key_of), key_of)

    def __len__(self) -> int:
        return self._root.size

    def get(self, key: bytes) -> bytes | None:
        """The payload at `key`, or None."""
        node = self._root
        while isinstance(node, _Branch):
            node = node.children[bisect_right(node.separators, key)]
        position, is_present = _place(node, key, self._key_of)
        return node.payloads[position] if is_present else None

    def floor(self, key: bytes) -> tuple[bytes, bytes] | None:
        """The entry at `key`, or else the last one before it; None where there is none."""
        node = self._root
        while isinstance(node, _Branch):
            node = node.children[bisect_right(node.separators, key)]
        position = bisect_right(node.keys, key, key=self._key_of) - 1
        if position >= 0:
            payload = node.payloads[position]
            return (node.keys[position] if self._key_of is None else self._key_of(payload)), payload
        # A separator may be lower than all that is left behind it.
        for keys, payloads in self.chunks(high=key, reverse=True):
            return next(iter(keys)), payloads[0]
        return None

    def with_changes(self, changes: Sequence[Change]) -> Index:
        """The version after `changes`, whose keys are unique and ascending. Costs one path a changed leaf."""
        if len(changes) == 1:
            return self._with_one(changes[0])
        return self._rebuilt(changes) if changes else self

    def _rebuilt(self, changes: Sequence[Change]) -> Index:
        return Index(_grow(_apply(self._root, changes, self._key_of), self._key_of), self._key_of)

    def _with_one(self, change: Change) -> Index:
        """What `with_changes` gives for one change: most commits change one key, and most leaves have room."""
        key, payload = change
        path: list[tuple[_Branch, int]] = []
        node = self._root
        while isinstance(node, _Branch):
            position = bisect_right(node.separators, key)
            path.append((node, position))
            node = node.children[position]
        key_of = self._key_of
        payloads = node.payloads
        size = len(payloads)
        position, is_present = _place(node, key, key_of)
        if payload is None:
            if not is_present:
                return self
            if size <= _JOIN_MAX:
                return self._rebuilt((change,))
            new: tuple[bytes, ...] = ()
        elif is_present or size < LEAF_MAX:
            new = (payload,)
        else:
            return self._rebuilt((change,))
        after = position + is_present
        payloads = payloads[:position] + new + payloads[after:]
        keys = payloads
        if key_of is None:
            keys = node.keys
            if len(payloads) != size:
                keys = keys[:position] + (() if payload is None else (key,)) + keys[after:]
        below: _Node = _Leaf(keys, payloads)
        grown = len(payloads) - size
        for branch, position in reversed(path):
            children = branch.children.copy()
            children[position] = below
            below = _Branch(branch.separators, children, branch.size + grown)
        return Index(below, key_of)

    def chunks(
        self, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[Iterable[bytes], tuple[bytes, ...]]]:
        """The entries with `low <= key < high`, leaf by leaf, in order (descending if `reverse`), read lazily.

        Shapes:  each chunk is the keys, to be gone through once, and their payloads, never empty.
        """
        if high is not None and high <= low:
            return
        key_of = self._key_of
        for leaf in _leaves(self._root, low, high, reverse=reverse):
            start = bisect_left(leaf.keys, low, key=key_of) if low else 0
            stop = len(leaf.payloads) if high is None else bisect_left(leaf.keys, high, key=key_of)
            if start >= stop:
                continue
            payloads = leaf.payloads[start:stop]
            if reverse:
                payloads = payloads[::-1]
            if key_of is not None:
                yield map(key_of, payloads), payloads
                continue
            keys = leaf.keys[start:stop]
            yield keys[::-1] if reverse else keys, payloads

    def entries(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """The entries with `low <= key < high`, ascending, one by one."""
        for keys, payloads in self.chunks(low, high):
            yield from zip(keys, payloads, strict=True)

    def count(self, low: bytes = b"", high: bytes | None = None) -> int:
        """How many keys lie in `[low, high)`; logarithmic, for branches know their size."""
        if high is not None and high <= low:
            return 0
        below = 0 if not low else _rank(self._root, low, self._key_of)
        return (len(self) if high is None else _rank(self._root, high, self._key_of)) - below

    def key_at(self, position: int) -> bytes:
        """The key of the entry at a position, the first being 0; logarithmic.

        Raises:  IndexError where there is none.
        """
        if not 0 <= position < len(self):
            raise IndexError(position)
        node = self._root
        while isinstance(node, _Branch):
            for child in node.children:
                if position < child.size:
                    node = child
                    break
                position -= child.size
        key = node.keys[position]
        return key if self._key_of is None else self._key_of(key)

    def last_key(self) -> bytes | None:
        """The greatest key, or None."""
        for keys, _ in self.chunks(reverse=True):
            return next(iter(keys))
        return None

    def differences(self, other: Index) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        """Each key at which two versions of one index differ, with its payload here and in `other` (None: not there).

        In no order. A payload is the same if it is the same object. Costs what differs: what the versions share is not
        looked at.
        """
        mine, theirs = _unshared(self._root, other._root)
        key_of = self._key_of
        before = dict(_entries_of(mine, key_of))
        after = dict(_entries_of(theirs, key_of))
        for key, payload in before.items():
            there = after.pop(key, None)
            if there is not payload:
                yield key, payload, there
        for key, payload in after.items():
            yield key, None, payload


def _place(leaf: _Leaf, key: bytes, key_of: KeyOf) -> tuple[int, bool]:
    """Where `key` stands or would stand in a leaf, and whether it is there."""
    return _place_among(leaf.keys, key, key_of)


def _place_among(keys: Sequence[bytes], key: bytes, key_of: KeyOf) -> tuple[int, bool]:
    if key_of is None:
        position = bisect_left(keys, key)
        return position, position < len(keys) and keys[position] == key
    position = bisect_left(keys, key, key=key_of)
    return position, position < len(keys) and key_of(keys[position]) == key


def _rank(node: _Node, key: bytes, key_of: KeyOf) -> int:
    below = 0
    while isinstance(node, _Branch):
        position = bisect_right(node.separators, key)
        below += sum(child.size for child in node.children[:position])
        node = node.children[position]
    return below + _place(node, key, key_of)[0]


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


def _unshared(one: _Node, two: _Node) -> tuple[list[_Node], list[_Node]]:
    """The leaves below each of two roots that are not below the other one too.

    What is shared has the same height in both trees, for all leaves are equally deep: so nodes of one height are
    compared at a time.
    """
    mine, theirs = [one], [two]
    my_height, their_height = _height(one), _height(two)
    while True:
        if my_height == their_height:
            shared = set(map(id, mine)).intersection(map(id, theirs))
            if shared:
                mine = [node for node in mine if id(node) not in shared]
                theirs = [node for node in theirs if id(node) not in shared]
            if not my_height:
                return mine, theirs
        if my_height >= their_height:
            mine = _children_of(mine)
            my_height -= 1
        if their_height > my_height:
            theirs = _children_of(theirs)
            their_height -= 1


def _height(node: _Node) -> int:
    height = 0
    while isinstance(node, _Branch):
        node = node.children[0]
        height += 1
    return height


def _children_of(nodes: Iterable[_Node]) -> list[_Node]:
    return [child for node in nodes if isinstance(node, _Branch) for child in node.children]


def _entries_of(leaves: Iterable[_Node], key_of: KeyOf) -> Iterator[tuple[bytes, bytes]]:
    for leaf in leaves:
        assert isinstance(leaf, _Leaf), "below the branches there are leaves"
        yield from zip(leaf.keys if key_of is None else map(key_of, leaf.payloads), leaf.payloads, strict=True)


def _apply(node: _Node, changes: Sequence[Change], key_of: KeyOf) -> list[_Node]:
    """The nodes that stand in `node`'s place after `changes`: none, one, or several of its height."""
    if isinstance(node, _Leaf):
        return _apply_to_leaf(node, changes, key_of)
    separators, children = node.separators, node.children.copy()
    replaced: dict[int, list[_Node]] = {}
    start, grown = 0, 0
    while start < len(changes):
        position = bisect_right(separators, changes[start][0])
        stop = len(changes)
        if position < len(separators):
            stop = bisect_left(changes, separators[position], lo=start, key=_key_of)
        child = children[position]
        nodes = _apply(child, changes[start:stop], key_of)
        start = stop
        if len(nodes) == 1 and not _has_shrunk(child, nodes[0]):
            children[position] = nodes[0]
            grown += nodes[0].size - child.size
        else:
            replaced[position] = nodes
    if not replaced:
        # Most often no child was split or emptied: the separators stand.
        return [_Branch(separators, children, node.size + grown)]
    rebuilt: list[_Node] = []
    for position, child in enumerate(children):
        rebuilt.extend(replaced.get(position, (child,)))
    return _pack(_joined(rebuilt), key_of)


def _has_shrunk(before: _Node, after: _Node) -> bool:
    """Whether a leaf has become small enough to look for a neighbour to join."""
    return isinstance(after, _Leaf) and after.size < before.size and after.size <= _JOIN_MAX // 2


def _key_of(change: Change) -> bytes:
    return change[0]


def _joined(nodes: list[_Node]) -> list[_Node]:
    """`nodes` with each small leaf joined to a small neighbour, so that deleting shrinks the tree."""
    joined: list[_Node] = []
    for node in nodes:
        left = joined[-1] if joined else None
        if isinstance(node, _Leaf) and isinstance(left, _Leaf) and left.size + node.size <= _JOIN_MAX:
            payloads = left.payloads + node.payloads
            joined[-1] = _Leaf(payloads if node.keys is node.payloads else left.keys + node.keys, payloads)
        else:
            joined.append(node)
    return joined


def _apply_to_leaf(leaf: _Leaf, changes: Sequence[Change], key_of: KeyOf) -> list[_Node]:
    if len(changes) >= _BULK_MIN:
        return _merged(leaf, changes, key_of)
    payloads = list(leaf.payloads)
    keys = payloads if key_of is not None else list(leaf.keys)
    appended = False
    for key, payload in changes:
        position, is_present = _place_among(keys, key, key_of)
        if payload is None:
            if is_present:
                del payloads[position]
                if key_of is None:
                    del keys[position]
        elif is_present:
            payloads[position] = payload
        else:
            appended = position == len(payloads)
            payloads.insert(position, payload)
            if key_of is None:
                keys.insert(position, key)
    if not payloads:
        return []
    return _split(keys, payloads, key_of, appended=appended)


def _merged(leaf: _Leaf, changes: Sequence[Change], key_of: KeyOf) -> list[_Node]:
    """What `_apply_to_leaf` gives for many changes, by sorting once."""
    keys = leaf.keys if key_of is None else list(map(key_of, leaf.payloads))
    merged: dict[bytes, bytes | None] = dict(zip(keys, leaf.payloads, strict=True))
    merged.update(changes)
    entries = sorted((key, payload) for key, payload in merged.items() if payload is not None)
    appended = not keys or changes[0][0] > keys[-1]
    return _split([key for key, _ in entries], [payload for _, payload in entries], key_of, appended=appended)


def _split(keys: list[bytes], payloads: list[bytes], key_of: KeyOf, *, appended: bool) -> list[_Node]:
    """Leaves of at most LEAF_MAX entries. Where keys only ever grow, leaves are left full behind them."""
    size = len(payloads)
    step = LEAF_MAX if appended or size <= LEAF_MAX else -(-size // -(-size // (LEAF_MAX * 3 // 4)))
    leaves: list[_Node] = []
    for at in range(0, size, step):
        part = tuple(payloads[at : at + step])
        leaves.append(_Leaf(tuple(keys[at : at + step]) if key_of is None else part, part))
    return leaves


def _pack(nodes: Sequence[_Node], key_of: KeyOf) -> list[_Node]:
    """Branches over `nodes`, each at most BRANCH_MAX wide; none where there are no nodes."""
    count = len(nodes)
    if not count:
        return []
    step = count if count <= BRANCH_MAX else -(-count // -(-count // (BRANCH_MAX * 3 // 4)))
    return [_branch(list(nodes[at : at + step]), key_of) for at in range(0, count, step)]


def _branch(children: list[_Node], key_of: KeyOf) -> _Branch:
    return _Branch([_low(child, key_of) for child in children[1:]], children, sum(child.size for child in children))


def _low(node: _Node, key_of: KeyOf) -> bytes:
    """The lowest key below `node`."""
    while isinstance(node, _Branch):
        node = node.children[0]
    return node.keys[0] if key_of is None else key_of(node.payloads[0])


def _grow(nodes: Iterable[_Node], key_of: KeyOf) -> _Node | None:
    """One root over `nodes` of equal height."""
    level = list(nodes)
    while len(level) > 1:
        level = _pack(level, key_of)
    if not level:
        return None
    root = level[0]
    while isinstance(root, _Branch) and len(root.children) == 1:
        root = root.children[0]
    return root
