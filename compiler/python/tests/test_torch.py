"""Compares PyTorch with the engine's part of it: tensors, and modules whose graphs a real ONNX runner runs.

Needs torch, onnx and onnxruntime; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_torch
"""

import importlib.util
import sys
import tempfile
import unittest

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "onnx", "onnxruntime"))
if HAS_TORCH:
    import numpy as np
    from titan_freeze import torch_calls

    torch_calls.watch()
    import torch
    import torch.nn.functional as F
    from torch import nn

    from .engine import load
    from .host import HOST

    own = load("engine_torch", "torch")
    sys.modules["torch"] = own
    import titan.torch

    sys.modules["torch"] = torch
    from titan_freeze import torch_model
    from titan_freeze.errors import Unsupported


@unittest.skipUnless(HAS_TORCH, "torch, onnx and onnxruntime are not installed")
class TorchTest(unittest.TestCase):
    def assert_same(self, got, want, what=""):
        if isinstance(want, torch.Tensor):
            self.assertIsInstance(got, own.Tensor, what)
            self.assertEqual((str(got.dtype), tuple(got.shape)), (str(want.dtype), tuple(want.shape)), what)
            np.testing.assert_allclose(got.numpy(), want.detach().numpy(), rtol=1e-5, atol=1e-6, err_msg=what)
        elif isinstance(want, dict):
            self.assertEqual(list(got), list(want))
            for key in want:
                self.assert_same(got[key], want[key], what)
        elif isinstance(want, (tuple, list)):
            self.assertEqual(len(got), len(want), what)
            for one, other in zip(got, want):
                self.assert_same(one, other, what)
        else:
            self.assertEqual((type(got), got), (type(want), want), what)


