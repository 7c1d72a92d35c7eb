from __future__ import annotations

import string
import time
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import yaml
from hypothesis import strategies

from kubevitals.kube.auth import plainyaml

if TYPE_CHECKING:
    from random import Random

USUAL = """\
apiVersion: v1
kind: Config
current-context: prod # the default
preferences: {}
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTi8rPT0=
    server: https://prod.example.test:6443
    insecure-skip-tls-verify: false
  name: prod
- name: lab
  cluster:
    server: "https://[::1]:6443"
contexts:
  - context:
      cluster: prod
      namespace: team-1
      user: 'o''brien'
    name: prod
users:
- name: o'brien
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: ./bin/gke-gcloud-auth-plugin
      args:
      - --cluster-name
      - -n
      - "123"
      env: null
      installHint: Install gke-gcloud-auth-plugin for use with kubectl by following
        https://cloud.google.com/blog/products
      provideClusterInfo: true
"""

PLAIN = {
    "usual": USUAL,
    "leading marker": "---\na: b\n",
    "no line end": "a: b",
    "windows line ends": "a: b\r\nc:\r\n- d\r\n",
    "whole document indented": "  a: b\n  c: 1\n",
    "comments": "# one\na: b # two\n\n  # three\nc: d#e\n",
    "empty values": "a:\nb: ~\nc: null\nd: []\ne: {} # none\nf: ''\n",
    "null items": "a:\n-\n- b\n-\n",
    "top sequence": "- a\n- b: c\n  d: e\n",
    "bools": "a: yes\nb: Off\nc: TRUE\nd: n\n",
    "ints": "a: 0\nb: 12\nc: 123456789012345678\n",
    "options": "a:\n- --x=y\n- -n\n- ./p\n- ../p\n- 1.dkr\n",
    "deeper items": "a:\n    - b\n    - c: d\n",
    "nested under dash": "a:\n-\n  b: c\n",
    "quoted hash and colon": "a: 'b: c # d'\nb: \"e: f # g\"\n",
}

NOT_PLAIN = {
    "empty": "",
    "comment only": "# nothing\n",
    "anchor": "a: &x b\nc: *x\n",
    "tag": "a: !!str 1\n",
    "literal block": "a: |\n  b\n",
    "folded block": "a: >-\n  b\n",
    "flow mapping": "a: {b: c}\n",
    "flow sequence": "a: [b]\n",
    "multi-line quoted": 'a: "b\n  c"\n',
    "blank line in a plain scalar": "a: b\n\n  c\n",
    "comment in a plain scalar": "a: b # c\n  d\n",
    "tab": "a:\tb\n",
    "second document": "a: b\n---\nc: d\n",
    "document end": "a: b\n...\n",
    "directive": "%YAML 1.1\n---\na: b\n",
    "duplicate key": "a: b\na: c\n",
    "merge key": "a: b\n<<: c\n",
    "escape": 'a: "b\\n"\n',
    "float": "a: 1.5\n",
    "octal": "a: 0755\n",
    "hex": "a: 0x1f\n",
    "sexagesimal": "a: 1:30\n",
    "date": "a: 2024-01-01\n",
    "underscored int": "a: 1_000\n",
    "signed": "a: -1\n",
    "infinity": "a: .inf\n",
    "bool key": "on: a\n",
    "int key": "1: a\n",
    "quoted key": '"a": b\n',
    "question key": "? a\n: b\n",
    "compact nested sequence": "- - a\n",
    "bad dedent": "a:\n    b: c\n  d: e\n",
    "item among keys": "a: b\n- c\n",
    "scalar document": "hello\n",
    "no space after colon": "a:b\n",
    "two colons": "a: b: c\n",
    "not ASCII": "a: ü\n",
    "control character": "a: \x00\n",
    "lone carriage return": "a: b\rc: d\n",
    "too deep": "\n".join("  " * level + "a:" for level in range(40)),
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN.keys())
def test_plain_documents_are_read_as_pyyaml_reads_them(text: str) -> None:
    """Each plain document is read, with PyYAML's values and types."""
    parsed = plainyaml.parse_plain(text)
    assert parsed is not None
    assert same(parsed, yaml.safe_load(text))


