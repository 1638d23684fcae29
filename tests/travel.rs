//! What travels from a notebook's kernel into its service, and arrives as it was.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::{Gateway, fail, notebook};

/// Deploys `cells` beside `files`, and asks every path for the body it must answer with.
fn assert_answers(cells: &[&str], files: &[(&str, &str)], expected: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    write(folder.path(), files);
    let file = notebook::write(folder.path(), "demo", cells);
    gateway.run(&["deploy", file.to_str().unwrap()]);
    for (path, body) in expected {
        let answer = gateway.get(&format!("/demo{path}"));
        assert_eq!((answer.status, answer.body.as_str()), (200, *body), "{path}: {answer:?}");
    }
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

#[test]
fn functions_keep_what_they_close_over() {
    let cell = r#"
import functools, contextlib, math
def counter(step):
    count = 0
    def up():
        nonlocal count
        count += step
        return count
    def get(): return count
    return up, get
up, get = counter(3)
up()
adders = [lambda x, i=i: x + i for i in range(3)]
pair = (lambda: 1, lambda: 2)
def recursive():
    def inner(k): return 0 if k == 0 else 1 + inner(k - 1)
    return inner
depth = recursive()
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
calls = []
def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        calls.append(function.__name__)
        return function(*arguments, **named)
    wrapper.tag = 'T'
    return wrapper
@logged
def add(a, b=1, *, c=0):
    'Adds.'
    return a + b + c
@functools.lru_cache(maxsize=None)
def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
@contextlib.contextmanager
def doubled(n): yield n * 2
@functools.singledispatch
def kind(x): return 'any'
@kind.register
def _(x: int): return 'int'
partial = functools.partial(add, 5, c=2)
compose = lambda *fs: functools.reduce(lambda f, g: lambda x: g(f(x)), fs)
pipeline = compose(lambda x: x + 1, lambda x: x * 2, math.sqrt)
"#;
    let first =
        "# GET /closures\nprint(up(), get(), [f(10) for f in adders], [f() for f in pair], depth(7), even(10), odd(7))";
    let second = "# GET /decorated\nprint(add(1), add.__doc__, add.tag, partial(), calls, fibonacci(30), kind(1), kind('x'), pipeline(7))\n\
                  with doubled(4) as value: print(value)";
    assert_answers(
        &[cell, first, second],
        &[],
        &[
            ("/closures", "6 6 [10, 11, 12] [1, 2] 7 True True\n"),
            ("/decorated", "2 Adds. T 8 ['add', 'add'] 832040 int any 4.0\n8\n"),
        ],
    );
}

#[test]
fn classes_of_every_kind_arrive_with_their_instances() {
    let cell = r#"
import abc, collections, dataclasses, enum, functools, typing
@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 2
    tags: list = dataclasses.field(default_factory=list)
    unit: typing.ClassVar[str] = 'cm'
    def norm(self): return (self.x ** 2 + self.y ** 2) ** .5
@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    a: int
    _: dataclasses.KW_ONLY
    b: str = 'b'
class Color(enum.Enum):
    RED = 1
    GREEN = 'g'
    ALIAS = 1
    def shout(self): return self.name + '!'
class Planet(enum.Enum):
    EARTH = (5.9, 6.3)
    def __init__(self, mass, radius): self.mass, self.radius = mass, radius
class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
Row = collections.namedtuple('Row', 'x y', defaults=[5])
class Pair(typing.NamedTuple):
    a: int
    b: str = 'q'
    def both(self): return self.b * self.a
class Shape(abc.ABC):
    known = []
    def __init_subclass__(cls): Shape.known.append(cls.__name__)
    @abc.abstractmethod
    def area(self): ...
class Square(Shape):
    count = 0
    __slots__ = ('side',)
    def __init__(self, side): self.side = side; Square.count += 1
    def area(self): return self.side ** 2
class Child(Square):
    def __init__(self, side): super().__init__(side)
    @property
    def twice(self): return self.area() * 2
    @functools.cached_property
    def cached(self): return 'cached'
    def __private(self): return 'private'
    def call(self): return self.__private()
Child.added = lambda self: 'added'
class Meta(type):
    def __new__(meta, name, bases, body): return super().__new__(meta, name, bases, {**body, 'made': body.get('made', 0) + 1})
class Made(metaclass=Meta): pass
class Hashed:
    def __init__(self, key): self.key = key
    def __hash__(self): return digest(self.key)
    def __eq__(self, other): return self.key == other.key
def digest(key): return hash(key) % SIZE
SIZE = 1000
table = {Hashed('a'): 1, Hashed('b'): 2}
point, fixed, child = Point(3, 4), Fixed(1, b='z'), Child(4)
"#;
    let endpoints = [
        "# GET /dataclass\nprint(point, point.norm(), Point(1) < Point(2), Point.unit, fixed, Fixed(2) == Fixed(2))\n\
         try: fixed.a = 3\nexcept AttributeError as error: print(type(error).__name__)",
        "# GET /enum\nprint(Color.RED, Color('g').shout(), Color.ALIAS is Color.RED, Planet.EARTH.mass, Right.READ | Right.WRITE)",
        "# GET /tuple\nprint(Row(1), Pair(2).both(), Pair(1)._asdict())",
        "# GET /class\nprint(child.area(), child.twice, child.cached, child.call(), child.added(), Square.count, Shape.known, Made.made)\n\
         print(isinstance(child, Shape), table[Hashed('a')])\n\
         try: Shape()\nexcept TypeError: print('abstract')",
    ];
    assert_answers(
        &[&[cell][..], &endpoints].concat(),
        &[],
        &[
            ("/dataclass", "Point(x=3, y=4, tags=[]) 5.0 True cm Fixed(a=1, b='z') True\nFrozenInstanceError\n"),
            ("/enum", "Color.RED GREEN! True 5.9 Right.READ|WRITE\n"),
            ("/tuple", "Row(x=1, y=5) qq {'a': 1, 'b': 'q'}\n"),
            ("/class", "16 32 cached private added 1 ['Square', 'Child'] 1\nTrue 1\nabstract\n"),
        ],
    );
}

#[test]
fn data_arrives_with_its_identities() {
    let cell = r#"
import datetime, decimal, fractions, collections, uuid, pathlib, re, io, operator
import numpy as np
import xml.etree.ElementTree, urllib.parse
shared = [1]
other = {'it': shared}
shared.append(other)
class Node: pass
node = Node(); node.me = node; node.held = shared
many = [datetime.datetime(2024, 1, 2), decimal.Decimal('1.5'), fractions.Fraction(1, 3), collections.Counter('aab'),
        uuid.UUID(int=5), pathlib.Path('/a/b'), io.StringIO('x').read(), operator.itemgetter(1)([1, 2]), 10**30, 1 + 2j]
pattern = re.compile(r'(\d+)')
defaults = collections.defaultdict(lambda: 'none', {1: 2})
base = np.arange(10); view = base[2:5]; back = base[::-1]
fortran = np.asfortranarray(np.arange(6).reshape(2, 3))
records = np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')])
objects = np.array([1, 'a', None], dtype=object)
dates = np.array(['2024-01-01'], dtype='datetime64[D]')
vectorized = np.vectorize(lambda x: x + 1)
number = np.float32(1.5)
"#;
    let endpoints = [
        "# GET /identity\nprint(other['it'] is shared, shared[1] is other, node.me is node, node.held is shared)",
        "# GET /values\nprint(many)\nprint(pattern.findall('a1b22'), defaults[0], defaults[1])",
        "# GET /arrays\nbase[2] = 99\nprint(view, back[-3], base.flags.owndata, fortran.flags.f_contiguous, fortran.tolist())\n\
         print(records, objects, dates, vectorized([1, 2]), repr(number))",
        "# GET /modules\nprint(xml.etree.ElementTree.fromstring('<a>t</a>').text, urllib.parse.quote('a b'), np.linalg.norm([3, 4]))",
        "# GET /value\nnumber",
        "# GET /hidden\nnumber;",
        "# GET /wide\n{'numbers': [10**9 + i for i in range(9)], 'set': {3, 1, 2}}",
    ];
    assert_answers(
        &[&[cell][..], &endpoints].concat(),
        &[],
        &[
            ("/identity", "True True True True\n"),
            (
                "/values",
                "[datetime.datetime(2024, 1, 2, 0, 0), Decimal('1.5'), Fraction(1, 3), Counter({'a': 2, 'b': 1}), \
                 UUID('00000000-0000-0000-0000-000000000005'), PosixPath('/a/b'), 'x', 2, 1000000000000000000000000000000, (1+2j)]\n\
                 ['1', '22'] none 2\n",
            ),
            (
                "/arrays",
                "[99  3  4] 99 True True [[0, 1, 2], [3, 4, 5]]\n[(1, 2.)] [1 'a' None] ['2024-01-01'] [2 3] np.float32(1.5)\n",
            ),
            ("/modules", "t a%20b 5.0\n"),
            ("/value", r#"{"text/plain": "np.float32(1.5)"}"#),
            ("/hidden", ""),
            (
                "/wide",
                concat!(
                    r#"{"text/plain": "{'numbers': [1000000000,\n  1000000001,\n  1000000002,\n  1000000003,\n  1000000004,\n  "#,
                    r#"1000000005,\n  1000000006,\n  1000000007,\n  1000000008],\n 'set': {1, 2, 3}}"}"#
                ),
            ),
        ],
    );
}

#[test]
fn cells_run_as_in_a_kernel() {
    let cells = [
        "from __future__ import annotations",
        "%%time\ndef timed(x: Undefined): return x * 2",
        "lines = !echo out\nasync def later(x): return x + 1\nvalue = await later(4)",
        "%%writefile written.py\ndef helped(): return 'helped'",
        "from written import helped\nimport tempfile\nhandle = tempfile.TemporaryFile()",
        "# GET /cells\nimport io\nwith io.StringIO('abc') as handle: text = handle.read()\nprint(timed(4), lines, value, helped(), await later(1), text)",
        "# GET /unset\ntry: print(unset)\nexcept NameError as error: print(error)",
    ];
    let expected = [("/cells", "8 ['out'] 5 helped 2 abc\n"), ("/unset", "name 'unset' is not defined\n")];
    assert_answers(&cells, &[], &expected);
}

#[test]
fn code_of_every_kind_behaves_as_in_the_kernel() {
    let cell = r###"
from __future__ import annotations
import collections, collections.abc, contextlib, dataclasses, datetime as dt, enum, functools, heapq, bisect, itertools, math, operator, re, string, textwrap, statistics, random, typing as t, json, decimal, copy, weakref
from typing import Generic, TypeVar, Protocol, Callable, Literal, Optional, Union, overload, NewType, Annotated
T = TypeVar('T')
RATE: float = .19
WORDS = re.compile(r'(?P<word>\w+)\s*=\s*(?P<value>\d+)', re.I | re.X)
UTC, CET = dt.timezone.utc, dt.timezone(dt.timedelta(hours=1), 'CET')
START = dt.datetime(2024, 2, 29, 12, tzinfo=CET)
UserId = NewType('UserId', int)
Vector = list[float]
class Stack(Generic[T]):
    items: list[T]
    def __init__(self) -> None: self.items = []
    def push(self, item: T) -> Stack[T]: self.items.append(item); return self
    def __iter__(self): yield from reversed(self.items)
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]
    def __contains__(self, x): return x in self.items
    def __enter__(self): return self
    def __exit__(self, *e): self.items.clear(); return True
class Sized(Protocol):
    def size(self) -> int: ...
class Mixin:
    def describe(self): return f'{type(self).__name__}({super().__repr__()[:5]})'
class Base:
    registry: dict = {}
    limit = 3
    def __init_subclass__(cls, /, key=None, **kw): super().__init_subclass__(**kw); Base.registry[key or cls.__name__] = cls
    @classmethod
    def make(cls, *a): return cls(*a)
    @staticmethod
    def double(x): return x * 2
    def __eq__(self, o): return type(self) is type(o)
    def __hash__(self): return 7
class Left(Mixin, Base, key='l'):
    def who(self): return ['left'] + (super().who() if hasattr(super(), 'who') else [])
class Right(Base):
    def who(self): return ['right']
class Both(Left, Right):
    @property
    def value(self): return getattr(self, '_v', 0)
    @value.setter
    def value(self, v): self._v = v
    @functools.singledispatchmethod
    def show(self, x): return 'other'
    @show.register
    def _(self, x: int): return 'int'
class Descriptor:
    def __set_name__(self, owner, name): self.name = '_' + name
    def __get__(self, obj, cls=None): return self if obj is None else getattr(obj, self.name, 'unset')
    def __set__(self, obj, v): setattr(obj, self.name, v.upper())
class Described: field = Descriptor()
class Level(enum.IntEnum):
    LOW = 1; HIGH = 2
class Mode(str, enum.Enum):
    FAST = 'fast'; SLOW = 'slow'
    @classmethod
    def _missing_(cls, v): return cls.SLOW
class Err(ValueError):
    def __init__(self, code, message): super().__init__(message); self.code = code
@dataclasses.dataclass
class Item:
    name: str
    price: float = 0.
    tags: tuple[str, ...] = ()
    total: float = dataclasses.field(init=False, repr=False)
    def __post_init__(self): self.total = self.price * (1 + RATE)
def gen(n):
    got = yield 0
    while n: n -= 1; got = yield (got or n)
    return 'done'
def delegating(): r = yield from gen(2); yield r
def retry(times=2, *, on=(ValueError,)):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*a, **k):
            for i in range(times):
                try: return f(*a, **k), i
                except on: pass
            return None, times
        wrapper.calls = 0
        return wrapper
    return decorate
@retry(3, on=(Err,))
def flaky(x: int, /, y: Optional[int] = None, *rest: str, z: Literal['a', 'b'] = 'a', **more: float) -> dict[str, int]:
    """Doc."""
    if x < 0: raise Err(x, 'negative')
    return {'x': x, 'y': y or 0}
class timer:
    def __init__(self, f): functools.update_wrapper(self, f); self.f, self.n = f, 0
    def __call__(self, *a): self.n += 1; return self.f(*a)
@timer
def cube(x): return x ** 3
matrix = [[i * j for j in range(3)] for i in range(3)]
lookup = {k: v for k, v in zip('abc', itertools.count(1))}
fs = {name: (lambda x, n=name: f'{n}{x}') for name in 'pq'}
counter = itertools.count(5); next(counter)
cycle = itertools.cycle('ab')
chain = collections.ChainMap({'a': 1}, {'b': 2})
od = collections.OrderedDict.fromkeys('xyz')
dq = collections.deque([1, 2, 3], maxlen=3)
memo = functools.lru_cache(None)(lambda n: n * 2)
getter = operator.attrgetter('name')
cmp = functools.cmp_to_key(lambda a, b: b - a)
both, stack, described = Both(), Stack[int]().push(1).push(2), Described()
described.field = 'abc'
@contextlib.contextmanager
def ctx(x):
    try: yield x
    finally: seen.append(x)
seen = []
def outer():
    x = 1
    class Inner:
        y = 2
        def get(self): return x + self.y
    def set_x(v): nonlocal x; x = v
    return Inner, set_x
Inner, set_x = outer()
match_me = {'kind': 'circle', 'r': 2}
def area(shape):
    match shape:
        case {'kind': 'circle', 'r': r}: return math.pi * r ** 2
        case Item(name=n): return n
        case [a, *rest]: return a
        case _: return None
"###;
    let a = r###"# GET /a
print(list(gen(3)), list(delegating()), flaky(1), flaky(-1), flaky.__doc__, flaky.__annotations__, flaky.__wrapped__.__name__)
g = gen(2); print(next(g), g.send('hi'), cube(3), cube.n, cube.__name__)
print(matrix, lookup, [f(1) for f in fs.values()], next(counter), next(cycle), chain['b'], list(od), dq, memo(4), sorted([1,3,2], key=cmp))"###;
    let b = r###"# GET /b
print(both.who(), both.describe(), both.value, both.show(1), both.show('x'), Both.make() == both, Base.double(4), sorted(Base.registry), [c.__name__ for c in Both.__mro__])
both.value = 5; print(both.value, list(stack), len(stack), stack[0], 2 in stack, described.field, isinstance(described, Described))
print(Level.HIGH > Level.LOW, Level(1), Mode('x'), Mode.FAST == 'fast', f'{Mode.FAST.value}', json.dumps({'m': Mode.FAST, 'l': Level.LOW}))"###;
    let c = r###"# GET /c
i = Item('a', 10.); print(i, i.total, dataclasses.asdict(i), dataclasses.replace(i, price=1.), getter(i), Item('a', 10.) == i, dataclasses.fields(Item)[1].default)
print(WORDS.search('x = 12').groupdict(), re.sub(r'(\w)(\d)', lambda m: m[2] + m[1], 'a1b2'), START.isoformat(), START.astimezone(UTC), START + dt.timedelta(days=366), START.strftime('%A %d %B %Y %H:%M %Z'), dt.date.fromisoformat('2024-03-01') - START.date())
with ctx(3) as v: print(v)
print(seen, Inner().get(), set_x(10), Inner().get(), area(match_me), area(i), area([7, 8]), area(3))
try: raise Err(4, 'no')
except Err as e: print(e, e.code, e.args, repr(e))
print([*itertools.accumulate([1,2,3], operator.mul)], [(k, list(v)) for k, v in itertools.groupby('aab')], list(itertools.pairwise('abc')), dict(collections.Counter('hello').most_common(2)), statistics.mean([1,2,4]), textwrap.shorten('hello world again', 12), bisect.bisect([1,3], 2), heapq.nsmallest(2, [3,1,2]), decimal.Decimal('1.10') + 1)
total = 0
for n in (x for x in range(4) if x % 2): total += n
print(total, (lambda *a, **k: (a, k))(1, b=2), f'{math.pi:.3f} {1234567:,} {"x":>4}', UserId(3), t.get_type_hints(area), [y := 3, y ** 2], {**lookup, 'd': 4}, sum(map(int, '123')), all(x > 0 for x in [1, 2]), max([{'a': 1}, {'a': 3}], key=operator.itemgetter('a')))
async def later(): return 5
print(await later(), copy.deepcopy(matrix) == matrix, random.Random(3).random())"###;
    let expected = [
        (
            "/a",
            r###"[0, 2, 1, 0] [0, 1, 0, 'done'] ({'x': 1, 'y': 0}, 0) (None, 3) Doc. {'y': 'Optional[int]', 'x': 'int', 'rest': 'str', 'z': "Literal['a', 'b']", 'more': 'float', 'return': 'dict[str, int]'} flaky
0 hi 27 1 cube
[[0, 0, 0], [0, 1, 2], [0, 2, 4]] {'a': 1, 'b': 2, 'c': 3} ['p1', 'q1'] 6 a 2 ['x', 'y', 'z'] deque([1, 2, 3], maxlen=3) 8 [3, 2, 1]
"###,
        ),
        (
            "/b",
            r###"['left', 'right'] Both(<__ma) 0 int other True 8 ['Both', 'Right', 'l'] ['Both', 'Left', 'Mixin', 'Right', 'Base', 'object']
5 [2, 1] 2 1 True ABC True
True 1 Mode.SLOW True fast {"m": "fast", "l": 1}
"###,
        ),
        (
            "/c",
            r###"Item(name='a', price=10.0, tags=()) 11.899999999999999 {'name': 'a', 'price': 10.0, 'tags': (), 'total': 11.899999999999999} Item(name='a', price=1.0, tags=()) a True 0.0
{'word': 'x', 'value': '12'} 1a2b 2024-02-29T12:00:00+01:00 2024-02-29 11:00:00+00:00 2025-03-01 12:00:00+01:00 Thursday 29 February 2024 12:00 CET 1 day, 0:00:00
3
[3] 3 None 12 12.566370614359172 a 7 None
no 4 ('no',) Err('no')
[1, 2, 6] [('a', ['a', 'a']), ('b', ['b'])] [('a', 'b'), ('b', 'c')] {'l': 2, 'h': 1} 2.3333333333333335 hello [...] 1 [1, 2] 2.10
4 ((1,), {'b': 2}) 3.142 1,234,567    x 3 {} [3, 9] {'a': 1, 'b': 2, 'c': 3, 'd': 4} 6 True {'a': 3}
5 True 0.23796462709189137
"###,
        ),
    ];
    assert_answers(&[cell, a, b, c], &[], &expected);
}

