"""Every error that stops a freeze over models, frames or code, read as a user reads it: it names the variable, package
or operator, the endpoint that uses it, and what to do, on one line.

A case is a cell, the code of the endpoint `GET /x` behind it, and what the error must say. Cases whose library is not
installed are skipped: run in every image, from compiler/python:

    python -m unittest tests.test_refused
"""

import importlib.util
import unittest

HAS_IPYTHON = importlib.util.find_spec("IPython") is not None
if HAS_IPYTHON:
    from .notebooks import refusal

KEEP = "compute what the endpoint needs of it in a cell before, and keep that as numbers, text"
NATIVE = "a native extension that the engine does not have"


def needs(*libraries):
    return unittest.skipUnless(
        HAS_IPYTHON and all(map(importlib.util.find_spec, libraries)), f"needs IPython and {', '.join(libraries)}"
    )


class Refused(unittest.TestCase):
    maxDiff = None

    def check(self, cases, before=""):
        for cell, code, *parts in cases:
            with self.subTest(cell=cell, code=code):
                error = refusal([before + "\n" + cell], "# GET /x\n" + code)
                self.assertIsNotNone(error, "it freezes")
                self.assertNotIn("\n", error)
                self.assertIn("GET /x", error)
                for part in parts:
                    self.assertIn(part, error)


