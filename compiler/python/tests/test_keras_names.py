"""Compares what the engine's packages `keras` and `tensorflow` compute with the real ones.

Needs the packages of the image `tensorflow`; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_keras_names
"""

import json
import os
import subprocess
import sys
import unittest

from .engine import PYTHON
from .keras_support import HAS_KERAS

if HAS_KERAS:
    import keras
    import numpy as np
    import tensorflow as tf

    from titan_freeze import keras_names

EXPRESSIONS = """
    tf.constant([1, 2]) | tf.constant([1.5, 2]) | tf.constant(x) | tf.constant(x, dtype=tf.float32) | tf.constant(3)
    tf.constant(1.0, shape=(2, 2)) | tf.convert_to_tensor([[1, 2], [3, 4]]) | tf.cast(x, tf.int32) | tf.cast([1, 0], tf.bool)
    tf.constant(f) + 1 | 2 * tf.constant(f) | tf.constant(f) / 2 | tf.constant(f) @ tf.transpose(tf.constant(f))
    tf.nn.softmax(f) | tf.nn.softmax([1.0, 2.0]) | tf.nn.softmax(x, axis=0) | tf.nn.sigmoid(f) | tf.nn.relu(f) | tf.tanh(f)
    tf.nn.log_softmax(f) | tf.nn.l2_normalize(f, axis=1) | tf.nn.softplus(f) | tf.math.top_k(f, k=2)[0] | tf.math.top_k(f, 2)[1]
    tf.argmax(f, axis=1) | tf.argmin(f, axis=-1) | tf.argmax(f, axis=1, output_type=tf.int32) | tf.argsort(f) | tf.sort(f)
    tf.reduce_sum(f) | tf.reduce_sum(f, axis=1) | tf.reduce_mean(f, axis=0, keepdims=True) | tf.reduce_max(f, 1)
    tf.reduce_mean([1, 2]) | tf.reduce_min(f) | tf.reduce_prod([1, 2, 3]) | tf.reduce_all([True, False]) | tf.reduce_any(f > 0)
    tf.math.reduce_std(f) | tf.math.reduce_variance(f, axis=0) | tf.math.log(f * f) | tf.math.is_nan(f) | tf.math.is_finite(f)
    tf.expand_dims(f, 0) | tf.squeeze(f[None]) | tf.squeeze(f[None], axis=[0]) | tf.reshape(f, (-1,)) | tf.reshape(f, [3, 2])
    tf.concat([f, f], axis=0) | tf.concat([f, f], 1) | tf.stack([f, f], axis=1) | tf.stack([1, 2]) | tf.unstack(f)[1]
    tf.transpose(f) | tf.transpose(f[None], perm=[2, 0, 1]) | tf.tile(f, [1, 2]) | tf.repeat(f, 2, axis=0)
    tf.gather(f, [1, 0]) | tf.gather(f, 1, axis=1) | tf.where(f > 0, f, 0.0) | tf.where(f > 0) | tf.one_hot([0, 2], 3)
    tf.one_hot([1], depth=2, on_value=5.0, off_value=-1.0) | tf.clip_by_value(f, -0.5, 0.5) | tf.maximum(f, 0.0)
    tf.pow(f, 2) | tf.sqrt(tf.abs(f)) | tf.square(f) | tf.exp(f) | tf.round(f) | tf.sign(f) | tf.floor(f)
    tf.range(4) | tf.range(1, 3, 0.5) | tf.zeros((2, 2)) | tf.ones([2], dtype=tf.int64) | tf.zeros_like(f) | tf.fill([2], 7)
    tf.equal(f, f) | tf.greater(f, 0.0) | tf.logical_not(f > 0) | tf.shape(f) | tf.matmul(f, f.T) | tf.is_tensor(f)
    tf.constant(f).shape.as_list() | tf.constant(f)[:, tf.newaxis] | float(tf.constant(2.5)) | tf.constant(f).numpy().tolist()
    keras.ops.softmax(f) | keras.ops.argmax(f, axis=-1) | keras.ops.convert_to_numpy(keras.ops.mean(f, axis=1))
    keras.ops.concatenate([f, f]) | keras.ops.expand_dims(f, -1) | keras.ops.sum(f) | keras.ops.top_k(f, 1)[1]
    keras.ops.one_hot([1, 0], 2) | keras.ops.clip(f, 0, 1) | keras.ops.arange(3) | keras.ops.shape(f)
    keras.ops.normalize(f) | keras.ops.where(f > 0, f, 0) | keras.ops.std(f, axis=0) | keras.ops.max(f, axis=1)
    keras.activations.softmax(keras.ops.convert_to_tensor(f)) | keras.utils.normalize(x) | keras.utils.normalize(x, axis=0, order=1)
    keras.utils.to_categorical([0, 2]) | keras.utils.to_categorical([[1], [0]], num_classes=3) | keras.utils.to_categorical(1, 2)
    keras.utils.pad_sequences([[1, 2], [3]]) | keras.utils.pad_sequences([[1, 2, 3], []], maxlen=2, padding='post')
    keras.utils.pad_sequences([[1.5, 2, 3]], 2, dtype='float32', truncating='post', value=-1) | tf.keras.utils.pad_sequences([[1]], 3)
    tf.keras.preprocessing.sequence.pad_sequences([[5, 6], [7]], padding='post') | tf.keras.activations.sigmoid(tf.constant(f))
"""

