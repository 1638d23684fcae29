"""Vectorizers: words, dicts and hashes to columns."""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np

from .base import Transformer
from .inputs import FLOATS
from .scalers import normalized_rows
from .sparse import Sparse, dense

_SPACES = re.compile(r"\s\s+")


class _Analyzer(Transformer):
    """Cuts documents into features. `words_left_out` are the stop words, by then a set."""

    def build_analyzer(self):
        """A function from a document to its features."""
        if callable(self.analyzer):
            return lambda document: self.analyzer(self.decode(document))
        preprocess = self.build_preprocessor()
        if self.analyzer == "word":
            tokenize = self.build_tokenizer()
            return lambda document: self._word_ngrams(tokenize(preprocess(self.decode(document))))
        cut = self._char_ngrams if self.analyzer == "char" else self._char_wb_ngrams
        return lambda document: cut(_SPACES.sub(" ", preprocess(self.decode(document))))

    def decode(self, document):
        if isinstance(document, bytes):
            document = document.decode(self.encoding, self.decode_error)
        if not isinstance(document, str) and document != document:
            raise ValueError("np.nan is an invalid document, expected byte or unicode string.")
        return document

    def build_preprocessor(self):
        return self.preprocessor if self.preprocessor is not None else self._preprocess

    def _preprocess(self, document):
        document = document.lower() if self.lowercase else document
        if not self.strip_accents:
            return document
        if callable(self.strip_accents):
            return self.strip_accents(document)
        apart = unicodedata.normalize("NFKD", document)
        if self.strip_accents == "ascii":
            return apart.encode("ascii", "ignore").decode("ascii")
        return document if document.isascii() else "".join(c for c in apart if not unicodedata.combining(c))

    def build_tokenizer(self):
        return self.tokenizer if self.tokenizer is not None else re.compile(self.token_pattern).findall

    def get_stop_words(self):
        return self.words_left_out

    def _word_ngrams(self, tokens):
        if self.words_left_out is not None:
            tokens = [token for token in tokens if token not in self.words_left_out]
        least, most = self.ngram_range
        found = []
        for n in range(least, min(most, len(tokens)) + 1):
            found += tokens if n == 1 else (" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
        return found

    def _char_ngrams(self, text):
        least, most = self.ngram_range
        return [text[i : i + n] for n in range(least, min(most, len(text)) + 1) for i in range(len(text) - n + 1)]

    def _char_wb_ngrams(self, text):
        """Within words, with a space at either end; a word shorter than n is one feature."""
        least, most = self.ngram_range
        found = []
        for word in text.split():
            word = f" {word} "
            for n in range(least, most + 1):
                found += [word[i : i + n] for i in range(max(1, len(word) - n + 1))]
                if n >= len(word):
                    break
        return found

    def _documents(self, documents):
        if isinstance(documents, str):
            raise ValueError("Iterable over raw text documents expected, string object received.")
        analyze = self.build_analyzer()
        return [analyze(document) for document in documents]


class CountVectorizer(_Analyzer):
    def _transform(self, documents):
        return Sparse(self._counts(documents))

    def _counts(self, documents):
        places, analyzed = self.vocabulary_.get, self._documents(documents)
        result = np.zeros((len(analyzed), len(self.vocabulary_)), dtype=self.dtype)
        for row, features in zip(result, analyzed):
            found = [place for place in map(places, features) if place is not None]
            np.add.at(row, found, 1)
        return (result != 0).astype(result.dtype) if self.binary else result

    def inverse_transform(self, X):
        """The features in every row."""
        terms = self._terms()
        return [terms[np.flatnonzero(row)] for row in dense(X)]

    def get_feature_names_out(self, input_features=None):
        return self._terms().astype(object)

    def _terms(self):
        order = np.argsort(list(self.vocabulary_.values()))
        return np.array(list(self.vocabulary_))[order]


class TfidfVectorizer(CountVectorizer):
    idf_ = property(lambda self: self._tfidf.idf_)

    def _transform(self, documents):
        return self._tfidf.transform(super()._transform(documents))


class TfidfTransformer(Transformer):
    def _transform(self, X):
        X = self._check(X, dtype=FLOATS)
        if self.sublinear_tf:
            X = np.where(X == 0, 0, np.log(np.where(X == 0, 1, X)) + 1)
        if self._has("idf_"):
            X = X * self.idf_.astype(X.dtype)
        return Sparse(X if self.norm is None else normalized_rows(X, self.norm))


class DictVectorizer(Transformer):
    def _transform(self, X):
        X = [X] if isinstance(X, Mapping) else list(X)
        if not X:
            raise ValueError("Sample sequence X is empty.")
        result = np.zeros((len(X), len(self.vocabulary_)), dtype=self.dtype)
        for row, sample in zip(result, X):
            for name, value in self._features(sample):
                if name in self.vocabulary_:
                    row[self.vocabulary_[name]] += value
        return Sparse(result) if self.sparse else result

    def _features(self, sample):
        for name, value in sample.items():
            if isinstance(value, str):
                yield f"{name}{self.separator}{value}", 1
            elif isinstance(value, Iterable) and not isinstance(value, Mapping):
                for part in value:
                    yield f"{name}{self.separator}{part}", 1
            else:
                yield name, np.nan if value is None else value

    def inverse_transform(self, X, dict_type=dict):
        return [dict_type((self.feature_names_[i], row[i]) for i in np.flatnonzero(row)) for row in dense(X)]


class _Hasher(Transformer):
    def _hashed(self, samples, binary=False):
        """Samples are iterables of (feature, value). With `binary` what is there is 1, also where features cancel
        out."""
        samples = list(samples)
        if not samples:
            raise ValueError("Cannot vectorize empty sequence.")
        result = np.zeros((len(samples), self.n_features), dtype=self.dtype)
        for row, sample in zip(result, samples):
            for name, value in sample:
                if isinstance(value, str):
                    name, value = f"{name}={value}", 1
                number = _murmur(name.encode() if isinstance(name, str) else name)
                sign = -1 if self.alternate_sign and number < 0 else 1
                place = abs(number) % self.n_features
                row[place] = 1 if binary else row[place] + sign * value
        return result


class FeatureHasher(_Hasher):
    def _transform(self, X):
        if self.input_type == "dict":
            return Sparse(self._hashed(sample.items() for sample in X))
        if self.input_type == "string":
            return Sparse(self._hashed(((name, 1) for name in sample) for sample in X))
        return Sparse(self._hashed(X))


class HashingVectorizer(_Hasher, _Analyzer):
    def _transform(self, documents):
        samples = (((name, 1) for name in features) for features in self._documents(documents))
        result = self._hashed(samples, self.binary)
        return Sparse(result if self.norm is None else normalized_rows(result, self.norm))


@functools.lru_cache(1 << 14)
def _murmur(key):
    """MurmurHash3 of 32 bits, with seed 0, signed."""
    mask, h = 0xFFFFFFFF, 0
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        h ^= _mixed(int.from_bytes(key[i : i + 4], "little"))
        h = ((h << 13 | h >> 19) & mask) * 5 + 0xE6546B64 & mask
    h ^= _mixed(int.from_bytes(key[whole:], "little")) ^ len(key)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    h ^= h >> 16
    return h - (1 << 32) if h >> 31 else h


def _mixed(k):
    mask = 0xFFFFFFFF
    k = k * 0xCC9E2D51 & mask
    return (k << 15 | k >> 17) * 0x1B873593 & mask
