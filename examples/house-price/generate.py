"""Makes house-prices.csv, the example's data set: invented houses, of no real town.

    generate.py > house-prices.csv

Two hidden traits decide a house: its standard and its size, which go together. Every column is a noisy measurement of them,
so the columns are related as those of real houses are: better houses have more baths, larger garages, more fireplaces. The
price follows from the columns with noise on top, so a model finds most of it and can not find all. The label,
AboveMedianPrice, is 1 for the dearer half. The same seed gives the same file.
"""

import csv
import math
import random
import statistics
import sys

ROWS = 1460
SEED = 2026


def whole(value, low, high):
    """`value` as a whole number within bounds."""
    return max(low, min(high, round(value)))


def house(rng):
    """One house, as a row without its label, and its price."""
    standard = rng.gauss(0, 1)
    size = 0.55 * standard + math.sqrt(1 - 0.55 ** 2) * rng.gauss(0, 1)
    age = max(0.0, rng.gauss(40 - 18 * standard, 22))
    bedrooms = whole(rng.gauss(2.9 + 0.5 * size, 0.6), 0, 8)
    has_basement = rng.random() > 0.025
    has_garage = rng.random() > 0.055 - 0.03 * standard
    row = {
        "LotArea": whole(math.exp(rng.gauss(9.13 + 0.15 * size, 0.45)), 1300, 200_000),
        "OverallQual": whole(rng.gauss(6.1 + 1.25 * standard, 0.6), 1, 10),
        # Old houses are kept up or left alone; new ones have had no time to be either.
        "OverallCond": whole(rng.gauss(5.2 + 0.012 * age, 0.3 + 0.022 * age), 1, 9),
        "TotalBsmtSF": whole(rng.gauss(1080 + 170 * standard + 170 * size, 320), 105, 6000) if has_basement else 0,
        "FullBath": whole(rng.gauss(1.57 + 0.27 * size + 0.17 * standard, 0.38), 0, 3),
        "HalfBath": whole(rng.gauss(0.36 + 0.18 * size + 0.08 * standard, 0.42), 0, 2),
        "BedroomAbvGr": bedrooms,
        "TotRmsAbvGrd": whole(rng.gauss(6.5 + 0.75 * size + 0.75 * (bedrooms - 2.9), 0.85), 2, 14),
        "Fireplaces": whole(rng.gauss(0.58 + 0.2 * standard + 0.15 * size, 0.52), 0, 3),
        "GarageArea": whole(rng.gauss(495 + 95 * standard + 40 * size, 145), 160, 1418) if has_garage else 0,
    }
    log_price = (
        11.05
        + 0.118 * row["OverallQual"]
        + 0.035 * row["OverallCond"]
        + 0.00016 * row["TotalBsmtSF"]
        + 0.09 * row["FullBath"]
        + 0.05 * row["HalfBath"]
        + 0.03 * row["TotRmsAbvGrd"]
        + 0.06 * row["Fireplaces"]
        + 0.0003 * row["GarageArea"]
        + 0.1 * math.log(row["LotArea"] / 9500)
        - 0.003 * age
        + rng.gauss(0, 0.12)
    )
    return row, log_price


def main():
    rng = random.Random(SEED)
    houses = [house(rng) for _ in range(ROWS)]
    median = statistics.median(price for _, price in houses)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*houses[0][0], "AboveMedianPrice"])
    for row, price in houses:
        writer.writerow([*row.values(), int(price > median)])


if __name__ == "__main__":
    main()
