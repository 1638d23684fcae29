"""From a request's body to the input of a model. The notebooks and the servers beside them all run this code."""

import re

import numpy as np

COLUMNS = [
    "LotArea",
    "OverallQual",
    "OverallCond",
    "TotalBsmtSF",
    "FullBath",
    "HalfBath",
    "BedroomAbvGr",
    "TotRmsAbvGrd",
    "Fireplaces",
    "GarageArea",
]
LOW = np.array([1300, 1, 1, 0, 0, 0, 0, 2, 0, 0], dtype=float)
HIGH = np.array([215245, 10, 9, 6110, 3, 2, 8, 14, 3, 1418], dtype=float)

WORDS = """
    a about acting all also an and any are as at awful bad beautiful because been best better big boring
    brilliant but by can character could did do does dull end even ever every film first for from funny get go
    good great had has have he her him his how i if in into is it its just like little love made make many me
    more most movie much music my never no not of off on one only or other out over people plot really scene see
    seen she should slow so some story terrible than that the their them then there they thing think this time
    to too touching two up very was watch way we well were what when which who will with would year you
""".split()
INDEX = {word: number for number, word in enumerate(WORDS, 2)}
LENGTH = 40


def house(body):
    """A row of ten facts about a house, each scaled to lie between 0 and 1."""
    row = np.array([[body[column] for column in COLUMNS]], dtype=float)
    return ((row - LOW) / (HIGH - LOW)).astype(np.float32)


def picture(body):
    """A picture of 28x28 levels of grey."""
    return np.array(body["pixels"], dtype=np.float32).reshape(1, 28, 28, 1) / np.float32(255)


def review(body):
    """The numbers of the first words of a text: 0 pads, 1 is a word that is not known."""
    words = re.findall(r"[a-z']+", body["text"].lower())[:LENGTH]
    numbers = [INDEX.get(word, 1) for word in words]
    return np.array([numbers + [0] * (LENGTH - len(numbers))], dtype=np.int32)
