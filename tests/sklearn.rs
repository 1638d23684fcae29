//! scikit-learn estimators deploy and answer as the notebook's own kernel does, without scikit-learn.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::close::assert_close;
use support::{Gateway, fail, notebook, titan};

const CONFIG: &str = "\"\"\"yaml\ntitan: v1\nimage: scikit-learn\n\"\"\"";

/// What a service may differ from its kernel by.
const TOLERANCE: f64 = 1e-9;

/// Answers every request of `asked` in the kernel, by the functions the endpoints call as well, and writes what they return.
const RECORD: &str = "
with open(__import__('os').environ['TITAN_TEST_EXPECTED'], 'w') as _file:
    json.dump([answer(rows) for rows in asked], _file)
";

/// Deploys a notebook that defines `answer(rows)` and `asked`, and asks its `POST /answer` all that its kernel was asked.
fn assert_answers_as_the_kernel(name: &str, cells: &[&str]) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let endpoint = "# POST /answer\nprint(json.dumps(answer(json.loads(REQUEST)['body']['rows'])))";
    let asked = "REQUEST = json.dumps({'body': {'rows': asked[0]}, 'args': {}, 'path': {}, 'headers': {}})";
    let print = "# GET /asked\nprint(json.dumps(asked))";
    let all = [&[CONFIG], cells, &[RECORD, asked, endpoint, print]].concat();
    let file = notebook::write(folder.path(), name, &all);
    let expected = folder.path().join("expected.json");
    let output = titan()
        .args(["deploy", file.to_str().unwrap()])
        .env("TITAN_GATEWAY", &gateway.admin)
        .env("TITAN_TEST_EXPECTED", &expected)
        .output()
        .unwrap();
    support::succeed(&output);
    let expected: Vec<Value> = serde_json::from_slice(&fs::read(&expected).unwrap()).unwrap();
    let asked: Vec<Value> = serde_json::from_str(&gateway.get(&format!("/{name}/asked")).body).unwrap();
    assert_eq!(asked.len(), expected.len());
    for (rows, expected) in asked.iter().zip(&expected) {
        let answer = gateway.post(&format!("/{name}/answer"), &json!({"rows": rows}));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_close(&answer.json().to_string(), &expected.to_string(), TOLERANCE);
    }
    (gateway, folder)
}

#[test]
fn a_pipeline_with_a_step_of_the_notebooks_own() {
    let train = r#"
import json
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

class Clip(BaseEstimator, TransformerMixin):
    def __init__(self, limit=2.0):
        self.limit = limit
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return np.clip(X, -self.limit, self.limit)

iris = load_iris()
names = iris.target_names[iris.target]
model = Pipeline([('scale', StandardScaler()), ('clip', Clip(1.5)), ('model', LogisticRegression())]).fit(iris.data, names)
"#;
    let answer = r#"
def answer(rows):
    return {'label': model.predict(rows).tolist(), 'p': model.predict_proba(rows).tolist(),
            'scores': model.decision_function(rows).tolist()}
asked = [iris.data[i:i + n].tolist() for i, n in ((0, 1), (40, 30), (99, 51))]
"#;
    let fitted = "# GET /fitted\nprint(model.score(iris.data, names), model['model'].coef_.shape, model[0].mean_.round(3), \
                  model.named_steps.clip.get_params(), type(model[-1]).__name__, isinstance(model[1], TransformerMixin))\n\
                  print(model)";
    let (gateway, _folder) = assert_answers_as_the_kernel("flowers", &[train, answer, fitted]);
    assert_eq!(
        gateway.get("/flowers/fitted").body,
        "0.9666666666666667 (3, 4) [5.843 3.057 3.758 1.199] {'limit': 1.5} LogisticRegression True\n\
         Pipeline(steps=[('scale', StandardScaler()), ('clip', Clip(limit=1.5)),\n                ('model', LogisticRegression())])\n"
    );
}

#[test]
fn a_forest_of_many_trees() {
    let train = r#"
import json
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 6))
y = np.digitize(X @ [3, -2, 1, 0, 0, 0] + np.sin(4 * X[:, 3]), [-2, 2])
forest = RandomForestClassifier(100, random_state=0).fit(X, y)
boosted = HistGradientBoostingRegressor(random_state=0).fit(X, X[:, 0] ** 2 + y)
"#;
    let answer = r#"