@needs("IPython")
class Code(Refused):
    def test_objects_that_live_in_a_process(self):
        alone = "leave it out, since an instance answers one request at a time"
        self.check([
            ("f = open('/etc/hostname')", "f.read()", "variable f (_io.TextIOWrapper)", "under 'files:' in the config"),
            ("d = {'a': [1, open('/etc/hostname')]}", "d", "variable d['a'][1] (", "read it in a cell before"),
            ("f = open('log.txt', 'w')", "f.write('a')", "variable f ", "a version has no disk to write to"),
            ("g = (i for i in [1])", "next(g)", "variable g (generator)", "keep a list of what it yields"),
            ("def f(): yield 1\nm = map(str, f())", "next(m)", "variable m (generator)", "keep a list"),
            ("import csv\nr = csv.reader(['a'])", "next(r)", "variable r (_csv.reader)", "keep a list"),
            ("async def f(): pass\nc = f()", "c", "variable c (coroutine)", "await it in a cell before"),
            ("import threading\nl = threading.Lock()", "with l: pass", "variable l (_thread.lock)", alone),
            ("import threading\ne = threading.Event()", "e.set()", "variable e._cond._lock (_thread.lock)", alone),
            ("import asyncio\nl = asyncio.Lock()", "l", "variable l (asyncio.locks.Lock)", alone),
            ("import queue\nq = queue.SimpleQueue()", "q.get()", "variable q (_queue.SimpleQueue)", "deque"),
            ("import socket\ns = socket.socket()", "s.send(b'')", "variable s (socket.socket)", "needs socket", KEEP),
            ("import sqlite3\ndb = sqlite3.connect(':memory:')", "db", "variable db (sqlite3.Connection)", "keep the rows"),
            ("import weakref\nclass A: pass\na = A()\nw = weakref.ref(a)", "w()", "variable w ", "keep the object itself"),
            ("import hashlib\nh = hashlib.sha256()", "h.hexdigest()", "variable h (_hashlib.HASH)", KEEP),
            ("import ctypes\nlib = ctypes.CDLL(None)", "lib.abs(1)", "variable lib (ctypes.CDLL)", KEEP),
            ("import sys\nframe = sys._getframe()", "frame", "variable frame (frame)", KEEP),
            ("import random\nr = random.SystemRandom()", "r.random()", "variable r (random.SystemRandom)", KEEP),
            ("import concurrent.futures\np = concurrent.futures.ThreadPoolExecutor()", "p", "variable p._", "list"),
        ])

    def test_objects_that_pickle_refuses(self):
        self.check([
            ("class A:\n    def __getstate__(self): raise ValueError('no state')\na = [A()]", "a",
             "variable a[0] (A)", "ValueError: no state", KEEP),
            ("exec('def f(): return 1')", "f()", "variable f (function f)", "source is not known", "in a cell, with def"),
            ("a = []\nfor _ in range(100_000): a = [a]", "a", "variable a (list)", "too long a chain", "keep them in a list"),
            ("import types\nm = types.ModuleType('made')", "m", "module made", "not installed", "use what the engine has"),
        ])

    def test_objects_reached_through_functions_and_classes(self):
        lock = "import threading\nl = threading.Lock()\n"
        self.check([
            (lock + "def f():\n    with l: return 1", "f()", "variable l (_thread.lock), which GET /x (in function f) uses"),
            (lock + "def outer(l):\n    def f(): return l\n    return f\nf = outer(l)", "f()", "variable f (its variable 'l')"),
            (lock + "class A:\n    shared = l\na = A()", "a.shared", "variable a.shared (_thread.lock)"),
            (lock + "def f(l=l): return l", "f()", "variable f (a default value) (_thread.lock)"),
        ])

    def test_modules_the_engine_lacks(self):
        instead = "compute the result in a cell before"
        self.check([
            ("", "import sqlite3", "GET /x imports sqlite3, which the engine does not have", instead),
            ("", "if True:\n    from curses import ascii", "GET /x imports curses", instead),
            ("def f():\n    import tkinter", "f()", "GET /x uses function f, which imports tkinter", instead),
            ("import curses", "curses.A_BOLD", "module curses, which GET /x uses", instead),
            ("", "import nowhere", "GET /x imports nowhere, which is not installed", "by 'commands:' of the config cell"),
        ])
        error = refusal([""], "# GET /x\nimport a", beside={"a.py": "import b", "b.py": "from c import d", "c.py": "import ssl"})
        self.assertIn("GET /x imports a, which imports b, which imports c, which imports ssl, which the engine", error)

    def test_commands_of_ipython(self):
        self.check([
            ("", "!ls", "GET /x uses an IPython command ('!ls')", "move it to a cell before"),
            ("", "%timeit 1", "GET /x uses an IPython command ('%timeit 1')", "move it to a cell before"),
            ("def f(): return get_ipython()", "f()", "GET /x (in function f) uses IPython", "move that to a cell before"),
            ("", "print(1", "GET /x: SyntaxError", "'print(1'", "correct the cell"),
        ])

    def test_what_no_version_can_do(self):
        program, thread = "a version can start none: run it in a cell before", "do it one after the other"
        self.check([
            ("import subprocess", "subprocess.run(['ls'])", "GET /x calls subprocess.run", program),
            ("from subprocess import check_output", "check_output('ls')", "GET /x calls subprocess.check_output", program),
            ("", "import os\nos.system('ls')", "GET /x calls os.system", program),
            ("", "from os import popen as p\nprint(p('ls'))", "GET /x calls os.popen", program),
            ("import threading\ndef f(): threading.Thread(target=print).start()", "f()", "GET /x (in function f) calls", thread),
            ("from concurrent.futures import ThreadPoolExecutor", "ThreadPoolExecutor()", "ThreadPoolExecutor", thread),
        ])
        # Not what has the name of it.
        for cell, code in [
            ("class subprocess:\n    def run(): pass", "subprocess.run()"),
            ("import subprocess", "subprocess = None\nsubprocess.run()"),
            ("import subprocess", "print(subprocess.PIPE)"),
            ("import os", "try: os.system('ls')\nexcept AttributeError: pass"),
        ]:
            self.assertIsNone(refusal([cell], "# GET /x\n" + code), code)

    def test_files(self):
        beside = {"data/a.txt": "12345", "empty/b/c.txt": ""}
        for files, memory, *parts in [
            (["none.txt"], 100, "'none.txt' under 'files:' in the config cell is no file", "correct it, or make the file"),
            (["*.csv"], 100, "'*.csv' under 'files:'", "is no file"),
            (["data"], 4, "take 5 bytes, more than the version's memory of 4 bytes", "list fewer, or raise 'memory'"),
        ]:
            error = refusal([""], "# GET /x", files=files, beside=beside, memory=memory)
            for part in parts:
                self.assertIn(part, error)
        link = "import os\nos.symlink('/etc/hostname', 'link.txt')\nos.mkdir('bare')"
        self.assertIn("'link.txt' under 'files:' in the config cell lies outside", refusal([link], "# GET /x", ["link.txt"]))
        self.assertIn("copy it into the folder", refusal([link], "# GET /x", ["link.txt"]))
        self.assertIn("'bare' under 'files:' in the config cell is an empty folder", refusal([link], "# GET /x", ["bare"]))