/// A pointer is 32 bits wide in the engine, and its C library numbers errors as WASI does. The deploy compares every answer
/// with the kernel's.
#[test]
fn integers_and_error_numbers_are_those_of_a_64_bit_linux() {
    let cells = [
        "'''yaml\ntitan: v1\nimage: scikit-learn\n'''",
        "import errno, itertools, os, sys\nimport numpy as np\nimport pandas as pd",
        "frame = pd.DataFrame({'k': ['b', 'a', 'b', 'c'], 'v': [3, 1, 2, 5]})\na = np.array([3, 1, 2])\nindex = np.array([0, 1, 1])",
        "# GET /indices\nprint(repr([a.argmax(), a.argsort(), np.nonzero(a), np.where(a > 1), np.argwhere(a > 1), np.searchsorted(a, 2), np.bincount(a), np.lexsort((a, a)), np.digitize(a, [1, 2]), np.unravel_index(a, (2, 2)), np.ravel_multi_index((index, index), (2, 2)), np.argpartition(a, 1), np.count_nonzero(a), np.count_nonzero(np.eye(2), axis=0), np.histogram(a, 2), *np.unique(a, return_index=True, return_inverse=True, return_counts=True)]))",
        "# GET /arguments\nprint(repr([np.repeat(a, index), np.choose(index, [a, a]), np.add.reduceat(a, index), np.searchsorted(a, a, sorter=index), np.take(a, index), np.argmax(a, out=np.array(0)), np.zeros(3, np.intp), np.array([1], 'long'), np.True_ + 1, np.array([True]) + 1]))",
        "# GET /text\nwords = np.array(['ab', 'cbb'])\nprint(repr([np.strings.str_len(words), np.strings.find(words, 'b'), np.char.count(words, 'b'), np.char.expandtabs(np.array(['a\\tb']))]))",
        "# GET /legacy\nrng = np.random.RandomState(0)\nprint(repr([rng.randint(0, 10, 3), rng.binomial([9, 8], .5), rng.poisson(3, 2), rng.multinomial(9, [.5, .5]), rng.permutation(4), rng.choice(4, 2), rng.tomaxint(), rng.zipf(1.5, 2), rng.geometric(.5)]))",
        "# GET /frames\nprint(repr([pd.factorize(frame.k), frame.index.get_indexer([2, 9]), frame.v.argsort(), frame.groupby('k').indices, frame.k.astype('category').cat.codes, pd.cut(frame.v, 2, labels=False), frame.k.value_counts(), frame.memory_usage(index=False), frame.k.nbytes]))",
        "# GET /size\nprint(sys.maxsize, list(itertools.islice([1, 2], sys.maxsize)), np.iinfo(np.intp).max)",
        "# GET /errors\nfor name in ['/no/file', '/']:\n    try:\n        open(name)\n    except OSError as error:\n        print(type(error).__name__, error)\nprint(errno.ENOENT, errno.errorcode[30], os.strerror(13))",
    ];
    let errors = "FileNotFoundError [Errno 2] No such file or directory: '/no/file'\nIsADirectoryError [Errno 21] Is a directory: '/'\n2 EROFS Permission denied\n";
    assert_answers(&cells, &[], &[("/errors", errors), ("/size", "9223372036854775807 [1, 2] 9223372036854775807\n")]);
}

