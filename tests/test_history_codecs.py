"""How history is stored: columns of numbers, blocks of samples, ticks, hours and sketches."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubevitals import errors
from kubevitals.history import aggregation, columns, hours, samples, sketch

NUMBERS = st.none() | st.integers(-(2**40), 2**60)
VALUES = st.lists(st.integers(0, 2**40), min_size=1, max_size=200)
TIME = 1_772_000_000_000
KNOWN = st.none() | st.integers(0, 10**14)


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[aggregation.rank_of(share, len(values)) - 1]


@given(st.lists(NUMBERS, max_size=70), st.binary(max_size=5))
def test_a_column_comes_back(values: list[int | None], before: bytes) -> None:
    """Whatever the width, the same numbers come back, and where the column ends is known."""
    for encode, decode in (
        (columns.encode, columns.decode),
        (columns.encode_changes, columns.decode_changes),
    ):
        data = before + encode(values) + b"tail"
        found, end = decode(data, len(before), len(values))
        assert found == values
        assert data[end:] == b"tail"
    data = before + columns.encode(values) + b"tail"
    for index, value in enumerate(values):
        assert columns.pick(data, len(before), len(values), index) == (value, len(data) - 4)


@given(st.integers(-(2**50), 2**50), st.integers(1, 500))
def test_a_constant_takes_its_head_alone(value: int, count: int) -> None:
    """A column of one number, or of none, is as short as for a single one."""
    assert len(columns.encode([value] * count)) <= 3 + 8 + 1
    assert len(columns.encode([None] * count)) <= 5


def test_a_common_divisor_is_stored_once() -> None:
    """Sizes in pages take as many bytes as the numbers of the pages."""
    pages = [70_000 + place * 3 % 200 for place in range(100)]
    assert len(columns.encode([page * 4096 for page in pages])) <= 100 + 12


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_bytes_that_are_no_column_are_refused(data: bytes, start: int, count: int) -> None:
    """Nothing but HistoryError comes of bytes that were not stored by this program."""
    try:
        found, end = columns.decode(data, start, count)
    except errors.HistoryError:
        return
    assert len(found) == count
    assert end <= max(len(data), start + 3 + 510)


BLOCKS = st.lists(
    st.tuples(
        st.integers(1, 10**6),
        st.integers(TIME, TIME + 10**8),
        KNOWN,
        st.none() | st.integers(0, 2**50),
        st.none() | st.integers(0, 10**7),
        st.none() | st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=60,
).map(lambda rows: samples.Block(*map(list, zip(*rows, strict=True))))


@given(BLOCKS)
def test_a_block_comes_back(block: samples.Block) -> None:
    """All of it, or what points are made of, exactly as measured."""
    body = samples.encode(block)
    assert samples.decode_whole(body) == block
    assert samples.decode(body) == block.samples


@given(
    st.lists(
        st.builds(
            samples.Sample,
            st.integers(1, 2**31),
            st.integers(TIME - 10**8, TIME + 10**6),
            KNOWN,
            st.none() | st.integers(0, 2**50),
            st.none() | st.integers(0, 10**7),
            st.none() | st.integers(0, 10_000),
        ),
        min_size=1,
        max_size=40,
        unique_by=lambda sample: sample.series,
    )
)
def test_the_samples_of_a_tick_come_back(found: list[samples.Sample]) -> None:
    """All together, or one series alone, exactly as measured."""
    body = samples.encode_tick(TIME, found)
    assert samples.decode_tick(body) == found
    expected = {sample.series: ([sample.time] * 2, [sample.cpu] * 2, [sample.memory] * 2) for sample in found}
    both = dict(samples.join_ticks([body, body]))
    assert {number: each[:3] for number, each in both.items()} == expected
    wanted = {found[0].series, found[-1].series, 2**31 + 1}
    few = dict(samples.find_in_ticks([body, body], wanted))
    assert few == {number: both[number] for number in wanted if number in both}


@given(VALUES, st.floats(0, 100))
def test_a_sketch_knows_percentiles_within_its_error(values: list[int], share: float) -> None:
    """Each percentile is within 1 % of the value with that rank, and the extremes are exact."""
    cell = hours.cell_of(values)
    assert cell is not None
    near, least, most = cell.stats((share, 0, 100)).percentiles
    exact = percentile(values, share)
    assert abs(near - exact) <= sketch.ERROR * exact * 1.000001
    assert (least, most) == (min(values), max(values))


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_merged_cells_are_the_cell_of_all_samples(parts: list[list[int]]) -> None:
    """Merging loses nothing: number, total, extremes and sketch are those of all samples together."""
    merged = hours.merge([hours.cell_of(values) for values in parts])
    whole = [value for values in parts for value in values]
    assert merged is not None
    assert (merged.number, merged.total) == (len(whole), sum(whole))
    assert (merged.least, merged.most) == (min(whole), max(whole))
    assert merged.sketch() == sketch.count(whole)


def test_a_percentile_is_never_made_from_percentiles() -> None:
    """Nineteen calm hours and a wild one: the day's percentile is not the mean of the hours'."""
    parts = [hours.cell_of([100, 101, 102, 103])] * 19 + [hours.cell_of([9000, 9001, 9002, 9003])]
    merged = hours.merge(parts)
    assert merged is not None
    assert merged.stats((95,)).percentiles[0] == pytest.approx(103, rel=0.011)


ROWS = st.lists(
    st.tuples(
        st.integers(TIME, TIME + 10 * hours.HOUR),
        KNOWN,
        st.none() | st.integers(0, 2**50),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=80,
    unique_by=lambda row: row[0],
).map(lambda rows: aggregation.Samples(*map(list, zip(*sorted(rows, key=lambda row: row[0]), strict=True))))


@settings(max_examples=50)
@given(ROWS, st.integers(0, 80))
def test_hours_come_back(found: aggregation.Samples, cut: int) -> None:
    """Each sample is in one hour, however the samples are parted; stored hours are the same ones."""
    whole = hours.of_samples(found)
    assert hours.decode(hours.encode(whole)) == whole
    assert sum(hour.memory.number for hour in whole if hour.memory) == len(
        [each for each in found.memory if each is not None]
    )
    times, cpu, memory, shares = found
    assert shares is not None
    first = aggregation.Samples(times[:cut], cpu[:cut], memory[:cut], shares[:cut])
    rest = aggregation.Samples(times[cut:], cpu[cut:], memory[cut:], shares[cut:])
    joined = hours.join([*hours.of_samples(first), *hours.of_samples(rest)])
    assert [hour.number for hour in joined] == [hour.number for hour in whole]
    for one, other in zip(joined, whole, strict=True):
        for mine, theirs in ((one.cpu, other.cpu), (one.memory, other.memory)):
            assert mine == theirs or (
                mine and theirs and mine[:4] == theirs[:4] and mine.sketch() == theirs.sketch()
            )


@pytest.mark.parametrize("body", [b"", b"nothing", zlib.compress(b"\x05"), zlib.compress(b"\xff" * 40)])
def test_a_damaged_block_is_an_error_of_history(body: bytes) -> None:
    """It is reported as such, whatever is in it."""
    for decode in (samples.decode, samples.decode_whole, samples.decode_tick, hours.decode):
        with pytest.raises(errors.HistoryError, match="damaged"):
            decode(body)