@needs("IPython", "numpy", "pandas")
class Frames(Refused):
    def test_what_frames_hold(self):
        before = "import pandas as pd, numpy as np, threading, datetime"
        self.check([
            ("df = pd.DataFrame({'n': [1], 'lock': [threading.Lock()]})", "df", "variable df['lock'][0] (_thread.lock)", "leave it"),
            ("s = pd.Series([1, open('/etc/hostname')])", "s", "variable s[1] (_io.TextIOWrapper)", "read it in a cell before"),
            ("a = np.array([1, (i for i in [])], dtype=object)", "a", "variable a[1] (generator)", "keep a list"),
            ("it = pd.DataFrame({'a': [1]}).iterrows()", "next(it)", "variable it (generator)", "keep a list"),
            ("frames = {'a': pd.DataFrame({'x': [open('/etc/hostname')]})}", "frames", "variable frames['a']['x'][0]"),
        ], before)

    def test_dtypes_of_other_packages(self):
        # As pyarrow and geopandas have: a dtype of native code, here of a package that lies beside the notebook.
        dtype = """
import ctypes
import numpy as np
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype
@register_extension_dtype
class Shapes(ExtensionDtype):
    name, type, na_value = 'shapes', object, None
    @classmethod
    def construct_array_type(cls): return ShapeArray
class ShapeArray(ExtensionArray):
    dtype = Shapes()
    def __init__(self, values): self.values = values
    @classmethod
    def _from_sequence(cls, values, dtype=None, copy=False): return cls(list(values))
    def __len__(self): return len(self.values)
    def __getitem__(self, i): return self.values[i] if np.isscalar(i) else ShapeArray(self.values)
    def copy(self): return self
"""
        error = refusal(
            ["import pandas as pd\nfrom shapes import ShapeArray\ndf = pd.DataFrame({'a': [1], 's': ShapeArray([2])})"],
            "# GET /x\nprint(df)",
            beside={"shapes.py": dtype},
        )
        for part in ["variable df['s']", "GET /x", "needs shapes, which imports ctypes", "the engine does not have", KEEP]:
            self.assertIn(part, error)


@needs("IPython", "matplotlib", "PIL", "scipy")
class Packages(Refused):
    def test_native_extensions_are_named_with_the_chain(self):
        self.check([
            ("", "import matplotlib.pyplot", "GET /x imports matplotlib, which imports matplotlib.cbook, which imports", NATIVE),
            ("import matplotlib.pyplot as plt\nfig = plt.figure()", "fig", "variable fig (matplotlib.figure.Figure)",
             "_c_internal_utils: " + NATIVE, "keep the picture's bytes"),
            # Its Python imports without, and does nothing then.
            ("", "from PIL import Image", "GET /x imports PIL, which imports PIL._imaging: " + NATIVE, "in a cell before"),
            ("import PIL.Image\nim = PIL.Image.new('L', (2, 2))", "im", "variable im (PIL.Image.Image)", "PIL._imaging", KEEP),
            ("from scipy.interpolate import interp1d\nf = interp1d([0, 1], [0, 1])", "f(0)", "variable f (scipy.",
             "which imports scipy.interpolate._fitpack: " + NATIVE, KEEP),
        ])


@needs("IPython", "sklearn")
class ScikitLearn(Refused):
    BEFORE = "import numpy as np\nX = np.random.default_rng(0).normal(size=(40, 3)); y = (X[:, 0] > 0).astype(int)\n"

    def test_estimators_without_a_stand_in(self):
        from_semi = "from sklearn.semi_supervised import LabelPropagation\nfrom sklearn.pipeline import make_pipeline\n"
        other = "use another estimator, or compute its results in a cell before"
        self.check([
            (from_semi + "m = LabelPropagation().fit(X, y)", "m.predict(X)",
             "variable m (sklearn.semi_supervised._label_propagation.LabelPropagation)", "no stand-in for", other),
            (from_semi + "m = make_pipeline(LabelPropagation()).fit(X, y)", "m.predict(X)", "variable m.steps[0][1] (", other),
            ("from sklearn.neighbors import KNeighborsClassifier\n"
             "m = KNeighborsClassifier(metric='russellrao').fit(X > 0, y)", "m.predict(X)",
             "variable m (sklearn.neighbors", "does not know its metric 'russellrao'", "use one of euclidean, "),
            ("from sklearn.feature_extraction.text import TfidfVectorizer\nfrom sklearn.linear_model import LinearRegression\n"
             "import scipy.sparse\nm = scipy.sparse.eye(30_000, format='csr')", "m.shape", "variable m (scipy.sparse",
             "takes 6866 MB when all elements are stored", "use fewer features or samples"),
        ], self.BEFORE)

    def test_functions_without_a_stand_in(self):
        self.check([
            ("from sklearn.metrics import silhouette_score", "silhouette_score(X, y)",
             "variable silhouette_score (function sklearn.metrics", "use another metric, or compute its results"),
            ("from sklearn.utils.validation import check_array\ndef f(x): return check_array(x)", "f(X)",
             "variable check_array (function sklearn.utils.validation.check_array), which GET /x (in function f) uses",
             "write what it does with numpy"),
            ("", "from sklearn.svm import SVC", "GET /x imports sklearn.svm, which the engine does not have", "in a cell before"),
        ], self.BEFORE)

    def test_training_in_an_endpoint(self):
        self.check([
            ("from sklearn.linear_model import LogisticRegression", "LogisticRegression().fit(X, y)",
             "GET /x makes a LogisticRegression, which is trained in a cell only", "fit it in a cell before"),
            ("from sklearn.cluster import KMeans\ndef f(): return KMeans(2)", "f().fit(X)", "GET /x (in function f) makes a KMeans"),
        ], self.BEFORE)