#[test]
fn numbers_in_json_are_read_to_the_last_bit() {
    let texts = "['0', '-0', '-0.0', '0.1', '-9', '999999999', '-999999999', '1000000000', '2147483648', '99999999999999999999', '0.00000000000001', '0.000000000000001', '12345678901234.5', '-123456789012345.6', '9007199254740993.0', '1.7976931348623157e308', '5e-324', '1E3', '0.30000000000000004']";
    let cells = [
        "'''yaml\ntitan: v1\nimage: python\n'''",
        &format!(
            "import json, random\nchance = random.Random(1)\nTEXTS = {texts} + ['%.*f' % (chance.randrange(15), chance.uniform(-1, 1) * 10 ** chance.randrange(9)) for _ in range(5000)]"
        ),
        "# GET /wrong\ndef plain(text): return repr(float(text) if set(text) & set('.eE') else int(text))\nprint([text for text in TEXTS if repr(json.loads(text)) != plain(text) or repr(json.loads('[' + text + ']')[0]) != plain(text)])",
        "# GET /written\nclass Own: pass\ncircle = []\ncircle.append(circle)\nfor value in [{'a': [1.5, None, True, 'é\\n'], 2: ()}, 'text', Own(), circle, float('nan')]:\n    try:\n        print(json.dumps(value), json.dumps(value, indent=1))\n    except Exception as error:\n        print(type(error).__name__, error)",
    ];
    assert_answers(&cells, &[], &[("/wrong", "[]\n")]);
}

