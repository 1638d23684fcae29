"""Which class of the engine's `titan.sklearn` stands in for which class of scikit-learn."""

import inspect

_FAMILIES = {
    "base.BaseEstimator": "BaseEstimator",
    "base.TransformerMixin": "TransformerMixin",
    "base.ClassifierMixin": "ClassifierMixin",
    "base.RegressorMixin": "RegressorMixin",
    "base.ClusterMixin": "ClusterMixin",
    "base.OutlierMixin": "OutlierMixin",
    "base.OneToOneFeatureMixin": "OneToOneFeatureMixin",
    "base.Bunch": "Bunch",
    "linear.LinearRegressor": """
        LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV Lars LarsCV LassoLars LassoLarsCV
        LassoLarsIC OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV MultiTaskLasso MultiTaskLassoCV
        MultiTaskElasticNet MultiTaskElasticNetCV HuberRegressor QuantileRegressor TheilSenRegressor
    """,
    "linear.RavelRegressor": "SGDRegressor PassiveAggressiveRegressor LinearSVR",
    "linear.BayesianRegressor": "BayesianRidge ARDRegression",
    "linear.GeneralizedRegressor": "PoissonRegressor GammaRegressor TweedieRegressor",
    "linear.LinearClassifier": "LinearSVC Perceptron PassiveAggressiveClassifier",
    "linear.LogisticClassifier": "LogisticRegression LogisticRegressionCV",
    "linear.SGDClassifier": "SGDClassifier",
    "linear.RidgeClassifier": "RidgeClassifier RidgeClassifierCV",
    "linear.SGDOneClass": "SGDOneClassSVM",
    "linear.LinearDiscriminant": "LinearDiscriminantAnalysis",
    "linear.QuadraticDiscriminant": "QuadraticDiscriminantAnalysis",
    "linear.PartialLeastSquares": "PLSRegression PLSCanonical CCA",
    "trees.TreeClassifier": "DecisionTreeClassifier ExtraTreeClassifier",
    "trees.TreeRegressor": "DecisionTreeRegressor ExtraTreeRegressor",
    "trees.ForestClassifier": "RandomForestClassifier ExtraTreesClassifier",
    "trees.ForestRegressor": "RandomForestRegressor ExtraTreesRegressor",
    "trees.TreesEmbedding": "RandomTreesEmbedding",
    "trees.IsolationForest": "IsolationForest",
    "boosting.BoostedClassifier": "GradientBoostingClassifier",
    "boosting.BoostedRegressor": "GradientBoostingRegressor",
    "boosting.HistogramClassifier": "HistGradientBoostingClassifier",
    "boosting.HistogramRegressor": "HistGradientBoostingRegressor",
    "boosting.AdaBoostClassifier": "AdaBoostClassifier",
    "boosting.AdaBoostRegressor": "AdaBoostRegressor",
    "voting.BaggingClassifier": "BaggingClassifier",
    "voting.BaggingRegressor": "BaggingRegressor",
    "voting.VotingClassifier": "VotingClassifier",
    "voting.VotingRegressor": "VotingRegressor",
    "voting.StackingClassifier": "StackingClassifier",
    "voting.StackingRegressor": "StackingRegressor",
    "svm.SupportClassifier": "SVC NuSVC",
    "svm.SupportRegressor": "SVR NuSVR",
    "svm.OneClass": "OneClassSVM",
    "neighbors.Neighbors": "NearestNeighbors",
    "neighbors.NeighborsTransformer": "KNeighborsTransformer RadiusNeighborsTransformer",
    "neighbors.NeighborsClassifier": "KNeighborsClassifier",
    "neighbors.RadiusClassifier": "RadiusNeighborsClassifier",
    "neighbors.NeighborsRegressor": "KNeighborsRegressor",
    "neighbors.RadiusRegressor": "RadiusNeighborsRegressor",
    "neighbors.LocalOutlierFactor": "LocalOutlierFactor",
    "neighbors.NearestCentroid": "NearestCentroid",
    "neighbors.KNNImputer": "KNNImputer",
    "bayes.GaussianNB": "GaussianNB",
    "bayes.MultinomialNB": "MultinomialNB",
    "bayes.ComplementNB": "ComplementNB",
    "bayes.BernoulliNB": "BernoulliNB",
    "bayes.CategoricalNB": "CategoricalNB",
    "bayes.GaussianMixture": "GaussianMixture BayesianGaussianMixture",
    "processes.GaussianProcessRegressor": "GaussianProcessRegressor",
    "processes.GaussianProcessClassifier": "GaussianProcessClassifier",
    "processes.BinaryLaplace": "_BinaryGaussianProcessClassifierLaplace",
    "processes.ConstantKernel": "ConstantKernel",
    "processes.WhiteKernel": "WhiteKernel",
    "processes.RBF": "RBF",
    "processes.Matern": "Matern",
    "processes.RationalQuadratic": "RationalQuadratic",
    "processes.ExpSineSquared": "ExpSineSquared",
    "processes.DotProduct": "DotProduct",
    "processes.Sum": "Sum",
    "processes.Product": "Product",
    "processes.Exponentiation": "Exponentiation",
    "neural.NetworkClassifier": "MLPClassifier",
    "neural.NetworkRegressor": "MLPRegressor",
    "clusters.KMeans": "KMeans MiniBatchKMeans",
    "clusters.BisectingKMeans": "BisectingKMeans",
    "clusters.Centers": "MeanShift AffinityPropagation",
    "clusters.Birch": "Birch",
    "clusters.Labels": "DBSCAN OPTICS HDBSCAN AgglomerativeClustering SpectralClustering TSNE MDS",
    "clusters.EllipticEnvelope": "EllipticEnvelope",
    "projections.PCA": "PCA IncrementalPCA",
    "projections.TruncatedSVD": "TruncatedSVD",
    "projections.Projection": "NeighborhoodComponentsAnalysis",
    "projections.RandomProjection": "GaussianRandomProjection SparseRandomProjection",
    "projections.FactorAnalysis": "FactorAnalysis",
    "projections.FastICA": "FastICA",
    "projections.KernelCenterer": "KernelCenterer",
    "projections.KernelPCA": "KernelPCA",
    "projections.KernelRidge": "KernelRidge",
    "projections.Nystroem": "Nystroem",
    "projections.RBFSampler": "RBFSampler",
    "scalers.StandardScaler": "StandardScaler",
    "scalers.RobustScaler": "RobustScaler",
    "scalers.MaxAbsScaler": "MaxAbsScaler",
    "scalers.MinMaxScaler": "MinMaxScaler",
    "scalers.Normalizer": "Normalizer",
    "scalers.Binarizer": "Binarizer",
    "scalers.PowerTransformer": "PowerTransformer",
    "scalers.QuantileTransformer": "QuantileTransformer",
    "scalers.KBinsDiscretizer": "KBinsDiscretizer",
    "scalers.PolynomialFeatures": "PolynomialFeatures",
    "scalers.Isotonic": "IsotonicRegression",
    "selection.SimpleImputer": "SimpleImputer",
    "selection.MissingIndicator": "MissingIndicator",
    "selection.Selector": """
        SelectKBest SelectPercentile SelectFpr SelectFdr SelectFwe GenericUnivariateSelect SelectFromModel
        VarianceThreshold SequentialFeatureSelector
    """,
    "encoders.OneHotEncoder": "OneHotEncoder",
    "encoders.OrdinalEncoder": "OrdinalEncoder",
    "encoders.TargetEncoder": "TargetEncoder",
    "encoders.LabelEncoder": "LabelEncoder",
    "encoders.LabelBinarizer": "LabelBinarizer",
    "encoders.MultiLabelBinarizer": "MultiLabelBinarizer",
    "texts.CountVectorizer": "CountVectorizer",
    "texts.TfidfVectorizer": "TfidfVectorizer",
    "texts.TfidfTransformer": "TfidfTransformer",
    "texts.DictVectorizer": "DictVectorizer",
    "texts.FeatureHasher": "FeatureHasher",
    "texts.HashingVectorizer": "HashingVectorizer",
    "compose.Pipeline": "Pipeline",
    "compose.FeatureUnion": "FeatureUnion",
    "compose.ColumnTransformer": "ColumnTransformer",
    "compose.FunctionTransformer": "FunctionTransformer",
    "compose.TransformedTargetRegressor": "TransformedTargetRegressor",
    "compose.Search": "GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV",
    "compose.Delegate": "RANSACRegressor SelfTrainingClassifier FrozenEstimator",
    "compose.Recursive": "RFE RFECV",
    "classes.Threshold": "FixedThresholdClassifier TunedThresholdClassifierCV",
    "classes.OneVsRest": "OneVsRestClassifier",
    "classes.OneVsOne": "OneVsOneClassifier",
    "classes.OutputCode": "OutputCodeClassifier",
    "classes.Constant": "_ConstantPredictor",
    "classes.MultiOutputClassifier": "MultiOutputClassifier",
    "classes.MultiOutputRegressor": "MultiOutputRegressor",
    "classes.RegressorChain": "RegressorChain",
    "classes.ClassifierChain": "ClassifierChain",
    "classes.CalibratedClassifier": "CalibratedClassifierCV",
    "classes.Calibrated": "_CalibratedClassifier",
    "classes.Sigmoid": "_SigmoidCalibration",
    "classes.Temperature": "_TemperatureScaling",
    "classes.DummyClassifier": "DummyClassifier",
    "classes.DummyRegressor": "DummyRegressor",
}