@needs("IPython", "onnx", "onnxruntime")
class Sessions(Refused):
    BEFORE = """
import numpy as np, onnx, onnxruntime
from onnx import TensorProto as T, helper
def session(kind, file=None):
    ports = [helper.make_tensor_value_info(name, kind, [2]) for name in 'xy']
    graph = helper.make_graph([helper.make_node('Identity', ['x'], ['y'])], 'g', ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    if file is not None:
        onnx.save(model, file)
    return onnxruntime.InferenceSession(file or model.SerializeToString())
"""

    def test_sessions_the_host_cannot_run(self):
        self.check([
            ("s = session(T.STRING)", "s.run(None, {})", "model s, which GET /x uses", "inputs 'x' of type tensor(string)", "convert"),
            ("import os\ns = session(T.FLOAT, 'm.onnx')\nos.remove('m.onnx')", "s.run(None, {})", "model s, which GET /x uses",
             "made from the file m.onnx, which cannot be read", "keep it beside the notebook"),
            ("b = session(T.FLOAT).io_binding()", "b", "variable b", "onnxruntime", KEEP),
            ("o = onnxruntime.SessionOptions()", "o", "variable o ", "onnxruntime", KEEP),
        ], self.BEFORE)


@needs("IPython", "keras", "tensorflow", "onnx", "tf2onnx")
class Keras(Refused):
    BEFORE = """
import keras, numpy as np, tensorflow as tf
from keras import layers, ops
class Net(keras.Model):
    def __init__(self, function):
        super().__init__()
        self.function = function
    def call(self, x): return self.function(x)
def made(function, *shape):
    net = Net(function)
    net(np.ones(shape, 'float32'))
    return net
"""

    def test_models_without_an_onnx_form(self):
        self.check([
            ("net = keras.Sequential([layers.Dense(2)])", "net.predict([[1]])", "model net, which GET /x uses, cannot travel",
             "it has never been called", "call it once on sample data"),
            ("nets = {'a': [keras.Sequential([layers.Dense(2)])]}", "nets", "model nets['a'][0], which GET /x uses"),
            ("net = made(lambda x: ops.linalg.svd(x)[1], 1, 2, 2)", "net.predict([[[1]]])", "model net", "the operator Svd",
             "do that step in Python"),
            ("net = Net(ops.linalg.inv); net(np.eye(2, dtype='float32')[None])", "net.predict([[[1]]])", "model net", "the operator MatrixInverse"),
            ("net = made(lambda x: float(x[0, 0]) * x, 2, 2)", "net.predict([[1]])", "model net", "cannot be exported to ONNX (",
             "build it of Keras's layers and keras.ops"),
            ("words = layers.TextVectorization(); words.adapt(['a b'])\n"
             "net = keras.Sequential([keras.Input((1,), dtype='string'), words, layers.Embedding(5, 2)])", "net(['a'])",
             "model net", "an input of type string", "do that step in Python and give the model numbers"),
            ("class Two(keras.Model):\n    def call(self, a, b): return a + b\nnet = Two()\nnet(np.ones((1, 2)), np.ones((1, 2)))",
             "net(1, 2)", "model net", "takes 2 tensor arguments", "let it take one list or dict of tensors"),
            ("look = layers.IntegerLookup(vocabulary=[3, 5])\ni = keras.Input((1,), dtype='int64')\nnet = keras.Model(i, look(i))",
             "net.predict([[3]])", "model net", "looks values up in a table", "do that step in Python"),
        ], self.BEFORE)

    def test_objects_that_are_no_models(self):
        model = "use a keras.Model that it is part of, or write what it does with numpy"
        self.check([
            ("layer = layers.Dense(2)", "layer([[1.]])", "variable layer (keras.src.layers.core.dense.Dense)", "imports tensorflow", model),
            ("words = layers.TextVectorization(); words.adapt(['a'])", "words(['a'])", "variable words (keras.", model),
            ("@tf.function\ndef f(x): return x", "f(1)", "variable f (tensorflow.", "it needs tensorflow.python, which the engine does not have", model),
            ("class M(tf.Module): pass\nm = M()", "m", "variable m (class tensorflow.python.module.module.Module)", model),
            ("data = tf.data.Dataset.from_tensors([1])", "list(data)", "variable data (tensorflow.", model),
            ("t = tf.constant(['a'])", "t", "variable t (tensorflow.", "keep it as .numpy()"),
            ("t = tf.ragged.constant([[1], [1, 2]])", "t", "variable t (tensorflow.", "keep it as .numpy()"),
            ("o = keras.optimizers.Adam()", "o", "variable o (keras.src.optimizers.adam.Adam)", KEEP),
            ("c = keras.callbacks.EarlyStopping()", "c", "variable c (keras.src.callbacks.", KEEP),
        ], self.BEFORE)

    def test_models_of_other_kerases(self):
        from titan_freeze import keras_model
        import sys
        import types
        from unittest import mock

        class Old:
            """A model of Keras 2, as far as it is told apart: the package is not in the image."""

        legacy = types.SimpleNamespace(Model=Old)
        with mock.patch.dict(sys.modules, tf_keras=legacy):
            with self.assertRaisesRegex(keras_model.Unsupported, r"Keras 2 \(tf_keras\); build it with Keras 3"):
                keras_model.convert(Old(), "m", ".")
        with mock.patch.dict(sys.modules, keras=types.SimpleNamespace(Model=Old, __version__="2.15.0")):
            with self.assertRaisesRegex(keras_model.Unsupported, "of Keras 2.15.0; install Keras 3"):
                keras_model.convert(Old(), "m", ".")
        with mock.patch("keras.config.backend", lambda: "jax"):
            with self.assertRaisesRegex(keras_model.Unsupported, "another backend than TensorFlow; unset KERAS_BACKEND"):
                keras_model.convert(Old(), "m", ".")