#[test]
fn modules_beside_the_notebook_come_along() {
    let files = [
        (
            "helpers.py",
            "import math\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING: import tkinter\ntry: import pandas\nexcept ImportError: pandas = None\n\
             BASE = 100\ncount = 0\ndef root(x): return math.sqrt(x)\ndef more():\n    global count\n    count += 1\n    return count\n\
             class Held:\n    def __init__(self, v): self.v = v\ndef make(n):\n    def inner(k): return k + n + BASE\n    return inner\n\
             def lazy():\n    import tkinter\n",
        ),
        ("package/__init__.py", "from . import part\n"),
        ("package/part.py", "from .names import NAME\ndef twice(): return NAME * 2\n"),
        ("package/names.py", "NAME = 'n'\n"),
        ("late.py", "value = 'late'\n"),
    ];
    let cells = [
        "import helpers\nfrom helpers import Held\nfrom package.part import twice\nheld = Held(4)\nclosure = helpers.make(3)",
        "# GET /x\nfrom late import value\nprint(helpers.root(4), helpers.more(), held.v, isinstance(held, helpers.Held), closure(4), twice(), value)",
    ];
    assert_answers(&cells, &files, &[("/x", "2.0 1 4 True 107 nn late\n")]);
}

/// pickle would call their classes with the wrong arguments, or fill them by methods that are not ready.
#[test]
fn containers_and_exceptions_of_the_notebooks_own_travel() {
    let cell = r#"
from collections import Counter, OrderedDict, defaultdict, deque
class Recent(OrderedDict):
    def __init__(self, size):
        super().__init__()
        self.size = size
    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        while len(self) > self.size:
            self.popitem(last=False)
class Typed(list):
    def __init__(self, kind):
        self.kind = kind
    def append(self, value):
        super().append(self.kind(value))
class Counts(Counter):
    def __init__(self, name, values):
        super().__init__(values)
        self.name = name
class Groups(defaultdict):
    def __init__(self, label):
        super().__init__(list)
        self.label = label
class Window(deque):
    def __init__(self, size):
        super().__init__(maxlen=size)
class Tags(set):
    def __init__(self, *, owner):
        self.owner = owner
class Refused(Exception):
    def __init__(self, code, why):
        super().__init__(f'{code}: {why}')
        self.code = code
recent = Recent(2)
for n in range(4):
    recent[n] = n * n
typed = Typed(float)
typed.append(3)
counts = Counts('letters', 'banana')
groups = Groups('by length')
groups[2].append('ab')
window = Window(2)
window.extend('xyz')
tags = Tags(owner=recent)
tags.add('new')
recent[9] = tags
refused = Refused(404, 'gone')
"#;
    let endpoint = r#"# GET /x
recent[10] = 1
typed.append('4')
window.append('w')
print(list(recent), recent.size, typed, typed.kind.__name__, counts.most_common(1), counts.name)
print(dict(groups), groups.label, groups['new'], list(window), window.maxlen, tags.owner is recent, list(tags))
print(refused, refused.code, isinstance(refused, Refused))"#;
    let expected = "[9, 10] 2 [3.0, 4.0] float [('a', 3)] letters\n\
                    {2: ['ab']} by length [] ['z', 'w'] 2 True ['new']\n404: gone 404 True\n";
    assert_answers(&[cell, endpoint], &[], &[("/x", expected)]);
}

