"""The compiled loops of `lanes`: which windows a step takes out of the stream of lanes."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from biomech_xr.compiled import compiled

LANE_COLUMNS: Final = ("lead", "settling", "phase")
"""Of a lane: the share of its windows by which it runs ahead, the share in which it settles, its phase in windows."""

BLOCK_COLUMNS: Final = ("block", "size", "shift", "step")
"""Of a block of the stream: its number, its windows, the first one that leaves, and how far on the next one is."""


@compiled()
def _given(lanes: Any, lane_starts: Any, lane: int, number: int, rounds: int) -> Any:
    """Return how many windows a lane has given before a round."""
    time = number / rounds
    ahead = min(min(time, 1.0 - time) / lanes[lane, 1], 1.0)
    windows = lane_starts[lane + 1] - lane_starts[lane]
    return math.floor(windows * (time + lanes[lane, 0] * ahead) + lanes[lane, 2])


@compiled()
def _all_given(lanes: Any, lane_starts: Any, number: int, rounds: int) -> Any:
    """Return how many windows all lanes have given before a round."""
    total = 0
    for lane in range(len(lanes)):
        total += _given(lanes, lane_starts, lane, number, rounds)
    return total


@compiled()
def last_rounds(lanes: Any, lane_starts: Any, starts: Any, rounds: int, last: Any) -> None:
    """Write the last round that needs each block of the stream, whose blocks begin at ``starts``."""
    lane = 0
    for block in range(len(last)):
        while starts[block] >= lane_starts[lane + 1]:
            lane += 1
        wanted = starts[block + 1] - lane_starts[lane]
        low, high = 0, rounds
        while low < high:
            middle = (low + high) // 2
            if _given(lanes, lane_starts, lane, middle, rounds) >= wanted:
                high = middle
            else:
                low = middle + 1
        last[block] = high - 1


@compiled()
def find_windows(
    lanes: Any, lane_starts: Any, starts: Any, blocks: Any, rounds: int,
    begin: int, end: int, start: int, stop: int, number: int, block: Any, offset: Any,
) -> Any:  # fmt: skip
    """Write block and offset of some windows of a step, sorted by lane, and return the first round of the step.

    Parameters
    ----------
    lanes, lane_starts, starts, blocks, rounds
        Columns of `LANE_COLUMNS`; where lanes and blocks begin in the stream, and the end; columns of `BLOCK_COLUMNS`.
    begin, end
        The step takes these windows of all rounds, one after the other.
    start, stop
        Windows of the sorted step that are asked for.
    number
        Guess of the first round.
    block, offset
        Written, dim (window,).
    """
    while _all_given(lanes, lane_starts, number, rounds) > begin:
        number -= 1
    while _all_given(lanes, lane_starts, number + 1, rounds) <= begin:
        number += 1
    after = number + 1
    while _all_given(lanes, lane_starts, after, rounds) < end:
        after += 1
    done = np.empty(after - number, np.int64)
    for turn in range(len(done)):
        done[turn] = _all_given(lanes, lane_starts, number + turn, rounds)
    place = 0
    for lane in range(len(lanes)):
        for turn in range(len(done)):
            low = _given(lanes, lane_starts, lane, number + turn, rounds)
            high = _given(lanes, lane_starts, lane, number + turn + 1, rounds)
            before, done[turn] = done[turn], done[turn] + high - low
            high -= min(max(done[turn] - end, 0), high - low)
            low += min(max(begin - before, 0), high - low)
            first, last = max(low, low + start - place), min(high, low + stop - place)
            if first < last:
                at, to = lane_starts[lane] + first, place + first - low - start
                _copy(starts, blocks, at, block[to : to + last - first], offset[to : to + last - first])
            place += high - low
    return number


@compiled()
def _copy(starts: Any, blocks: Any, at: int, block: Any, offset: Any) -> None:
    """Write block and offset of neighboring windows of the stream, the first of which is ``at``."""
    row, after = 0, len(blocks)
    while after - row > 1:
        middle = (row + after) // 2
        if starts[middle] <= at:
            row = middle
        else:
            after = middle
    here = (blocks[row, 2] + (at - starts[row]) * blocks[row, 3]) % blocks[row, 1]
    for place in range(len(block)):
        if at + place == starts[row + 1]:
            row += 1
            here = blocks[row, 2]
        block[place], offset[place] = blocks[row, 0], here
        here += blocks[row, 3]
        if here >= blocks[row, 1]:
            here -= blocks[row, 1]


DRAW_COLUMNS: Final = ("before", "turn", "every", "windows", "drawn", "start", "offset")
"""Of a stride in a visit: windows of the visit before it, which draws it gives (every so manieth from a turn on), its
windows and draws, where the windows drawn begin, and its first window in the block."""


@compiled()
def find_drawn(rows: Any, first: Any, visit: Any, place: Any) -> None:
    """Replace the places of windows in their visits by the numbers of these windows in their blocks.

    Parameters
    ----------
    rows, first
        Columns of `DRAW_COLUMNS`, and the first row of every visit.
    visit, place
        Dim (window,); `place` is overwritten.
    """
    for i in range(len(visit)):
        low, high = first[visit[i]], first[visit[i] + 1]
        while high - low > 1:
            middle = (low + high) // 2
            if rows[middle, 0] <= place[i]:
                low = middle
            else:
                high = middle
        draw = rows[low, 1] + (place[i] - rows[low, 0]) * rows[low, 2]
        place[i] = rows[low, 6] + (draw * rows[low, 3] + rows[low, 5]) // rows[low, 4]