@needs("IPython", "torch", "onnx", "onnxruntime")
class Torch(Refused):
    BEFORE = """
import torch
from torch import nn
X = torch.randn(6, 3)
class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
    def forward(self, x): return self.function(x)
def called(module, *inputs):
    module(*inputs)
    return module
linear = called(nn.Linear(3, 2), X)
"""

    def test_modules_without_an_onnx_form(self):
        self.check([
            ("net = nn.Conv2d(1, 2, 3)", "net(X)", "model net, which GET /x uses, cannot travel", "has never been called", "call it once"),
            ("net = called(Net(lambda x: torch.linalg.svd(x)[1]), X)", "net(X)", "model net", "aten::linalg_svd", "do that step in Python"),
            ("net = called(Net(lambda x: x if x.sum() > 0 else -x), X)", "net(X)", "model net", "no ONNX form", "do that step in Python"),
            ("net = called(Net(lambda x: 'a'), X)", "net(X)", "model net", "returns str", "let forward() return tensors"),
            ("net = called(nn.Identity(), 3)", "net(3)", "model net", "is no tensor but int", "let forward() take tensors only"),
            ("net = called(called(nn.Identity(), X), X[0])", "net(X)", "model net", "of several types or ranks", "call it with one"),
            ("net = called(nn.Identity(), X.to(torch.int8))", "net(X)", "model net", "of type int8", "let it take one of float16"),
            ("net = torch.jit.script(linear)", "net(X)", "model net", "compiled by torch.jit", "use the module it was made from"),
            ("net = torch.compile(linear)", "net(X)", "model net", "compiled by torch.compile", "use the module it was made from"),
        ], self.BEFORE)

    def test_objects_that_are_no_modules(self):
        self.check([
            ("t = torch.tensor([1 + 2j])", "t", "variable t (torch.Tensor)", "holds complex64", "keep it as float32"),
            ("t = torch.tensor([1.], dtype=torch.bfloat16)", "t", "variable t (torch.Tensor)", "holds bfloat16", "keep it as"),
            ("t = torch.eye(2).to_sparse()", "t", "variable t (torch.Tensor)", "it is sparse", "keep it as .to_dense()"),
            ("o = torch.optim.SGD(linear.parameters(), 0.1)", "o", "variable o (torch.optim.sgd.SGD)", "needs torch.optim", KEEP),
            ("d = torch.utils.data.DataLoader([1])", "d", "variable d (torch.utils.data", "needs torch.utils", KEEP),
            ("g = torch.Generator()", "g", "variable g (torch._C.Generator)", "needs torch._C", KEEP),
        ], self.BEFORE)


if __name__ == "__main__":
    unittest.main()