def answer(rows):
    votes = np.stack([tree.predict(rows) for tree in forest.estimators_[:10]])
    return {'label': forest.predict(rows).tolist(), 'p': forest.predict_proba(rows).tolist(),
            'boosted': boosted.predict(rows).tolist(), 'spread': votes.std(axis=0).tolist()}
asked = [rng.normal(size=(n, 6)).tolist() for n in (1, 2, 200)]
"#;
    assert_answers_as_the_kernel("forest", &[train, answer]);
}

#[test]
fn columns_of_frames_and_words() {
    let train = r#"
import json
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
frame = pd.DataFrame({
    'age': [20.0, 35, 41, None, 63, 29] * 5, 'city': ['Oslo', 'Rome', 'Bonn'] * 10,
    'note': ['slow and bad', 'good food', 'so good', 'bad', 'fine place', 'a good place'] * 5,
})
columns = ColumnTransformer([
    ('age', make_pipeline(SimpleImputer(), StandardScaler()), ['age']),
    ('city', OneHotEncoder(handle_unknown='ignore'), ['city']),
    ('note', TfidfVectorizer(stop_words='english'), 'note'),
])
model = make_pipeline(columns, SVC()).fit(frame, frame.note.str.contains('good'))
"#;
    let answer = r#"
def answer(rows):
    given = pd.DataFrame(rows)
    return {'good': model.predict(given).tolist(), 'scores': model.decision_function(given).tolist(),
            'columns': columns.get_feature_names_out().tolist()}
asked = [[{'age': 33.5, 'city': 'Rome', 'note': 'Good food, slow service'}],
         [{'note': 'bad', 'city': 'Paris', 'age': None}, {'note': '', 'city': 'Oslo', 'age': 50}]]
"#;
    assert_answers_as_the_kernel("notes", &[train, answer]);
}

#[test]
fn metrics_and_a_search_in_texts() {
    let train = r#"
import json
import numpy as np
import sklearn.metrics
from sklearn.datasets import load_breast_cancer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
search = GridSearchCV(make_pipeline(MinMaxScaler(), LogisticRegression()), {'logisticregression__C': [1, 10]}, cv=3)
search.fit(X_train, y_train)
documents = ['red wine from France', 'white wine', 'a red car', 'the car of the year', 'French bread and wine']
vectorizer = TfidfVectorizer()
matrix = vectorizer.fit_transform(documents)
"#;
    let answer = r#"
def answer(rows):
    from sklearn.metrics import accuracy_score
    p = search.predict_proba(X_test)[:, 1]
    similar = cosine_similarity(vectorizer.transform(rows), matrix)
    return {'accuracy': accuracy_score(y_test, p > 0.5), 'auc': roc_auc_score(y_test, p), 'best': search.best_params_,
            'report': classification_report(y_test, search.predict(X_test)),
            'confusion': sklearn.metrics.confusion_matrix(y_test, p > 0.5).tolist(), 'score': search.score(X_test, y_test),
            'found': [documents[i] for i in similar.argmax(axis=1)], 'similar': similar.tolist()}
asked = [['red wine'], ['a fast car', 'bread']]
"#;
    assert_answers_as_the_kernel("search", &[train, answer]);
}

#[test]
fn what_has_no_stand_in_is_an_error_at_deploy() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let train = "import numpy as np\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n\
                 from sklearn.semi_supervised import LabelPropagation\nX = np.eye(4)\n\
                 model = make_pipeline(StandardScaler(), LabelPropagation()).fit(X, [0, 0, 1, 1])";
    let file = notebook::write(folder.path(), "demo", &[CONFIG, train, "# GET /p\nprint(model.predict(X))"]);
    let error = fail(&gateway.titan(&["deploy", file.to_str().unwrap()]));
    for part in [
        "variable model.steps[1][1] (sklearn.semi_supervised._label_propagation.LabelPropagation)",
        "which GET /p uses",
        "the engine has no stand-in for scikit-learn's LabelPropagation",
        "use another estimator",
    ] {
        assert!(error.contains(part), "{error}");
    }
}
