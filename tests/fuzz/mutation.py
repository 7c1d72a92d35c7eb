"""Altering a seed: bytes are turned, cut, repeated, replaced by words, or joined with another seed's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

WORDS: tuple[bytes, ...] = (
    b"", b"\0", b"\n", b"\r\n",
    b"\x1b[31m", b"\xff\xfe", "\u202e".encode(), "\U0001f4a5".encode(), b"\xed\xa0\x80",
    b"-1", b"0", b"1e999", b"NaN",
    b"-Infinity", b"18446744073709551616", b"9" * 20, b"9" * 400, b"null", b"true",
    b'""', b"{}", b"[]", b"[" * 500, b"(" * 500, b'{"a":' * 200, b" ", b"\t",
    b",", b":", b"=", b"--", b"../", b"%00",
    b"%0a", b"*", b"&", b"'", b'"', b"\\", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:60Z",
)  # fmt: skip
"""What has been trouble somewhere before."""

LONGEST = 64 << 10


def mutate(random: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Return one of the seeds after a few alterations; sometimes the seed itself."""
    data = random.choice(seeds)
    known = (*words, *WORDS) if words else WORDS
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 5, 9))):
        data = _alter(random, data, seeds, known)[:LONGEST]
    return data


def _alter(random: random.Random, data: bytes, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + int(random.paretovariate(0.7)))
    match random.randrange(9):
        case 0:  # a bit
            if start < len(data):
                return data[:start] + bytes([data[start] ^ (1 << random.randrange(8))]) + data[start + 1 :]
        case 1:  # a byte
            return data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]
        case 2:  # a part goes
            return data[:start] + data[end:]
        case 3:  # a part comes again
            return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:]
        case 4:  # the end goes
            return data[:start]
        case 5:  # a word is put in
            return data[:start] + random.choice(words) + data[start:]
        case 6:  # a word takes the place of another
            return _replace_word(random, data, words)
        case 7:  # it goes on as another seed
            other = random.choice(seeds)
            return data[:start] + other[random.randrange(len(other) + 1) :]
        case 8:  # a part moves
            rest = data[:start] + data[end:]
            to = random.randrange(len(rest) + 1)
            return rest[:to] + data[start:end] + rest[to:]
    return data


def _replace_word(random: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """Replace a run of letters and digits, which is what a value is in most formats."""
    if not data:
        return random.choice(words)
    start = random.randrange(len(data))
    while start and _in_word(data[start - 1]):
        start -= 1
    end = start + 1
    while end < len(data) and _in_word(data[end]):
        end += 1
    return data[:start] + random.choice(words) + data[end:]


def _in_word(byte: int) -> bool:
    return chr(byte).isalnum() or byte > 127 or byte in b"_-."