#[test]
fn what_the_notebook_sets_outside_its_variables_is_set() {
    let cells = [
        "'''yaml\ntitan: v1\nimage: scikit-learn\n'''",
        "import decimal, os, sys\nimport numpy as np\nimport pandas as pd\nnp.set_printoptions(precision=2, threshold=sys.maxsize)\n\
         os.environ['STAGE'] = 'trial'\ndecimal.getcontext().prec = 5\npd.options.display.float_format = lambda v: f'<{v:.1f}>'\n\
         pd.set_option('display.max_rows', 2)\nframe = pd.DataFrame({'a': [1.25, 2.5, 3.75]})",
        "# GET /x\nprint(np.array([1 / 3]), os.environ['STAGE'], decimal.Decimal(2).sqrt(), sys.maxsize)\n\
         print(len(str(np.arange(1200)).split()))\nprint(frame)",
    ];
    let expected = "[0.33] trial 1.4142 9223372036854775807\n1201\n       a\n0  <1.2>\n..   ...\n2  <3.8>\n\n[3 rows x 1 columns]\n";
    assert_answers(&cells, &[], &[("/x", expected)]);
}

#[test]
fn making_the_heap_image_leaves_no_trace() {
    let cells = [
        "'''yaml\ntitan: v1\nimage: python\nstate: kernel\n'''",
        "import numpy as np\ncount, seen, array = 0, [], np.zeros(2)",
        "# GET /x\ncount += 1\nseen.append(count)\narray[0] += 1\nnp.set_printoptions(precision=1)\nprint(count, seen, array)",
    ];
    assert_answers(&cells, &[], &[("/x", "1 [1] [1. 0.]\n"), ("/x", "2 [1, 2] [2. 0.]\n")]);
}

