"""Results as text for a terminal, as Markdown for the documentation, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.results import Result, Row, Verdict
from benchmarks.spread import Spread, ratio

BEGIN = "<!-- figures: written by python -m benchmarks --write-docs -->"
END = "<!-- end of figures -->"


def number(value: float) -> str:
    """Three significant places, thousands grouped."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _spread_text(spread: Spread) -> str:
    return f"{number(spread.middle)} ({number(spread.low)}–{number(spread.high)})"


def _ours(result: Result) -> Row | None:
    return next((row for row in result.rows if row.label.startswith("nbconvex")), None)


def _rows(result: Result) -> list[list[str]]:
    first = _ours(result)
    out = []
    for row in result.rows:
        against = ""
        if first is not None and row is not first and len(row.figures) == len(first.figures):
            against = _spread_text(ratio(first.figures, row.figures))
        out.append([row.label, "yes" if row.durable else "no", _spread_text(row.spread), against, row.note])
    return out


def _verdict_rows(verdicts: Sequence[Verdict]) -> list[list[str]]:
    def bound(verdict: Verdict, value: float | None) -> str:
        return "–" if value is None else f"{'≥' if verdict.at_least else '≤'} {value:g}"

    answer = {True: "yes", False: "NO", None: "–"}
    return [
        [
            verdict.text, _spread_text(verdict.measured), bound(verdict, verdict.limit), answer[verdict.reached],
            bound(verdict, verdict.goal), answer[verdict.goal_reached],
        ]
        for verdict in verdicts
    ]  # fmt: skip


def _table(head: list[str], rows: list[list[str]], *, markdown: bool) -> list[str]:
    keep = [place for place in range(len(head)) if any(row[place] for row in rows)]
    cells = [[line[place] for place in keep] for line in (head, *rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(keep))]
    bar = "|" if markdown else " "
    lines = [bar + bar.join(f" {cell:<{width}} " for cell, width in zip(line, widths, strict=True)) + bar
             for line in cells]  # fmt: skip
    rule = bar + bar.join("-" * (width + 2) for width in widths) + bar
    return [lines[0].rstrip(), rule, *(line.rstrip() for line in lines[1:])]


def render(result: Result, *, markdown: bool = False) -> str:
    """One workload's tables."""
    lines = [f"{'### ' if markdown else ''}{result.workload}: {result.title}, {result.unit}", ""]
    if result.rows:
        first = _ours(result)
        against = f"{first.label} ÷ this" if first else ""
        lines += _table(["who", "durable", f"{result.unit} (median; spread of rounds)", against, "note"],
                        _rows(result), markdown=markdown)  # fmt: skip
        lines.append("")
    if result.verdicts:
        lines += _table(["target", "measured", "round 1", "reached", "goal", "goal reached"],
                        _verdict_rows(result.verdicts), markdown=markdown)  # fmt: skip
        lines.append("")
    lines += [f"{'* ' if markdown else '  '}missing: {who}: {why}" for who, why in result.missing.items()]
    lines += [f"{'* ' if markdown else '  '}{note}" for note in result.notes]
    return "\n".join(lines).rstrip() + "\n"


def probe_line(rounds: Sequence[dict[str, float]]) -> str:
    if not rounds:
        return "no probe was taken"
    parts = []
    for name, text in (("fdatasync_us", "fdatasync of 200 bytes {} µs"), ("loop_ms", "a fixed loop {} ms")):
        parts.append(text.format(_spread_text(Spread.of([taken[name] for taken in rounds]))))
    return "Probe beside every figure: " + ", ".join(parts) + "."


def write_json(folder: Path, results: Sequence[Result], facts: dict[str, Any], probes: list[dict[str, float]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC)
    path = folder / f"{moment:%Y%m%dT%H%M%SZ}.json"
    tree = {
        "taken": moment.isoformat(timespec="seconds"),
        "machine": facts,
        "probe": {name: median(taken[name] for taken in probes) for name in probes[0]} if probes else {},
        "probes": probes,
        "results": [result.to_json() for result in results],
    }
    path.write_text(json.dumps(tree, indent=1, ensure_ascii=False) + "\n")
    return path


def write_docs(page: Path, results: Sequence[Result], facts: dict[str, Any], probes: list[dict[str, float]]) -> None:
    """Put the figures between the two markers of the page."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    versions = {row.label.split(",")[0]: row.version for result in results for row in result.rows if row.version}
    taken = [f"Taken on {datetime.now(UTC):%Y-%m-%d} with " + ", ".join(f"{k} {v}" for k, v in facts.items()) + ".",
             "Peers: " + ", ".join(f"{who} {what}" for who, what in sorted(versions.items())) + ".",
             probe_line(probes)]  # fmt: skip
    body = "\n\n".join([*taken, *(render(result, markdown=True).rstrip() for result in results)])
    page.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")
