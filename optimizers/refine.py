"""Scans from coarse to fine: a lattice whose cells are halved where something happens, best first.

The workflow is that of Heiberg, Plesser (2013), doi:10.3389/conf.fninf.2013.09.00027: parameter scans of networks with
randomized trials, from coarse to fine, never a tested set again. Cells are halved as in adaptive mesh refinement:
Berger, Oliger, J. Comput. Phys. 53 (1984), 484-512, doi:10.1016/0021-9991(84)90073-1. All points lie on one dyadic
lattice, so that a finer scan takes over all of an earlier one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.key_table import KeyTable
from l2l.optimizers.lattice import Lattice
from l2l.optimizers.options import at_least, within
from l2l.optimizers.scan_cells import FINAL, OPEN, WAITING, Cells
from l2l.optimizers.scan_queues import Candidates, Largest
from l2l.optimizers.scan_rules import DOUBTFUL, NONE, Best, Regimes, Rule, parsed, told
from l2l.optimizers.unit_cube import stacked
from l2l.space import ParameterSpace
from l2l.values import Results

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_NEW, _ASKED, _KNOWN, _INFERRED = 0, 1, 2, 3
"""A point that nobody asked, one that is asked or about to be, one whose result is known or that is never simulated,
and one that is taken to be as the two between which it lies."""
_SLENDER = 0.5
"""Share of its longest side below which a side of a cell is not halved, whatever varies along it."""
_INFER_FROM = 2.0
"""Halvings of each axis from which on points are inferred: coarse levels cost little, and miss much."""
_FREE = 256
"""Cells that are halved at once where that asks for few points or none."""
_VERIFY = -1
"""In place of an axis, for cells that are as small as can be and wait for what was only inferred."""


class Refine(Optimizer):
    """Maps a space: lays a coarse lattice over it and halves the cells that deserve it.

    A cell deserves it where a rule of `where` says so. Several rules take turns, each with the cell that it wants most.
    A share of the points goes to the middle of the largest cells in which nothing was found, so that small islands are
    found. Of its longer axes a cell is halved along the one along which it varies most. Where all rules are about
    regimes, a point between two of one regime is taken to be as these from the second halving on, until something near
    it says otherwise. Where trials differ, a cell is halved early only where its points differ by more than the
    standard error. Failed points are a regime of their own. Points that violate a constraint are left out.

    Args:
        space: What is scanned: at most 6 numbers; a lattice for each combination of categories.
        seed: Not used: a scan has no randomness.
        initial: Individuals to begin with, before the lattice; they count as samples.
        start: Points along each axis of the first lattice, for all or by name (5 where a name is left out).
        finest: Points along each axis of the finest, for all or by name (129 where a name is left out): 1 more than
            `start` - 1 doubled some times.
        where: What makes a cell worth halving, one or several: `{boundary: NAME}` (points of different values),
            `{boundary: NAME, at: [1.0, 5.0]}` and `{level: NAME, at: 10.0}` (on different sides of a threshold),
            `{status: true}` (failed or not), `{change: NAME}` (largest differences first), `{best: 0.1}` (at the best
            tenth of the points). NAME is an observable of one number, or an objective.
        explore: Share of the points that go to the largest cells in which nothing was found.
        samples: Points in all, after which the scan is finished; None until no cell is worth halving.
        population: Individuals of a generation.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        OptionError: An option is out of range, `start` and `finest` do not nest, or there are too many numbers.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = Refine(ParameterSpace(x=Real(0.0, 8.0)), start=3, finest=9, population=3, where=[{"best": 0.3}])
        >>> for _ in range(2):
        ...     individuals = search.ask()
        ...     print([individual["x"] for individual in individuals])
        ...     search.tell(individuals, [(individual["x"] - 3.0) ** 2 for individual in individuals])
        [0.0, 4.0, 8.0]
        [6.0, 2.0]
    """

    multi_objective = True
    finite = True

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        start: int | Mapping[str, int] = 5,
        finest: int | Mapping[str, int] = 129,
        where: Sequence[Mapping[str, Any]] = ({"best": 0.1},),
        explore: float = 0.1,
        samples: int | None = None,
        population: int = 100,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 1)
        at_least(self, "samples", samples, 1)
        within(self, "explore", explore, 0.0, 1.0)
        self._rules = parsed(type(self).__name__, where)
        self._regimes = [rule for rule in self._rules if isinstance(rule, Regimes)]
        self._infers = len(self._regimes) == len(self._rules)  # between equal numbers there may be others
        self.lattice = Lattice(type(self).__name__, space, start, finest)
        self.observables = tuple(dict.fromkeys(rule.name for rule in self._rules if rule.name is not None))
        self.population, self.samples, self.explore = population, samples, explore
        self.steady_state = steady_state
        self.total = samples
        self.explores = not any(isinstance(rule, Best) for rule in self._rules)
        self.cells = Cells(self.lattice, len(self._rules))
        self._candidates = [Candidates() for _ in self._rules]
        self._largest = Largest()
        self._points = KeyTable(self.lattice.most_keys)
        self._state: NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self._places: Integers = np.zeros((0, self.lattice.dimension), dtype=np.int64)
        self._combination: Integers = np.zeros(0, dtype=np.int64)
        self._waiting: dict[int, tuple[Integers, Integers]] = {}
        self._probes: tuple[Integers, Integers] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._queue: list[Integers] = []
        self._queued = self._count = self._failed = self._outstanding = 0
        self._explored = self._refined = 0
        self._gain = 1.0  # points per halved cell, as experience says
        self._finished: str | None = None
        self._begin()

    # --- the first lattice -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Queue the first lattices, but for what the initial individuals are already."""
        if self.initial:
            combination, places, on = self.lattice.located(self.space.encode(self.initial))
            rows = self._rows(combination[on], places[on])
            self._state[rows] = _ASKED  # as they were given
        for number in range(self.lattice.combinations):
            places = self.lattice.first(number)
            self._want(self._rows(np.full(len(places), number), places))
        cells = np.arange(self.cells.count)
        self._firsts = cells, self._corner_rows(cells)
        self._largest.add(cells, self._sizes(cells))

    def about(self) -> str:
        """The lattice, its first points, and how many are asked."""
        axes = " × ".join(str(axis.finest) for axis in self.lattice.axes) or "1"
        first = " × ".join(str(axis.start) for axis in self.lattice.axes) or "1"
        size, begin = self.lattice.size(), self.lattice.size(first=True)
        several = f" for {self.lattice.combinations} combinations" if self.lattice.combinations > 1 else ""
        text = f"a lattice of {axes}{several} = {size:,} points, the first of {first} = {begin:,}"
        if self.samples is None:
            return f"{text}; asks until no cell is worth halving"
        asked = min(self.samples, size)
        least = f"; asks {asked:,} of them at most ({asked / size:.2g} of the lattice)"
        small = f"; {begin - asked:,} of the first are left out: raise samples" if asked < begin else ""
        return text + least + small

    # --- ask -------------------------------------------------------------------------------------------------------

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The initial individuals, the first lattice, then points of the cells that deserve it most."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        if self.samples is not None:
            wanted = min(wanted, self.samples - self._count)
        if self._finished or wanted <= 0:
            return []
        given = self.initial[self._count : self._count + wanted]
        self._outstanding += len(given)
        rows = self._next(wanted - len(given))
        individuals, points = self.lattice.individuals(self._combination[rows], self._places[rows])
        if given:
            points = np.concatenate([self.space.encode(given), points])
            individuals = [*given, *individuals]
        self._count += len(individuals)
        self._prepare()
        self._end()
        return self._asked(individuals, points)

    def _next(self, n: int) -> Integers:
        """The rows of the next n points, or of as many as there are."""
        if not self.steady_state:
            self._fill(n)
            return self._take(n)
        taken = [np.zeros(0, dtype=np.int64)]
        for _ in range(n):
            self._prepare()
            taken.append(self._take(1))
        return np.concatenate(taken)

    def _prepare(self) -> None:
        """In steady state have the next point ready, so that to ask for more than there is changes nothing."""
        if self.steady_state:
            self._fill(1)

    def _take(self, n: int) -> Integers:
        queue = np.concatenate(self._queue) if self._queue else np.zeros(0, dtype=np.int64)
        self._queue = [queue[n:]] if len(queue) > n else []
        self._queued = max(len(queue) - n, 0)
        self._outstanding += min(n, len(queue))
        return queue[:n]

    def _fill(self, wanted: int) -> None:
        """Queue so many points, if there are as many.

        Where the rules want fewer, exploring fills a generation. In steady state it waits for results instead, unless
        all `samples` are to be spent.
        """
        while self._queued < wanted:
            short = wanted - self._queued
            due = self.explore * (self._refined + self._explored + short) - self._explored
            if due >= 1.0 and self._look_around(min(int(due), short)):
                continue
            if self._halve(short):
                continue
            patient = self.steady_state and self.samples is None and self._outstanding + self._queued > 0
            if patient or not self._look_around(short):
                return

    def _halve(self, short: int) -> bool:
        """Let the cells that deserve it most be halved; whether there were any."""
        cells = self._deserving(max(1, int(short / self._gain)))
        if not len(cells):
            return False
        before = self._queued
        self._wait(cells)
        gained = self._queued - before
        self._refined += gained
        self._gain = max(0.5, 0.8 * self._gain + 0.2 * gained / len(cells))
        if gained < len(cells):
            self._advance()
        return True

    def _deserving(self, n: int) -> Integers:
        """The n cells that the rules want most, in turns."""
        lists = [
            queue.top(n, self.cells.scores[:, place], self.cells.state) for place, queue in enumerate(self._candidates)
        ]
        if len(lists) == 1:
            return lists[0]
        # A rule that has only doubtful cells waits until no other has better ones.
        surest = max((self.cells.scores[one[0], place] for place, one in enumerate(lists) if len(one)), default=NONE)
        if surest > -DOUBTFUL / 2:
            lists = [one[self.cells.scores[one, place] > -DOUBTFUL / 2] for place, one in enumerate(lists)]
        ranks = np.concatenate([np.arange(len(one)) for one in lists])
        cells = np.concatenate(lists)[np.argsort(ranks, kind="stable")]
        _, first = np.unique(cells, return_index=True)
        return cells[np.sort(first)][:n]

    def _look_around(self, n: int) -> bool:
        """Queue the middles of the largest cells in which nothing was found; whether there were such cells."""
        # Cells whose middle is known are halved for nothing where the rest can be inferred: many at once.
        cells = self._largest.take(max(n, _FREE) if self._infers else n, self._explorable)
        if not len(cells):
            return False
        probed = self.cells.probed[cells]
        before = self._queued
        if probed.any():
            self._wait(cells[probed])
        fresh = cells[~probed]
        self._largest.add(fresh[n:], self._sizes(fresh[n:]))
        fresh = fresh[:n]
        if len(fresh):
            rows = self._rows(*self.cells.middle(fresh))
            self._want(rows)
            self.cells.state[fresh] = WAITING
            self._probes = np.concatenate([self._probes[0], fresh]), np.concatenate([self._probes[1], rows])
        gained = self._queued - before
        self._explored += gained
        if gained < len(cells):
            self._advance()
        return True

    def _explorable(self, cells: Integers) -> NDArray[np.bool_]:
        """Whether cells are open and no rule will halve them for a difference of regimes."""
        found: NDArray[np.bool_] = self.cells.state[cells] == OPEN
        for place, rule in enumerate(self._rules):
            if isinstance(rule, Regimes):
                found &= self.cells.scores[cells, place] < -DOUBTFUL / 2
        return found

    def _wait(self, cells: Integers) -> None:
        """Queue the points that cells lack to be halved."""
        axes = self._axes_of(cells)
        for axis in np.flatnonzero(np.bincount(axes + 1)).tolist():
            chosen = cells[axes == axis - 1]
            block = self._verified(chosen) if axis - 1 == _VERIFY else self._halfway(chosen, axis - 1)
            if axis - 1 in self._waiting:
                before = self._waiting[axis - 1]
                chosen, block = np.concatenate([before[0], chosen]), np.concatenate([before[1], block])
            self._waiting[axis - 1] = chosen, block
        self.cells.state[cells] = WAITING

    def _halfway(self, cells: Integers, axis: int) -> Integers:
        """(m, k) rows of the blocks of cells, of which those are queued that cannot be inferred."""
        pattern = self.cells.pattern(axis)
        block = self._rows(*self.cells.block(cells, pattern)).reshape(len(cells), -1)
        rows = block[:, pattern.edges[:, 0]].reshape(-1)
        if self._infers:
            one = block[:, pattern.edges[:, 1]].reshape(-1)
            other = block[:, pattern.edges[:, 2]].reshape(-1)
            agree = (self._state[one] >= _KNOWN) & (self._state[other] >= _KNOWN)
            agree &= np.repeat(self.cells.level(cells) >= _INFER_FROM, len(pattern.edges))
            inferred = self._state[rows] == _INFERRED
            for rule in self._regimes:
                agree &= rule.agree(one, other) & (~inferred | (rule.labels(rows) == rule.labels(one)))
            self._want(rows[~agree])
            agree &= self._state[rows] == _NEW
            for rule in self._regimes:
                rule.infer(rows[agree], one[agree])
            self._state[rows[agree]] = _INFERRED
        else:
            self._want(rows)
        return block

    def _verified(self, cells: Integers) -> Integers:
        """(m, k) rows of the corners of cells, of which those are queued that were inferred."""
        corners = self._corner_rows(cells)
        self._want(corners.reshape(-1))
        return corners

    def _axes_of(self, cells: Integers) -> Integers:
        """(m,) along which axis cells are to be halved: of the longer ones that along which they vary most."""
        can = self.cells.divisible[cells]
        if not can.any():
            return np.full(len(cells), _VERIFY)
        corners = self._corner_rows(cells)
        total = np.zeros(can.shape)
        for place, rule in enumerate(self._rules):
            variation = np.stack([self._variation(rule, corners, axis) for axis in range(can.shape[1])], axis=1)
            wanted = self.cells.scores[cells, place] > NONE
            largest = variation.max(axis=1, keepdims=True)
            total += np.where(wanted[:, None] & (largest > 0), variation / np.where(largest > 0, largest, 1.0), 0.0)
        share = np.where(can, self.cells.side[cells] / (self.lattice.finest - 1), 0.0)
        long = share >= share.max(axis=1, keepdims=True, initial=0.0) * _SLENDER
        weight = np.where(can & long, (total + 1e-3) * share, -1.0)
        return np.where(can.any(axis=1), weight.argmax(axis=1), _VERIFY)

    def _variation(self, rule: Rule, corners: Integers, axis: int) -> Floats:
        lower = np.flatnonzero(self.cells.corner_bits[:, axis] == 0)
        upper = np.flatnonzero(self.cells.corner_bits[:, axis] == 1)
        found: Floats = rule.differ(corners[:, lower], corners[:, upper]).sum(axis=1)
        return found

    # --- points ----------------------------------------------------------------------------------------------------

    def _rows(self, combination: Integers, places: Integers) -> Integers:
        """The rows of points, new ones for those that did not come up before."""
        before = len(self._points)
        keys = self.lattice.keys(combination, places)
        rows = self._points.add(keys)
        after = len(self._points)
        if after > before:
            if after > len(self._state):
                more = max(after, 2 * len(self._state), 1024) - len(self._state)
                self._state = np.concatenate([self._state, np.zeros(more, dtype=np.int8)])
                self._combination = np.concatenate([self._combination, np.zeros(more, dtype=np.int64)])
                self._places = np.concatenate([self._places, np.zeros((more, places.shape[1]), dtype=np.int64)])
            for rule in self._rules:
                rule.room(after)
            new = np.flatnonzero(rows >= before)[::-1]  # of equal points the first comes last, and stays
            self._combination[rows[new]], self._places[rows[new]] = combination[new], places[new]
            if self.space.constraints:
                self._leave_out(np.arange(before, after))
        return rows

    def _leave_out(self, rows: Integers) -> None:
        """Never ask what violates a constraint."""
        individuals, _ = self.lattice.individuals(self._combination[rows], self._places[rows])
        self._state[rows[~self.space.feasible(individuals)]] = _KNOWN

    def _want(self, rows: Integers) -> None:
        """Queue points that nobody asked, in the order in which they came up first."""
        state = self._state[rows]
        rows = rows[(state == _NEW) | (state == _INFERRED)]
        if len(rows):
            rows = np.unique(rows)
            self._state[rows] = _ASKED
            self._queue.append(rows)
            self._queued += len(rows)

    def _corner_rows(self, cells: Integers) -> Integers:
        """(m, k) rows of the corners of cells."""
        return self._points.find(self.lattice.keys(*self.cells.corners(cells))).reshape(len(cells), -1)

    # --- tell ------------------------------------------------------------------------------------------------------

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Learn what the points are, halve the cells whose points are all known, and judge what came of it."""
        checked = self._told(individuals, costs)
        if not len(individuals):
            return
        self._outstanding -= len(individuals)
        self._failed += int(np.isinf(checked).any(axis=1).sum())
        combination, places, on = self.lattice.located(stacked(self.told_points))
        rows = self._points.find(self.lattice.keys(combination, places))
        place = np.flatnonzero(on & (rows >= 0))
        rows = rows[place]
        if len(rows):
            said = told(self, rows, place, checked, results)
            before = [rule.labels(rows) for rule in self._regimes]
            for rule in self._rules:
                rule.learn(said)
            self._state[rows] = _KNOWN
            surprising = np.zeros(len(rows), dtype=bool)
            for rule, labels in zip(self._regimes, before, strict=True):
                surprising |= (labels > 0) & (labels != rule.labels(rows))
            self._advance()
            self._touch(rows, surprising)
            self._look_again()
        self._prepare()
        self._end()

    def _advance(self) -> None:
        """Halve the cells whose points are known, and note what was found in the middle of others."""
        cells, corners = self._firsts
        if len(cells):
            known = (self._state[corners] >= _KNOWN).all(axis=1)
            self._firsts = cells[~known], corners[~known]
            self._meet(cells[known], corners[known])
            self._judge(cells[known], corners[known])
        cells, rows = self._probes
        if len(cells):
            known = self._state[rows] == _KNOWN
            done = cells[known]
            self._probes = cells[~known], rows[~known]
            if len(done):
                self.cells.inside[done] = rows[known]
                self.cells.probed[done] = True
                self.cells.state[done] = OPEN
                self._judge(done)
        made = []
        for axis, (cells, block) in list(self._waiting.items()):
            known = (self._state[block] >= _KNOWN).all(axis=1)
            if known.any():
                self._waiting[axis] = cells[~known], block[~known]
                made.append(self._split(axis, cells[known], block[known]))
        if made:
            children, corners = (np.concatenate(part) for part in zip(*made, strict=True))
            self._meet(children, corners)
            self._judge(children, corners)

    def _split(self, axis: int, cells: Integers, block: Integers) -> tuple[Integers, Integers]:
        """Give cells their children; the rows of these (c,) and of their corners (c, k)."""
        if axis == _VERIFY:
            self.cells.state[cells] = FINAL
            return np.zeros(0, dtype=np.int64), np.zeros((0, len(self.cells.corner_bits)), dtype=np.int64)
        inside = self.cells.inside[cells]
        places = np.where(inside[:, None] >= 0, self._places[inside], -1)
        children = self.cells.halve(cells, axis, places).reshape(-1)
        return children, block[:, self.cells.pattern(axis).children].reshape(len(children), -1)

    def _meet(self, cells: Integers, corners: Integers) -> None:
        """Let rules know which points are neighbours now."""
        if not self._regimes or not self.lattice.dimension:
            return
        bits = self.cells.corner_bits
        level = np.repeat(self.cells.level(cells), len(bits) // 2)
        for axis in range(self.lattice.dimension):
            lower, upper = corners[:, bits[:, axis] == 0].reshape(-1), corners[:, bits[:, axis] == 1].reshape(-1)
            for rule in self._regimes:
                rule.neighbours(lower, upper, axis, level)

    def _judge(self, cells: Integers, corners: Integers | None = None) -> None:
        """Let each rule say how much cells deserve to be halved, and remember them."""
        cells_open = self.cells.state[cells] == OPEN
        if not cells_open.all():
            cells = cells[cells_open]
            corners = None if corners is None else corners[cells_open]
        if not len(cells):
            return
        corners = self._corner_rows(cells) if corners is None else corners
        inside = self.cells.inside[cells]
        if (inside >= 0).any():
            corners = np.concatenate([corners, inside[:, None]], axis=1)
        states = self._state[corners]
        known = np.where(states >= _KNOWN, corners, -1)
        size = self.cells.size(cells)
        divisible = self.cells.divisible[cells].any(axis=1)
        useful = divisible | ((states == _INFERRED) | (states == _ASKED)).any(axis=1)
        scores = np.full((len(cells), len(self._rules)), NONE)
        for place, rule in enumerate(self._rules):
            scores[:, place] = np.where(useful, rule.judge(known, size), NONE)
            self._candidates[place].add(cells[scores[:, place] > NONE])
        self.cells.scores[cells] = scores
        done = ~divisible & (scores == NONE).all(axis=1) & (states >= _KNOWN).all(axis=1)
        self.cells.state[cells[done]] = FINAL
        self._largest.add(cells[divisible], self._sizes(cells[divisible]))

    def _sizes(self, cells: Integers) -> Integers:
        """(m,) how large cells are; one of which the middle is known counts half."""
        doubled: Integers = np.rint(2 * self.cells.volume[cells]).astype(np.int64)
        return doubled - 2 * self.cells.probed[cells]

    def _touch(self, rows: Integers, surprising: NDArray[np.bool_]) -> None:
        """Let cells know of points on their faces and edges that differ from what they have.

        Args:
            rows: Of points that became known.
            surprising: Whether they had been inferred, and are otherwise.
        """
        places = self._places[rows]
        cells = self.cells.around(self._combination[rows], places)
        which, _ = np.nonzero(cells >= 0)
        flat = cells[cells >= 0]
        open_ = self.cells.state[flat] == OPEN
        flat, which = flat[open_], which[open_]
        low, side, beside = self.cells.low[flat], self.cells.side[flat], places[which]
        corner = ((beside == low) | (beside == low + side)).all(axis=1)
        again = [flat[corner & surprising[which]]]
        flat, hanging = flat[~corner], rows[which[~corner]]
        if len(flat):
            first = self._corner_rows(flat)[:, 0]
            differs = np.zeros(len(flat), dtype=bool)
            for place, rule in enumerate(self._rules):
                if isinstance(rule, Regimes):
                    differs |= (rule.differ(first, hanging) > 0.0) & (self.cells.scores[flat, place] == NONE)
                else:
                    differs |= self.cells.inside[flat] < 0
            self.cells.inside[flat[differs]] = hanging[differs]
            again.append(flat[differs])
        some = np.concatenate(again)
        if len(some):
            self._judge(np.unique(some))

    def _look_again(self) -> None:
        """Judge all open cells anew where a rule has changed its mind."""
        if [rule for rule in self._rules if rule.look_again()]:
            cells = np.flatnonzero(self.cells.state[: self.cells.count] == OPEN)
            for start in range(0, len(cells), 2**16):
                self._judge(cells[start : start + 2**16])

    # --- how it stands ---------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Say why there is nothing more to ask, once that is so."""
        if self._finished:
            return
        if self.samples is not None and self._count >= self.samples:
            self._finished = f"all {self.samples} samples are asked"
        if self._queued or self._outstanding > 0 or self._count < len(self.initial):
            return
        if not self._wanted(doubtful=True) and not self._largest.any(self._explorable):
            self._finished = "all points of the lattice are asked"
        elif self.samples is None and not self._wanted(doubtful=False):
            self._finished = "no cell is worth halving any more"

    def _wanted(self, *, doubtful: bool) -> int:
        """How many cells deserve to be halved."""
        least = NONE if doubtful else -DOUBTFUL / 2
        return max(
            queue.count(self.cells.scores[:, place], self.cells.state, least)
            for place, queue in enumerate(self._candidates)
        )

    def report(self) -> Mapping[str, float]:
        """Points asked, how many failed, cells worth halving, the widest cell not halved."""
        return {
            "asked": float(self._count),
            "failed": float(self._failed),
            "worth_halving": float(self._wanted(doubtful=False)),
            "widest": self.cells.widest,
        }

    @property
    def finished(self) -> str | None:
        """Once all samples are asked, or no cell is worth halving."""
        return self._finished