EVALUATE = """
def described(value):
    array = np.asarray(value)
    return [type(value).__name__.removeprefix("Eager"), str(array.dtype), list(array.shape), array.tolist()]

f = np.array([[0.5, -1.25, 2.0], [-0.75, 0.0, 1.5]], np.float32)
x = np.array([[1.0, 4.0], [2.0, 2.0]])
results = {}
for expression in expressions:
    try:
        results[expression] = described(eval(expression))
    except Exception as error:
        results[expression] = type(error).__name__
"""

CHILD = f"""
import json, sys, types
sys.modules["_titan"] = types.ModuleType("_titan")
sys.path.insert(0, sys.argv[1])
import keras, numpy as np, tensorflow as tf
expressions, names = json.load(sys.stdin)
{EVALUATE}
def has(module, name):
    root, *rest = module.split(".")
    found = sys.modules[root]
    for part in rest:
        found = getattr(found, part)
    return hasattr(found, name)
absent = [f"{{module}}.{{name}}" for module in names for name in names[module] if not has(module, name)]
print(json.dumps([results, absent]))
"""


@unittest.skipUnless(HAS_KERAS, "the packages of the image tensorflow are not installed")
class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expressions = [part.strip() for line in EXPRESSIONS.splitlines() for part in line.split(" | ") if part.strip()]
        command = [sys.executable, "-c", CHILD, str(PYTHON)]
        text = json.dumps([cls.expressions, keras_names.NAMES])
        child = subprocess.run(command, input=text, capture_output=True, text=True, cwd=os.path.sep, check=False)
        assert child.returncode == 0, child.stderr
        cls.results, cls.absent = json.loads(child.stdout)

    def test_the_engine_has_the_names_it_is_said_to_have(self):
        self.assertEqual(self.absent, [])

    def test_values_types_and_shapes_are_the_real_ones(self):
        names = {"tf": tf, "keras": keras, "np": np, "expressions": self.expressions}
        exec(EVALUATE, names)
        for expression in self.expressions:
            with self.subTest(expression):
                want, got = names["results"][expression], self.results[expression]
                self.assertEqual(got[:3], want[:3])
                np.testing.assert_allclose(got[3], want[3], rtol=1e-6, atol=1e-7)

    def test_functions_and_types_are_known_by_their_public_names(self):
        for value, want in (
            (keras.utils.pad_sequences, ("keras.preprocessing.sequence", "pad_sequences")),
            (keras.ops.softmax, ("keras.ops", "softmax")),
            (tf.constant, ("tensorflow", "constant")),
            (tf.nn.softmax, ("tensorflow.math", "softmax")),
            (tf.float32, ("tensorflow", "float32")),
            (keras.layers.Dense, None),
            (np.float32, None),
        ):
            self.assertEqual(keras_names.reference(value), want)
