"""The part of scikit-learn that code of endpoints imports: base classes and metrics.

Estimators are made and fitted in the notebook; what stands in for them is in `titan.sklearn`.
"""

__version__ = "1"