class Tensors(TorchTest):
    EXPRESSIONS = """
        torch.tensor([1, 2]) | torch.tensor([1.5, 2]) | torch.tensor([[True], [False]]) | torch.tensor(3)
        torch.tensor(2.5) | torch.tensor(np.eye(2)) | torch.tensor([np.float64(1.5)])
        torch.as_tensor([1, 2], dtype=torch.float32) | torch.from_numpy(np.arange(3)) | torch.FloatTensor([1, 2])
        torch.LongTensor([3]) | torch.zeros(2, 3) | torch.ones((2,), dtype=torch.int64) | torch.full((2,), 7)
        torch.arange(4) | torch.arange(0, 1, 0.25) | torch.eye(3) | torch.linspace(0, 1, 5) | torch.zeros_like(i)
        torch.ones_like(x, dtype=torch.float64) | x + i | x * 2 | x / 2 | i / 2 | i // 2 | i * 1.5 | i + True | 1 - x
        2 / i | x ** 2 | i % 3 | -x | abs(x) | x @ x.T | x + d | x + s | i + s | x > 0 | x.gt(0) if False else x >= i
        (x > 0) & (i > 1) | ~(x > 0) | x == x | i != 2 | x.to(torch.float64) + x | x.exp() | i.exp() | x.sigmoid()
        torch.tanh(x) | torch.sqrt(x.abs()) | x.relu() | x.round() | x.clamp(-0.5, 0.5) | x.clamp(min=0)
        x.softmax(dim=1) | torch.softmax(x, -1) | torch.log_softmax(x, dim=0) | F.softmax(x, dim=1) | F.relu(x)
        F.log_softmax(x, 1) | F.sigmoid(x) | F.gelu(x) | F.leaky_relu(x) | F.softplus(x) | F.one_hot(i % 3)
        F.normalize(x) | F.cosine_similarity(x, x + 1) | F.mse_loss(x, x + 1) | F.l1_loss(x, x * 2)
        F.cross_entropy(x, torch.tensor([0, 2])) | F.binary_cross_entropy(x.sigmoid(), x.abs().clamp(max=1))
        F.binary_cross_entropy_with_logits(x, x.sigmoid()) | x.sum() | i.sum() | (x > 0).sum() | x.sum(dim=1)
        x.mean() | x.mean(dim=(0, 1)) | x.mean(0, keepdim=True) | x.std() | x.var(dim=1) | x.max() | x.max(dim=1)
        x.min(dim=0, keepdim=True) | torch.max(x, x * 2) | x.argmax() | x.argmax(dim=1) | torch.argmin(x, dim=0)
        x.sort(descending=True) | x.topk(2) | x.argsort(dim=1) | x.cumsum(1) | i.cumsum(0) | x.norm() | x.norm(dim=1)
        x.prod() | (x > 0).all() | (x > 0).any(dim=1) | x.view(3, 2) | x.reshape(-1) | x.view(-1, 1) | x.flatten()
        x.unsqueeze(0) | x[:, :1].squeeze(1) | x.unsqueeze(0).squeeze() | x.permute(1, 0) | x.transpose(0, 1) | x.t()
        x.T | x[0].expand(4, 3) | x.repeat(2, 1) | x.unbind(0) | x[0] | x[:, 1] | x[x > 0] | x[[1, 0]] | x[..., None]
        x[torch.tensor([1])] | x.gather(1, torch.tensor([[0], [2]])) | torch.stack([x, x]) | torch.cat([x, x], dim=1)
        torch.where(x > 0, x, 0.0) | torch.where(x > 0) | torch.matmul(x, x.T) | x.float() | x.double() | x.long()
        x.int() | x.bool() | x.to(torch.float64) | x.to("cpu") | x.to(device) | x.type(torch.int64) | x.tolist()
        x[0, 0].item() | float(x[0, 1]) | int(i[2]) | bool(x[0, 0] > 0) | len(x) | x.dim() | x.size(1) | x.numel()
        x.ndim | [float(v) for v in x[0]] | f"{x[0, 0]:.3f}" | str(x.shape) | str(x.dtype) | list(x.size())
        x.shape[0] | str(device) | 0.5 in s | torch.equal(x, x) | torch.allclose(x, x + 1e-9) | torch.is_tensor(x)
        torch.cuda.is_available() | x.dtype == torch.float32 | repr(x) | repr(i) | repr(s) | repr(x > 0)
        repr(x * 1e-6) | repr(torch.tensor([1.0, 20.0])) | repr(d) | repr(torch.tensor([1.0, np.nan]))
        repr(torch.zeros(2, 2)) | repr(torch.tensor([[12345.5, 0.25]])) | repr(torch.tensor([-1, 10]))
        repr(x.double() * 3) | repr(i.int())
    """

    def names(self, package, functional):
        x = package.tensor([[0.5, -1.25, 2.0], [-0.75, 0.125, 3.5]])
        return {
            "torch": package,
            "F": functional,
            "np": np,
            "x": x,
            "i": package.tensor([1, 2, 5]),
            "d": package.tensor([1.0, 2.0, 3.0], dtype=package.float64),
            "s": package.tensor(0.5),
            "device": package.device("cpu"),
        }

    def test_expressions(self):
        ours, theirs = self.names(own, own.nn.functional), self.names(torch, F)
        expressions = [e.strip() for line in self.EXPRESSIONS.split("\n") for e in line.split(" | ") if e.strip()]
        self.assertGreater(len(expressions), 150)
        for expression in expressions:
            with self.subTest(expression):
                self.assert_same(eval(expression, ours), eval(expression, theirs), expression)

    def test_contexts_and_memory(self):
        for mode in (own.no_grad, own.inference_mode, own.enable_grad):
            with mode():
                self.assertEqual(mode()(lambda: 3)(), 3)
        array = np.zeros(3)
        own.from_numpy(array)[1] = 5
        self.assertEqual(array[1], 5)
        copied = own.tensor(array)
        copied[0] = 7
        self.assertEqual(array[0], 0)

    def test_what_is_not_there_says_so(self):
        for make, message in (
            (lambda: own.fft, "the engine's torch has no 'fft'"),
            (lambda: own.tensor(1).backward, "no Tensor.backward"),
            (lambda: own.nn.Linear, "no nn.Linear: make the module in a cell before"),
        ):
            with self.assertRaisesRegex(AttributeError, message):
                make()
        for make, kind, message in (
            (lambda: own.tensor(["a"]), TypeError, "to a tensor of numbers"),
            (lambda: bool(own.tensor([1, 2])), RuntimeError, "ambiguous"),
            (lambda: own.tensor([1, 2]).item(), RuntimeError, "cannot be converted to Scalar"),
            (lambda: own.tensor([1, 2]).mean(), RuntimeError, "should be floating point"),
        ):
            with self.assertRaisesRegex(kind, message):
                make()


