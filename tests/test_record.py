"""Records without typing: they behave as typing.NamedTuple does."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import TYPE_CHECKING

import pytest

from kubevitals import model, namedtuple

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class Point(NamedTuple):
    """A point."""

    x: int
    y: int = 7

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self, by: int) -> Point:
        return self._replace(x=self.x + by)


class Same(typing.NamedTuple):
    x: int
    y: int = 7


def test_as_a_named_tuple() -> None:
    """Fields, defaults, order, equality, text and replacement are those of a named tuple."""
    assert Point._fields == Same._fields == ("x", "y")
    assert Point._field_defaults == Same._field_defaults == {"y": 7}
    point = Point(1)
    assert point == (1, 7)
    assert point == Point(x=1, y=7)
    assert repr(point) == "Point(x=1, y=7)"
    assert point._replace(y=2) == Point(1, 2)
    assert point._asdict() == {"x": 1, "y": 7}
    assert Point._make([3, 4]) == Point(3, 4)
    x, y = point
    assert (x, y) == (1, 7)


def test_methods_and_properties() -> None:
    """What else stands in the class body is there."""
    assert Point(1).total == 8
    assert Point(1).moved(2) == Point(3)
    assert Point.__doc__ == "A point."
    assert Point.__module__ == __name__
    assert Point.__qualname__ == "Point"


def test_wrong_arguments() -> None:
    """Missing and unknown fields are TypeErrors."""
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Point(1, z=2)  # type: ignore[call-arg]


def test_immutable() -> None:
    """A record takes no assignment, neither to a field nor to a new name, and no memory for names."""
    point = Point(1)
    for name in ("x", "z"):
        with pytest.raises(AttributeError):
            setattr(point, name, 1)
    assert not hasattr(point, "__dict__")


def test_copies() -> None:
    """The records of the model survive pickling and copying."""
    pod = model.Pod("shop", "web", containers=(model.Container("shop", "web", "app"),))
    assert pickle.loads(pickle.dumps(pod)) == pod
    assert copy.deepcopy(pod) == pod
    assert type(pickle.loads(pickle.dumps(pod))) is model.Pod


def test_the_base_has_no_fields() -> None:
    """The base itself is an empty class."""
    assert not hasattr(namedtuple.NamedTuple, "_fields")