#[test]
fn what_cannot_travel_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("needy.py", "import tkinter\n")]);
    for (cells, parts) in [
        (
            ["config = {'a': [1, open('/dev/null')]}", "# GET /x\nprint(config)"],
            &["config['a'][1]", "TextIOWrapper", "GET /x"][..],
        ),
        (
            ["items = (i for i in range(3))\ndef take(): return next(items)", "# GET /x\ntake()"],
            &["items", "generator", "function take", "list"],
        ),
        (
            ["import threading\nclass A: pass\na = A(); a.lock = threading.Lock()", "# GET /x\na"],
            &["a.lock", "lock", "GET /x"],
        ),
        (
            ["import sqlite3\ndef query(): return sqlite3.connect(':memory:')", "# GET /x\nquery()"],
            &["sqlite3", "GET /x", "query"],
        ),
        (["def query():\n    import sqlite3", "# GET /x\nquery()"], &["sqlite3", "GET /x", "query"]),
        (["f = eval('lambda: 1')", "# GET /x\nf()"], &["variable f", "source", "def"]),
        (["import needy", "# GET /x\nneedy"], &["needy", "tkinter", "GET /x"]),
        (["x = 1", "# GET /x\n%time x"], &["GET /x", "%time x", "IPython"]),
        (["def list_files():\n    !ls", "# GET /x\nlist_files()"], &["GET /x", "list_files", "IPython"]),
        (["x = 1", "# GET /x\nprint(x"], &["GET /x", "SyntaxError", "print(x"]),
        (["exit()", "# GET /x\n1"], &["cell 1", "exit"]),
        (["%nothing", "# GET /x\n1"], &["cell 1", "%nothing"]),
    ] {
        let file = notebook::write(folder.path(), "bad", &cells);
        let out = folder.path().join("bad.titan");
        let error = fail(&support::titan().arg("compile").arg(&file).arg("-o").arg(&out).output().unwrap());
        for part in parts {
            assert!(error.contains(part), "{part:?} is missing: {error}");
        }
    }
}