class Modules(TorchTest):
    count = 0

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        HOST.folder = folder.name
        torch.manual_seed(0)

    def frozen(self, module):
        Modules.count += 1
        return titan.torch.Module(torch_model.convert(module, f"m{Modules.count}", HOST.folder))

    def assert_answers(self, module, *samples):
        with torch.no_grad():
            # The shapes are learned from calls with the first sample, the others are new.
            module.eval()(*samples[0])
            stand_in = self.frozen(module)
            for given in samples:
                want = module(*given)
                self.assert_same(stand_in(*(own.tensor(part.numpy()) for part in given)), want)
        return stand_in

    def test_dense(self):
        module = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 3), nn.Softmax(dim=1))
        self.assert_answers(module, (torch.randn(4, 10),), (torch.randn(1, 10),), (torch.randn(9, 10),))

    def test_never_called(self):
        module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
        x = torch.randn(2, 3)
        self.assert_same(self.frozen(module)(own.tensor(x.numpy())), module(x))
        with self.assertRaisesRegex(Unsupported, "never been called.*call it once on sample data"):
            self.frozen(nn.Conv2d(1, 1, 3))

    def test_images(self):
        module = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        )
        self.assert_answers(module, (torch.randn(3, 1, 12, 12),), (torch.randn(1, 1, 12, 12),))

    def test_words(self):
        class Words(nn.Module):
            def __init__(self):
                super().__init__()
                self.labels = "a b"
                self.embedding, self.lstm, self.out = (
                    nn.Embedding(20, 6),
                    nn.LSTM(6, 5, batch_first=True),
                    nn.Linear(5, 2),
                )

            def forward(self, words):
                states, (last, _) = self.lstm(self.embedding(words))
                return {"logits": self.out(last[-1]), "states": states}

        stand_in = self.assert_answers(Words(), (torch.randint(20, (3, 7)),), (torch.randint(20, (1, 7)),))
        self.assertEqual(stand_in.labels, "a b")
        self.assertIn("LSTM(6, 5, batch_first=True)", repr(stand_in))

    def test_several_inputs_and_lengths(self):
        class Pair(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two = nn.Linear(3, 4), nn.Linear(2, 4)

            def forward(self, a, b):
                mixed = self.one(a).mean(dim=1) + self.two(b)
                return mixed, [mixed.argmax(dim=1)]

        module = Pair()
        module(torch.randn(2, 6, 3), torch.randn(2, 2))
        self.assert_answers(
            module, (torch.randn(2, 5, 3), torch.randn(2, 2)), (torch.randn(4, 9, 3), torch.randn(4, 2))
        )

    def test_attention(self):
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.assert_answers(nn.TransformerEncoder(layer, 1), (torch.randn(2, 5, 8),), (torch.randn(3, 5, 8),))

    def test_modes_and_errors(self):
        module = nn.Sequential(nn.Linear(3, 2), nn.Dropout())
        module(torch.randn(2, 3))
        stand_in = self.frozen(module)
        self.assertTrue(module.training)
        x = own.tensor([[1.0, 2.0, 3.0]])
        with self.assertRaisesRegex(RuntimeError, r"training mode, in which Dropout is random .*call eval\(\)"):
            stand_in(x)
        self.assertIs(stand_in.eval().to("cpu"), stand_in)
        stand_in(x)
        for given, kind, message in (
            (own.tensor([1.0, 2.0, 3.0]), RuntimeError, r"has shape \(3,\), and the module was frozen for \(None, 3\)"),
            (own.tensor([[1, 2, 3]]), RuntimeError, "has type torch.int64, and the module was called with float32"),
            ([[1.0]], TypeError, "must be a Tensor, not list"),
        ):
            with self.assertRaisesRegex(kind, message):
                stand_in(given)
        with self.assertRaisesRegex(
            AttributeError, "has no 'predict': move what it does into a function of the notebook"
        ):
            stand_in.predict(x)
        with self.assertRaisesRegex(AttributeError, "no 'train': train it in a cell before"):
            stand_in.train()

    def test_what_has_no_graph(self):
        class Odd(nn.Module):
            def forward(self, x):
                return x * 2 if x.sum() > 0 else x.numpy().tolist()

        module = Odd()
        with self.assertRaisesRegex(Unsupported, "has never been called"):
            self.frozen(module)
        module(torch.ones(2, 3))
        with self.assertRaisesRegex(Unsupported, "has no ONNX form|returns list"):
            self.frozen(module)

        class Flag(nn.Module):
            def forward(self, x, flag):
                return x

        module = Flag()
        module(torch.ones(2, 3), True)
        with self.assertRaisesRegex(Unsupported, "takes flag, which is no tensor but bool"):
            self.frozen(module)


if __name__ == "__main__":
    unittest.main()