@pytest.mark.parametrize("text", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_anything_else_is_left_to_pyyaml(text: str) -> None:
    """Whatever is not plain gives None, never a guess."""
    assert plainyaml.parse_plain(text) is None


def same(one: object, two: object) -> bool:
    """Equal, and of the same types all the way down (True is not 1)."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict) and isinstance(two, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


TRICKY = [
    *("yes", "no", "on", "off", "y", "n", "null", "~", "True", "-", "--", "---", "...", "?", ":", "#", "<<"),
    *("0", "007", "1_0", "0x1", "1e3", "1.5", ".5", "-.inf", ".nan", "12:30", "2024-01-01", "=", "", "1 2"),
    *(
        "2024-01-01 10:00:00",
        "a: b",
        "a #b",
        "a# b",
        "- a",
        "'",
        '"',
        "''",
        "a'b",
        " a",
        "a ",
        "a\nb",
        "a\\b",
    ),
    *(
        "{}",
        "[]",
        "*a",
        "&a",
        "!a",
        "@",
        "`",
        "%a",
        "+1",
        "+a",
        "a:",
        "a:b",
        ".",
        "..",
        "\u00e9",
        "a\tb",
        "-n",
    ),
    *("https://[::1]:6443", "10.0.0.1", "10.0.0.1:6443", "LS0tLQ==", "./p", "../p", "--x", "word " * 40),
]
SCALARS: strategies.SearchStrategy[Any] = (
    strategies.sampled_from(TRICKY)
    | strategies.text(string.ascii_letters + string.digits + "-_./:=+ #'\"", max_size=12)
    | strategies.booleans()
    | strategies.none()
    | strategies.integers(-5, 10**20)
    | strategies.floats(allow_nan=False)
)
KEYS = strategies.sampled_from(
    ["apiVersion", "clusters", "name", "certificate-authority-data", "a.b/c", "on", "1", "no", "~", "x y"]
) | strategies.text(string.ascii_letters + "-_.:", min_size=1, max_size=6)
DOCUMENTS: strategies.SearchStrategy[Any] = strategies.recursive(
    SCALARS,
    lambda inner: strategies.dictionaries(KEYS, inner, max_size=4) | strategies.lists(inner, max_size=4),
    max_leaves=16,
)
STYLES = strategies.fixed_dictionaries(
    {
        "indent": strategies.sampled_from([2, 3, 4, 8]),
        "width": strategies.sampled_from([20, 80, 1000]),
        "default_flow_style": strategies.sampled_from([False, False, None, True]),
        "default_style": strategies.sampled_from([None, None, "'", '"', "|"]),
        "explicit_start": strategies.booleans(),
        "sort_keys": strategies.booleans(),
        "line_break": strategies.sampled_from(["\n", "\r\n"]),
    }
)


# PyYAML has no compiled reader where it was built without libyaml.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Indented(yaml.SafeDumper):
    """Indents sequences below their key, as many tools do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow=flow, indentless=False)


def check(text: str) -> object | None:
    parsed = plainyaml.parse_plain(text)
    if parsed is not None:
        assert same(parsed, yaml.load(text, Loader=LOADER)), text
    return parsed


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(DOCUMENTS, STYLES, strategies.booleans())
def test_dumped_documents(document: Any, style: dict[str, Any], indented: bool) -> None:
    """Every document dumped by PyYAML in any style is read alike or left alone."""
    check(yaml.dump(document, Dumper=Indented if indented else yaml.SafeDumper, **style))


