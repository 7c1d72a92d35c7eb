"""How history is packed: columns, blocks of samples and of steps, and sketches that are merged."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubevitals import errors
from kubevitals.history import blocks, planes, sketch, sums

VALUES = st.lists(st.integers(0, 2**40), min_size=1, max_size=200)
TIME = 1_772_000_000_000


def p95(values: list[int]) -> int:
    return sorted(values)[sums.rank_of_p95(len(values)) - 1]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=70), st.binary(max_size=5))
def test_a_column_comes_back(values: list[int], before: bytes) -> None:
    """Whatever the width, the same numbers come back, and where the column ends is known."""
    data = before + planes.encode(values) + b"tail"
    found, end = planes.decode(data, len(before), len(values))
    assert list(found) == values
    assert data[end:] == b"tail"
    assert planes.skip(data, len(before), len(values)) == end


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_bytes_that_are_no_column_are_refused(data: bytes, start: int, count: int) -> None:
    """Nothing but HistoryError comes of bytes that were not stored by this program."""
    try:
        found, end = planes.decode(data, start, count)
    except errors.HistoryError:
        return
    assert len(found) == count
    assert end <= len(data)


@given(VALUES)
def test_a_sketch_knows_percentiles_within_its_error(values: list[int]) -> None:
    """The 95th percentile is within 1 % of the value with that rank."""
    found = sketch.p95_of(sketch.count(values), len(values), least=min(values), most=max(values))
    assert abs(found - p95(values)) <= sketch.ERROR * p95(values) * 1.000001


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_merged_cells_are_the_cell_of_all_samples(parts: list[list[int]]) -> None:
    """Merging loses nothing: number, extremes and percentile are those of all samples together."""
    merged = blocks.merge([blocks.cell_of(values) for values in parts])
    whole = [value for values in parts for value in values]
    assert (merged.number, merged.least, merged.most) == (len(whole), min(whole), max(whole))
    assert merged.total == sum(whole)
    assert merged.sketch() == sketch.count(whole)
    stats = merged.stats(1)
    assert abs(stats.p95 - p95(whole)) <= sketch.ERROR * p95(whole) * 1.000001


def test_a_percentile_is_never_made_from_percentiles() -> None:
    """Nineteen calm minutes and a wild one: the hour's percentile is not the mean of the minutes'."""
    minutes = [blocks.cell_of([100, 101, 102, 103])] * 19 + [blocks.cell_of([9000, 9001, 9002, 9003])]
    assert blocks.merge(minutes).stats(1).p95 == pytest.approx(103, rel=0.011)


@given(
    st.lists(
        st.builds(
            blocks.RawSample,
            st.integers(1, 2**31),
            st.integers(TIME - 10**8, TIME + 10**6),
            st.none() | st.integers(0, 10**14),
            st.none() | st.integers(0, 2**50),
            st.none() | st.integers(0, 10**7),
        ),
        min_size=1,
        max_size=40,
        unique_by=lambda sample: sample.series,
    )
)
def test_the_samples_of_a_tick_come_back(samples: list[blocks.RawSample]) -> None:
    """All together, or one series alone, exactly as measured."""
    samples.sort()
    body = blocks.encode_raw(TIME, samples)
    assert blocks.decode_raw_whole(body) == samples
    assert [sample[:4] for sample in blocks.decode_raw(body)] == [sample[:4] for sample in samples]
    for sample in samples:
        assert blocks.find_raw(body, sample.series) == sample[1:4]
    assert blocks.find_raw(body, 2**31 + 1) is None


CELLS = st.none() | st.lists(st.integers(0, 2**40), min_size=1, max_size=25).map(blocks.cell_of)
STEPS = st.lists(st.integers(0, 59), min_size=1, max_size=12, unique=True).flatmap(
    lambda places: st.tuples(
        *(st.builds(blocks.Step, st.just(place), CELLS, CELLS) for place in sorted(places))
    ).map(list)
)
PAGES = st.dictionaries(st.integers(1, 2**31), STEPS, min_size=1, max_size=6).map(
    lambda page: sorted(page.items())
)


@settings(max_examples=40)
@given(PAGES)
def test_the_steps_of_a_page_come_back(page: list[tuple[int, list[blocks.Step]]]) -> None:
    """Each series has its steps again, sketches and all, and the totals are those of the cells."""
    body, sketches = blocks.encode_rolled(page)
    rolled = blocks.Rolled(body)
    assert rolled.series == [series for series, _ in page]
    assert list(rolled.steps(sketches)) == page
    last = page[-1][0]
    assert list(rolled.steps(sketches, {last, 2**31 + 1})) == page[-1:]
    totals = rolled.totals()
    start, end = totals.spans[last]
    for index, step in zip(range(start, end), page[-1][1], strict=True):
        assert totals.places[index] == step.place
        assert totals.cpu_numbers[index] == (step.cpu.number if step.cpu else 0)
        assert step.cpu is None or totals.cpu[index] == step.cpu.total
        assert step.memory is None or totals.memory[index] == step.memory.total


@pytest.mark.parametrize("body", [b"", b"nothing", zlib.compress(b"\x05"), zlib.compress(b"\xff" * 40)])
def test_a_damaged_block_is_an_error_of_history(body: bytes) -> None:
    """It is told as such, whatever is in it."""
    with pytest.raises(errors.HistoryError, match="damaged"):
        list(blocks.decode_raw(body))
    with pytest.raises(errors.HistoryError, match="damaged"):
        blocks.Rolled(body)