FAMILY = {name: family for family, names in _FAMILIES.items() for name in names.split()}
"""{name of scikit-learn's class: the stand-in's module and class}"""


FUNCTIONS = {
    "sklearn.metrics": """
        accuracy_score auc average_precision_score balanced_accuracy_score brier_score_loss classification_report
        confusion_matrix explained_variance_score f1_score fbeta_score hamming_loss jaccard_score log_loss
        matthews_corrcoef max_error mean_absolute_error mean_absolute_percentage_error mean_squared_error
        mean_squared_log_error median_absolute_error precision_recall_curve precision_recall_fscore_support
        precision_score r2_score recall_score roc_auc_score roc_curve root_mean_squared_error top_k_accuracy_score
        zero_one_loss
    """.split(),
    "sklearn.metrics.pairwise": """
        cosine_distances cosine_similarity euclidean_distances linear_kernel manhattan_distances pairwise_distances
        polynomial_kernel rbf_kernel
    """.split(),
    "sklearn.base": ["is_classifier", "is_regressor"],
}
"""{module that the engine has: the functions in it}"""


def is_of_sklearn(defined):
    """Whether scikit-learn defines the class or function."""
    return (defined.__module__ or "").split(".")[0] == "sklearn"


def family(cls):
    """(stand-in, name) for a class of scikit-learn, or None."""
    if is_of_sklearn(cls) and cls.__name__ in FAMILY and not inspect.isabstract(cls):
        return FAMILY[cls.__name__], cls.__name__
    return None


def nearest(cls):
    """The class itself or the first above it that has a stand-in as an estimator, or None."""
    for parent in cls.__mro__:
        found = family(parent)
        if found is not None and not found[0].startswith("base."):
            return parent
    return None