LINES = strategies.builds(
    lambda indent, dash, key, value: " " * indent + dash + key + value,
    strategies.sampled_from([0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 6]),
    strategies.sampled_from(["", "", "", "- ", "-   ", "-", "- - "]),
    strategies.sampled_from(["", "a: ", "b: ", "c:", "dd:   ", "e : ", "on: ", "'f': "]),
    strategies.sampled_from(
        [
            "",
            "",
            "x",
            "x y",
            "'q'",
            "'q",
            '"r" # z',
            "# w",
            "x # w",
            "|",
            ">",
            "{}",
            "[]",
            "[x]",
            *TRICKY[:36],
        ]
    ),
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(strategies.lists(LINES, max_size=7))
def test_random_lines(lines: list[str]) -> None:
    """Lines put together at random, mostly not YAML at all, are read alike or left alone."""
    text = "\n".join(lines)
    parsed = plainyaml.parse_plain(text)
    if parsed is not None:
        assert same(parsed, yaml.load(text, Loader=LOADER)), text


class Writer:
    """Writes a random tree as a person might: any indent, comments, blank lines, items at any depth."""

    VALUES = (
        *("", "x", "x y", "'q'", "'it''s'", '"r"', "{}", "[]", "yes", "~", "12", "--a=b", "-n", "./p", "/p"),
        *(
            "https://h:1/",
            "LS0tLQ==",
            "x\n",
            "x\n+y z",
            "x y\n+/z\n++w",
            "'a'\n+b",
            "x # c\n+y",
            "0x1",
            "- x",
        ),
    )
    COMMENTS = ("", "", "", "", " # c", "  #", " #'", "# c")

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: list[str] = []

    def value(self, indent: int) -> str:
        deeper = " " * self.random.choice([indent, indent + 1, indent + 2, indent + 2])
        text = self.random.choice(self.VALUES).replace("+", deeper)
        return text + self.random.choice(self.COMMENTS)

    def block(self, indent: int, depth: int, start: str | None = None) -> None:
        """Write one block; `start` is what already stands before it on its first line."""
        write = self.mapping if self.random.random() < 0.6 or start is not None else self.sequence
        write(indent, depth, start)
        if self.random.random() < 0.1:
            self.lines.append(self.random.choice(["", "# c", "    # c", "  "]))

    def mapping(self, indent: int, depth: int, start: str | None = None) -> None:
        for key in self.random.sample(["a", "b-c", "d.e/f", "g_h"], self.random.randint(1, 3)):
            head = (start if start is not None else " " * indent) + key + ":"
            start = None
            if depth == 0 or self.random.random() < 0.5:
                self.lines.append(f"{head} {self.value(indent)}")
            else:
                self.lines.append(head + self.random.choice(self.COMMENTS))
                self.block(indent + self.random.choice([0, 1, 2, 2, 2, 4]), depth - 1)

    def sequence(self, indent: int, depth: int, start: str | None = None) -> None:
        del start
        for _ in range(self.random.randint(1, 3)):
            head = " " * indent + "-" + " " * self.random.choice([1, 1, 1, 3])
            if depth == 0 or self.random.random() < 0.4:
                self.lines.append(head + self.value(indent))
            elif self.random.random() < 0.7:
                self.block(len(head), depth - 1, head)
            else:
                self.lines.append(head + self.random.choice(self.COMMENTS))
                self.block(indent + self.random.choice([1, 2, 4]), depth - 1)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(strategies.randoms(use_true_random=False))
def test_handwritten_documents(random: Random) -> None:
    """Documents as people indent them are read alike or left alone."""
    writer = Writer(random)
    writer.block(random.choice([0, 0, 0, 2]), 3)
    check("\n".join(writer.lines))


PIECES = [
    "",
    " ",
    "  ",
    "\n",
    "-",
    "- ",
    ":",
    ": ",
    "#",
    " #",
    "'",
    '"',
    "\n\n",
    "\n  ",
    "0",
    "x",
    "{",
    "|",
    "&a ",
]


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(strategies.data())
def test_mutated_kubeconfigs(data: strategies.DataObject) -> None:
    """A usual kubeconfig with some characters put in, taken out or replaced is read alike or left alone."""
    text = USUAL
    for _ in range(data.draw(strategies.integers(1, 3))):
        at = data.draw(strategies.integers(0, len(text)))
        until = at + data.draw(strategies.integers(0, 3))
        text = text[:at] + data.draw(strategies.sampled_from(PIECES)) + text[until:]
    check(text)


def test_usual_kubeconfigs_take_the_short_way() -> None:
    """A kubeconfig as kubectl, gcloud and aws write it needs no PyYAML."""
    parsed = plainyaml.parse_plain(USUAL)
    assert isinstance(parsed, dict)
    assert parsed["users"][0]["user"]["exec"]["args"] == ["--cluster-name", "-n", "123"]


def test_reading_is_quick() -> None:
    """Twenty contexts with certificates of 2 kB are read in a few milliseconds, even on a busy machine."""
    certificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0t" * 64
    cluster = {"server": "https://c:6443", "certificate-authority-data": certificate}
    user = {"client-certificate-data": certificate, "client-key-data": certificate}
    document = {
        "clusters": [{"name": f"c{n}", "cluster": dict(cluster)} for n in range(20)],
        "contexts": [{"name": f"x{n}", "context": {"cluster": f"c{n}", "user": f"u{n}"}} for n in range(20)],
        "users": [{"name": f"u{n}", "user": dict(user)} for n in range(20)],
    }
    text = yaml.safe_dump(document, width=100_000)
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        assert plainyaml.parse_plain(text) is not None
        best = min(best, time.perf_counter() - start)
    assert best < 0.02  # about 1.5 ms for 125 kB; the bound only catches a slow algorithm