#[test]
fn settings_of_libraries_and_the_environment() {
    let cell = "import decimal, os\nimport numpy as np, pandas as pd\n\
                np.set_printoptions(precision=2, formatter={'int': lambda n: f'<{n}>'})\n\
                pd.set_option('display.float_format', '{:.1f}'.format)\npd.options.display.max_rows = 4\n\
                decimal.getcontext().prec = 6\nos.environ['TITAN_MODE'] = 'quick'";
    assert_answers(
        &[
            "'''yaml\ntitan: v1\nimage: scikit-learn\n'''",
            cell,
            "# GET /numpy\nprint(np.array([1 / 3, 2.0]), np.arange(2))",
            "# GET /pandas\nprint(pd.DataFrame({'a': np.arange(9) / 3}))",
            "# GET /decimal\nprint(decimal.Decimal(1) / 3)",
            "# GET /environment\nprint(os.environ['TITAN_MODE'])",
        ],
        &[],
        &[
            ("/numpy", "[0.33 2.  ] [<0> <1>]\n"),
            ("/pandas", "     a\n0  0.0\n1  0.3\n..  ..\n7  2.3\n8  2.7\n\n[9 rows x 1 columns]\n"),
            ("/decimal", "0.333333\n"),
            ("/environment", "quick\n"),
        ],
    );
}
