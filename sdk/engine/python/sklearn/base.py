"""What classes of the notebook derive from."""

__all__ = """
    BaseEstimator ClassifierMixin ClusterMixin OneToOneFeatureMixin OutlierMixin RegressorMixin TransformerMixin
    is_classifier is_regressor
""".split()
